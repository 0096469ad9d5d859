"""A few of the largest eigenvalues of a symmetric matrix, by the cheaper of two ways."""

import numpy as np
from array_api_compat import array_namespace, device
from scipy.sparse.linalg import LinearOperator, eigsh

SMALL = 400  # up to this size all eigenvalues cost less than a few by Lanczos iterations
SHARE = 8  # nor do they cost less if more than one in SHARE is wanted


def largest_eigenpairs(matrix, n_pairs):
    """Give the largest eigenvalues of a symmetric `matrix`, in decreasing order, and vectors.

    Lanczos iterations to machine precision from a fixed start, or all eigenvalues if that is
    cheaper: the result does not depend on this choice.

    Parameters
    ----------
    matrix : array of shape (size, size), or LinearOperator of that shape
        Symmetric, float64; see :func:`operator`. Of another library than NumPy: on its own device,
        by all eigenvalues.
    n_pairs : int
        At most ``size``.

    Returns
    -------
    values : ndarray of shape (n_pairs,)
    vectors : ndarray of shape (size, n_pairs)
        Orthonormal columns, each with a positive entry of largest magnitude.
    """
    size = matrix.shape[0]
    if not isinstance(matrix, np.ndarray | LinearOperator):  # of torch, say: all of them, there
        values, vectors = array_namespace(matrix).linalg.eigh(matrix)
        return _descending(values[-n_pairs:], vectors[:, -n_pairs:])
    if size <= SMALL or SHARE * n_pairs > size:
        dense = matrix if isinstance(matrix, np.ndarray) else matrix @ np.eye(size)
        values, vectors = np.linalg.eigh(dense)
        values, vectors = values[-n_pairs:], vectors[:, -n_pairs:]
    else:
        start = np.random.default_rng(0).standard_normal(size)
        if not (matrix @ start).any():  # the matrix is 0, of which ARPACK makes an error
            return np.zeros(n_pairs), np.eye(size, n_pairs)
        values, vectors = eigsh(matrix, n_pairs, which="LA", v0=start)
    return _descending(values, vectors)


def _descending(values, vectors):
    order = array_namespace(values).argsort(-values, stable=True)
    return values[order], fix_signs(array_namespace(vectors).take(vectors, order, axis=1))


def operator(multiply, size):
    """Give the symmetric operator ``x -> multiply(x)`` on vectors, or columns, of length `size`."""
    return LinearOperator((size, size), matvec=multiply, matmat=multiply, dtype=np.float64)


def fix_signs(columns):
    """Flip columns such that the entry of largest magnitude in each is positive."""
    xp = array_namespace(columns)
    places = xp.argmax(xp.abs(columns), axis=0)
    largest = columns[places, xp.arange(columns.shape[1], device=device(columns))]
    return columns * xp.where(largest < 0, -xp.ones_like(largest), xp.ones_like(largest))
