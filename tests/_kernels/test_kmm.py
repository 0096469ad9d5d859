"""KMM: the optimum by hand, by a second solver, its conditions and its certificate."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import LinearConstraint, linprog, minimize

from sktransfer._kernels import kmm
from sktransfer._kernels.kmm import (
    ExactKernel,
    LowRankKernel,
    certificate,
    dense_kernel,
    kernel_mean_matching,
    low_rank_kernel,
    mean_similarities,
    weighted_similarities,
)

WIDE = {"lower": 0.0, "upper": 1e9, "tol": 1e-11, "max_iter": 200}


def make_problem(seed=0, n_source=40, n_target=30, width=1.0, ridge=1e-3):
    rng = np.random.default_rng(seed)
    X_source, X_target = rng.normal(size=(n_source, 2)), rng.normal(0.7, 0.6, size=(n_target, 2))
    kernel = dense_kernel(X_source, X_source[::4], width=width, ridge=ridge)
    return kernel, mean_similarities(X_source, X_target, width=width)


def second_solution(kernel, kappa, *, bound, lower, upper):
    K = kernel.matrix
    return minimize(
        lambda w: w @ K @ w / 2 - kappa @ w,
        np.full(len(kappa), (lower + min(upper, bound * len(kappa))) / 2 / len(kappa)),
        jac=lambda w: K @ w - kappa,
        hess=lambda w: K,
        bounds=[(0, bound)] * len(kappa),
        constraints=LinearConstraint(np.ones((1, len(kappa))), lower, upper),
        method="trust-constr",
        options={"gtol": 1e-9, "xtol": 1e-12, "barrier_tol": 1e-10, "maxiter": 3000},
    )


def test_two_rows_by_hand():
    # Free of bounds: K w = kappa.
    kernel = ExactKernel(
        np.array([[1.0, 0.5], [0.5, 1.0]]), LowRankKernel(np.ones(2), np.zeros((2, 1)))
    )
    w, gap = kernel_mean_matching(kernel, np.array([2.0, 1.6]), bound=9, **WIDE)
    assert_allclose(w, [(2 - 0.8) / 0.75, (1.6 - 1) / 0.75], rtol=1e-10)
    assert gap < 1e-10
    # The second row would go to -4 / 15: it stays at 0, the first goes to kappa, or its bound.
    w, _ = kernel_mean_matching(kernel, np.array([2.0, 0.8]), bound=9, **WIDE)
    assert_allclose(w, [2, 0], atol=1e-10)
    w, _ = kernel_mean_matching(kernel, np.array([2.0, 0.2]), bound=1.5, **WIDE)
    assert_allclose(w, [1.5, 0], atol=1e-10)


def test_the_kernel_and_kappa_by_hand():
    X, X_target = np.array([[0.0], [2.0]]), np.array([[0.0], [0.0], [2.0]])
    e = np.exp(-4 / 2)
    kernel = dense_kernel(X, X[:1], width=1.0, ridge=0.25)
    assert_allclose(kernel.matrix, [[1.25, e], [e, 1.25]], rtol=1e-14)
    kappa = mean_similarities(X, X_target, width=1.0)
    assert_allclose(kappa, [2 / 3 * (2 + e), 2 / 3 * (1 + 2 * e)], rtol=1e-14)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("bound", "lower", "upper"),
    [
        (1000.0, 10.0, 70.0),  # neither bites
        (2.0, 10.0, 70.0),  # the bound does
        (1000.0, 48.0, 70.0),  # the lower sum does
        (3.0, 10.0, 20.0),  # the bound and the upper sum do
    ],
)
def test_the_optimum_is_a_second_solvers_and_meets_the_kkt_conditions(seed, bound, lower, upper):
    kernel, kappa = make_problem(seed)
    limits = {"bound": bound, "lower": lower, "upper": upper}
    w, gap = kernel_mean_matching(kernel, kappa, tol=1e-11, max_iter=200, **limits)
    assert (w >= 0).all()
    assert (w <= bound).all()
    assert lower * (1 - 1e-8) <= w.sum() <= upper * (1 + 1e-8)
    assert gap < 1e-7
    gradient = kernel.matrix @ w - kappa
    free = (w > 0) & (w < bound)
    multiplier = gradient[free].mean()
    assert_allclose(gradient[free], multiplier, atol=1e-8)
    assert (gradient[w == 0] >= multiplier - 1e-8).all()
    assert (gradient[w == bound] <= multiplier + 1e-8).all()
    if lower * 1.001 < w.sum() < upper * 0.999:
        assert_allclose(multiplier, 0, atol=1e-8)
    found = second_solution(kernel, kappa, **limits)
    objective = w @ kernel.matrix @ w / 2 - kappa @ w
    assert objective <= found.fun + 1e-7
    assert_allclose(objective, found.fun, rtol=1e-5)


@pytest.mark.parametrize(("bound", "lower", "upper"), [(2.0, 3.0, 9.0), (1.0, 7.5, 8.0)])
def test_the_certificate_is_the_linear_program(bound, lower, upper):
    rng = np.random.default_rng(0)
    for shift in (-2, 0, 2):
        w, gradient = rng.random(10), rng.normal(size=10) + shift
        found = linprog(
            gradient,
            A_ub=[np.ones(10), -np.ones(10)],
            b_ub=[upper, -lower],
            bounds=[(0, bound)] * 10,
        )
        gap = certificate(w, gradient, bound=bound, lower=lower, upper=upper)
        assert_allclose(gap, gradient @ w - found.fun, rtol=1e-9)


def test_the_gap_bounds_the_distance_to_the_minimum():
    kernel, kappa = make_problem(width=0.7)
    limits = {"bound": 1000.0, "lower": 4.0, "upper": 70.0}

    def objective(w):
        return w @ kernel.matrix @ w / 2 - kappa @ w

    best, _ = kernel_mean_matching(kernel, kappa, tol=1e-12, max_iter=200, **limits)
    for max_iter in (1, 3, 6):
        w, gap = kernel_mean_matching(kernel, kappa, tol=1e-12, max_iter=max_iter, **limits)
        distance = (objective(w) - objective(best)) / abs(objective(w))
        assert -1e-12 <= distance <= gap


def test_low_rank_is_exact_where_every_row_is_a_landmark():
    X = np.random.default_rng(0).normal(size=(20, 2))
    near = low_rank_kernel(X, X, width=0.5, ridge=0.01)
    exact = dense_kernel(X, X, width=0.5, ridge=0.01).matrix
    assert_allclose(np.array([near.times(e) for e in np.eye(20)]), exact, atol=1e-8)


def test_low_rank_has_the_true_diagonal_and_solves_exactly():
    X = np.random.default_rng(0).normal(size=(30, 2))
    near = low_rank_kernel(X, X[::5], width=0.5, ridge=0.01)
    matrix = np.array([near.times(e) for e in np.eye(30)])
    assert_allclose(np.diag(matrix), 1.01, rtol=1e-12)
    free = np.arange(30) % 3 > 0
    x = near.newton(free, np.arange(20.0), tol=0.0)
    assert_allclose(matrix[np.ix_(free, free)] @ x, np.arange(20.0), atol=1e-9)


@pytest.mark.parametrize("share", [0.2, 0.95])
def test_dense_solves_on_a_face(share):
    kernel, _ = make_problem()
    free = np.arange(40) < share * 40
    b = np.linspace(-1, 1, free.sum())
    x = kernel.newton(free, b, tol=1e-12)
    assert_allclose(kernel.matrix[np.ix_(free, free)] @ x, b, atol=1e-10)
    assert_allclose(kernel.times(free * 1.0), kernel.matrix[:, free].sum(axis=1), rtol=1e-12)


def test_landmarks_change_the_way_and_not_the_optimum():
    kernel, kappa = make_problem()
    limits = {"bound": 1000.0, "lower": 4.0, "upper": 70.0, "tol": 1e-12, "max_iter": 300}
    one, _ = kernel_mean_matching(kernel, kappa, **limits)
    plain = ExactKernel(kernel.matrix, LowRankKernel(np.ones(40), np.zeros((40, 1))))
    other, _ = kernel_mean_matching(plain, kappa, **limits)
    assert_allclose(other, one, atol=1e-6)


@pytest.mark.parametrize("bound", [1.5, 1000.0])
@pytest.mark.parametrize(("pivots", "chances"), [(0, 8), (2, 8), (60, 1)])
def test_pivots_that_do_not_end_leave_the_optimum_to_newton_steps(
    pivots, chances, bound, monkeypatch
):
    kernel, kappa = make_problem(n_source=120, width=0.7)
    limits = {"bound": bound, "lower": 4.0, "upper": 1e9, "tol": 1e-12, "max_iter": 300}
    pivoted, gap = kernel_mean_matching(kernel, kappa, **limits)
    assert gap < 1e-9
    monkeypatch.setattr(kmm, "MAX_PIVOTS", pivots)
    monkeypatch.setattr(kmm, "CHANCES", chances)
    other, _ = kernel_mean_matching(kernel, kappa, **limits)
    assert_allclose(other, pivoted, atol=1e-6)


@pytest.mark.parametrize(("n_source", "ridge", "bound"), [(20, 0.5, 0.5), (120, 1e-3, 1000.0)])
def test_pivoting_alone_finds_the_minimum_over_the_box(n_source, ridge, bound):
    kernel, kappa = make_problem(n_source=n_source, width=0.7, ridge=ridge)
    w = kmm._pivot(kernel, kappa, np.ones(n_source), bound=bound, slack=1e-12, max_iter=60)
    gradient = kernel.times(w) - kappa
    # Stationary: the projected gradient step goes nowhere.
    assert_allclose(np.clip(w - gradient, 0, bound), w, atol=1e-9)
    assert (w == 0).any()
    assert bound > 1 or (w == bound).any()


@pytest.mark.parametrize("block", [3, 256])
def test_weighted_similarities_are_sums_over_the_kernel_matrix(block, monkeypatch):
    monkeypatch.setattr(kmm, "BLOCK", block)
    rng = np.random.default_rng(0)
    X, Y, weights = rng.normal(size=(17, 3)), rng.normal(size=(11, 3)) + 1, rng.normal(size=11)
    squared = np.sum((X[:, None] - Y) ** 2, axis=2)
    expected = np.exp(-squared / (2 * 0.7**2)) @ weights
    assert_allclose(weighted_similarities(X, Y, weights, width=0.7), expected, atol=1e-13)
    assert_allclose(
        weighted_similarities(X + 1e5, Y + 1e5, weights, width=0.7), expected, atol=1e-7
    )
