"""Nearest class means: means, unit rows, whitening within classes, distances to means.

With rows ``x`` mapped to ``z = (x - offset) W``, scaled to unit length or not, the prototype of a
class is the mean of its ``z``. Snell, Swersky and Zemel, "Prototypical networks for few-shot
learning", NIPS 2017, https://arxiv.org/abs/1703.05175; the offset and the scaling are those of Wang
et al., "SimpleShot", 2019, https://arxiv.org/abs/1911.04623.
"""

import numpy as np
from scipy.linalg import eigh
from scipy.spatial.distance import cdist


def class_means(X, codes):
    """Return the mean of the rows of each class.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features), dtype float64
    codes : ndarray of shape (n_samples,), dtype int
        From 0 to ``n_classes - 1``, each at least once.

    Returns
    -------
    means : ndarray of shape (n_classes, n_features)
    """
    counts = np.bincount(codes)
    sums = np.zeros((len(counts), X.shape[1]))
    np.add.at(sums, codes, X)
    return sums / counts[:, None]


def unit_rows(X):
    """Return the rows scaled to unit length; a row of zeros stays as it is."""
    largest = np.abs(X).max(axis=1, keepdims=True)
    X = X / np.where(largest == 0, 1, largest)  # so that no square vanishes
    lengths = np.sqrt(np.einsum("ij,ij->i", X, X))[:, None]
    return X / np.where(lengths == 0, 1, lengths)


def within_class_covariance(X, codes):
    """Return the covariance of rows about the means of their classes, shrunk.

    With the residuals ``r_i`` of ``n`` rows of ``K`` classes, ``C = sum_i r_i r_i^T / (n - K)``.
    It is moved toward ``m I`` with ``m = tr(C) / d``, by the share of Ledoit and Wolf, "A
    well-conditioned estimator for large-dimensional covariance matrices", Journal of Multivariate
    Analysis 2004, https://doi.org/10.1016/S0047-259X(03)00096-4.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features), dtype float64
    codes : ndarray of shape (n_samples,), dtype int
        As in `class_means`, with more rows than classes.

    Returns
    -------
    covariance : ndarray of shape (n_features, n_features)
        Positive definite, unless all rows are the means of their classes.
    """
    n_samples, n_features = X.shape
    means = class_means(X, codes)
    residuals = X - means[codes]
    scatter = residuals.T @ residuals / n_samples
    level = np.trace(scatter) / n_features
    distance = np.sum(scatter**2) - n_features * level**2
    fourth = np.mean(np.einsum("ij,ij->i", residuals, residuals) ** 2)
    noise = (fourth - np.sum(scatter**2)) / n_samples
    share = min(max(noise, 0) / distance, 1) if distance > 0 else 1.0
    shrunk = (1 - share) * scatter
    shrunk[np.diag_indices(n_features)] += share * level
    return shrunk * (n_samples / (n_samples - len(means)))


def inverse_root(covariance):
    """Return the symmetric ``W`` with ``W C W = I`` for a positive definite ``C``."""
    values, vectors = eigh(covariance)
    return (vectors / np.sqrt(values)) @ vectors.T


def squared_distances(X, prototypes):
    """Return the squared Euclidean distance of each row to each prototype.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
    prototypes : ndarray of shape (n_classes, n_features)

    Returns
    -------
    distances : ndarray of shape (n_samples, n_classes)
    """
    return cdist(X, prototypes, "sqeuclidean")


def cosine_distances(X, prototypes):
    """Return 1 minus the cosine of each row and each prototype; 1 if one of them is 0."""
    return 1 - unit_rows(X) @ unit_rows(prototypes).T
