"""Scores of rows and of folds, those of one model over all folds, and differences of two models."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from sklearn.metrics import check_scoring, get_scorer

from sktransfer._kernels.intervals import corrected_error, corrected_interval, paired_interval
from sktransfer._messages import shown
from sktransfer.transferability._baselines import class_probabilities
from sktransfer.transferability._comparison import Difference


@dataclass(frozen=True)
class RowScore:
    """A score with a value for each row, whose mean it is.

    Parameters
    ----------
    method : {"predict", "predict_proba"}
        The method whose output the score reads.
    function : callable
        ``function(y, answers, classes)`` returns the score of each row, larger if better.
    is_share : bool, default=False
        Whether a row's score is 1 or 0: its mean is a share of rows.
    """

    method: str
    function: Callable
    is_share: bool = False

    is_by_row = True

    def __call__(self, model, X, y, classes):
        """Return the score of each row."""
        if self.method == "predict_proba":
            return self.function(y, class_probabilities(model, X, classes), classes)
        return self.function(y, model.predict(X), classes)


@dataclass(frozen=True)
class FoldScore:
    """A score of all rows together, such as an area under a curve."""

    scoring: object

    is_by_row = is_share = False
    method = "predict"  # at least

    def __call__(self, model, X, y, classes):
        """Return the score of the rows."""
        return check_scoring(model, self.scoring)(model, X, y)


def _hits(y, predicted, classes):
    return (np.asarray(predicted) == y).astype(float)


def _log_probability(y, probabilities, classes):
    smallest = np.finfo(probabilities.dtype).eps
    of_truth = probabilities[np.arange(len(y)), np.searchsorted(classes, y)]
    return np.log(np.clip(of_truth, smallest, 1 - smallest))


def _negative_brier(y, probabilities, classes):
    errors = np.square(probabilities - (y[:, None] == classes)).sum(axis=1)
    return -errors / 2 if len(classes) == 2 else -errors


def _negative_error(y, predicted, classes, *, power):
    errors = np.abs(np.asarray(predicted, dtype=float).reshape(y.shape) - y) ** power
    return -errors.reshape(len(errors), -1).mean(axis=1)


# By scikit-learn's names.
ROW_SCORES = {
    "accuracy": RowScore("predict", _hits, is_share=True),
    "neg_log_loss": RowScore("predict_proba", _log_probability),
    "neg_brier_score": RowScore("predict_proba", _negative_brier),
    "neg_mean_squared_error": RowScore("predict", partial(_negative_error, power=2)),
    "neg_mean_absolute_error": RowScore("predict", partial(_negative_error, power=1)),
}


def find_score(scoring, *, discrete):
    """Return the name of a score and the score, by `scoring` of the user.

    None is the accuracy of classifiers and the negative mean squared error of regressors.
    """
    if scoring is None:
        scoring = "accuracy" if discrete else "neg_mean_squared_error"
    if not isinstance(scoring, str) and not callable(scoring):
        raise ValueError(f"scoring={shown(scoring)}: expected one score, a name or a callable.")
    name = scoring if isinstance(scoring, str) else getattr(scoring, "__name__", "score")
    if isinstance(scoring, str) and scoring in ROW_SCORES:
        return name, ROW_SCORES[scoring]
    if isinstance(scoring, str):
        get_scorer(scoring)  # raises an error for a name that scikit-learn does not know
    return name, FoldScore(scoring)


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
            return float(corrected_error(self.values, n_train=self.sizes.n_train))
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
