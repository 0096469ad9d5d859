"""Scores that are means over rows, and all others of scikit-learn."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from sklearn.metrics import check_scoring, get_scorer

from sktransfer._messages import shown
from sktransfer.transferability._baselines import class_probabilities


@dataclass(frozen=True)
class RowScore:
    """A score with a value for each row, whose mean it is.

    Parameters
    ----------
    method : {"predict", "predict_proba"}
        What the score reads.
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
