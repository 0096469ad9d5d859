"""Nodes of ONNX for fitted estimators, by the methods that skl2onnx asks a model for."""

import numpy as np
from sklearn.base import is_classifier
from sklearn.utils.validation import check_is_fitted

from sktransfer._messages import listed, shown
from sktransfer._onnx_graph import Graph

# Kernels that `Graph.kernel` writes.
KERNELS = ("linear", "poly", "polynomial", "rbf", "sigmoid")


class WritesONNX:
    """A fitted object that skl2onnx can ask for its nodes.

    A concrete one writes `_write_onnx` and sets `_no_onnx` to None, or says there why it cannot.
    """

    # Why there are no nodes: the end of a sentence.
    _no_onnx = "sktransfer has no ONNX operators for its answers to new rows"

    def _write_onnx(self, graph):
        """Write the nodes.

        Parameters
        ----------
        graph : Graph

        Returns
        -------
        answers : str or tuple of str
            Features, numbers, or a score of each class, by the name of their tensor of shape
            (n_samples, n_columns). Labels and scores, if the labels are not those of the largest
            score.
        """
        raise NotImplementedError

    def onnx_parser(self):
        """Return the function that names the outputs, as skl2onnx asks for it.

        Returns
        -------
        parse : callable

        Raises
        ------
        TypeError
            If the estimator has no ONNX form; the message says why.
        """
        refuse_onnx(self)

        def parse(scope=None, inputs=None):
            # A pipeline sets an option that skl2onnx knows of its own classifiers alone.
            if scope.options:
                scope.options.pop(id(self), None)
            return ["label", "probabilities"] if is_classifier(self) else ["variable"]

        return parse

    def onnx_shape_calculator(self):
        """Return the function that sets the types of the outputs, as skl2onnx asks for it.

        Returns
        -------
        set_types : callable
        """
        return _set_types

    def onnx_converter(self):
        """Return the function that writes the nodes, as skl2onnx asks for it.

        Returns
        -------
        convert : callable
        """
        return _convert


def refuse_onnx(model):
    """Raise TypeError if a model of ours has no ONNX form."""
    check_is_fitted(model)
    if model._no_onnx is not None:
        raise TypeError(f"{_name(model)} cannot be written as ONNX, because {model._no_onnx}.")
    if is_classifier(model):
        _label_type(model)


def _name(model):
    return type(getattr(model, "_onnx_of", model)).__name__


def _label_type(model):
    """Return the type of the labels of a classifier."""
    from skl2onnx.common.data_types import Int64TensorType, StringTensorType

    classes = model.classes_
    if isinstance(classes, np.ndarray) and classes.dtype.kind in "biu":
        return Int64TensorType([None])
    if isinstance(classes, np.ndarray) and all(isinstance(label, str) for label in classes):
        return StringTensorType([None])
    found = listed(list(classes))
    raise TypeError(
        f"{_name(model)} cannot be written as ONNX, because its classes are {found} and "
        "ONNX has labels of integers or of text; fit it on labels of one of these."
    )


def _set_types(operator):
    from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType

    given = operator.inputs[0].type
    kind = DoubleTensorType if isinstance(given, DoubleTensorType) else FloatTensorType
    operator.outputs[-1].type = kind([None, None])
    if len(operator.outputs) == 2:
        operator.outputs[0].type = _label_type(operator.raw_operator)


def _convert(scope, operator, container):
    graph, model = Graph(scope, operator, container), operator.raw_operator
    written = model._write_onnx(graph)
    *labels, values = written if isinstance(written, tuple) else (written,)
    if len(operator.outputs) == 2:
        (labels,) = labels or [graph.best_label(values, model.classes_)]
        graph.name(labels, operator.outputs[0])
    graph.name(values, operator.outputs[-1])


def kernel_refusal(kernel):
    """Return why a kernel has no ONNX form, None if it has one."""
    if isinstance(kernel, str) and kernel in KERNELS:
        return None
    return f"kernel={shown(kernel)} has no operators; those that have are {listed(KERNELS)}"
