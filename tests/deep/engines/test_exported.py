"""Torch networks in ONNX Runtime: the same features as the module's, or torch and one warning."""

import hashlib
import os
import pickle
import subprocess
import sys
import warnings

import numpy as np
import pytest
from sklearn.base import clone

pytest.importorskip("torch", reason="networks need torch")
pytest.importorskip("onnxscript", reason="torch exports with it")

import torch

from sktransfer import FineTuneClassifier, PretrainedFeatureExtractor
from sktransfer.deep._backbone import resolve_backbone
from sktransfer.deep._engines.engine import choose_engine, engine_key, open_engine
from sktransfer.deep._engines.exported import (
    STORE,
    Export,
    _read,
    _write,
    find_export,
)
from sktransfer.deep._engines.torch_engine import TorchEngine
from sktransfer.deep._engines.torch_export import check_export
from sktransfer.deep._images.network_input import network_input
from sktransfer.exceptions import TransferWarning

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (11, 8, 8, 3), dtype=np.uint8)
IMAGES = RNG.normal(size=(11, 3, 8, 8)).astype(np.float32)
STAGES = ["first", "second", "tokens", "last"]
OPTIONS = {"preprocessing": "tf", "input_size": 8, "stages": STAGES}


def refuse(n):
    raise AssertionError("the export is there already")


class Network(torch.nn.Module):
    """Convolutions with a norm, tokens with attention, and a linear layer."""

    def __init__(self, seed=0):
        super().__init__()
        torch.manual_seed(seed)
        self.first = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.BatchNorm2d(8))
        self.second = torch.nn.Conv2d(8, 16, 3, stride=2)
        self.tokens = torch.nn.TransformerEncoderLayer(16, 2, 16, batch_first=True)
        self.last = torch.nn.Linear(16, 5)
        self.first[1].running_mean.normal_()

    def forward(self, x):
        maps = self.second(torch.relu(self.first(x)))
        return self.last(self.change(self.tokens(maps.flatten(2).transpose(1, 2))).mean(dim=1))

    def change(self, tokens):
        return tokens


class Branch(Network):
    def change(self, tokens):
        return torch.zeros_like(tokens) if tokens.isnan().any() else tokens


class Counts(Network):
    def change(self, tokens):
        return tokens if len(tokens) <= 3 else -tokens


class Noisy(Network):
    def change(self, tokens):
        return tokens + torch.randn_like(tokens)


class Centred(Network):
    def change(self, tokens):
        return tokens - tokens.mean(dim=(0, 1), keepdim=True) / tokens.std(dim=(0, 1)).max()


@pytest.fixture(scope="module")
def network():
    return Network()


@pytest.fixture(scope="module")
def exported(network):
    """The description of the network, exported in this process."""
    backbone = resolve_backbone(network, **OPTIONS)
    key = choose_engine(
        backbone, "last", device="cpu", cache=None, read_inputs=lambda n: IMAGES[:n]
    )
    assert key == "onnx-cpu"
    return backbone


def extractor(network, **options):
    return PretrainedFeatureExtractor(network, **OPTIONS, **options)


def test_each_stage_equals_torch_s(exported):
    for stage in exported.stages:
        engine = open_engine(exported, stage, n_jobs=1, device="cpu")
        expected = TorchEngine(exported, stage, device="cpu").run(IMAGES)
        found = engine.run(IMAGES)
        assert (engine.key, found.dtype) == ("onnx-cpu", np.float32)
        assert found.shape == expected.shape
        assert np.abs(found - expected).max() <= 1e-4 * np.abs(expected).max()


def test_an_image_has_the_same_bits_alone_in_any_order_and_with_any_number_of_threads(exported):
    order = RNG.permutation(len(IMAGES))
    for stage in exported.stages:
        engine = open_engine(exported, stage, n_jobs=1)
        whole = engine.run(IMAGES)
        alone = np.concatenate([engine.run(image[np.newaxis]) for image in IMAGES])
        np.testing.assert_array_equal(alone, whole)
        np.testing.assert_array_equal(engine.run(IMAGES[order]), whole[order])
        np.testing.assert_array_equal(open_engine(exported, stage, n_jobs=2).run(IMAGES), whole)


def test_all_stages_are_exported_at_once_and_inner_places_alone(exported):
    options = {"device": "cpu", "cache": None}
    for stage in exported.stages:
        assert choose_engine(exported, stage, read_inputs=refuse, **options) == "onnx-cpu"
        assert engine_key(exported, "auto", stage) == engine_key(exported, "cpu", stage)
    inner = "tokens.linear1"
    assert engine_key(exported, "cpu", inner) == "torch-cpu"
    before = TorchEngine(exported, inner, device="cpu").run(IMAGES)
    key = choose_engine(exported, inner, read_inputs=lambda n: IMAGES[:n], **options)
    found = open_engine(exported, inner, device="cpu").run(IMAGES)
    assert key == "onnx-cpu"
    assert np.abs(found - before).max() <= 1e-4 * np.abs(before).max()


def test_clones_and_pickles_share_the_export_and_the_rows(network):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        first = extractor(network).fit(PIXELS)
        expected = first.transform(PIXELS)
        for other in (clone(first).fit(PIXELS), pickle.loads(pickle.dumps(first))):
            assert other.engine_ == "onnx-cpu"
            np.testing.assert_array_equal(other.set_params(cache=None).transform(PIXELS), expected)
        for options in ({"batch_size": 3}, {"n_jobs": 2}, {"batch_size": 1, "n_jobs": 2}):
            again = extractor(network, cache=None, **options).fit_transform(PIXELS)
            np.testing.assert_array_equal(again, expected)


