"""A prior over the means and variances of classes, learned from many classes, and its posterior.

In coordinates ``z = (x - m) U`` with independent entries, the variance ``v`` of a class and its
mean ``u`` are drawn as

``v ~ scaled inverse chi-squared(nu, s)`` with ``s = (nu - 2) / nu``, so that ``v`` has the mean 1,
``u ~ N(0, b v)``, and rows of the class as ``z ~ N(u, v)``,

one by one for each coordinate. This prior is conjugate: the predictive density after ``n`` rows is
Student's t. Murphy, "Conjugate Bayesian analysis of the Gaussian distribution", 2007, section 5.
"""

from typing import NamedTuple

import numpy as np
from scipy.linalg import eigh
from scipy.special import gammaln

from sktransfer._kernels.prototypes import class_means, inverse_root, within_class_covariance


class ClassPrior(NamedTuple):
    """The prior: ``m``, ``U`` (n_features, n_features), ``b`` (n_features,), and ``nu``, or inf."""

    mean: np.ndarray
    basis: np.ndarray
    spread: np.ndarray
    dof: float


class Predictive(NamedTuple):
    """Student's t for each class and coordinate, normal with infinite ``dof``."""

    location: np.ndarray
    scale: np.ndarray
    dof: np.ndarray


def class_prior(X, codes):
    """Learn the prior by moments.

    ``U`` makes the covariance within classes the identity and that of the class means diagonal,
    both shrunk by Ledoit and Wolf's share. ``b`` is the variance of the class means less the mean
    of ``1 / n_c``, not negative. With the variances ``v_c`` of the rows of a class over their mean,
    ``1 + 2 / (nu - 4)`` is the mean of ``v_c^2 / (1 + 2 / (n_c - 1))``.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features), dtype float64
    codes : ndarray of shape (n_samples,), dtype int
        Two classes at least, counted from 0, one with rows that differ.

    Returns
    -------
    prior : ClassPrior
    """
    counts, means = np.bincount(codes), class_means(X, codes)
    whitening = inverse_root(within_class_covariance(X, codes))
    mean = means.mean(axis=0)
    between = within_class_covariance((means - mean) @ whitening, np.zeros(len(means), dtype=int))
    values, vectors = eigh(between)
    basis = whitening @ vectors
    spread = np.maximum(values - np.mean(1 / counts), 0)
    return ClassPrior(mean, basis, spread, _dof((X - means[codes]) @ basis, codes, counts))


def _dof(residuals, codes, counts):
    several = counts > 1
    sums = np.zeros((len(counts), residuals.shape[1]))
    np.add.at(sums, codes, residuals**2)
    free = counts[several, None] - 1
    variances = sums[several] / free
    ratios = variances / np.maximum(variances.mean(axis=0), np.finfo(np.float64).tiny)
    excess = np.mean(ratios**2 / (1 + 2 / free)) - 1
    return 4 + 2 / excess if excess > 0 else np.inf


def predictive(prior, shots, codes):
    """Return the density of a further row of each class, given some rows of it.

    Parameters
    ----------
    prior : ClassPrior
    shots : ndarray of shape (n_shots, n_features)
    codes : ndarray of shape (n_shots,), dtype int
        Their classes, each at least once.

    Returns
    -------
    density : Predictive
        Its arrays have the shape (n_classes, n_features), and ``dof`` (n_classes, 1).
    """
    Z, n = (shots - prior.mean) @ prior.basis, np.bincount(codes)[:, None]
    means = class_means(Z, codes)
    location = n * prior.spread / (1 + n * prior.spread) * means
    uncertain = 1 + prior.spread / (1 + n * prior.spread)
    dof = prior.dof + n
    if np.isinf(prior.dof):
        return Predictive(location, np.sqrt(uncertain), dof)
    sums = np.zeros(means.shape)
    np.add.at(sums, codes, (Z - means[codes]) ** 2)
    sums += n * means**2 / (1 + n * prior.spread) + prior.dof - 2
    return Predictive(location, np.sqrt(sums / dof * uncertain), dof)


def log_densities(density, Z):
    """Return the logarithm of the density of each row in each class.

    Parameters
    ----------
    density : Predictive
    Z : ndarray of shape (n_samples, n_features)
        Rows in the coordinates of the density.

    Returns
    -------
    logs : ndarray of shape (n_samples, n_classes)
    """
    logs = []
    for location, scale, dof in zip(*density, strict=True):
        distances = ((Z - location) / scale) ** 2
        if np.isinf(dof[0]):
            parts, constant = -distances / 2, -np.log(2 * np.pi) / 2
        else:
            parts = -(dof + 1) / 2 * np.log1p(distances / dof)
            constant = gammaln((dof + 1) / 2) - gammaln(dof / 2) - np.log(dof * np.pi) / 2
        logs.append((parts - np.log(scale) + constant).sum(axis=1))
    return np.stack(logs, axis=1)
