"""The gain of a ridge regression that starts from the model of another task, measured per row."""

import numpy as np
from scipy.stats import t

from sktransfer._kernels.intervals import corrected_error
from sktransfer._kernels.leave_one_out import leave_one_out_residuals, row_space

# Strengths of the penalty that are tried, relative to the mean variance along the axes of the rows.
RELATIVE_ALPHAS = np.logspace(-2, 4, 13)

FEWEST_ROWS = 3  # so that two are left to learn a slope from


def leave_one_out_losses(X, y, outputs):
    """Return squared errors of ridge regression on each row, fitted without it, with an intercept.

    A model that starts from a source shrinks its coefficients to those of the source. It is the
    ridge regression of ``y - output``, the part of the labels that the source leaves unexplained.
    Each model has the strength of the penalty whose sum of these errors is least.

    Parameters
    ----------
    X : {ndarray, sparse matrix} of shape (n_rows, n_features), dtype float64
        Two rows or more.
    y : ndarray of shape (n_rows,)
    outputs : ndarray of shape (n_rows, n_sources)
        The output of each source's model on these rows.

    Returns
    -------
    alone : ndarray of shape (n_rows,)
        Of the model that shrinks to 0.
    started : ndarray of shape (n_rows, n_sources)
        Of the models that start from a source.
    alpha : float
        The strength of the first.
    """
    space = row_space(X, np.ones(len(y)), fit_intercept=True)
    alphas = (space.scale or 1.0) * RELATIVE_ALPHAS
    values = np.column_stack([y, y[:, None] - outputs])
    losses = np.array(
        [leave_one_out_residuals(space, values, alpha=alpha)[0] ** 2 for alpha in alphas]
    )
    best = losses.sum(axis=1).argmin(axis=0)
    chosen = losses[best, :, range(losses.shape[2])]
    return chosen[0], chosen[1:].T, float(alphas[best[0]])


def gains_of_sources(y, alone, started, *, level):
    """Return how much each source raises R^2, with an interval.

    The gain is the mean of ``(alone - started) / var(y)`` over rows: the R^2 of the predictions of
    rows that were left out, minus that without the source. The interval is that of
    `corrected_interval` for folds of one row.

    Parameters
    ----------
    y, alone : ndarray of shape (n_rows,)
        Labels that are not all equal, and squared errors.
    started : ndarray of shape (n_rows, n_sources)
    level : float
        In (0, 1).

    Returns
    -------
    gain, low, high : ndarray of shape (n_sources,)
    """
    n_rows = len(y)
    differences = (alone[:, None] - started) / np.var(y)
    gain = differences.mean(axis=0)
    reach = corrected_error(differences, n_train=n_rows - 1) * t.ppf((1 + level) / 2, n_rows - 1)
    return gain, gain - reach, gain + reach
