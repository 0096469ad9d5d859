"""Feature maps whose channels come last, as TensorFlow writes them.

The operators of ONNX that know positions take channels first. So the layout of a map follows from
the convolution or pooling before it, and from the transpositions in between.
"""

_ONNX = ("", "ai.onnx")

# These make maps with channels first.
_SPATIAL = (
    "AveragePool",
    "BatchNormalization",
    "Conv",
    "ConvInteger",
    "ConvTranspose",
    "DepthToSpace",
    "GlobalAveragePool",
    "GlobalLpPool",
    "GlobalMaxPool",
    "InstanceNormalization",
    "LRN",
    "LpPool",
    "MaxPool",
    "QLinearConv",
    "SpaceToDepth",
)

# These keep the layout of their input. Reductions do if they keep the axes.
_KEEP = (
    "Abs",
    "Add",
    "Cast",
    "Clip",
    "Concat",
    "DequantizeLinear",
    "Div",
    "Dropout",
    "Elu",
    "Erf",
    "Exp",
    "Gelu",
    "GroupNormalization",
    "HardSigmoid",
    "HardSwish",
    "Identity",
    "LayerNormalization",
    "LeakyRelu",
    "Log",
    "LogSoftmax",
    "Max",
    "Min",
    "Mish",
    "Mul",
    "Neg",
    "PRelu",
    "Pad",
    "Pow",
    "QuantizeLinear",
    "Relu",
    "Resize",
    "Selu",
    "Sigmoid",
    "Slice",
    "Softmax",
    "Softplus",
    "Split",
    "Sqrt",
    "Sub",
    "Sum",
    "Tanh",
    "Upsample",
    "Where",
)


def channel_axes(model, input_name):
    """Return the axis of the channels of maps (n, ...) of four dimensions, by name.

    Only tensors are in it whose layout follows from the graph.
    """
    axes = {input_name: 1}
    for node in model.graph.node:
        axis = next((axes[name] for name in node.input if name in axes), None)
        if node.domain not in _ONNX:
            axis = None
        elif node.op_type in _SPATIAL:
            axis = 1
        elif node.op_type == "Transpose":
            axis = _transposed(node, axis)
        elif node.op_type not in _KEEP and not _keeps_axes(node):
            axis = None
        if axis is not None:
            axes |= dict.fromkeys(filter(None, node.output), axis)
    return axes


def _transposed(node, axis):
    order = next((list(a.ints) for a in node.attribute if a.name == "perm"), [3, 2, 1, 0])
    return order.index(axis) if axis is not None and sorted(order) == [0, 1, 2, 3] else None


def _keeps_axes(node):
    kept = all(attribute.i != 0 for attribute in node.attribute if attribute.name == "keepdims")
    return node.op_type.startswith("Reduce") and kept


def is_last(shape, size=(1, 1)):
    """Tell whether a map has its channels last, as far as its shape says.

    Of an image of `size` that is square, a map (s, s, c) has. Of any other image it has if it would
    be wider than the image otherwise.
    """
    certain = size[0] == size[1] or shape[-1] > max(size)
    return len(shape) == 3 and shape[0] == shape[1] != shape[2] and certain
