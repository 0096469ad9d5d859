"""The ridge probe against refits without the row, and its permutations against single fits."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.linear_model import Ridge

from sktransfer._kernels.feature_scores import standardized
from sktransfer._kernels.ridge_probe import (
    PENALTIES,
    adjusted_p_values,
    error_without_features,
    probe,
)

SHAPES = pytest.mark.parametrize("shape", [(9, 20), (20, 4)])


def make_rows(shape):
    rng = np.random.default_rng(0)
    codes = np.arange(shape[0]) % 3
    X = rng.normal(size=shape) * rng.uniform(1, 5, size=shape[1])
    X[:, 0] += codes
    return X, np.eye(3)[codes]


def errors_of_refits(X, values):
    """Return the error of each row by fits of the others, for each penalty."""
    Z = standardized(X)
    rank = np.linalg.matrix_rank(Z)
    found = []
    for penalty in PENALTIES:
        alpha = penalty * np.sum(Z**2) / rank
        rests = [np.delete(np.arange(len(Z)), row) for row in range(len(Z))]
        fits = [Ridge(alpha=alpha).fit(Z[rest], values[rest]) for rest in rests]
        predicted = np.array([fit.predict(Z[[row]])[0] for row, fit in enumerate(fits)])
        found.append(np.mean(np.sum((values - predicted) ** 2, axis=1)))
    return found


@SHAPES
def test_the_error_is_that_of_fits_without_the_row(shape):
    X, values = make_rows(shape)
    error, predictions, _ = probe(X, values)
    assert_allclose(error, min(errors_of_refits(X, values)), rtol=1e-8)
    assert_allclose(np.mean(np.sum((values - predictions) ** 2, axis=1)), error)


@SHAPES
def test_a_permutation_gives_the_error_of_permuted_labels(shape, monkeypatch):
    monkeypatch.setattr("sktransfer._kernels.ridge_probe._AT_ONCE", 2 * 3 * shape[0])
    X, values = make_rows(shape)
    orders = [np.random.default_rng(seed).permutation(len(X)) for seed in range(5)]
    _, _, permuted = probe(X, values, orders)
    assert_allclose(permuted, [probe(X, values[order])[0] for order in orders])


def test_features_that_are_constant_give_the_error_of_the_mean():
    values = np.eye(3)[np.arange(9) % 3]
    error, predictions, _ = probe(np.ones((9, 2)), values)
    assert_allclose(error, error_without_features(values))
    assert_allclose(predictions[0], [2 / 8, 3 / 8, 3 / 8])  # the row itself is missing


def test_p_values_count_the_best_of_all_candidates_in_each_permutation():
    permuted = np.array([[1.0, 2.0, 3.0], [4.0, 0.0, 0.0]])
    found = adjusted_p_values(np.array([3.5, 2.5, 9.0]), permuted)
    assert_allclose(found, [(1 + 1) / 4, (1 + 2) / 4, 1 / 4])
