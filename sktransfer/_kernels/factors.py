"""Factors of tall matrices, to the digits that products of the matrix with itself would lose.

The eigenvectors of ``Y^T Y`` are the right singular vectors of ``Y``, but components smaller than
``sqrt(eps)`` times the largest are lost in it. It is much cheaper, and is used if no requested
component is near that limit. Otherwise ``Y`` itself is factorized.
"""

import numpy as np

from sktransfer._kernels.eigen import fix_signs, largest_eigenpairs

CONDITION = 1e6  # of a matrix of products: the factor in rounding errors that it may bring
SHARE = 1e-6  # of the largest eigenvalue: smaller ones are not taken from a matrix of products
SMALL = 100  # up to this size a triangle is inverted as any matrix is


def orthogonal_factor(Y):
    """Give ``R`` and the map ``c -> Q c`` of the factorisation ``Y = Q R``.

    The columns of ``Q`` are orthonormal, or 0 if those of `Y` are. If the columns, scaled to length
    1, are far from dependent, it uses the Cholesky factor of their inner products; otherwise
    Householder reflections.

    Parameters
    ----------
    Y : ndarray of shape (n_rows, n_columns)

    Returns
    -------
    R : ndarray of shape (min(n_rows, n_columns), n_columns)
        Upper triangular, or trapezoidal.
    lift : callable
        Takes ``c`` of shape (len(R), k).
    """
    found = _by_cholesky(Y) if Y.shape[0] >= Y.shape[1] else None
    if found is not None:
        return found
    Q, R = np.linalg.qr(Y)
    return R, lambda c: Q @ c


def _by_cholesky(Y):
    """`orthogonal_factor` of columns that are far from dependent; None of others."""
    products = Y.T @ Y
    lengths = np.sqrt(products.diagonal())
    divisors = np.where(lengths > 0, lengths, 1)
    products /= divisors
    products /= divisors[:, None]
    products.flat[:: len(products) + 1] = 1  # also for a column of zeros, which stays so
    try:
        lower = np.linalg.cholesky(products)
    except np.linalg.LinAlgError:
        return None
    inverse = triangle_inverse(lower).T
    if np.sum(inverse**2) > CONDITION:  # the sum of the inverse eigenvalues
        return None
    return lower.T * lengths, lambda c: Y @ ((inverse @ c) / divisors[:, None])


def triangle_inverse(lower):
    """The inverse of a lower triangle, by those of its halves."""
    if len(lower) <= SMALL:
        return np.linalg.inv(lower)
    half = len(lower) // 2
    inverse = np.zeros_like(lower)
    inverse[:half, :half] = triangle_inverse(lower[:half, :half])
    inverse[half:, half:] = triangle_inverse(lower[half:, half:])
    inverse[half:, :half] = -inverse[half:, half:] @ (lower[half:, :half] @ inverse[:half, :half])
    return inverse


def leading_singular_vectors(T, n_vectors):
    """Give the largest singular values of `T`, in decreasing order, and right singular vectors.

    Parameters
    ----------
    T : ndarray of shape (n_rows, n_columns)
    n_vectors : int
        At most ``min(n_rows, n_columns)``.

    Returns
    -------
    values : ndarray of shape (n_vectors,)
    vectors : ndarray of shape (n_columns, n_vectors)
        Orthonormal columns, each with a positive entry of largest magnitude.
    """
    squares, vectors = largest_eigenpairs(T.T @ T, n_vectors)
    if squares[-1] > SHARE * squares[0]:
        return np.sqrt(squares), vectors
    _, values, right = np.linalg.svd(T, full_matrices=False)
    return values[:n_vectors], fix_signs(right[:n_vectors].T)
