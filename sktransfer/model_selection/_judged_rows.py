"""A fitted estimator's answers to source rows and target rows, and the features that it sees."""

from typing import NamedTuple

import numpy as np
from scipy.special import softmax
from sklearn.base import is_classifier, is_regressor
from sklearn.pipeline import Pipeline
from sklearn.utils import check_array

from sktransfer._domains import TARGET
from sktransfer._labels import is_labelled, labels_alone
from sktransfer._messages import cause, shown, warn
from sktransfer._routing import call
from sktransfer._sklearn import _safe_indexing
from sktransfer.exceptions import TransferWarning

SMALLEST_PROBABILITY = 1e-15


class JudgedRows(NamedTuple):
    """Labelled source rows, and after them the target rows.

    `y` holds the labels of the source rows and missing values for the target rows, and `labels`
    holds those of the source rows alone. `names` is the `sample_domain` of all, an array of texts.
    """

    X: object
    y: np.ndarray
    names: np.ndarray
    labels: np.ndarray
    n_source: int

    @property
    def source(self):
        """The source rows, and their part of `sample_domain`."""
        rows = np.arange(self.n_source)
        return _safe_indexing(self.X, rows), self.names[rows]

    @property
    def target(self):
        """The target rows."""
        return _safe_indexing(self.X, np.arange(self.n_source, len(self.names)))


def judged_rows(estimator, X, y, domains):
    """Return the rows that a scorer reads; parameters are those of `_score_rows`."""
    labelled = is_labelled(y)
    source, target = np.flatnonzero(labelled), np.flatnonzero(domains.is_target)
    rows = np.concatenate([source, target])
    names = np.array([*domains.sources, TARGET])[domains.codes[rows]]
    labels = labels_alone(y, labelled, discrete=not is_regressor(estimator))
    return JudgedRows(_safe_indexing(X, rows), y[rows], names, labels, len(source))


def probabilities_of(estimator, X, names=None, *, reader):
    """Return class probabilities: those of the estimator, or the softmax of its decisions.

    Parameters
    ----------
    estimator : classifier
        Fitted.
    X : array-like of n_samples rows
    names : ndarray of shape (n_samples,), default=None
        The ``sample_domain`` of source rows; None for target rows.
    reader : str
        The name of the scorer in errors.

    Returns
    -------
    P : ndarray of shape (n_samples, n_classes), dtype float64
    """
    classes = classes_of(estimator, reader)
    if hasattr(estimator, "predict_proba"):
        P = call(estimator.predict_proba, X, sample_domain=names)
    elif hasattr(estimator, "decision_function"):
        P = np.asarray(call(estimator.decision_function, X, sample_domain=names), dtype=float)
        P = np.column_stack([np.zeros(len(P)), P]) if P.ndim == 1 else P
        P = softmax(P, axis=1)
    else:
        raise ValueError(
            f"{reader} reads class probabilities, but {type(estimator).__name__} has neither "
            "predict_proba nor decision_function: pass a classifier that has, for example by "
            "CalibratedClassifierCV."
        )
    P = np.asarray(P, dtype=np.float64)
    if P.shape[1:] != (len(classes),):
        raise ValueError(
            f"{reader} reads one answer a class, but {type(estimator).__name__} with "
            f"{len(classes)} classes answers with an array of shape {P.shape}: pass a classifier "
            "of one output, an SVC with decision_function_shape='ovr'."
        )
    if not np.isfinite(P).all():
        raise ValueError(
            f"{reader} reads class probabilities, but {np.sum(~np.isfinite(P).all(axis=1))} of the "
            f"{len(P)} that {type(estimator).__name__} gives are not finite; check its fit."
        )
    return P


def target_probabilities(estimator, X, *, reader):
    """Return the class probabilities of target rows, with a warning if one class is predicted."""
    classes, P = classes_of(estimator, reader), probabilities_of(estimator, X, reader=reader)
    if len(classes) > 1:
        warn_of_one_class(classes[P.argmax(axis=1)], reader=reader)
    return P


