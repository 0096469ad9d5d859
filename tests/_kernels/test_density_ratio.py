"""Density ratios: their definitions, second implementations, limits and invariances."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.spatial.distance import cdist

from sktransfer._kernels.density_ratio import (
    effective_sample_size,
    gaussian,
    squared_distances,
    ulsif,
    ulsif_scores,
)


def make_phi(seed=0, n_source=12, n_target=9, n_centers=5):
    rng = np.random.default_rng(seed)
    X_source, X_target = rng.normal(size=(n_source, 2)), rng.normal(1, 0.7, size=(n_target, 2))
    centers = X_target[:n_centers]
    return (
        gaussian(squared_distances(X_source, centers), width=0.8),
        gaussian(squared_distances(X_target, centers), width=0.8),
    )


def test_squared_distances_are_those_of_scipy_however_far_the_origin():
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(7, 3)), rng.normal(size=(4, 3))
    expected = cdist(X, Y, "sqeuclidean")
    assert_allclose(squared_distances(X, Y), expected, rtol=1e-12)
    assert_allclose(squared_distances(X + 1e6, Y + 1e6), expected, rtol=1e-7)
    assert (squared_distances(X / 3, X / 3) >= 0).all()


def test_a_row_far_out_costs_the_other_distances_no_digit():
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(7, 3)), rng.normal(size=(4, 3))
    far = np.r_[Y, [[1e8, -1e8, 1e8]]]
    assert_allclose(squared_distances(X, far)[:, :4], cdist(X, Y, "sqeuclidean"), rtol=1e-12)
    assert_allclose(squared_distances(far, X)[:4], cdist(Y, X, "sqeuclidean"), rtol=1e-12)


def test_gaussian_by_hand():
    assert_allclose(gaussian(np.array([0.0, 8.0]), width=2.0), [1, np.exp(-1)], rtol=1e-15)


def test_effective_sample_size_by_hand():
    assert effective_sample_size(np.array([2.0, 2.0, 2.0])) == 3
    assert effective_sample_size(np.array([0.0, 5.0, 0.0])) == 1
    assert effective_sample_size(np.array([1.0, 3.0])) == 16 / 10
    assert effective_sample_size(np.array([])) == effective_sample_size(np.zeros(3)) == 0
    assert effective_sample_size(np.array([2.0**-1000, 3 * 2.0**-1000])) == 16 / 10


def test_ulsif_by_hand():
    # One centre: H = (1 + 4) / 2, h = (1 + 3) / 2.
    phi_source, phi_target = np.array([[1.0], [2.0]]), np.array([[1.0], [3.0]])
    theta = ulsif(phi_source, phi_target, alpha=0, ridge=0.5)
    assert_allclose(theta, [2 / (5 / 2 + 1 / 2)], rtol=1e-14)
    theta = ulsif(phi_source, phi_target, alpha=0.25, ridge=0.5)
    assert_allclose(theta, [2 / (3 / 4 * 5 / 2 + 1 / 4 * 10 / 2 + 1 / 2)], rtol=1e-14)


@pytest.mark.parametrize("alpha", [0, 0.3])
def test_ulsif_minimises_its_squared_error_before_the_clipping(alpha):
    phi_source, phi_target = make_phi(n_centers=3)
    theta = ulsif(phi_source, phi_target, alpha=alpha, ridge=1.0)
    assert (theta > 0).all()

    def objective(theta):
        on_source, on_target = phi_source @ theta, phi_target @ theta
        mixture = alpha * np.mean(on_target**2) + (1 - alpha) * np.mean(on_source**2)
        return mixture / 2 - np.mean(on_target) + theta @ theta / 2

    for step in 1e-3 * np.eye(3):
        assert objective(theta) < min(objective(theta + step), objective(theta - step))
        slope = (objective(theta + step) - objective(theta - step)) / 2e-3
        assert_allclose(slope, 0, atol=1e-10)


def test_ulsif_clips_at_zero():
    rng = np.random.default_rng(0)
    phi_source, phi_target = rng.normal(size=(20, 6)), rng.normal(size=(15, 6))
    H = phi_source.T @ phi_source / 20 + 0.01 * np.eye(6)
    free = np.linalg.solve(H, phi_target.mean(axis=0))
    assert (free < 0).any()
    theta = ulsif(phi_source, phi_target, alpha=0, ridge=0.01)
    assert_allclose(theta, np.maximum(free, 0), rtol=1e-10)


def refitted_score(phi_source, phi_target, *, alpha, ridge):
    """Leave each pair out, fit again on the others, clip, and look at the pair."""
    pairs = list(zip(phi_source, phi_target, strict=False))
    losses = []
    for i, (phi_s, phi_t) in enumerate(pairs):
        others = np.delete(phi_source, i, axis=0), np.delete(phi_target, i, axis=0)
        theta = ulsif(*others, alpha=alpha, ridge=ridge)
        r_source, r_target = phi_s @ theta, phi_t @ theta
        losses.append(alpha / 2 * r_target**2 - r_target + (1 - alpha) / 2 * r_source**2)
    return np.mean(losses)


@pytest.mark.parametrize("alpha", [0, 0.1, 0.7])
@pytest.mark.parametrize(("n_source", "n_target"), [(12, 9), (6, 20), (2, 2)])
def test_ulsif_leave_one_out_equals_refitting(alpha, n_source, n_target):
    phi_source, phi_target = make_phi(n_source=n_source, n_target=n_target)
    ridges = np.array([0.001, 0.3, 5.0])
    scores = ulsif_scores(phi_source, phi_target, alpha=alpha, ridges=ridges)
    expected = [
        refitted_score(phi_source, phi_target, alpha=alpha, ridge=ridge) for ridge in ridges
    ]
    assert_allclose(scores, expected, rtol=1e-9)


def test_some_of_the_solutions_left_out_are_clipped():
    phi_source, phi_target = make_phi()
    H = phi_source.T @ phi_source / 12 + 0.001 * np.eye(5)
    assert (np.linalg.solve(H, phi_target.mean(axis=0)) < 0).any()
