"""Scores of one model over all folds, and the difference of two models' scores."""

from dataclasses import dataclass

import numpy as np

from sktransfer._kernels.intervals import corrected_error, corrected_interval, paired_interval
from sktransfer.transferability._comparison import Difference


@dataclass(frozen=True)
class FoldSizes:
    """Numbers of labelled target rows.

    Parameters
    ----------
    n_rows : int
        Rows that some fold tests.
    n_folds : int
        Folds of all repetitions.
    n_train, n_test : float
        Rows that a model is fitted on and scored on, on average.
    """

    n_rows: int
    n_folds: int
    n_train: float
    n_test: float


@dataclass(frozen=True, eq=False)
class Scores:
    """The scores of one model.

    Parameters
    ----------
    values : ndarray of shape (n_rows,) or (n_folds,)
        The mean score of each row over the repetitions, or the score of each fold.
    sizes : FoldSizes
    score : RowScore or FoldScore
    seconds : float
        The mean time of a fit.
    has_interval : bool, default=True
        False if the scores of rows cannot be trusted to have no bias.
    """

    values: np.ndarray
    sizes: FoldSizes
    score: object
    seconds: float
    has_interval: bool = True

    @property
    def mean(self):
        """The mean score."""
        return float(np.mean(self.values))

    @property
    def error(self):
        """The standard error of the mean score, corrected for rows in common; NaN of one fold."""
        if self.score.is_by_row:
            return corrected_error(self.values, n_train=self.sizes.n_train)
        if len(self.values) == 1:
            return np.nan
        ratio = self.sizes.n_test / self.sizes.n_train
        return float(np.std(self.values, ddof=1) * np.sqrt(1 / len(self.values) + ratio))

    def minus(self, other, *, level):
        """Return the difference to other scores, with an interval if there is an honest one."""
        differences = self.values - other.values
        if not (self.score.is_by_row and self.has_interval):
            return Difference(float(np.mean(differences)))
        if self.score.is_share:
            return Difference(*paired_interval(differences, level=level))
        sizes = {"n_train": self.sizes.n_train, "n_test": self.sizes.n_test}
        return Difference(*corrected_interval(differences, **sizes, level=level))

    def minus_best(self, others, *, level):
        """Return the difference to the best of other scores, which are chosen on the same rows.

        The interval is one for the difference to the model that is best in truth. Its lower end is
        the smallest of those of all differences: who is better than the best is better than each,
        which needs no correction (an intersection-union test). Its upper end is the smallest upper
        end, at a level that allows for the number of others (Bonferroni).
        """
        lower = [self.minus(other, level=level) for other in others]
        upper = [self.minus(other, level=1 - (1 - level) / len(others)) for other in others]
        value = min(difference.value for difference in lower)
        low, high = min(each.low for each in lower), min(each.high for each in upper)
        return Difference(value, low, high)
