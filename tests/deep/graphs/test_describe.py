"""Files of all kinds are described as their graph is, or refused in a sentence that names them."""

import json

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from sktransfer import PretrainedFeatureExtractor
from sktransfer.deep._backbone import resolve_backbone

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (4, 8, 8, 3), dtype=np.uint8)
KERNELS = {
    "w": RNG.normal(size=(4, 3, 3, 3)).astype(np.float32),
    "v": RNG.normal(size=(6, 4, 3, 3)).astype(np.float32),
    "u": RNG.normal(size=(6, 5)).astype(np.float32),
}


def info(name, kind=1, shape=None):
    return helper.make_tensor_value_info(name, kind, shape)


def branches():
    """Two branches that read the maps from outside; the second inside of another branch."""
    inner = helper.make_graph([helper.make_node("Relu", ["a"], ["i"])], "i", [], [info("i")])
    nested = helper.make_node("If", ["yes"], ["t"], then_branch=inner, else_branch=inner)
    yes = helper.make_graph([nested], "t", [], [info("t")])
    no = helper.make_graph([helper.make_node("Identity", ["a"], ["f"])], "f", [], [info("f")])
    return helper.make_node("If", ["yes"], ["b"], then_branch=yes, else_branch=no)


def loop():
    """A loop whose body adds maps from outside."""
    nodes = [helper.make_node("Add", ["x", "a"], ["y"]), helper.make_node("Identity", ["g"], ["h"])]
    inputs = [info("i", 7, []), info("g", 9, []), info("x")]
    body = helper.make_graph(nodes, "body", inputs, [info("h", 9, []), info("y")])
    return helper.make_node("Loop", ["one", "yes", "zero"], ["b"], body=body)


def scan():
    """A scan over the images, whose body adds the largest of all maps."""
    nodes = [
        helper.make_node("Add", ["x", "zero"], ["y"]),
        helper.make_node("Identity", ["s"], ["r"]),
    ]
    body = helper.make_graph(nodes, "body", [info("s"), info("x")], [info("r"), info("y")])
    return helper.make_node("Scan", ["a", "a"], ["r0", "b"], body=body, num_scan_inputs=1)


@pytest.fixture
def write(tmp_path):
    def write(between, *, metadata=None, outputs=("out",), shape=("n", 3, 8, 8), ir_version=8):
        stored = [numpy_helper.from_array(array, name) for name, array in KERNELS.items()]
        for name, value in {"yes": np.array(True), "one": np.array(1)}.items():
            stored.append(numpy_helper.from_array(value, name))
        stored.append(numpy_helper.from_array(np.float32(0), "zero"))
        nodes = [
            helper.make_node("Conv", ["image", "w"], ["a"], pads=[1] * 4),
            between,
            helper.make_node("Conv", ["b", "v"], ["c"], strides=[2, 2]),
            helper.make_node("GlobalAveragePool", ["c"], ["d"]),
            helper.make_node("Flatten", ["d"], ["e"]),
            helper.make_node("MatMul", ["e", "u"], ["out"]),
        ]
        declared = [info(*((o,) if isinstance(o, str) else (o[0], 1, o[1]))) for o in outputs]
        graph = helper.make_graph(nodes, "g", [info("image", 1, shape)], declared, stored)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
        model.ir_version = ir_version
        if metadata:
            helper.set_model_props(
                model, {f"sktransfer.{name}": json.dumps(v) for name, v in metadata.items()}
            )
        path = tmp_path / "net.onnx"
        onnx.save(model, path)
        return path

    return write


@pytest.mark.parametrize("between", [branches(), loop(), scan()], ids=["If", "Loop", "Scan"])
def test_bodies_read_tensors_from_outside(write, between):
    path = write(between)
    backbone = resolve_backbone(path, preprocessing="tf")
    assert backbone.stages == ("b", "c")
    assert backbone.shapes == ((4, 8, 8), (6, 3, 3))
    for stage in (None, "a", "b", "c", "d"):
        extractor = PretrainedFeatureExtractor(path, stage=stage, preprocessing="tf", cache=None)
        rows = extractor.fit_transform(IMAGES)
        alone = extractor.transform(IMAGES[1:2])
        np.testing.assert_allclose(alone, rows[1:2], rtol=1e-4)


def test_a_loop_without_an_end_is_stopped(write, monkeypatch):
    from sktransfer.deep._networks.onnx import probe

    path = write(loop())
    model = onnx.load(path)
    (count,) = (tensor for tensor in model.graph.initializer if tensor.name == "one")
    count.CopyFrom(numpy_helper.from_array(np.array(2**60), "one"))
    onnx.save(model, path)
    monkeypatch.setattr(probe, "PATIENCE", 0.5)
    with pytest.raises(ValueError, match=r"^backbone='.*longer than 0\.5 seconds"):
        resolve_backbone(path, preprocessing="tf")


