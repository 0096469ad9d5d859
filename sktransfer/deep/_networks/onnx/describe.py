"""Describe a network by its ONNX file and the user's parameters."""

import difflib
import json
from functools import lru_cache

from sktransfer._messages import shortened, shown
from sktransfer.deep._networks.find_stages import find_stages
from sktransfer.deep._networks.onnx.file import adapt_input, dims, parse
from sktransfer.deep._networks.onnx.places import find_places
from sktransfer.deep._networks.onnx.probe import Probe
from sktransfer.deep._preprocessing import read_preprocessing, resolve_preprocessing


def describe_graph(weights, *, path, stages, preprocessing, input_size, trusted=False):
    """Describe a network by its file and the user's parameters: fields of a `Backbone`.

    A `trusted` file, of the package itself, is believed in the shapes that it declares. Any other
    network runs once on black images.
    """
    model = parse(weights, path)
    own_stages, own = _read_metadata(model, path)
    declared = {value.name: dims(value)[1:] for value in model.graph.output}
    model_input = adapt_input(model, path)
    _check_own(own, model_input, path)
    preprocessing = resolve_preprocessing(
        preprocessing,
        own=own,
        size=_input_size(model_input, input_size, preprocessing, path),
        channels=model_input.channels or getattr(preprocessing or own, "channels", 3),
        of=f"backbone={shown(path)}",
    )
    named = stages is not None
    if not named and own_stages is not None:
        _check_declared(declared, own_stages, path)
        if trusted and preprocessing.size == own.size:
            shapes = tuple(tuple(declared[stage]) for stage in own_stages)
            return {"preprocessing": preprocessing, "stages": own_stages, "shapes": shapes}
    stages = stages or own_stages
    probe = Probe(model, model_input, preprocessing, path)
    if not stages:
        stages = find_stages(find_places(probe))
    if not stages:
        raise ValueError(
            "stages=None: the network has no tensor before its last layer through which all of "
            f"it flows (backbone={shown(path)}): pass stages=[...], names of tensors in order from "
            "the input."
        )
    _check_names(model, stages, path)
    shapes = probe.shapes(stages)
    if not named and own_stages is not None and preprocessing.size == own.size:
        _check_shapes(declared, own_stages, shapes, path)
    return {"preprocessing": preprocessing, "stages": tuple(stages), "shapes": shapes}


def _input_size(model_input, input_size, preprocessing, path):
    """The size that the user or the graph says; None if neither does."""
    wanted = input_size or getattr(preprocessing, "size", None)
    if model_input.size is not None and wanted not in (None, model_input.size):
        name = "input_size" if input_size else "preprocessing.size"
        raise ValueError(
            f"{name}={shown(wanted)} does not fit backbone={shown(path)}, whose input is fixed to "
            f"{shown(model_input.size)}: leave it out, or export the network with a free size."
        )
    return wanted or model_input.size


def _read_metadata(model, path):
    """The stages and the preprocessing that a file of ours carries; None if it does not."""
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    if not {"sktransfer.stages", "sktransfer.preprocessing"} <= metadata.keys():
        return None, None
    try:
        stages = json.loads(metadata["sktransfer.stages"])
        if not isinstance(stages, list) or not all(isinstance(name, str) for name in stages):
            raise ValueError(f"stages={shown(stages)} must be a list of names")
        if not stages or len(set(stages)) < len(stages):
            raise ValueError(f"stages={shown(stages)} must be different names, at least one")
        return tuple(stages), read_preprocessing(metadata["sktransfer.preprocessing"])
    except Exception as error:  # metadata of anyone's raise anything
        raise ValueError(
            f"backbone={shown(path)} carries sktransfer metadata that cannot be used: "
            f"{shortened(error)}; write it again, or remove it and pass stages= and "
            "preprocessing=."
        ) from error


def _check_own(own, model_input, path):
    """Compare the size and the channels that a file of ours declares with those of its graph."""
    if own is None:
        return
    for name, ours, graph in (
        ("size", own.size, model_input.size),
        ("channels", own.channels, model_input.channels),
    ):
        if graph is not None and ours != graph:
            raise ValueError(
                f"backbone={shown(path)} declares {name}={shown(ours)} in its sktransfer "
                "metadata, but "
                f"the input of its graph has {shown(graph)}: correct the metadata, or remove it "
                "and pass stages= and preprocessing=."
            )


def _check_declared(declared, stages, path):
    """Compare the stages that a file of ours names with its outputs."""
    missing = [stage for stage in stages if stage not in declared]
    if missing:
        raise ValueError(
            f"backbone={shown(path)} names the stages {shown(list(stages))}, but its outputs are "
            f"{shown(list(declared))}: each stage must be an output of the file."
        )


def _check_shapes(declared, stages, shapes, path):
    """Compare the shapes that a file of ours declares with those that its graph makes."""
    for stage, shape in zip(stages, shapes, strict=True):
        said = declared[stage]
        known = said and all(isinstance(n, int) for n in said)
        if known and sorted(said) != sorted(shape):
            raise ValueError(
                f"backbone={shown(path)} declares {shown(stage)} with the shape (n, "
                f"{', '.join(map(str, said))}), but its graph makes (n, "
                f"{', '.join(map(str, shape))}): the file is damaged, or was changed after its "
                "metadata; write it again."
            )


def _check_names(model, stages, path):
    """Check that stages are tensors of the graph, in order from the input."""
    names = tensor_names(model)
    missing = [stage for stage in stages if stage not in names]
    if missing:
        near = difflib.get_close_matches(missing[0], names, n=3)
        near = shortened(" or ".join(map(repr, near)))
        hint = f"did you mean {near}?" if near else "look it up in Netron."
        raise ValueError(
            f"stages={shown(list(stages))}: backbone={shown(path)} has no tensor named "
            f"{shortened(', '.join(map(repr, missing)))}; {hint}"
        )
    in_order = sorted(stages, key=names.index)
    if list(stages) != in_order:
        raise ValueError(
            f"stages={shown(list(stages))} of backbone={shown(path)} are not in order from the "
            f"input: expected {shown(in_order)}."
        )


def tensor_names(model):
    """The names of all that the nodes of a graph make, in order."""
    return [name for node in model.graph.node for name in node.output if name]


@lru_cache(maxsize=8)
def inner_names(backbone):
    """Return the names of all tensors at which the graph of a backbone can be cut."""
    return tensor_names(parse(backbone.weights(), backbone.source))


@lru_cache(maxsize=64)
def find_turned(backbone, names):
    """Return which tensors of a backbone have their channels last in the graph."""
    stages = tuple(backbone.locate(name) for name in names)
    if all(len(stage.shape) != 3 for stage in stages):
        return frozenset()
    return frozenset(_probe_of(backbone).turned(stages))


@lru_cache(maxsize=64)
def inner_shape(backbone, name):
    """Return the shape of one inner tensor for one image."""
    return _probe_of(backbone).shapes([name])[0]


def _probe_of(backbone):
    model = parse(backbone.weights(), backbone.source)
    model_input = adapt_input(model, backbone.source)
    return Probe(model, model_input, backbone.preprocessing, backbone.source)
