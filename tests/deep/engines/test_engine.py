"""Which engine runs what, and that the engines agree."""

from dataclasses import replace

import numpy as np
import onnxruntime
import pytest

from sktransfer.deep._backbone import resolve_backbone
from sktransfer.deep._engines.engine import open_engine
from sktransfer.deep._networks.onnx.describe import inner_names

torch = pytest.importorskip("torch", reason="the second engine")


def images(backbone, n=11):
    shape = (n, backbone.preprocessing.channels, *backbone.preprocessing.size)
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def torch_engine(backbone, stage):
    """The engine of a network of which torch alone is said to run it."""
    from sktransfer.deep._engines.torch_engine import TorchEngine

    return TorchEngine(backbone, stage, device="cpu")


@pytest.mark.parametrize("stage", ["stage1", "stage4", "block3.relu"])
@pytest.mark.parametrize("name", ["random", "colour", "glyphs"])
def test_the_engines_agree(network, colour_network, name, stage):
    paths = {"random": network, "colour": colour_network, "glyphs": "glyphs"}
    backbone = resolve_backbone(paths[name])
    if name == "glyphs" and stage == "block3.relu":
        stage = next(name for name in inner_names(backbone) if name not in backbone.stages)
    batch = images(backbone)
    onnx, other = open_engine(backbone, stage, device="cpu"), torch_engine(backbone, stage)
    assert (onnx.key, other.key) == ("onnx-cpu", "torch-cpu")
    expected = onnx.run(batch)
    assert expected.shape == (11, *backbone.locate(stage).shape)
    found = other.run(batch)
    assert found.dtype == expected.dtype == np.float32
    assert np.abs(found - expected).max() <= 1e-4 * np.abs(expected).max()


@pytest.mark.parametrize("open_one", [open_engine, torch_engine])
def test_an_image_alone_has_the_same_bits_as_in_a_batch(colour_network, open_one):
    backbone = resolve_backbone(colour_network)
    batch = images(backbone, n=19)
    engine = open_one(backbone, "stage4")
    together = engine.run(batch)
    for size in (1, 2, 7, 16):
        apart = [engine.run(batch[i : i + size]) for i in range(0, len(batch), size)]
        np.testing.assert_array_equal(np.concatenate(apart), together)


def test_onnx_runtime_runs_files_wherever_it_can(network, monkeypatch):
    backbone = resolve_backbone(network)
    for device in ("auto", "cpu"):
        assert open_engine(backbone, "stage1", device=device).key == "onnx-cpu"
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    assert open_engine(backbone, "stage1").key == "onnx-cpu"


@pytest.mark.parametrize("device", ["cuda", "mps"])
def test_torch_runs_them_where_onnx_runtime_cannot(network, monkeypatch, device):
    backbone = resolve_backbone(network)
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    there = torch.cuda.is_available() if device == "cuda" else torch.backends.mps.is_available()
    if there:
        assert open_engine(backbone, "stage1", device=device).key.startswith(f"torch-{device}")
    else:
        with pytest.raises(ValueError, match=f"device='{device}' is not available on this machine"):
            open_engine(backbone, "stage1", device=device)


def test_an_unknown_device_is_named(network):
    with pytest.raises(ValueError, match="device='gpu' is not available on this machine"):
        open_engine(resolve_backbone(network), "stage1", device="gpu")


def test_what_is_said_to_run_on_torch_alone_never_meets_onnx_runtime(network, monkeypatch):
    seen = []

    def build(backbone):
        seen.append(backbone.stages)
        return [torch.nn.Flatten()]

    monkeypatch.setattr("sktransfer.deep._engines.torch_engine.build_torch_stages", build)
    backbone = replace(resolve_backbone(network), engines=("torch",))
    assert open_engine(backbone, "stage2", device="cpu").key == "torch-cpu"
    assert seen == [("stage1", "stage2")]


def test_stages_of_a_module_are_built_once_for_all_engines(network):
    backbone = resolve_backbone(network)
    first, second = torch_engine(backbone, "stage2"), torch_engine(backbone, "stage2")
    assert first._stages is second._stages
    assert torch_engine(backbone, "stage3")._stages is not first._stages
