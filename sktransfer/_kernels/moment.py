"""The map that gives each feature of one domain the mean and the scale of another.

Feature by feature, ``x -> (x - mean_s) * std_t / std_s + mean_t``: correlation alignment with all
covariances between features left out.
"""

from typing import NamedTuple

import numpy as np
from array_api_compat import array_namespace

from sktransfer._kernels.arrays import EPS, column_norms, in_dtype_of
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
        With `scale`, two rows at least of each. NaN is ignored, and stays NaN.
    scale : bool
        Whether standard deviations (``ddof=1``) are matched too. A feature that is constant in the
        source has none: all of it is the target's mean. One with fewer than two values in a domain
        has its mean matched, and one without a value in a domain stays as it is.

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
    n_present = xp.minimum(source.n_present, target.n_present)
    mean_source, mean_target = (
        xp.where(n_present > 0, domain.mean, xp.zeros_like(one)) for domain in (source, target)
    )
    if not scale:
        return MomentMap(mean_source, one, mean_target)
    std_source, std_target = (standard_deviation_of(domain) for domain in (source, target))
    unknown = (std_source == 0) | (n_present < 2)
    ratio = xp.where(unknown, one, std_target / xp.where(unknown, one, std_source))
    return MomentMap(mean_source, ratio, mean_target)


def standard_deviation(X, mean):
    """Standard deviation (``ddof=1``) of each column about its `mean`, rounding errors set to 0.

    The mean of `n` equal numbers `a` has an error of at most about ``n * eps * a``; a spread no
    larger than that is set to 0.
    """
    counts = np.full(X.shape[1], len(X))
    return standard_deviation_of(FeatureSums(len(X), counts, mean, column_norms(X - mean)))


def standard_deviation_of(domain):
    """Standard deviation of the values that each feature has; that of fewer than two is 0."""
    xp = array_namespace(domain.mean)
    std = domain.norms / xp.sqrt(xp.clip(domain.n_present - 1, 1, None))
    rounding = domain.n_present * EPS * xp.abs(domain.mean)
    return xp.where(std <= rounding, xp.zeros_like(std), std)
