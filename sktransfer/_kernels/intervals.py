"""Intervals and tests for models that are scored on few rows."""

import numpy as np
from scipy.stats import binom, norm, t


def paired_interval(differences, *, level):
    """Return the mean difference of two models' scores, and the Bonett-Price interval around it.

    With ``n`` rows and one win and one loss added, ``a = (sum d+ + 1) / (n + 2)`` and
    ``b = (sum d- + 1) / (n + 2)``; the ends are
    ``a - b -+ t_n sqrt((a + b - (a - b)^2) / (n + 2))``, cut to [-1, 1]. ``t_n`` is the quantile of
    ``(1 + level) / 2`` of Student's distribution with ``n`` degrees of freedom. The added rows keep
    the interval wide if two models hardly ever differ. D. G. Bonett and R. M. Price, "Adjusted Wald
    confidence interval for a difference of binomial proportions based on paired data", Journal of
    Educational and Behavioral Statistics 37, 2012, https://doi.org/10.3102/1076998611411915. There
    the differences are -1, 0 and 1 and the quantile is the normal one.

    Parameters
    ----------
    differences : ndarray of shape (n_rows,)
        In [-1, 1]: for each row, the mean over repetitions of the first model's score minus the
        second's. At least one row.
    level : float
        In (0, 1).

    Returns
    -------
    difference : float
        The mean of `differences`.
    low, high : float
        The ends of the interval.
    """
    n_rows = len(differences)
    wins = (np.maximum(differences, 0).sum() + 1) / (n_rows + 2)
    losses = (np.maximum(-differences, 0).sum() + 1) / (n_rows + 2)
    center = wins - losses
    error = np.sqrt((wins + losses - center**2) / (n_rows + 2))
    reach = t.ppf((1 + level) / 2, n_rows) * error
    low, high = max(center - reach, -1.0), min(center + reach, 1.0)
    return float(np.mean(differences)), float(low), float(high)


def corrected_error(values, *, n_train):
    """Return the standard error of the mean of out-of-fold scores, ``s sqrt(1 / n + 1 / n_train)``.

    The second term accounts for the variation of the training rows: rows of one fold have the same
    model, and the models of all folds have most of their rows in common. For K folds it is the
    correction of C. Nadeau and Y. Bengio, "Inference for the generalization error", Machine
    Learning 52, 2003, https://doi.org/10.1023/A:1024068626366.

    Parameters
    ----------
    values : ndarray of shape (n,) or (n, n_columns)
        Scores of rows; two or more.
    n_train : float
        The number of rows that a model was fitted on, on average, without those of other domains.

    Returns
    -------
    error : float or ndarray of shape (n_columns,)
    """
    return np.std(values, axis=0, ddof=1) * np.sqrt(1 / len(values) + 1 / n_train)


def corrected_interval(differences, *, n_train, n_test, level):
    """Return the mean of differences without bounds, and Student's interval around it.

    The standard error is `corrected_error`. The degrees of freedom are ``n_train / n_test``, which
    is K - 1 for K folds: those of the folds, since rows of one fold share a model.

    Parameters
    ----------
    differences : ndarray of shape (n,)
        For each row, the mean over repetitions of the first model's score minus the second's. Two
        rows or more.
    n_train, n_test : float
        The number of rows that a model was fitted on, on average, as for `corrected_error`, and of
        rows that it was scored on.
    level : float
        In (0, 1).

    Returns
    -------
    difference, low, high : float
        The mean, and the ends of the interval.
    """
    difference = float(np.mean(differences))
    quantile = t.ppf((1 + level) / 2, n_train / n_test)
    reach = float(quantile * corrected_error(differences, n_train=n_train))
    return difference, difference - reach, difference + reach


def sign_test(wins, losses):
    """Return the one-sided p-value of `wins` against `losses` if both were equally likely.

    ``P(W >= wins)`` for ``W`` binomial with ``wins + losses`` draws of probability 1/2. It is 1 if
    there is no win.

    Parameters
    ----------
    wins, losses : int

    Returns
    -------
    p_value : float
    """
    return float(binom.sf(wins - 1, wins + losses, 0.5))


def sum_of_shares(counts, n_rows, *, weights, level):
    """Return a weighted sum of proportions of independent samples, and an interval around it.

    To each sample one row of either kind is added, ``e = (count + 1) / (n + 2)``. The ends are
    ``sum w e -+ z sqrt(sum w^2 e (1 - e) / (n + 2))`` with the normal quantile ``z``. A. Agresti
    and B. Caffo, "Simple and effective confidence intervals for proportions and differences of
    proportions result from adding two successes and two failures", The American Statistician 54,
    2000, https://doi.org/10.1080/00031305.2000.10474560.

    Parameters
    ----------
    counts, n_rows : sequence of int
        For each sample, the rows counted and all rows.
    weights : sequence of float
    level : float
        In (0, 1).

    Returns
    -------
    total : float
        ``sum w count / n``.
    low, high : float
        The ends of the interval, not cut.
    """
    counts, n_rows, weights = (
        np.asarray(values, dtype=float) for values in (counts, n_rows, weights)
    )
    shares = (counts + 1) / (n_rows + 2)
    error = np.sqrt(np.sum(weights**2 * shares * (1 - shares) / (n_rows + 2)))
    center, reach = weights @ shares, norm.ppf((1 + level) / 2) * error
    return float(weights @ (counts / n_rows)), float(center - reach), float(center + reach)
