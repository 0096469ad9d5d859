"""The base of the estimators of several tasks, named by any value of ``sample_domain``."""

from abc import abstractmethod
from dataclasses import dataclass

import numpy as np
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.metrics import accuracy_score, r2_score
from sklearn.utils import check_consistent_length
from sklearn.utils.validation import check_is_fitted

from sktransfer._base import _TransferEstimator
from sktransfer._domains import TARGET, read_tasks
from sktransfer._labels import is_labelled, read_classes, read_labels, read_numbers, read_truth
from sktransfer._magnitude import NUMERICAL_ERRORS, check_result, numerical_error
from sktransfer._messages import listed
from sktransfer._needs import Needs
from sktransfer._progress import begin_fit
from sktransfer._rows import lacking_rows, read_weights
from sktransfer._sklearn import _fit_context
from sktransfer._whole import whole_fit


@dataclass(frozen=True)
class LabelledRows:
    """The rows of a fit that have a label and a weight.

    `codes` has the task of each row: the target is the last of the `n_tasks`, if it has rows.
    `numbers`, of shape (n_rows, n_outputs), are to be predicted: the labels of a regressor, and 1
    for the class of a row and -1 for others.
    """

    X: object
    codes: np.ndarray
    numbers: np.ndarray
    sample_weight: np.ndarray
    n_tasks: int


class _BaseTasks(_TransferEstimator):
    """Learns a function for each task, and a common one for rows of no known task.

    A concrete one writes `_learn` and `_outputs`; `_TaskRegressor` and `_TaskClassifier` write the
    other hooks.
    """

    _no_onnx = None

    __metadata_request__predict = {"sample_domain": True}
    __metadata_request__score = {"sample_domain": True}

    _needs = Needs(
        dense_because="it subtracts means",
        source_labels=True,
        target_labels=True,
        any_task=True,
        unlabelled_rows="dropped",
    )

    @abstractmethod
    def _learn(self, rows):
        """Learn from `LabelledRows`."""

    @abstractmethod
    def _outputs(self, X, codes):
        """Return the predictions for rows, of shape (n_rows, n_outputs).

        `codes` are the tasks of rows, ``len(tasks_)`` for rows of the common function.
        """

    @abstractmethod
    def _read_numbers(self, y, used):
        """Return the numbers to predict of the rows in the mask `used`, or raise errors."""

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None, *, sample_domain=None):
        """Learn all tasks together.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows of all tasks. They are computed with in float64. They may be sparse if the class
            says so.
        y : array-like of shape (n_samples,)
            Labels: classes of any type, or numbers. Missing values if a row has no label.
        sample_weight : array-like of shape (n_samples,), default=None
            How much each row counts, not negative. A row of weight 0 is left out. None: once.
        sample_domain : array-like of shape (n_samples,), default=None
            The task of each row: any hashable value names one. ``"target"``, or a negative number,
            is the target task, which need not have rows. None: every row is a target row.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If no row has a label and a weight above 0, or if `sample_domain` cannot be read.
        """
        with whole_fit(self):
            rows = self._read_rows(X, y)
            check_consistent_length(rows, y)
            values = read_labels(y)
            weights = read_weights(sample_weight, rows, estimator_name=type(self).__name__)
            domains = read_tasks(sample_domain, rows.shape[0])
            used = is_labelled(values) & (weights > 0)
            if not used.any():
                lacking = lacking_rows(rows.shape[0], "rows", weights)
                raise ValueError(
                    f"{type(self).__name__} needs a row {lacking}; pass y with the labels that "
                    "there are."
                )
            numbers = self._read_numbers(values, used)
            names = domains.sources + ((TARGET,) if domains.is_target.any() else ())
            self.tasks_ = names
            self._places = {name: k for k, name in enumerate(names)}
            self._target = self._places.get(TARGET, len(names))
            codes = np.where(domains.codes < 0, self._target, domains.codes)
            end_fit = begin_fit(self, X, y)
            try:
                with np.errstate(over="ignore", invalid="ignore"):
                    part = slice(None) if used.all() else used
                    self._learn(
                        LabelledRows(rows[part], codes[part], numbers, weights[part], len(names))
                    )
            except NUMERICAL_ERRORS as error:
                raise numerical_error(error, self, rows) from error
            end_fit()
        return self

    def _rows_and_tasks(self, X, sample_domain):
        """Return valid rows and the task of each, or raise an error if `fit` has not seen it."""
        check_is_fitted(self)
        rows = self._read_rows(X, reset=False)
        domains = read_tasks(sample_domain, rows.shape[0])
        unknown = [name for name in domains.sources if name not in self._places]
        if unknown:
            raise ValueError(
                f"sample_domain names the tasks {listed(unknown)}, but {type(self).__name__}.fit "
                f"has seen {listed(self.tasks_)}; fit with rows of these tasks, or leave "
                "sample_domain out."
            )
        places = np.array([*(self._places[name] for name in domains.sources), self._target])
        return rows, places[domains.codes]

    def _answers(self, X, sample_domain):
        rows, codes = self._rows_and_tasks(X, sample_domain)
        with np.errstate(over="ignore", invalid="ignore"):
            outputs = self._outputs(rows, codes)
        check_result(outputs, rows, self)
        return outputs

    @abstractmethod
    def _write_outputs(self, graph, task):
        """Write the nodes of `_outputs` for rows of one task."""

    def _write_onnx(self, graph):
        return self._write_outputs(graph, self._places.get(graph.domain, self._target))

    def _dtypes_for(self, X):
        return super()._dtypes_for(X)[:1]  # float64: products of rows are summed

    def _score(self, metric, discrete, X, y, sample_weight, sample_domain):
        predicted = self.predict(X, sample_domain=sample_domain)
        return metric(read_truth(y, discrete=discrete), predicted, sample_weight=sample_weight)


