"""The map that gives each feature of one domain the mean and the scale of another.

Feature by feature, ``x -> (x - mean_s) * std_t / std_s + mean_t``: correlation alignment with all
covariances between features left out.
"""

from typing import NamedTuple

import numpy as np


class MomentMap(NamedTuple):
    """The map ``x -> (x - mean_source) * scale + mean_target``, a callable.

    Rows come back in their own dtype; the arithmetic is float64, as large means would else cancel.
    """

    mean_source: np.ndarray
    scale: np.ndarray
    mean_target: np.ndarray

    def __call__(self, X):
        mapped = (X - self.mean_source) * self.scale + self.mean_target
        return mapped.astype(X.dtype, copy=False)


def moment_map(X_source, X_target, *, scale):
    """Give the map of the source's rows onto the target's means, and scales if `scale`.

    Parameters
    ----------
    X_source, X_target : ndarray of shape (n_samples, n_features), dtype float64 or float32
        With `scale`, two rows at least of each.
    scale : bool
        Whether standard deviations (``ddof=1``) are matched too. A feature that is constant in the
        source has none: all of it is the target's mean.

    Returns
    -------
    fitted : MomentMap
        In float64.
    """
    mean_source, mean_target = (X.mean(axis=0, dtype=np.float64) for X in (X_source, X_target))
    if not scale:
        return MomentMap(mean_source, np.ones(len(mean_source)), mean_target)
    std_source = standard_deviation(X_source, mean_source)
    std_target = standard_deviation(X_target, mean_target)
    constant = std_source == 0
    ratio = np.where(constant, 1.0, std_target / np.where(constant, 1.0, std_source))
    return MomentMap(mean_source, ratio, mean_target)


def standard_deviation(X, mean):
    """Standard deviation (``ddof=1``) of each column about its `mean`, rounding errors set to 0.

    The mean of `n` equal numbers `a` is off by at most about ``n * eps * a``; what is no greater
    than that is no spread.
    """
    centred = X - mean
    std = np.sqrt(np.einsum("ij,ij->j", centred, centred) / (len(X) - 1))
    std[std <= len(X) * np.finfo(np.float64).eps * np.abs(mean)] = 0
    return std
