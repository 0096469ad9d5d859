"""Descriptions of networks in a cache folder: kept for other processes, and never stale."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from sklearn.datasets import load_digits

pytest.importorskip("torch", reason="networks need torch")
pytest.importorskip("transformers", reason="the networks are theirs")

import torch
import transformers

from sktransfer.deep import FineTuneClassifier, PretrainedFeatureExtractor
from sktransfer.deep import _describe as known_networks
from sktransfer.deep._backbone import resolve_backbone
from sktransfer.deep._describe import STORE, describe

DIGITS, LABELS = load_digits(return_X_y=True)
X, Y = DIGITS[:30], LABELS[:30] % 2


def write_network(path, seed):
    """A tiny network of transformers with random weights."""
    sizes = {"hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2}
    shape = {"intermediate_size": 8, "image_size": 16, "patch_size": 8, "num_labels": 2}
    torch.manual_seed(seed)
    config = transformers.ViTConfig(**sizes, **shape)
    transformers.ViTForImageClassification(config).save_pretrained(path)
    processor = {"image_processor_type": "ViTImageProcessor", "size": {"height": 16, "width": 16}}
    values = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    (path / "preprocessor_config.json").write_text(json.dumps(processor | values))
    return f"hf:{path}"


@pytest.fixture
def source(tmp_path, monkeypatch):
    """A network in a folder that counts as settled at once."""
    monkeypatch.setattr(known_networks, "SETTLED", -1.0)
    return write_network(tmp_path / "tiny-vit", seed=0)


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


def files(cache):
    return sorted((cache / STORE).glob("*")) if (cache / STORE).exists() else []


def test_another_process_needs_neither_the_zoo_nor_torch_for_what_is_cached(source, cache):
    options = {"cache": str(cache), "device": "cpu"}
    expected = PretrainedFeatureExtractor(source, **options).fit_transform(X)
    FineTuneClassifier(source, **options).fit(X, Y)
    code = (
        "import sys\n"
        "class Without:\n"
        "    def find_spec(name, path=None, target=None):\n"
        "        if name.partition('.')[0] in ('torch', 'transformers'):\n"
        "            raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, Without)\n"
        "from sklearn.datasets import load_digits\n"
        "from sktransfer import FineTuneClassifier, PretrainedFeatureExtractor\n"
        "from sktransfer.deep import _describe\n"
        "_describe.SETTLED = -1.0\n"
        "X, y = load_digits(return_X_y=True)\n"
        f"extractor = PretrainedFeatureExtractor({source!r}, **{options!r})\n"
        "print(extractor.fit_transform(X[:30]).tobytes().hex())\n"
        f"FineTuneClassifier({source!r}, **{options!r}).fit(X[:30], y[:30] % 2).predict(X[:30])\n"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([os.getcwd(), *sys.path])}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == expected.tobytes().hex()


def test_what_is_read_is_what_was_described(source, cache):
    expected = resolve_backbone(source)
    assert describe(source, cache=cache) == expected
    (path,) = files(cache)
    before = path.stat().st_mtime_ns
    assert describe(source, cache=cache) == expected
    assert path.stat().st_mtime_ns == before


def test_options_and_networks_have_descriptions_of_their_own(source, cache, tmp_path):
    other = write_network(tmp_path / "other-vit", seed=1)
    names = resolve_backbone(source).stages
    cases = [
        (source, {}),
        (source, {"stages": [names[0]]}),
        (source, {"preprocessing": "tf"}),
        (source, {"input_size": 16, "preprocessing": (0.5, 0.25)}),
        (other, {}),
    ]
    for _ in range(2):
        for backbone, options in cases:
            expected = resolve_backbone(backbone, **options)
            assert describe(backbone, cache=cache, **options) == expected
    assert len(files(cache)) == len(cases)


def test_a_folder_with_other_weights_is_another_network(source, cache, tmp_path):
    first = describe(source, cache=cache)
    features = PretrainedFeatureExtractor(source, cache=cache).fit_transform(X)
    write_network(tmp_path / "tiny-vit", seed=1)
    assert describe(source, cache=cache).fingerprint != first.fingerprint
    changed = PretrainedFeatureExtractor(source, cache=cache).fit_transform(X)
    assert np.abs(changed - features).max() > 1e-3


@pytest.mark.parametrize("content", ["", "{", "[]", '{"is": "object", "of": "Popen"}', "3"])
def test_a_damaged_description_is_made_anew(content, source, cache):
    expected = describe(source, cache=cache)
    (path,) = files(cache)
    whole = path.read_text()
    path.write_text(content)
    assert describe(source, cache=cache) == expected
    assert path.read_text() == whole


def test_where_nothing_can_be_kept_it_is_described_all_the_same(source, cache, monkeypatch):
    expected = resolve_backbone(source)
    for nowhere in (None, "memory"):
        assert describe(source, cache=nowhere) == expected
    cache.write_text("a file")
    assert describe(source, cache=cache) == expected
    cache.unlink()
    assert describe("glyphs", cache=cache) is resolve_backbone("glyphs")
    pair = np.full(3, 0.5), np.full(3, 0.5)
    assert describe(source, cache=cache, preprocessing=pair).preprocessing.mean == (0.5,) * 3
    monkeypatch.setattr(known_networks, "SETTLED", 3600.0)  # it may still be written to
    assert describe(source, cache=cache) == expected
    assert not cache.exists()
