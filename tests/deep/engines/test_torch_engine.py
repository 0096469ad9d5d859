"""The torch engine computes what ONNX Runtime computes, and leaves the backbone alone."""

import subprocess
import sys

import numpy as np
import pytest

from sktransfer.deep._backbone import Backbone, resolve_backbone
from sktransfer.deep._engines.engine import open_engine
from sktransfer.deep._engines.pooling import pool
from sktransfer.deep._preprocessing import Preprocessing

pytest.importorskip("torch", reason="the torch engine needs torch")

import torch

from sktransfer.deep._engines.torch_engine import (
    TorchEngine,
    build_torch_stages,
    choose_device,
    run_stages,
)

CPU = torch.device("cpu")
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
        source=str(path),
        preprocessing=Preprocessing((9, 9), 1, (0.0,), (1.0,)),
        stages=tuple(outputs),
        shapes=((2, 9, 9),) * len(outputs),
        fingerprint=hashlib.sha256(path.read_bytes()).hexdigest(),
    )


@pytest.mark.parametrize("name", ["random", "glyphs"])
def test_every_stage_equals_onnx_runtime(name, network):
    backbone = resolve_backbone(network if name == "random" else name)
    x = torch.tensor(IMAGES)
    expected = onnx_outputs(backbone.source, backbone.stages, IMAGES)
    for stage, output in zip(build_torch_stages(backbone), expected, strict=True):
        x = stage(x)
        assert np.abs(x.detach().numpy() - output).max() <= 1e-5 * np.abs(output).max()


def test_all_unknown_operators_are_named_at_once(tmp_path):
    from onnx import helper

    nodes = [
        helper.make_node("Softsign", ["image"], ["a"]),
        helper.make_node("Det", ["a"], ["out"]),
    ]
    backbone = one_stage_backbone(tmp_path / "odd.onnx", nodes)
    with pytest.raises(ValueError, match="does not know: Det, Softsign; known are Abs, "):
        build_torch_stages(backbone)


def test_a_stage_that_reaches_around_the_one_before_is_an_error(tmp_path):
    from onnx import helper

    nodes = [
        helper.make_node("Relu", ["image"], ["first"]),
        helper.make_node("Add", ["first", "image"], ["second"]),
    ]
    backbone = one_stage_backbone(tmp_path / "skip.onnx", nodes, outputs=("first", "second"))
    with pytest.raises(
        ValueError, match=r"cut at 'first': what follows, up to 'second', needs more"
    ):
        build_torch_stages(backbone)


def two_stages(path, **options):
    """A network that is cut in two, whatever its second part asks of the first."""
    backbone = resolve_backbone(path, preprocessing="torch", **options)
    images = np.random.default_rng(2).normal(size=(5, 3, 8, 8)).astype(np.float32)
    with torch.no_grad():
        x = torch.tensor(images)
        for stage in build_torch_stages(backbone):
            x = stage(x)
    return x.numpy(), open_engine(backbone, backbone.stages[-1], device="cpu").run(images)


RNG = np.random.default_rng(3)
KERNEL = RNG.normal(size=(6, 3, 2, 2)).astype(np.float32)
TOKEN = RNG.normal(size=(1, 1, 6)).astype(np.float32)
PATCHES = [
    ("Conv", ["image", "kernel"], ["map"], {"strides": [2, 2]}),
    ("Reshape", ["map", "target"], ["rows"], {}),
    ("Transpose", ["rows"], ["patches"], {"perm": [0, 2, 1]}),
]


def test_shapes_may_come_from_before_the_stage(write_graph, tmp_path):
    # A class token is repeated for as many images as the network's very input has, and the
    # windows of a map, four an image, are counted.
    nodes = [
        ("Shape", ["image"], ["shape"], {}),
        ("Gather", ["shape", "zero"], ["n"], {}),
        *PATCHES,
        ("Concat", ["n", "one", "one"], ["repeats"], {"axis": 0}),
        ("Expand", ["token", "repeats"], ["tokens"], {}),
        ("Concat", ["tokens", "patches"], ["all"], {"axis": 1}),
        ("Reshape", ["map", "windows"], ["parts"], {}),
        ("Shape", ["parts"], ["part_shape"], {"start": 0, "end": 1}),
        ("Cast", ["part_shape"], ["count"], {"to": 1}),
        ("Mul", ["all", "count"], ["out"], {}),
    ]
    arrays = {"kernel": KERNEL, "token": TOKEN, "target": np.array([0, 6, 16])}
    arrays |= {"zero": np.array([0]), "one": np.array([1]), "windows": np.array([-1, 6, 4])}
    path = write_graph(tmp_path / "vit.onnx", nodes, arrays, shape=("N", 3, 8, 8))
    found, expected = two_stages(path, stages=["map", "out"])
    assert found.shape == (5, 17, 6)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_a_graph_for_one_image_takes_several(write_graph, tmp_path):
    nodes = [*PATCHES, ("Concat", ["token", "patches"], ["all"], {"axis": 1})]
    nodes += [("Reshape", ["all", "flat"], ["out"], {})]
    arrays = {"kernel": KERNEL, "token": TOKEN, "target": np.array([1, 6, 16])}
    arrays |= {"flat": np.array([1, 17 * 6])}
    path = write_graph(tmp_path / "one.onnx", nodes, arrays, shape=(1, 3, 8, 8))
    found, expected = two_stages(path, stages=["map", "out"])
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_a_stage_without_weights_is_run(write_graph, tmp_path):
    nodes = [("Relu", ["image"], ["first"], {}), ("GlobalAveragePool", ["first"], ["out"], {})]
    path = write_graph(tmp_path / "none.onnx", nodes, shape=("N", 3, 8, 8))
    backbone = resolve_backbone(path, preprocessing="torch", stages=["first", "out"])
    images = np.random.default_rng(2).normal(size=(5, 3, 8, 8)).astype(np.float32)
    means = run_stages(build_torch_stages(backbone), [images], CPU, pooling="avg")
    np.testing.assert_allclose(means, np.maximum(images, 0).mean(axis=(2, 3)), rtol=1e-5)


