"""The torch engine computes what ONNX Runtime computes, and leaves the backbone alone."""

import subprocess
import sys

import numpy as np
import pytest

from sktransfer.deep._backbone import Backbone, Preprocessing, resolve_backbone

torch = pytest.importorskip("torch", reason="the torch engine needs torch")

from sktransfer.deep._torch_engine import (  # noqa: E402
    build_torch_stages,
    choose_device,
    collect_activations,
)

IMAGES = np.random.default_rng(0).normal(size=(5, 1, 32, 32)).astype(np.float32)


def onnx_outputs(path, names, images):
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run(list(names), {session.get_inputs()[0].name: images})


def one_stage_backbone(path, nodes, arrays=None, *, shape=("N", 2, 9, 9), outputs=("out",)):
    """A network of the given nodes; each output is a stage."""
    from onnx import TensorProto, helper, numpy_helper, save

    initializers = [numpy_helper.from_array(a, name) for name, a in (arrays or {}).items()]
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)
    results = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
    graph = helper.make_graph(nodes, "g", [image], results, initializers)
    opset = [helper.make_opsetid("", 17)]
    save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)
    import hashlib

    return Backbone(
        name="tiny",
        path=str(path),
        preprocessing=Preprocessing((9, 9), 1, (0.0,), (1.0,)),
        stages=tuple(outputs),
        n_channels=(2,) * len(outputs),
        map_sizes=((9, 9),) * len(outputs),
        fingerprint=hashlib.sha256(path.read_bytes()).hexdigest(),
    )


@pytest.mark.parametrize("name", ["random", "glyphs"])
def test_every_stage_equals_onnx_runtime(name, network):
    backbone = resolve_backbone(network if name == "random" else name)
    x = torch.tensor(IMAGES)
    expected = onnx_outputs(backbone.path, backbone.stages, IMAGES)
    for stage, output in zip(build_torch_stages(backbone), expected, strict=True):
        x = stage(x)
        assert np.abs(x.detach().numpy() - output).max() <= 1e-5 * np.abs(output).max()


OPERATORS = {
    "convolution": ("Conv", {"pads": [0, 1, 2, 1], "strides": [2, 1], "dilations": [1, 2]}, 2),
    "grouped convolution without bias": ("Conv", {"group": 2}, 1),
    "batch-norm": ("BatchNormalization", {"epsilon": 0.1}, 4),
    "instance-norm": ("InstanceNormalization", {"epsilon": 0.1}, 2),
    "max pooling": (
        "MaxPool",
        {"kernel_shape": [3, 2], "pads": [1, 0, 0, 1], "strides": [2, 3]},
        0,
    ),
    "max pooling, ceil": (
        "MaxPool",
        {"kernel_shape": [2, 2], "strides": [2, 2], "ceil_mode": 1},
        0,
    ),
    "average pooling": ("AveragePool", {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}, 0),
    "average with pads": (
        "AveragePool",
        {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "count_include_pad": 1, "strides": [2, 2]},
        0,
    ),
    "global average": ("GlobalAveragePool", {}, 0),
    "relu": ("Relu", {}, 0),
    "identity": ("Identity", {}, 0),
    "add": ("Add", {}, "image"),
    "concat": ("Concat", {"axis": 1}, "image"),
    "clip": ("Clip", {}, "limits"),
}


