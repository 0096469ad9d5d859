"""Rows in batches: the maps of one fit on all of them, whatever the batches and their order."""

import re

import numpy as np
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from sktransfer.feature import CORALAligner, GeodesicFlowAligner, MomentAligner, SubspaceAligner

ALIGNERS = [
    MomentAligner(),
    MomentAligner(with_std=False),
    CORALAligner(),
    CORALAligner(map="monge"),
    CORALAligner(map="cholesky"),
    SubspaceAligner(3),
    GeodesicFlowAligner(2),
]


def make_rows(seed=0, n_features=6, counts=(("amazon", 30), ("dslr", 25), ("target", 40))):
    """Rows of several domains, in mixed order, with their domains."""
    rng = np.random.default_rng(seed)
    names = np.repeat([name for name, _ in counts], [count for _, count in counts])
    index = np.repeat(np.arange(len(counts)), [count for _, count in counts])
    scales = np.exp(rng.normal(size=(len(counts), n_features)))
    offsets = rng.normal(size=(len(counts), n_features))
    X = rng.normal(size=(len(names), n_features)) * scales[index] + offsets[index]
    order = rng.permutation(len(names))
    return X[order], names[order]


BATCHES = {
    "mixed": lambda domains: np.array_split(np.arange(len(domains)), 7),
    "one row at a time": lambda domains: np.arange(len(domains))[:, None],
    "domain by domain": lambda domains: [
        np.flatnonzero(domains == name) for name in ["dslr", "target", "amazon"]
    ],
}


@pytest.mark.parametrize("batches", BATCHES)
@pytest.mark.parametrize("n_features", [6, 70])
@pytest.mark.parametrize("aligner", ALIGNERS, ids=str)
def test_batches_give_the_maps_of_all_rows_at_once(aligner, n_features, batches):
    X, sample_domain = make_rows(n_features=n_features)
    expected = clone(aligner).fit_transform(X, sample_domain=sample_domain)
    streamed = clone(aligner)
    for rows in BATCHES[batches](sample_domain):
        assert streamed.partial_fit(X[rows], sample_domain=sample_domain[rows]) is streamed
    assert streamed.source_domains_ == ("amazon", "dslr")
    mapped = streamed.transform(X, sample_domain=sample_domain)
    assert_allclose(mapped, expected, atol=1e-8 * np.abs(expected).max())


@pytest.mark.parametrize("aligner", ALIGNERS, ids=str)
def test_rows_may_come_after_a_fit_and_after_a_transform(aligner):
    X, sample_domain = make_rows()
    expected = clone(aligner).fit_transform(X, sample_domain=sample_domain)
    streamed = clone(aligner).fit(X[:60], sample_domain=sample_domain[:60])
    streamed.transform(X)
    streamed.partial_fit(X[60:], sample_domain=sample_domain[60:])
    mapped = streamed.transform(X, sample_domain=sample_domain)
    assert_allclose(mapped, expected, atol=1e-9 * np.abs(expected).max())
    streamed.fit(X[:60], sample_domain=sample_domain[:60])
    fresh = clone(aligner).fit(X[:60], sample_domain=sample_domain[:60])
    assert_array_equal(streamed.transform(X), fresh.transform(X))


@pytest.mark.parametrize("aligner", ALIGNERS, ids=str)
def test_without_sources_batches_are_the_plain_method(aligner):
    X, _ = make_rows()
    streamed = clone(aligner).partial_fit(X[:50]).partial_fit(X[50:])
    assert streamed.source_domains_ == ()
    assert_allclose(streamed.transform(X), clone(aligner).fit_transform(X), atol=1e-10)


@pytest.mark.parametrize("aligner", ALIGNERS, ids=str)
def test_the_inputs_are_left_alone_and_the_fit_too(aligner):
    X, sample_domain = make_rows()
    X.setflags(write=False)
    fitted = clone(aligner).partial_fit(X, sample_domain=sample_domain)
    before = fitted.transform(X, sample_domain=sample_domain)
    fitted.partial_fit(X + 5, sample_domain=sample_domain)
    again = clone(aligner).partial_fit(X, sample_domain=sample_domain)
    assert_array_equal(again.transform(X, sample_domain=sample_domain), before)


def test_a_domain_with_too_few_rows_is_named():
    X, sample_domain = make_rows()
    source = sample_domain == "amazon"
    aligner = CORALAligner().partial_fit(X[source], sample_domain=sample_domain[source])
    message = (
        "CORALAligner needs at least 2 rows of every domain, but partial_fit has seen 0 of "
        "'target'; pass more rows to partial_fit first."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        aligner.transform(X)
    aligner.partial_fit(X[:1], sample_domain=["dslr"]).partial_fit(X[1:2])
    message = message.replace("0 of 'target'", "1 of 'target', 1 of 'dslr'")
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        aligner.transform(X)
    aligner.partial_fit(X[2:4], sample_domain=["dslr", "target"])
    assert aligner.transform(X).shape == X.shape


def test_names_of_the_columns_of_a_reducing_aligner_are_known_before_rows_are_mapped():
    X, sample_domain = make_rows()
    aligner = SubspaceAligner(2).partial_fit(X, sample_domain=sample_domain)
    assert list(aligner.get_feature_names_out()) == ["subspacealigner0", "subspacealigner1"]


def test_another_number_of_features_is_refused():
    X, sample_domain = make_rows()
    aligner = MomentAligner().partial_fit(X, sample_domain=sample_domain)
    with pytest.raises(ValueError, match="X has 5 features, but MomentAligner is expecting 6"):
        aligner.partial_fit(X[:, :5], sample_domain=sample_domain)


def test_the_domain_is_requested():
    with sklearn.config_context(enable_metadata_routing=True):
        requests = CORALAligner().get_metadata_routing()
    assert requests.partial_fit.requests == {"sample_domain": True}
