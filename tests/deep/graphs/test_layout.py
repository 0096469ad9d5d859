"""Maps with channels last, as TensorFlow's converter leaves them: pooled over their positions."""

import numpy as np
import onnx
import pytest
from onnx.reference import ReferenceEvaluator

from sktransfer import PretrainedFeatureExtractor
from sktransfer.deep._backbone import resolve_backbone
from sktransfer.deep._engines.engine import open_engine
from sktransfer.deep._networks.onnx.cut import cut_graph
from sktransfer.deep._networks.onnx.file import adapt_input, parse
from sktransfer.deep._networks.onnx.layout import channel_axes
from sktransfer.deep._networks.onnx.probe import Probe
from sktransfer.deep._preprocessing import Preprocessing

RNG = np.random.default_rng(0)
FIRST, LAST = [0, 3, 1, 2], [0, 2, 3, 1]
KERNEL = RNG.normal(size=(5, 3, 3, 3)).astype(np.float32)

# As TensorFlow's converter writes: images and results have channels last, convolutions first.
CONVERTED = [
    ("Transpose", ["image"], ["first"], {"perm": FIRST}),
    ("Conv", ["first", "w"], ["conv"], {"pads": [1] * 4}),
    ("Transpose", ["conv"], ["last"], {"perm": LAST}),
    ("Relu", ["last"], ["out"], {}),
]


@pytest.fixture
def converted(write_graph, tmp_path):
    def converted(nodes=CONVERTED, *, size=(6, 6)):
        return write_graph(tmp_path / "net.onnx", nodes, {"w": KERNEL}, shape=("n", *size, 3))

    return converted


def tf(size):
    return Preprocessing(size, 3, (0.5,) * 3, (0.5,) * 3)


@pytest.mark.parametrize("size", [(6, 6), (6, 4), (5, 6)])
@pytest.mark.parametrize("pooling", ["avg", "max", None])
def test_a_channels_last_output_has_a_feature_for_each_channel(converted, size, pooling):
    path = converted(size=size)
    pixels = RNG.integers(0, 256, (4, *size, 3), dtype=np.uint8)
    images = (pixels.astype(np.float32) / 255 - 0.5) / 0.5
    (maps,) = ReferenceEvaluator(path).run(["out"], {"image": images})
    assert maps.shape == (4, *size, 5)
    extractor = PretrainedFeatureExtractor(
        path, stages=["out"], preprocessing=tf(size), pooling=pooling, cache=None
    )
    found = extractor.fit_transform(pixels)
    positions = maps.reshape(4, -1, 5)
    expected = {
        "avg": positions.mean(axis=1),
        "max": positions.max(axis=1),
        None: np.moveaxis(maps, 3, 1).reshape(4, -1),
    }[pooling]
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert extractor.backbone_.shapes == ((5, *size),)


def test_a_pooled_output_with_two_axes_of_one_is_no_single_number(converted):
    nodes = [
        *CONVERTED[:2],
        ("GlobalAveragePool", ["conv"], ["pooled"], {}),
        ("Transpose", ["pooled"], ["out"], {"perm": LAST}),
    ]
    pixels = RNG.integers(0, 256, (4, 6, 6, 3), dtype=np.uint8)
    extractor = PretrainedFeatureExtractor(converted(nodes), stages=["out"], preprocessing="tf")
    assert extractor.fit_transform(pixels).shape == (4, 5)


def test_an_unclear_layout_follows_from_the_shape_of_a_square_image(converted):
    nodes = [
        *CONVERTED[:3],
        ("Shape", ["last"], ["shape"], {}),
        ("Reshape", ["last", "shape"], ["out"], {}),
    ]
    backbone = resolve_backbone(converted(nodes), stages=["out"], preprocessing="tf")
    assert backbone.shapes == ((5, 6, 6),)
    images = RNG.normal(size=(2, 3, 6, 6)).astype(np.float32)
    conv = open_engine(backbone, "conv").run(images)
    np.testing.assert_array_equal(open_engine(backbone, "out").run(images), conv)


