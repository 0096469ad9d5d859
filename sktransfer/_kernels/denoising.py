"""Linear maps that undo the loss of features, with the loss averaged out in closed form.

A corrupted row ``x~`` has each feature of ``x`` set to 0 with probability ``p``, independently. The
map ``x~ -> W x~ + b`` that is nearest to some ``t`` (the row itself, or some of its features) over
all corruptions of all rows has, with a constant feature that is never corrupted, the solution

    W = P Q^-1,   P = E[t x~^T],   Q = E[x~ x~^T] + ridge I   (sums over rows),

in which the expectations multiply the sums ``S = X^T X`` by ``1 - p`` once for each corrupted
feature: ``P_ij = S_ij (1 - p)``, ``Q_ij = S_ij (1 - p)^2`` for ``i != j``, ``Q_ii = S_ii (1 - p)``.
The
constant is eliminated here: the sums are then those of the rows less their mean, ``C``, and

    Q = (1 - p)^2 C + D,   D = diag(p (1 - p) S_ii + ridge),   P = (1 - p) C.

Chen, Xu, Weinberger and Sha, "Marginalized denoising autoencoders for domain adaptation", ICML
2012. https://arxiv.org/abs/1206.4683
"""

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve
from scipy.linalg.lapack import dpotrf, dpotri
from scipy.sparse import issparse

from sktransfer._kernels.arrays import column_means


def denoising_map(X, *, noise, ridge):
    """Give the map from corrupted rows to the rows.

    Since ``(1 - p) P = Q - D``, it is ``W = (I - D Q^-1) / (1 - p)``: one inverse, no more.

    Parameters
    ----------
    X : ndarray or CSR of shape (n_samples, n_features)
    noise : float
        ``p``, in [0, 1).
    ridge : float
        Positive; the constant feature has none.

    Returns
    -------
    coef : ndarray of shape (n_features, n_features), dtype float64
        ``W^T``: rows are multiplied by it from the right.
    intercept : ndarray of shape (n_features,)

    Raises
    ------
    LinAlgError
        When ``Q`` is not positive definite to machine precision.
    """
    mean = column_means(X)
    Q, diagonal = _expected_moments(X, mean, noise=noise, ridge=ridge)
    coef = _inverse(Q)
    coef *= -diagonal
    coef[np.diag_indices_from(coef)] += 1
    coef /= 1 - noise
    return coef, mean - (1 - noise) * (mean @ coef)


def block_map(X, targets, blocks, *, noise, ridge):
    """Give the mean of the maps from blocks of corrupted features to some features.

    Each block alone is to tell the targets; the blocks' answers are averaged. No matrix has more
    than a block's or the targets' features as rows and as columns.

    Parameters
    ----------
    X : ndarray or CSR of shape (n_samples, n_features)
    targets : ndarray of shape (n_targets,), dtype int
        The features to be told.
    blocks : sequence of ndarrays of int
        Every feature in one of them.
    noise, ridge : float
        As in `denoising_map`.

    Returns
    -------
    coef : ndarray of shape (n_features, n_targets), dtype float64
    intercept : ndarray of shape (n_targets,)

    Raises
    ------
    LinAlgError
        As `denoising_map`.
    """
    X = X.tocsc() if issparse(X) else X
    mean, T = column_means(X), X[:, targets]
    coef = np.empty((X.shape[1], len(targets)))
    for block in blocks:
        part = X[:, block]
        Q, _ = _expected_moments(part, mean[block], noise=noise, ridge=ridge)
        P = (1 - noise) * _scatter(part, T, mean[block], mean[targets])
        coef[block] = cho_solve(cho_factor(Q, overwrite_a=True), P, overwrite_b=True)
    coef /= len(blocks)
    return coef, mean[targets] - (1 - noise) * (mean @ coef)


def deal(counts, n_blocks):
    """Deal features out to blocks of about the same size, the most frequent first.

    Parameters
    ----------
    counts : ndarray of shape (n_features,)
        How frequent each is.
    n_blocks : int
        At most ``n_features``.

    Returns
    -------
    blocks : list of ndarrays of int
        Increasing positions; together every feature once.
    """
    order = np.argsort(-counts, kind="stable")
    return [np.sort(order[k::n_blocks]) for k in range(n_blocks)]


def _expected_moments(X, mean, *, noise, ridge):
    """``Q`` and the diagonal of ``D``."""
    Q = _scatter(X, X, mean, mean)
    diagonal = noise * (1 - noise) * (Q.diagonal() + X.shape[0] * mean**2) + ridge
    Q *= (1 - noise) ** 2
    Q[np.diag_indices_from(Q)] += diagonal
    return Q, diagonal


def _scatter(X, Y, x_mean, y_mean):
    """Sums of products of the columns less their means; a sparse array is never centered itself."""
    if issparse(X):
        product = (X.astype(np.float64).T @ Y.astype(np.float64)).toarray()
        product -= np.outer(X.shape[0] * x_mean, y_mean)
        return product
    centred = X - x_mean
    return centred.T @ (centred if X is Y else Y - y_mean)


def _inverse(Q):
    """The inverse of a positive definite matrix, which is overwritten."""
    factor, failed = dpotrf(Q.T, lower=1, overwrite_a=1)
    if failed:
        raise LinAlgError("the matrix of expectations is not positive definite")
    inverse, _ = dpotri(factor, lower=1, overwrite_c=1)
    lower = np.tril(inverse)
    return lower + np.tril(inverse, -1).T
