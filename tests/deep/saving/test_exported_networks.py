"""Networks as torch exports them: cut, described, and computed the same by three programs."""

import functools
import warnings

import numpy as np
import pytest

from sktransfer.deep._backbone import resolve_backbone
from sktransfer.deep._engines.engine import open_engine

pytest.importorskip("torch", reason="networks are exported by torch")
pytest.importorskip("transformers", reason="the networks are those of transformers")

import torch
import transformers

from sktransfer.deep._engines.torch_engine import TorchEngine

SMALL = {"num_labels": 10}
IMAGES = np.random.default_rng(0).normal(size=(3, 3, 64, 64)).astype(np.float32)

# The shapes of the stages that `find_stages` finds.
SHAPES = {
    "ResNet": [(16, 32, 32), (16, 16, 16), (32, 8, 8), (48, 4, 4), (64, 2, 2)],
    "ConvNext": [(16, 16, 16), (24, 8, 8), (32, 4, 4), (40, 2, 2)],
    "MobileNetV2": [(48, 32, 32), (48, 16, 16), (96, 8, 8), (192, 4, 4), (1280, 2, 2)],
    # Four blocks, and the norm.
    "ViT": [(65, 32), (65, 32), (65, 32), (65, 32), (65, 32)],
    # Two numbers of tokens.
    "Swin": [(256, 12), (64, 24)],
}
OPTIONS = {
    "ResNet": {
        "embedding_size": 16,
        "hidden_sizes": [16, 32, 48, 64],
        "depths": [1, 2, 1, 1],
        "layer_type": "basic",
    },
    "ConvNext": {"hidden_sizes": [16, 24, 32, 40], "depths": [1, 1, 2, 1]},
    "MobileNetV2": {"depth_multiplier": 0.35},
    "ViT": {
        "hidden_size": 32,
        "num_hidden_layers": 4,
        "num_attention_heads": 2,
        "intermediate_size": 64,
        "image_size": 64,
        "patch_size": 8,
    },
    "Swin": {
        "image_size": 64,
        "embed_dim": 12,
        "depths": [1, 1],
        "num_heads": [2, 2],
        "window_size": 4,
    },
}


class Logits(torch.nn.Module):
    """The logits alone, as a tensor."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, images):
        """Logits (n, classes) of images (n, 3, h, w)."""
        return self.network(pixel_values=images).logits


@pytest.fixture(scope="module")
def export(tmp_path_factory):
    """A function that writes a network of transformers with random weights."""
    folder = tmp_path_factory.mktemp("exported")

    @functools.cache
    def export(name, *, free):
        config = getattr(transformers, f"{name}Config")(**OPTIONS[name], **SMALL)
        with torch.random.fork_rng():
            torch.manual_seed(0)
            network = getattr(transformers, f"{name}ForImageClassification")(config)
        network = Logits(network).eval()
        path = folder / f"{name}-{free}.onnx"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(
                network,
                (torch.tensor(IMAGES[:1]),),
                path,
                input_names=["images"],
                output_names=["logits"],
                dynamic_axes={"images": {0: "n"}} if free else None,
                opset_version=17,
                dynamo=False,
            )
        return network, resolve_backbone(path, preprocessing="torch")

    return export


@pytest.mark.parametrize("free", [True, False])
@pytest.mark.parametrize("name", OPTIONS)
def test_logits_equal_those_of_the_network_itself(export, name, free):
    network, backbone = export(name, free=free)
    with torch.no_grad():
        expected = network(torch.tensor(IMAGES)).numpy()
    tolerance = 1e-4 * np.abs(expected).max()
    for engine in (open_engine(backbone, "logits"), TorchEngine(backbone, "logits", device="cpu")):
        np.testing.assert_allclose(engine.run(IMAGES), expected, atol=tolerance)


@pytest.mark.parametrize("free", [True, False])
@pytest.mark.parametrize("name", OPTIONS)
def test_the_engines_agree_at_the_last_stage(export, name, free):
    _, backbone = export(name, free=free)
    last = backbone.stages[-1]
    expected = open_engine(backbone, last).run(IMAGES)
    found = TorchEngine(backbone, last, device="cpu").run(IMAGES)
    np.testing.assert_allclose(found, expected, atol=1e-4 * np.abs(expected).max())
    alone = np.concatenate([open_engine(backbone, last).run(x[np.newaxis]) for x in IMAGES])
    np.testing.assert_array_equal(alone, expected)


@pytest.mark.parametrize("name", SHAPES)
def test_stages_end_where_the_resolution_halves_or_after_a_quarter_of_the_blocks(export, name):
    network, backbone = export(name, free=True)
    assert list(backbone.shapes) == SHAPES[name]
    module = resolve_backbone(network.network, preprocessing="torch", input_size=64)
    # Within a block that halves the resolution a graph has places, and a module has none.
    assert [s[-2:] for s in module.shapes] == [s[-2:] for s in backbone.shapes]
    last = open_engine(module, module.stages[-1], device="cpu").run(IMAGES)
    expected = open_engine(backbone, backbone.stages[-1]).run(IMAGES)
    np.testing.assert_allclose(last, expected, atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize("name", ["ResNet", "ViT"])
def test_every_weight_of_an_exported_network_can_be_trained(export, name):
    from sktransfer.deep._engines.torch_engine import build_torch_stages

    _, backbone = export(name, free=True)
    stages = build_torch_stages(backbone)
    x = torch.tensor(IMAGES)
    for stage in stages:
        x = stage.train()(x)
    # A mean of normalised activations would have no gradient.
    (x * torch.randn(x.shape, generator=torch.Generator().manual_seed(0))).sum().backward()
    parameters = [parameter for stage in stages for parameter in stage.parameters()]
    assert len(parameters) > 10
    assert all(parameter.grad.isfinite().all() for parameter in parameters)
    assert sum(bool(parameter.grad.any()) for parameter in parameters) == len(parameters)