@pytest.mark.parametrize(
    ("kind", "reason"), [(Branch, "GuardOnDataDependentSymNode"), (Counts, "Constraints violated")]
)
def test_what_cannot_be_exported_runs_in_torch_and_one_warning_says_why(kind, reason):
    model = extractor(kind(), cache=None)
    message = f"The network '{kind.__name__}' cannot run in ONNX Runtime .*{reason}"
    with pytest.warns(UserWarning, match=message):
        model.fit(PIXELS)
    model.transform(PIXELS)  # warnings are errors: it is not given again
    assert model.engine_ == "torch-cpu"
    found = clone(model).fit_transform(PIXELS)
    inputs = torch.tensor(network_input(PIXELS, model.backbone_.preprocessing))
    eight = [image.expand(8, 3, 8, 8) for image in inputs]
    expected = torch.cat([model.backbone_.module(images)[:1] for images in eight]).detach()
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("kind", [Noisy, Centred])
def test_networks_of_chance_or_of_the_batch_run_in_torch_with_the_warning_for_these(kind):
    model = extractor(kind(), cache=None)
    with pytest.warns(TransferWarning, match="features of an image depend on") as caught:
        model.fit_transform(PIXELS)
    assert len(caught) == 1
    assert model.engine_ == "torch-cpu"


def test_a_wrong_export_is_found_whatever_the_number_of_images(exported):
    import onnx

    right = find_export(exported, "last").graph
    batches = [IMAGES[:1], IMAGES[:2], IMAGES[:5]]
    assert check_export(right, exported, batches) == ""
    for factor, is_near in ((1 + 1e-5, True), (1 + 1e-3, False)):
        model = onnx.load_model_from_string(right)
        made = next(t for t in model.graph.initializer if list(t.dims) == [16, 8, 3, 3])
        kernel = onnx.numpy_helper.to_array(made)
        made.CopyFrom(onnx.numpy_helper.from_array(kernel * np.float32(factor), made.name))
        for batch in batches:
            reason = check_export(model.SerializeToString(), exported, [batch])
            start = f"for {len(batch)} images the export differs at stage 'second' by 0.00"
            assert (reason == "") == is_near
            assert is_near or reason.startswith(start)


def test_a_folder_keeps_the_export_and_memory_leaves_no_file(network, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = extractor(network).fit(PIXELS)
    assert list(tmp_path.iterdir()) == []
    folder = tmp_path / "cache"
    model.set_params(cache=folder).transform(PIXELS)
    kept = sorted(path.suffix for path in (folder / STORE).iterdir())
    assert kept == [".json", ".onnx"]


CODE = """
import sys
class Without:
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "transformers", "onnxscript"):
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Without)
import numpy as np
from sktransfer import PretrainedFeatureExtractor
from sktransfer.deep import _describe
_describe.SETTLED = -1.0
source, cache, path = sys.argv[1:]
model = PretrainedFeatureExtractor(source, cache=cache)
np.save(path, model.fit_transform(np.load(path)))
print(model.engine_)
"""


def test_a_kept_export_runs_without_torch_on_new_images(tmp_path, monkeypatch):
    pytest.importorskip("transformers", reason="the network is theirs")
    from sktransfer.deep import _describe
    from tests.deep.test_known_networks import write_network

    monkeypatch.setattr(_describe, "SETTLED", -1.0)
    source, cache, path = write_network(tmp_path / "vit", 0), tmp_path / "cache", tmp_path / "x.npy"
    model = PretrainedFeatureExtractor(source, cache=cache).fit(PIXELS[:2])
    np.save(path, PIXELS)
    places = os.environ | {"PYTHONPATH": os.pathsep.join([os.getcwd(), *sys.path])}
    command = [sys.executable, "-c", CODE, source, str(cache), str(path)]
    done = subprocess.run(command, env=places, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "onnx-cpu"
    np.testing.assert_array_equal(np.load(path), model.transform(PIXELS))


def test_a_kept_export_is_read_as_it_was_or_not_at_all(tmp_path):
    path = tmp_path / "exports" / "network.onnx"
    assert _read(path) is None
    graph = b"a graph"
    export = Export(graph, hashlib.sha256(graph).hexdigest())
    _write(path, export)
    assert _read(path) == export
    path.write_bytes(graph[:-1])
    assert _read(path) is None
    path.unlink()
    assert _read(path) is None
    failure = Export(None, reason="it branches")
    _write(path, failure)
    assert _read(path) == failure
    record = path.with_suffix(".json")
    kept = record.read_text()
    for text in ("", "{", "[]", "{}", kept.replace(torch.__version__, "0.1")):
        record.write_text(text)
        assert _read(path) is None


def test_the_frozen_part_of_fine_tuning_runs_in_onnx_runtime(network):
    y = np.arange(len(PIXELS)) % 2
    options = {"freeze_depth": 2, "max_epochs": 2, "random_state": 0, "cache": None}
    model = FineTuneClassifier(network, **OPTIONS, **options)
    model.fit(PIXELS, y)
    backbone = model.backbone_
    assert engine_key(backbone, "cpu", "second") == "onnx-cpu"
    expected = TorchEngine(backbone, "second", device="cpu")
    found = open_engine(backbone, "second", device="cpu")
    off = np.abs(found.run(IMAGES) - expected.run(IMAGES)).max()
    assert off <= 1e-4 * np.abs(expected.run(IMAGES)).max()
    alone, whole = model.predict_proba(PIXELS[:1]), model.predict_proba(PIXELS)
    np.testing.assert_allclose(alone, whole[:1], rtol=1e-12)


def test_another_device_keeps_torch(exported):
    if torch.cuda.is_available():
        assert engine_key(exported, "cuda", "last").startswith("torch-cuda")
    else:
        with pytest.raises(ValueError, match="device='cuda' is not available"):
            choose_engine(exported, "last", device="cuda", cache=None, read_inputs=refuse)
