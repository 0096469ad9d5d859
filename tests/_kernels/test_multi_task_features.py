"""Features that tasks share: the alternation, and the convex problem that it solves."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import minimize

from sktransfer._kernels.multi_task import task_products
from sktransfer._kernels.multi_task_features import shared_features

RNG = np.random.default_rng(0)
CODES = RNG.integers(0, 4, 40)
X, WEIGHT = RNG.normal(size=(40, 3)), RNG.uniform(0.5, 2, 40)
Y = np.sum(X * RNG.normal(size=(4, 3))[CODES], axis=1, keepdims=True) + RNG.normal(size=(40, 1))
PRODUCTS = task_products(X, CODES, Y, WEIGHT, n_tasks=4)
SQUARES = WEIGHT @ Y**2


def _objective(coefficients, alpha):
    """Return the squared errors and the square of the sum of singular values."""
    errors = Y[:, 0] - np.sum(X * coefficients[CODES], axis=1)
    return WEIGHT @ errors**2 + alpha * np.linalg.norm(coefficients, "nuc") ** 2


@pytest.mark.parametrize("alpha", [0.01, 1.0, 30.0])
def test_no_step_raises_the_objective(alpha):
    found = shared_features(*PRODUCTS, SQUARES, alpha=alpha, tol=0, max_iter=200)
    assert len(found.objectives) > 5
    assert np.diff(found.objectives).max() < 1e-10 * found.objectives[0]
    assert found.objectives[0] > found.objectives[-1]


@pytest.mark.parametrize("alpha", [0.1, 1.0, 10.0])
def test_the_end_is_the_least_of_the_convex_problem(alpha):
    found = shared_features(*PRODUCTS, SQUARES, alpha=alpha, tol=1e-9, max_iter=5000)
    assert found.converged
    best = minimize(
        lambda flat: _objective(flat.reshape(4, 3), alpha),
        np.linalg.lstsq(X, Y, rcond=None)[0].ravel().tolist() * 4,
        method="Powell",
        options={"xtol": 1e-8, "ftol": 1e-12, "maxiter": 100_000},
    )
    ours = _objective(found.coefficients[:, :, 0], alpha)
    assert ours < best.fun * (1 + 1e-4)
    assert_allclose(found.objectives[-1], ours, rtol=1e-2)


def test_one_task_is_ridge_regression():
    grams, moments = task_products(X, np.zeros(40, dtype=int), Y, WEIGHT, n_tasks=1)
    found = shared_features(grams, moments, SQUARES, alpha=3.0, tol=1e-13, max_iter=5000)
    expected = np.linalg.solve(grams[0] + 3.0 * np.eye(3), moments[0])
    assert_allclose(found.coefficients[0], expected, rtol=5e-3)


def test_the_metric_is_the_root_of_the_spread_over_its_trace():
    found = shared_features(*PRODUCTS, SQUARES, alpha=1.0, tol=1e-12, max_iter=5000)
    assert_allclose(np.trace(found.metric), 1)
    coefficients = found.coefficients[:, :, 0]
    spread = coefficients.T @ coefficients
    root = found.metric @ found.metric
    assert_allclose(root / np.trace(root), spread / np.trace(spread), atol=1e-3)


def test_a_large_penalty_leaves_one_direction():
    found = shared_features(*PRODUCTS, SQUARES, alpha=100.0, tol=1e-10, max_iter=5000)
    values = np.linalg.svd(found.coefficients[:, :, 0], compute_uv=False)
    assert values[1] < 1e-2 * values[0]


def test_nothing_to_learn_is_no_error():
    found = shared_features(PRODUCTS[0], 0 * PRODUCTS[1], 0 * SQUARES, alpha=1.0, tol=0, max_iter=9)
    assert found.converged
    assert not found.coefficients.any()
