"""Copies of features: their places, and their inner products."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse

from sktransfer._kernels.augment import augment

X = np.array([[1.0, 0.0], [2.0, 3.0]])


def test_by_hand():
    copies = augment(X, block=1, n_blocks=3, common_weight=4.0)
    assert_array_equal(copies, [[2, 0, 0, 0, 1, 0, 0, 0], [4, 6, 0, 0, 2, 3, 0, 0]])
    marked = augment(X, block=1, n_blocks=3, common_weight=4.0, intercepts=True)
    assert_array_equal(marked, np.hstack([copies, [[0, 1, 0], [0, 1, 0]]]))


@pytest.mark.parametrize("common_weight", [0.0, 1.0, 2.5])
def test_inner_products(common_weight):
    copies = [augment(X, block=k, n_blocks=3, common_weight=common_weight) for k in range(3)]
    for k, rows in enumerate(copies):
        for j, others in enumerate(copies):
            assert_allclose(rows @ others.T, (common_weight + (j == k)) * (X @ X.T), atol=1e-14)


@pytest.mark.parametrize("block", range(3))
@pytest.mark.parametrize("intercepts", [False, True])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_sparse_equals_dense(block, intercepts, dtype):
    rows = X.astype(dtype)
    options = {"block": block, "n_blocks": 3, "common_weight": 2.0, "intercepts": intercepts}
    dense = augment(rows, **options)
    thin = augment(sparse.csr_array(rows), **options)
    assert sparse.issparse(thin)
    assert thin.format == "csr"
    assert thin.dtype == dense.dtype == dtype
    assert thin.nnz == 2 * 3 + 2 * intercepts
    assert_array_equal(thin.toarray(), dense)


def test_no_rows_have_no_copies():
    none = augment(X[:0], block=0, n_blocks=2, common_weight=1.0)
    assert (
        none.shape == augment(sparse.csr_array(X[:0]), block=0, n_blocks=2, common_weight=1.0).shape
    )
    assert none.shape == (0, 6)
