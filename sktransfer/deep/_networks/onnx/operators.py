"""The operators of ONNX as functions of torch.

Each entry of `OPERATORS` takes the attributes of a node, with the graph's ``opset`` and ``batch``
among them, and returns ``function(*inputs) -> output``. An omitted input is None. Importing this
module imports torch.
"""

import math
from functools import partial

import numpy as np
import torch
from torch.nn import functional as F

# Precisions of stored numbers beside float32.
OTHER_FLOATS = ("float16", "bfloat16", "float64")

# ---- padding


def _same_padding(shape, attributes, kernel):
    """The padding of auto_pad, top, left, bottom, right: the output has ceil(input / stride)."""
    strides = attributes.get("strides", (1, 1))
    dilations = attributes.get("dilations", (1, 1))
    starts, ends = [], []
    for n, k, stride, dilation in zip(shape, kernel, strides, dilations, strict=True):
        missing = max((math.ceil(n / stride) - 1) * stride + (k - 1) * dilation + 1 - n, 0)
        smaller = missing // 2
        upper = attributes["auto_pad"] == b"SAME_UPPER"
        starts.append(smaller if upper else missing - smaller)
        ends.append(missing - smaller if upper else smaller)
    return *starts, *ends


def _padded(x, attributes, kernel, value=0.0):
    if attributes.get("auto_pad", b"NOTSET") in (b"SAME_UPPER", b"SAME_LOWER"):
        top, left, bottom, right = _same_padding(x.shape[2:], attributes, kernel)
    else:
        top, left, bottom, right = attributes.get("pads", (0, 0, 0, 0))
    if not (top or left or bottom or right):
        return x
    return F.pad(x, (left, right, top, bottom), value=value)


def _pad(attributes):
    mode = attributes.get("mode", b"constant").decode()
    mode = {"edge": "replicate", "wrap": "circular"}.get(mode, mode)

    def pad(x, pads=None, value=None, axes=None):
        pads = list(attributes["pads"]) if pads is None else pads.tolist()
        axes = range(x.ndim) if axes is None else axes.tolist()
        n = len(pads) // 2
        of_axis = {axis % x.ndim: (pads[i], pads[n + i]) for i, axis in enumerate(axes)}
        order = [side for axis in reversed(range(x.ndim)) for side in of_axis.get(axis, (0, 0))]
        while order and not any(order[-2:]):
            del order[-2:]
        if mode != "constant":
            return F.pad(x, order, mode=mode)
        value = attributes.get("value", 0.0) if value is None else float(value)
        return F.pad(x, order, value=value)

    return pad


# ---- layers with weights


def _convolution(attributes):
    options = {
        "stride": tuple(attributes.get("strides", (1, 1))),
        "dilation": tuple(attributes.get("dilations", (1, 1))),
        "groups": attributes.get("group", 1),
    }
    return lambda x, weight, bias=None: F.conv2d(
        _padded(x, attributes, weight.shape[2:]), weight, bias, **options
    )


def _gemm(attributes):
    alpha, beta = attributes.get("alpha", 1.0), attributes.get("beta", 1.0)

    def gemm(a, b, c=None):
        a = a.T if attributes.get("transA", 0) else a
        b = b.T if attributes.get("transB", 0) else b
        product = a @ b if alpha == 1.0 else alpha * (a @ b)
        return product if c is None else product + beta * c

    return gemm


def _batch_normalization(attributes):
    # ONNX's momentum is the share of the old statistics, torch's that of the new ones.
    momentum = 1.0 - attributes.get("momentum", 0.9)
    eps = attributes.get("epsilon", 1e-5)

    def normalize(x, weight, bias, mean, var, *, training, share):
        share = momentum if share is None else share
        return F.batch_norm(x, mean, var, weight, bias, training, share, eps)

    return normalize


def _instance_normalization(attributes):
    eps = attributes.get("epsilon", 1e-5)
    return lambda x, weight, bias: F.instance_norm(x, weight=weight, bias=bias, eps=eps)


def _layer_normalization(attributes):
    axis, eps = attributes.get("axis", -1), attributes.get("epsilon", 1e-5)
    return lambda x, weight, bias=None: F.layer_norm(x, x.shape[axis % x.ndim :], weight, bias, eps)


def _local_response(attributes):
    alpha, beta = attributes.get("alpha", 1e-4), attributes.get("beta", 0.75)
    size, bias = attributes["size"], attributes.get("bias", 1.0)
    return lambda x: F.local_response_norm(x, size, alpha, beta, bias)


# ---- pooling


def _max_pooling(attributes):
    options = {
        "stride": tuple(attributes.get("strides", (1, 1))),
        "dilation": tuple(attributes.get("dilations", (1, 1))),
        "ceil_mode": bool(attributes.get("ceil_mode", 0)),
    }
    size = tuple(attributes["kernel_shape"])
    return lambda x: F.max_pool2d(_padded(x, attributes, size, -np.inf), size, **options)


