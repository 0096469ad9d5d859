"""Components of rows that are known by sums alone: their number, mean and scatter.

The problem of :mod:`sktransfer._kernels.components` with a linear kernel depends on the rows ``X``
only through ``X^T X`` and the means of the domains: with ``X = Q R`` and ``a = Q c`` it is

    (R D D^T R^T + ridge I) c = phi R S R^T c,

in which ``S`` is the scatter of the rows and ``D = X^T E`` are the differences between the means.
Any ``R`` with ``R^T R = S + n m m^T`` serves, so a root of the scatter replaces the rows.
"""

from functools import reduce

import numpy as np
from scipy.sparse import issparse

from sktransfer._kernels.components import LinearKernel, unit_contrasts
from sktransfer._kernels.primal import PrimalRows
from sktransfer._kernels.streaming import merged, scatter_of


def total_of(parts):
    """Return the sums of the rows of all parts."""
    return reduce(merged, parts)


def root_of(found):
    """Give a matrix ``B`` with ``B^T B = S``, the scatter of `Sums`.

    Columns are scaled to length 1 first, so that small features keep their digits.
    """
    if found.rows is not None and not issparse(found.rows):
        return found.rows
    scatter = scatter_of(found)
    lengths = np.sqrt(np.maximum(scatter.diagonal(), 0))
    divisors = np.where(lengths > 0, lengths, 1)
    correlations = scatter / divisors / divisors[:, None]
    try:
        return np.linalg.cholesky(correlations).T * lengths
    except np.linalg.LinAlgError:
        values, vectors = np.linalg.eigh(correlations)
        return (vectors * np.sqrt(np.maximum(values, 0))).T * lengths


def mean_differences(sources, target):
    """Give ``D = X^T E`` with the ``E`` of `domain_contrasts`, scaled as by `unit_contrasts`.

    Parameters
    ----------
    sources : list of Sums
    target : Sums

    Returns
    -------
    differences : ndarray of shape (n_features, n_sources)
    """
    if not sources:
        return np.zeros((len(target.mean), 0))
    differences = np.array([source.mean - target.mean for source in sources]).T
    # E^T E = diag(1 / n_source) + 1 / n_target: E up to a rotation of the rows.
    lengths = [1 / np.sqrt(source.n_samples) for source in sources]
    contrasts = np.vstack([np.diag(lengths), np.full(len(sources), target.n_samples**-0.5)])
    scale = np.linalg.norm(unit_contrasts(contrasts)) / np.linalg.norm(contrasts)
    return differences * scale


class LinearSums(LinearKernel):
    """``K = X X^T`` of rows that are known by their number, mean and a root of their scatter.

    The rows of the root replace the centered rows: ``a`` is known up to a rotation. The contrasts
    of `problem` are differences between means of features.
    """

    def __init__(self, n_samples, mean, root):
        self.n_samples, self.mean = n_samples, mean
        self.extended = np.zeros((len(root) + 1, len(mean) + 1))
        self.extended[0, 0] = np.sqrt(n_samples)
        self.extended[1:, 1:] = root
        self.centred = self.extended[:, 1:]

    def _differences(self, contrasts):
        return contrasts

    def directions(self, A):
        """``X^T A``."""
        return self.centred.T @ A + np.outer(self.mean, self.extended[:, 0] @ A)


class PrimalSums(PrimalRows):
    """Rows whose features are combined, known by a root of their scatter."""

    def __init__(self, root):
        self.root, self.basis = root, None

    def _differences(self, contrasts):
        return contrasts
