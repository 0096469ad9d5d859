"""Transport plans: their marginals, their limits, their optimality, and POT as a second opinion."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sktransfer._kernels.density_ratio import squared_distances
from sktransfer._kernels.transport import (
    class_regularized,
    class_shares,
    displacement_map,
    exact,
    monge_maps,
    nearest_rows,
    sinkhorn,
)

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
    # Optimal exactly where cost + reg * log(plan) is a sum of a function of the row and one of the
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
    monkeypatch.setattr("sktransfer._kernels.transport.BLOCK", 3 * 30 + 1)
    assert_allclose(sinkhorn(cost, regularization=0.1, **LOOSE).plan, plan, rtol=1e-8)


def test_the_cost_is_not_touched():
    cost = make_cost()
    cost.flags.writeable = False
    classes = np.arange(40) % 3
    sinkhorn(cost, regularization=0.1, **LOOSE)
    class_regularized(cost, classes, regularization=0.1, class_regularization=0.1, **LOOSE)


def test_exact_on_a_line_is_the_monotone_rearrangement():
    pytest.importorskip("ot")
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=25), rng.exponential(size=25)
    plan = exact(squared_distances(x[:, None], y[:, None]))
    assert_is_plan(plan, atol=1e-12)
    images = displacement_map(x[:, None], y[:, None], plan)(x[:, None]).ravel()
    assert_allclose(images[np.argsort(x)], np.sort(y), atol=1e-12)


def test_exact_is_the_best_assignment():
    pytest.importorskip("ot")
    from scipy.optimize import linear_sum_assignment

    cost = make_cost(n_source=30, n_target=30)
    rows, columns = linear_sum_assignment(cost)
    expected = np.zeros((30, 30))
    expected[rows, columns] = 1 / 30
    assert_allclose(exact(cost), expected, atol=1e-14)


OBJECTIVE = {"regularization": 0.05, "class_regularization": 0.3}


def objective(plan, cost, classes, *, regularization, class_regularization, epsilon):
    """The value that the class-regularised plan minimises, in the module docstring's words."""
    entropy = np.sum(plan * (np.log(plan) - 1))
    roots = np.sqrt(class_shares(plan, classes) + epsilon).sum(axis=0).mean()
    return np.sum(plan * cost) + regularization * entropy + class_regularization * roots


def test_shares_of_classes_by_hand():
    plan = np.array([[0.1, 0.2], [0.3, 0.1], [0.1, 0.2]])
    shares = class_shares(plan, np.array([1, 0, 1]))
    assert_allclose(shares, 2 * np.array([[0.3, 0.1], [0.2, 0.4]]))
    shares = class_shares(plan, np.array([-1, 0, 1]))
    assert_allclose(shares, 2 * np.array([[0.3, 0.1], [0.1, 0.2]]))


def test_no_turn_raises_the_objective():
    cost, classes, values = make_cost(), np.arange(40) % 3, []
    for turns in range(1, 8):
        found = class_regularized(cost, classes, epsilon=1e-3, turns=turns, **OBJECTIVE, **LOOSE)
        assert_is_plan(found.plan)
        values.append(objective(found.plan, cost, classes, epsilon=1e-3, **OBJECTIVE))
    assert (np.diff(values) < 1e-9).all()
    assert values[-1] < values[0] - 1e-3


def test_the_class_regularised_plan_is_stationary():
    # cost + reg * log(plan) + eta / 2 * (share + epsilon)^-1/2 is a row's plus a column's function.
    cost, classes = make_cost(), np.arange(40) % 3
    found = class_regularized(cost, classes, epsilon=1e-1, turns=200, **OBJECTIVE, **LOOSE)
    slope = 0.3 / 2 * (class_shares(found.plan, classes) + 1e-1) ** -0.5
    sums = cost + 0.05 * np.log(found.plan) + slope[classes]
    assert_allclose(sums - sums[:1] - sums[:, :1] + sums[0, 0], 0, atol=1e-6)