def test_a_branch_is_named_if_torch_cannot_train_it(write):
    pytest.importorskip("torch")
    from sktransfer import FineTuneClassifier

    classifier = FineTuneClassifier(write(branches()), preprocessing="tf", freeze_depth=0)
    with pytest.raises(ValueError, match="operators that the torch engine does not know: If;"):
        classifier.fit(IMAGES, [0, 1, 0, 1])


GOOD = {
    "stages": ["a", "c"],
    "preprocessing": {"size": [8, 8], "channels": 3, "mean": [0.5] * 3, "std": [0.5] * 3},
}
OUTPUTS = (("a", ["n", 4, 8, 8]), ("c", ["n", 6, 3, 3]), "out")


def relu():
    return helper.make_node("Relu", ["a"], ["b"])


def test_true_metadata_are_taken(write):
    backbone = resolve_backbone(write(relu(), metadata=GOOD, outputs=OUTPUTS))
    assert backbone.stages == ("a", "c")
    assert backbone.shapes == ((4, 8, 8), (6, 3, 3))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"stages": []}, "must be different names, at least one"),
        ({"stages": ["a", "a"]}, "must be different names"),
        ({"stages": {}}, "must be a list of names"),
        ({"stages": [1]}, "must be a list of names"),
        ({"stages": "ac"}, "must be a list of names"),
        ({"stages": ["c", "a"]}, r"not in order from the input: expected \['a', 'c'\]"),
        ({"preprocessing": []}, "metadata that cannot be used"),
        ({"size": [16, 16]}, r"declares size=\(16, 16\) .* its graph has \(8, 8\)"),
        ({"size": [10**9, 8]}, "must be at most 16384 pixels a side"),
        ({"size": [True, True]}, "must be a height and a width in pixels"),
        ({"channels": 1, "mean": [0], "std": [1]}, "declares channels=1 .* its graph has 3"),
        ({"channels": 3.0}, "channels=3.0 must be 1 or 3"),
        ({"mean": [0.5]}, "must have one value for each channel"),
        ({"mean": [float("inf")] * 3}, "mean=.* must be finite"),
        ({"std": [float("nan")] * 3}, "std=.* must be positive and finite"),
        ({"crop": 1e-9}, "crop=1e-09 must be"),
        ({"crop": "all"}, "metadata that cannot be used"),
        ({"resize": ["bilinear"]}, "resize=.* must be 'bilinear' or 'bicubic'"),
    ],
)
def test_metadata_that_lie_are_refused(write, changes, message):
    metadata = {name: changes.get(name, GOOD[name]) for name in GOOD}
    if isinstance(metadata["preprocessing"], dict):
        fields = {name: v for name, v in changes.items() if name not in GOOD}
        metadata["preprocessing"] = metadata["preprocessing"] | fields
    path = write(relu(), metadata=metadata, outputs=OUTPUTS)
    with pytest.raises(ValueError, match=rf"backbone='.*net\.onnx'.*{message}") as caught:
        resolve_backbone(path)
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize("shape", [["n", 8, 8, 8], ["n", 4, 4, 8], ["n", 4]])
def test_declared_shapes_that_the_graph_does_not_make_are_refused(write, shape):
    path = write(relu(), metadata=GOOD, outputs=[("a", shape), *OUTPUTS[1:]])
    with pytest.raises(ValueError, match=r"^backbone='.*net\.onnx' "):
        resolve_backbone(path)


@pytest.mark.parametrize("channels", [2, 4, 12])
def test_other_channels_are_named(write, channels):
    path = write(relu(), shape=("n", channels, 8, 8))
    message = rf"^backbone='.*net\.onnx' takes images of {channels} channels; expected 1 \(grey\)"
    with pytest.raises(ValueError, match=message):
        resolve_backbone(path, preprocessing="tf")


def test_huge_batches_and_sizes_are_refused(write):
    for shape in ((10**6, 3, 224, 224), ("n", 3, 2**20, 2**20)):
        with pytest.raises(ValueError, match=r"^backbone='.*net\.onnx' takes a batch of shape"):
            resolve_backbone(write(relu(), shape=shape), preprocessing="tf")


@pytest.mark.parametrize("backbone", [b"\0" * 10**6, "x" * 10**6, ["glyphs"] * 10**5, b"net.onnx"])
def test_messages_are_short_whatever_is_passed(backbone):
    with pytest.raises(ValueError, match=r"^backbone=") as caught:
        resolve_backbone(backbone)
    assert len(str(caught.value)) < 1000


def test_names_that_are_no_text_are_refused(write):
    path = write(relu())
    path.write_bytes(path.read_bytes().replace(b"Relu", b"\xff\xfe\xfd\xfc"))
    with pytest.raises(ValueError, match="is not an ONNX file that can be read"):
        resolve_backbone(path, preprocessing="tf")