def _average_pooling(attributes):
    size = tuple(attributes["kernel_shape"])
    options = {
        "stride": tuple(attributes.get("strides", (1, 1))),
        "ceil_mode": bool(attributes.get("ceil_mode", 0)),
        "divisor_override": 1,
    }
    with_pads = bool(attributes.get("count_include_pad", 0))

    def average(x):
        padded = _padded(x, attributes, size)
        ones = x.new_ones(1, 1, *x.shape[2:])
        counted = _padded(ones, attributes, size, value=float(with_pads))
        # Each window's sum over the number of its places that count, pads or not.
        return F.avg_pool2d(padded, size, **options) / F.avg_pool2d(counted, size, **options)

    return average


def _reduce(function):
    def make(attributes):
        keep = bool(attributes.get("keepdims", 1))

        def reduce(x, axes=None):
            axes = _axes_of(attributes, axes)
            if not axes and attributes.get("noop_with_empty_axes", 0):
                return x
            return function(x, dim=tuple(axes or range(x.ndim)), keepdim=keep)

        return reduce

    return make


# ---- shapes


def _reshape(attributes):
    def reshape(x, shape):
        shape = shape.tolist()
        # A graph that was written for a fixed number of images takes any number here.
        if shape and shape[0] == attributes["batch"]:
            shape[0] = len(x)
        if not attributes.get("allowzero", 0):
            shape = [n or x.shape[place] for place, n in enumerate(shape)]
        return x.reshape(shape)

    return reshape


def _flatten(attributes):
    axis = attributes.get("axis", 1)
    return lambda x: x.reshape(math.prod(x.shape[:axis]), math.prod(x.shape[axis:]))


def _axes_of(attributes, axes):
    return attributes.get("axes") if axes is None else axes.tolist()


def _concat(attributes):
    axis = attributes["axis"]

    def concat(*inputs):
        # Of a graph that was written for one image, a token stored in the file has but one row.
        if attributes["batch"] == 1 and axis and inputs[0].ndim > 2:
            rows = max(len(x) for x in inputs)
            inputs = [x.expand(rows, *x.shape[1:]) if len(x) == 1 else x for x in inputs]
        return torch.cat(inputs, axis)

    return concat


def _shape(attributes):
    part = slice(attributes.get("start", 0), attributes.get("end"))
    return lambda x: torch.tensor(x.shape[part], device=x.device)


def _squeeze(attributes):
    def squeeze(x, axes=None):
        axes = _axes_of(attributes, axes)
        return x.squeeze() if axes is None else x.squeeze(tuple(axes))

    return squeeze


def _unsqueeze(attributes):
    def unsqueeze(x, axes=None):
        axes = _axes_of(attributes, axes)
        for axis in sorted(axis % (x.ndim + len(axes)) for axis in axes):
            x = x.unsqueeze(axis)
        return x

    return unsqueeze


