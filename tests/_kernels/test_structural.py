"""Shared structure: information and predictors against their definitions."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.sparse import csr_array
from sklearn.linear_model import Ridge
from sklearn.metrics import mutual_info_score

from sktransfer._kernels.structural import (
    information,
    mean_square_length,
    predictors,
    shared_directions,
    shared_frequency,
)


def make_rows(n_rows=50, n_features=7, seed=0):
    rng = np.random.default_rng(seed)
    return (rng.uniform(size=(n_rows, n_features)) < 0.3) * rng.integers(1, 4, n_features) + 0.0


def test_frequency_is_that_of_the_domain_where_it_is_smallest():
    counts = np.array([[10, 2, 0], [5, 20, 20]])
    assert_allclose(shared_frequency(counts, np.array([20, 50])), [5 / 50, 2 / 20, 0])


def test_information_is_that_of_scikit_learn():
    rng = np.random.default_rng(0)
    y = rng.integers(3, size=200)
    present = rng.uniform(size=(200, 6)) < np.array([0.1, 0.5, 0.8])[y][:, None]
    present[:, 4], present[:, 5] = True, y == 1
    counts = np.array([present[y == c].sum(axis=0) for c in range(3)]).astype(float)
    found = information(counts, np.bincount(y))
    expected = [mutual_info_score(y, column) for column in present.T]
    assert_allclose(found, expected, atol=1e-12)
    assert found[4] == pytest.approx(0, abs=1e-12)


def test_information_by_hand():
    # Two classes of 4 rows; the feature is in 3 of one and in 1 of the other.
    expected = (
        3 / 8 * np.log((3 / 8) / (4 / 8 * 4 / 8)) * 2
        + 1 / 8 * np.log((1 / 8) / (4 / 8 * 4 / 8)) * 2
    )
    assert_allclose(information(np.array([[3.0], [1.0]]), np.array([4, 4])), [expected])


@pytest.mark.parametrize("make", [np.asarray, csr_array])
@pytest.mark.parametrize("n_rows", [50, 5])
def test_weights_are_those_of_ridge_regression(n_rows, make):
    X = make_rows(n_rows)
    Y = np.random.default_rng(1).normal(size=(n_rows, 3)) * [1, 10, 0.1] + 4
    weights = predictors(make(X), Y, ridge=0.3)
    scale = np.mean(np.sum((X - X.mean(axis=0)) ** 2, axis=0))
    expected = Ridge(0.3 * scale).fit(X, Y / Y.std(axis=0)).coef_.T
    assert_allclose(weights, expected, atol=1e-10)


def test_weights_do_not_depend_on_units_but_by_their_inverse():
    X, Y = make_rows(), make_rows(seed=1)[:, :2]
    weights = predictors(X, Y, ridge=0.3)
    assert_allclose(predictors(10 * X, 3 * Y, ridge=0.3), weights / 10, atol=1e-12)
    twice = predictors(np.tile(X, (2, 1)), np.tile(Y, (2, 1)), ridge=0.3)
    assert_allclose(twice, weights, atol=1e-12)


def test_a_constant_pivot_has_no_weights():
    weights = predictors(make_rows(), np.ones((50, 1)), ridge=1.0)
    assert_allclose(weights, 0, atol=1e-12)
    assert_allclose(predictors(np.zeros((5, 3)), make_rows(5)[:, :2], ridge=1.0), 0, atol=1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_directions_are_left_singular_vectors_with_a_positive_largest_entry(seed):
    rng = np.random.default_rng(seed)
    weights = rng.normal(size=(9, 2)) @ rng.normal(size=(2, 5))
    directions, values = shared_directions(weights, n_components=4)
    assert directions.shape == (9, 2)
    assert_allclose(directions.T @ directions, np.eye(2), atol=1e-12)
    assert_allclose(weights @ weights.T @ directions, directions * values**2, atol=1e-9)
    assert (directions[np.abs(directions).argmax(axis=0), [0, 1]] > 0).all()
    assert shared_directions(weights, n_components=1)[0].shape == (9, 1)
    assert shared_directions(np.zeros((4, 3)), n_components=3)[0].shape == (4, 1)


def test_mean_square_length():
    X = np.array([[3.0, 4.0], [0.0, 1.0]])
    assert mean_square_length(X) == mean_square_length(csr_array(X)) == (25 + 1) / 2
