"""The largest eigenpairs, by either way, against LAPACK on the whole matrix."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal, assert_equal

from sktransfer._kernels.eigen import SHARE, SMALL, fix_signs, largest_eigenpairs, operator


def make_matrix(size, seed=0):
    rows = np.random.default_rng(seed).normal(size=(size // 2, size))
    return rows.T @ (rows * np.linspace(0.1, 3, size // 2)[:, None])


@pytest.mark.parametrize(("size", "n_pairs"), [(30, 4), (30, 30), (SMALL + 20, 5), (SMALL + 20, 1)])
@pytest.mark.parametrize("as_operator", [False, True])
def test_either_way_gives_the_largest_in_order(size, n_pairs, as_operator):
    matrix = make_matrix(size)
    given = operator(lambda x: matrix @ x, size) if as_operator else matrix
    values, vectors = largest_eigenpairs(given, n_pairs)
    assert_allclose(values, np.linalg.eigvalsh(matrix)[::-1][:n_pairs], atol=1e-9)
    assert_allclose(matrix @ vectors, vectors * values, atol=1e-9)
    assert_allclose(vectors.T @ vectors, np.eye(n_pairs), atol=1e-12)
    assert_array_equal(fix_signs(vectors), vectors)


def test_lanczos_is_used_where_few_of_many_are_wanted(monkeypatch):
    from sktransfer._kernels import eigen

    size = SMALL + 20
    matrix, asked = make_matrix(size), []
    monkeypatch.setattr(eigen, "eigsh", lambda *args, **kwargs: asked.append(1) or 1 / 0)
    largest_eigenpairs(matrix, size // SHARE + 1)
    assert not asked
    with pytest.raises(ZeroDivisionError):
        largest_eigenpairs(matrix, size // SHARE - 1)


def test_signs():
    columns = np.array([[1.0, -1.0, 0.0], [-3.0, 0.5, 0.0]])
    assert_array_equal(fix_signs(columns), [[-1.0, 1.0, 0.0], [3.0, -0.5, 0.0]])


def test_the_global_generator_is_left_alone():
    before = np.random.get_state(legacy=False)["state"]
    largest_eigenpairs(make_matrix(SMALL + 20), 3)
    assert_equal(np.random.get_state(legacy=False)["state"], before)


@pytest.mark.parametrize("size", [5, 450])
def test_a_matrix_of_zeros_has_orthonormal_eigenvectors_too(size):
    for matrix in (np.zeros((size, size)), operator(lambda x: 0 * x, size)):
        values, vectors = largest_eigenpairs(matrix, 2)
        assert_allclose(values, 0)
        assert_allclose(vectors.T @ vectors, np.eye(2))