@pytest.mark.parametrize("case", OPERATORS)
def test_operator_equals_onnx_runtime(case, tmp_path):
    from onnx import helper

    rng = np.random.default_rng(1)
    operator, attributes, extra = OPERATORS[case]
    arrays, inputs = {}, ["image"]
    if extra == "image":
        inputs.append("image")
    elif extra == "limits":
        arrays = {"low": np.float32(-0.5), "high": np.float32(0.25)}
        arrays = {name: np.asarray(value) for name, value in arrays.items()}
    else:
        kernel = (4, 2 // attributes.get("group", 1), 3, 3)
        shapes = [kernel, (4,)] if operator == "Conv" else [(2,)] * 4
        for i, shape in enumerate(shapes[:extra]):
            values = rng.uniform(0.5, 1.5, shape) if len(shape) == 1 else rng.normal(size=shape)
            arrays[f"w.{i}"] = values.astype(np.float32)
    node = helper.make_node(operator, [*inputs, *arrays], ["out"], **attributes)
    backbone = one_stage_backbone(tmp_path / "one.onnx", [node], arrays)
    images = rng.normal(size=(3, 2, 9, 9)).astype(np.float32)
    (expected,) = onnx_outputs(backbone.path, ["out"], images)
    (stage,) = build_torch_stages(backbone)
    with torch.no_grad():
        np.testing.assert_allclose(stage(torch.tensor(images)), expected, rtol=1e-5, atol=1e-6)


def test_all_unknown_operators_are_named_at_once(tmp_path):
    from onnx import helper

    nodes = [
        helper.make_node("Softsign", ["image"], ["a"]),
        helper.make_node("Erf", ["a"], ["out"]),
    ]
    backbone = one_stage_backbone(tmp_path / "odd.onnx", nodes)
    with pytest.raises(ValueError, match="does not know: Erf, Softsign; known are Add, "):
        build_torch_stages(backbone)


@pytest.mark.parametrize(
    ("operator", "attributes", "message"),
    [
        ("MaxPool", {"kernel_shape": [2, 2], "auto_pad": "SAME_UPPER"}, "auto_pad='SAME_UPPER'"),
        ("AveragePool", {"kernel_shape": [2, 2], "pads": [0, 0, 1, 1]}, r"pads=\[0, 0, 1, 1\]"),
    ],
)
def test_padding_that_is_not_read_is_an_error(operator, attributes, message, tmp_path):
    from onnx import helper

    node = helper.make_node(operator, ["image"], ["out"], **attributes)
    with pytest.raises(ValueError, match=message):
        build_torch_stages(one_stage_backbone(tmp_path / "pad.onnx", [node]))


def test_a_stage_that_reaches_around_the_one_before_is_an_error(tmp_path):
    from onnx import helper

    nodes = [
        helper.make_node("Relu", ["image"], ["first"]),
        helper.make_node("Add", ["first", "image"], ["second"]),
    ]
    backbone = one_stage_backbone(tmp_path / "skip.onnx", nodes, outputs=("first", "second"))
    with pytest.raises(ValueError, match=r"'second' .* needs more than the output 'first'"):
        build_torch_stages(backbone)


def test_weights_are_parameters_and_statistics_buffers(network):
    for stage in build_torch_stages(resolve_backbone(network)):
        parameters = {tuple(p.shape) for p in stage.parameters()}
        assert len(list(stage.parameters())) == 3  # kernel, scale, shift
        assert len(list(stage.buffers())) == 2  # mean, variance
        assert any(len(shape) == 4 for shape in parameters)
        assert not stage.training


def test_training_one_copy_leaves_the_next_alone(network):
    backbone = resolve_backbone(network)
    first, *_ = build_torch_stages(backbone)
    before = first.arrays()
    with torch.no_grad():
        for parameter in first.parameters():
            parameter.add_(1.0)
    again, *_ = build_torch_stages(backbone)
    for name, array in again.arrays().items():
        np.testing.assert_array_equal(array, before[name])
    np.testing.assert_array_equal(
        first.load(before)(torch.tensor(IMAGES)).detach(), again(torch.tensor(IMAGES)).detach()
    )


def test_training_mode_moves_the_running_statistics_as_onnx_says(network):
    stage = build_torch_stages(resolve_backbone(network))[0]
    before = stage.arrays()
    kernel = torch.tensor(before["block1.kernel"])
    maps = torch.nn.functional.conv2d(torch.tensor(IMAGES), kernel, padding=1)
    stage.train()(torch.tensor(IMAGES))
    expected = 0.9 * before["block1.mean"] + 0.1 * maps.mean(dim=(0, 2, 3)).numpy()
    np.testing.assert_allclose(stage.arrays()["block1.mean"], expected, rtol=1e-4, atol=1e-6)


def test_fresh_weights_have_the_variance_of_he(network):
    stage = build_torch_stages(resolve_backbone(network))[3]
    arrays = stage.reset(torch.Generator().manual_seed(0)).arrays()
    n_out = 24
    assert arrays["block4.kernel"].shape == (n_out, 16, 3, 3)
    np.testing.assert_allclose(arrays["block4.kernel"].var(), 2 / (n_out * 9), rtol=0.05)
    for key, value in {"scale": 1, "bias": 0, "mean": 0, "variance": 1}.items():
        np.testing.assert_array_equal(arrays[f"block4.{key}"], np.full(n_out, value))
    same = build_torch_stages(resolve_backbone(network))[3].reset(torch.Generator().manual_seed(0))
    np.testing.assert_array_equal(same.arrays()["block4.kernel"], arrays["block4.kernel"])


def test_a_row_gives_the_same_bits_in_any_batch():
    stages = build_torch_stages(resolve_backbone("glyphs"))
    images = np.random.default_rng(0).normal(size=(20, 1, 32, 32)).astype(np.float32)

    def features(size):
        batches = (images[i : i + size] for i in range(0, 20, size))
        return collect_activations(stages, batches, pooled=True)

    for size in (1, 3, 7):
        assert torch.equal(features(size), features(8))
    order = np.random.default_rng(1).permutation(20)
    whole = collect_activations(stages, torch.tensor(images), pooled=True)
    shuffled = collect_activations(stages, torch.tensor(images[order]), pooled=True)
    assert torch.equal(shuffled, whole[order])


def test_pooled_activations_are_means_over_the_map(network):
    stages = build_torch_stages(resolve_backbone(network))[:2]
    maps = collect_activations(stages, [IMAGES], pooled=False)
    assert maps.shape == (5, 12, 8, 8)
    assert not maps.requires_grad
    np.testing.assert_allclose(
        collect_activations(stages, [IMAGES], pooled=True), maps.mean(dim=(2, 3))
    )
    np.testing.assert_array_equal(collect_activations([], [IMAGES], pooled=False), IMAGES)


def test_unknown_device_names_those_there_are():
    assert choose_device("cpu") == torch.device("cpu")
    for device in ("gpu", "cuda:99" if not torch.cuda.is_available() else "xpu"):
        with pytest.raises(ValueError, match=f"device='{device}' is not available on this machine"):
            choose_device(device)


def test_without_torch_one_sentence_names_the_extra(network):
    code = (
        "import sys\n"
        "class NoTorch:\n"
        "    def find_spec(name, path=None, target=None):\n"
        "        if name == 'torch': raise ImportError(name)\n"
        "sys.meta_path.insert(0, NoTorch)\n"
        "from sktransfer.deep import FineTuneClassifier\n"
        f"FineTuneClassifier({network!r}).fit([[0.0] * 4] * 4, [0, 1, 0, 1])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "ImportError: Training a network needs torch" in result.stderr
    assert 'pip install "sktransfer[torch]"' in result.stderr
