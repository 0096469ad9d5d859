"""Every operator of the torch engine computes what ONNX Runtime computes."""

import numpy as np
import pytest

from sktransfer.deep._backbone import Backbone
from sktransfer.deep._networks.onnx.layout import is_last
from sktransfer.deep._networks.onnx.read import read_file
from sktransfer.deep._preprocessing import Preprocessing

pytest.importorskip("torch", reason="the torch engine needs torch")

import torch

from sktransfer.deep._networks.onnx.as_module import as_module
from sktransfer.deep._networks.onnx.operators import OPERATORS

RNG = np.random.default_rng(1)


def normal(*shape):
    return RNG.normal(size=shape).astype(np.float32)


def whole(*values):
    return np.array(values, dtype=np.int64)


def positive(*shape):
    return RNG.uniform(0.5, 1.5, shape).astype(np.float32)


SAME = {"kernel_shape": [3, 4], "strides": [2, 3]}
# Operator, attributes, further stored inputs; the image is (3, 2, 9, 9). "image" is the image.
CASES = {
    "Abs": ("Abs", {}),
    "Add, a bias": ("Add", {}, normal(2, 1, 1)),
    "average": ("AveragePool", {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}),
    "average with pads": (
        "AveragePool",
        {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "count_include_pad": 1, "strides": [2, 2]},
    ),
    "average, unequal pads": ("AveragePool", {"kernel_shape": [2, 3], "pads": [0, 1, 1, 2]}),
    "average, unequal pads counted": (
        "AveragePool",
        {"kernel_shape": [2, 3], "pads": [0, 1, 1, 2], "count_include_pad": 1},
    ),
    "average, ceil": (
        "AveragePool",
        {"kernel_shape": [2, 2], "strides": [2, 2], "ceil_mode": 1},
    ),
    "average, same": ("AveragePool", SAME | {"auto_pad": "SAME_UPPER"}),
    "average, same lower": ("AveragePool", SAME | {"auto_pad": "SAME_LOWER"}),
    "batch-norm": (
        "BatchNormalization",
        {"epsilon": 0.1},
        positive(2),
        normal(2),
        normal(2),
        positive(2),
    ),
    "Cast": ("Cast", {"to": 1}),
    "Clip": ("Clip", {}, np.float32(-0.5), np.float32(0.25)),
    "Clip, below": ("Clip", {}, np.float32(-0.5)),
    "Clip of old": ("Clip", {"min": 0.0, "max": 0.5, "opset": 6}),
    "Concat": ("Concat", {"axis": 1}, "image"),
    "Conv": (
        "Conv",
        {"pads": [0, 1, 2, 1], "strides": [2, 1], "dilations": [1, 2]},
        normal(4, 2, 3, 3),
        normal(4),
    ),
    "Conv, groups": ("Conv", {"group": 2}, normal(4, 1, 3, 3)),
    "Conv, same": ("Conv", {"auto_pad": "SAME_UPPER", "strides": [2, 3]}, normal(4, 2, 3, 2)),
    "Conv, same lower": (
        "Conv",
        {"auto_pad": "SAME_LOWER", "strides": [2, 2]},
        normal(4, 2, 2, 4),
    ),
    "Conv, valid": ("Conv", {"auto_pad": "VALID"}, normal(4, 2, 3, 3)),
    "Div": ("Div", {}, positive(2, 1, 1)),
    "Dropout": ("Dropout", {}),
    "Elu": ("Elu", {"alpha": 0.7}),
    "Erf": ("Erf", {}),
    "Exp": ("Exp", {}),
    "Expand": ("Expand", {}, whole(2, 3, 2, 9, 9)),
    "Flatten": ("Flatten", {}),
    "Flatten, deeper": ("Flatten", {"axis": 3}),
    "Gather": ("Gather", {"axis": 2}, whole(1, -1)),
    "Gather one": ("Gather", {"axis": 1}, np.int64(0)),
    "Gelu": ("Gelu", {"opset": 20}),
    "Gelu, tanh": ("Gelu", {"opset": 20, "approximate": "tanh"}),
    "GlobalAveragePool": ("GlobalAveragePool", {}),
    "GlobalMaxPool": ("GlobalMaxPool", {}),
    "HardSigmoid": ("HardSigmoid", {"alpha": 0.3, "beta": 0.4}),
    "HardSwish": ("HardSwish", {}),
    "Identity": ("Identity", {}),
    "instance-norm": ("InstanceNormalization", {"epsilon": 0.1}, positive(2), normal(2)),
    "LRN": ("LRN", {"size": 3, "alpha": 0.5, "beta": 0.6, "bias": 1.5}),
    "layer-norm": ("LayerNormalization", {"epsilon": 0.1}, positive(9), normal(9)),
    "layer-norm, two axes": ("LayerNormalization", {"axis": -2}, positive(9, 9)),
    "LeakyRelu": ("LeakyRelu", {"alpha": 0.2}),
    "LogSoftmax": ("LogSoftmax", {"axis": 1}),
    "MatMul": ("MatMul", {}, normal(9, 4)),
    "Max": ("Max", {}, normal(2, 9, 9), np.float32(0)),
    "max": ("MaxPool", {"kernel_shape": [3, 2], "pads": [1, 0, 0, 1], "strides": [2, 3]}),
    "max, ceil": ("MaxPool", {"kernel_shape": [2, 2], "strides": [2, 2], "ceil_mode": 1}),
    "max, same": ("MaxPool", SAME | {"auto_pad": "SAME_UPPER"}),
    "Min": ("Min", {}, normal(2, 9, 9)),
    "Mul": ("Mul", {}, normal(2, 1, 1)),
    "Neg": ("Neg", {}),
    "PRelu": ("PRelu", {}, positive(2, 1, 1)),
    "Pad": ("Pad", {}, whole(0, 0, 1, 2, 0, 0, 3, 0), np.float32(1.5)),
    "Pad of old": ("Pad", {"pads": [0, 0, 1, 2, 0, 0, 3, 0], "value": 0.5, "opset": 10}),
    "Pad, reflect": ("Pad", {"mode": "reflect"}, whole(0, 0, 1, 2, 0, 0, 3, 0)),
    "Pad, edge": ("Pad", {"mode": "edge"}, whole(0, 0, 1, 2, 0, 0, 3, 0)),
    "Pad of two axes": (
        "Pad",
        {"opset": 18},
        whole(1, 2, 3, 4),
        np.float32(0),
        whole(-1, 1),
    ),
    "ReduceMax": ("ReduceMax", {"axes": [2, 3]}),
    "ReduceMean": ("ReduceMean", {"axes": [2, 3], "keepdims": 0}),
    "ReduceMean, an input": ("ReduceMean", {"opset": 18}, whole(-1)),
    "ReduceMean of all": ("ReduceMean", {}),
    "ReduceSum": ("ReduceSum", {"keepdims": 0}, whole(1)),
    "Relu": ("Relu", {}),
    "Reshape": ("Reshape", {}, whole(0, -1, 3)),
    "Sigmoid": ("Sigmoid", {}),
    "Slice": ("Slice", {}, whole(1, -5), whole(7, 100), whole(2, 3), whole(2, 1)),
    "Slice of old": ("Slice", {"starts": [0, 2], "ends": [1, -1], "axes": [1, 3], "opset": 9}),
    "Slice, backwards": ("Slice", {}, whole(-1), whole(-100), whole(3), whole(-2)),
    "Softmax": ("Softmax", {"axis": 1}),
    "Softmax of old": ("Softmax", {"axis": 1, "opset": 11}),
    "Softmax of old, last axis": ("Softmax", {"axis": 3, "opset": 11}),
    "Softplus": ("Softplus", {}),
    "Squeeze nothing": ("Unsqueeze", {}, whole(0, -1)),
    "Sub": ("Sub", {}, normal(2, 1, 1)),
    "Tanh": ("Tanh", {}),
    "Transpose": ("Transpose", {"perm": [0, 2, 3, 1]}),
    "Transpose, reversed": ("Transpose", {}),
    "Unsqueeze of old": ("Unsqueeze", {"axes": [0, 2], "opset": 11}),
}

