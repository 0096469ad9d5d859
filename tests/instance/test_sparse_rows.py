"""Sparse rows: what dense ones weigh, in every sparse format; a sentence where they are refused."""

import re

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from sktransfer._kernels import kmm_in_use
from sktransfer._sklearn import get_tags
from sktransfer.instance import (
    DiscriminatorWeighter,
    GaussianWeighter,
    KLIEPWeighter,
    KMMWeighter,
    LabelShiftWeighter,
    NearestNeighborWeighter,
    ULSIFWeighter,
    _kmm_weighter,
)

WELCOME = [
    KMMWeighter(),
    KMMWeighter(n_components=20, bound=5.0, sum_slack=0.01),
    KLIEPWeighter(n_centers=15, random_state=0),
    ULSIFWeighter(n_centers=15, random_state=0),
    DiscriminatorWeighter(),
    DiscriminatorWeighter(cv=3, random_state=0),
    NearestNeighborWeighter(),
    LabelShiftWeighter(),
    LabelShiftWeighter(method="bbse", random_state=0),
]


def make_rows(n_features=12, share=0.3):
    """Rows of which most entries are 0, some are below, some rows are twice there or all 0."""
    rng = np.random.default_rng(0)
    sample_domain = rng.permutation(np.repeat(["amazon", "dslr", "target"], [60, 40, 90]))
    X = rng.normal(1, 1, size=(190, n_features)) * (rng.random((190, n_features)) < share)
    X[sample_domain == "target", 0] += 0.5
    X[:8] = X[8:16]
    X[16:20] = 0
    return X, np.resize(["a", "b", "b"], 190), sample_domain


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("container", [sparse.csr_array, sparse.csr_matrix, sparse.coo_array])
@pytest.mark.parametrize("weighter", WELCOME, ids=str)
def test_sparse_rows_weigh_what_dense_ones_do(weighter, container, dtype):
    X, y, sample_domain = make_rows()
    X = X.astype(dtype)
    expected = clone(weighter).fit(X, y, sample_domain=sample_domain)
    rows = container(X)
    found = clone(weighter).fit(rows, y, sample_domain=sample_domain)
    assert get_tags(weighter).input_tags.sparse
    assert found.weights_.dtype == X.dtype
    assert_allclose(found.weights_, expected.weights_, rtol=1e-5, atol=1e-6)
    assert_allclose(found.effective_sample_size_, expected.effective_sample_size_, rtol=1e-5)
    assert_array_equal(rows.toarray(), X)
    if hasattr(weighter, "weigh"):
        for mine, new in [(found, rows), (found, X), (expected, rows)]:
            assert_allclose(mine.weigh(new), expected.weigh(X), rtol=1e-5, atol=1e-6)


def test_rows_in_use_alone_are_found_among_sparse_ones(monkeypatch):
    monkeypatch.setattr(_kmm_weighter, "MOST_EXACT_ROWS", 95)
    monkeypatch.setattr(kmm_in_use, "FIRST_ROWS", 30)
    X, _, sample_domain = make_rows()
    weighter = KMMWeighter(width=4.0)
    found = clone(weighter).fit(sparse.csr_array(X), sample_domain=sample_domain)
    expected = clone(weighter).set_params(n_components=None).fit(X, sample_domain=sample_domain)
    assert found.n_components_ is None
    assert_allclose(found.weights_, expected.weights_, atol=1e-5)


def test_the_gaussian_weighter_says_why_it_takes_none():
    X, _, sample_domain = make_rows()
    message = (
        "GaussianWeighter takes only dense rows, because it subtracts means, but X is a sparse "
        "csr_array; pass X.toarray() if that fits into memory, or reduce X first, for example "
        "with TruncatedSVD."
    )
    assert not get_tags(GaussianWeighter()).input_tags.sparse
    with pytest.raises(TypeError, match=f"^{re.escape(message)}$"):
        GaussianWeighter().fit(sparse.csr_array(X), sample_domain=sample_domain)
    fitted = GaussianWeighter(shrinkage=0.5).fit(X, sample_domain=sample_domain)
    with pytest.raises(TypeError, match=f"^{re.escape(message)}$"):
        fitted.weigh(sparse.csr_array(X))


@pytest.mark.parametrize("weighter", [DiscriminatorWeighter, LabelShiftWeighter])
def test_a_classifier_decides_for_its_weighter(weighter):
    X, y, sample_domain = make_rows()
    weighter = weighter(LinearDiscriminantAnalysis())
    assert not get_tags(weighter).input_tags.sparse
    with pytest.raises(TypeError, match=r"Weighter takes only dense rows, but X is a sparse"):
        weighter.fit(sparse.csr_array(X), y, sample_domain=sample_domain)