def test_the_class_regularised_plan_is_that_of_pot():
    # POT writes masses for shares, so eta is eta / m^1/2 and its epsilon of 1e-3 is m * 1e-3.
    pytest.importorskip("ot")
    from ot.da import sinkhorn_lpl1_mm

    cost, classes, n_target = make_cost(), np.arange(40) % 3, 30
    found = class_regularized(
        cost,
        classes,
        regularization=0.1,
        class_regularization=0.2 * n_target**0.5,
        epsilon=n_target * 1e-3,
        turns=10,
        max_iter=2_000,
        tol=1e-13,
    )
    masses = np.full(40, 1 / 40), np.full(30, 1 / 30)
    theirs = sinkhorn_lpl1_mm(
        masses[0], classes, masses[1], cost, 0.1, eta=0.2, numInnerItermax=2_000, stopInnerThr=1e-14
    )
    assert_allclose(found.plan, theirs, rtol=1e-5, atol=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_target_rows_receive_less_of_a_second_class(seed):
    # What the regulariser is for: the sum of the roots of shares is 1 where one class has all.
    cost, classes = make_cost(seed=seed), np.arange(40) % 3
    plain = class_shares(sinkhorn(cost, regularization=0.05, **LOOSE).plan, classes)
    apart = class_shares(class_regularized(cost, classes, **OBJECTIVE, **LOOSE).plan, classes)
    assert_allclose(apart.sum(axis=0), 1, atol=1e-8)
    assert np.sqrt(apart).sum(axis=0).mean() < np.sqrt(plain).sum(axis=0).mean() - 0.1
    assert (apart.max(axis=0) > 0.99).sum() > 2 * (plain.max(axis=0) > 0.99).sum()


def test_rows_without_a_label_are_not_regularised():
    cost = make_cost()
    classes = np.where(np.arange(40) < 39, -1, 0)
    some = class_regularized(cost, classes, **OBJECTIVE, turns=2, **LOOSE)
    plain = sinkhorn(cost, regularization=0.05, **LOOSE)
    slope = np.zeros((40, 30))
    slope[39] = 0.3 / 2 * (class_shares(plain.plan, classes)[0] + 1e-3) ** -0.5
    by_hand = sinkhorn(cost + slope, regularization=0.05, **LOOSE)
    assert_allclose(some.plan, by_hand.plan, atol=1e-11)


def test_without_weight_the_classes_change_nothing():
    cost, classes = make_cost(), np.arange(40) % 3
    found = class_regularized(cost, classes, regularization=0.1, class_regularization=0, **LOOSE)
    plain = sinkhorn(cost, regularization=0.1, **LOOSE)
    assert_allclose(found.plan, plain.plan, atol=1e-11)
    assert found.n_iter == plain.n_iter  # of the turn that took most, which is the first


def test_rows_of_fit_go_to_their_barycentres():
    X, X_target = make_domains()
    plan = sinkhorn(make_cost(), regularization=0.1, **LOOSE).plan
    mapped = displacement_map(X, X_target, plan)(X)
    assert_allclose(mapped, 40 * plan @ X_target, atol=1e-9)


def test_new_rows_move_as_the_nearest_one_does():
    X = np.array([[0.0, 0.0], [10.0, 0.0]])
    moved = displacement_map(X, np.array([[1.0, 1.0], [10.0, 5.0]]), np.eye(2) / 2)
    new = np.array([[1.0, -1.0], [9.0, 2.0], [400.0, 0.0]])
    assert_allclose(moved(new), new + [[1, 1], [0, 5], [0, 5]])
    assert_array_equal(moved(new), np.concatenate([moved(row[None]) for row in new]))


def test_equal_rows_have_the_mean_of_their_images():
    X = np.array([[0.0], [3.0], [-0.0]])
    moved = displacement_map(X, np.array([[1.0], [2.0], [6.0]]), np.eye(3) / 3)
    assert_allclose(moved(X), [[(1 + 6) / 2], [2], [(1 + 6) / 2]])


def test_the_nearest_row_is_found_where_rounding_hides_it():
    rng = np.random.default_rng(0)
    X_fit = 1e6 * rng.normal(size=(50, 4))
    X_fit = np.concatenate([X_fit, X_fit + 1e-6])
    squared = squared_distances(X_fit, X_fit, center=X_fit.mean(axis=0))
    assert (squared.argmin(axis=1) != np.arange(100)).any()
    assert_array_equal(nearest_rows(X_fit, X_fit), np.arange(100))


def test_the_monge_map_is_the_closed_form_and_that_of_pot():
    ot = pytest.importorskip("ot")
    X, X_target = make_domains(n_source=200, n_target=150, n_features=5)
    (moved,) = monge_maps([X], X_target, ridge=1e-9)

    def root(matrix):
        values, vectors = np.linalg.eigh(matrix)
        return (vectors * np.sqrt(values)) @ vectors.T

    source, target = np.cov(X.T) + 1e-9 * np.eye(5), np.cov(X_target.T) + 1e-9 * np.eye(5)
    inverse = np.linalg.inv(root(source))
    matrix = inverse @ root(root(source) @ target @ root(source)) @ inverse
    expected = (X - X.mean(axis=0)) @ matrix + X_target.mean(axis=0)
    assert_allclose(moved(X), expected, atol=1e-8)
    means = X.mean(axis=0), X_target.mean(axis=0)
    matrix, offset = ot.gaussian.bures_wasserstein_mapping(*means, source, target)
    assert_allclose(moved(X), X @ matrix + offset, atol=1e-8)


def test_the_monge_map_on_a_line_by_hand():
    X, X_target = np.array([[1.0], [2.0], [3.0]]), np.array([[10.0], [30.0], [50.0]])
    # Variances 1 and 400: the map is the ratio of the deviations, sqrt((400 + r) / (1 + r)).
    (moved,) = monge_maps([X], X_target, ridge=0.5)
    assert_allclose(moved(X), (X - 2) * np.sqrt(400.5 / 1.5) + 30)
