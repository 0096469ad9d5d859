"""ComBat: the published code, the posterior's equations, limits, and what is removed."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sktransfer._kernels.combat import harmonized, posterior, site_effects

SITES = np.repeat([0, 1, 2], [5, 4, 6])

# Rows 0, 5 and 9 of `made_rows` by neuroCombat 0.2.12 of J.-P. Fortin, without and with the last
# site as reference. Its iterations were run to a change of 1e-12 in place of 1e-4:
# neuroCombat(X.T, DataFrame({"site": SITES, "age": age}), "site", continuous_cols=["age"]).
PUBLISHED = {
    None: [
        [-1.66289, 0.38573, 0.202986, 1.223316, 0.405325, 4.272596],
        [0.24082, 1.679033, 4.978526, 5.001467, -0.213418, 7.188291],
        [-2.089191, 0.406959, 4.119146, 5.370944, -2.723842, 10.846521],
    ],
    2: [
        [-2.937783, 1.073708, 1.127958, 0.181436, 1.534199, 4.478491],
        [-0.156045, 2.004883, 6.32872, 4.348355, 0.810796, 7.33887],
        [-3.16, 1.03, 4.96, 5.09, -2.49, 11.88],
    ],
}


def made_rows():
    rng = np.random.default_rng(0)
    age = np.round(rng.uniform(20, 80, 15), 0) + 10 * SITES
    X = rng.normal(size=(15, 6)) * (1 + 0.5 * SITES[:, None])
    X += SITES[:, None] * rng.normal(1, 0.5, size=6) + age[:, None] * rng.normal(size=6) / 20
    return np.round(X, 2), age[:, None]


def cleaned(X, sites, covariates, **params):
    effects = site_effects(X, sites, covariates, **params)
    result = np.empty_like(X)
    for site in np.unique(sites):
        rows = sites == site
        result[rows] = harmonized(X[rows], covariates[rows], effects, site)
    return result


@pytest.mark.parametrize("reference", PUBLISHED)
def test_it_is_the_published_implementation(reference):
    X, age = made_rows()
    found = cleaned(X, SITES, age, reference=reference)
    assert_allclose(found[[0, 5, 9]], PUBLISHED[reference], atol=1e-6)


def test_the_reference_does_not_change():
    X, age = made_rows()
    found = cleaned(X, SITES, age, reference=1)
    assert_allclose(found[SITES == 1], X[SITES == 1])
    assert np.abs(found[SITES != 1] - X[SITES != 1]).min() > 0


def test_the_posterior_solves_its_equations():
    """The posterior means given each other, with the prior of moments."""
    Z = np.random.default_rng(1).normal(size=(7, 30)) * 2 + np.linspace(-1, 2, 30)
    location, variance = posterior(Z)
    n, m, v = 7, Z.mean(axis=0), Z.var(axis=0, ddof=1)
    t2, typical, spread = m.var(ddof=1), v.mean(), v.var(ddof=1)
    a, b = (2 * spread + typical**2) / spread, (typical * spread + typical**3) / spread
    assert_allclose(location, (n * t2 * m + variance * m.mean()) / (n * t2 + variance))
    sums = ((Z - location) ** 2).sum(axis=0)
    assert_allclose(variance, (b + sums / 2) / (n / 2 + a - 1))
    # The prior of the variance has the mean and the variance of the data.
    assert_allclose([b / (a - 1), b**2 / (a - 1) ** 2 / (a - 2)], [typical, spread])


def test_estimates_are_shrunk_toward_those_of_other_features():
    Z = np.random.default_rng(1).normal(size=(7, 30)) * 2 + 1
    location, variance = posterior(Z)
    assert location.std() < Z.mean(axis=0).std() * 0.7
    assert variance.std() < Z.var(axis=0).std() * 0.7


def test_many_rows_are_not_shrunk():
    rng = np.random.default_rng(0)
    Z = rng.normal(size=(4000, 5)) * [1, 2, 3, 4, 5] + [0, 1, 2, 3, 4]
    location, variance = posterior(Z)
    assert_allclose(location, Z.mean(axis=0), atol=1e-2)
    assert_allclose(variance, Z.var(axis=0), rtol=2e-2)


def test_one_feature_and_equal_variances():
    Z = np.array([[1.0, 3.0], [2.0, 4.0], [6.0, 8.0]])
    location, variance = posterior(Z[:, :1])
    assert (location[0], variance[0]) == (3, 7)
    # Equal variances have the typical one, 7, as prior; the sums about the location are larger.
    location, variance = posterior(Z)
    assert_allclose(variance, 7, rtol=1e-9)
    assert_allclose(location, (3 * 2 * np.array([3, 5]) + 7 * 4) / (3 * 2 + 7))


def test_sites_are_removed_and_covariates_kept():
    rng = np.random.default_rng(0)
    sites = np.repeat([0, 1], 400)
    age = rng.normal(size=(800, 1)) + sites[:, None]
    clean = 3 * age + rng.normal(size=(800, 8)) + np.arange(8)
    X = np.where(sites[:, None] == 0, 2 * (clean - 3 * age) + 3 * age + 5, clean)
    found = cleaned(X, sites, age, reference=1)
    slopes = np.polyfit(age[:, 0], found, 1)[0]
    assert_allclose(slopes, 3, atol=0.1)
    assert_allclose((found - clean)[sites == 0].mean(axis=0), 0, atol=0.2)
    assert_allclose((found - 3 * age)[sites == 0].std(axis=0), 1, atol=0.1)


def test_a_constant_feature_does_not_change():
    X, age = made_rows()
    X = np.column_stack([X, np.full(15, 4.2), SITES])
    found = cleaned(X, SITES, age)
    assert_allclose(found[:, -2:], X[:, -2:])
    assert_allclose(found[:, :-2], cleaned(X[:, :-2], SITES, age))
