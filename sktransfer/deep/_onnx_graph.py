"""The graph of an ONNX file: describing it, cutting it at a tensor, and trying it out."""

import difflib
import json
from functools import lru_cache

import numpy as np

from sktransfer.deep._onnx_file import adapt_input, dims, import_onnx, parse
from sktransfer.deep._preprocessing import Preprocessing, resolve_preprocessing


def cut(model, inputs, names):
    """Keep the part of a graph that some tensors need, and make them its outputs.

    Parameters
    ----------
    model : onnx.ModelProto
    inputs : list of str
        The names of the graph's inputs.
    names : list of str

    Returns
    -------
    part : onnx.ModelProto
        The outputs have the types that are declared, if any: ONNX Runtime infers the others.
    """
    onnx = import_onnx()
    graph = model.graph
    nodes = needed_nodes(graph.node, names, stop=inputs)
    used = {name for node in nodes for name in _reads(node)} | set(names)
    part = onnx.ModelProto(
        ir_version=model.ir_version, opset_import=model.opset_import, functions=model.functions
    )
    part.graph.name = graph.name or "part"
    part.graph.node.extend(nodes)
    part.graph.initializer.extend(t for t in graph.initializer if t.name in used)
    part.graph.sparse_initializer.extend(graph.sparse_initializer)
    part.graph.input.extend(value for value in graph.input if value.name in inputs)
    known = {value.name: value for value in [*graph.output, *graph.value_info]}
    part.graph.output.extend(known.get(name, onnx.ValueInfoProto(name=name)) for name in names)
    return part


def free_batch(weights):
    """Rewrite a graph that insists on a number of images so that it may take any.

    The shapes to which it reshapes then begin with "as many as come in". Where the graph counts on
    the number in other ways, the result does not run or computes something else: compare.

    Parameters
    ----------
    weights : bytes
        An ONNX file.

    Returns
    -------
    weights : bytes
    """
    onnx = import_onnx()
    model = onnx.load_model_from_string(weights)
    graph = model.graph
    images = graph.input[0].type.tensor_type.shape.dim[0]
    batch = images.dim_value
    images.dim_param = "N"
    targets = {node.input[1] for node in graph.node if node.op_type == "Reshape"}
    made = [node for node in graph.node if targets.intersection(node.output)]
    constants = [attribute.t for node in made for attribute in node.attribute]
    stored = [tensor for tensor in graph.initializer if tensor.name in targets]
    for tensor in [*stored, *(t for t in constants if t.data_type == onnx.TensorProto.INT64)]:
        shape = onnx.numpy_helper.to_array(tensor).copy()
        if shape.ndim == 1 and len(shape) and shape[0] == batch:
            shape[0] = 0
            tensor.CopyFrom(onnx.numpy_helper.from_array(shape, tensor.name))
    return model.SerializeToString()


def needed_nodes(nodes, names, *, stop=()):
    """Return the nodes on the way to some tensors, in graph order.

    Parameters
    ----------
    nodes : sequence of onnx.NodeProto
    names : iterable of str
    stop : iterable of str, default=()
        Tensors at which the search ends.
    """
    maker = {name: index for index, node in enumerate(nodes) for name in node.output}
    wanted, open_names, seen = set(), list(names), set(stop)
    while open_names:
        name = open_names.pop()
        if name in seen or name not in maker:
            continue
        seen.add(name)
        if maker[name] not in wanted:
            wanted.add(maker[name])
            open_names.extend(_reads(nodes[maker[name]]))
    return [nodes[index] for index in sorted(wanted)]


def data_tensors(nodes, input_name):
    """Return the names of the tensors that depend on pixels, not on shapes alone.

    Parameters
    ----------
    nodes : sequence of onnx.NodeProto
        In the order of the graph.
    input_name : str

    Returns
    -------
    names : set of str
    """
    data = {input_name}
    for node in nodes:
        if node.op_type not in ("Shape", "Size") and data.intersection(node.input):
            data.update(node.output)
    return data


def _reads(node):
    """What a node reads, the bodies of its branches and loops included."""
    names = list(node.input)
    for attribute in node.attribute:
        for body in [attribute.g, *attribute.graphs]:
            for inner in body.node:
                names += _reads(inner)
    return names


def run_probe(model, model_input, names, *, preprocessing, batch, path):
    """Compute some tensors for black images.

    Parameters
    ----------
    model : onnx.ModelProto
    model_input : Input
    names : list of str
    preprocessing : Preprocessing
        Its size and channels are used where the graph leaves them free.
    batch : int
    path : str
        Where the graph comes from, for messages.

    Returns
    -------
    arrays : list of ndarray
    """
    from sktransfer.deep._onnx_engine import make_session

    images = np.zeros(image_shape(model_input, preprocessing, batch), dtype=np.float32)
    try:
        session = make_session(cut(model, [model_input.name], names).SerializeToString())
        return session.run(names, {model_input.name: images})
    except Exception as error:  # ONNX Runtime has a class for each kind of failure
        raise ValueError(
            f"backbone={path!r} cannot be run up to {names[-1]!r} with images (n, channels, "
            f"height, width) = {images.shape}; ONNX Runtime says: {error}"
        ) from error


def image_shape(model_input, preprocessing, batch):
    """The shape of a batch, from what the graph says or leaves to the preprocessing."""
    channels = model_input.channels or preprocessing.channels
    return (batch, channels, *(model_input.size or preprocessing.size))


