"""GaussianWeighter: the ratio of two normal densities, its laws and its sentences."""

import re

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import multivariate_normal
from sklearn.covariance import shrunk_covariance

from sktransfer._kernels.density_ratio import (
    LowRankNormal,
    common_scale,
    log_density,
    shrunk_gaussian,
    shrunk_normal,
)
from sktransfer.instance import GaussianWeighter


def make_rows(n_source=60, n_target=80, n_features=3, seed=0):
    rng = np.random.default_rng(seed)
    source = rng.normal(size=(n_source, n_features)) @ np.triu(np.full((n_features,) * 2, 0.8))
    target = rng.normal(0.3, 0.8, size=(n_target, n_features))
    return np.r_[source, target], np.repeat(["s", "target"], [n_source, n_target])


def test_log_density_is_scipys():
    X, _ = make_rows()
    covariance = np.cov(X.T)
    expected = multivariate_normal(X.mean(axis=0), covariance).logpdf(X)
    assert_allclose(log_density(X, X.mean(axis=0), covariance), expected, rtol=1e-10)


@pytest.mark.parametrize("shrinkage", [0, 0.3, 1])
def test_the_shrunk_covariance_is_scikit_learns(shrinkage):
    X, _ = make_rows()
    mean, covariance = shrunk_gaussian(X, shrinkage=shrinkage)
    assert_allclose(mean, X.mean(axis=0))
    expected = shrunk_covariance(np.cov(X.T), shrinkage)
    assert_allclose(covariance, expected, rtol=1e-10, atol=1e-12)


def test_the_definition():
    X, sample_domain = make_rows()
    weighter = GaussianWeighter(shrinkage=0).fit(X, sample_domain=sample_domain)
    source, target = (
        multivariate_normal(rows.mean(axis=0), np.cov(rows.T)) for rows in (X[:60], X[60:])
    )
    ratio = np.exp(target.logpdf(X) - source.logpdf(X))
    assert_allclose(weighter.weights_[:60], ratio[:60] / ratio[:60].mean(), rtol=1e-9)
    assert_allclose(weighter.weigh(X), ratio / ratio[:60].mean(), rtol=1e-9)


def test_the_ratio_of_two_gaussians():
    rng = np.random.default_rng(0)
    source, target = rng.normal(size=2000), rng.normal(0.5, 0.7, size=2000)
    ratio = np.exp(source**2 / 2 - (source - 0.5) ** 2 / (2 * 0.7**2)) / 0.7
    X = np.r_[source, target][:, None]
    weighter = GaussianWeighter().fit(X, sample_domain=["s"] * 2000 + ["target"] * 2000)
    assert_allclose(weighter.weights_[:2000], ratio, atol=0.2)
    assert np.corrcoef(weighter.weights_[:2000], ratio)[0, 1] > 0.99


def test_the_same_rows_on_both_sides_weigh_one():
    X, _ = make_rows(60, 0)
    both, sample_domain = np.r_[X, X], ["s"] * 60 + ["target"] * 60
    assert_allclose(GaussianWeighter().fit(both, sample_domain=sample_domain).weights_, 1)


@pytest.mark.filterwarnings("ignore:The weights of:sktransfer.exceptions.TransferWarning")
def test_without_shrinkage_no_linear_map_of_the_rows_changes_the_weights():
    X, sample_domain = make_rows()
    mixed = X @ np.array([[2.0, 1, 0], [0, 1, 3], [1, 0, 1]])
    plain, other = (
        GaussianWeighter(shrinkage=0).fit(rows, sample_domain=sample_domain).weights_
        for rows in (X, mixed)
    )
    assert_allclose(other, plain, rtol=1e-8)


@pytest.mark.parametrize("factor", [1e3, 1e-6, 1e9])
@pytest.mark.parametrize("shrinkage", [0.01, 0.5, 1])
def test_the_unit_of_one_feature_means_nothing(shrinkage, factor):
    X, sample_domain = make_rows()
    units = np.array([1, factor, 1])
    plain, other = (
        GaussianWeighter(shrinkage=shrinkage).fit(rows, sample_domain=sample_domain)
        for rows in (X, X * units)
    )
    assert_allclose(other.weights_, plain.weights_, rtol=1e-8)
    assert_allclose(other.weigh(X * units), plain.weigh(X), rtol=1e-8)
    assert_allclose(other.target_covariance_, plain.target_covariance_ * np.outer(units, units))
    assert_allclose(other.scale_, plain.scale_ * units)


