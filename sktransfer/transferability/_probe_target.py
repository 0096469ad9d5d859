"""The labels that candidates are probed with: classes or numbers, and the models that read them."""

from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.multiclass import type_of_target

from sktransfer._kernels.ridge_probe import error_without_features
from sktransfer._labels import is_labelled, labels_alone, read_classes, read_numbers
from sktransfer._messages import shown
from sktransfer.transferability._judges import ClassJudge, NumberJudge


@dataclass(frozen=True, eq=False)
class ProbeTarget:
    """Labels of rows.

    Parameters
    ----------
    rows : ndarray of int
        The labelled rows.
    labels : ndarray of shape (n_labelled,)
        What a model is fitted to.
    truth : ndarray of shape (n_labelled,)
        The position of each row's class, or its number.
    values : ndarray of shape (n_labelled, n_columns)
        Indicators of the classes, or one column of numbers.
    judge : ClassJudge or NumberJudge
    """

    rows: np.ndarray
    labels: np.ndarray
    truth: np.ndarray
    values: np.ndarray
    judge: object

    def skill(self, error):
        """Return 1 minus an error over that of the mean label; at most 1."""
        return 1 - error / max(error_without_features(self.values), np.finfo(float).tiny)


def read_target(y, *, used=None):
    """Return the `ProbeTarget` of the labelled rows, of those in the mask `used`.

    Strings, booleans and whole numbers are classes; other numbers are numbers.
    """
    labelled = is_labelled(y)
    labelled = labelled if used is None else labelled & used
    rows = np.flatnonzero(labelled)
    if len(rows) < 2:
        raise ValueError(
            f"y has {len(rows)} labelled row; candidates are compared on two rows or more."
        )
    if type_of_target(labels_alone(y, labelled, discrete=True), input_name="y") == "continuous":
        numbers = read_numbers(y, labelled).astype(float)
        return ProbeTarget(rows, numbers, numbers, numbers[:, None], NumberJudge())
    labels = read_classes(y, labelled)
    classes, codes = np.unique(labels, return_inverse=True)
    if len(classes) < 2:
        raise ValueError(
            f"y has one class, {shown(classes.tolist()[0])}; candidates are compared on two or "
            "more."
        )
    return ProbeTarget(rows, labels, codes, np.eye(len(classes))[codes], ClassJudge(classes))


def default_probe(judge):
    """Return the linear model that candidates are compared with, if the user gave none."""
    if judge.is_discrete:
        return make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=1000))
    return make_pipeline(StandardScaler(), RidgeCV(np.logspace(-2, 4, 7)))
