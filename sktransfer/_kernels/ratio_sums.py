"""uLSIF from sums over rows: the second moments of the Gaussians, and their means."""

from typing import NamedTuple

import numpy as np


class GaussianSums(NamedTuple):
    """Of rows seen as ``phi``: their number, ``sum phi phi^T`` and ``sum phi``."""

    n_samples: int
    products: np.ndarray
    totals: np.ndarray


def gaussian_sums(phi):
    """Return the `GaussianSums` of rows ``phi`` of shape (n_samples, n_centers)."""
    return GaussianSums(len(phi), phi.T @ phi, phi.sum(axis=0))


def merged_gaussians(first, second):
    """Return the `GaussianSums` of the rows of both."""
    return GaussianSums(*(mine + theirs for mine, theirs in zip(first, second, strict=True)))


def ulsif_of(source, target, *, alpha, ridge):
    """`ulsif` of rows of which these are the `GaussianSums`."""
    H = (1 - alpha) * source.products / source.n_samples
    H = H + alpha * target.products / target.n_samples
    H.flat[:: len(H) + 1] += ridge
    return np.maximum(np.linalg.solve(H, target.totals / target.n_samples), 0)