class _TaskRegressor(RegressorMixin, _BaseTasks):
    """Predicts numbers."""

    def _read_numbers(self, y, used):
        return read_numbers(y, used).astype(np.float64)[:, None]

    def predict(self, X, *, sample_domain=None):
        """Predict the number of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows of any tasks that `fit` has seen.
        sample_domain : array-like of shape (n_samples,), default=None
            The task of each row. None: every row is a target row, and gets the common function if
            `fit` had no target row.

        Returns
        -------
        y : ndarray of shape (n_samples,)
        """
        return self._answers(X, sample_domain)[:, 0]

    def score(self, X, y, sample_weight=None, *, sample_domain=None):
        """Return the coefficient of determination.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.
        y : array-like of shape (n_samples,)
            Their true labels, one for each row.
        sample_weight : array-like of shape (n_samples,), default=None
            How much each row counts. None: equally.
        sample_domain : array-like of shape (n_samples,), default=None
            The task of each row, as in `predict`.

        Returns
        -------
        score : float
            :func:`~sklearn.metrics.r2_score`.
        """
        return self._score(r2_score, False, X, y, sample_weight, sample_domain)


class _TaskClassifier(ClassifierMixin, _BaseTasks):
    """Predicts the class of the largest score; with two classes there is one score."""

    __metadata_request__decision_function = {"sample_domain": True}

    def _read_numbers(self, y, used):
        labels = read_classes(y, used)
        self.classes_ = np.unique(labels)
        if len(self.classes_) < 2:
            raise ValueError(
                f"{type(self).__name__} needs labels of at least 2 classes, but y holds 1 class, "
                f"{listed(self.classes_.tolist())}; add rows of another class."
            )
        numbers = np.where(labels[:, None] == self.classes_, 1.0, -1.0)
        return numbers[:, 1:] if len(self.classes_) == 2 else numbers

    def _write_onnx(self, graph):
        scores = super()._write_onnx(graph)
        return graph.both_classes(scores) if len(self.classes_) == 2 else scores

    def decision_function(self, X, *, sample_domain=None):
        """Return the scores of the classes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows of any tasks that `fit` has seen.
        sample_domain : array-like of shape (n_samples,), default=None
            The task of each row. None: every row is a target row, and gets the common function if
            `fit` had no target row.

        Returns
        -------
        scores : ndarray of shape (n_samples,) or (n_samples, n_classes)
            In the order of `classes_`. With two classes, the score of the second.
        """
        scores = self._answers(X, sample_domain)
        return scores[:, 0] if scores.shape[1] == 1 else scores

    def predict(self, X, *, sample_domain=None):
        """Predict the class of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows of any tasks that `fit` has seen.
        sample_domain : array-like of shape (n_samples,), default=None
            The task of each row, as in `decision_function`.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            The class of the largest score.
        """
        scores = self.decision_function(X, sample_domain=sample_domain)
        best = (scores > 0).astype(int) if scores.ndim == 1 else scores.argmax(axis=1)
        return self.classes_[best]

    def score(self, X, y, sample_weight=None, *, sample_domain=None):
        """Return the accuracy.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.
        y : array-like of shape (n_samples,)
            Their true classes, one for each row.
        sample_weight : array-like of shape (n_samples,), default=None
            How much each row counts. None: equally.
        sample_domain : array-like of shape (n_samples,), default=None
            The task of each row, as in `predict`.

        Returns
        -------
        score : float
            :func:`~sklearn.metrics.accuracy_score`.
        """
        return self._score(accuracy_score, True, X, y, sample_weight, sample_domain)
