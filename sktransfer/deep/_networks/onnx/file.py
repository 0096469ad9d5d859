"""ONNX files of any maker: all their weights are read, and they get one kind of input."""

import math
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np

from sktransfer._messages import cause, shortened, shown

# The largest size of a protobuf message, and so of a model passed as bytes.
LARGEST_FILE = 2**31 - 1

# A batch of that many numbers takes 2 GB. A file that asks for more is broken.
MOST_VALUES = 2**29


class Input(NamedTuple):
    """The one input of a graph, as float32 (batch, channels, height, width); None is any number."""

    name: str
    batch: int | None
    channels: int | None
    size: tuple[int, int] | None


def read_bytes(path, *, of=None):
    """Read a whole file; `of` is the ONNX file that needs it."""
    try:
        if Path(path).stat().st_size > LARGEST_FILE:
            raise ValueError(
                f"backbone={shown(str(of or path))} is larger than 2 GB, too large for an ONNX "
                "file: export it with its weights in a file beside it, or in half precision."
            )
        return Path(path).read_bytes()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise OSError(
            f"backbone={shown(str(of or path))}: the file {shown(str(path))} cannot be read "
            f"({cause(error)})."
        ) from error


def parse(weights, path):
    """Parse the bytes of an ONNX file; `path` is for messages."""
    onnx, reason = import_onnx(), "it has no nodes"
    try:
        model = onnx.load_model_from_string(weights)
    except Exception as error:  # protobuf's error classes differ between its releases
        raise ValueError(_unreadable(path, cause(error))) from error
    if not len(model.graph.node):
        raise ValueError(_unreadable(path, reason))
    if not all(node.op_type and any(node.output) for node in model.graph.node):
        raise ValueError(_unreadable(path, "a node has no operator or no output"))
    if not all(isinstance(text, str) for text in _texts(model)):
        raise ValueError(_unreadable(path, "a name in it is no text"))
    return model


def _texts(model):
    """The names in a model; protobuf gives bytes for one that is not UTF-8."""
    for entry in model.metadata_props:
        yield from (entry.key, entry.value)
    yield from (entry.domain for entry in model.opset_import)
    yield from _texts_of(model.graph)
    for function in model.functions:
        yield from (function.name, function.domain, *function.input, *function.output)
        yield from _texts_of(function)


def _texts_of(graph):
    yield from (value.name for value in (*graph.input, *graph.output) if hasattr(value, "name"))
    yield from (tensor.name for tensor in getattr(graph, "initializer", ()))
    for node in graph.node:
        yield from (node.op_type, node.domain, *node.input, *node.output)
        for attribute in node.attribute:
            yield attribute.name
            for body in (attribute.g, *attribute.graphs):
                if body.node:
                    yield from _texts_of(body)


def _unreadable(path, reason):
    return (
        f"backbone={shown(str(path))} is not an ONNX file that can be read ({reason}): export or "
        "download it again."
    )


def free_inputs(model):
    """Return the inputs of a graph that are no stored weights."""
    stored = {tensor.name for tensor in model.graph.initializer}
    stored |= {tensor.values.name for tensor in model.graph.sparse_initializer}
    return [value for value in model.graph.input if value.name not in stored]


def adapt_input(model, path):
    """Give a model, in place, a float32 input of channels first; return this `Input`."""
    inputs = free_inputs(model)
    if len(inputs) != 1 or len(dims(inputs[0])) != 4:
        found = ", ".join(f"{shown(value.name)} {dims(value)}" for value in inputs[:10])
        raise ValueError(
            f"backbone={shown(str(path))} takes {shortened(found) or 'no input'}; expected one "
            "input of images, (n, channels, height, width) or (n, height, width, channels): "
            "export the part of the network that takes images."
        )
    (image,) = inputs
    batch, *sides = dims(image)
    last = sides[0] not in (1, 3) and sides[2] in (1, 3)
    channels, *size = [sides[2], *sides[:2]] if last else sides
    _check_input(image.type.tensor_type.elem_type, batch, channels, size, path)
    kind = image.type.tensor_type.elem_type
    name = _insert(model, image, kind, channels_last=last, shape=[batch, channels, *size])
    fixed = all(isinstance(side, int) for side in size)
    return Input(
        name,
        batch if isinstance(batch, int) else None,
        channels if isinstance(channels, int) else None,
        tuple(size) if fixed else None,
    )


