"""Fitted source models: their requirements, outputs and coefficients."""

from dataclasses import dataclass

import numpy as np
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, StandardScaler
from sklearn.utils.validation import check_is_fitted

from sktransfer._labels import read_classes
from sktransfer._messages import shown
from sktransfer._sklearn import LinearClassifierMixin, LinearModel
from sktransfer.parameter._machines_onnx import is_written, write_decisions, write_machine


@dataclass(frozen=True)
class SourceModel:
    """A fitted model whose outputs for rows are read as scores of classes, or as numbers.

    Parameters
    ----------
    model : estimator
        Fitted. It is called, and never fitted again.
    classes : ndarray of shape (n_classes,) or None
        The classes of the reader; None for numbers.
    """

    model: object
    classes: np.ndarray | None

    def outputs(self, X, given_X):
        """Return the outputs for rows, an ndarray of shape (n_rows, n_columns) of float64.

        Parameters
        ----------
        X : {ndarray, sparse matrix} of shape (n_rows, n_features)
        given_X : array-like of shape (n_rows, n_features)
            The same rows as the caller passed them: a data frame for a model of named columns.
        """
        named = hasattr(self.model, "feature_names_in_") and hasattr(given_X, "columns")
        rows = given_X if named else X
        if self.classes is None:
            said = np.asarray(self.model.predict(rows), dtype=np.float64)
            return said.reshape(len(said), -1)
        return self._columns(_scores(self.model, rows))

    def linear_part(self):
        """Return the coefficients and the intercepts of a linear model, None for any other.

        Returns
        -------
        part : None or tuple of ndarrays of shape (n_features, n_columns) and (n_columns,)
        """
        part = _affine(self.model)
        if part is None or self.classes is None:
            return part
        coefficients, intercepts = part
        if len(intercepts) == 1:
            coefficients, intercepts = (np.hstack([-x, x]) for x in (coefficients, intercepts))
        return self._columns(coefficients), self._columns(intercepts[None])[0]

    def onnx_refusal(self):
        """Return why the outputs have no ONNX operators, None if they have."""
        if self.linear_part() is not None or self.classes is None:
            return None
        if self._is_machine():
            return None
        if hasattr(self.model, "decision_function") or not hasattr(self.model, "predict_proba"):
            return (
                f"it adds the decisions of {shown(self.model)}, which is no linear model and no "
                "SVC with a number as gamma"
            )
        return None

    def _is_machine(self):
        return is_written(bare(self.model)) and not _votes_of_pairs(self.model)

    def write_onnx(self, graph):
        """Write the outputs for rows, of shape (n_rows, n_columns)."""
        part = self.linear_part()
        if part is not None:
            return graph.affine(*part)
        if self._is_machine():  # in float64, which ONNX Runtime's own machines do not take
            if self.classes is None:
                return write_machine(graph, bare(self.model))
            said = write_decisions(graph, bare(self.model))
            return graph.add("MatMul", said, self._columns(np.eye(len(self.model.classes_))))
        *_, said = graph.answers(self.model)
        if self.classes is None:
            return said
        # Twice the probabilities less 1, in columns that are linear in them.
        places = self._columns(np.eye(len(self.model.classes_)))
        return graph.affine(2 * places, -places.sum(axis=0), rows=said)

    def _columns(self, scores):
        """Order columns by the classes of the reader; a class that is unknown here gets 0."""
        known = read_classes(self.model.classes_, np.ones(len(self.model.classes_), dtype=bool))
        ordered = np.zeros((len(scores), len(self.classes)))
        ordered[:, np.searchsorted(self.classes, known)] = scores
        if len(self.classes) > 2:
            return ordered
        return (ordered[:, 1:] - ordered[:, :1]) / 2


