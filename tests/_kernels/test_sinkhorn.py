"""Entropic plans: their marginals, their limits, their optimality, and POT as a second opinion."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sktransfer._kernels.density_ratio import squared_distances
from sktransfer._kernels.sinkhorn import sinkhorn
from sktransfer._kernels.transport import exact

LOOSE = {"max_iter": 20_000, "tol": 1e-10}


def make_domains(n_source=40, n_target=30, n_features=3, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_source, n_features))
    X_target = rng.normal(size=(n_target, n_features)) @ rng.normal(size=(n_features, n_features))
    return X, X_target + 1


def make_cost(**sizes):
    cost = squared_distances(*make_domains(**sizes))
    return cost / cost.mean()


def two_clusters():
    """Domains of two far clusters each, in other proportions: iterations alone hardly move."""
    rng = np.random.default_rng(1)
    X = np.concatenate([rng.normal(size=(30, 2)), rng.normal(size=(20, 2)) + 8])
    X_target = np.concatenate([rng.normal(size=(20, 2)), rng.normal(size=(20, 2)) + 8])
    cost = squared_distances(X, X_target)
    return cost / cost.mean()


def assert_is_plan(plan, atol=1e-10):
    n_source, n_target = plan.shape
    assert (plan >= 0).all()
    assert_allclose(plan.sum(axis=1), 1 / n_source, rtol=1e-10)
    assert_allclose(plan.sum(axis=0), 1 / n_target, atol=atol)


@pytest.mark.parametrize("regularization", [10.0, 0.1, 0.01, 0.001])
@pytest.mark.parametrize(("n_source", "n_target"), [(40, 30), (30, 40), (1, 5), (5, 1)])
def test_marginals_of_the_entropic_plan(regularization, n_source, n_target):
    cost = make_cost(n_source=n_source, n_target=n_target)
    tol = 1e-10 if regularization > 0.001 else 1e-5
    found = sinkhorn(cost, regularization=regularization, max_iter=20_000, tol=tol)
    assert_is_plan(found.plan, atol=tol)
    assert found.error <= tol


def test_the_error_is_the_mass_in_the_wrong_columns():
    found = sinkhorn(make_cost(), regularization=0.01, max_iter=3, tol=0)
    assert_allclose(found.plan.sum(axis=1), 1 / 40, rtol=1e-12)
    assert_allclose(found.error, np.abs(found.plan.sum(axis=0) - 1 / 30).sum(), rtol=1e-10)
    assert found.n_iter == 3


def test_two_rows_by_hand():
    # exp(-cost / 1) = [[1, k], [k, 1]] has equal row and column sums: the plan is that over their
    # total, 2 + 2 k with k = exp(-1).
    found = sinkhorn(np.array([[0.0, 1.0], [1.0, 0.0]]), regularization=1.0, **LOOSE)
    k = np.exp(-1)
    assert_allclose(found.plan, np.array([[1, k], [k, 1]]) / (2 + 2 * k), rtol=1e-12)


@pytest.mark.parametrize("regularization", [0.5, 0.05])
def test_the_entropic_plan_is_optimal(regularization):
    # Optimal exactly if cost + reg * log(plan) is a sum of a function of the row and one of the
    # column, so that double differences vanish.
    cost = make_cost()
    found = sinkhorn(cost, regularization=regularization, **LOOSE)
    potentials = cost + regularization * np.log(found.plan)
    doubled = potentials - potentials[:1] - potentials[:, :1] + potentials[0, 0]
    assert_allclose(doubled, 0, atol=1e-10)


@pytest.mark.parametrize("regularization", [1.0, 0.05])
def test_the_entropic_plan_is_that_of_pot(regularization):
    ot = pytest.importorskip("ot")
    cost = make_cost()
    found = sinkhorn(cost, regularization=regularization, **LOOSE)
    theirs = ot.sinkhorn([], [], cost, regularization, stopThr=1e-13, numItermax=20_000)
    assert_allclose(found.plan, theirs, rtol=1e-6, atol=1e-14)


def test_clusters_converge_where_plain_iterations_do_not():
    cost, regularization = two_clusters(), 0.02
    kernel, u, v = np.exp(-cost / regularization), np.ones(50), np.ones(40)
    for _ in range(300):
        v = 1 / 40 / (kernel.T @ u)
        u = 1 / 50 / (kernel @ v)
    plain = np.abs(v * (kernel.T @ u) - 1 / 40).sum()
    found = sinkhorn(cost, regularization=regularization, max_iter=300, tol=1e-8)
    assert plain > 1e-4
    assert found.error <= 1e-8
    assert_is_plan(found.plan, atol=1e-8)


def test_no_regularization_is_too_small_to_be_finite():
    cost = two_clusters()
    for regularization in (1e-3, 1e-6, 1e-12, 1e-300):
        found = sinkhorn(cost, regularization=regularization, max_iter=200, tol=1e-10)
        assert np.isfinite(found.plan).all()
        assert np.isfinite(found.potential).all()
        assert_allclose(found.plan.sum(axis=1), 1 / 50, rtol=1e-10)


def test_small_regularization_in_potentials_is_the_same_plan():
    # From 1e-4 on exp(-cost / reg) has rows of zeros: POT's iterations in logarithms are the check.
    ot = pytest.importorskip("ot")
    cost = make_cost(n_source=12, n_target=9)
    assert not np.exp(-cost / 1e-4).sum(axis=1).all()
    found = sinkhorn(cost, regularization=1e-4, max_iter=100_000, tol=1e-9)
    assert_is_plan(found.plan, atol=1e-9)
    theirs = ot.emd([], [], cost)
    assert_allclose(np.sum(found.plan * cost), np.sum(theirs * cost), atol=12 * 9 * 1e-4)


def test_entropic_tends_to_exact_and_to_the_mean():
    pytest.importorskip("ot")
    cost = make_cost(n_source=20, n_target=20)
    best = exact(cost)
    gaps, distances = [], []
    for regularization in (0.1, 0.01, 0.001):
        plan = sinkhorn(cost, regularization=regularization, max_iter=20_000, tol=1e-9).plan
        # The optimal penalised value bounds the excess cost by reg * log(n * m).
        gaps.append(np.sum(plan * cost) - np.sum(best * cost))
        distances.append(np.abs(plan - best).sum())
        assert -1e-9 < gaps[-1] < regularization * np.log(20 * 20)
    assert gaps[0] > gaps[1] > gaps[2]
    assert distances[0] > distances[1] > distances[2]
    assert distances[2] < 0.1
    spread = sinkhorn(cost, regularization=1e9, **LOOSE).plan
    assert_allclose(spread, 1 / 400, rtol=1e-6)


def test_a_start_from_the_solution_is_the_solution():
    cost = make_cost()
    found = sinkhorn(cost, regularization=0.02, **LOOSE)
    again = sinkhorn(cost, regularization=0.02, potential=found.potential, max_iter=3, tol=1e-8)
    assert again.n_iter == 1
    assert_allclose(again.plan, found.plan, atol=1e-9)


def test_a_constant_on_the_cost_changes_nothing():
    cost = make_cost()
    plans = [sinkhorn(cost + c, regularization=0.1, **LOOSE).plan for c in (0.0, 5.0, -3.0)]
    assert_allclose(plans[1], plans[0], atol=1e-12)
    assert_allclose(plans[2], plans[0], atol=1e-12)


def test_swapped_domains_have_the_transposed_plan():
    cost = make_cost()
    plan = sinkhorn(cost, regularization=0.1, **LOOSE).plan
    swapped = sinkhorn(np.ascontiguousarray(cost.T), regularization=0.1, **LOOSE).plan
    assert_allclose(swapped.T, plan, atol=1e-11)


def test_blocks_of_rows_change_nothing(monkeypatch):
    cost = make_cost()
    plan = sinkhorn(cost, regularization=0.1, **LOOSE).plan
    monkeypatch.setattr("sktransfer._kernels.sinkhorn.BLOCK", 3 * 30 + 1)
    assert_allclose(sinkhorn(cost, regularization=0.1, **LOOSE).plan, plan, rtol=1e-8)


def test_the_cost_is_not_touched():
    cost = make_cost()
    cost.flags.writeable = False
    sinkhorn(cost, regularization=0.1, **LOOSE)
