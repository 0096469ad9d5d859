"""Meta-estimators of scikit-learn as ONNX, around models of sktransfer or others.

skl2onnx looks up the models inside of them in a table of its own classes.
"""

import numpy as np
from sklearn.base import BaseEstimator, is_classifier
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import (
    BaggingClassifier,
    BaggingRegressor,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.model_selection import FixedThresholdClassifier, TunedThresholdClassifierCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler

from sktransfer._messages import shown
from sktransfer._onnx import WritesONNX
from sktransfer._onnx_graph import ADAPTERS, found_model
from sktransfer._sklearn import LinearClassifierMixin, get_tags

# scikit-learn adds it to a probability before its logarithm.
_LEAST_CHANCE = 1e-12

_SCALERS = StandardScaler, MinMaxScaler, MaxAbsScaler, RobustScaler


class _Written(WritesONNX, BaseEstimator):
    """A fitted model that is written otherwise than it says itself."""

    def __init__(self, model):
        self._onnx_of = model
        for name in ("classes_", "n_features_in_"):
            if hasattr(model, name):
                setattr(self, name, getattr(model, name))

    def fit(self, X, y=None):
        """Return the model, which is fitted."""
        return self

    def __sklearn_is_fitted__(self):
        return True


class Around(_Written):
    """A meta-estimator of scikit-learn."""

    @property
    def _no_onnx(self):
        model = self._onnx_of
        scaler = getattr(model, "transformer_", None)
        if scaler is not None and type(scaler) not in _SCALERS:
            return f"the inverse of transformer={shown(scaler)} is not that of a scaler"
        if is_classifier(model):
            return _refusal(model)
        return None

    def _write_onnx(self, graph):
        return _WRITERS[type(self._onnx_of)](graph, self._onnx_of)

    def __sklearn_tags__(self):
        return get_tags(self._onnx_of)


def _refusal(model):
    """Return why a classifier cannot be written, None if it can."""
    if getattr(model, "response_method", None) == "decision_function":
        return "its threshold is one of a decision function"
    inner = getattr(model, "final_estimator_", None)
    if _WRITERS[type(model)] is _threshold:
        inner = getattr(model, "estimator_", model.estimator)
    if inner is not None and not hasattr(inner, "predict_proba"):
        return f"{shown(inner)} has no probabilities"
    if "predict" in getattr(model, "stack_method_", ()):
        return "labels of some of its estimators are columns of numbers for the last one"
    return None


class Decisions(_Written):
    """The decision function of a classifier of ours that has probabilities as well."""

    @property
    def _no_onnx(self):
        if hasattr(self._onnx_of, "_write_decisions"):
            return self._onnx_of._no_onnx
        return "the nodes are those of its probabilities, not of its decision function"

    def _write_onnx(self, graph):
        return self._onnx_of._write_decisions(graph)


def _decisions(graph, model):
    """Write the decision function, in one column for two classes."""
    model, rows = found_model(model), None
    if isinstance(model, Pipeline):
        first, model = Pipeline(model.steps[:-1]), found_model(model.steps[-1][1])
        rows = graph.answers(first)[-1] if first.steps else None
    if isinstance(model, LinearClassifierMixin) and not isinstance(model, WritesONNX):
        return graph.affine(model.coef_.T, model.intercept_, rows=rows)
    has_both = hasattr(model, "predict_proba")
    scores = graph.answers(Decisions(model) if has_both else model, rows=rows)[-1]
    return graph.last_column(scores) if len(model.classes_) == 2 else scores


def _calibrated(graph, model):
    return graph.mean([_calibrated_once(graph, each) for each in model.calibrated_classifiers_])


def _calibrated_once(graph, part):
    """Write the probabilities of a classifier and its calibrators, as scikit-learn has them."""
    inner, n_classes = part.estimator, len(part.classes)
    decides = hasattr(inner, "decision_function")
    scores = _decisions(graph, inner) if decides else graph.answers(inner)[-1]
    if part.method == "temperature":
        if not decides:
            scores = graph.add("Log", graph.add("Add", scores, np.float64(_LEAST_CHANCE)))
        elif n_classes == 2:
            scores = graph.both_classes(scores)
        factor = np.float64(part.calibrators[0].beta_)
        return graph.add("Softmax", graph.add("Mul", scores, factor), axis=1)
    if n_classes == 2 and not decides:
        scores = graph.last_column(scores)
    if part.method == "sigmoid":
        slopes, shifts = ([getattr(each, n) for each in part.calibrators] for n in ("a_", "b_"))
        line = graph.affine(-np.diag(slopes), -np.array(shifts), rows=scores)
        chances = graph.add("Sigmoid", line)
    else:
        places = range(len(part.calibrators))
        columns = [graph.add("Gather", scores, np.array([place]), axis=1) for place in places]
        pairs = zip(columns, part.calibrators, strict=True)
        chances = graph.add("Concat", *(_interpolated(graph, *pair) for pair in pairs), axis=1)
    if n_classes == 2:
        return graph.affine([[-1, 1]], [1, 0], rows=chances)
    known = np.asarray(inner.classes_)[:, None] == part.classes
    chances = graph.add("MatMul", chances, known.astype(np.float64))
    total = graph.sum_of_columns(chances)
    nothing = graph.cast(graph.add("Equal", total, np.float64(0)), np.float64)
    shares = graph.add("Add", chances, graph.add("Mul", nothing, np.float64(1 / n_classes)))
    return graph.add("Div", shares, graph.add("Add", total, nothing))


def _interpolated(graph, column, calibrator):
    """Write the function of isotonic regression: a sum of the parts of segments up to a value."""
    x, y = calibrator.X_thresholds_, calibrator.y_thresholds_
    if len(x) == 1:
        return graph.affine([[0.0]], y, rows=column)
    lengths = np.diff(x)
    inside = graph.add("Max", graph.add("Sub", column, x[:-1].astype(np.float64)), np.float64(0))
    inside = graph.add("Min", inside, lengths.astype(np.float64))
    return graph.affine((np.diff(y) / lengths)[:, None], y[:1], rows=inside)


def _voting(graph, model):
    weights = model.weights if model.weights is not None else [1] * len(model.estimators)
    pairs = zip(model.estimators, weights, strict=True)
    weights = np.array([weight for (_, each), weight in pairs if each != "drop"], dtype=float)
    codes = np.arange(len(model.classes_)) if is_classifier(model) else None
    parts = [
        graph.answers(each)[-1] if codes is None else graph.probabilities(each, codes)
        for each in model.estimators_
    ]
    shares = weights / weights.sum()
    return graph.sum([graph.add("Mul", part, w) for part, w in zip(parts, shares, strict=True)])


def _bagging(graph, model):
    codes = np.arange(len(model.classes_)) if is_classifier(model) else None
    every, parts = np.arange(model.n_features_in_), []
    for each, features in zip(model.estimators_, model.estimators_features_, strict=True):
        columns = None if np.array_equal(features, every) else features
        if codes is None:
            parts.append(graph.answers(each, columns=columns)[-1])
        elif hasattr(each, "predict_proba"):
            parts.append(graph.probabilities(each, codes, columns=columns))
        else:
            parts.append(graph.votes(each, codes, columns=columns))
    return graph.mean(parts)


def _stacking(graph, model):
    parts = []
    for each, method in zip(model.estimators_, model.stack_method_, strict=True):
        if method == "decision_function":
            parts.append(_decisions(graph, each))
            continue
        said = graph.answers(each)[-1]
        is_pair = method == "predict_proba" and len(each.classes_) == 2
        parts.append(graph.last_column(said) if is_pair else said)
    parts += [graph.rows] if model.passthrough else []
    rows = graph.add("Concat", *parts, axis=1)
    if is_classifier(model):
        return graph.probabilities(
            model.final_estimator_, np.arange(len(model.classes_)), rows=rows
        )
    return graph.answers(model.final_estimator_, rows=rows)[-1]


def _threshold(graph, model):
    inner, classes = getattr(model, "estimator_", model.estimator), model.classes_
    chances = graph.probabilities(inner, classes)
    threshold = getattr(model, "best_threshold_", getattr(model, "threshold", None))
    threshold = 0.5 if threshold == "auto" else threshold
    positive = getattr(model, "pos_label", None)
    place = 1 if positive is None else int(np.flatnonzero(classes == positive)[0])
    side = np.zeros((2, 2))
    side[place, 0] = 1
    pair = graph.affine(side, [0, threshold], rows=chances)  # the first wins a tie
    order = [place, 1 - place]
    return graph.best_label(pair, classes[order]), chances


def _transformed_target(graph, model):
    said = graph.answers(model.regressor_)[-1]
    zero, one = model.transformer_.inverse_transform([[0.0], [1.0]]).ravel()
    return graph.affine([[one - zero]], [zero], rows=said)


_WRITERS = {
    BaggingClassifier: _bagging,
    BaggingRegressor: _bagging,
    CalibratedClassifierCV: _calibrated,
    FixedThresholdClassifier: _threshold,
    StackingClassifier: _stacking,
    StackingRegressor: _stacking,
    TransformedTargetRegressor: _transformed_target,
    TunedThresholdClassifierCV: _threshold,
    VotingClassifier: _voting,
    VotingRegressor: _voting,
}


def _adapted(model):
    """Return what writes a meta-estimator; hard votes are left to skl2onnx."""
    return model if getattr(model, "voting", "soft") == "hard" else Around(model)


ADAPTERS.update(dict.fromkeys(_WRITERS, _adapted))
