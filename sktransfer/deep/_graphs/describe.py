"""A network described from its ONNX file and from what the user adds."""

import difflib
import json
from functools import lru_cache

from sktransfer.deep._graphs.file import adapt_input, dims, parse
from sktransfer.deep._graphs.probe import stage_shapes
from sktransfer.deep._graphs.stages import find_stages
from sktransfer.deep._preprocessing import Preprocessing, resolve_preprocessing


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
