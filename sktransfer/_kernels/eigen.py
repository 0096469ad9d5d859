"""A few of the largest eigenvalues of a symmetric matrix, by the cheaper of two ways."""

import numpy as np
from scipy.sparse.linalg import LinearOperator, eigsh

SMALL = 400  # up to this size all eigenvalues cost less than a few by Lanczos iterations
SHARE = 8  # nor do they cost less where more than one in SHARE is wanted


def largest_eigenpairs(matrix, n_pairs):
    """Give the largest eigenvalues of a symmetric `matrix`, in decreasing order, and vectors.

    Lanczos iterations to machine precision from a fixed start, or all eigenvalues where that is
    cheaper: the result does not depend on which.

    Parameters
    ----------
    matrix : ndarray of shape (size, size), or LinearOperator of that shape
        Symmetric, float64; see :func:`operator`.
    n_pairs : int
        At most ``size``.

    Returns
    -------
    values : ndarray of shape (n_pairs,)
    vectors : ndarray of shape (size, n_pairs)
        Orthonormal columns, each with a positive entry of largest magnitude.
    """
    size = matrix.shape[0]
    if size <= SMALL or SHARE * n_pairs > size:
        dense = matrix if isinstance(matrix, np.ndarray) else matrix @ np.eye(size)
        values, vectors = np.linalg.eigh(dense)
        values, vectors = values[-n_pairs:], vectors[:, -n_pairs:]
    else:
        start = np.random.default_rng(0).standard_normal(size)
        if not (matrix @ start).any():  # the matrix is 0, of which ARPACK makes an error
            return np.zeros(n_pairs), np.eye(size, n_pairs)
        values, vectors = eigsh(matrix, n_pairs, which="LA", v0=start)
    order = np.argsort(-values, kind="stable")
    return values[order], fix_signs(vectors[:, order])


def operator(multiply, size):
    """Give the symmetric operator ``x -> multiply(x)`` on vectors, or columns, of length `size`."""
    return LinearOperator((size, size), matvec=multiply, matmat=multiply, dtype=np.float64)


def fix_signs(columns):
    """Flip columns such that the entry of largest magnitude in each is positive."""
    largest = columns[np.argmax(np.abs(columns), axis=0), np.arange(columns.shape[1])]
    return columns * np.where(largest < 0, -1.0, 1.0)