def _check_input(kind, batch, channels, size, path):
    """Raise an error if images cannot be this input; all faults in one message."""
    onnx = import_onnx()
    faults = []
    if kind not in (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16, onnx.TensorProto.DOUBLE):
        known = kind in onnx.TensorProto.DataType.values()
        name = onnx.TensorProto.DataType.Name(kind) if known else kind
        faults.append(
            f"images of type {name} (expected floating point: export it without the conversion "
            "from whole numbers at its start)"
        )
    numbers = [side for side in (batch, channels, *size) if isinstance(side, int)]
    if math.prod(numbers) > MOST_VALUES:
        faults.append(
            f"a batch of shape (n, channels, height, width) = ({batch}, {channels}, {size[0]}, "
            f"{size[1]}) (expected at most {MOST_VALUES} values: export it for smaller batches)"
        )
    if faults:
        raise ValueError(f"backbone={shown(str(path))} takes {shortened('; '.join(faults))}.")


def _insert(model, image, kind, *, channels_last, shape):
    """Insert a transposition and a cast between a new input and the old one, if they are needed."""
    onnx = import_onnx()
    steps = []
    if channels_last:
        steps.append(("Transpose", {"perm": [0, 2, 3, 1]}))
    if kind != onnx.TensorProto.FLOAT:
        steps.append(("Cast", {"to": kind}))
    names = [f"{image.name}/{place}" for place in range(len(steps))] + [image.name]
    if steps:
        nodes = [
            onnx.helper.make_node(operator, [source], [target], **attributes)
            for (operator, attributes), source, target in zip(steps, names, names[1:], strict=False)
        ]
        nodes += model.graph.node
        del model.graph.node[:]
        model.graph.node.extend(nodes)
        new = onnx.helper.make_tensor_value_info(names[0], onnx.TensorProto.FLOAT, shape)
        image.CopyFrom(new)
    return names[0]


def read_opset(model):
    """Return the version of ONNX's own operators in a model."""
    versions = [e.version for e in model.opset_import if e.domain in ("", "ai.onnx")]
    return max(versions, default=1)


def attributes_of(node):
    """Return the attributes of a node by name."""
    helper = import_onnx().helper
    return {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}


def stored_arrays(model, path):
    """Return the arrays stored in a graph: initializers and values of Constant nodes, by name."""
    to_array = import_onnx().numpy_helper.to_array
    try:
        arrays = {tensor.name: to_array(tensor) for tensor in model.graph.initializer}
        for node in model.graph.node:
            if node.op_type == "Constant":
                arrays[node.output[0]] = _constant(attributes_of(node), to_array)
    except Exception as error:  # onnx has no class for a tensor that does not fit its shape
        raise ValueError(
            f"backbone={shown(str(path))} has weights that cannot be read ({cause(error)}): "
            "export or download it again."
        ) from error
    return arrays


def _constant(attributes, to_array):
    for name in ("value_float", "value_floats"):
        if name in attributes:
            return np.asarray(attributes[name], dtype=np.float32)
    for name in ("value_int", "value_ints"):
        if name in attributes:
            return np.asarray(attributes[name], dtype=np.int64)
    return to_array(attributes["value"])


def dims(value):
    """Return the dimensions of a declared tensor, numbers or names."""
    found = value.type.tensor_type.shape.dim
    return [dim.dim_value if dim.dim_value > 0 else dim.dim_param for dim in found]


def import_onnx():
    """Import onnx with the parts that are used; its warnings are none of the user's."""
    with warnings.catch_warnings():
        import onnx
        import onnx.external_data_helper
        import onnx.numpy_helper
    return onnx
