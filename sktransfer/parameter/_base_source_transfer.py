"""The base of the estimators that learn from target rows, fitted models and rows of sources."""

from abc import abstractmethod
from copy import copy
from dataclasses import dataclass

import numpy as np
from sklearn.base import is_classifier
from sklearn.utils import check_consistent_length

from sktransfer._base import _TransferEstimator
from sktransfer._domains import read_sample_domain
from sktransfer._labels import is_labelled, read_labels
from sktransfer._magnitude import NUMERICAL_ERRORS, numerical_error
from sktransfer._messages import shown
from sktransfer._needs import Needs
from sktransfer._progress import begin_fit
from sktransfer._rows import (
    check_sources,
    check_target_rows,
    named_columns,
    read_weights,
    sources_of_rows,
    warn_of_classes,
)
from sktransfer._sklearn import HasMethods, _fit_context, _safe_indexing
from sktransfer._whole import whole_fit
from sktransfer.parameter._sources import check_source


@dataclass(frozen=True)
class TargetRows:
    """The target rows that are learned from.

    `given_X` are these rows as the caller passed them, `sample_weight` is None if it was not given.
    """

    X: object
    given_X: object
    labels: np.ndarray
    sample_weight: np.ndarray | None

    @property
    def weights(self):
        """The weight of each row, 1 if none was given."""
        return np.ones(len(self.labels)) if self.sample_weight is None else self.sample_weight

    def in_order(self):
        """Return the rows in an order of their own, so that that of the user changes no result."""
        codes = np.unique(self.labels, return_inverse=True)[1]
        order = np.lexsort([self.weights, codes, *self.X.T])
        weight = self.sample_weight
        return TargetRows(
            self.X[order],
            _safe_indexing(self.given_X, order),
            self.labels[order],
            None if weight is None else weight[order],
        )


class _BaseSourceTransfer(_TransferEstimator):
    """Reads labelled target rows, given source models and labelled rows of source domains.

    A base of methods writes `_learn_domains`; one of classifiers or regressors writes
    `_read_labels` and `_classes_of`.
    """

    _needs = Needs(
        sparse=True,
        source_labels=True,
        target_labels=True,
        every_source=True,
        unlabelled_rows="dropped",
    )

    _parameter_constraints: dict = {
        "source": [HasMethods(["predict"]), list, tuple, None],
    }

    @abstractmethod
    def _read_labels(self, y, used):
        """Return the labels of the rows in the mask `used`, or raise scikit-learn's errors."""

    @abstractmethod
    def _classes_of(self, labels, models):
        """Return the classes of labels and of given models, sorted; None for numbers."""

    @abstractmethod
    def _learn_domains(self, rows_of, names, given, classes):
        """Learn, and store `sources_`.

        Parameters
        ----------
        rows_of : callable
            Returns the `TargetRows` of a domain, the target or a source, by its name.
        names : tuple of str
            The source domains.
        given : list of estimators
            The models in `source`.
        classes : ndarray of shape (n_classes,) or None
            None for numbers.
        """

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, sample_weight=None, *, sample_domain=None):
        """Fit on the labelled target rows, from source models.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows of the target, and of sources if `sample_domain` names them.
        y : array-like of shape (n_samples,)
            Labels: classes of any type, or numbers. Missing values if a row has no label.
        sample_weight : array-like of shape (n_samples,), default=None
            How much each row counts, not negative. A row of weight 0 is left out. None: once.
        sample_domain : array-like of shape (n_samples,), default=None
            ``"target"`` for a target row, else the name of the row's source domain (or integers:
            negative target, positive source). None: every row is a target row, and
            nothing but `source` is transferred.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If no target row has a label and a weight above 0, or if a source domain has no such
            row. If a model in `source` is not fitted, or was fitted on other columns.

        Warns
        -----
        TransferWarning
            For a classifier, if a source and the target each have classes that the other lacks.
        """
        with whole_fit(self):
            rows = self._read_rows(X, y)
            check_consistent_length(rows, y)
            values = read_labels(y)
            weights = read_weights(sample_weight, rows, estimator_name=type(self).__name__)
            domains = read_sample_domain(sample_domain, rows.shape[0])
            used, name = is_labelled(values) & (weights > 0), type(self).__name__
            check_target_rows(domains, used, estimator_name=name, weights=weights)
            check_sources(domains, used, estimator_name=name)
            labels = self._read_labels(values, used)
            given = self._given_sources(rows.shape[1])
            self.source_domains_ = domains.sources
            end_fit = begin_fit(self, X, y)

            def rows_of(domain):
                places = domains.rows(domain)
                places = places[used[places]]
                given_X = named_columns(X, rows)
                if len(places) == len(used):  # no copy
                    return TargetRows(
                        rows, given_X, labels, None if sample_weight is None else weights
                    )
                return TargetRows(
                    rows[places],
                    _safe_indexing(given_X, places),
                    labels[np.cumsum(used)[places] - 1],
                    None if sample_weight is None else weights[places],
                )

            classes = self._classes_of(labels, given)
            if classes is not None:
                self.classes_ = classes
                target, sources = sources_of_rows(labels, domains, used)
                models = [(f"source={shown(model)}", np.asarray(model.classes_)) for model in given]
                warn_of_classes(target, [*models, *sources], estimator_name=name)
            try:
                with np.errstate(over="ignore", invalid="ignore"):
                    self._learn_domains(rows_of, domains.sources, given, classes)
            except NUMERICAL_ERRORS as error:
                raise numerical_error(error, self, rows) from error
            end_fit()
        return self

    def _given_sources(self, n_features):
        """Return the models in `source`, or raise an error if one cannot be a source."""
        several = isinstance(self.source, list | tuple)
        models = list(self.source) if several else [self.source]
        models = [] if self.source is None else models
        for model in models:
            check_source(
                model,
                names=getattr(self, "feature_names_in_", None),
                n_features=n_features,
                discrete=is_classifier(self),
                reader=type(self).__name__,
            )
        return models

    def _dtypes_for(self, X):
        return super()._dtypes_for(X)[:1]  # float64: the sources answer in it

    def get_params(self, deep=True):
        """Return the parameters of this estimator.

        Parameters
        ----------
        deep : bool, default=True
            Whether to include the parameters of estimators in parameters. Those of `source` are
            never included, because a fitted model is used as it is.

        Returns
        -------
        params : dict
        """
        params = super().get_params(deep=deep)
        return {name: value for name, value in params.items() if not name.startswith("source__")}

    def __sklearn_clone__(self):
        """Return a clone with the same source models, which stay fitted."""
        bare = copy(self)
        bare.source = None
        cloned = super(_BaseSourceTransfer, bare).__sklearn_clone__()
        cloned.source = self.source
        return cloned
