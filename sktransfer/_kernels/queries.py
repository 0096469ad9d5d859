"""Labels of a few rows on which two models differ: which model is right more often.

A row is a win if only the new model is right, a loss if only the old one is.
"""

import numpy as np
from scipy.stats import binom, t


def spent_level(n_labelled, *, alpha):
    """Return the part of the level that tests on the first `n_labelled` rows may have spent.

    ``alpha n / (n + 2)``: nearly all of it after twenty labels, a little for later ones.
    """
    return alpha * n_labelled / (n_labelled + 2)


def sequential_sign_test(looks, *, alpha):
    """Test after each batch of labels whether wins and losses are equally frequent.

    Repeated tests at one level would find a difference ever more often. Here the boundary of each
    look is the least number of wins that keeps the probability of reaching any boundary so far at
    most at `spent_level`, if wins and losses are equally likely; that of losses is the same. K. K.
    G. Lan and D. L. DeMets, "Discrete sequential boundaries for clinical trials", Biometrika 70,
    1983, https://doi.org/10.1093/biomet/70.3.659. The probabilities are exact (binomial), so part
    of the level that one look cannot use is left for the next.

    Parameters
    ----------
    looks : sequence of (int, int, int)
        The labelled rows, wins and losses after each batch, all counted from the first.
    alpha : float
        The probability of a wrong decision in each direction.

    Returns
    -------
    decision : int
        1 if wins reached their boundary first, -1 if losses did, 0 if neither has.
    """
    going_on, spent = np.ones(1), 0.0  # P(no boundary reached, that number of wins)
    n_before = 0
    for n_labelled, wins, losses in looks:
        n_differ = wins + losses
        step = np.arange(n_differ - n_before + 1)
        going_on = np.convolve(going_on, binom.pmf(step, n_differ - n_before, 0.5))
        tails = spent + np.cumsum(going_on[::-1])[::-1]  # P(any boundary), by this look's boundary
        boundary = np.searchsorted(-tails, -spent_level(n_labelled, alpha=alpha) * (1 + 1e-12))
        if wins >= boundary:
            return 1
        if losses >= boundary:
            return -1
        spent += going_on[boundary:].sum()
        going_on[boundary:] = 0
        n_before = n_differ
    return 0


def queried_interval(wins, losses, n_labelled, *, n_differ, n_rows, level):
    """Return the difference of two models' accuracies on all rows, and an interval.

    The labelled rows are drawn at random among those on which the models differ; on all others the
    difference is 0. With ``f = n / n_differ``, ``a = (W + 1) / (n + 2)`` and ``b`` likewise of the
    losses, the mean over rows that differ is estimated twice. The first estimate is ``a - b``. The
    second is ``f (W - L) / n + (1 - f) (a - b)``, in which labelled rows are known. The ends are
    ``t_n sqrt((a + b - (a - b)^2) / (n + 2)) sqrt(1 - f)`` below the smaller and above the larger,
    times ``n_differ / n_rows``. Neither is beyond the mean if all rows without a label were wins,
    or all losses. The first estimate alone misses most differences if nearly all rows are labelled
    and one model is right on nearly all. If all rows that differ are labelled, the difference is
    known.

    Parameters
    ----------
    wins, losses, n_labelled : int
    n_differ : int
        The rows on which the models differ.
    n_rows : int
        All rows.
    level : float

    Returns
    -------
    difference, low, high : float
    """
    share, known, net = n_differ / n_rows, n_labelled / n_differ, (wins - losses) / n_labelled
    if known == 1:
        return share * net, share * net, share * net
    a, b = (wins + 1) / (n_labelled + 2), (losses + 1) / (n_labelled + 2)
    error = np.sqrt((a + b - (a - b) ** 2) / (n_labelled + 2) * (1 - known))
    reach = t.ppf((1 + level) / 2, n_labelled) * error
    means = a - b, known * net + (1 - known) * (a - b)
    low = max(min(means) - reach, known * net - (1 - known))
    high = min(max(means) + reach, known * net + (1 - known))
    return share * net, float(share * low), float(share * high)
