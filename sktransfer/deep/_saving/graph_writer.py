"""Nodes of an ONNX graph, written one after the other."""

from itertools import count

import numpy as np

from sktransfer.deep._networks.onnx.file import import_onnx


class GraphWriter:
    """Nodes and constants in order; each call returns the name of its output."""

    def __init__(self, prefix):
        self.nodes, self.constants = [], []
        self._names = (f"{prefix}/{number}" for number in count())

    def add(self, operator, *inputs, output=None, **attributes):
        """Add a node; arrays among its inputs become constants."""
        inputs = [self.constant(x) if isinstance(x, np.ndarray) else x for x in inputs]
        output = output or next(self._names)
        node = import_onnx().helper.make_node(operator, inputs, [output], name=output, **attributes)
        self.nodes.append(node)
        return output

    def cast(self, source, dtype):
        """Add a conversion to a dtype of NumPy."""
        return self.add(
            "Cast", source, to=import_onnx().helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        )

    def constant(self, array):
        """Add a constant."""
        name = next(self._names)
        self.constants.append(
            import_onnx().numpy_helper.from_array(np.asarray(array, order="C"), name)
        )
        return name
