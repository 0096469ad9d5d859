"""Weights of candidates from their scores on held-out rows, and the mixture of their answers.

Exponential weights are those of prediction with expert advice: V. Vovk, "A game of prediction with
expert advice", Journal of Computer and System Sciences 56, 1998. For the online mixture with
``eta = 1`` the log-loss exceeds that of candidate m by at most ``log(1 / prior_m) / n`` a row.
"""

import numpy as np

# The share of a uniform answer in each probability, so that one error is no infinite loss.
SMOOTHING = 0.02

# As how many rows rehearsals count: added to the labelled rows, or mixed with them.
REHEARSED_ROWS, MIXED_ROWS = 50, 10


def log_scores(probabilities, truth):
    """Return ``log(0.98 p + 0.02 / K)`` of the true class of each row.

    Parameters
    ----------
    probabilities : ndarray of shape (..., n_rows, n_classes)
    truth : ndarray of shape (n_rows,), dtype int
        The position of the true class.

    Returns
    -------
    scores : ndarray of shape (..., n_rows)
    """
    n_classes = probabilities.shape[-1]
    p = probabilities[..., np.arange(len(truth)), truth]
    return np.log((1 - SMOOTHING) * p + SMOOTHING / n_classes)


def total_scores(scores, rehearsed, *, added, unscored):
    """Return the score of each candidate over all rows, with those of its rehearsals.

    With ``added`` the mean rehearsed score counts as 50 more rows. Otherwise it takes the share
    ``l = 10 / (10 + n)`` of the mean score. A candidate that could not be scored is rehearsed only.

    Parameters
    ----------
    scores : ndarray of shape (n_candidates, n_rows)
        Out of fold; the rows of candidates in `unscored` are ignored.
    rehearsed : ndarray of shape (n_candidates,)
        Mean score of a row in rehearsals; NaN if there was none.
    added : bool
    unscored : ndarray of shape (n_candidates,), dtype bool

    Returns
    -------
    totals : ndarray of shape (n_candidates,)
        NaN for a candidate that has neither scores nor a rehearsal.
    """
    n_rows = scores.shape[1]
    sums = np.where(unscored, np.nan, scores.sum(axis=1))
    is_rehearsed = np.isfinite(rehearsed)
    alone = n_rows * rehearsed
    if added:
        sums = np.where(unscored, alone, sums)
        return np.where(is_rehearsed, sums + REHEARSED_ROWS * rehearsed, sums)
    share = MIXED_ROWS / (MIXED_ROWS + n_rows)
    mixed = np.where(unscored, alone, (1 - share) * sums + share * alone)
    return np.where(is_rehearsed, mixed, sums)


def exponential_weights(totals, prior, *, eta):
    """Return ``w_m ~ prior_m exp(eta total_m)``, which sum to 1.

    Parameters
    ----------
    totals, prior : ndarray of shape (n_candidates,)
        A candidate of prior 0 has the weight 0.
    eta : float

    Returns
    -------
    weights : ndarray of shape (n_candidates,)
    """
    allowed = prior > 0
    logs = np.log(prior, where=allowed, out=np.full(len(prior), -np.inf)) + eta * totals
    weights = np.where(allowed, np.exp(logs - logs[allowed].max()), 0.0)
    return weights / weights.sum()


def mix(answers, weights):
    """Return ``sum_m w_m answers_m``; an answer of weight 1 comes back as it is.

    Parameters
    ----------
    answers : sequence of ndarray of shape (n_rows, n_outputs)
        Those of candidates of weight 0 are not used, and may be None.
    weights : ndarray of shape (n_candidates,)

    Returns
    -------
    mixed : ndarray of shape (n_rows, n_outputs)
    """
    used = [(weight, answer) for weight, answer in zip(weights, answers, strict=True) if weight]
    if len(used) == 1:
        return used[0][1]
    return sum(weight * answer for weight, answer in used)
