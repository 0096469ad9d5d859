"""ONNX files of any maker: all their weights are read, and they get one kind of input."""

import hashlib
import warnings
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

# A protobuf message ends there, and with it what can be handed on as bytes.
LARGEST_FILE = 2**31 - 1


class Input(NamedTuple):
    """The one input of a graph, as float32 (batch, channels, height, width).

    Parameters
    ----------
    name : str
    batch : int or None
        The batch that the graph insists on; None: any.
    channels : int or None
    size : (int, int) or None
        None where the graph takes images of any size.
    """

    name: str
    batch: int | None
    channels: int | None
    size: tuple[int, int] | None


def read_file(path):
    """Read an ONNX file with the weights that it may keep in files beside it.

    Parameters
    ----------
    path : str or os.PathLike

    Returns
    -------
    weights : bytes
        A whole ONNX file.
    fingerprint : str
        SHA-256 of the file; where there are side files, of all of them.

    Raises
    ------
    ValueError
        When it is no ONNX file, or too large for one.
    FileNotFoundError
        When a side file is missing.
    """
    path = Path(path)
    weights = path.read_bytes()
    beside = side_files(path)
    digest = hashlib.sha256(weights)
    if not beside:
        return weights, digest.hexdigest()
    if sum(side.stat().st_size for side in beside) + len(weights) > LARGEST_FILE:
        raise ValueError(f"backbone={str(path)!r} has weights of more than 2 GB, too many to read.")
    for side in beside:
        digest.update(side.read_bytes())
    onnx = import_onnx()
    model = parse(weights, path)
    onnx.external_data_helper.load_external_data_for_model(model, str(path.parent))
    return model.SerializeToString(), digest.hexdigest()


def side_files(path):
    """Return the files beside an ONNX file in which it keeps weights.

    Only names are followed that stay in the file's own folder.

    Parameters
    ----------
    path : pathlib.Path

    Returns
    -------
    paths : tuple of pathlib.Path
    """
    stat = path.stat()
    names = _side_names(path, stat.st_mtime_ns, stat.st_size)
    paths = tuple(path.parent / name for name in names)
    for side in paths:
        if not side.is_file():
            raise FileNotFoundError(
                f"backbone={str(path)!r} keeps weights in the file {side.name!r} beside it, which "
                "is not there: put it back, under this name."
            )
        if not side.resolve().is_relative_to(path.parent.resolve()):
            raise ValueError(
                f"backbone={str(path)!r} names weights outside of its own folder, {str(side)!r}, "
                "which are not read: put them beside it."
            )
    return paths


def stamps(path):
    """Return what tells whether a file, or one of those beside it, has changed: times and sizes."""
    parts = (part.stat() for part in (path, *side_files(path)))
    return tuple((stat.st_mtime_ns, stat.st_size) for stat in parts)


@lru_cache(maxsize=32)
def _side_names(path, mtime_ns, size):
    onnx = import_onnx()
    model = parse(path.read_bytes(), path)
    tensors = [*model.graph.initializer]
    for node in model.graph.node:
        tensors += [a.t for a in node.attribute if a.type == onnx.AttributeProto.TENSOR]
    names = {
        entry.value
        for tensor in tensors
        if tensor.data_location == onnx.TensorProto.EXTERNAL
        for entry in tensor.external_data
        if entry.key == "location"
    }
    return tuple(sorted(names))


def parse(weights, path):
    """Parse an ONNX file.

    Parameters
    ----------
    weights : bytes
    path : str or os.PathLike
        Where it comes from, for messages.

    Returns
    -------
    model : onnx.ModelProto
    """
    try:
        model = import_onnx().load_model_from_string(weights)
        readable = len(model.graph.node) > 0
    except Exception:  # protobuf's error classes differ between its releases
        readable = False
    if not readable:
        raise ValueError(f"backbone={str(path)!r} is not an ONNX file that can be read.")
    return model


def adapt_input(model, path):
    """Give a graph a float32 input of channels first, whatever it had, and describe that.

    Parameters
    ----------
    model : onnx.ModelProto
        Changed in place.
    path : str or os.PathLike
        Where it comes from, for messages.

    Returns
    -------
    model_input : Input
    """
    onnx = import_onnx()
    stored = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in stored]
    found = ", ".join(f"{value.name!r} {dims(value)}" for value in inputs)
    if len(inputs) != 1 or len(dims(inputs[0])) != 4:
        raise ValueError(
            f"backbone={str(path)!r} takes {found or 'no input'}; expected one input of images, "
            "(n, channels, height, width) or (n, height, width, channels)."
        )
    (image,) = inputs
    batch, *sides = dims(image)
    kind = image.type.tensor_type.elem_type
    real = [onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16, onnx.TensorProto.DOUBLE]
    if kind not in real:
        raise ValueError(
            f"backbone={str(path)!r} takes images of type {onnx.TensorProto.DataType.Name(kind)}; "
            "expected floating point: export the network without the conversion from whole "
            "numbers at its start."
        )
    last = sides[0] not in (1, 3) and sides[2] in (1, 3)
    channels, *size = [sides[2], *sides[:2]] if last else sides
    name = _insert(model, image, kind, channels_last=last, shape=[batch, channels, *size])
    fixed = all(isinstance(side, int) for side in size)
    return Input(
        name,
        batch if isinstance(batch, int) else None,
        channels if isinstance(channels, int) else None,
        tuple(size) if fixed else None,
    )


def _insert(model, image, kind, *, channels_last, shape):
    """Put a transposition and a cast between a new input and the old one, where they are needed."""
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
