"""ONNX files: mutated bytes, and graphs of which a part is changed."""

import importlib.resources
import json
import warnings
from functools import lru_cache

import numpy as np
from onnx import ModelProto, TensorProto, helper, numpy_helper

from sktransfer import PretrainedFeatureExtractor
from sktransfer.deep._networks.onnx import probe
from sktransfer.deep._preprocessing import Preprocessing
from sktransfer.exceptions import TransferWarning

IMAGES = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3), dtype=np.uint8)
OPERATORS = ("Relu", "Softmax", "Shape", "Flatten", "Transpose", "ArgMax", "NonZero", "Size", "Det")
LOCATIONS = ("side.bin", "none.bin", "../side.bin", "/etc/passwd", "", "a\0b", "x" * 5000, "*/_O/*")
NUMBERS = (-(2**63), -1, 0, 1, 2, 3, 7, 2**31, 2**63 - 1)


def case(seed, folder):
    rng = np.random.default_rng(seed)
    weights = _shipped() if rng.random() < 0.2 else network(rng)
    kind = rng.integers(3)
    if kind == 1:
        weights = damaged(weights, rng)
    elif kind == 2:
        weights = changed(weights, rng)
    path = folder / "net.onnx"
    path.write_bytes(weights)
    np.arange(64, dtype=np.float32).tofile(folder / "side.bin")
    options = {"preprocessing": "tf"} if rng.random() < 0.8 else {}
    if rng.random() < 0.2:
        options["stages"] = [str(rng.choice(["a", "b", "c", "d", "out", "none"]))]
    if rng.random() < 0.1:
        options["preprocessing"] = Preprocessing((8, 8), 3, (0.5,) * 3, (0.5,) * 3)
    extractor = PretrainedFeatureExtractor(path, cache=None, n_jobs=1, **options)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        rows = extractor.fit(IMAGES).transform(IMAGES)
    assert rows.dtype == np.float32
    assert rows.shape == (len(IMAGES), len(extractor.get_feature_names_out()))
    if not any(issubclass(warning.category, TransferWarning) for warning in caught):
        alone = extractor.transform(IMAGES[1:2])
        size = np.abs(rows[1][np.isfinite(rows[1])]).max(initial=1e-6)
        np.testing.assert_allclose(alone[0] / size, rows[1] / size, atol=0.02)


@lru_cache
def _shipped():
    place = importlib.resources.files("sktransfer.deep") / "weights" / "glyphs.onnx"
    return place.read_bytes()


def network(rng):
    """A sound network of a few layers, with or without a branch, a loop and our metadata."""
    drawn = {
        "w": rng.normal(size=(4, 3, 3, 3)),
        "v": rng.normal(size=(6, 4, 3, 3)),
        "u": rng.normal(size=(6, 5)),
    }
    stored = [numpy_helper.from_array(a.astype(np.float32), name) for name, a in drawn.items()]
    stored += [
        numpy_helper.from_array(np.array(True), "yes"),
        numpy_helper.from_array(np.array(2), "two"),
    ]
    info = helper.make_tensor_value_info
    last = rng.random() < 0.3
    nodes = [helper.make_node("Transpose", ["image"], ["first"], perm=[0, 3, 1, 2])] if last else []
    source = "first" if last else "image"
    nodes.append(helper.make_node("Conv", [source, "w"], ["a"], pads=[1] * 4))
    between = rng.integers(3)
    if between == 0:
        nodes.append(helper.make_node("Relu", ["a"], ["b"]))
    elif between == 1:
        bodies = [
            helper.make_graph(
                [helper.make_node(name, ["a"], [name])], name, [], [info(name, 1, None)]
            )
            for name in ("Relu", "Identity")
        ]
        branches = {"then_branch": bodies[0], "else_branch": bodies[1]}
        nodes.append(helper.make_node("If", ["yes"], ["b"], **branches))
    else:
        body = helper.make_graph(
            [
                helper.make_node("Add", ["x", "x"], ["y"]),
                helper.make_node("Identity", ["g"], ["h"]),
            ],
            "body",
            [info("i", 7, []), info("g", 9, []), info("x", 1, None)],
            [info("h", 9, []), info("y", 1, None)],
        )
        nodes.append(helper.make_node("Loop", ["two", "yes", "a"], ["b"], body=body))
    nodes += [
        helper.make_node("Conv", ["b", "v"], ["c"], strides=[2, 2]),
        helper.make_node("GlobalAveragePool", ["c"], ["d"]),
        helper.make_node("Flatten", ["d"], ["e"]),
        helper.make_node("MatMul", ["e", "u"], ["out"]),
    ]
    if rng.random() < 0.2:
        tensor = TensorProto(name="k", data_type=1, dims=[4, 1, 1])
        _make_external(tensor, rng)
        stored.append(tensor)
        nodes.insert(-4, helper.make_node("Add", ["b", "k"], ["moved"]))
        nodes[-4].input[0] = "moved"
    batch = "n" if rng.random() < 0.8 else int(rng.integers(1, 4))
    shape = [batch, 8, 8, 3] if last else [batch, 3, 8, 8]
    graph = helper.make_graph(nodes, "g", [info("image", 1, shape)], [info("out", 1, None)], stored)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    if rng.random() < 0.3:
        _add_metadata(model, rng)
    return model.SerializeToString()


