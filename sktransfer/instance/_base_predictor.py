"""The base of the predictors that fit a base estimator on labelled rows of all domains."""

from abc import abstractmethod
from dataclasses import dataclass

import numpy as np
from sklearn.base import MetaEstimatorMixin, is_classifier
from sklearn.utils import check_consistent_length

from sktransfer._base import _TransferEstimator
from sktransfer._domains import Domains, read_sample_domain
from sktransfer._labels import is_labelled, read_labels
from sktransfer._progress import begin_fit
from sktransfer._rows import named_columns, read_weights, sources_of_rows, warn_of_classes
from sktransfer._sklearn import HasMethods, _fit_context, _safe_indexing
from sktransfer._whole import whole_fit
from sktransfer.instance._tasks import _ReportsTasks


@dataclass(frozen=True)
class TrainingRows:
    """The rows of a fit as the user passed them (`given_X`), and as they were read.

    `labels` are those of the rows in the mask `used`, which have a label and a weight above 0. All
    other arrays have one entry per row.
    """

    given_X: object
    X: object
    y: np.ndarray
    used: np.ndarray
    labels: np.ndarray
    sample_weight: np.ndarray
    domains: Domains

    def used_X(self):
        """Return the used rows, as a data frame if one was passed."""
        return _safe_indexing(named_columns(self.given_X, self.X), np.flatnonzero(self.used))


class _BasePredictor(_ReportsTasks, MetaEstimatorMixin, _TransferEstimator):
    """Learns from the weighted rows that have a label, by the base estimator `estimator`.

    A subclass implements `_learn`, and a base of classifiers or regressors implements
    `_default_learner`, `_check_learner` and `_read_labels`.
    """

    _parameter_constraints: dict = {
        "estimator": [HasMethods(["fit", "predict"]), None],
        "random_state": ["random_state"],
    }

    @abstractmethod
    def _default_learner(self):
        """Return the base estimator for ``estimator=None``."""

    @abstractmethod
    def _check_learner(self, estimator):
        """Raise ValueError if the base estimator is of the wrong kind or takes no weights."""

    @abstractmethod
    def _read_labels(self, y, used):
        """Return the labels of the rows in the mask `used`, or raise scikit-learn's errors."""

    @abstractmethod
    def _check_used(self, domains, used, sample_weight):
        """Raise ValueError if there are too few rows in the mask `used`."""

    @abstractmethod
    def _learn(self, rows):
        """Learn from `TrainingRows`."""

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, sample_weight=None, *, sample_domain=None):
        """Fit on the rows that have a label.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows of all domains. The class documents the rows that it accepts: sparse ones, missing
            values (NaN), or a data frame with text.
        y : array-like of shape (n_samples,)
            Labels: classes of any type, or numbers. A missing value means that a row has no label.
        sample_weight : array-like of shape (n_samples,), default=None
            How often each row counts, not negative. A row of weight 0 is left out. None: every row
            counts once.
        sample_domain : array-like of shape (n_samples,), default=None
            ``"target"`` for a target row, otherwise the name of the row's source domain (or
            integers: negative target, positive source). None: every row is a target row, and
            nothing is transferred.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If too few rows have a label and a weight above 0, or if `estimator` takes no
            `sample_weight` or is of the wrong kind.

        Warns
        -----
        TransferWarning
            For a classifier, if a source and the target each have classes that the other lacks.
        """
        with whole_fit(self):
            self._check_learner(self._learner())
            valid_X = self._read_rows(X, y)
            check_consistent_length(valid_X, y)
            values = read_labels(y)
            sample_weight = read_weights(sample_weight, valid_X, estimator_name=type(self).__name__)
            domains = read_sample_domain(sample_domain, valid_X.shape[0])
            used = is_labelled(values) & (sample_weight > 0)
            self._check_used(domains, used, sample_weight)
            labels = self._read_labels(values, used)
            if is_classifier(self):
                target, sources = sources_of_rows(labels, domains, used)
                warn_of_classes(target, sources, estimator_name=type(self).__name__)
            self.source_domains_ = domains.sources
            end_fit = begin_fit(self, X, y, n_steps=None)
            self._learn(TrainingRows(X, valid_X, values, used, labels, sample_weight, domains))
            end_fit()
        return self

    def _learner(self):
        """Return the base estimator, not yet cloned."""
        return self._default_learner() if self.estimator is None else self.estimator
