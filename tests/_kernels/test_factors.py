"""Factors of tall matrices: what they are multiplied back to, either way, and their digits."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sktransfer._kernels import factors
from sktransfer._kernels.factors import (
    leading_singular_vectors,
    orthogonal_factor,
    triangle_inverse,
)


def make_matrices():
    """Matrices whose columns are far from dependent, near to it, dependent, 0, and too many."""
    rng = np.random.default_rng(0)
    plain = rng.normal(size=(40, 6))
    near, dependent, zero = plain.copy(), plain.copy(), plain.copy()
    near[:, 3] = near[:, 1] + 1e-6 * near[:, 3]
    dependent[:, 3] = dependent[:, 1] - 2 * dependent[:, 5]
    zero[:, [0, 4]] = 0
    return {
        "plain": plain,
        "scaled": plain * [1e8, 1, 1e-4, 1, 1e5, 1],
        "near": near,
        "dependent": dependent,
        "zero": zero,
        "all zero": np.zeros((9, 3)),
        "wide": rng.normal(size=(5, 8)),
        "square": rng.normal(size=(5, 5)),
    }


@pytest.mark.parametrize("condition", [factors.CONDITION, 0.0], ids=["as it comes", "reflections"])
@pytest.mark.parametrize("name", make_matrices())
def test_factors_multiply_to_the_matrix_and_are_what_they_are_called(name, condition, monkeypatch):
    monkeypatch.setattr(factors, "CONDITION", condition)
    Y = make_matrices()[name]
    R, lift = orthogonal_factor(Y)
    Q = lift(np.eye(len(R)))
    lengths = np.linalg.norm(Y, axis=0)
    assert_allclose(Q @ R, Y, atol=1e-14 * lengths.max(), rtol=1e-9)
    assert_allclose(R, np.triu(R), atol=0)
    used = np.linalg.norm(Q, axis=0) > 0.5
    assert_allclose(Q.T @ Q, np.diag(used.astype(float)), atol=1e-9)
    assert_allclose(R[~used], 0)


def test_no_digits_are_lost_to_a_column_of_large_scale():
    Y = make_matrices()["plain"]
    scales = np.array([1e12, 1, 1, 1, 1e7, 1])
    for Z in (Y, make_matrices()["near"]):
        R, _ = orthogonal_factor(Z)
        scaled, _ = orthogonal_factor(Z * scales)
        assert_allclose(scaled, R * scales, atol=1e-13, rtol=1e-8)


@pytest.mark.parametrize("size", [1, 100, 101, 350])
def test_the_inverse_of_a_triangle(size):
    rng = np.random.default_rng(0)
    lower = np.tril(rng.normal(size=(size, size)) / size) + np.diag(rng.uniform(1, 2, size))
    inverse = triangle_inverse(lower)
    assert_allclose(inverse @ lower, np.eye(size), atol=1e-12)
    assert_allclose(inverse, np.tril(inverse), atol=0)


@pytest.mark.parametrize("least", [0.5, 1e-2, 1e-5, 1e-9])
@pytest.mark.parametrize("size", [12, 450])
def test_small_singular_values_have_all_the_digits_that_the_matrix_has(size, least):
    rng = np.random.default_rng(0)
    left, right = (np.linalg.qr(rng.normal(size=(size, size)))[0] for _ in range(2))
    values = np.r_[np.geomspace(1, least, 4), np.linspace(least / 2, 0, size - 4)]
    T = (left * values) @ right.T
    found, vectors = leading_singular_vectors(T, 4)
    assert_allclose(found, values[:4], rtol=1e-15 / least + 1e-9)
    cosines = np.abs(np.sum(vectors * right[:, :4], axis=0))
    assert_allclose(cosines, 1, atol=1e-9 + 1e-14 / least)
    assert (vectors[np.argmax(np.abs(vectors), axis=0), np.arange(4)] > 0).all()
