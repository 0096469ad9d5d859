"""The base of the classifiers that learn target classes from a few rows each."""

from abc import abstractmethod
from dataclasses import dataclass

import numpy as np
from scipy.special import softmax
from sklearn.base import ClassifierMixin
from sklearn.utils import check_consistent_length
from sklearn.utils.validation import check_is_fitted

from sktransfer._base import _TransferEstimator
from sktransfer._domains import read_sample_domain
from sktransfer._labels import is_labelled, read_classes, read_labels
from sktransfer._magnitude import NUMERICAL_ERRORS, numerical_error
from sktransfer._messages import listed
from sktransfer._needs import Needs
from sktransfer._progress import begin_fit
from sktransfer._rows import check_target_rows
from sktransfer._scoring import _ScoresLabelsAlone
from sktransfer._sklearn import StrOptions, _fit_context
from sktransfer._whole import whole_fit


@dataclass(frozen=True)
class FewShotRows:
    """The rows of a fit, by the use that is made of them.

    `shots` are the labelled rows of the classes that can be predicted. They are the target rows of
    a class, or its source rows if it has no target row. `shot_codes` count these classes from 0,
    and `source_codes` those of the source, -1 if a source row has no label.
    """

    shots: np.ndarray
    shot_codes: np.ndarray
    source: np.ndarray
    source_codes: np.ndarray
    unlabelled: np.ndarray


class _BaseFewShotClassifier(_ScoresLabelsAlone, ClassifierMixin, _TransferEstimator):
    """Learns classes from few target rows, and how rows vary from source rows.

    A concrete one writes `_learn` and `_log_scores`.
    """

    _needs = Needs(dense_because="it subtracts means", source_labels=True, target_labels=True)

    _parameter_constraints: dict = {"candidates": [StrOptions({"target", "all"})]}

    @abstractmethod
    def _learn(self, rows):
        """Learn from `FewShotRows`."""

    @abstractmethod
    def _log_scores(self, X):
        """Return log-probabilities up to a constant a row, of shape (n_samples, n_candidates)."""

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, *, sample_domain=None):
        """Learn from the labelled rows, and from others if the class says so.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows of the target, and of sources if `sample_domain` names them. They are computed with
            in float64.
        y : array-like of shape (n_samples,)
            Classes of any type. Missing values if a row has no label.
        sample_domain : array-like of shape (n_samples,), default=None
            ``"target"`` for a target row, else the name of the row's source domain (or integers:
            negative target, positive source). None: every row is a target row.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If the rows that the class learns from have no label, or if there are fewer than two
            classes to choose from.
        """
        with whole_fit(self):
            rows = self._read_rows(X, y)
            check_consistent_length(rows, y)
            values = read_labels(y)
            domains, labelled = read_sample_domain(sample_domain, len(rows)), is_labelled(values)
            codes = np.full(len(rows), -1)
            codes[labelled] = self._read_classes(values, labelled, domains)
            self.source_domains_ = domains.sources
            parts = self._parts(rows, codes, domains.is_target)
            end_fit = begin_fit(self, X, y)
            try:
                with np.errstate(over="ignore", invalid="ignore"):
                    self._learn(parts)
            except NUMERICAL_ERRORS as error:
                raise numerical_error(error, self, rows) from error
            end_fit()
        return self

    def _read_classes(self, values, labelled, domains):
        """Set `classes_`, and return the place in it of the class of each labelled row."""
        check_target_rows(domains, labelled, estimator_name=type(self).__name__)
        classes = read_classes(values, labelled)
        self.classes_, codes = np.unique(classes, return_inverse=True)
        return codes

    def _parts(self, X, codes, is_target):
        """Choose the classes that can be predicted, and return the rows by their use."""
        labelled = codes >= 0
        in_target = np.isin(np.arange(len(self.classes_)), codes[is_target])
        is_candidate = in_target | (self.candidates == "all")
        self._candidates = np.flatnonzero(is_candidate)
        self.candidate_classes_ = self.classes_[self._candidates]
        if len(self._candidates) < 2:
            found = listed(self.candidate_classes_.tolist())
            hint = ", or pass candidates='all'" if len(self.classes_) > 1 else ""
            raise ValueError(
                f"{type(self).__name__} needs labels of at least 2 classes in target rows, but y "
                f"holds 1 class there, {found}; add rows of another class{hint}."
            )
        is_shot = labelled & is_candidate[codes] & (is_target | ~in_target[codes])
        return FewShotRows(
            X[is_shot],
            np.searchsorted(self._candidates, codes[is_shot]),
            X[~is_target],
            codes[~is_target],
            X[is_target & ~labelled],
        )

    def predict(self, X):
        """Predict the class of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Target rows.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            One of `candidate_classes_` for each row.
        """
        best = self._scores(X).argmax(axis=1)
        return self.candidate_classes_[best]

    def predict_proba(self, X):
        """Return the probability of each class.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Target rows.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
            In the order of `classes_`; 0 for a class that is not in `candidate_classes_`.
        """
        scores = self._scores(X)
        probabilities = np.zeros((len(scores), len(self.classes_)))
        probabilities[:, self._candidates] = softmax(scores, axis=1)
        return probabilities

    def _onnx_probabilities(self, graph, scores):
        """Add the probabilities of all classes for the scores of the candidates."""
        among_all = np.eye(len(self.classes_))[self._candidates]
        return graph.add("MatMul", graph.add("Softmax", scores, axis=1), among_all)

    def _scores(self, X):
        check_is_fitted(self)
        with np.errstate(over="ignore"):
            return self._log_scores(self._read_rows(X, reset=False))

    def _dtypes_for(self, X):
        return super()._dtypes_for(X)[:1]  # float64: few rows, and differences of means
