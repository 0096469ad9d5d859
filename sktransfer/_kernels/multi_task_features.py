"""Features that several tasks share: ridge regressions with one learned metric of coefficients.

A. Argyriou, T. Evgeniou, M. Pontil, "Convex multi-task feature learning", Machine Learning 73,
2008, https://doi.org/10.1007/s10994-007-5040-8. The coefficients ``w_t`` of tasks and a matrix D,
positive definite and of trace 1, minimize

``sum_t sum_i s_i (y_i - x_i w_t)^2 + alpha trace(D^-1 (sum_t w_t w_t^T + e I))``.

The problem is convex. For given coefficients the best D is the root of the sum in brackets over its
trace. If e is 0, the penalty is then alpha times the square of the sum of singular values of the
matrix of all ``w_t``. A small e keeps D regular.
"""

from dataclasses import dataclass

import numpy as np

# e, in units of the mean square of coefficients of the first step.
_PERTURBATION = 1e-6


@dataclass(frozen=True)
class SharedFeatures:
    """The result of the alternation.

    Parameters
    ----------
    coefficients : ndarray of shape (n_tasks, n_columns, n_outputs)
    metric : ndarray of shape (n_columns, n_columns)
        D.
    objectives : ndarray of shape (n_iter,)
        The objective after each step of D; it does not rise.
    converged : bool
    """

    coefficients: np.ndarray
    metric: np.ndarray
    objectives: np.ndarray
    converged: bool


def shared_features(grams, moments, squares, *, alpha, start=None, tol, max_iter):
    """Minimize over the coefficients and the metric in turn.

    Parameters
    ----------
    grams : ndarray of shape (n_tasks, n_columns, n_columns)
        ``X_t^T S_t X_t``.
    moments : ndarray of shape (n_tasks, n_columns, n_outputs)
        ``X_t^T S_t Y_t``. Each output has coefficients of its own.
    squares : ndarray of shape (n_outputs,)
        ``sum_i s_i y_i^2``.
    alpha : float
    start : ndarray of shape (n_columns, n_columns), default=None
        The first metric. None: the identity over its trace.
    tol : float
        The relative change of the objective at which the alternation ends.
    max_iter : int

    Returns
    -------
    found : SharedFeatures
    """
    n_columns = grams.shape[1]
    metric = np.eye(n_columns) / n_columns if start is None else start
    objectives, perturbation = [], None
    for _ in range(max_iter):
        coefficients = _ridge(grams, moments, metric, alpha)
        spread = np.einsum("tik,tjk->ij", coefficients, coefficients)
        if perturbation is None:
            perturbation = _PERTURBATION * np.trace(spread) / n_columns
        if not perturbation > 0:  # nothing to learn
            return SharedFeatures(coefficients, metric, np.array([squares.sum()]), True)
        values, vectors = np.linalg.eigh(spread)
        roots = np.sqrt(np.maximum(values, 0) + perturbation)
        metric = (vectors * (roots / roots.sum())) @ vectors.T
        error = _error(grams, moments, squares, coefficients)
        objectives.append(error + alpha * roots.sum() ** 2)
        if len(objectives) > 1 and objectives[-2] - objectives[-1] <= tol * objectives[-1]:
            return SharedFeatures(coefficients, metric, np.array(objectives), True)
    return SharedFeatures(coefficients, metric, np.array(objectives), False)


def _ridge(grams, moments, metric, alpha):
    """Return the ridge regression of each task in a metric, without its inverse."""
    values, vectors = np.linalg.eigh(metric)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    systems = root @ grams @ root
    diagonal = np.arange(len(root))
    systems[:, diagonal, diagonal] += alpha
    return root @ np.linalg.solve(systems, root @ moments)


def _error(grams, moments, squares, coefficients):
    """Return the sum of squared errors of all tasks."""
    fitted = np.sum(coefficients * (grams @ coefficients)) - 2 * np.sum(coefficients * moments)
    return float(squares.sum() + fitted)
