"""Sums of batches: those of all rows at once, in either form and any order."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.sparse import csr_array, issparse

from sktransfer._kernels.streaming import (
    feature_sums,
    merged,
    merged_features,
    scatter_of,
    sums,
)


def in_batches(X, sizes, make, merge):
    parts = [make(part) for part in np.split(X, np.cumsum(sizes)[:-1])]
    found = parts[0]
    for part in parts[1:]:
        found = merge(found, part)
    return found


def test_two_batches_by_hand():
    # 0 and 2, then 7: the mean is 3, the squares 9 + 1 + 16.
    found = merged(sums(np.array([[0.0], [2.0]])), sums(np.array([[7.0]])))
    assert found.n_samples == 3
    assert_allclose(found.mean, [3.0], rtol=1e-15)
    assert_allclose(scatter_of(found), [[9 + 1 + 16]], rtol=1e-15)


@pytest.mark.parametrize("sizes", [[20], [1] * 20, [7, 1, 12], [13, 7], [2, 2, 16]])
@pytest.mark.parametrize("n_features", [3, 15, 40])
def test_batches_of_any_size_have_the_sums_of_all_rows(sizes, n_features):
    X = np.random.default_rng(0).normal(3, 2, size=(20, n_features))
    found = in_batches(X, sizes, sums, merged)
    centred = X - X.mean(axis=0)
    assert found.n_samples == 20
    assert_allclose(found.mean, X.mean(axis=0), rtol=1e-13)
    assert_allclose(scatter_of(found), centred.T @ centred, atol=1e-11)
    assert (found.rows is None) != (found.scatter is None)
    if found.rows is not None:
        assert 19 <= len(found.rows) <= n_features
    alone = in_batches(X, sizes, feature_sums, merged_features)
    assert_allclose(alone.mean, X.mean(axis=0), rtol=1e-13)
    assert_allclose(alone.norms**2, np.sum(centred**2, axis=0), rtol=1e-12)


def test_the_order_of_batches_and_a_distant_origin_cost_no_digits():
    X = np.random.default_rng(0).normal(size=(30, 4))
    expected = scatter_of(sums(X))
    found = in_batches(X[::-1] + 1e6, [11, 4, 15], sums, merged)
    assert_allclose(scatter_of(found), expected, rtol=1e-6, atol=1e-6)
    assert_allclose(found.mean - 1e6, X.mean(axis=0), atol=1e-8)


@pytest.mark.parametrize("n_features", [3, 15, 40])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_sparse_batches_and_dense_ones_have_the_sums_of_all_rows(n_features, dtype):
    rng = np.random.default_rng(0)
    X = rng.integers(1, 9, size=(40, n_features)) * (rng.random((40, n_features)) < 0.3)
    centred = X - X.mean(axis=0)
    X = X.astype(dtype)
    for dense in [(), (0,), (1,), (0, 1, 2)]:
        parts = [
            sums(part if k in dense else csr_array(part))
            for k, part in enumerate(np.split(X, [3, 21]))
        ]
        found = merged(merged(*parts[:2]), parts[2])
        assert found.n_samples == 40
        assert_allclose(found.mean, X.mean(axis=0), rtol=1e-6)
        assert_allclose(scatter_of(found), centred.T @ centred, atol=1e-11 * n_features)
        few = np.count_nonzero(X) < n_features**2
        assert issparse(found.rows) == (few and not dense)


def test_sums_share_no_memory_with_sparse_rows():
    X = csr_array(np.eye(5))
    found = sums(X)
    X.data[:] = np.nan
    assert_allclose(scatter_of(found), np.eye(5) - 1 / 5, atol=1e-15)