def test_the_scale_is_one_for_both_domains_by_hand():
    X = np.array([[0.0, 7.0], [2.0, 7.0], [0.0, 7.0], [4.0, 7.0]])  # variances 2 and 8, 0 and 0
    assert_allclose(common_scale(X[:2], X[2:]), [np.sqrt((2 + 8) / 2), 1])


@pytest.mark.filterwarnings("ignore:The weights of:sktransfer.exceptions.TransferWarning")
def test_domains_that_are_far_apart_still_have_finite_weights():
    X, sample_domain = make_rows()
    X[60:] += 1e4
    weighter = GaussianWeighter().fit(X, sample_domain=sample_domain)
    assert np.isfinite(weighter.weights_).all()
    assert_allclose(weighter.weights_[:60].mean(), 1)
    assert weighter.effective_sample_size_ < 1.5


@pytest.mark.filterwarnings("ignore:The weights of:sktransfer.exceptions.TransferWarning")
def test_covariances_without_full_rank():
    X, sample_domain = make_rows(60, 3)
    message = (
        "GaussianWeighter(shrinkage=0) needs covariances of rank 3, the number of features: of the "
        "target it is 2; increase shrinkage, or keep fewer features, none of them constant."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        GaussianWeighter(shrinkage=0).fit(X, sample_domain=sample_domain)
    assert np.isfinite(GaussianWeighter().fit(X, sample_domain=sample_domain).weights_).all()


def test_without_sources_nothing_of_an_earlier_fit_is_left():
    X, sample_domain = make_rows()
    weighter = GaussianWeighter().fit(X, sample_domain=sample_domain).fit(X)
    assert_array_equal(weighter.weigh(X), 1)
    assert weighter.source_mean_ is weighter.target_covariance_ is None


@pytest.mark.parametrize("shrinkage", [0.01, 0.5, 1.0])
def test_fewer_rows_than_features_give_the_dense_form(shrinkage):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(12, 40)) @ rng.normal(size=(40, 40)) * 10.0 ** rng.integers(-3, 3, size=40)
    X = X / X.std(axis=0)
    new = X[:3] + rng.normal(size=(3, 40))
    low = shrunk_normal(X, shrinkage=shrinkage)
    assert isinstance(low, LowRankNormal)
    mean, covariance = shrunk_gaussian(X, shrinkage=shrinkage)
    assert_allclose(low.mean, mean, rtol=1e-12)
    assert_allclose(low.covariance, covariance, rtol=1e-9, atol=1e-12)
    assert low.rank() == 40
    expected = multivariate_normal(mean, covariance).logpdf(new)
    assert_allclose(low.log_density(new), expected, rtol=1e-9)


def test_the_rank_of_the_low_rank_form():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(5, 9))
    assert shrunk_normal(X, shrinkage=0.0).rank() == 4
    assert shrunk_normal(X, shrinkage=1e-30).rank() == 4
    assert shrunk_normal(X, shrinkage=1e-3).rank() == 9
    assert shrunk_normal(np.ones((5, 9)), shrinkage=0.5).rank() == 0


@pytest.mark.filterwarnings("ignore:The weights of:sktransfer.exceptions.TransferWarning")
def test_many_features_cost_no_matrix_of_them():
    # A matrix of 50 000 x 50 000 would take 20 GB.
    rng = np.random.default_rng(0)
    X = rng.normal(size=(25, 50_000)) + np.r_[np.zeros(15), np.full(10, 0.01)][:, None]
    sample_domain = np.repeat(["s", "target"], [15, 10])
    weighter = GaussianWeighter(shrinkage=1.0).fit(X, sample_domain=sample_domain)
    weights = weighter.weights_[:15]
    assert np.isfinite(weights).all()
    assert_allclose(weights.mean(), 1)
    assert len(weighter.weigh(X[:3])) == 3
