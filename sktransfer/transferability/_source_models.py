"""Small models of labelled target rows that begin at a fitted source model."""

import numpy as np
from scipy.sparse import issparse
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, clone
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.utils.extmath import softmax

from sktransfer._domains import read_sample_domain
from sktransfer._kernels.softmax import pulled_softmax, recalibration
from sktransfer._labels import is_labelled, labels_alone
from sktransfer._onnx import WritesONNX
from sktransfer._sklearn import _num_samples, _safe_indexing
from sktransfer.transferability._baselines import class_probabilities

# The least probability whose logarithm is a score.
_LEAST = 1e-6


def _labelled_target(X, y, sample_domain, *, discrete):
    """Return the labelled target rows and their labels."""
    domains = read_sample_domain(sample_domain, _num_samples(X))
    used = domains.is_target & is_labelled(y)
    X = X.tocsr() if issparse(X) else X
    return _safe_indexing(X, np.flatnonzero(used)), labels_alone(y, used, discrete=discrete)


class _SourceClassifier(WritesONNX, ClassifierMixin, BaseEstimator):
    """Has a fitted source model in ``source``, frozen, and learns from labelled target rows."""

    def __init__(self, source):
        self.source = source

    def fit(self, X, y, *, sample_domain=None):
        """Learn from the labelled target rows."""
        X, labels = _labelled_target(X, y, sample_domain, discrete=True)
        self.classes_ = np.union1d(self._model.classes_, labels)
        self._learn(X, np.searchsorted(self.classes_, labels))
        return self

    _no_onnx = None

    @property
    def _model(self):
        return self.source.estimator

    def predict(self, X):
        """Return the most probable class of each row."""
        return self.classes_[self._logits(X).argmax(axis=1)]

    def predict_proba(self, X):
        """Return the probabilities of ``classes_``."""
        return softmax(self._logits(X))


class RecalibratedSource(_SourceClassifier):
    """Give the scores of the source model one scale and a shift for each class.

    The scale may become negative, so that a source whose classes are exchanged is still of use.

    Parameters
    ----------
    source : FrozenEstimator
        Around a classifier that was fitted on source rows.
    """

    def _learn(self, X, codes):
        self.scale_, self.shifts_ = recalibration(self._source_logits(X), codes)

    def _source_logits(self, X):
        known = class_probabilities(self._model, X, self.classes_)
        logs = np.log(np.maximum(known, _LEAST))
        return logs - logs.mean(axis=1, keepdims=True)

    def _logits(self, X):
        return self.scale_ * self._source_logits(X) + self.shifts_

    def _write_onnx(self, graph):
        known = graph.probabilities(self._model, self.classes_)
        logs = graph.add("Log", graph.add("Max", known, np.float64(_LEAST)))
        scale = self.scale_ * np.eye(len(self.classes_))  # the softmax needs no centered scores
        return graph.add("Softmax", graph.affine(scale, self.shifts_, rows=logs), axis=1)


class PulledClassifier(_SourceClassifier):
    """Fit a logistic regression on target rows, pulled to the coefficients of the source's.

    Parameters
    ----------
    source : FrozenEstimator
        Around a fitted LogisticRegression, or a pipeline that ends in one. Its other steps stay as
        they are.
    """

    def _learn(self, X, codes):
        steps, final = _parts(self._model)
        shape = len(self.classes_), final.coef_.shape[1]
        coef, intercept = np.zeros(shape), np.zeros(shape[0])
        known = np.searchsorted(self.classes_, final.classes_)
        if len(final.classes_) == 2:
            halves = np.array([-0.5, 0.5])
            coef[known], intercept[known] = halves[:, None] * final.coef_, halves * final.intercept_
        else:
            coef[known], intercept[known] = final.coef_, final.intercept_
        self.coef_, self.intercept_ = pulled_softmax(
            _mapped(steps, X), codes, coef, intercept, C=final.C
        )

    def _logits(self, X):
        return np.asarray(_mapped(_parts(self._model)[0], X) @ self.coef_.T) + self.intercept_

    def _write_onnx(self, graph):
        steps, rows = _parts(self._model)[0], None
        if steps:
            steps = Pipeline([(str(place), step) for place, step in enumerate(steps)])
            *_, rows = graph.answers(steps)
        return graph.add("Softmax", graph.affine(self.coef_.T, self.intercept_, rows=rows), axis=1)


def why_not_pulled(estimator):
    """Return why no model is pulled to the source's coefficients; None if one can be."""
    final = estimator.steps[-1][1] if isinstance(estimator, Pipeline) else estimator
    if not isinstance(final, LogisticRegression):
        return f"{type(final).__name__} is no LogisticRegression"
    plain = final.penalty in ("deprecated", "l2") and not final.l1_ratio
    if not plain or final.class_weight is not None or not 0 < final.C < np.inf:
        return "its LogisticRegression has another penalty than l2, or class weights"
    return None


def _parts(model):
    """Return the steps before a fitted linear model, and the model."""
    if isinstance(model, Pipeline):
        return [step for _, step in model.steps[:-1]], model.steps[-1][1]
    return [], model


def _mapped(steps, X):
    for step in steps:
        X = X if step is None or step == "passthrough" else step.transform(X)
    return X if issparse(X) else np.asarray(X, dtype=float)


class ResidualRegressor(WritesONNX, RegressorMixin, BaseEstimator):
    """Add to the source model a model of its errors on labelled target rows.

    Parameters
    ----------
    estimator : regressor
        Of the errors. A ridge regression gives the coefficients that are pulled to the source's, a
        DummyRegressor the mean error.
    source : FrozenEstimator
        Around a regressor that was fitted on source rows.
    """

    def __init__(self, estimator, source):
        self.estimator = estimator
        self.source = source

    def fit(self, X, y, *, sample_domain=None):
        """Learn from the labelled target rows."""
        X, labels = _labelled_target(X, y, sample_domain, discrete=False)
        errors = labels - np.asarray(self.source.estimator.predict(X))
        self.estimator_ = clone(self.estimator).fit(X, errors)
        return self

    def predict(self, X):
        """Predict the source's number plus the expected error."""
        return np.asarray(self.source.estimator.predict(X)) + self.estimator_.predict(X)

    _no_onnx = None

    def _write_onnx(self, graph):
        if isinstance(self.estimator_, DummyRegressor):  # which skl2onnx does not know
            error = np.asarray(self.estimator_.constant_, dtype=np.float64)
        else:
            (error,) = graph.answers(self.estimator_)
        return graph.add("Add", graph.answers(self.source)[-1], error)
