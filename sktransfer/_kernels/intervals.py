"""Intervals and tests for two models that are scored on the same few rows."""

import numpy as np
from scipy.stats import binom, t


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
