"""Columns that differ: SciPy as a second implementation, limits and invariances."""

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array
from scipy.stats import ks_2samp

from sktransfer._kernels.column_shift import adjusted, column_distances


def make_samples(seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(60, 5)), rng.normal(size=(45, 5)) + [0, 0.5, 0, 2, 0]


def test_the_statistic_is_scipys_and_the_p_value_near_the_exact_one():
    X_a, X_b = make_samples()
    distances, p_values = column_distances(X_a, X_b)
    exact = [ks_2samp(a, b, method="exact") for a, b in zip(X_a.T, X_b.T, strict=True)]
    assert_allclose(distances, [test.statistic for test in exact])
    assert_allclose(p_values, [test.pvalue for test in exact], rtol=0.05, atol=1e-3)


def test_units_do_not_matter_nor_does_any_increasing_map():
    X_a, X_b = make_samples()
    expected = column_distances(X_a, X_b)
    assert_array_equal(column_distances(np.exp(5 * X_a), np.exp(5 * X_b)), expected)


def test_equal_samples_have_no_distance_and_samples_apart_the_largest():
    X_a, X_b = make_samples()
    assert_array_equal(column_distances(X_a, X_a), [np.zeros(5), np.ones(5)])
    distances, p_values = column_distances(X_a, X_b + 100)
    assert_array_equal(distances, np.ones(5))
    assert (p_values < 1e-6).all()


def test_missing_values_are_ignored_and_an_empty_column_says_nothing():
    X_a, X_b = make_samples()
    X_a[:9, 1], X_b[:, 2] = np.nan, np.nan
    distances, p_values = column_distances(X_a, X_b)
    assert (distances[2], p_values[2]) == (0, 1)
    few = column_distances(X_a[9:, [1]], X_b[:, [1]])
    assert (distances[1], p_values[1]) == (few[0][0], few[1][0])


def test_sparse_rows_give_the_result_of_dense_ones():
    X_a, X_b = (np.maximum(X, 0) for X in make_samples())
    assert_array_equal(column_distances(csr_array(X_a), csr_array(X_b)), column_distances(X_a, X_b))


def test_adjusted_p_values_by_hand():
    # Sorted .01, .02, .9 times 3 / rank: .03, .03, .9.
    assert_allclose(adjusted(np.array([0.02, 0.9, 0.01])), [0.03, 0.9, 0.03])
    assert len(adjusted(np.array([]))) == 0


def test_ties_are_those_of_scipy():
    rng = np.random.default_rng(0)
    X_a, X_b = rng.integers(3, size=(40, 1)), rng.integers(1, 4, size=(30, 1))
    expected = ks_2samp(X_a[:, 0], X_b[:, 0]).statistic
    assert_allclose(column_distances(X_a.astype(float), X_b.astype(float))[0], [expected])
