"""Leave-one-out residuals of ridge regression against fits without the row."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import sparse
from scipy.optimize import minimize
from sklearn.linear_model import Ridge

from sktransfer._kernels.leave_one_out import (
    choose_by_leave_one_out,
    combination,
    leave_one_out_residuals,
    row_space,
)

RNG = np.random.default_rng(0)
SHAPES = pytest.mark.parametrize("shape", [(7, 12), (20, 5)])
CONTAINERS = pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])


def _rows(shape):
    X = RNG.normal(size=shape) + 3
    X[RNG.uniform(size=shape) < 0.3] = 0
    return X, RNG.normal(size=(shape[0], 2)), RNG.uniform(0.5, 2, size=shape[0])


def _refitted(X, values, weight, *, alpha, fit_intercept):
    """Return the residuals by fits without each row, times the square roots of the weights."""
    errors = []
    for row in range(len(X)):
        rest = np.delete(np.arange(len(X)), row)
        ridge = Ridge(alpha=alpha, fit_intercept=fit_intercept, solver="cholesky")
        ridge.fit(X[rest], values[rest], sample_weight=weight[rest])
        errors.append(np.sqrt(weight[row]) * (values[row] - ridge.predict(X[[row]])[0]))
    return np.array(errors)


@SHAPES
@CONTAINERS
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_residuals_are_those_of_fits_without_the_row(shape, container, fit_intercept):
    X, values, weight = _rows(shape)
    space = row_space(container(X), weight, fit_intercept=fit_intercept)
    found, decided = leave_one_out_residuals(space, values, alpha=0.7)
    assert decided.all()
    expected = _refitted(X, values, weight, alpha=0.7, fit_intercept=fit_intercept)
    assert_allclose(found, expected, rtol=1e-8, atol=1e-8)


def test_a_single_row_decides_nothing():
    space = row_space(np.ones((1, 3)), np.ones(1), fit_intercept=True)
    found, decided = leave_one_out_residuals(space, np.ones((1, 1)), alpha=1.0)
    assert not decided.any()
    assert_allclose(found, 0)
    assert space.scale == 0


@pytest.mark.parametrize("positive", [True, False])
def test_combination_is_the_most_probable_one(positive):
    target, parts = RNG.normal(size=30), RNG.normal(size=(3, 30))
    parts[0] -= target
    found = combination(target, parts, positive=positive)
    noise = min(np.mean(target**2), np.mean((target - parts.mean(axis=0)) ** 2))

    def loss(b):  # the variance of each weight is 1 / 12, that of their sum 1 / 4
        return np.sum((target - b @ parts) ** 2) / noise + 12 * np.sum((b - 1 / 3) ** 2)

    best = minimize(loss, np.ones(3), bounds=[(0 if positive else None, None)] * 3)
    assert_allclose(found, best.x, atol=1e-4)
    assert (found.min() < 0) != positive


def test_without_noise_the_combination_is_exact_and_without_numbers_equal():
    parts = RNG.normal(size=(2, 10))
    assert_allclose(combination(parts.mean(axis=0), parts, positive=True), 0.5)
    many = RNG.normal(size=(2, 100_000))
    assert_allclose(combination(many[0] * 3, many, positive=True), [3, 0], atol=1e-2)
    assert_allclose(combination(np.ones(1), np.zeros((2, 1)), positive=True), 0.5)


def test_the_choice_has_less_error_than_no_source():
    X, y, weight = _rows((15, 6))
    outputs = np.stack([y + 0.3 * RNG.normal(size=y.shape), RNG.normal(size=y.shape)])
    alphas = [0.1, 1.0, 10.0]
    space = row_space(X, weight, fit_intercept=True)
    alpha, beta, n_decided = choose_by_leave_one_out(
        space, y, outputs, alphas=alphas, beta=None, positive=True
    )

    def error(alpha, beta):
        rest = y - np.tensordot(beta, outputs, axes=1)
        return np.sum(leave_one_out_residuals(space, rest, alpha=alpha)[0] ** 2)

    assert n_decided == 15
    assert beta[0] > beta[1] + 0.3
    assert error(alpha, beta) < 0.5 * min(error(each, np.zeros(2)) for each in alphas)
    given = choose_by_leave_one_out(space, y, outputs, alphas=alphas, beta=beta, positive=True)
    assert given[0] == min(alphas, key=lambda each: error(each, beta))
