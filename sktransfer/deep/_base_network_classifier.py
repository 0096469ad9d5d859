"""What classifiers with a trained network share: the classes, and all answers about them."""

from numbers import Integral, Real

import numpy as np
from scipy.special import softmax
from sklearn.base import ClassifierMixin
from sklearn.utils import compute_class_weight

from sktransfer._labels import read_classes
from sktransfer._messages import shown
from sktransfer._scoring import _ScoresLabelsAlone
from sktransfer._sklearn import Interval, StrOptions
from sktransfer.deep._base_fine_tune import _BaseFineTune
from sktransfer.deep._training.head import Rows
from sktransfer.deep._training.losses import SoftmaxLoss


class _BaseNetworkClassifier(_ScoresLabelsAlone, ClassifierMixin, _BaseFineTune):
    """Classify with a linear softmax head on a network.

    A subclass has the parameters in its own ``__init__``.
    """

    _parameter_constraints: dict = {
        **_BaseFineTune._parameter_constraints,
        "head_epochs": [Interval(Integral, 0, None, closed="left")],
        "class_weight": [dict, StrOptions({"balanced"}), None],
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
        y : ndarray of shape (n_samples,)
            Classes.
        """
        codes = self._outputs(X).argmax(axis=1)
        return self.classes_[codes]

    def predict_proba(self, X):
        """Estimate the probability of each class.

        Parameters
        ----------
        X : array-like
            Images, as in `fit`.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes), float64
            In the order of ``classes_``; each row sums to 1.
        """
        return softmax(self._outputs(X), axis=1)

    def decision_function(self, X):
        """Compute the logits of the classes.

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

    def _read_target(self, items, y, sample_weight):
        """Validate y and set ``classes_``."""
        y, labelled = self._check_labelled(items, y)
        self._refuse_missing(labelled)
        y = read_classes(y, labelled)
        self.classes_, codes = np.unique(y, return_inverse=True)
        weight = self._read_class_weight(y, codes, sample_weight)
        return y, Rows(None, codes, weight, sample_weight), self._loss()

    def _read_class_weight(self, y, codes, sample_weight):
        """The weight of each row, that of its class included, with a mean of 1."""
        counted = slice(None) if sample_weight is None else sample_weight > 0
        classes, given = self.classes_, None if sample_weight is None else sample_weight[counted]
        if isinstance(self.class_weight, str):  # classes that are left out have no share
            classes = np.unique(y[counted])
        of_class = np.zeros(len(self.classes_))
        of_class[np.searchsorted(self.classes_, classes)] = compute_class_weight(
            self.class_weight, classes=classes, y=y[counted], sample_weight=given
        )
        weight = of_class[codes] * (1.0 if sample_weight is None else sample_weight)
        if not (np.isfinite(of_class).all() and of_class.min() >= 0 and weight.sum() > 0):
            raise ValueError(
                f"class_weight={shown(self.class_weight)} gives the classes the weights "
                f"{shown(of_class.tolist())}, expected numbers of 0 or more, not all 0."
            )
        return weight / weight.mean()

    def _loss(self):
        return SoftmaxLoss(len(self.classes_), self.label_smoothing)
