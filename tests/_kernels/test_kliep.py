"""KLIEP: the optimum by hand, by a second solver, and its certificate."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import minimize, nnls

from sktransfer._kernels import kliep
from sktransfer._kernels.density_ratio import gaussian, squared_distances
from sktransfer._kernels.kliep import in_single, likelihoods, nonnegative_minimum, proportions


def make_A(seed=0, width=0.7, n_target=60, n_centers=8, n_features=2):
    rng = np.random.default_rng(seed)
    X_source = rng.normal(size=(80, n_features))
    X_target = rng.normal(0.6, 0.7, size=(n_target, n_features))
    centers = X_target[:n_centers]
    phi_source = gaussian(squared_distances(X_source, centers), width=width)
    phi_target = gaussian(squared_distances(X_target, centers), width=width)
    return likelihoods(phi_target, phi_source.mean(axis=0))


def test_proportions_by_hand():
    # Each row has one component only: maximise (3 log u + log(1 - u)) / 4, so u = 3 / 4.
    A = np.array([[2.0, 0], [2, 0], [2, 0], [0, 5]])
    u, gap = proportions(A, tol=1e-13, max_iter=50)
    assert_allclose(u, [3 / 4, 1 / 4], rtol=1e-10)
    assert gap <= 1e-13


def test_the_better_component_takes_all():
    A = np.array([[3.0, 1], [3, 2], [4, 1]])
    u, gap = proportions(A, tol=1e-12, max_iter=50)
    assert_allclose(u, [1, 0], atol=1e-12)
    assert gap <= 1e-12


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("width", [0.2, 0.7, 2.0])
def test_proportions_are_a_second_solvers_and_meet_the_optimality_conditions(seed, width):
    A = make_A(seed, width)
    u, gap = proportions(A, tol=1e-11, max_iter=100)
    assert (u >= 0).all()
    assert_allclose(u.sum(), 1, rtol=1e-12)
    g = (A / (A @ u)[:, None]).mean(axis=0)
    assert g.max() <= 1 + 1e-11
    assert_allclose(g[u > 1e-6], 1, atol=1e-5)
    assert_allclose(gap, g.max() - 1, atol=1e-13)
    found = minimize(
        lambda v: -np.log(A @ v).mean(),
        np.full(8, 1 / 8),
        jac=lambda v: -(A / (A @ v)[:, None]).mean(axis=0),
        bounds=[(0, None)] * 8,
        constraints={"type": "eq", "fun": lambda v: v.sum() - 1},
        method="SLSQP",
        options={"ftol": 1e-12, "maxiter": 500},
    )
    assert_allclose(np.log(A @ u).mean(), -found.fun, atol=1e-7)


@pytest.mark.parametrize("max_iter", [1, 2, 4])
def test_the_gap_bounds_the_distance_to_the_optimum(max_iter):
    A = make_A(n_target=200, n_centers=40, width=0.3)
    best, _ = proportions(A, tol=1e-12, max_iter=200)
    u, gap = proportions(A, tol=1e-12, max_iter=max_iter)
    distance = np.log(A @ best).mean() - np.log(A @ u).mean()
    assert -1e-12 <= distance <= gap


def test_a_start_changes_the_way_and_not_the_optimum():
    A = make_A()
    one, _ = proportions(A, tol=1e-12, max_iter=100)
    start = np.linspace(1, 2, 8)
    kept = start.copy()
    other, _ = proportions(A, tol=1e-12, max_iter=100, start=start)
    assert_allclose(np.log(A @ other).mean(), np.log(A @ one).mean(), atol=1e-11)
    assert_array_equal(start, kept)


@pytest.mark.parametrize("width", [0.2, 0.7, 2.0])
def test_in_single_precision_the_optimum_is_the_same_but_for_rounding(width):
    A = make_A(0, width)
    A = A * 10.0 ** np.random.default_rng(0).uniform(-60, 60, size=len(A))[:, None]
    single = in_single(A)
    assert single.dtype == np.float32
    assert_array_equal(single.max(axis=1), 1)
    u, gap = proportions(single, tol=1e-5, max_iter=100)
    assert u.dtype == np.float64
    p = A @ u
    assert_allclose((A / p[:, None]).mean(axis=0).max() - 1, gap, atol=3e-6)  # in float64


def test_centres_given_twice_cost_nothing():
    A = make_A()
    twice, gap = proportions(np.c_[A, A], tol=1e-11, max_iter=100)
    once, _ = proportions(A, tol=1e-11, max_iter=100)
    assert gap <= 1e-11
    assert_allclose(np.c_[A, A] @ twice, A @ once, rtol=1e-4)


def test_likelihoods_without_a_maximum():
    phi = np.array([[1.0, 0.5], [0.2, 1.0]])
    assert_allclose(likelihoods(phi, np.array([0.5, 0.25])), [[2, 2], [0.4, 4]])
    assert likelihoods(phi, np.array([0.5, 0.0])) is None  # no source row near a centre
    assert likelihoods(np.r_[phi, [[0, 0]]], np.array([0.5, 0.25])) is None  # a lonely target row


@pytest.mark.parametrize("seed", range(10))
def test_nonnegative_minimum_is_nonnegative_least_squares(seed):
    rng = np.random.default_rng(seed)
    B, b = rng.normal(size=(12, 7)), rng.normal(size=12)
    expected = nnls(B, b)[0]
    assert (expected == 0).any()
    for start in (np.zeros(7), np.ones(7), rng.random(7)):
        found = nonnegative_minimum(B.T @ B, B.T @ b, start=start)
        assert_allclose(found, expected, atol=1e-10)


@pytest.mark.parametrize("seed", range(5))
def test_whole_blocks_that_change_sides_end_at_the_minimum(seed, monkeypatch):
    monkeypatch.setattr(kliep, "_by_active_sets", None)  # the remainder for the rare cycle
    rng = np.random.default_rng(seed)
    S = rng.normal(size=(60, 25))
    c, start = S.T @ rng.normal(size=60), np.maximum(rng.normal(size=25), 0)
    v = kliep.nonnegative_minimum(S.T @ S, c, start=start)
    gradient = S.T @ S @ v - c
    assert (v >= 0).all()
    assert 0 < np.sum(v > 0) < 25
    assert_allclose(gradient[v > 0], 0, atol=1e-9)
    assert (gradient[v == 0] >= -1e-9).all()


def test_far_from_the_optimum_a_step_of_expectation_maximisation_comes_first(monkeypatch):
    monkeypatch.setattr(kliep, "_newton_step", lambda A, u, p, g: u)
    A = make_A()
    start = np.r_[1 - 7e-6, np.full(7, 1e-6)]
    u, _ = proportions(A, tol=1e-8, max_iter=1, start=start)
    p = A @ start
    assert ((A.T / p).mean(axis=1)).max() > 1 + kliep.FAR
    # The share of each component in the probability of each row, in the mean over the rows.
    assert_allclose(u, (A * start / p[:, None]).mean(axis=0), rtol=1e-12)
    assert_allclose(u.sum(), 1)
    assert np.log(A @ u).mean() > np.log(p).mean()


def hard_A(seed, *, width):
    """Rows of two classes and as many centres as target rows: the columns are nearly dependent."""
    rng = np.random.default_rng(seed)
    X_source, X_target = rng.normal(size=(300, 4)), rng.normal(1, 1, size=(80, 4))
    X_source[:150, 0] += 2
    X_target[:40, 0] += 2
    phi_source, phi_target = (
        gaussian(squared_distances(X, X_target), width=width) for X in (X_source, X_target)
    )
    return likelihoods(phi_target, phi_source.mean(axis=0))


@pytest.mark.parametrize("precision", ["single", "double"])
@pytest.mark.parametrize("width", [0.4, 0.8, 3.0])
def test_every_draw_reaches_the_optimality_conditions_in_few_steps(precision, width):
    tol = {"single": 3e-4, "double": 1e-9}[precision]
    for seed in range(25):
        A = hard_A(seed, width=width)
        A = in_single(A) if precision == "single" else A
        start = np.random.default_rng(seed).dirichlet(np.ones(A.shape[1]))
        u, gap = proportions(A, tol=tol, max_iter=30, start=start)
        assert gap <= tol
        # Karush, Kuhn and Tucker: no slope above 1, and 1 wherever a proportion is above 0.
        g = (A / (A @ u)[:, None]).mean(axis=0, dtype=np.float64)
        assert g.max() <= 1 + tol + 1e-5 * (precision == "single")
        assert u @ (1 - g) <= tol + 1e-5 * (precision == "single")
        assert (u >= 0).all()


def test_a_newton_system_of_single_precision_stays_definite():
    # Twenty nearly equal columns: rounding to float32 makes the bare normal matrix indefinite.
    rng = np.random.default_rng(0)
    A = (1 + 1e-4 * rng.random((60, 20))).astype(np.float32)
    seen = []

    def solve(H, c, *, start):
        seen.append(np.linalg.eigvalsh(H).min())
        return nonnegative_minimum(H, c, start=start)

    u = np.full(20, 1 / 20)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kliep, "nonnegative_minimum", solve)
        kliep._newton_step(A, u, *kliep._slopes(A, u))
    assert min(seen) > 0


def test_single_precision_that_finds_no_ascent_is_given_up_for_double(monkeypatch):
    step, seen = kliep._newton_step, []

    def blocked(A, u, p, g):
        seen.append(A.dtype)
        return u if A.dtype == np.float32 else step(A, u, p, g)

    monkeypatch.setattr(kliep, "_newton_step", blocked)
    u, gap = proportions(in_single(make_A()), tol=1e-10, max_iter=50)
    assert gap <= 1e-10
    assert seen.count(np.float32) == 1
    expected, _ = proportions(make_A(), tol=1e-10, max_iter=50)
    assert_allclose(u, expected, atol=1e-5)


def test_double_precision_that_finds_no_ascent_ends_the_rounds(monkeypatch):
    rounds = []
    monkeypatch.setattr(kliep, "_newton_step", lambda A, u, p, g: rounds.append(1) or u)
    monkeypatch.setattr(kliep, "FAR", np.inf)
    _, gap = proportions(make_A(), tol=1e-10, max_iter=50)
    assert len(rounds) == 1
    assert gap > 1e-10
