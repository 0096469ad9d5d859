"""ONNX files that read tokens, described as backbones."""

from functools import lru_cache
from pathlib import Path

import numpy as np

from sktransfer._messages import cause, listed, shown
from sktransfer.deep._networks.onnx.cut import cut
from sktransfer.deep._networks.onnx.file import dims, free_inputs, import_onnx, parse
from sktransfer.deep._networks.onnx.probe import PATIENCE
from sktransfer.deep._networks.onnx.read import read_file
from sktransfer.deep._networks.onnx.run import make_session, run_within
from sktransfer.deep._texts.tokenizer import describe_tokens, role_of

# The numbers of texts and of tokens in two runs, which identify the axes.
_PROBES = ((2, 5), (3, 7))


def reads_tokens(path):
    """Tell whether all inputs of a file are whole numbers, as tokens are."""
    kinds = {value.type.tensor_type.elem_type for value in free_inputs(_parse(path))}
    return bool(kinds) and kinds <= set(_whole())


def describe_text_graph(path, given, *, stages=None, inputs=None):
    """Describe an ONNX file that reads tokens: the fields of a `Backbone`.

    `given` are the parameters of an estimator for texts, with its tokenizer; `inputs` is a
    `TokenInput`, if it is described already. The outputs of the graph are the stages, in order,
    unless `stages` names others.
    """
    model = _parse(path)
    inputs = inputs.with_options(given) if inputs else _describe_inputs(model, path, given)
    made = [name for node in model.graph.node for name in node.output if name]
    stages = stages or _own_stages(model, made)
    unknown = [stage for stage in stages if stage not in made]
    if unknown or list(stages) != sorted(stages, key=made.index):
        raise ValueError(
            f"stages={shown(list(stages))} are no tensors of backbone={shown(path)}, in order: its "
            f"outputs are {listed(value.name for value in model.graph.output)}."
        )
    shapes = tuple(_shapes(model, path, inputs, stages))
    return {
        "name": Path(path).stem,
        "source": str(path),
        "preprocessing": inputs,
        "stages": tuple(stages),
        "shapes": shapes,
        "fingerprint": read_file(path)[1],
        "engines": ("onnx",),
    }


@lru_cache(maxsize=8)
def inner_names(backbone):
    """The names of all tensors at which the graph of a backbone can be cut."""
    model = parse(backbone.weights(), backbone.source)
    return [name for node in model.graph.node for name in node.output if name]


@lru_cache(maxsize=64)
def inner_shape(backbone, name):
    """The shape of one inner tensor for one text."""
    model = parse(backbone.weights(), backbone.source)
    (shape,) = _shapes(model, backbone.source, backbone.preprocessing, [name])
    return shape


def _parse(path):
    return parse(read_file(path)[0], str(path))


def _whole():
    kinds = import_onnx().TensorProto
    return kinds.INT64, kinds.INT32


def _describe_inputs(model, path, given):
    place = given.get("tokenizer")
    if place is None:
        raise ValueError(
            f"backbone={shown(path)} takes whole numbers, as networks for texts do: pass "
            "tokenizer=, its tokenizer.json or the folder that holds it."
        )
    found = free_inputs(model)
    fixed = [value.name for value in found if any(isinstance(side, int) for side in dims(value))]
    if fixed or any(len(dims(value)) != 2 for value in found):
        sizes = ", ".join(f"{value.name} {dims(value)}" for value in found)
        raise ValueError(
            f"backbone={shown(path)} takes {sizes}, expected inputs (n_texts, n_tokens) of any "
            "length: export it with both axes dynamic."
        )
    kinds = {value.type.tensor_type.elem_type for value in found}
    names = [(value.name, role_of(value.name)) for value in found]
    if [role for _, role in names].count("ids") != 1 or len(kinds) > 1:
        raise ValueError(
            f"backbone={shown(path)} takes {listed(name for name, _ in names)}, expected the "
            "tokens, and besides them only a mask, types and positions."
        )
    dtype = "int64" if kinds == {_whole()[0]} else "int32"
    return describe_tokens(place, given, names=names, dtype=dtype)


def _own_stages(model, made):
    outputs = [value.name for value in model.graph.output]
    return tuple(sorted(outputs, key=made.index))


def _shapes(model, path, inputs, stages):
    """The shape of each stage for one text: (None, c) for tokens, (c,) for a vector."""
    session = make_session(
        cut(model, [value.name for value in free_inputs(model)], list(stages)).SerializeToString()
    )
    runs = []
    for n, length in _PROBES:
        ids = np.arange(n * length).reshape(n, length) % 7 + 1
        try:
            runs.append(run_within(session, list(stages), inputs.batch(ids.tolist()), PATIENCE))
        except Exception as error:  # ONNX Runtime has a class for each kind of failure
            raise ValueError(
                f"backbone={shown(path)} cannot be run up to {shown(stages[-1])} for {n} texts of "
                f"{length} tokens; ONNX Runtime says: {cause(error)}. Check the file."
            ) from error
    for name, first, second in zip(stages, *runs, strict=True):
        axes = [(a, b) for a, b in zip(np.shape(first), np.shape(second), strict=True)]
        if axes[:1] == [(2, 3)] and len(axes) == 3 and axes[1] == (5, 7) and len(set(axes[2])) == 1:
            yield None, axes[2][0]
        elif axes[:1] == [(2, 3)] and len(axes) == 2 and len(set(axes[1])) == 1:
            yield (axes[1][0],)
        else:
            raise ValueError(
                f"{shown(name)} of backbone={shown(path)} cannot be a stage: for 2 texts of 5 "
                f"tokens it has the shape {np.shape(first)}, expected (n, n_tokens, c) or (n, c): "
                "choose another tensor as stages=."
            )
