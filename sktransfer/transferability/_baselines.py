"""Estimators without transfer: target rows only, source rows only, or all rows as one domain."""

from abc import abstractmethod

import numpy as np
from scipy.sparse import issparse
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone, is_classifier
from sklearn.dummy import DummyClassifier
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from sktransfer._containers import take
from sktransfer._domains import TARGET, read_sample_domain
from sktransfer._labels import is_labelled, labels_alone
from sktransfer._learner import check_learner, routing_of_weights, weight_parameter
from sktransfer._needs import Needs
from sktransfer._sklearn import _num_samples, _safe_indexing, get_tags, index_method_params
from sktransfer._whole import whole_fit
from sktransfer.transferability._fits import fit_on_rows


def _estimator_has(method):
    """Return whether the estimator, fitted or not, has `method`."""
    return lambda self: hasattr(getattr(self, "estimator_", self.estimator), method)


class _Baseline(MetaEstimatorMixin, BaseEstimator):
    """Fit an estimator on some of the rows, as if these were all rows, of one domain.

    An estimator that takes ``sample_domain`` gets ``"target"`` for each of the rows, and so is the
    plain method that it extends. One that makes use of rows without a label gets those of the
    chosen domains too, as a scaler in a transfer pipeline does. Any other gets labelled rows alone.

    ``classes_`` are the classes among the chosen rows, so that no other row has an influence. With
    one class the model is constant. `class_probabilities` gives the probabilities of several models
    the same columns.

    Parameters
    ----------
    estimator : classifier or regressor

    Attributes
    ----------
    estimator_ : estimator
        Fitted on the chosen rows.
    classes_ : ndarray of shape (n_classes,)
        Those of `estimator_`; only of a classifier.
    """

    _needs = Needs(source_labels=True, target_labels=True)

    def __init__(self, estimator):
        self.estimator = estimator

    @abstractmethod
    def _is_chosen(self, domains):
        """Return the mask of the rows to fit on."""

    def _weights(self, is_target, labelled):
        """Return the weight of each chosen row, of which some are `labelled`; None: 1 each."""

    def fit(self, X, y, *, sample_domain=None, **params):
        """Fit on the chosen rows.

        Parameters
        ----------
        X : array-like, sparse matrix, DataFrame or list of n_samples rows
            Rows of all domains.
        y : array-like of shape (n_samples,)
            Labels; a missing value if a row has none.
        sample_domain : array-like of shape (n_samples,), default=None
            The domain of each row. None: every row is a target row.
        **params : dict of str -> object
            For ``fit`` of the estimator; an array with an entry for each row is cut to the chosen.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            If no chosen row has a label, or if rows are to be weighted and the estimator takes no
            weights.
        """
        domains = read_sample_domain(sample_domain, _num_samples(X))
        chosen = np.flatnonzero(self._is_chosen(domains))
        labelled = is_labelled(y)[chosen]
        if not labelled.any():
            raise ValueError(
                f"{type(self).__name__} is fitted on labelled {self._whose} rows, but y has no "
                f"label for any of the {len(chosen)} {self._whose} rows; label some."
            )
        X = X.tocsr() if issparse(X) else X
        params = index_method_params(X, params, indices=chosen)
        weights = self._weights(domains.is_target[chosen], labelled)
        with whole_fit(self):
            self.estimator_ = self._fit(_safe_indexing(X, chosen), take(y, chosen), weights, params)
        return self

    def _fit(self, X, y, weights, params):
        sample_domain, discrete = np.full(_num_samples(X), TARGET), is_classifier(self.estimator)
        if discrete:
            labels = labels_alone(y, is_labelled(y), discrete=True)
            if len(np.unique(labels)) == 1:
                return DummyClassifier(strategy="most_frequent").fit(labels, labels)
        rows = X, y, sample_domain
        if weights is None:
            return fit_on_rows(clone(self.estimator), *rows, discrete=discrete, **params)
        check_learner(self.estimator, kind="classifier" if discrete else "regressor")
        with routing_of_weights(self.estimator):
            name = weight_parameter(self.estimator)
            given = params.get(name)
            params = params | {name: weights if given is None else weights * given}
            return fit_on_rows(clone(self.estimator), *rows, discrete=discrete, **params)

    @property
    def _onnx_model(self):
        return self.estimator_

    @property
    def classes_(self):
        """The classes that the estimator has learned, an ndarray of shape (n_classes,)."""
        return self.estimator_.classes_

    def predict(self, X):
        """Predict the label of each row, as a target row."""
        check_is_fitted(self)
        return self.estimator_.predict(X)

    @available_if(_estimator_has("predict_proba"))
    def predict_proba(self, X):
        """Predict the probabilities of `classes_` for each row, as a target row."""
        check_is_fitted(self)
        return self.estimator_.predict_proba(X)

    @available_if(_estimator_has("decision_function"))
    def decision_function(self, X):
        """Return the decision function of each row, as a target row."""
        check_is_fitted(self)
        return self.estimator_.decision_function(X)

    def __sklearn_tags__(self):
        return get_tags(self.estimator)


class TargetOnly(_Baseline):
    """Fit on target rows: no transfer."""

    _whose = "target"

    def _is_chosen(self, domains):
        return domains.is_target


class SourceOnly(_Baseline):
    """Fit on source rows of all sources: the model as it is before it has seen the target."""

    _whose = "source"

    def _is_chosen(self, domains):
        return ~domains.is_target


class Pooled(_Baseline):
    """Fit on the rows of all domains.

    Parameters
    ----------
    estimator : classifier or regressor
        With a `target_share`, its ``fit`` takes ``sample_weight``.
    target_share : float, default=None
        The share of all weight that labelled target rows get, in (0, 1). The mean weight stays 1.
        None: each row counts once. Without labelled rows of both kinds it has no effect.
    """

    _whose = "source or target"

    def __init__(self, estimator, *, target_share=None):
        super().__init__(estimator)
        self.target_share = target_share

    def _is_chosen(self, domains):
        return np.ones(len(domains.codes), dtype=bool)

    def _weights(self, is_target, labelled):
        n_target, n_source = (is_target & labelled).sum(), (~is_target & labelled).sum()
        if self.target_share is None or not (n_target and n_source):
            return None
        mass = self.target_share * is_target / n_target
        mass += (1 - self.target_share) * ~is_target / n_source
        return mass * (n_target + n_source)


def class_probabilities(model, X, classes):
    """Return the probabilities that a fitted classifier gives to some classes.

    Models that were fitted on different rows may know different classes. A class that the model
    does not know has the probability 0, and no other probability changes.

    Parameters
    ----------
    model : classifier
        With ``predict_proba``, fitted.
    X : array-like of n_samples rows
    classes : ndarray of shape (n_classes,)
        Sorted, with all classes of the model among them: those of the labels of all domains.

    Returns
    -------
    probabilities : ndarray of shape (n_samples, n_classes)
    """
    known = model.predict_proba(X)
    probabilities = np.zeros((len(known), len(classes)))
    probabilities[:, np.searchsorted(classes, model.classes_)] = known
    return probabilities
