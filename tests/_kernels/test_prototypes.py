"""Class means, unit rows, and the whitening within classes."""

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.covariance import ledoit_wolf

from sktransfer._kernels import prototypes

RNG = np.random.default_rng(0)
CODES = np.repeat([0, 1, 2], [8, 1, 6])
X = RNG.normal(size=(15, 4)) * [1, 2, 3, 4] + CODES[:, None]


def test_class_means():
    expected = [X[code == CODES].mean(axis=0) for code in range(3)]
    assert_allclose(prototypes.class_means(X, CODES), expected)


def test_unit_rows_have_length_1_at_any_scale_and_zeros_stay():
    for scale in (1e-200, 1.0, 1e200):
        assert_allclose(np.linalg.norm(prototypes.unit_rows(X * scale), axis=1), 1)
    assert_array_equal(prototypes.unit_rows(np.zeros((2, 3))), np.zeros((2, 3)))


def test_the_covariance_within_classes_is_shrunk_as_by_scikit_learn():
    residuals = X - prototypes.class_means(X, CODES)[CODES]
    expected = ledoit_wolf(residuals, assume_centered=True)[0] * 15 / (15 - 3)
    assert_allclose(prototypes.within_class_covariance(X, CODES), expected)


def test_the_covariance_of_many_rows_is_the_plain_one():
    root = np.array([[2.0, 0, 0], [1, 1, 0], [0, 0, 3]])
    codes = np.arange(40000) % 50
    rows = RNG.normal(size=(40000, 3)) @ root + 5 * codes[:, None]
    assert_allclose(prototypes.within_class_covariance(rows, codes), root.T @ root, atol=0.2)


def test_whitened_rows_have_the_identity_as_covariance():
    covariance = prototypes.within_class_covariance(X, CODES)
    whitening = prototypes.inverse_root(covariance)
    assert_allclose(whitening @ covariance @ whitening, np.eye(4), atol=1e-12)
    assert_allclose(whitening, whitening.T, atol=1e-14)


def test_equal_rows_have_no_covariance():
    assert_array_equal(prototypes.within_class_covariance(np.ones((4, 2)), np.zeros(4, int)), 0)


def test_distances_computed_by_hand():
    rows, means = np.array([[3.0, 4.0], [0.0, 0.0]]), np.array([[0.0, 2.0], [4.0, 3.0]])
    assert_allclose(prototypes.squared_distances(rows, means), [[13, 2], [4, 25]])
    assert_allclose(prototypes.cosine_distances(rows, means), [[1 - 4 / 5, 1 - 24 / 25], [1, 1]])