def _make_external(tensor, rng):
    tensor.data_location = TensorProto.EXTERNAL
    tensor.ClearField("raw_data")
    entries = {"location": "side.bin" if rng.random() < 0.5 else str(rng.choice(LOCATIONS))}
    if rng.random() < 0.7:
        entries["length"] = str(rng.choice(["16", "-1", "1e3", "", "99999999999999999999"]))
    if rng.random() < 0.3:
        entries["offset"] = str(rng.choice(["0", "4", "-4", "x", "1000"]))
    for key, value in entries.items():
        entry = tensor.external_data.add()
        entry.key, entry.value = key, value


def _add_metadata(model, rng):
    good = {"size": [8, 8], "channels": 3, "mean": [0.5] * 3, "std": [0.5] * 3}
    odd = {
        "size": [[8], [0, 8], [8.5, 8], [True, 8], [10**6, 10**6], "88", None],
        "channels": [1, 4, "3", 3.0, None],
        "mean": [[0.5], ["x"] * 3, [1e400] * 3, None, "abc"],
        "std": [[0.5], [0, 1, 1], [-1, 1, 1], None],
        "crop": [0, 1e-9, "1", 2],
        "resize": ["nearest", 1, []],
    }
    if rng.random() < 0.5:
        name = str(rng.choice(list(odd)))
        good[name] = odd[name][rng.integers(len(odd[name]))]
    stages = [["a", "c"], ["c", "a"], [], {}, ["none"], ["out"], "out", [1], [["a"]]]
    model.graph.output.extend(
        helper.make_tensor_value_info(name, 1, ["n", channels, size, size])
        for name, channels, size in (("a", 4, 8), ("c", 6, int(rng.choice([3, 7]))))
    )
    helper.set_model_props(
        model,
        {
            "sktransfer.stages": json.dumps(stages[0 if rng.random() < 0.5 else rng.integers(9)]),
            "sktransfer.preprocessing": json.dumps(good),
        },
    )


def damaged(content, rng):
    """Some bytes are others, missing or in another order."""
    content, damage = bytearray(content), rng.integers(4)
    if damage == 0:
        for place in rng.integers(len(content), size=rng.integers(1, 10)):
            content[place] ^= 1 << rng.integers(8)
    elif damage == 1:
        del content[rng.integers(len(content)) :]
    elif damage == 2:
        start, stop = np.sort(rng.integers(len(content), size=2))
        del content[start:stop]
    else:
        for place in rng.integers(len(content), size=rng.integers(1, 10)):
            content[place] = rng.integers(256)
    return bytes(content)


def changed(content, rng):
    """Some parts of the model have other values."""
    model = ModelProto.FromString(content)
    for _ in range(rng.integers(1, 4)):
        _CHANGES[rng.integers(len(_CHANGES))](model, rng)
    return model.SerializeToString()


def _any(parts, rng):
    return parts[rng.integers(len(parts))] if len(parts) else None


def _rename(model, rng):
    node = _any(model.graph.node, rng)
    names = getattr(node, str(rng.choice(["input", "output"]))) if node else []
    if len(names):
        names[rng.integers(len(names))] = str(rng.choice(["", "a", "b", "image", "w", "none"]))


def _change_operator(model, rng):
    if node := _any(model.graph.node, rng):
        node.op_type = str(rng.choice(["", "Nonsense", *OPERATORS]))


def _change_attribute(model, rng):
    node = _any(model.graph.node, rng)
    if node and (attribute := _any(node.attribute, rng)):
        attribute.i = int(rng.choice(NUMBERS))
        for place in range(len(attribute.ints)):
            attribute.ints[place] = int(rng.choice(NUMBERS))
        if rng.random() < 0.2:
            attribute.type = int(rng.integers(15))


def _change_dims(model, rng):
    tensor = _any(model.graph.initializer, rng)
    if tensor and len(tensor.dims):
        tensor.dims[rng.integers(len(tensor.dims))] = int(rng.choice(NUMBERS))


def _change_type(model, rng):
    if tensor := _any(model.graph.initializer, rng):
        tensor.data_type = int(rng.integers(30))


def _change_input(model, rng):
    if (value := _any(model.graph.input, rng)) and len(value.type.tensor_type.shape.dim):
        dims = value.type.tensor_type.shape.dim
        dims[rng.integers(len(dims))].dim_value = int(rng.choice(NUMBERS))
        if rng.random() < 0.2:
            value.type.tensor_type.elem_type = int(rng.integers(30))


def _drop(model, rng):
    part = [model.graph.initializer, model.graph.node, model.graph.output, model.graph.input]
    part = part[rng.integers(4)]
    if len(part):
        del part[rng.integers(len(part))]


def _move_out(model, rng):
    if tensor := _any(model.graph.initializer, rng):
        _make_external(tensor, rng)


def _change_version(model, rng):
    model.ir_version = int(rng.choice([0, 1, 3, 7, 99]))
    if rng.random() < 0.5:
        del model.opset_import[:]
        model.opset_import.append(helper.make_opsetid("", int(rng.choice([1, 7, 13, 99]))))


def _reorder(model, rng):
    nodes = [model.graph.node[place] for place in rng.permutation(len(model.graph.node))]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


_CHANGES = (
    _rename,
    _change_operator,
    _change_attribute,
    _change_dims,
    _change_type,
    _change_input,
    _drop,
    _move_out,
    _change_version,
    _reorder,
)


def prepare():
    """Import the libraries, whose import is longer than a case may be."""
    import onnxruntime

    probe.PATIENCE = 5
    return onnxruntime


case.prepare = prepare
