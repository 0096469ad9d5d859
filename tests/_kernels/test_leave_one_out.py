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
def test_combination_is_least_squares(positive):
    target, parts = RNG.normal(size=30), RNG.normal(size=(3, 30))
    parts[0] -= target
    found = combination(target, parts, positive=positive)
    bounds = [(0 if positive else None, None)] * 3
    best = minimize(lambda b: np.sum((target - b @ parts) ** 2), np.ones(3), bounds=bounds)
    assert_allclose(found, best.x, atol=1e-4)
    assert (found.min() < 0) != positive


def test_the_choice_has_the_least_error_of_a_grid():
    X, y, weight = _rows((15, 6))
    outputs = np.stack([0.5 * y + RNG.normal(size=y.shape), RNG.normal(size=y.shape)])
    alphas = [0.1, 1.0, 10.0]
    space = row_space(X, weight, fit_intercept=True)
    alpha, beta, n_decided = choose_by_leave_one_out(
        space, y, outputs, alphas=alphas, beta=None, positive=True
    )

    def error(alpha, beta):
        rest = y - np.tensordot(beta, outputs, axes=1)
        return np.sum(leave_one_out_residuals(space, rest, alpha=alpha)[0] ** 2)

    grid = [(a, np.array([b, c])) for a in alphas for b in np.linspace(0, 2, 21) for c in (0, 0.2)]
    assert n_decided == 15
    assert error(alpha, beta) <= min(error(*pair) for pair in grid) + 1e-12