def target_predictions(estimator, X, *, reader):
    """Return the predicted classes of target rows, with a warning if there is one."""
    predicted = np.asarray(estimator.predict(X))
    if len(classes_of(estimator, reader)) > 1:
        warn_of_one_class(predicted, reader=reader)
    return predicted


def classes_of(estimator, reader):
    """Return the classes of a fitted classifier of one output, or raise an error."""
    if not is_classifier(estimator):
        raise ValueError(
            f"{reader} scores classifiers, but {type(estimator).__name__} is none: pass a "
            "classifier. ImportanceWeightedValidation and ReverseValidation score regressors too."
        )
    if isinstance(estimator.classes_, list):
        raise ValueError(
            f"{reader} scores classifiers of one output, but {type(estimator).__name__} has "
            f"{len(estimator.classes_)}; score a classifier for each."
        )
    return np.asarray(estimator.classes_)


def warn_of_one_class(predicted, *, reader):
    """Warn if all target rows are predicted to be of one class."""
    if len(predicted) > 1 and (predicted == predicted[0]).all():
        warn(
            f"All {len(predicted)} target rows are predicted to be of the class "
            f"{shown(predicted.tolist()[0])}: the score of {reader} is that of a constant, and no "
            "sign of a good model.",
            TransferWarning,
        )


def hits_of(estimator, rows):
    """Return which source rows are predicted as they are labelled, an array of bool."""
    X, names = rows.source
    return np.asarray(call(estimator.predict, X, sample_domain=names)) == rows.labels


def losses_of(estimator, rows, loss, *, reader):
    """Return the loss of each source row.

    Parameters
    ----------
    estimator : estimator
        Fitted.
    rows : JudgedRows
    loss : {"zero_one", "log", "squared"} or None
        None: "squared" for a regressor, "zero_one" for a classifier.
    reader : str
        The name of the scorer in errors.

    Returns
    -------
    losses : ndarray of shape (n_source,)
    """
    loss = loss or ("squared" if is_regressor(estimator) else "zero_one")
    if (loss == "squared") != is_regressor(estimator):
        expected = "'squared'" if is_regressor(estimator) else "'zero_one' or 'log'"
        raise ValueError(
            f"loss={loss!r}: expected {expected}, or None, for {type(estimator).__name__}."
        )
    X, names = rows.source
    if loss == "squared":
        return (call(estimator.predict, X, sample_domain=names) - rows.labels) ** 2
    classes = classes_of(estimator, reader)
    if loss == "zero_one":
        return np.asarray(~hits_of(estimator, rows), dtype=float)
    is_own = rows.labels[:, np.newaxis] == classes
    unseen = np.unique(rows.labels[~is_own.any(axis=1)])
    if len(unseen):
        warn(
            f"{np.sum(~is_own.any(axis=1))} of {rows.n_source} held-out source rows are of classes "
            f"that {type(estimator).__name__} has not seen, {shown(unseen.tolist())}: their "
            f"probability counts as {SMALLEST_PROBABILITY:g}. Hold fewer rows out.",
            TransferWarning,
        )
    P = probabilities_of(estimator, X, names, reader=reader)
    return -np.log(np.maximum((P * is_own).sum(axis=1), SMALLEST_PROBABILITY))


def features_of(estimator, X, names=None, *, reader):
    """Return the rows as the last step of a pipeline gets them; `X` itself without a pipeline.

    Parameters are those of `probabilities_of`.

    Returns
    -------
    features : {ndarray, sparse matrix} of shape (n_samples, n_features)
    """
    estimator = getattr(estimator, "best_estimator_", estimator)
    while isinstance(estimator, Pipeline):
        *middle, (_, last) = estimator.steps
        for _, step in middle:
            if step is not None and step != "passthrough":
                X = call(step.transform, X, sample_domain=names)
        estimator = last
    try:
        return check_array(X, accept_sparse="csr", ensure_all_finite="allow-nan")
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"{reader} computes with the features that the last step of a pipeline gets, or with X "
            f"if there is no pipeline, and cannot read these ({cause(error)}): put the steps that "
            "turn rows into numbers into the pipeline."
        ) from error
