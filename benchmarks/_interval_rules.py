"""Intervals for the difference of two models, from out-of-fold scores of the same rows.

Each takes `Pair` and the level and returns the ends.
"""

from dataclasses import dataclass

import numpy as np
from scipy.stats import beta, t

from sktransfer._kernels.intervals import corrected_interval
from sktransfer.transferability import paired_interval

N_RESAMPLES = 1000


@dataclass(frozen=True, eq=False)
class Pair:
    """Differences of two models' scores.

    Parameters
    ----------
    rows : ndarray of shape (n_repeats, n_rows)
        The difference of each row in each repetition of cross-validation.
    folds : ndarray of shape (n_repeats, n_rows)
        The fold in which the row was tested.
    rng : Generator
        For the bootstrap.
    """

    rows: np.ndarray
    folds: np.ndarray
    rng: np.random.Generator

    @property
    def n_folds(self):
        """The number of folds of a repetition."""
        return int(self.folds.max()) + 1

    @property
    def mean_rows(self):
        """The mean over repetitions, for each row."""
        return self.rows.mean(axis=0)


def bootstrap(pair, level):
    """Quantiles of the means of resampled rows, of one repetition."""
    n_rows = pair.rows.shape[1]
    counts = pair.rng.multinomial(n_rows, np.full(n_rows, 1 / n_rows), size=N_RESAMPLES)
    return np.quantile(counts @ pair.rows[0] / n_rows, [(1 - level) / 2, (1 + level) / 2])


def paired_t(pair, level, *, averaged=False):
    """Student's interval of rows."""
    rows = pair.mean_rows if averaged else pair.rows[0]
    reach = t.ppf((1 + level) / 2, len(rows) - 1) * rows.std(ddof=1) / np.sqrt(len(rows))
    return rows.mean() - reach, rows.mean() + reach


def averaged_t(pair, level):
    """Student's interval of rows that are averaged over the repetitions."""
    return paired_t(pair, level, averaged=True)


def mcnemar(pair, level):
    """Clopper and Pearson's interval for the share of wins among rows on which models differ."""
    rows = pair.rows[0]
    wins, losses = (rows > 0).sum(), (rows < 0).sum()
    tail = (1 - level) / 2
    low = beta.ppf(tail, wins, losses + 1) if wins else 0.0
    high = beta.isf(tail, wins + 1, losses) if losses else 1.0
    return (2 * np.array([low, high]) - 1) * (wins + losses) / len(rows)


def nadeau_bengio(pair, level):
    """Student's interval of the scores of all folds, corrected for rows in common."""
    codes = pair.folds + pair.n_folds * np.arange(len(pair.folds))[:, None]
    sums = np.bincount(codes.ravel(), weights=pair.rows.ravel())
    scores = sums / np.bincount(codes.ravel())
    error = np.sqrt(scores.var(ddof=1) * (1 / len(scores) + 1 / (pair.n_folds - 1)))
    reach = t.ppf((1 + level) / 2, len(scores) - 1) * error
    return scores.mean() - reach, scores.mean() + reach


def bonett_price_once(pair, level):
    """`paired_interval` of one repetition."""
    return paired_interval(pair.rows[0], level=level)[1:]


def bonett_price(pair, level):
    """`paired_interval` of rows that are averaged over the repetitions, as we use it."""
    return paired_interval(pair.mean_rows, level=level)[1:]


def corrected(pair, level):
    """Our interval of scores that are no shares: averaged rows, corrected for rows in common."""
    n_test = pair.rows.shape[1] / pair.n_folds
    sizes = {"n_train": pair.rows.shape[1] - n_test, "n_test": n_test}
    return corrected_interval(pair.mean_rows, **sizes, level=level)[1:]


OF_ACCURACY = {
    "paired bootstrap, one K-fold": bootstrap,
    "paired t, one K-fold": paired_t,
    "paired t, rows averaged": averaged_t,
    "exact McNemar, one K-fold": mcnemar,
    "Nadeau-Bengio t, all folds": nadeau_bengio,
    "Bonett-Price, one K-fold": bonett_price_once,
    "Bonett-Price, rows averaged (paired_interval)": bonett_price,
}

OF_LOSSES = {"paired t, rows averaged": averaged_t, "corrected t, rows averaged (ours)": corrected}
