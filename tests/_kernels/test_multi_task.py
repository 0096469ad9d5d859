"""Ridge regression of several tasks, by a matrix of each task and by one of all rows."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import multivariate_normal

from sktransfer._kernels.multi_task import (
    DualTasks,
    PrimalTasks,
    choose_strengths,
    linear_scores,
    task_products,
)

STRENGTHS = [(0.7, 0.4, 0.3), (2.0, 0.0, 0.0), (5.0, 1.0, 2.0), (1e-4, 0.9, 0.0)]


def _rows(seed=0, n_rows=40, n_features=3, n_outputs=2):
    rng = np.random.default_rng(seed)
    X, codes = rng.normal(size=(n_rows, n_features)), rng.integers(0, 4, n_rows)
    numbers = X @ rng.normal(size=(n_features, n_outputs)) + rng.normal(size=(n_rows, n_outputs))
    return X, codes, numbers, rng.uniform(0.5, 2, n_rows)


def _both(intercept=True, *, weight=None, seed=0):
    X, codes, numbers, drawn = _rows(seed)
    weight = drawn if weight is None else weight
    columns = np.column_stack([X, np.ones(len(X))]) if intercept else X
    products = task_products(columns, codes, numbers, weight, n_tasks=5)
    primal = PrimalTasks(*products, weight @ numbers**2, weight.sum(), intercept)
    return primal, DualTasks(X @ X.T, codes, numbers, weight, intercept), columns, codes


def _kernel(X, codes, relatedness, constant):
    same = codes[:, None] == codes
    return relatedness * X @ X.T + same * ((1 - relatedness) * X @ X.T + constant)


@pytest.mark.parametrize("strengths", STRENGTHS)
@pytest.mark.parametrize("intercept", [False, True])
def test_the_primal_and_the_dual_are_equal(strengths, intercept):
    strengths = strengths if intercept else (*strengths[:2], 0.0)
    primal, dual, columns, codes = _both(intercept)
    common, every = primal.solve(*strengths)
    assert_allclose(every[4], common)  # a task without a row
    found = np.einsum("ij,ijk->ik", columns, every[codes])
    rows, level = dual.solve(*strengths)
    expected = _kernel(_rows()[0], codes, *strengths[1:]) @ rows + level
    assert_allclose(found, expected, rtol=1e-6, atol=1e-8)
    criteria = [tasks.criterion(*strengths) for tasks in (primal, dual)]
    assert_allclose(*criteria, rtol=1e-9)


def test_coefficients_have_the_least_penalized_error():
    primal, _, columns, codes = _both()
    _, _, numbers, weight = _rows()
    alpha, relatedness, constant = 0.7, 0.4, 0.3
    common, every = primal.solve(alpha, relatedness, constant)

    def objective(common, own):
        errors = numbers - np.einsum("ij,ijk->ik", columns, (common + own)[codes])
        penalty = np.sum(common[:-1] ** 2) / relatedness
        penalty += np.sum(own[:, :-1] ** 2) / (1 - relatedness) + np.sum(own[:, -1] ** 2) / constant
        return weight @ np.sum(errors**2, axis=1) + alpha * penalty

    least, rng = objective(common, every - common), np.random.default_rng(1)
    for _ in range(20):
        steps = 1e-3 * rng.normal(size=common.shape), 1e-3 * rng.normal(size=every.shape)
        assert objective(common + steps[0], every - common + steps[1]) > least


def test_the_criterion_is_the_marginal_likelihood():
    """Without an intercept, and with the noise that maximizes it, but for a constant."""
    _, dual, X, codes = _both(False, weight=np.ones(40))
    _, _, numbers, _ = _rows()
    found, expected = [], []
    for alpha, relatedness, constant in STRENGTHS[:3]:
        covariance = np.eye(40) + _kernel(X, codes, relatedness, constant) / alpha
        total = 0.0
        for y in numbers.T:
            noise = y @ np.linalg.solve(covariance, y) / 40
            total -= 2 * multivariate_normal(cov=noise * covariance).logpdf(y)
        expected.append(total)
        found.append(dual.criterion(alpha, relatedness, constant))
    assert_allclose(np.diff(found), np.diff(expected))


def test_an_intercept_is_one_with_a_prior_without_limits():
    """The criteria of two strengths differ as those with a common constant of great variance."""
    _, dual, X, codes = _both(weight=np.ones(40))
    numbers = _rows()[2]
    found, expected = [], []
    for alpha, relatedness, constant in STRENGTHS[:2]:
        covariance = np.eye(40) + _kernel(X[:, :3], codes, relatedness, constant) / alpha
        covariance += 1e7
        inverse = np.linalg.inv(covariance)
        fits = np.einsum("ik,ij,jk->k", numbers, inverse, numbers)
        expected.append(np.sum(39 * np.log(fits) + np.linalg.slogdet(covariance)[1]))
        found.append(dual.criterion(alpha, relatedness, constant))
    assert_allclose(np.diff(found), np.diff(expected), rtol=1e-5)


@pytest.mark.parametrize("seed", [3, 4])
def test_chosen_strengths_have_the_least_criterion(seed):
    primal = _both(seed=seed)[0]
    least = primal.criterion(*choose_strengths(primal.criterion, scale=3.0))
    grid = [
        primal.criterion(a, r, c)
        for a in np.geomspace(1e-3, 1e3, 20)
        for r in np.arange(11) / 10
        for c in np.geomspace(1e-4, 1e2, 10)
    ]
    assert least <= min(grid) + 0.01


def test_given_strengths_are_kept():
    primal = _both()[0]
    assert choose_strengths(primal.criterion, scale=3.0, alpha=2.0)[0] == 2.0
    assert choose_strengths(primal.criterion, scale=3.0, relatedness=0.3)[1] == 0.3
    assert choose_strengths(primal.criterion, scale=3.0, constant=0.3)[2] == 0.3


def test_scores_are_those_of_the_task_of_each_row():
    X, codes, _, _ = _rows()
    rng = np.random.default_rng(2)
    coefficients, intercepts = rng.normal(size=(5, 3, 2)), rng.normal(size=(5, 2))
    expected = [x @ coefficients[t] + intercepts[t] for x, t in zip(X, codes, strict=True)]
    assert_allclose(linear_scores(X, codes, coefficients, intercepts), expected)
