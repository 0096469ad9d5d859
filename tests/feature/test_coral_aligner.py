"""CORALAligner: what it promises beyond its formulas, and every sentence that it can say."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn import config_context
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from sktransfer.feature import CORALAligner
from tests.shelf import whole

MAPS = ["coral", "monge", "cholesky"]


def make_rows(seed=0, n_features=6, counts=(("amazon", 30), ("dslr", 25), ("target", 40))):
    """Rows of several domains, in mixed order, with their domains."""
    rng = np.random.default_rng(seed)
    parts, names = [], []
    for name, count in counts:
        mixing = rng.normal(size=(n_features, n_features))
        parts.append(rng.normal(size=(count, n_features)) @ mixing + rng.normal(size=n_features))
        names += [name] * count
    order = rng.permutation(len(names))
    return np.concatenate(parts)[order], np.array(names)[order]


@pytest.mark.parametrize("map", MAPS)
def test_moments_match_and_target_rows_stay_to_the_bit(map):
    X, sample_domain = make_rows()
    mapped = CORALAligner(ridge=0, map=map).fit_transform(X, sample_domain=sample_domain)
    target = sample_domain == "target"
    assert_array_equal(mapped[target], X[target])
    for name in ["amazon", "dslr"]:
        rows = mapped[sample_domain == name]
        assert_allclose(rows.mean(axis=0), X[target].mean(axis=0), atol=1e-12)
        assert_allclose(np.cov(rows.T), np.cov(X[target].T), atol=1e-10)


@pytest.mark.parametrize("map", MAPS)
def test_with_a_ridge_both_covariances_have_it(map):
    X, sample_domain = make_rows()
    aligner = CORALAligner(ridge=2.5, map=map).fit(X, sample_domain=sample_domain)
    A = aligner.maps_["dslr"](np.eye(6)) - aligner.maps_["dslr"](np.zeros((1, 6)))
    C_source = np.cov(X[sample_domain == "dslr"].T) + 2.5 * np.eye(6)
    C_target = np.cov(X[sample_domain == "target"].T) + 2.5 * np.eye(6)
    assert_allclose(A.T @ C_source @ A, C_target, atol=1e-10)


def test_each_name_means_its_own_map():
    X, sample_domain = make_rows()
    matrices = {}
    for name in MAPS:
        fitted = CORALAligner(map=name).fit(X, sample_domain=sample_domain).maps_["amazon"]
        matrices[name] = fitted(np.eye(6)) - fitted(np.zeros((1, 6)))
    symmetric = {name: np.allclose(A, A.T, atol=1e-10) for name, A in matrices.items()}
    triangular = {name: np.allclose(A, np.triu(A), atol=1e-10) for name, A in matrices.items()}
    assert symmetric == {"coral": False, "monge": True, "cholesky": False}
    assert triangular == {"coral": False, "monge": False, "cholesky": True}


def test_the_default_is_the_published_map_with_ridge_one():
    X, sample_domain = make_rows()
    assert_array_equal(
        CORALAligner().fit_transform(X, sample_domain=sample_domain),
        CORALAligner(ridge=1.0, map="coral").fit_transform(X, sample_domain=sample_domain),
    )


@pytest.mark.parametrize("map", MAPS)
def test_each_of_several_sources_has_the_map_of_its_own_two_domain_fit(map):
    X, sample_domain = make_rows()
    together = CORALAligner(map=map).fit(X, sample_domain=sample_domain)
    mapped = together.transform(X, sample_domain=sample_domain)
    assert list(together.maps_) == list(together.source_domains_) == ["amazon", "dslr"]
    for name in together.source_domains_:
        pair = np.isin(sample_domain, [name, "target"])
        alone = CORALAligner(map=map).fit(X[pair], sample_domain=sample_domain[pair])
        here = sample_domain == name
        assert_array_equal(
            alone.transform(X[here], sample_domain=sample_domain[here]), mapped[here]
        )
        assert_array_equal(together.maps_[name](X[here]), mapped[here])


def test_without_sample_domain_it_is_the_identity():
    X, _ = make_rows()
    aligner = CORALAligner(ridge=0)
    assert_array_equal(aligner.fit_transform(X), X)
    assert aligner.maps_ == {}
    assert_array_equal(CORALAligner(ridge=0).fit(X[:1]).transform(X), X)


def test_the_identity_gives_an_array_of_its_own():
    X, _ = make_rows()
    mapped = CORALAligner().fit_transform(X)
    assert not np.shares_memory(mapped, X)


@pytest.mark.parametrize("map", MAPS)
def test_fewer_rows_than_features(map):
    X, sample_domain = make_rows(
        n_features=200, counts=(("amazon", 9), ("dslr", 2), ("target", 12))
    )
    aligner = CORALAligner(map=map).fit(X, sample_domain=sample_domain)
    mapped = aligner.transform(X, sample_domain=sample_domain)
    assert np.isfinite(mapped).all()
    target_mean = X[sample_domain == "target"].mean(axis=0)
    for name in aligner.source_domains_:
        assert_allclose(mapped[sample_domain == name].mean(axis=0), target_mean, atol=1e-10)


def test_a_plain_pipeline_routes_the_domains():
    X, sample_domain = make_rows()
    y = np.arange(len(X)) % 2
    source = sample_domain != "target"
    pipe = Pipeline(
        [
            ("scale", StandardScaler()),
            ("align", CORALAligner()),
            ("classify", LogisticRegression()),
        ]
    )
    with config_context(enable_metadata_routing=True):
        pipe.fit(X, y, sample_domain=sample_domain)
        scaled = StandardScaler().fit_transform(X)
        mapped = CORALAligner().fit_transform(scaled, sample_domain=sample_domain)
        seen = pipe[:-1].transform(X, sample_domain=sample_domain)
    assert_array_equal(seen, mapped)
    assert np.abs(mapped[source] - scaled[source]).max() > 0.1
    assert_array_equal(pipe["classify"].coef_, LogisticRegression().fit(mapped, y).coef_)


def test_a_source_that_fit_has_not_seen():
    X, sample_domain = make_rows()
    aligner = CORALAligner().fit(X, sample_domain=sample_domain)
    message = (
        "sample_domain names the source domains ['webcam'], but CORALAligner.fit has seen "
        "['amazon', 'dslr']; fit with rows of these sources, or leave sample_domain out for target "
        "rows."
    )
    with pytest.raises(ValueError, match=whole(message)):
        aligner.transform(X[:2], sample_domain=["webcam", "target"])


def test_too_few_rows():
    X, sample_domain = make_rows(counts=(("amazon", 1), ("dslr", 5), ("target", 1)))
    message = (
        "CORALAligner needs at least 2 rows of every domain in sample_domain: 'amazon' has 1, "
        "'target' has 1; add rows, leave that domain out, or correct its name."
    )
    with pytest.raises(ValueError, match=whole(message)):
        CORALAligner().fit(X, sample_domain=sample_domain)


@pytest.mark.parametrize("map", MAPS)
def test_no_full_rank_and_no_ridge(map):
    X, sample_domain = make_rows(counts=(("amazon", 4), ("dslr", 25), ("target", 40)))
    X[sample_domain == "target", 5] = X[sample_domain == "target", 0]
    message = (
        "CORALAligner(ridge=0) needs covariances of full rank, which is 6, the number of features: "
        "'amazon' has rank 3, 'target' has rank 5; increase ridge or keep fewer features."
    )
    with pytest.raises(ValueError, match=whole(message)):
        CORALAligner(ridge=0, map=map).fit(X, sample_domain=sample_domain)
    mapped = CORALAligner(ridge=1e-3, map=map).fit_transform(X, sample_domain=sample_domain)
    assert np.isfinite(mapped).all()


def test_sparse_rows_are_refused():
    X, sample_domain = make_rows()
    with pytest.raises(TypeError, match=r"^CORALAligner takes only dense rows, because it subt"):
        CORALAligner().fit(sparse.csr_array(X), sample_domain=sample_domain)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"ridge": -1.0}, r"The 'ridge' parameter .* in the range \[0.0, inf\). Got -1.0 instead."),
        ({"map": "choleski"}, "The 'map' parameter .* a str among .* Got 'choleski' instead."),
    ],
)
def test_parameters_that_make_no_sense(parameters, message):
    with pytest.raises(ValueError, match=message):
        CORALAligner(**parameters).fit(np.eye(3))
