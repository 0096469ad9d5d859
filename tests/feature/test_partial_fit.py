"""Rows in batches: the maps of one fit on all of them, whatever the batches and their order."""

import copy
import pickle
import re
import warnings

import numpy as np
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

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
def test_rows_may_come_after_a_transform(aligner):
    X, sample_domain = make_rows()
    expected = clone(aligner).fit_transform(X, sample_domain=sample_domain)
    streamed = clone(aligner).partial_fit(X[:60], sample_domain=sample_domain[:60])
    streamed.transform(X)
    streamed.partial_fit(X[60:], sample_domain=sample_domain[60:])
    mapped = streamed.transform(X, sample_domain=sample_domain)
    assert_allclose(mapped, expected, atol=1e-9 * np.abs(expected).max())
    streamed.fit(X[:60], sample_domain=sample_domain[:60])
    fresh = clone(aligner).fit(X[:60], sample_domain=sample_domain[:60])
    assert_array_equal(streamed.transform(X), fresh.transform(X))


@pytest.mark.parametrize("aligner", ALIGNERS, ids=str)
def test_after_a_fit_batches_begin_anew_and_say_so(aligner):
    X, sample_domain = make_rows()
    fitted = clone(aligner).fit(X[:, :4] + 5, sample_domain=sample_domain)
    message = (
        f"{type(aligner).__name__}.partial_fit continues only what partial_fit began: what fit has "
        "learned is forgotten, and this batch is the first; pass the rows of fit to partial_fit as "
        "well if they are to count."
    )
    with pytest.warns(UserWarning, match=f"^{re.escape(message)}$") as record:
        fitted.partial_fit(X[:60], sample_domain=sample_domain[:60])
    assert record[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fitted.partial_fit(X[60:], sample_domain=sample_domain[60:])
    fresh = clone(aligner)
    for rows in (slice(60), slice(60, None)):
        fresh.partial_fit(X[rows], sample_domain=sample_domain[rows])
    assert_array_equal(fitted.transform(X), fresh.transform(X))
    assert_array_equal(fitted.maps_["dslr"](X), fresh.maps_["dslr"](X))


def learned(aligner, X):
    """All that the documentation names, numbers and maps, of which the latter map `X`."""
    found = {name: fitted_map(X) for name, fitted_map in aligner.maps_.items()}
    for name in ("n_components_", "root_"):
        if hasattr(aligner, name):
            found[name] = getattr(aligner, name)
    return {**found, **getattr(aligner, "angles_", {})}


@pytest.mark.parametrize("n_features", [6, 70])
@pytest.mark.parametrize("aligner", ALIGNERS, ids=str)
def test_fitted_attributes_are_those_of_all_rows_at_once(aligner, n_features):
    X, sample_domain = make_rows(n_features=n_features)
    streamed = clone(aligner).partial_fit(X[:60] * 3, sample_domain=sample_domain[:60])
    early = learned(streamed, X)
    streamed.partial_fit(X[60:] * 5, sample_domain=sample_domain[60:])
    rows = np.concatenate([X[:60] * 3, X[60:] * 5])
    expected = learned(clone(aligner).fit(rows, sample_domain=sample_domain), X)
    found = learned(streamed, X)
    assert set(found) == set(expected)
    assert streamed.source_domains_ == ("amazon", "dslr")
    for name, value in expected.items():
        assert_allclose(found[name], value, atol=1e-7 * np.abs(value).max())
    assert np.abs(found["dslr"] - early["dslr"]).max() > 1e-2


@pytest.mark.parametrize(
    ("aligner", "names"),
    [
        (MomentAligner(), ["maps_"]),
        (CORALAligner(), ["maps_"]),
        (SubspaceAligner(3), ["maps_", "n_components_"]),
        (GeodesicFlowAligner(2), ["maps_", "n_components_", "root_", "angles_"]),
    ],
    ids=lambda value: str(value) if isinstance(value, list) else type(value).__name__,
)
def test_each_fitted_attribute_may_be_the_first_that_is_asked_for(aligner, names):
    X, sample_domain = make_rows()
    for name in names:
        streamed = clone(aligner)
        assert not hasattr(streamed, name)
        streamed.partial_fit(X, sample_domain=sample_domain)
        assert name not in vars(streamed)
        assert getattr(streamed, name) is vars(streamed)[name]


@pytest.mark.parametrize("read_first", [False, True])
@pytest.mark.parametrize("aligner", ALIGNERS, ids=str)
def test_copies_and_pickles_know_the_same(aligner, read_first):
    X, sample_domain = make_rows()
    streamed = clone(aligner).partial_fit(X, sample_domain=sample_domain)
    if read_first:
        assert streamed.maps_
    for again in (pickle.loads(pickle.dumps(streamed)), copy.deepcopy(streamed)):
        assert_array_equal(again.maps_["dslr"](X), streamed.maps_["dslr"](X))
        assert_array_equal(again.transform(X), streamed.transform(X))
    assert not hasattr(clone(streamed), "maps_")
    with pytest.raises(AttributeError, match=f"{type(aligner).__name__}.*no attribute 'mapss_'"):
        streamed.mapss_  # noqa: B018


def test_no_map_is_left_of_an_earlier_batch_where_a_later_one_cannot_be_mapped():
    X, sample_domain = make_rows()
    streamed = CORALAligner(ridge=0).partial_fit(X, sample_domain=sample_domain)
    assert set(streamed.maps_) == {"amazon", "dslr"}
    streamed.partial_fit(np.eye(6)[:2], sample_domain=["webcam", "webcam"])
    for _ in range(2):
        with pytest.raises(ValueError, match=r"covariances of full rank.*'webcam' has rank 1"):
            streamed.transform(X)
        with pytest.raises(ValueError, match="'webcam' has rank 1"):
            streamed.maps_  # noqa: B018


@pytest.mark.parametrize("with_source", [True, False])
@pytest.mark.parametrize("n_features", [6, 70, 200])
@pytest.mark.parametrize("aligner", ALIGNERS, ids=str)
def test_fit_keeps_nothing_but_the_maps(aligner, n_features, with_source):
    X, names = make_rows(n_features=n_features)
    sample_domain = names if with_source else None
    fitted = clone(aligner).partial_fit(X, sample_domain=sample_domain)
    fitted.fit(X, sample_domain=sample_domain)
    spare = 8 * n_features + 1500  # one mean, and the names of the domains with rows
    assert len(pickle.dumps(fitted)) < len(pickle.dumps(fitted.maps_)) + spare


def arrays_in(value):
    """Every array that an object holds, at any depth."""
    if isinstance(value, np.ndarray):
        return [value]
    if isinstance(value, dict):
        parts = value.values()
    elif isinstance(value, tuple):
        parts = value
    else:
        parts = getattr(value, "__dict__", {}).values()
    return [array for part in parts for array in arrays_in(part)]


@pytest.mark.parametrize("n_features", [70, 200])
@pytest.mark.parametrize("aligner", ALIGNERS, ids=str)
def test_no_row_can_be_read_from_what_fit_keeps(aligner, n_features):
    X, sample_domain = make_rows(n_features=n_features)
    fitted = clone(aligner).fit(X, sample_domain=sample_domain)
    parts = [X[sample_domain == name] for name in ("amazon", "dslr", "target")]
    rows = np.concatenate([X, *(part - part.mean(axis=0) for part in parts)])
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    kept = [turned for array in arrays_in(fitted) for turned in (array, array.T)]
    for vectors in kept:
        if vectors.ndim == 2 and vectors.shape[1] == n_features:
            lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
            cosines = vectors @ rows.T / np.where(lengths > 0, lengths, 1)
            assert np.abs(cosines).max() < 0.95


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
    assert not hasattr(aligner, "maps_")
    with pytest.raises(NotFittedError, match=f"^{re.escape(message)}$"):
        aligner.maps_  # noqa: B018
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