def _scores(model, X):
    """Return a score a class: decision values, 2 p - 1 for a probability p, or -1 and 1."""
    n_classes = len(model.classes_)
    if hasattr(model, "decision_function") and not _votes_of_pairs(model):
        said = np.asarray(model.decision_function(X), dtype=np.float64)
        said = np.column_stack([-said, said]) if said.ndim == 1 else said
        if said.shape[1] == n_classes:
            return said
    if hasattr(model, "predict_proba"):
        return 2 * np.asarray(model.predict_proba(X), dtype=np.float64) - 1
    said = np.asarray(model.predict(X))
    return np.where(said[:, None] == np.asarray(model.classes_), 1.0, -1.0)


def _votes_of_pairs(model):
    """Tell a model whose decision function has a column for each pair of classes."""
    last = bare(model)
    last = bare(last.steps[-1][1]) if isinstance(last, Pipeline) else last
    return getattr(last, "decision_function_shape", None) == "ovo" and len(model.classes_) > 2


def bare(model):
    """Return the model in a FrozenEstimator, any other as it is."""
    return model.estimator if isinstance(model, FrozenEstimator) else model


def _affine(model):
    """Return ``coef_.T`` and ``intercept_`` of a linear model, or of a pipeline after scaling."""
    model = bare(model)
    if isinstance(model, Pipeline):
        part = _affine(model.steps[-1][1])
        for _, step in reversed(model.steps[:-1]):
            part = _before(step, part)
        return part
    if not isinstance(model, (LinearClassifierMixin, LinearModel)):
        return None
    coefficients = np.atleast_2d(_dense(model.coef_)).T.astype(np.float64)
    intercepts = np.zeros(coefficients.shape[1]) + np.ravel(model.intercept_)
    return coefficients, intercepts


def _dense(values):
    return values.toarray() if hasattr(values, "toarray") else np.asarray(values)


def _before(step, part):
    """Fold a scaler into the linear part after it; None if that cannot be done."""
    step = bare(step)
    if part is None or step is None or isinstance(step, str):  # "passthrough"
        return part
    kind, (coefficients, intercepts) = type(step), part
    if kind is StandardScaler:
        factor = 1.0 if step.scale_ is None else 1 / step.scale_
        shift = 0.0 if step.mean_ is None or not step.with_mean else -step.mean_ * factor
    elif kind is MaxAbsScaler and not step.clip:
        factor, shift = 1 / step.scale_, 0.0
    elif kind is MinMaxScaler and not step.clip:
        factor, shift = step.scale_, step.min_
    else:
        return None
    n_features = len(coefficients)
    intercepts = intercepts + np.broadcast_to(shift, n_features) @ coefficients
    return np.broadcast_to(factor, n_features)[:, None] * coefficients, intercepts


def check_source(model, *, names, n_features, discrete, reader):
    """Raise an error in one sentence if a model cannot be a source for these columns.

    Parameters
    ----------
    model : object
    names : ndarray of shape (n_features,) or None
        The names of the columns of `X`.
    n_features : int
    discrete : bool
        Whether it must be a classifier.
    reader : str
        The name of the estimator in the message.
    """
    said = f"source={shown(model)}"
    try:
        check_is_fitted(model)
    except (NotFittedError, TypeError) as error:
        raise ValueError(
            f"{said} is not fitted, and {reader} never fits a source; fit it on source rows first "
            "(in a grid of parameters, which are cloned, write FrozenEstimator(model))."
        ) from error
    if discrete != hasattr(model, "classes_"):
        expected = "a classifier with classes_" if discrete else "a regressor"
        raise ValueError(f"{said} cannot be a source of {reader}; pass {expected}.")
    theirs = getattr(model, "n_features_in_", n_features)
    if theirs != n_features:
        raise ValueError(
            f"{said} was fitted on {theirs} columns, but X has {n_features}; pass the columns of "
            "the source in the same order, or a pipeline that selects them."
        )
    their_names = getattr(model, "feature_names_in_", None)
    if names is not None and their_names is not None and list(names) != list(their_names):
        pairs = zip(their_names, names, strict=True)
        place, (old, new) = next((k, pair) for k, pair in enumerate(pairs) if pair[0] != pair[1])
        raise ValueError(
            f"{said} was fitted on other columns than those of X: column {place} is {old!r} there "
            f"and {new!r} here; pass the columns of the source in the same order."
        )
