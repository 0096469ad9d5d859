"""Decisions of support vector machines as nodes of an ONNX graph."""

from itertools import combinations
from numbers import Real

import numpy as np
from sklearn.svm import SVC, SVR

from sktransfer._onnx import KERNELS


def is_written(model):
    """Tell whether a model is a machine of scikit-learn that can be written."""
    if type(model) not in (SVC, SVR) or model.kernel not in KERNELS:
        return False
    return model.kernel == "linear" or isinstance(model.gamma, Real)


def write_machine(graph, machine, weights=None, intercepts=None):
    """Write the function of a machine, or those that weigh its support vectors otherwise.

    `weights` have a column for each function.
    """
    values = {"gamma": machine.gamma, "degree": machine.degree, "coef0": machine.coef0}
    options = {} if machine.kernel == "linear" else values
    kernel = graph.kernel(machine.support_vectors_, machine.kernel, **options)
    weights = _dense(machine.dual_coef_).T if weights is None else weights
    return graph.affine(
        weights, machine.intercept_ if intercepts is None else intercepts, rows=kernel
    )


def write_decisions(graph, machine):
    """Write the decision function of an SVC, with a column for each class."""
    weights, n_classes = _dense(machine.dual_coef_), len(machine.classes_)
    if n_classes == 2:
        return graph.both_classes(write_machine(graph, machine))
    stops = np.cumsum(machine.n_support_)
    parts = [np.arange(stop - n, stop) for stop, n in zip(stops, machine.n_support_, strict=True)]
    pairs = list(combinations(range(n_classes), 2))
    columns = np.zeros((weights.shape[1], len(pairs)))
    for k, (first, second) in enumerate(pairs):
        columns[parts[first], k] = weights[second - 1, parts[first]]
        columns[parts[second], k] = weights[first, parts[second]]
    return write_votes(graph, write_machine(graph, machine, -columns, -machine.intercept_), pairs)


def write_votes(graph, scores, pairs):
    """Write the votes of pairs of classes, and less than half a vote for the sum of their scores.

    `scores` are those of the second class of each pair.
    """
    n_classes = max(pairs[-1]) + 1
    first, second = (np.eye(n_classes)[list(places)] for places in zip(*pairs, strict=True))
    signs = second - first
    won = graph.cast(graph.add("Greater", scores, np.float64(0)), np.float64)
    votes = graph.affine(signs, first.sum(axis=0), rows=won)
    sums = graph.add("MatMul", scores, signs)
    reach = graph.affine(3 * np.eye(n_classes), 3.0, rows=graph.add("Abs", sums))
    return graph.add("Add", votes, graph.add("Div", sums, reach))


def _dense(values):
    return values.toarray() if hasattr(values, "toarray") else values
