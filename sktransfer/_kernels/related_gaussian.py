"""Gaussian processes of several tasks: the likelihood of target rows given those of sources.

The function of task d is ``l_d g + sqrt(1 - l_d^2) h_d``, with independent functions g and h_d of
one kernel. The target has l = 1. Two tasks thus have the covariance ``B[d, e] k(x, x')`` with
``B[d, e] = l_d l_e``, and 1 on the diagonal.
"""

import numpy as np
from scipy.linalg import cho_solve, cholesky

# Added to all noise, as scikit-learn does.
JITTER = 1e-10


def task_covariance(relatedness, n_given):
    """Return how the functions of tasks with rows vary, given functions that are known everywhere.

    Parameters
    ----------
    relatedness : ndarray of shape (n_sources,)
        The number l of each source. Those of which the function is known come first.
    n_given : int
        The number of known functions.

    Returns
    -------
    mixing : ndarray of shape (n_tasks, n_given)
        The mean of the function of each task with rows is ``mixing @ f`` for known functions f. The
        target is the last.
    covariance : ndarray of shape (n_tasks, n_tasks)
    slopes : list of pairs of ndarrays of these shapes
        Their derivatives with respect to each l.
    """
    numbers = np.append(relatedness, 1.0)
    whole = np.outer(numbers, numbers)
    np.fill_diagonal(whole, 1.0)
    known, rest = np.arange(n_given), np.arange(n_given, len(numbers))
    inner = np.linalg.pinv(whole[np.ix_(known, known)])
    mixing = whole[np.ix_(rest, known)] @ inner
    covariance = whole[np.ix_(rest, rest)] - mixing @ whole[np.ix_(known, rest)]
    slopes = []
    for k in range(len(relatedness)):
        change = np.zeros_like(whole)
        change[k], change[:, k] = numbers, numbers
        change[k, k] = 0.0
        across = change[np.ix_(rest, known)]
        within = change[np.ix_(known, known)]
        turned = across @ mixing.T
        slopes.append(
            (
                (across - mixing @ within) @ inner,
                change[np.ix_(rest, rest)] - turned - turned.T + mixing @ within @ mixing.T,
            )
        )
    return mixing, covariance, slopes


def factorize(gram, covariance, tasks, noise, weight):
    """Return the lower Cholesky factor of the covariance of rows; LinAlgError if there is none.

    Parameters
    ----------
    gram : ndarray of shape (n_rows, n_rows)
        The kernel of the rows.
    covariance : ndarray of shape (n_tasks, n_tasks)
    tasks : ndarray of shape (n_rows,), dtype int
    noise : ndarray of shape (n_tasks,)
    weight : ndarray of shape (n_rows,)
        The number of rows of the same values that a row represents.

    Returns
    -------
    factor : ndarray of shape (n_rows, n_rows)
    """
    matrix = gram * covariance[np.ix_(tasks, tasks)]
    matrix[np.diag_indices_from(matrix)] += (noise[tasks] + JITTER) / weight
    return cholesky(matrix, lower=True, check_finite=False)


def log_likelihood(
    gram, gram_slopes, y, tasks, noise, weight, outputs, relatedness, *, with_gradient=True
):
    """Return the log-likelihood of rows of tasks, and its gradient.

    A row of weight w counts as w rows of the same values.

    Parameters
    ----------
    gram : ndarray of shape (n_rows, n_rows)
        The kernel of the rows.
    gram_slopes : ndarray of shape (n_rows, n_rows, n_parameters)
        Its derivatives.
    y : ndarray of shape (n_rows,)
    tasks : ndarray of shape (n_rows,), dtype int
        The task of each row, as in `task_covariance`.
    noise : ndarray of shape (n_tasks,)
        The variance of the noise of each task.
    weight : ndarray of shape (n_rows,)
    outputs : ndarray of shape (n_given, n_rows)
        Known functions.
    relatedness : ndarray of shape (n_sources,)
    with_gradient : bool, default=True

    Returns
    -------
    value : float
        -inf if the covariance is not positive definite.
    gradient : ndarray of shape (n_parameters + n_sources + n_tasks,)
        With respect to the parameters of the kernel, the relatedness and the logarithms of noise;
        zeros if it is not asked for.
    """
    mixing, covariance, slopes = task_covariance(relatedness, len(outputs))
    n_parameters, n_tasks = gram_slopes.shape[2], len(noise)
    gradient = np.zeros(n_parameters + len(relatedness) + n_tasks)
    try:
        factor = factorize(gram, covariance, tasks, noise, weight)
    except np.linalg.LinAlgError:
        return -np.inf, gradient
    rest = y - np.sum(mixing[tasks] * outputs.T, axis=1)
    alpha = cho_solve((factor, True), rest, check_finite=False)
    value = -0.5 * rest @ alpha - np.log(np.diag(factor)).sum() - 0.5 * len(y) * np.log(2 * np.pi)
    extra = weight - 1  # of rows that are equal to those here
    value -= 0.5 * (extra @ np.log(2 * np.pi * (noise[tasks] + JITTER)) + np.log(weight).sum())
    if not with_gradient:
        return value, gradient
    pairs = covariance[np.ix_(tasks, tasks)]
    inverse = cho_solve((factor, True), np.eye(len(y)), check_finite=False)
    half = 0.5 * (np.outer(alpha, alpha) - inverse)
    gradient[:n_parameters] = np.einsum("ij,ij,ijk->k", half, pairs, gram_slopes)
    weighted = half * gram
    for k, (mixing_slope, covariance_slope) in enumerate(slopes):
        change = np.sum(weighted * covariance_slope[np.ix_(tasks, tasks)])
        change += alpha @ np.sum(mixing_slope[tasks] * outputs.T, axis=1)
        gradient[n_parameters + k] = change
    share = noise / (noise + JITTER)  # of the value added to the diagonal
    own = np.diag(half) * noise[tasks] / weight - 0.5 * extra * share[tasks]
    gradient[n_parameters + len(relatedness) :] = np.bincount(tasks, own, minlength=n_tasks)
    return value, gradient
