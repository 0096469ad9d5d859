"""The error of a fit on a sample, by two halves."""

import numpy as np
from numpy.testing import assert_allclose

from sktransfer._kernels.half_samples import (
    error_of_columns,
    error_of_components,
    error_of_weights,
)

RNG = np.random.default_rng(0)


def test_half_the_difference_of_two_halves_is_the_error_of_all():
    """Of means: the error of n rows is ``1 / sqrt(n)``, in units of the deviation."""
    n_rows, n_columns = 400, 5000
    rows = RNG.normal(size=(n_rows, n_columns))
    halves = rows[::2].mean(axis=0), rows[1::2].mean(axis=0)
    X = RNG.normal(size=(50, n_columns))
    found = error_of_columns(X - halves[0], X - halves[1])
    spread = np.sqrt(X.var(axis=0))
    expected = np.sqrt(np.mean(((halves[0] - halves[1]) / spread) ** 2)) / 2
    assert_allclose(found, expected)
    assert_allclose(np.std(halves[0] - halves[1]) / 2, 1 / np.sqrt(n_rows), rtol=0.05)


def test_columns_have_units_of_their_own_and_gaps_and_constants_cost_nothing():
    first, second = RNG.normal(size=(2, 30, 3))
    units = np.array([1e-3, 1.0, 1e6])
    expected = error_of_columns(first, second)
    assert_allclose(error_of_columns(first * units + 5, second * units + 5), expected)
    gap = np.full((1, 3), np.nan)
    assert_allclose(error_of_columns(np.r_[first, gap], np.r_[second, gap]), expected)
    assert error_of_columns(np.ones((4, 2)), np.ones((4, 2))) == 0


def test_weights_have_no_scale():
    assert error_of_weights(np.array([1.0, 3.0]), np.array([2.0, 6.0])) == 0
    # (0.5, 1.5) and (1.5, 0.5): a difference of 1 in each row
    assert_allclose(error_of_weights(np.array([1.0, 3.0]), np.array([3.0, 1.0])), 0.5)
    assert error_of_weights(np.ones(2), np.zeros(2)) == np.inf


def test_rotations_of_components_cost_nothing():
    rows = RNG.normal(size=(40, 3)) + 7
    rotation = np.linalg.qr(RNG.normal(size=(3, 3)))[0]
    assert error_of_components(rows, -rows @ rotation) < 1e-6
    wider = np.c_[rows @ rotation, np.zeros(40)]
    assert error_of_components(rows, wider) < 1e-6
    # Another scale is a difference: of 2 X and X it is X, whose square is sum |x|^2
    spread = 2.5 * np.square(rows - rows.mean(axis=0)).sum()
    expected = np.sqrt(np.square(rows).sum() / spread) / 2
    assert_allclose(error_of_components(rows, 2 * rows), expected)
    assert error_of_components(np.zeros((4, 2)), np.zeros((4, 2))) == 0
