"""Rows of a table, and the perceptron that reads them, as nodes of an ONNX graph."""

import numpy as np

# The operator of ONNX for each activation.
_OPERATORS = {"relu": "Relu", "tanh": "Tanh", "logistic": "Sigmoid"}


def write_perceptron(estimator, writer, rows):
    """Write the standardization and the hidden layers; returns the name of the features."""
    form, weights = estimator.table_format_, estimator.stage_weights_[estimator.backbone_.stages[0]]
    centered = writer.add("Sub", writer.cast(rows, np.float64), form.mean)
    hidden = writer.cast(writer.add("Div", centered, form.scale), np.float32)
    inputs = estimator.backbone_.preprocessing
    operator = _OPERATORS[inputs.activation]
    for layer in range(len(inputs.hidden_layer_sizes)):
        product = writer.add("MatMul", hidden, weights[f"layers.{layer}.weight"].T)
        hidden = writer.add(operator, writer.add("Add", product, weights[f"layers.{layer}.bias"]))
    return hidden
