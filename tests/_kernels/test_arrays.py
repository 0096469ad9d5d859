"""What the standard of arrays does not have, against NumPy's own of the same meaning."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sktransfer._kernels.arrays import (
    add_to_diagonal,
    column_means,
    column_norms,
    diagonal,
    rows_in_order,
    sinc,
)


@pytest.fixture(params=["numpy", "torch", "array_api_strict"])
def make(request):
    return pytest.importorskip(request.param, reason=f"{request.param} is not installed").asarray


@pytest.mark.parametrize("order", ["C", "F"])
def test_what_is_added_to_the_diagonal(make, order):
    matrix = np.asarray(np.arange(9.0).reshape(3, 3), order=order)
    given = make(matrix)
    assert_allclose(np.asarray(add_to_diagonal(given, 2.0)), matrix + 2 * np.eye(3))
    assert_array_equal(np.asarray(given), np.arange(9.0).reshape(3, 3))


def test_the_matrix_of_a_diagonal(make):
    assert_array_equal(np.asarray(diagonal(make(np.array([3.0, 5.0])))), [[3, 0], [0, 5]])


def test_rows_come_to_stand_at_their_places(make):
    X = np.arange(10.0).reshape(5, 2)
    rows = [np.array([4, 0]), np.array([], dtype=int), np.array([1, 3, 2])]
    joined = rows_in_order([make(X[places]) for places in rows], rows)
    assert_array_equal(np.asarray(joined), X)


def test_means_of_float32_are_those_of_float64(make):
    X = np.full((1000, 2), [1e4 + 1 / 3, 1e-3], dtype=np.float32)
    means = np.asarray(column_means(make(X)))
    assert means.dtype == np.float64
    assert_allclose(means, X[0].astype(np.float64), rtol=1e-14)


@pytest.mark.parametrize("unit", [1.0, 1e-200, 1e200, 5e-324])
def test_norms(make, unit):
    X = np.array([[3.0, 0.0, 1.0], [4.0, 0.0, 1.0]]) * [unit, 1.0, 1.0]
    assert_allclose(np.asarray(column_norms(make(X))), [5 * unit, 0, np.sqrt(2)], rtol=1e-15)


def test_sine_over_its_argument(make):
    x = np.array([0.0, 0.5, np.pi, -1.0])
    assert_allclose(np.asarray(sinc(make(x))), np.sinc(x / np.pi), atol=1e-16)
