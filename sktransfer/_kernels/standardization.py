"""Maps between instruments, from the same specimens measured on each.

With the spectra ``s_i`` and ``t_i`` of ``n`` specimens, in rows of ``S`` and ``T``, the map of
``x`` to the instrument of ``T`` is ``x + (m_t - m_s) + (x - m_s) B``. ``B`` is a regression of the
differences ``t - s`` on ``s``, both centered, with the penalty ``r ||B||^2``: Wang, Veltkamp and
Kowalski, "Multivariate instrument standardization", Analytical Chemistry 1991,
https://doi.org/10.1021/ac00023a016, with a ridge in place of a few components, and ``B = 0`` rather
than ``I + B = 0`` without data. Piecewise, a column is regressed on columns near it.
"""

from typing import NamedTuple

import numpy as np
from scipy.linalg import eigh, svd
from scipy.sparse import csr_array

RIDGES = tuple(10.0**k for k in range(2, -7, -1))


class PairedMap(NamedTuple):
    """The map ``x -> x + shift + (x - mean) F_1 F_2 ...``, and the ridge of its factors ``F``."""

    mean: np.ndarray
    shift: np.ndarray
    factors: tuple
    ridge: float

    def __call__(self, X):
        moved = X - self.mean
        for factor in self.factors:
            moved = moved @ factor
        return X + self.shift + moved if self.factors else X + self.shift


class Weighting(NamedTuple):
    """The map ``x -> x + (gains - 1) (x V^T) V`` with the directions in the rows of ``V``."""

    directions: np.ndarray
    gains: np.ndarray

    def __call__(self, X):
        return X + (X @ self.directions.T * (self.gains - 1)) @ self.directions


def direct_map(S, T, *, ridge=None):
    """Return the map that predicts each column from all columns.

    Parameters
    ----------
    S, T : ndarray of shape (n_pairs, n_features), dtype float64
        With fewer than three pairs, or equal rows in `S`, the map is the shift alone.
    ridge : float, default=None
        The penalty over the mean eigenvalue of ``Q Q^T`` for the centered ``Q`` of `S`. None: the
        one of `RIDGES` with the least squared error on pairs left out one by one.

    Returns
    -------
    fitted : PairedMap
    """
    mean, shift = S.mean(axis=0), (T - S).mean(axis=0)
    if len(S) < 3 or not np.ptp(S, axis=0).any():
        return PairedMap(mean, shift, (), np.inf)
    Q, E = S - mean, T - S - shift
    values, U = eigh(Q @ Q.T)
    if ridge is None:
        ridge = RIDGES[int(np.argmin([left_out(values, U, E, each) for each in RIDGES]))]
    return PairedMap(mean, shift, (Q.T, dual(values, U, E, ridge)), ridge)


def piecewise_map(S, T, *, window, ridge=None):
    """Return the map that predicts each column from those at most `window` places away.

    Parameters
    ----------
    S, T, ridge
        As in `direct_map`. One ridge serves all columns.
    window : int

    Returns
    -------
    fitted : PairedMap
    """
    mean, shift = S.mean(axis=0), (T - S).mean(axis=0)
    if len(S) < 3 or not np.ptp(S, axis=0).any():
        return PairedMap(mean, shift, (), np.inf)
    Q, E = S - mean, T - S - shift
    n_features = Q.shape[1]
    spans = [(max(j - window, 0), min(j + window + 1, n_features)) for j in range(n_features)]
    spectra = [eigh(Q[:, first:last] @ Q[:, first:last].T) for first, last in spans]
    if ridge is None:
        errors = [
            sum(left_out(*spectrum, E[:, [j]], each) for j, spectrum in enumerate(spectra))
            for each in RIDGES
        ]
        ridge = RIDGES[int(np.argmin(errors))]
    parts = [
        Q[:, first:last].T @ dual(*spectrum, E[:, j], ridge)
        for j, ((first, last), spectrum) in enumerate(zip(spans, spectra, strict=True))
    ]
    rows = np.concatenate([np.arange(first, last) for first, last in spans])
    columns = np.repeat(np.arange(n_features), [len(part) for part in parts])
    band = csr_array((np.concatenate(parts), (rows, columns)), shape=(n_features, n_features))
    return PairedMap(mean, shift, (band,), ridge)


def dual(values, U, E, ridge):
    """Return ``A`` such that the regression is ``Q^T A``, from the spectrum of ``Q Q^T``."""
    sizes, kept = _penalized(values, ridge)
    return (U * np.where(kept, 1 / sizes, 0)) @ (U.T @ E)


def left_out(values, U, E, ridge):
    """Return the sum of squared errors of each pair by the fit of the others.

    It divides the residual of a pair by 1 less its leverage, ``1 / n`` of the means included.
    """
    sizes, kept = _penalized(values, ridge)
    rest = np.where(kept, ridge * values.mean() / sizes, 1)  # the part that the penalty leaves
    residuals = (U * rest) @ (U.T @ E)
    free = np.einsum("ik,k,ik->i", U, rest, U) - 1 / len(U)
    return float(((residuals / np.maximum(free, 1e-12)[:, None]) ** 2).sum())


def _penalized(values, ridge):
    """Return the penalized eigenvalues, and which eigenvalues are not 0."""
    kept = values > 1e-13 * values.max()
    return np.where(kept, values + ridge * values.mean(), 1), kept


def weighting(D, *, ridge):
    """Return the map that shrinks the directions of differences between instruments.

    It is ``(I + C / (r tr(C) / d))^(-1/2)`` for ``C = D^T D / n`` and ``d`` columns: Martens, Hoy,
    Wise, Bro and Brockhoff, "Pre-whitening of data by covariance-weighted pre-processing", Journal
    of Chemometrics 2003, https://doi.org/10.1002/cem.780. ``r = 0`` removes the directions.

    Parameters
    ----------
    D : ndarray of shape (n_pairs, n_features), dtype float64
        Differences of the same specimen, not centered.
    ridge : float
        ``r``.

    Returns
    -------
    fitted : Weighting
    """
    lengths, V = svd(D, full_matrices=False)[1:]
    kept = lengths > 1e-12 * lengths.max(initial=0)
    variances, V = lengths[kept] ** 2, V[kept]
    unit = ridge * variances.sum() / D.shape[1]
    return Weighting(V, np.sqrt(unit / (unit + variances)))