# Short graphs, for operators that need the output of others.
CHAINS = {
    "Gemm": (
        [
            ("Flatten", ["image"], ["a"], {}),
            ("Gemm", ["a", "w", "b"], ["out"], {"alpha": 0.5, "beta": 2.0, "transB": 1}),
        ],
        {"w": normal(5, 162), "b": normal(5)},
    ),
    "Gemm, plain": (
        [("Flatten", ["image"], ["a"], {}), ("Gemm", ["a", "w"], ["out"], {})],
        {"w": normal(162, 5)},
    ),
    "Log, Sqrt, Reciprocal, Pow": (
        [
            ("Abs", ["image"], ["a"], {}),
            ("Sqrt", ["a"], ["b"], {}),
            ("Add", ["b", "one"], ["c"], {}),
            ("Log", ["c"], ["d"], {}),
            ("Pow", ["d", "two"], ["e"], {}),
            ("Add", ["e", "one"], ["f"], {}),
            ("Reciprocal", ["f"], ["out"], {}),
        ],
        {"one": np.float32(1), "two": np.float32(2)},
    ),
    "Split and Squeeze": (
        [
            ("Split", ["image", "sizes"], ["a", "b"], {"axis": 1}),
            ("Squeeze", ["b", "axes"], ["c"], {}),
            ("Squeeze", ["a", "axes"], ["d"], {}),
            ("Sub", ["d", "c"], ["out"], {}),
        ],
        {"sizes": whole(1, 1), "axes": whole(1)},
    ),
    "an equal Split": (
        [
            ("Split", ["image"], ["a", "b"], {"axis": 1}),
            ("Div", ["a", "b"], ["out"], {}),
        ],
        {},
    ),
    "Shape, Equal, Where, ConstantOfShape": (
        [
            ("Shape", ["image"], ["shape"], {}),
            ("ConstantOfShape", ["shape"], ["zeros"], {}),
            ("Relu", ["image"], ["positive"], {}),
            ("Equal", ["positive", "zeros"], ["no"], {}),
            ("Where", ["no", "minus", "image"], ["out"], {}),
        ],
        {"minus": np.float32(-7)},
    ),
    "pooling of a sequence": (
        [
            ("Reshape", ["image", "rows"], ["a"], {}),
            ("GlobalAveragePool", ["a"], ["b"], {}),
            ("GlobalMaxPool", ["a"], ["c"], {}),
            ("Sub", ["b", "c"], ["out"], {}),
        ],
        {"rows": whole(0, 6, 27)},
    ),
    "truth": (
        [
            ("Greater", ["image", "zero"], ["a"], {}),
            ("Less", ["image", "one"], ["b"], {}),
            ("And", ["a", "b"], ["c"], {}),
            ("Not", ["c"], ["d"], {}),
            ("Or", ["d", "a"], ["e"], {}),
            ("Cast", ["d"], ["f"], {"to": 1}),
            ("Cast", ["e"], ["g"], {"to": 1}),
            ("Sub", ["f", "g"], ["out"], {}),
        ],
        {"zero": np.float32(0), "one": np.float32(1)},
    ),
    "rounding": (
        [
            ("Mul", ["image", "three"], ["a"], {}),
            ("Floor", ["a"], ["b"], {}),
            ("Ceil", ["a"], ["c"], {}),
            ("Mod", ["b", "three"], ["d"], {"fmod": 1}),
            ("Cast", ["c"], ["e"], {"to": 7}),
            ("Mod", ["e", "whole"], ["f"], {}),
            ("Cast", ["f"], ["g"], {"to": 1}),
            ("Mul", ["d", "three"], ["h"], {}),
            ("Add", ["g", "h"], ["out"], {}),
        ],
        {"three": np.float32(3), "whole": whole(3)},
    ),
    "whole numbers divide as whole numbers": (
        [
            ("Shape", ["image"], ["shape"], {}),
            ("Div", ["shape", "two"], ["half"], {}),
            ("Cast", ["half"], ["real"], {"to": 1}),
            ("Add", ["image", "real_sum"], ["moved"], {}),
            ("ReduceSum", ["real"], ["total"], {"keepdims": 0}),
            ("Add", ["moved", "total"], ["out"], {}),
        ],
        {"two": whole(2), "real_sum": np.float32(1)},
    ),
}


