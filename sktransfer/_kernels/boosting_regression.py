"""Boosting for regression: adjusted errors, medians, and source weights that go down in steps."""

import numpy as np
from scipy.optimize import brentq

# Steeper than any weight survives: exp(-750) is 0 in double precision.
_UNDERFLOW = 750.0


def adjusted_errors(residuals, *, loss):
    """Errors relative to the greatest of them: ``e_i = |r_i| / max_j |r_j|``, or a function of it.

    "linear" is this, "square" its square, "exponential" ``1 - exp(-e_i)``. If all residuals are 0,
    so are the errors. Drucker, "Improving regressors using boosting techniques", ICML 1997.

    Parameters
    ----------
    residuals : ndarray of shape (n_samples,)
        Predictions minus true values.
    loss : {"linear", "square", "exponential"}

    Returns
    -------
    errors : ndarray of shape (n_samples,), dtype float64
        In [0, 1].
    """
    errors = np.abs(residuals).astype(np.float64)
    largest = errors.max()
    if largest > 0:
        errors /= largest
    if loss == "square":
        return errors**2
    return 1 - np.exp(-errors) if loss == "exponential" else errors


def weighted_median(predictions, weights):
    """Least prediction such that those up to it hold half of the weight, for each sample.

    Drucker 1997, equation 8: ``min {y : sum_{t : h_t(x) <= y} weight_t >= sum_t weight_t / 2}``.

    Parameters
    ----------
    predictions : ndarray of shape (n_rounds, n_samples)
    weights : ndarray of shape (n_rounds,)
        Positive.

    Returns
    -------
    medians : ndarray of shape (n_samples,)
        Each is one of the sample's predictions.
    """
    order = np.argsort(predictions, axis=0)
    shares = np.cumsum(weights[order], axis=0)
    middle = (shares >= 0.5 * shares[-1]).argmax(axis=0)
    chosen = np.take_along_axis(order, middle[None], axis=0)
    return np.take_along_axis(predictions, chosen, axis=0)[0]


def reweight_target(weights, errors, is_source, *, vote):
    """AdaBoost.R2's update on target rows alone, which keep their total; source rows are frozen.

    ``w_i *= beta_t ** (1 - e_i)`` over target rows, scaled to their previous total. Pardoe and
    Stone, "Boosting for regression transfer", ICML 2010: AdaBoost.R2'.

    Parameters
    ----------
    weights : ndarray of shape (n_samples,), dtype float64
        Not negative; positive on target rows.
    errors : ndarray of shape (n_samples,)
        Adjusted errors, in [0, 1].
    is_source : ndarray of shape (n_samples,), dtype bool
    vote : float
        ``-ln(beta_t)``, times the learning rate.

    Returns
    -------
    weights : ndarray of shape (n_samples,)
        With the sum they had.
    """
    target = ~is_source
    logs = np.log(weights[target]) + vote * errors[target]
    grown = np.exp(logs - logs.max())
    shares = np.maximum(grown / grown.sum(), np.finfo(np.float64).eps)
    updated = weights.copy()
    updated[target] = shares * (weights[target].sum() / shares.sum())
    return updated


def target_share(step, *, n_source, n_target, n_steps):
    """Weight of the target rows together at a step: ``m/(n+m) + t/(S-1) (1 - m/(n+m))``.

    Steps are counted from 0: t = 0 weighs all rows alike, ``t = S - 1`` has target rows only.
    Pardoe and Stone, "Boosting for regression transfer", ICML 2010, two-stage TrAdaBoost.R2.

    Parameters
    ----------
    step : int
        t, from 0 to ``n_steps - 1``.
    n_source, n_target : float
        n and m, the numbers of rows.
    n_steps : int
        S, at least 2.

    Returns
    -------
    share : float
    """
    start = n_target / (n_source + n_target)
    return start + step / (n_steps - 1) * (1 - start)


def shrink_source(weights, errors, is_source, *, share):
    """Shrink source weights by their errors until the target rows hold a given share.

    ``w_i *= beta ** e_i`` on source rows and then ``w /= sum(w)``, with the ``beta`` in (0, 1] at
    which target rows sum to `share`. This is a monotone equation in ``-ln beta``, bracketed by
    doubling and solved by Brent's form of bisection. If source rows without error have more weight
    than `share` leaves for them, ``beta`` is 0 and only they remain. Pardoe and Stone, ICML 2010,
    two-stage TrAdaBoost.R2, step 4.

    Parameters
    ----------
    weights : ndarray of shape (n_samples,), dtype float64
        Not negative, summing to 1.
    errors : ndarray of shape (n_samples,)
        Adjusted errors, in [0, 1].
    is_source : ndarray of shape (n_samples,), dtype bool
    share : float
        The total of the target rows, in (0, 1], and at least their present total.

    Returns
    -------
    weights : ndarray of shape (n_samples,)
        Summing to 1.
    """
    source, wrong = weights[is_source], errors[is_source]
    wanted = weights[~is_source].sum() * (1 - share) / share

    def excess(rate):
        return source @ np.exp(-rate * wrong) - wanted

    shrunk = weights.copy()
    if share == 1:
        shrunk[is_source] = 0
    elif excess(0.0) > 0:
        shrunk[is_source] = source * np.exp(-_root(excess, wrong) * wrong)
    return shrunk / shrunk.sum()


def _root(excess, wrong):
    """Rate at which the falling function `excess` is 0, or beyond which it does not fall."""
    if not wrong.any():
        return 0.0
    rate, last = 1.0, _UNDERFLOW / wrong[wrong > 0].min()
    while excess(rate) > 0:
        if rate > last:
            return rate
        rate *= 2
    return brentq(excess, 0.0, rate, xtol=1e-14, rtol=1e-14)
