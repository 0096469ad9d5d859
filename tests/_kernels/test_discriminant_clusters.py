"""Discriminant clusters: the maps against their definitions, and an objective that only grows."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from sktransfer._kernels.discriminant_clusters import (
    centers_of,
    class_offsets,
    discriminant_clusters,
    leading_directions,
    nearest_centers,
    whitening_map,
)


def draw(n_rows=60, n_features=5, n_classes=3, seed=0):
    rng = np.random.default_rng(seed)
    codes = np.arange(n_rows) % n_classes
    X = rng.normal(size=(n_rows, n_features)) @ rng.normal(size=(n_features, n_features))
    X += 3 * rng.normal(size=(n_classes, n_features))[codes]
    return X - X.mean(axis=0), codes


def test_without_a_ridge_rows_become_white_within_classes():
    X, codes = draw()
    within = X - centers_of(X, codes, 3)[codes]
    white = within @ whitening_map([within[:40], within[40:]], ridge=1e-13)
    assert_allclose(white.T @ white / len(X), np.eye(5), atol=1e-8)


def test_a_large_ridge_leaves_the_shape_of_the_rows():
    X, _ = draw()
    root = whitening_map([X], ridge=1e9)
    assert_allclose(root / root[0, 0], np.eye(5), atol=1e-8)
    assert_array_equal(whitening_map([np.zeros((3, 2))], ridge=1.0), np.eye(2))


def test_offsets_give_the_covariance_between_classes():
    X, codes = draw()
    codes = np.minimum(codes, (np.arange(60) > 10) * 2)  # classes of several sizes
    means = np.array([X[codes == code].mean(axis=0) for code in range(3)])
    expected = np.cov(means[codes].T, bias=True)
    offsets = class_offsets(X, codes)
    assert_allclose(offsets.T @ offsets, expected, atol=1e-12)


def test_directions_are_those_of_linear_discriminant_analysis():
    X, codes = draw()
    within = X - centers_of(X, codes, 3)[codes]
    root = whitening_map([within], ridge=1e-13)
    directions, variances = leading_directions(class_offsets(X @ root, codes), 2)
    other = LinearDiscriminantAnalysis(solver="eigen").fit(X, codes)
    ratio = (root @ directions) / other.scalings_[:, :2]
    assert_allclose(ratio / ratio[0], np.ones((5, 2)), rtol=1e-6)
    assert_allclose(variances / variances.sum(), other.explained_variance_ratio_[:2], rtol=1e-8)


def test_nearest_centers_are_those_of_all_distances():
    X, _ = draw()
    centers = X[:4]
    distances = ((X[:, None] - centers) ** 2).sum(axis=2)
    nearest, squares = nearest_centers(X, centers)
    assert_array_equal(nearest, distances.argmin(axis=1))
    assert_allclose(squares, distances.min(axis=1), atol=1e-10)


@pytest.mark.parametrize("n_components", [1, 2, 5])
def test_no_turn_makes_the_objective_smaller(n_components):
    for seed in range(10):
        X, _ = draw(seed=seed)
        labels = np.random.default_rng(seed).permutation(np.arange(60) % 4)
        fixed = np.random.default_rng(seed + 50).normal(size=(3, 5)) * 0.3
        directions, found, objective = discriminant_clusters(
            X, labels, fixed, n_components, max_iter=100
        )
        assert (np.diff(objective) >= -1e-12).all()
        assert sorted(set(found)) == [0, 1, 2, 3]
        between = np.vstack([class_offsets(X, found), fixed]) @ directions
        assert_allclose(objective[-1], (between**2).sum(), rtol=1e-10)
        # at the end each row is in the cluster of its nearest center
        embedded = X @ directions
        assert_array_equal(nearest_centers(embedded, centers_of(embedded, found, 4))[0], found)