def outputs(path):
    """What ONNX Runtime and the torch engine compute for three images."""
    import onnxruntime

    images = normal(3, 2, 9, 9)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    expected = session.run(["out"], {"image": images})[0]
    backbone = Backbone(
        name="tiny",
        source=path,
        preprocessing=Preprocessing((9, 9), 1, (0.0,), (1.0,)),
        stages=("out",),
        shapes=((2, 9, 9),),
        fingerprint=read_file(path)[1],
    )
    with torch.no_grad():
        return as_module(backbone)(torch.tensor(images)).numpy(), expected


@pytest.mark.parametrize("case", CASES)
def test_operator_equals_onnx_runtime(case, write_graph, tmp_path):
    operator, attributes, *others = CASES[case]
    options = {"opset": attributes.get("opset", 17)}
    attributes = {name: value for name, value in attributes.items() if name != "opset"}
    arrays = {f"w.{i}": a for i, a in enumerate(others) if not isinstance(a, str)}
    names = ["image", *(arrays or ["image"] * len(others))]
    nodes = [(operator, names, ["out"], attributes)]
    path = write_graph(tmp_path / "one.onnx", nodes, arrays, shape=("N", 2, 9, 9), **options)
    found, expected = outputs(path)
    if is_last(expected.shape[1:]):  # a stage has its channels first
        expected = np.moveaxis(expected, 3, 1)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("case", CHAINS)
def test_graph_equals_onnx_runtime(case, write_graph, tmp_path):
    nodes, arrays = CHAINS[case]
    path = write_graph(tmp_path / "few.onnx", nodes, arrays, shape=("N", 2, 9, 9))
    found, expected = outputs(path)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_every_operator_is_tested():
    tested = {case[0] for case in CASES.values()}
    tested |= {node[0] for nodes, _ in CHAINS.values() for node in nodes}
    assert set(OPERATORS) == tested
