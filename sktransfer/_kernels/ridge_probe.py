"""Ridge regression of classes or numbers on features, scored by leave-one-out in closed form."""

import numpy as np

from sktransfer._kernels.feature_scores import standardized
from sktransfer._kernels.leave_one_out import leave_one_out_residuals, row_space

# The penalties, over the mean squared singular value of the standardized features.
PENALTIES = (0.01, 0.1, 1.0, 10.0)

# So many numbers are permuted at a time.
_AT_ONCE = 2**22


def probe(X, values, permutations=()):
    """Return the least leave-one-out error over the penalties, and the predictions that have it.

    The columns of X are standardized. The fit has an intercept, and the error of a row is the sum
    of its squared errors over the columns. This is the Brier score if the columns are indicators of
    classes. Residuals are linear in the values, so all permutations use one decomposition of X.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_features)
    values : ndarray of shape (n_rows, n_columns)
    permutations : sequence of ndarray of shape (n_rows,), dtype int
        Orders of the rows of `values`.

    Returns
    -------
    error : float
        The mean over rows.
    predictions : ndarray of shape (n_rows, n_columns)
        Of each row by the fit on the others.
    permuted : ndarray of shape (n_permutations,)
        The error after each permutation, with a choice of penalty of its own.
    """
    space = row_space(standardized(X), np.ones(len(X)), fit_intercept=True)
    n_columns = values.shape[1]
    best, predictions, permuted = np.inf, None, np.full(len(permutations), np.inf)
    step = max(1, _AT_ONCE // values.size)
    for penalty in PENALTIES:
        alpha = penalty * (space.scale or 1.0)
        residuals, _ = leave_one_out_residuals(space, values, alpha=alpha)
        error = float(np.mean(np.sum(residuals**2, axis=1)))
        if error < best:
            best, predictions = error, values - residuals
        for first in range(0, len(permutations), step):
            some = permutations[first : first + step]
            stacked = np.hstack([values[order] for order in some])
            residuals, _ = leave_one_out_residuals(space, stacked, alpha=alpha)
            errors = np.mean(residuals**2, axis=0).reshape(-1, n_columns).sum(axis=1)
            places = slice(first, first + step)
            permuted[places] = np.minimum(permuted[places], errors)
    return best, predictions, permuted


def error_without_features(values):
    """Return the leave-one-out error of the mean of the other rows."""
    n_rows = len(values)
    residuals = (values - values.mean(axis=0)) * n_rows / (n_rows - 1)
    return float(np.mean(np.sum(residuals**2, axis=1)))


def adjusted_p_values(scores, permuted):
    """Return p-values of scores that allow for the best of all candidates being looked at.

    Each is the share of permutations, the actual order included, after which some candidate scores
    at least as much. P. H. Westfall, S. S. Young, "Resampling-based multiple testing", 1993.

    Parameters
    ----------
    scores : ndarray of shape (n_candidates,)
    permuted : ndarray of shape (n_candidates, n_permutations)
        The scores after the same permutations.

    Returns
    -------
    p_values : ndarray of shape (n_candidates,)
    """
    largest = permuted.max(axis=0)
    reached = (largest >= scores[:, None] - 1e-12).sum(axis=1)
    return (1 + reached) / (1 + len(largest))
