"""Rows in an order of their own: equal to the lexicographic order, sparse or dense."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy import sparse

from sktransfer._kernels.rows import (
    draw_rows,
    order_of_rows,
    ranks_of_sparse_rows,
    spread_rows,
    stacked,
)


@pytest.mark.parametrize("share", [0.05, 0.5, 1.0])
def test_the_order_is_that_of_dense_rows(share):
    rng = np.random.default_rng(5)
    y = rng.integers(2, size=60)
    rows = sparse.random_array((60, 4), density=share, format="csr", rng=rng)
    rows.data = rng.integers(-2, 3, size=rows.nnz).astype(float)
    rows.data[:3] = 0  # an entry that is there and 0
    dense = rows.toarray()
    expected = np.lexsort(dense.T[::-1])
    assert_array_equal(order_of_rows(rows), expected)
    assert_array_equal(order_of_rows(dense), expected)
    codes = np.unique(y, return_inverse=True)[1]
    for given in (rows, dense):
        assert_array_equal(order_of_rows(given, codes=codes), np.lexsort((codes, *dense.T[::-1])))
    ranks = np.unique(dense, axis=0, return_inverse=True)[1].ravel()
    assert_array_equal(ranks_of_sparse_rows(rows), ranks)


def test_missing_values_are_last_in_the_order_and_equal():
    dense = np.array([[np.nan, 2.0], [1.0, np.nan], [np.nan, 1.0], [1.0, np.nan], [1.0, 9.0]])
    codes = np.array([0, 1, 0, 0, 0])
    for given in (dense, sparse.csr_array(dense)):
        assert_array_equal(order_of_rows(given, codes=codes), [4, 3, 1, 2, 0])
    assert_array_equal(ranks_of_sparse_rows(sparse.csr_array(dense)), [3, 1, 2, 1, 0])


def test_drawn_rows_keep_their_order_and_few_rows_draw_nothing():
    X, rng = np.arange(20.0)[:, None], np.random.RandomState(0)
    drawn = draw_rows(X, 7, generator=rng).ravel()
    assert len(set(drawn)) == 7
    assert_array_equal(drawn, np.sort(drawn))
    before = rng.get_state()[2]
    assert draw_rows(X, 20, generator=rng) is X
    assert rng.get_state()[2] == before


def test_spread_rows_begin_with_the_first_and_end_with_the_last():
    X = np.arange(11.0)[:, None]
    assert_array_equal(spread_rows(X, 3).ravel(), [0, 5, 10])
    assert spread_rows(X, 11) is X


@pytest.mark.parametrize("make", [np.asarray, sparse.csr_matrix, sparse.csr_array])
def test_stacked_rows_are_those_of_the_parts(make):
    X = np.arange(6.0).reshape(3, 2)
    rows = stacked([make(X[:1]), make(X[1:])])
    assert isinstance(rows, np.ndarray if make is np.asarray else sparse.csr_array)
    assert_array_equal(rows if make is np.asarray else rows.toarray(), X)
