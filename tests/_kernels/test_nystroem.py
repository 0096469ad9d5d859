"""Nystroem's features: exact on the landmarks, and never above the kernel."""

import numpy as np
from numpy.testing import assert_allclose
from sklearn.metrics.pairwise import rbf_kernel

from sktransfer._kernels.nystroem import inverse_root


def test_the_root_is_that_of_the_inverse():
    X = np.random.default_rng(0).normal(size=(9, 3))
    K = rbf_kernel(X)
    root = inverse_root(K, cutoff=1e-12)
    assert_allclose(root @ root.T, np.linalg.inv(K), rtol=1e-8)


def test_features_have_the_kernel_of_landmarks_and_a_smaller_one_elsewhere():
    rng = np.random.default_rng(0)
    landmarks, X = rng.normal(size=(9, 3)), rng.normal(size=(40, 3))
    root = inverse_root(rbf_kernel(landmarks), cutoff=1e-12)
    among, rows = rbf_kernel(landmarks) @ root, rbf_kernel(X, landmarks) @ root
    assert_allclose(among @ among.T, rbf_kernel(landmarks), atol=1e-10)
    left_over = rbf_kernel(X) - rows @ rows.T
    assert np.linalg.eigvalsh(left_over).min() > -1e-10
    assert left_over.diagonal().min() > 1e-3


def test_directions_that_are_rounding_are_left_out():
    rows = np.array([[1.0, 0.0], [2.0, 0.0], [0.0, 3.0]])
    assert inverse_root(rows @ rows.T, cutoff=1e-12).shape == (3, 2)
    assert_allclose(inverse_root(np.zeros((3, 3)), cutoff=1e-12), np.zeros((3, 1)), atol=0)
