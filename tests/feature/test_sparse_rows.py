"""Sparse rows: what dense ones are mapped to, in every sparse format; a sentence elsewhere."""

import pickle
import re
import tracemalloc

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import sparse
from sklearn.base import clone

from sktransfer._sklearn import get_tags
from sktransfer.feature import (
    CORALAligner,
    GeodesicFlowAligner,
    JointDistributionAligner,
    MomentAligner,
    SubspaceAligner,
    TransferComponentAligner,
    TransferJointAligner,
)

WELCOME = [
    SubspaceAligner(3),
    GeodesicFlowAligner(2),
    TransferComponentAligner(2),
    TransferComponentAligner(2, kernel="rbf"),
    TransferComponentAligner(2, kernel="cosine", n_landmarks=30, random_state=0),
    TransferComponentAligner(2, supervised=True),
    TransferJointAligner(2, n_iter=2),
    JointDistributionAligner(2, n_iter=2),
]


def make_rows(n_features):
    """Rows of which many entries are 0, in mixed order; half the domains lie apart."""
    rng = np.random.default_rng(0)
    sample_domain = rng.permutation(np.repeat(["amazon", "dslr", "target"], [30, 25, 40]))
    X = rng.gamma(1, size=(95, n_features)) * (rng.random((95, n_features)) < 0.7)
    X[sample_domain == "amazon", 0] += 1
    return X * np.linspace(2, 0.5, n_features), np.resize([0, 1], 95), sample_domain


@pytest.mark.parametrize("with_source", [True, False])
@pytest.mark.parametrize("container", [sparse.csr_array, sparse.csr_matrix, sparse.coo_array])
@pytest.mark.parametrize("n_features", [6, 120])
@pytest.mark.parametrize("aligner", WELCOME, ids=str)
def test_sparse_rows_are_mapped_as_dense_ones(aligner, n_features, container, with_source):
    X, y, sample_domain = make_rows(n_features)
    sample_domain = sample_domain if with_source else None
    expected = clone(aligner).fit_transform(X, y, sample_domain=sample_domain)
    rows = container(X)
    mapped = clone(aligner).fit_transform(rows, y, sample_domain=sample_domain)
    assert isinstance(mapped, np.ndarray)
    assert_allclose(mapped, expected, atol=1e-7 * np.abs(expected).max())
    assert_allclose(rows.toarray(), X, atol=0)
    assert get_tags(aligner).input_tags.sparse


@pytest.mark.parametrize("n_features", [6, 120])
@pytest.mark.parametrize("aligner", [SubspaceAligner(3), GeodesicFlowAligner(2)], ids=str)
def test_sparse_rows_in_batches(aligner, n_features):
    X, _, sample_domain = make_rows(n_features)
    expected = clone(aligner).fit_transform(X, sample_domain=sample_domain)
    streamed = clone(aligner)
    for k, rows in enumerate(np.array_split(np.arange(95), 4)):
        batch = X[rows] if k == 2 else sparse.csr_array(X[rows])  # dense ones may come between
        streamed.partial_fit(batch, sample_domain=sample_domain[rows])
        if k != 2:
            batch.data[:] = np.nan  # the kept array is not the caller's
    mapped = streamed.transform(sparse.csr_array(X), sample_domain=sample_domain)
    assert_allclose(mapped, expected, atol=1e-9 * np.abs(expected).max())


@pytest.mark.parametrize(
    ("counts", "n_features"), [((350, 380), 15_000), ((600, 450), 8000), ((5000, 60), 2000)]
)
@pytest.mark.parametrize("aligner", [SubspaceAligner(3), GeodesicFlowAligner(2)], ids=str)
def test_few_entries_of_many_rows_take_no_memory_of_dense_rows(aligner, counts, n_features):
    X = sparse.random(
        sum(counts), n_features, 0.002, random_state=np.random.default_rng(0), format="csr"
    )
    sample_domain = np.repeat(["old", "target"], counts)
    clone(aligner).fit(X[:60], sample_domain=["old", "target"] * 30)  # imports at first use
    tracemalloc.start()
    fitted = clone(aligner).fit(X, sample_domain=sample_domain)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 * n_features * sum(counts) / 4, "a quarter of the dense rows"
    assert len(pickle.dumps(fitted)) < 8 * n_features * 10 + 5000, "means, axes and turned axes"


@pytest.mark.parametrize("aligner", [MomentAligner(), CORALAligner()], ids=str)
def test_what_would_make_rows_dense_refuses_sparse_ones(aligner):
    X, _, sample_domain = make_rows(6)
    assert not get_tags(aligner).input_tags.sparse
    message = (
        f"{type(aligner).__name__} takes only dense rows, because it subtracts means, but X is a "
        "sparse csr_array; pass X.toarray() if that fits into memory, or reduce X first, for "
        "example with TruncatedSVD."
    )
    fitted = clone(aligner).fit(X, sample_domain=sample_domain)
    for method in (aligner.fit, aligner.partial_fit, aligner.fit_transform, fitted.transform):
        with pytest.raises(TypeError, match=f"^{re.escape(message)}$"):
            method(sparse.csr_array(X), sample_domain=sample_domain)
