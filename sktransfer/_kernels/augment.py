"""Copies of the features: one block that all domains share, and one for each domain.

A row ``x`` of the domain ``d`` becomes ``(w^1/2 x, 0, .., x, .., 0)``, with its second copy in the
block of ``d``, so that the inner product of two rows is ``(w + 1) x^T x'`` within a domain and ``w
x^T x'`` across. Daume, "Frustratingly easy domain adaptation", ACL 2007,
https://aclanthology.org/P07-1033, has w = 1. An optional mark of ``d`` follows the copies, 1 in its
column and 0 in those of the others: within a domain the inner product is then larger by 1.
"""

import numpy as np
from scipy import sparse


def augment(X, *, block, n_blocks, common_weight, intercepts=False):
    """Give the rows of one domain their copies.

    Parameters
    ----------
    X : ndarray or sparse array of shape (n_samples, n_features)
    block : int
        The position of the domain, from 0.
    n_blocks : int
        The number of domains.
    common_weight : float
        ``w``.
    intercepts : bool, default=False
        Whether the mark of the domain follows.

    Returns
    -------
    copies : ndarray or CSR, of shape (n_samples, (n_blocks + 1) * n_features [+ n_blocks])
        The common block first; of the dtype of `X`, and sparse if `X` is.
    """
    n_samples, n_features = X.shape
    n_marks = n_blocks if intercepts else 0
    n_copies = (n_blocks + 1) * n_features
    common = X.dtype.type(np.sqrt(common_weight)) * X
    here = slice((block + 1) * n_features, (block + 2) * n_features)
    if not sparse.issparse(X):
        copies = np.zeros((n_samples, n_copies + n_marks), dtype=X.dtype)
        copies[:, :n_features], copies[:, here] = common, X
        if intercepts:
            copies[:, n_copies + block] = 1
        return copies
    before = sparse.csr_array((n_samples, block * n_features), dtype=X.dtype)
    after = sparse.csr_array((n_samples, (n_blocks - 1 - block) * n_features), dtype=X.dtype)
    marks = np.zeros((n_samples, n_marks), dtype=X.dtype)
    if intercepts:
        marks[:, block] = 1
    return sparse.hstack([common, before, X, after, sparse.csr_array(marks)], format="csr")