def stage_shapes(model, model_input, names, *, preprocessing, path):
    """Find the shapes of some tensors for one image, by running the graph once.

    Parameters
    ----------
    model : onnx.ModelProto
    model_input : Input
    names : sequence of str
    preprocessing : Preprocessing
    path : str

    Returns
    -------
    shapes : tuple of tuple of int
        Without the axis of the images.
    """
    batch = model_input.batch or 2
    arrays = run_probe(
        model, model_input, list(names), preprocessing=preprocessing, batch=batch, path=path
    )
    for name, array in zip(names, arrays, strict=True):
        shape = getattr(array, "shape", None)
        if shape is None or shape[:1] != (batch,) or len(shape) not in (2, 3, 4):
            raise ValueError(
                f"{name!r} of backbone={path!r} cannot be a stage: for {batch} images it has the "
                f"shape {shape}, expected (n, c, h, w), (n, t, c) or (n, c) with n images."
            )
    return tuple(array.shape[1:] for array in arrays)


def describe_graph(weights, *, path, stages, preprocessing, input_size):
    """Describe a network from its file and from what the user adds.

    Parameters
    ----------
    weights : bytes
        An ONNX file.
    path : str
        Where it comes from.
    stages : tuple of str or None
    preprocessing : {"torch", "tf", "caffe"}, (mean, std), Preprocessing or None
    input_size : (int, int) or None
        As for `resolve_backbone`.

    Returns
    -------
    fields : dict
        ``preprocessing``, ``stages`` and ``shapes`` of a `Backbone`.
    """
    from sktransfer.deep._onnx_stages import find_stages

    model = parse(weights, path)
    own_stages, own = _read_metadata(model, path)
    declared = {value.name: dims(value)[1:] for value in model.graph.output}
    model_input = adapt_input(model, path)
    preprocessing = resolve_preprocessing(
        preprocessing,
        own=own,
        size=_input_size(model_input, input_size, preprocessing, path),
        channels=model_input.channels or getattr(preprocessing or own, "channels", 3),
        of=f"backbone={path!r}",
    )
    if stages is None and own_stages is not None:
        shapes = _declared_shapes(declared, own_stages, path)
        if preprocessing.size == own.size:
            return {"preprocessing": preprocessing, "stages": own_stages, "shapes": shapes}
    if stages is None:
        stages = own_stages or find_stages(
            model, model_input, preprocessing=preprocessing, path=path
        )
    _check_names(model, stages, path)
    shapes = stage_shapes(model, model_input, stages, preprocessing=preprocessing, path=path)
    return {"preprocessing": preprocessing, "stages": tuple(stages), "shapes": shapes}


def _input_size(model_input, input_size, preprocessing, path):
    """The size that the user or the graph says; None where neither does."""
    wanted = input_size or getattr(preprocessing, "size", None)
    if model_input.size is not None and wanted not in (None, model_input.size):
        name = "input_size" if input_size else "preprocessing.size"
        raise ValueError(
            f"{name}={wanted!r} does not fit backbone={path!r}, whose input is fixed to "
            f"{model_input.size!r}: leave it out, or export the network with a free size."
        )
    return wanted or model_input.size


def _read_metadata(model, path):
    """The stages and the preprocessing that a file of ours carries; None where it does not."""
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    if not {"sktransfer.stages", "sktransfer.preprocessing"} <= metadata.keys():
        return None, None
    try:
        stages = tuple(json.loads(metadata["sktransfer.stages"]))
        return stages, Preprocessing.from_json(metadata["sktransfer.preprocessing"])
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"backbone={path!r} carries sktransfer metadata that cannot be used: {error}"
        ) from error


def _declared_shapes(declared, stages, path):
    """The shape of each stage's activations, from the declared outputs of a file of ours."""
    missing = [stage for stage in stages if stage not in declared]
    if missing or not stages:
        raise ValueError(
            f"backbone={path!r} names the stages {list(stages)!r}, but its outputs are "
            f"{list(declared)!r}: each stage must be an output of the file."
        )
    shapes = tuple(tuple(declared[stage]) for stage in stages)
    if any(not all(isinstance(n, int) for n in shape) or not shape for shape in shapes):
        raise ValueError(
            f"backbone={path!r} must declare each stage as (N, channels, height, width) with "
            f"fixed numbers but the first; it declares {dict(zip(stages, shapes, strict=True))!r}."
        )
    return shapes


def _check_names(model, stages, path):
    names = tensor_names(model)
    missing = [stage for stage in stages if stage not in names]
    if missing:
        near = difflib.get_close_matches(missing[0], names, n=3)
        hint = f"did you mean {' or '.join(map(repr, near))}?" if near else "look it up in Netron."
        raise ValueError(
            f"stages={list(stages)!r}: backbone={path!r} has no tensor named "
            f"{', '.join(map(repr, missing))}; {hint}"
        )


def tensor_names(model):
    """The names of all that the nodes of a graph make, in order."""
    return [name for node in model.graph.node for name in node.output if name]


@lru_cache(maxsize=8)
def inner_names(backbone):
    """Return the names of all tensors at which the graph of a backbone can be cut."""
    return tensor_names(parse(backbone.weights(), backbone.source))


@lru_cache(maxsize=64)
def inner_shape(backbone, name):
    """Return the shape of one inner tensor for one image."""
    model = parse(backbone.weights(), backbone.source)
    model_input = adapt_input(model, backbone.source)
    (shape,) = stage_shapes(
        model, model_input, [name], preprocessing=backbone.preprocessing, path=backbone.source
    )
    return shape
