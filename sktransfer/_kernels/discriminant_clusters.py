"""Clusters of rows without a label, and the directions that part them and the classes of others."""

import numpy as np


def whitening_map(parts, *, ridge):
    """Return ``W^(-1/2)`` of the covariance W within classes.

    Parameters
    ----------
    parts : list of ndarray of shape (n_rows_t, n_features)
        Rows of several domains, each less the mean of its class.
    ridge : float
        Added to the diagonal, in units of its mean.

    Returns
    -------
    root : ndarray of shape (n_features, n_features)
        Symmetric. The identity if the rows do not vary within classes.
    """
    covariance = sum(X.T @ X for X in parts) / sum(len(X) for X in parts)
    scale = np.trace(covariance) / len(covariance)
    if scale == 0:
        return np.eye(len(covariance))
    values, vectors = np.linalg.eigh(covariance)
    return (vectors / np.sqrt(np.maximum(values, 0) + ridge * scale)) @ vectors.T


def class_offsets(X, codes):
    """Return the mean of each class times the root of its share: ``B = offsets.T @ offsets``.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        With the mean 0.
    codes : ndarray of shape (n_samples,), dtype int

    Returns
    -------
    offsets : ndarray of shape (n_classes, n_features)
        B is the covariance between classes.
    """
    counts = np.bincount(codes)
    sums = np.zeros((len(counts), X.shape[1]))
    np.add.at(sums, codes, X)
    return sums / np.sqrt(len(X) * np.maximum(counts, 1))[:, None]


def leading_directions(offsets, n_components):
    """Return the directions in which `offsets` are largest, and their sums of squares.

    Parameters
    ----------
    offsets : ndarray of shape (n_offsets, n_features)
        Of whitened rows.
    n_components : int

    Returns
    -------
    directions : ndarray of shape (n_features, n_components)
        Orthonormal, fewer if there are no more. The largest entry of each is positive.
    variances : ndarray of shape (n_components,)
        The eigenvalues of ``offsets.T @ offsets``, the largest first.
    """
    _, values, vectors = np.linalg.svd(offsets, full_matrices=False)
    vectors, values = vectors[:n_components], values[:n_components]
    largest = np.abs(vectors).argmax(axis=1)
    signs = np.where(vectors[np.arange(len(vectors)), largest] < 0, -1, 1)
    return (vectors * signs[:, None]).T, values**2


def centers_of(X, labels, n_clusters):
    """Return the mean of each cluster, none of which is empty."""
    sums = np.zeros((n_clusters, X.shape[1]))
    np.add.at(sums, labels, X)
    return sums / np.bincount(labels, minlength=n_clusters)[:, None]


def nearest_centers(X, centers):
    """Return the place of the nearest center of each row, and the squared distance to it."""
    distances = (X**2).sum(axis=1)[:, None] - 2 * X @ centers.T + (centers**2).sum(axis=1)
    nearest = distances.argmin(axis=1)
    return nearest, np.maximum(distances[np.arange(len(X)), nearest], 0)


def discriminant_clusters(X, labels, fixed, n_components, *, max_iter):
    """Choose directions and clusters by turns, so that both make the same objective larger.

    The objective is the sum of the leading eigenvalues of B, the covariance between the clusters of
    `X` and what is `fixed`. A turn moves each row to the nearest center along the directions, and
    then computes the directions of the new clusters.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Whitened rows with the mean 0.
    labels : ndarray of shape (n_samples,), dtype int
        The clusters to start from, none empty.
    fixed : ndarray of shape (n_offsets, n_features)
        `class_offsets` of other rows.
    n_components : int
    max_iter : int

    Returns
    -------
    directions : ndarray of shape (n_features, n_components)
    labels : ndarray of shape (n_samples,)
    objective : list of float
        After each turn, that of the start first.
    """
    n_clusters = labels.max() + 1

    def lead(labels):
        return leading_directions(np.vstack([class_offsets(X, labels), fixed]), n_components)

    directions, variances = lead(labels)
    objective = [float(variances.sum())]
    for _ in range(max_iter):
        embedded = X @ directions
        moved, distances = nearest_centers(embedded, centers_of(embedded, labels, n_clusters))
        for cluster in np.setdiff1d(np.arange(n_clusters), moved):
            alone = np.bincount(moved, minlength=n_clusters)[moved] == 1
            worst = np.argmax(np.where(alone, -1, distances))
            moved[worst], distances[worst] = cluster, 0
        if np.array_equal(moved, labels):
            break
        labels = moved
        directions, variances = lead(labels)
        objective.append(float(variances.sum()))
    return directions, labels, objective
