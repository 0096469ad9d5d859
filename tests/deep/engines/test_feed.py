"""Batches reach the device of torch with the same bits, as bytes or as float32."""

from dataclasses import replace

import numpy as np
import pytest

from sktransfer import PretrainedFeatureExtractor
from sktransfer.deep._backbone import resolve_backbone
from sktransfer.deep._engines.engine import read_for
from sktransfer.deep._features import stage_features
from sktransfer.deep._images.network_input import scale_bytes
from sktransfer.deep._items import Run
from sktransfer.deep._preprocessing import Preprocessing

pytest.importorskip("torch", reason="the torch engine needs torch")

import torch

from sktransfer.deep._engines.feed import Feed
from sktransfer.deep._engines.torch_engine import TorchEngine

INPUTS = Preprocessing((12, 10), 3, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
BYTES = np.random.default_rng(0).integers(0, 256, (5, 3, 12, 10), dtype=np.uint8)
FLOATS = scale_bytes(BYTES, INPUTS)
CUDA = pytest.param(
    "cuda",
    marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device"),
)
DEVICES = pytest.mark.parametrize("device", ["cpu", CUDA])


@DEVICES
@pytest.mark.parametrize("batch", [BYTES, FLOATS, np.arange(12).reshape(4, 3)])
def test_a_batch_arrives_scaled_and_padded_with_its_last_row(device, batch):
    feed = Feed(torch.device(device), INPUTS)
    expected = FLOATS if batch is BYTES else batch
    for _ in range(3):
        x = feed.send(batch, 8)
        assert (x.device.type, len(x)) == (device, 8)
        np.testing.assert_array_equal(feed.fetch(x[: len(batch)])(), expected)
        np.testing.assert_array_equal(feed.fetch(x[len(batch) :])()[-1], expected[-1])


@DEVICES
def test_results_that_are_waited_for_later_are_those_of_their_batch(device):
    feed = Feed(torch.device(device), INPUTS)
    waiting = [feed.fetch(feed.send(BYTES + number, 8) * 2) for number in range(9)]
    for number, wait in enumerate(waiting):
        expected = 2 * scale_bytes(BYTES + np.uint8(number), INPUTS)
        np.testing.assert_array_equal(wait()[:5], expected)


@pytest.fixture
def module():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return torch.nn.Sequential(
            torch.nn.Conv2d(3, 8, 3, 2), torch.nn.ReLU(), torch.nn.Conv2d(8, 8, 3)
        )


@DEVICES
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_features_of_bytes_are_those_of_floats_to_the_bit(module, device, precision):
    backbone = resolve_backbone(module, preprocessing="torch", input_size=(12, 10))
    engine = TorchEngine(backbone, backbone.stages[-1], device=device, precision=precision)
    expected = engine.run(FLOATS)
    np.testing.assert_array_equal(engine.run(BYTES), expected)
    np.testing.assert_array_equal(engine.start(BYTES)(), expected)


@DEVICES
@pytest.mark.parametrize("pooling", ["avg", None])
def test_batches_in_flight_end_in_their_rows(module, device, pooling):
    pixels = np.random.default_rng(1).integers(0, 256, (1100, 12, 10, 3), dtype=np.uint8)
    options = {"preprocessing": replace(INPUTS, crop=None), "cache": None, "device": device}
    extractor = PretrainedFeatureExtractor(module, pooling=pooling, precision="bfloat16", **options)
    together = extractor.fit_transform(pixels)
    assert extractor.engine_ == f"torch-{device}-bfloat16"
    rows = [0, 255, 256, 700, 1099]
    np.testing.assert_array_equal(extractor.transform(pixels[rows]), together[rows])


def test_each_deeper_picture_has_the_same_features_alone(module):
    pixels = list(np.random.default_rng(1).integers(0, 256, (9, 20, 20, 3), dtype=np.uint8))
    pixels[4] = pixels[4].astype(np.uint16) * 200 + 3
    options = {"preprocessing": "torch", "input_size": 12, "cache": None, "device": "cpu"}
    extractor = PretrainedFeatureExtractor(module, precision="float16", **options).fit(pixels)
    alone = np.concatenate([extractor.transform([image]) for image in pixels])
    np.testing.assert_array_equal(extractor.transform(pixels), alone)


@pytest.mark.parametrize(
    ("key", "kind", "batch_size", "expected"),
    [
        ("torch-cuda", "image", 64, 256),
        ("torch-cuda-bfloat16", "image", 257, 512),
        ("torch-cuda", "text", 33, 64),
        ("torch-mps", "image", 64, 64),
        ("torch-cpu", "image", 5, 5),
        ("onnx-cuda", "image", 5, 5),
        ("onnx-cpu", "image", 5, 5),
    ],
)
def test_batches_fill_the_rows_of_an_accelerator(key, kind, batch_size, expected):
    run = read_for(key, kind, Run(batch_size=batch_size))
    assert run.batch_size == expected
    assert run.as_bytes == (key != "onnx-cpu")


def test_torch_reads_bytes_for_a_network_in_color(module, monkeypatch):
    dtypes, send = [], Feed.send

    def seen(feed, batch, n_rows):
        dtypes.append(batch.dtype)
        return send(feed, batch, n_rows)

    monkeypatch.setattr(Feed, "send", seen)
    backbone = resolve_backbone(module, preprocessing="torch", input_size=(12, 10))
    estimator = PretrainedFeatureExtractor()
    pixels = np.random.default_rng(1).integers(0, 256, (9, 20, 20, 3), dtype=np.uint8)
    items = backbone.preprocessing.read(pixels, estimator, reset=True).learn(estimator)
    run = Run(cache=None, device="cpu", precision="bfloat16")
    stage_features(items, backbone, backbone.stages[-1], run, pooling="avg")
    assert dtypes[-1] == np.uint8
