"""Transport plans: their marginals, their limits, their optimality, and POT as a second opinion."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sktransfer._kernels.density_ratio import squared_distances
from sktransfer._kernels.sinkhorn import sinkhorn
from sktransfer._kernels.transport import (
    class_regularized,
    class_shares,
    displacement_map,
    exact,
    monge_maps,
    nearest_rows,
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


def assert_is_plan(plan, atol=1e-10):
    n_source, n_target = plan.shape
    assert (plan >= 0).all()
    assert_allclose(plan.sum(axis=1), 1 / n_source, rtol=1e-10)
    assert_allclose(plan.sum(axis=0), 1 / n_target, atol=atol)


def test_the_cost_is_not_touched():
    cost, classes = make_cost(), np.arange(40) % 3
    cost.flags.writeable = False
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
    # The aim of the regularizer: the sum of the roots of shares is 1 if one class has all.
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
