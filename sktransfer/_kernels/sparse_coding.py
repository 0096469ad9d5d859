"""Sparse codes: rows as sums of few atoms of a dictionary.

With atoms ``d_j`` (rows of ``D``, of length 1 at most) and rows ``x`` of about unit length

    min over a of  1/2 |x - sum_j a_j d_j|^2 + alpha sum_j |a_j|

gives the code ``a`` of a row. The dictionary minimizes the mean of this objective over its rows,
alternately with the codes. A code is optimal if the correlations ``c_j = d_j . (x - sum_i a_i
d_i)`` are ``alpha sign(a_j)`` for each non-zero ``a_j``, and at most ``alpha`` in magnitude for the
others.

Raina, Battle, Lee, Packer and Ng, "Self-taught learning", ICML 2007, whose beta is ``2 alpha``;
the step for the atoms is that of Mairal, Bach, Ponce and Sapiro, ICML 2009. The codes are
scikit-learn's lasso. Its dictionary learning is not used: by coordinate descent it draws from
NumPy's global generator, and by least angles some codes come out far from their optimum.
"""

import warnings
from contextlib import nullcontext

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Lasso

MAX_SWEEPS = 100_000
ROUGH = 1e-4  # how exact codes are on the way to the atoms


def centre_and_scale(X):
    """Return the mean row, and the root mean squared distance from it (1 if that is 0)."""
    mean = X.mean(axis=0)
    spread = np.sqrt(np.mean(np.sum((X - mean) ** 2, axis=1)))
    return mean, float(spread) if spread > 0 else 1.0


def learn_atoms(rows, *, n_atoms, alpha, max_iter, tol, random_state, turn=nullcontext):
    """Learn a dictionary: codes for given atoms and atoms for given codes, by turns.

    Parameters
    ----------
    rows : ndarray of shape (n_samples, n_features), float64
        Centered, of about unit length.
    n_atoms, max_iter : int
        ``n_atoms`` is clipped to the number of rows that differ; ``max_iter`` turns at most.
    alpha : float
        Positive.
    tol : float
        The turns end when the objective falls by less than this part of itself.
    random_state : RandomState
        Draws the rows that the atoms begin as.
    turn : callable, default=nullcontext
        Returns the context manager in which a turn is computed, for a report of the progress.

    Returns
    -------
    atoms : ndarray of shape (n_atoms, n_features)
    objective : list of float
        After each turn's codes, the mean over rows.
    """
    distinct, counts = np.unique(rows, axis=0, return_counts=True)
    rows = np.repeat(distinct, counts, axis=0)
    atoms = _unit(distinct[random_state.permutation(len(distinct))[:n_atoms]])
    objective, codes = [], None
    for _ in range(max_iter):
        with turn():
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                codes = sparse_codes(rows, atoms, alpha=alpha, tol=ROUGH, start=codes)
            rest = rows - codes @ atoms
            costs = np.sum(rest**2, axis=1) / 2 + alpha * np.abs(codes).sum(axis=1)
            objective.append(float(np.mean(costs)))
            if len(objective) > 1 and objective[-2] - objective[-1] <= tol * objective[-2]:
                break
            atoms = _better_atoms(rows, codes, atoms, rest)
    return atoms, objective


def _better_atoms(rows, codes, atoms, rest):
    """The atoms, one after the other, each the best for the codes and the other atoms.

    One that no code uses becomes the row that is told worst, and is used from then on.
    """
    atoms, gram, moments = atoms.copy(), codes.T @ codes, codes.T @ rows
    unused = np.flatnonzero(gram.diagonal() == 0)
    worst = np.argsort(-np.sum(rest**2, axis=1), kind="stable")[: len(unused)]
    atoms[unused] = _unit(rows[worst])
    for j in np.flatnonzero(gram.diagonal() > 0):
        atom = atoms[j] + (moments[j] - gram[j] @ atoms) / gram[j, j]
        atoms[j] = atom / max(1.0, np.linalg.norm(atom))
    return atoms


def _unit(rows):
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(lengths > 0, lengths, 1)


def sparse_codes(rows, atoms, *, alpha, tol, start=None):
    """Give the codes of rows, each by itself.

    Parameters
    ----------
    rows : ndarray of shape (n_samples, n_features), float64
    atoms : ndarray of shape (n_atoms, n_features)
    alpha : float
        Positive.
    tol : float
        The duality gap to reach, over the squared length of a row.
    start : ndarray of shape (n_samples, n_atoms), default=None
        Codes to begin with. None: zeros.

    Returns
    -------
    codes : ndarray of shape (n_samples, n_atoms)
    """
    solver = Lasso(
        alpha / atoms.shape[1],  # scikit-learn divides the squared error by the number of features
        fit_intercept=False,
        precompute=True,
        tol=tol,
        max_iter=MAX_SWEEPS,
        warm_start=start is not None,
        random_state=0,  # draws nothing, but None would have NumPy's global generator draw
    )
    if start is not None:
        solver.coef_ = np.array(start, order="F")
    return solver.fit(atoms.T, rows.T).coef_.reshape(len(rows), len(atoms))