def test_layers_behind_a_turned_stage_get_it_as_before(converted):
    torch = pytest.importorskip("torch")
    from sktransfer.deep._engines.torch_engine import TorchEngine

    nodes = [
        *CONVERTED,
        ("Mul", ["out", "scales"], ["scaled"], {}),
        ("Transpose", ["scaled"], ["end"], {"perm": FIRST}),
    ]
    path = converted(nodes)
    model = onnx.load(path)
    scales = np.arange(5, dtype=np.float32)  # along the last axis, the channels
    model.graph.initializer.append(onnx.numpy_helper.from_array(scales, "scales"))
    onnx.save(model, path)
    backbone = resolve_backbone(path, stages=["conv", "out", "end"], preprocessing="tf")
    assert backbone.shapes == ((5, 6, 6),) * 3
    images = RNG.normal(size=(3, 3, 6, 6)).astype(np.float32)
    runs = {name: open_engine(backbone, name).run(images) for name in backbone.stages}
    np.testing.assert_allclose(runs["out"], np.maximum(runs["conv"], 0), atol=1e-6)
    np.testing.assert_allclose(runs["end"], runs["out"] * scales[:, None, None], atol=1e-6)
    with torch.no_grad():
        for name in backbone.stages:
            found = TorchEngine(backbone, name, device="cpu").run(images)
            np.testing.assert_allclose(found, runs[name], atol=1e-5)


def test_fine_tuning_and_export_agree_on_a_turned_stage(converted, tmp_path):
    pytest.importorskip("torch")
    import onnxruntime

    from sktransfer import FineTuneClassifier

    pixels = RNG.integers(0, 256, (8, 6, 6, 3), dtype=np.uint8)
    classifier = FineTuneClassifier(
        converted(), stages=["out"], preprocessing=tf((6, 6)), max_epochs=2, random_state=0
    ).fit(pixels, [0, 1] * 4)
    classifier.to_onnx(tmp_path / "whole.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "whole.onnx")
    (shares,) = session.run(["probabilities"], {"X": pixels.astype(np.float32)})
    np.testing.assert_allclose(shares, classifier.predict_proba(pixels), atol=1e-4)


@pytest.mark.parametrize(
    ("nodes", "axis"),
    [
        ([("Relu", ["conv"], ["out"], {})], 1),
        ([("Transpose", ["conv"], ["out"], {"perm": LAST})], 3),
        ([("Transpose", ["conv"], ["out"], {"perm": [0, 2, 1, 3]})], 2),
        ([("Transpose", ["conv"], ["out"], {})], 2),
        ([("ReduceMean", ["conv"], ["out"], {"axes": [2, 3]})], 1),
        ([("ReduceMean", ["conv"], ["out"], {"axes": [2, 3], "keepdims": 0})], None),
        ([("Flatten", ["conv"], ["out"], {})], None),
        ([("Softsign", ["conv"], ["out"], {})], None),
    ],
)
def test_the_axis_of_the_channels(write_graph, tmp_path, nodes, axis):
    nodes = [("Conv", ["image", "w"], ["conv"], {}), *nodes]
    path = write_graph(tmp_path / "net.onnx", nodes, {"w": KERNEL}, shape=("n", 3, 6, 6))
    model = parse((tmp_path / "net.onnx").read_bytes(), path)
    assert channel_axes(model, adapt_input(model, path).name).get("out") == axis


def test_a_cut_without_turning_keeps_the_graph(converted):
    path = converted()
    with open(path, "rb") as stream:
        weights = stream.read()
    cut = onnx.load_model_from_string(cut_graph(weights, "out"))
    # The new input has its channels first, and is turned for the graph.
    assert [node.op_type for node in cut.graph.node] == ["Transpose", *(n[0] for n in CONVERTED)]
    model = parse(weights, path)
    shapes = Probe(model, adapt_input(model, path), tf((6, 6)), path).shapes(["out"])
    assert shapes == ((5, 6, 6),)