def test_what_is_trained_and_how_it_is_drawn_anew(write_graph, tmp_path):
    nodes = [
        ("Sub", ["image", "mean"], ["centred"], {}),
        ("GlobalAveragePool", ["centred"], ["pooled"], {}),
        ("Flatten", ["pooled"], ["rows"], {}),
        ("Gemm", ["rows", "w1", "b1"], ["a"], {}),
        ("MatMul", ["a", "w2"], ["b"], {}),
        ("Add", ["b", "shift"], ["c"], {}),
        ("Mul", ["c", "scale"], ["d"], {}),
        ("Mul", ["d", "half"], ["e"], {}),
        ("PRelu", ["e", "slope"], ["out"], {}),
    ]
    shapes = {"mean": (3, 1, 1), "w1": (3, 400), "b1": 400, "w2": (400, 300), "shift": 300}
    shapes |= {"scale": 300, "half": (), "slope": 300}
    arrays = {name: RNG.uniform(2, 3, shape).astype(np.float32) for name, shape in shapes.items()}
    path = write_graph(tmp_path / "all.onnx", nodes, arrays, shape=("N", 3, 8, 8))
    backbone = resolve_backbone(path, preprocessing="torch", stages=["out"])
    (stage,) = build_torch_stages(backbone)
    trained = {tuple(p.shape) for p in stage.parameters()}
    assert trained == {(3, 400), (400,), (400, 300), (300,)}
    assert len(list(stage.parameters())) == 6
    drawn = stage.reset(torch.Generator().manual_seed(0)).arrays()
    np.testing.assert_allclose(drawn["w1"].var(), 2 / (3 + 400), rtol=0.1)
    np.testing.assert_allclose(drawn["w2"].var(), 2 / (400 + 300), rtol=0.05)
    for name, value in {"b1": 0, "shift": 0, "scale": 1, "slope": 0.25}.items():
        np.testing.assert_array_equal(drawn[name], np.full(shapes[name], value, np.float32))
    for name in ("mean", "half"):
        np.testing.assert_array_equal(drawn[name], arrays[name])


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
        return run_stages(stages, batches, CPU, pooling="avg")

    for size in (1, 3, 7):
        np.testing.assert_array_equal(features(size), features(8))
    order = np.random.default_rng(1).permutation(20)
    expected = features(8)[order]
    images = images[order]
    np.testing.assert_array_equal(features(8), expected)


def test_pooled_activations_are_means_over_the_map(network):
    stages = build_torch_stages(resolve_backbone(network))[:2]
    maps = run_stages(stages, [IMAGES], CPU)
    assert maps.shape == (5, 12, 8, 8)
    means = run_stages(stages, [IMAGES], CPU, pooling="avg")
    np.testing.assert_allclose(means, maps.mean(axis=(2, 3)), rtol=1e-5, atol=1e-7)
    largest = run_stages(stages, [IMAGES], CPU, pooling="max")
    np.testing.assert_array_equal(largest, maps.max(axis=(2, 3)))


def test_an_engine_that_pools_gives_the_features_of_its_maps(network):
    backbone = resolve_backbone(network)
    engine = TorchEngine(backbone, backbone.stages[1])
    assert engine.pools == (engine.key != "torch-cpu")
    maps = engine.run(IMAGES)
    for pooling in ("avg", "max"):
        expected = pool(maps, pooling)
        np.testing.assert_allclose(engine.run(IMAGES, pooling), expected, rtol=1e-5, atol=1e-6)


def test_unknown_device_names_those_there_are():
    assert choose_device("cpu") == torch.device("cpu")
    for device in ("gpu", "cuda:99" if not torch.cuda.is_available() else "xpu"):
        with pytest.raises(ValueError, match=f"device='{device}' is not available on this machine"):
            choose_device(device)


def test_a_launched_process_has_a_gpu_of_its_own(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    assert choose_device("cuda") == torch.device("cuda")
    monkeypatch.setenv("LOCAL_RANK", "3")
    for device in ("auto", "cuda"):
        assert choose_device(device) == torch.device("cuda:3")
    assert choose_device("cuda:1") == torch.device("cuda:1")
    assert choose_device("cpu") == torch.device("cpu")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)  # the launcher shows it one
    assert choose_device("cuda") == torch.device("cuda:0")


def test_without_torch_one_sentence_names_the_extra(network):
    code = (
        "import sys\n"
        "class NoTorch:\n"
        "    def find_spec(name, path=None, target=None):\n"
        "        if name == 'torch': raise ImportError(name)\n"
        "sys.meta_path.insert(0, NoTorch)\n"
        "from sktransfer.deep import FineTuneClassifier\n"
        f"FineTuneClassifier({network!r}, freeze_depth=0).fit([[0.0] * 4] * 4, [0, 1, 0, 1])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "ImportError: Training a network, running one that is no ONNX" in result.stderr
    assert 'pip install "sktransfer[torch]"' in result.stderr
