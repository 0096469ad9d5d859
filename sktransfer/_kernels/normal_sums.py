"""Normal densities of rows, and weights of rows, that are known by sums alone."""

from typing import NamedTuple

import numpy as np

from sktransfer._kernels.density_ratio import LowRankNormal, Normal
from sktransfer._kernels.moment import standard_deviation_of
from sktransfer._kernels.streaming import FeatureSums


def common_scale_of(source, target):
    """`common_scale` of the rows of which these are the `Sums`."""
    scale = np.hypot(*(_deviations(domain) for domain in (source, target))) / np.sqrt(2)
    return np.where(scale > 0, scale, 1)


def _deviations(domain):
    if domain.rows is None:
        norms = np.sqrt(np.maximum(domain.scatter.diagonal(), 0))
    else:
        norms = np.sqrt(np.square(domain.rows).sum(axis=0))
    counts = np.full(len(norms), domain.n_samples)
    return standard_deviation_of(FeatureSums(domain.n_samples, counts, domain.mean, norms))


def shrunk_normal_of(domain, scale, *, shrinkage):
    """`shrunk_normal` of rows, divided by `scale`, of which these are the `Sums`.

    Parameters
    ----------
    domain : Sums
        Of two rows at least.
    scale : ndarray of shape (n_features,)
    shrinkage : float
        In [0, 1].

    Returns
    -------
    normal : Normal or LowRankNormal
    """
    mean, share = domain.mean / scale, 1 / (domain.n_samples - 1)
    if domain.rows is not None:
        rows = domain.rows / scale
        variance = np.square(rows).sum() * share / len(mean)
        if domain.n_samples < len(mean):
            factor = rows * np.sqrt((1 - shrinkage) * share)
            return LowRankNormal(mean, factor, np.full(len(mean), shrinkage * variance))
        scatter = rows.T @ rows
    else:
        scatter = domain.scatter / scale / scale[:, None]
        variance = np.trace(scatter) * share / len(mean)
    covariance = (1 - shrinkage) * share * scatter
    covariance.flat[:: len(mean) + 1] += shrinkage * variance
    return Normal(mean, covariance)


class WeightSums(NamedTuple):
    """Of the weights ``w`` of some rows: their number, the largest logarithm, and two sums.

    ``total`` and ``squares`` are the sums of ``w`` and ``w^2`` in units of the largest weight, so
    that none overflows.
    """

    n_samples: int
    largest: float
    total: float
    squares: float

    @property
    def effective_size(self):
        """``(sum w)^2 / sum w^2``; 0 if there is no weight above 0."""
        return self.total**2 / self.squares if self.squares > 0 else 0.0

    @property
    def mean(self):
        """The mean in units of the largest weight."""
        return self.total / self.n_samples


def weight_sums(logs):
    """Return the `WeightSums` of rows, one at least, by the logarithms of their weights."""
    largest = logs.max()
    weights = np.exp(logs - largest) if np.isfinite(largest) else np.zeros(len(logs))
    return WeightSums(len(logs), float(largest), float(weights.sum()), float(weights @ weights))


def merged_weights(first, second):
    """Return the `WeightSums` of the rows of both."""
    largest = max(first.largest, second.largest)
    n_samples = first.n_samples + second.n_samples
    if not np.isfinite(largest):
        return WeightSums(n_samples, largest, 0.0, 0.0)
    units = [np.exp(part.largest - largest) for part in (first, second)]
    total = first.total * units[0] + second.total * units[1]
    squares = first.squares * units[0] ** 2 + second.squares * units[1] ** 2
    return WeightSums(n_samples, largest, total, squares)
