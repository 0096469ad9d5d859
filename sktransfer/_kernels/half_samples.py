"""The error of a fit on a sample, by the fits on its two halves.

The error of a fit falls with the root of the number of rows. The fits on two halves of n rows each
then differ by the root of 2 times the error of one half, which is the root of 2 times the error of
a fit on all 2 n rows: the latter is half of their difference. It is the random group method with
two groups: K. M. Wolter, "Introduction to variance estimation", chapter 2, Springer 2007,
https://doi.org/10.1007/978-0-387-35099-8.
"""

import numpy as np


def error_of_weights(first, second):
    """Return the error of weights in units of their mean.

    Parameters
    ----------
    first, second : ndarray of shape (n_samples,)
        Weights of the same rows, each up to a factor, by the fits on the two halves.

    Returns
    -------
    error : float
        ``inf`` if all weights of a half are 0.
    """
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        differences = first / first.mean() - second / second.mean()
        error = np.sqrt(np.mean(differences**2)) / 2
    return float(error) if np.isfinite(error) else np.inf


def error_of_columns(first, second):
    """Return the error of mapped rows in standard deviations of each column.

    Parameters
    ----------
    first, second : ndarray of shape (n_samples, n_features)
        The same rows, mapped by the fits on the two halves. Missing values (NaN) are left out.

    Returns
    -------
    error : float
        Over rows and columns, a root mean square.
    """
    scale = np.sqrt((np.nanvar(first, axis=0) + np.nanvar(second, axis=0)) / 2)
    differences = (first - second) / np.where(scale > 0, scale, 1)
    return float(np.sqrt(np.nanmean(differences**2)) / 2)


def error_of_components(first, second):
    """Return the error of mapped rows whose axes mean nothing, relative to their deviation.

    The rows of one half are first rotated and reflected onto those of the other as far as possible
    (Procrustes).

    Parameters
    ----------
    first : ndarray of shape (n_samples, n_components)
    second : ndarray of shape (n_samples, n_other_components)

    Returns
    -------
    error : float
    """
    squares = [np.square(part).sum() for part in (first, second)]
    overlap = np.linalg.svd(first.T @ second, compute_uv=False).sum()
    spread = sum(np.square(part - part.mean(axis=0)).sum() for part in (first, second)) / 2
    return float(np.sqrt(max(sum(squares) - 2 * overlap, 0.0) / (spread or 1.0)) / 2)
