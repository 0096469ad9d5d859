"""The map that gives each feature of one domain the mean and the scale of another.

Feature by feature, ``x -> (x - mean_s) * std_t / std_s + mean_t``: correlation alignment with all
covariances between features left out.
"""

from typing import NamedTuple

import numpy as np
from array_api_compat import array_namespace

from sktransfer._kernels.arrays import EPS, column_squares, in_dtype_of
from sktransfer._kernels.streaming import FeatureSums, feature_sums


class MomentMap(NamedTuple):
    """The map ``x -> (x - mean_source) * scale + mean_target``, a callable.

    Rows come back in their own dtype; the arithmetic is float64, as large means would else cancel.
    """

    mean_source: np.ndarray
    scale: np.ndarray
    mean_target: np.ndarray

    def __call__(self, X):
        return in_dtype_of((X - self.mean_source) * self.scale + self.mean_target, X)


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
    return moment_map_of(feature_sums(X_source), feature_sums(X_target), scale=scale)


def moment_map_of(source, target, *, scale):
    """`moment_map` of rows of which these are the sums.

    Parameters
    ----------
    source, target : FeatureSums
    scale : bool

    Returns
    -------
    fitted : MomentMap
    """
    xp = array_namespace(source.mean)
    one = xp.ones_like(source.mean)
    if not scale:
        return MomentMap(source.mean, one, target.mean)
    std_source, std_target = (_standard_deviation(domain) for domain in (source, target))
    constant = std_source == 0
    ratio = xp.where(constant, one, std_target / xp.where(constant, one, std_source))
    return MomentMap(source.mean, ratio, target.mean)


def standard_deviation(X, mean):
    """Standard deviation (``ddof=1``) of each column about its `mean`, rounding errors set to 0.

    The mean of `n` equal numbers `a` is off by at most about ``n * eps * a``; what is no greater
    than that is no spread.
    """
    centred = X - mean
    return _standard_deviation(FeatureSums(len(X), mean, column_squares(centred)))


def _standard_deviation(domain):
    xp = array_namespace(domain.mean)
    std = xp.sqrt(domain.squares / (domain.n_samples - 1))
    rounding = domain.n_samples * EPS * xp.abs(domain.mean)
    return xp.where(std <= rounding, xp.zeros_like(std), std)