def _split(attributes):
    def split(x, sizes=None):
        axis = attributes.get("axis", 0)
        sizes = attributes.get("split") if sizes is None else sizes.tolist()
        if sizes is None:
            sizes = -(-x.shape[axis] // attributes["n_outputs"])
        return torch.split(x, sizes, axis)

    return split


def _slice(attributes):
    def cut(x, starts=None, ends=None, axes=None, steps=None):
        starts = attributes["starts"] if starts is None else starts.tolist()
        ends = attributes["ends"] if ends is None else ends.tolist()
        axes = _axes_of(attributes, axes) or range(len(starts))
        steps = [1] * len(starts) if steps is None else steps.tolist()
        for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
            chosen = range(x.shape[axis])[start:end:step]
            if step > 0:
                x = x[(slice(None),) * (axis % x.ndim) + (slice(start, end, step),)]
            else:
                x = x.index_select(axis, torch.tensor(list(chosen), device=x.device))
        return x

    return cut


def _gather(attributes):
    axis = attributes.get("axis", 0)

    def gather(x, indices):
        indices = torch.where(indices < 0, indices + x.shape[axis], indices)
        chosen = x.index_select(axis, indices.reshape(-1))
        place = axis % x.ndim
        return chosen.reshape((*x.shape[:place], *indices.shape, *x.shape[place + 1 :]))

    return gather


def in_float32(array):
    """Return an array of half or double precision in float32, and any other array as it is.

    Stages are trained in float32: steps of training vanish in half precision, and sums overflow.
    """
    return array.astype(np.float32) if array.dtype.name in OTHER_FLOATS else array


def _constant_of_shape(attributes):
    from onnx import numpy_helper

    value = attributes.get("value")
    value = np.zeros(1, np.float32) if value is None else in_float32(numpy_helper.to_array(value))
    fill = torch.tensor(value.copy())
    return lambda shape: fill.to(shape.device).expand(tuple(shape.tolist())).clone()


# ---- element by element


def _cast(attributes):
    from onnx import helper

    target = np.empty(0, helper.tensor_dtype_to_np_dtype(attributes["to"]))
    dtype = torch.from_numpy(in_float32(target)).dtype
    return lambda x: x.to(dtype)


def _clip(attributes):
    def clip(x, low=None, high=None):
        low = attributes.get("min") if low is None else low
        high = attributes.get("max") if high is None else high
        return x if low is None and high is None else torch.clamp(x, low, high)

    return clip


def _divide(a, b):
    whole = not (a.is_floating_point() or b.is_floating_point())
    return torch.div(a, b, rounding_mode="trunc" if whole else None)


def _softmax(function):
    def make(attributes):
        if attributes["opset"] >= 13:
            return lambda x: function(x, dim=attributes.get("axis", -1))

        # Before opset 13 everything from the axis on is one vector.
        def coerced(x):
            axis = attributes.get("axis", 1) % x.ndim
            return function(x.flatten(axis), dim=axis).reshape(x.shape)

        return coerced

    return make


def _hard_sigmoid(attributes):
    alpha, beta = attributes.get("alpha", 0.2), attributes.get("beta", 0.5)
    return lambda x: torch.clamp(alpha * x + beta, 0.0, 1.0)


def _fold(function):
    """An operator of any number of inputs from one of two."""

    def fold(first, *others):
        for other in others:
            first = function(first, other)
        return first

    return lambda attributes: fold


def _plain(function):
    """An operator without attributes that matter."""
    return lambda attributes: function


# These have the name and the meaning of a function of torch.
_SAME = (
    *("Abs", "Add", "Ceil", "Erf", "Exp", "Floor", "Log", "MatMul", "Mul", "Neg", "Pow"),
    *("Reciprocal", "Relu", "Sigmoid", "Sqrt", "Sub", "Tanh", "Where"),
)

OPERATORS = {name: _plain(getattr(torch, name.lower())) for name in _SAME} | {
    "And": _plain(torch.logical_and),
    "AveragePool": _average_pooling,
    "BatchNormalization": _batch_normalization,
    "Cast": _cast,
    "Clip": _clip,
    "Concat": _concat,
    "ConstantOfShape": _constant_of_shape,
    "Conv": _convolution,
    "Div": _plain(_divide),
    "Dropout": _plain(lambda x, *ignored: x),
    "Elu": lambda attributes: lambda x: F.elu(x, attributes.get("alpha", 1.0)),
    "Equal": _plain(torch.eq),
    "Expand": _plain(lambda x, shape: x.expand(torch.broadcast_shapes(x.shape, shape.tolist()))),
    "Flatten": _flatten,
    "Gather": _gather,
    "Gelu": lambda a: partial(F.gelu, approximate=a.get("approximate", b"none").decode()),
    "Gemm": _gemm,
    "GlobalAveragePool": _plain(lambda x: x.mean(dim=tuple(range(2, x.ndim)), keepdim=True)),
    "GlobalMaxPool": _plain(lambda x: x.amax(dim=tuple(range(2, x.ndim)), keepdim=True)),
    "Greater": _plain(torch.gt),
    "HardSigmoid": _hard_sigmoid,
    "HardSwish": _plain(lambda x: x * torch.clamp(x / 6 + 0.5, 0.0, 1.0)),
    "Identity": _plain(lambda x: x),
    "InstanceNormalization": _instance_normalization,
    "LRN": _local_response,
    "LayerNormalization": _layer_normalization,
    "LeakyRelu": lambda attributes: lambda x: F.leaky_relu(x, attributes.get("alpha", 0.01)),
    "Less": _plain(torch.lt),
    "LogSoftmax": _softmax(torch.log_softmax),
    "Max": _fold(torch.maximum),
    "MaxPool": _max_pooling,
    "Min": _fold(torch.minimum),
    "Mod": lambda attributes: torch.fmod if attributes.get("fmod", 0) else torch.remainder,
    "Not": _plain(torch.logical_not),
    "Or": _plain(torch.logical_or),
    "PRelu": _plain(lambda x, slope: torch.where(x < 0, x * slope, x)),
    "Pad": _pad,
    "ReduceMax": _reduce(torch.amax),
    "ReduceMean": _reduce(torch.mean),
    "ReduceSum": _reduce(torch.sum),
    "Reshape": _reshape,
    "Shape": _shape,
    "Slice": _slice,
    "Softmax": _softmax(torch.softmax),
    "Softplus": _plain(F.softplus),
    "Split": _split,
    "Squeeze": _squeeze,
    "Transpose": lambda attributes: (
        lambda x: x.permute(attributes.get("perm", tuple(range(x.ndim))[::-1]))
    ),
    "Unsqueeze": _unsqueeze,
}

# The inputs of an operator that are trained if the file stores them. Every other stored array is
# a buffer. A single number is neither: it is part of a formula.
TRAINED_INPUTS = {
    "Add": (0, 1),
    "BatchNormalization": (1, 2),
    "Concat": (0, 1),
    "Conv": (1, 2),
    "Gemm": (1, 2),
    "InstanceNormalization": (1, 2),
    "LayerNormalization": (1, 2),
    "MatMul": (0, 1),
    "Mul": (0, 1),
    "PRelu": (1,),
}
