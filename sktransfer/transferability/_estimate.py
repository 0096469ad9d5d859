"""Estimate: a number and its interval."""

from typing import NamedTuple

import numpy as np

from sktransfer._kernels.intervals import sum_of_shares


class Estimate(NamedTuple):
    """A number and its interval.

    Parameters
    ----------
    value : float
        The number.
    low, high : float
        The ends of the interval.
    """

    value: float
    low: float
    high: float

    def __str__(self):
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"


def error_estimate(*samples, level, weight=1.0):
    """Return the sum of the error rates of samples, each times `weight`, clipped to possible
    values.

    Parameters
    ----------
    *samples : ndarray of bool
        For each row of a sample, whether the prediction is wrong.
    level : float
        The share of intervals that are to hold the true sum.
    weight : float, default=1.0

    Returns
    -------
    estimate : Estimate
    """
    counts, n_rows = [wrong.sum() for wrong in samples], [len(wrong) for wrong in samples]
    weights = np.full(len(samples), weight)
    value, low, high = sum_of_shares(counts, n_rows, weights=weights, level=level)
    return Estimate(value, max(low, 0.0), min(high, weight * len(samples)))
