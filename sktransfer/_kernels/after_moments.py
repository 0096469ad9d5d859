"""Whether a difference between two samples is left if the columns' means and scales agree.

After one sample was mapped onto the moments of the other, the columns and their squares have equal
means by construction. A permutation of the names would undo that. Both the features ``F`` and the
names ``z`` are therefore taken less their projections on the columns and squares, and

    T(z) = |F^T z|^2 / |z|^2

is compared between the true names and permutations. The level holds for many rows only, because
the moments are estimated.
"""

import numpy as np

from sktransfer._kernels.moment import moment_map
from sktransfer._kernels.nystroem import inverse_root
from sktransfer._kernels.two_samples import (
    TIE,
    fourier_features,
    permuted_names,
    rows_and_squares,
    standardized,
)

N_FREQUENCIES = 30  # of each width
DEPENDENT = 1e-10  # share of the largest eigenvalue: columns that depend on others


def p_after_moments(sources, X_target, *, n_permutations=99, generator):
    """Test whether more differs than the mean and the scale of each column.

    The features are the products of all pairs of columns, which hold the correlations, and random
    Fourier features, which hold all else.

    Parameters
    ----------
    sources : list of ndarray of shape (n_source, n_features), dtype float64
        The rows of each source, which get the moments of the target one by one.
    X_target : ndarray of shape (n_target, n_features)
    n_permutations : int, default=99
    generator : RandomState

    Returns
    -------
    p_value : float
    """
    mapped = [moment_map(X, X_target, scale=True)(X) for X in sources]
    X = standardized(np.concatenate([*mapped, X_target]))
    n_a = len(X) - len(X_target)
    first, second = np.triu_indices(X.shape[1], 1)
    waves = fourier_features(X, n_frequencies=N_FREQUENCIES, generator=generator)
    matched = standardized(rows_and_squares(X))
    basis = matched @ inverse_root(matched.T @ matched, cutoff=DEPENDENT)
    features = standardized(_less(np.hstack([X[:, first] * X[:, second], waves]), basis))
    is_b = np.arange(len(X)) >= n_a
    (observed,) = _statistics(features, is_b[:, None], basis)
    blocks = permuted_names(is_b, n_permutations, generator=generator)
    n_as_large = sum(
        np.sum(_statistics(features, names, basis) >= observed * (1 - TIE)) for names in blocks
    )
    return float((1 + n_as_large) / (1 + n_permutations))


def _less(features, basis):
    """Return centered columns less their projections on an orthonormal basis of centered ones."""
    features = features - features.mean(axis=0)
    return features - basis @ (basis.T @ features)


def _statistics(features, names, basis):
    """Return the statistic of each column of names; `features` are orthogonal to the basis."""
    names = _less(names.astype(np.float64), basis)
    return np.sum((features.T @ names) ** 2, axis=0) / np.sum(names**2, axis=0)
