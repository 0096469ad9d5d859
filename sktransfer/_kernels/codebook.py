"""Rating patterns of clusters: non-negative matrix tri-factorization, and memberships in them.

A matrix is nearly ``U B V^T``. Each row is in one cluster of rows (``U``), each column in one
cluster of columns (``V``). The codebook ``B`` has the value of each pair of clusters.
"""

import numpy as np

_TINY = 1e-12  # added to denominators and to factors, which must not become 0


def trifactorize(X, rows, columns, *, max_iter, tol):
    """Return ``U``, ``B``, ``V`` with ``X`` nearly ``U B V^T``, by orthogonal tri-factorization.

    Multiplicative updates [1]_ keep the factors non-negative and make ``U`` and ``V`` nearly
    orthogonal.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_columns)
        Non-negative values, none missing.
    rows : ndarray of shape (n_rows, n_row_clusters)
        Positive start of ``U``.
    columns : ndarray of shape (n_columns, n_column_clusters)
        Positive start of ``V``.
    max_iter : int
        The most iterations.
    tol : float
        Stops if the squared error changes by less than this part of it.

    Returns
    -------
    U, B, V : ndarrays

    References
    ----------
    .. [1] C. Ding, T. Li, W. Peng, H. Park, "Orthogonal Nonnegative Matrix T-Factorizations for
       Clustering", KDD 2006. https://doi.org/10.1145/1150402.1150420
    """
    U, V = rows, columns
    B = (U.T @ X @ V) / np.outer(np.sum(U**2, axis=0), np.sum(V**2, axis=0)) + _TINY
    error = np.sum((X - U @ B @ V.T) ** 2)
    for _ in range(max_iter):
        XVB = X @ V @ B.T
        U = U * np.sqrt(XVB / (U @ (U.T @ XVB) + _TINY)) + _TINY
        XUB = X.T @ U @ B
        V = V * np.sqrt(XUB / (V @ (V.T @ XUB) + _TINY)) + _TINY
        UX = U.T @ X
        B = B * np.sqrt((UX @ V) / (U.T @ U @ B @ (V.T @ V) + _TINY))
        before, error = error, np.sum((X - U @ B @ V.T) ** 2)
        if abs(before - error) <= tol * before:
            break
    return U, B, V


def codebook(counts, sums, row_clusters, column_clusters, shape):
    """Return the mean value of each pair of clusters; that of all values if a pair has none.

    If each cell has a value, this is ``[U^T X V] / [U^T 1 1^T V]`` [1]_.

    Parameters
    ----------
    counts, sums : ndarray or sparse array of shape (n_rows, n_columns)
        The number of values of each cell, and their sum.
    row_clusters : ndarray of shape (n_rows,)
    column_clusters : ndarray of shape (n_columns,)
    shape : tuple of two ints
        The numbers of clusters.

    References
    ----------
    .. [1] B. Li, Q. Yang, X. Xue, "Can Movies and Books Collaborate? Cross-Domain Collaborative
       Filtering for Sparsity Reduction", IJCAI 2009.
    """
    U, V = one_hot(row_clusters, shape[0]), one_hot(column_clusters, shape[1])
    number, total = U.T @ (counts @ V), U.T @ (sums @ V)
    return np.where(number > 0, total / np.maximum(number, 1), total.sum() / number.sum())


def one_hot(clusters, n_clusters):
    """Return the membership matrix of clusters."""
    return np.eye(n_clusters)[clusters]


def nearest_clusters(counts, sums, patterns, others):
    """Return the cluster of each row with the least squared error, the first if several have it.

    Parameters
    ----------
    counts, sums : sparse array of shape (n_rows, n_columns)
    patterns : ndarray of shape (n_clusters, n_column_clusters)
        The codebook.
    others : ndarray of shape (n_columns,)
        The cluster of each column.

    Returns
    -------
    clusters : ndarray of shape (n_rows,)
    errors : ndarray of shape (n_rows, n_clusters)
        The sum of squared errors, less the sum of squared values.
    """
    expected = patterns[:, others].T
    errors = counts @ expected**2 - 2 * (sums @ expected)
    return errors.argmin(axis=1), errors


def alternate_memberships(counts, sums, patterns, start, *, max_iter):
    """Return clusters of rows and of columns by alternating `nearest_clusters`, from columns.

    Parameters
    ----------
    counts, sums : sparse array of shape (n_rows, n_columns)
    patterns : ndarray of shape (n_row_clusters, n_column_clusters)
        The codebook, which does not change.
    start : ndarray of shape (n_columns,)
        The first clusters of columns.
    max_iter : int
        The most iterations.

    Returns
    -------
    rows : ndarray of shape (n_rows,)
    columns : ndarray of shape (n_columns,)
    curve : list of float
        The sum of squared errors, less the sum of squared values, after each iteration. It never
        rises.
    """
    columns, curve = start, []
    turned = counts.T.tocsr(), sums.T.tocsr()
    for _ in range(max_iter):
        rows, _ = nearest_clusters(counts, sums, patterns, columns)
        columns, errors = nearest_clusters(*turned, patterns.T, rows)
        curve.append(errors.min(axis=1).sum())
        if len(curve) > 1 and curve[-1] >= curve[-2]:
            break
    return rows, columns, curve
