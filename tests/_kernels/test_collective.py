"""Collective factorization: its objective, gradient and steps, next to loops and other solvers."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import approx_fprime
from scipy.sparse import csr_array
from sklearn.linear_model import LogisticRegression, Ridge

from sktransfer._kernels.collective import (
    LOSSES,
    Side,
    alternate,
    collect,
    descend,
    least_squares_factors,
    linear_predictor,
    objective,
    start,
    value_and_gradient,
)

N_SHARED, N_OWN = 7, (5, 4)
RIDGE = 0.7


def make_problem(loss, seed=0, *, n_components=2, n_features=(3, 2, 0)):
    """Two matrices with values in 25 and 20 places, some of them twice."""
    rng = np.random.default_rng(seed)
    cells, relations = [], []
    for n_own, n_values, weight, offset in zip(
        N_OWN, (25, 20), (0.8, 0.3), (0.4, -0.2), strict=True
    ):
        rows, columns = rng.integers(N_SHARED, size=n_values), rng.integers(n_own, size=n_values)
        values = {
            "squared": rng.normal(size=n_values),
            "logistic": rng.integers(2, size=n_values).astype(float),
            "poisson": rng.poisson(2.0, size=n_values).astype(float),
        }[loss]
        cells.append((rows, columns, values, weight, offset))
        rules = {"loss": loss, "weight": weight, "offset": offset}
        relations.append(collect(rows, columns, values, (N_SHARED, n_own), **rules))
    sides = [
        Side(
            rng.normal(size=(n, n_components + 1)),
            rng.normal(size=(n, p)),
            rng.normal(size=(p, n_components + 1)),
        )
        for n, p in zip((N_SHARED, *N_OWN), n_features, strict=True)
    ]
    return cells, relations, sides


HALF_DEVIANCE = {
    "squared": lambda x, mean: (x - mean) ** 2 / 2,
    "logistic": lambda x, mean: -np.log(mean if x else 1 - mean),
    "poisson": lambda x, mean: (x * np.log(x / mean) if x else 0) - (x - mean),
}
MEAN = {"squared": lambda e: e, "logistic": lambda e: 1 / (1 + np.exp(-e)), "poisson": np.exp}


@pytest.mark.parametrize("loss", LOSSES)
def test_objective_is_the_loss_of_each_value_and_the_penalty(loss):
    cells, relations, sides = make_problem(loss)
    expected = 0.0
    for side in sides:
        expected += RIDGE / 2 * np.sum((side.factors - side.features @ side.coef) ** 2)
        expected += RIDGE / 2 * np.sum(side.coef**2)
    for (rows, columns, values, weight, offset), own in zip(cells, sides[1:], strict=True):
        for row, column, value in zip(rows, columns, values, strict=True):
            user, item = sides[0].factors[row], own.factors[column]
            eta = offset + user[0] * item[0] + user[1] * item[1] + user[2] + item[2]
            expected += weight * HALF_DEVIANCE[loss](value, MEAN[loss](eta))
    assert_allclose(objective(relations, sides, loss=loss, ridge=RIDGE), expected)


@pytest.mark.parametrize("loss", LOSSES)
def test_gradient_is_that_of_finite_differences(loss):
    _, relations, sides = make_problem(loss)
    shapes = [each.shape for side in sides for each in (side.factors, side.coef)]
    ends = np.cumsum([np.prod(shape) for shape in shapes])[:-1]

    def value(vector):
        parts = [p.reshape(s) for p, s in zip(np.split(vector, ends), shapes, strict=True)]
        moved = [
            side._replace(factors=deviation + side.features @ coef, coef=coef)
            for side, deviation, coef in zip(sides, parts[::2], parts[1::2], strict=True)
        ]
        return objective(relations, moved, loss=loss, ridge=RIDGE)

    deviations = [side.factors - side.features @ side.coef for side in sides]
    pairs = zip(deviations, (side.coef for side in sides), strict=True)
    begin = np.concatenate([part.ravel() for pair in pairs for part in pair])
    _, gradient = value_and_gradient(relations, sides, loss=loss, ridge=RIDGE)
    found = np.concatenate([part.ravel() for pair in gradient for part in pair])
    assert_allclose(found, approx_fprime(begin, value), rtol=1e-4, atol=1e-5)


def test_factors_of_an_entity_are_those_of_its_own_least_squares_problem():
    cells, relations, sides = make_problem("squared")
    parts = []
    for relation, side in zip(relations, sides[1:], strict=True):
        places, offset = (relation.rows, relation.columns), relation.offset * relation.counts
        counts = csr_array((relation.counts, places), shape=relation.shape)
        sums = csr_array((relation.sums - offset, places), shape=relation.shape)
        parts.append((counts, sums, side.factors, relation.weight))
    prior = sides[0].features @ sides[0].coef
    found = least_squares_factors(parts, prior, ridge=RIDGE)
    for user in range(N_SHARED):
        rows, right = [np.sqrt(RIDGE) * np.eye(3)], [np.sqrt(RIDGE) * prior[user]]
        for (users, items, values, weight, offset), side in zip(cells, sides[1:], strict=True):
            own = side.factors[items[users == user]]
            rows.append(np.sqrt(weight) * np.column_stack([own[:, :2], np.ones(len(own))]))
            right.append(np.sqrt(weight) * (values[users == user] - offset - own[:, 2]))
        expected = np.linalg.lstsq(np.concatenate(rows), np.concatenate(right))[0]
        assert_allclose(found[user], expected)


@pytest.mark.parametrize("n_features", [(0, 0, 0), (3, 2, 0)])
def test_alternating_least_squares_falls_to_a_point_without_slope(n_features):
    _, relations, sides = make_problem("squared", n_features=n_features)
    sides, curve, converged = alternate(relations, sides, ridge=RIDGE, max_iter=20_000, tol=1e-15)
    assert converged
    assert np.all(np.diff(curve) <= 1e-12)
    value, gradient = value_and_gradient(relations, sides, loss="squared", ridge=RIDGE)
    assert_allclose(value, curve[-1])
    assert max(np.abs(part).max(initial=0) for pair in gradient for part in pair) < 1e-5


def test_descent_falls_and_agrees_with_least_squares_without_factors():
    _, relations, sides = make_problem("squared", n_components=0)
    exact, curve, _ = alternate(relations, sides, ridge=RIDGE, max_iter=10_000, tol=1e-15)
    found, falling, _ = descend(
        relations, sides, loss="squared", ridge=RIDGE, max_iter=1000, tol=1e-15
    )
    assert np.all(np.diff(falling) <= 0)
    assert_allclose(falling[-1], curve[-1], rtol=1e-9)
    for one, other in zip(found, exact, strict=True):
        assert_allclose(one.factors, other.factors, atol=1e-5)


def _dummies(rows, columns):
    """A column for each shared entity and for each own one."""
    return np.column_stack([np.eye(N_SHARED)[rows], np.eye(N_OWN[0])[columns]])


def test_biases_are_those_of_ridge_and_of_logistic_regression():
    rng = np.random.default_rng(0)
    rows, columns = rng.integers(N_SHARED, size=40), rng.integers(N_OWN[0], size=40)
    shape, nothing = (N_SHARED, N_OWN[0]), [np.empty((n, 0)) for n in (N_SHARED, N_OWN[0])]
    models = {
        "squared": (Ridge(RIDGE, fit_intercept=False), rng.normal(size=40)),
        "logistic": (
            LogisticRegression(C=1 / RIDGE, fit_intercept=False, tol=1e-10),
            np.arange(40) % 2.0,
        ),
    }
    for loss, (model, values) in models.items():
        relations = [collect(rows, columns, values, shape, loss=loss, weight=1.0, offset=0.0)]
        sides = start(N_SHARED, relations, nothing, n_components=0, generator=None)
        rules = {"ridge": RIDGE, "max_iter": 10_000, "tol": 1e-15}
        if loss == "squared":
            sides, *_ = alternate(relations, sides, **rules)
        else:
            sides, *_ = descend(relations, sides, loss=loss, **rules)
        found = np.concatenate([side.factors.ravel() for side in sides])
        coef = model.fit(_dummies(rows, columns), values).coef_
        assert_allclose(found, np.ravel(coef), atol=1e-4)


def test_the_start_of_the_first_matrix_does_not_depend_on_others():
    _, relations, _ = make_problem("squared")
    features = [np.empty((n, 0)) for n in (N_SHARED, *N_OWN)]
    both, alone = (
        start(
            N_SHARED,
            relations[:n],
            features[: n + 1],
            n_components=2,
            generator=np.random.RandomState(0),
        )
        for n in (2, 1)
    )
    assert_array_equal(both[1].factors, alone[1].factors)
    assert not both[0].factors.any()
    assert both[2].factors.any()


def test_exponents_of_a_line_search_stay_finite():
    with np.errstate(all="raise"):
        assert np.isfinite(LOSSES["poisson"].mean(np.array([1e6])) ** 1.2).all()


def test_linear_predictor_of_a_pair_by_hand():
    assert linear_predictor(np.array([[2.0, 3.0, 0.5]]), np.array([[4.0, 5.0, 0.25]])) == [
        2 * 4 + 3 * 5 + 0.5 + 0.25
    ]
