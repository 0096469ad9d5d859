"""The prior over classes, its posterior, and the predictive density."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import invgamma, norm, t

from sktransfer._kernels.class_prior import (
    ClassPrior,
    Predictive,
    class_prior,
    log_densities,
    predictive,
)
from sktransfer._kernels.prototypes import class_means, within_class_covariance

ONE = np.zeros(1), np.eye(1)
SHOTS = np.array([[0.4], [1.3], [-0.2]])


def draw(n_classes, n_rows, *, spread, dof):
    """Classes drawn from the prior, in two coordinates."""
    rng = np.random.default_rng(0)
    codes = np.repeat(np.arange(n_classes), n_rows)
    variances = np.ones((n_classes, 2))
    if np.isfinite(dof):
        variances = (dof - 2) / rng.chisquare(dof, size=(n_classes, 2))
    means = np.sqrt(np.array(spread) * variances) * rng.normal(size=(n_classes, 2))
    return means[codes] + np.sqrt(variances)[codes] * rng.normal(size=(len(codes), 2)), codes


@pytest.mark.parametrize("n_shots", [1, 3])
@pytest.mark.parametrize("z", [-1.0, 0.7])
def test_the_predictive_density_is_the_integral_over_means_and_variances(n_shots, z):
    b, nu, shots = 2.0, 7.0, SHOTS[:n_shots]
    u, log_v = np.meshgrid(np.linspace(-20, 20, 1001), np.linspace(-6, 8, 1001))
    v = np.exp(log_v)
    prior = norm.pdf(u, 0, np.sqrt(b * v)) * invgamma.pdf(v, nu / 2, scale=(nu - 2) / 2) * v

    def total(rows):
        return (prior * np.prod([norm.pdf(row, u, np.sqrt(v)) for row in rows], axis=0)).sum()

    density = predictive(ClassPrior(*ONE, np.array([b]), nu), shots, np.zeros(n_shots, dtype=int))
    found = np.exp(log_densities(density, np.array([[z]])))
    assert_allclose(found[0, 0], total([*shots[:, 0], z]) / total(shots[:, 0]), rtol=1e-3)


def test_infinite_degrees_are_the_limit_of_many():
    Z, codes = np.random.default_rng(0).normal(size=(9, 1)), np.array([0, 1, 1])
    densities = [
        predictive(ClassPrior(*ONE, np.array([2.0]), nu), SHOTS, codes) for nu in (1e7, np.inf)
    ]
    many, infinite = (log_densities(density, Z) for density in densities)
    assert_allclose(many, infinite, atol=1e-5)


def test_normal_classes_have_the_posterior_of_two_covariances():
    """Against the dense formulas, with the covariances between and within classes."""
    rng = np.random.default_rng(0)
    basis, spread, mean = rng.normal(size=(3, 3)), np.array([0.0, 1.0, 4.0]), rng.normal(size=3)
    back = np.linalg.inv(basis)
    within, between = back.T @ back, back.T @ np.diag(spread) @ back
    shots = rng.normal(size=(4, 3))
    gain = between @ np.linalg.inv(between + within / 4)
    expected = mean + gain @ (shots.mean(axis=0) - mean)
    covariance = within + between - gain @ between
    density = predictive(ClassPrior(mean, basis, spread, np.inf), shots, np.zeros(4, dtype=int))
    assert_allclose(density.location[0] @ back + mean, expected)
    assert_allclose(back.T @ np.diag(density.scale[0] ** 2) @ back, covariance)


def test_log_densities_are_those_of_scipy():
    location, scale = np.array([[1.0, 2.0], [0.0, -1.0]]), np.array([[0.5, 3.0], [1.0, 2.0]])
    density = Predictive(location, scale, np.array([[5.0], [np.inf]]))
    Z = np.random.default_rng(0).normal(size=(6, 2))
    expected = [
        t(5, [1, 2], [0.5, 3]).logpdf(Z).sum(axis=1),
        norm([0, -1], [1, 2]).logpdf(Z).sum(axis=1),
    ]
    assert_allclose(log_densities(density, Z), np.transpose(expected))


def test_the_basis_makes_both_covariances_diagonal():
    X, codes = draw(30, 10, spread=(1, 9), dof=8)
    X = X @ [[2.0, 1], [0, 1]] + 5
    U, means = class_prior(X, codes).basis, class_means(X, codes)
    assert_allclose(U.T @ within_class_covariance(X, codes) @ U, np.eye(2), atol=1e-10)
    between = U.T @ np.cov(means.T) @ U
    assert_allclose(between[0, 1], 0, atol=1e-10)


@pytest.mark.parametrize("dof", [8.0, 20.0])
def test_many_classes_teach_the_prior_that_they_were_drawn_from(dof):
    X, codes = draw(5000, 10, spread=(1, 9), dof=dof)
    prior = class_prior(X, codes)
    assert_allclose(np.sort(prior.spread), [1, 9], rtol=0.1)
    assert_allclose(prior.mean, 0, atol=0.2)
    assert_allclose(prior.dof, dof, rtol=0.25)


def test_classes_of_equal_variance_have_many_degrees():
    X, codes = draw(2000, 10, spread=(1, 9), dof=np.inf)
    assert class_prior(X, codes).dof > 100


def test_means_that_differ_by_chance_alone_have_no_spread():
    X, codes = draw(3000, 5, spread=(0, 0), dof=np.inf)
    assert class_prior(X, codes).spread.max() < 0.02
