"""The base of classifiers with a trained network: the classes, and predictions of them."""

from numbers import Integral, Real

import numpy as np
from scipy.special import softmax
from sklearn.base import ClassifierMixin
from sklearn.utils import compute_class_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_consistent_length

from sktransfer._labels import read_classes, read_columns, read_truth
from sktransfer._messages import shown
from sktransfer._scoring import _ScoresLabelsAlone
from sktransfer._sklearn import Interval, StrOptions
from sktransfer.deep._base_fine_tune import _BaseFineTune
from sktransfer.deep._training.columns import ColumnsLoss
from sktransfer.deep._training.head import Rows
from sktransfer.deep._training.losses import SoftmaxLoss


class _BaseNetworkClassifier(_ScoresLabelsAlone, ClassifierMixin, _BaseFineTune):
    """Classify with a linear softmax head on a network.

    A subclass has the parameters in its own ``__init__``.
    """

    _parameter_constraints: dict = {
        **_BaseFineTune._parameter_constraints,
        "head_epochs": [Interval(Integral, 0, None, closed="left")],
        "class_weight": [dict, list, StrOptions({"balanced"}), None],
        "label_smoothing": [Interval(Real, 0, 1, closed="left")],
    }

    def predict(self, X):
        """Predict the most probable class of each image.

        Parameters
        ----------
        X : array-like
            Images, as in `fit`.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_columns)
            Classes; an array of objects if those of several columns are of several types.
        """
        columns = self._logits(X)
        found = [
            classes[logits.argmax(axis=1)]
            for classes, logits in zip(self._classes(), columns, strict=True)
        ]
        if not self._has_columns():
            return found[0]
        alike = len({labels.dtype.kind for labels in found}) == 1
        return np.column_stack(found if alike else [labels.astype(object) for labels in found])

    def predict_proba(self, X):
        """Estimate the probability of each class.

        Parameters
        ----------
        X : array-like
            Images, as in `fit`.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes), float64
            In the order of ``classes_``; each row sums to 1. A list of such arrays, one a column,
            if y had several columns.
        """
        shares = [softmax(logits, axis=1) for logits in self._logits(X)]
        return shares if self._has_columns() else shares[0]

    @available_if(lambda self: not self._has_columns())
    def decision_function(self, X):
        """Compute the logits of the classes.

        As in scikit-learn, there is no decision function after a fit on several columns.

        Parameters
        ----------
        X : array-like
            Images, as in `fit`.

        Returns
        -------
        decision : ndarray of shape (n_samples,) or (n_samples, n_classes), float64
            For two classes the logit of the second less that of the first, else one a class.
        """
        logits = self._outputs(X)
        return logits[:, 1] - logits[:, 0] if logits.shape[1] == 2 else logits

    def score(self, X, y, sample_weight=None):
        """Return the accuracy.

        Parameters
        ----------
        X : array-like
            Images, as in `fit`.
        y : array-like of shape (n_samples,) or (n_samples, n_columns)
            Their true labels, without gaps.
        sample_weight : array-like of shape (n_samples,), default=None
            How much each row counts. None is equally.

        Returns
        -------
        score : float
            The share of rows that are predicted rightly, in all of their columns.

        Raises
        ------
        ValueError
            If a row has no label.
        """
        if not self._has_columns():
            return super().score(X, y, sample_weight=sample_weight)
        predicted, y = self.predict(X), read_truth(y, discrete=True)
        check_consistent_length(predicted, y, sample_weight)
        if y.shape != predicted.shape:
            raise ValueError(
                f"y has the shape {y.shape}, expected {predicted.shape}: the columns of fit."
            )
        return float(np.average((predicted == y).all(axis=1), weights=sample_weight))

    def _has_columns(self):
        """Whether there was a fit, on several columns."""
        return isinstance(getattr(self, "classes_", None), list)

    def _classes(self):
        """The classes of each column."""
        return self.classes_ if self._has_columns() else [self.classes_]

    def _logits(self, X):
        """The logits of each column."""
        return self._split(self._outputs(X))

    def _split(self, outputs):
        """The outputs of each column."""
        stops = np.cumsum([len(classes) for classes in self._classes()])[:-1]
        return np.split(outputs, stops, axis=1)

    def _read_target(self, items, y, sample_weight):
        """Validate y and set ``classes_``."""
        y, labelled = self._check_labelled(items, y)
        self._refuse_missing(labelled)
        if y.ndim == 2 and y.shape[1] > 1:
            return self._read_columns(y, labelled, sample_weight)
        y = read_classes(y, labelled)
        self.classes_, codes = np.unique(y, return_inverse=True)
        weight = _row_weight(self.class_weight, self.classes_, y, codes, sample_weight)
        return y, Rows(None, codes, weight, sample_weight), self._loss(self.classes_)

    def _read_columns(self, y, labelled, sample_weight):
        """The same for y of several columns, with gaps in any of them."""
        self.classes_, codes, weight = [], np.full(y.shape, -1), np.zeros(y.shape)
        chosen = self.class_weight
        if isinstance(chosen, list) and len(chosen) != y.shape[1]:
            raise ValueError(
                f"class_weight={shown(chosen)} has {len(chosen)} entries, expected one for each of "
                f"the {y.shape[1]} columns of y."
            )
        for place, (labels, there) in enumerate(read_columns(y, labelled, discrete=True)):
            classes, codes[there, place] = np.unique(labels, return_inverse=True)
            given = None if sample_weight is None else sample_weight[there]
            if given is not None and not given.any():
                raise ValueError(
                    f"sample_weight is 0 in each row with a label in column {place} of y: expected "
                    "a weight above 0 in one of them."
                )
            one = chosen[place] if isinstance(chosen, list) else chosen
            weight[there, place] = _row_weight(one, classes, labels, codes[there, place], given)
            self.classes_.append(classes)
        loss = ColumnsLoss(tuple(self._loss(classes) for classes in self.classes_))
        return y, Rows(None, codes, weight, sample_weight), loss

    def _loss(self, classes):
        return SoftmaxLoss(len(classes), self.label_smoothing)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        tags.classifier_tags.multi_label = True
        return tags


def _row_weight(class_weight, classes, y, codes, sample_weight):
    """The weight of each row, that of its class included, with a mean of 1."""
    counted = slice(None) if sample_weight is None else sample_weight > 0
    given, known = None if sample_weight is None else sample_weight[counted], classes
    if isinstance(class_weight, str):  # classes that are left out have no share
        known = np.unique(y[counted])
    of_class = np.zeros(len(classes))
    of_class[np.searchsorted(classes, known)] = compute_class_weight(
        class_weight, classes=known, y=y[counted], sample_weight=given
    )
    weight = of_class[codes] * (1.0 if sample_weight is None else sample_weight)
    if not (np.isfinite(of_class).all() and of_class.min() >= 0 and weight.sum() > 0):
        raise ValueError(
            f"class_weight={shown(class_weight)} gives the classes the weights "
            f"{shown(of_class.tolist())}, expected numbers of 0 or more, not all 0."
        )
    return weight / weight.mean()
