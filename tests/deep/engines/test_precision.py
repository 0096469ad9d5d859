"""Features in half precision: close to float32, apart in the cache, and doubted if they are far."""

import hashlib
import re

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from sktransfer import PretrainedAudioExtractor, PretrainedFeatureExtractor, PretrainedTextExtractor
from sktransfer.datasets import load_synthetic_digits
from sktransfer.deep._cache import cache as cache_module
from sktransfer.deep._engines.steadiness import check_precision
from sktransfer.exceptions import TransferWarning

pytest.importorskip("torch", reason="half precision needs torch")

X, y = load_digits(return_X_y=True)
HALF = pytest.mark.parametrize("precision", ["bfloat16", "float16"])


def features(precision, X, **options):
    return PretrainedFeatureExtractor(precision=precision, **options).fit_transform(X)


def distance(found, expected):
    return np.linalg.norm(found - expected) / np.linalg.norm(expected)


@pytest.mark.parametrize(("precision", "near"), [("bfloat16", 1e-2), ("float16", 1e-3)])
@pytest.mark.parametrize("stage", [1, 4])
def test_features_are_close_to_float32_and_float32_themselves(precision, near, stage):
    expected = features("float32", X[:100], stage=stage)
    found = features(precision, X[:100], stage=stage)
    assert found.dtype == np.float32
    assert 1e-5 < distance(found, expected) < near


def test_a_linear_probe_scores_within_two_tenths_of_a_point():
    train, test = slice(0, None, 3), slice(1, None, 3)
    scores = []
    for precision in ("float32", "bfloat16"):
        Z = features(precision, X)
        scores.append(
            LogisticRegression(max_iter=300).fit(Z[train], y[train]).score(Z[test], y[test])
        )
    assert scores[1] == pytest.approx(scores[0], abs=0.002)


@HALF
def test_an_image_has_the_same_bits_alone_as_in_any_batch(precision):
    extractor = PretrainedFeatureExtractor(precision=precision, cache=None).fit(X)
    together = extractor.transform(X[:11])
    np.testing.assert_array_equal(extractor.set_params(batch_size=3).transform(X[:11]), together)
    np.testing.assert_array_equal(extractor.transform(X[4:5]), together[4:5])


def test_a_folder_keeps_precisions_apart(tmp_path):
    names = ["float32", "bfloat16", "float16", "float32"]
    found = [features(name, X[:20], cache=tmp_path) for name in names]
    np.testing.assert_array_equal(found[0], found[3])
    assert not any(np.array_equal(found[0], half) for half in found[1:3])
    for name, expected in zip(names, found, strict=True):
        np.testing.assert_array_equal(features(name, X[:20], cache=None), expected)


def test_the_key_of_float32_features_is_that_of_releases_without_a_precision(monkeypatch):
    kept = cache_module.MemoryCache()
    monkeypatch.setattr(cache_module, "memory", kept)
    extractor = PretrainedFeatureExtractor().fit(X[:1])
    extractor.transform(X[:1])
    backbone, inputs = extractor.backbone_, extractor.backbone_.preprocessing
    about = (2, backbone.fingerprint, "stage4", "avg", inputs, "onnx-cpu")
    reading = extractor.image_format_.range_of(None)
    context = hashlib.sha256(f"{about!r}{reading!r}".encode()).digest()[:16]
    (key,) = kept._rows
    assert key[:16] == context
    assert extractor.engine_ == "onnx-cpu"


@HALF
def test_the_engine_is_torch_and_names_the_precision(precision):
    extractor = PretrainedFeatureExtractor(precision=precision, device="cpu").fit(X[:1])
    assert extractor.engine_ == f"torch-cpu-{precision}"


def test_all_stages_and_maps_have_it_too():
    extractor = PretrainedFeatureExtractor(precision="bfloat16").fit(X[:9])
    stages = extractor.transform_stages(X[:9])
    np.testing.assert_array_equal(stages["stage4"], extractor.transform(X[:9]))
    maps = extractor.feature_maps(X[:9]).mean(axis=(1, 2))
    np.testing.assert_allclose(maps, stages["stage4"], rtol=1e-5, atol=1e-6)


def test_sounds_have_it_too():
    sounds = load_synthetic_digits().data[:12]
    found, expected = (
        PretrainedAudioExtractor(precision=precision).fit_transform(sounds)
        for precision in ("bfloat16", "float32")
    )
    assert 0 < distance(found, expected) < 2e-2


def test_a_module_runs_in_torch_for_it():
    import torch

    module = torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 3, 2), torch.nn.ReLU(), torch.nn.Conv2d(8, 8, 3)
    )
    options = {"preprocessing": "torch", "input_size": 16, "cache": None}
    pixels = np.random.default_rng(0).integers(0, 256, (5, 16, 16, 3), dtype=np.uint8)
    extractor = PretrainedFeatureExtractor(module, precision="float16", **options)
    found = extractor.fit_transform(pixels)
    assert extractor.engine_.endswith("-float16")
    expected = PretrainedFeatureExtractor(module, **options).fit_transform(pixels)
    assert 0 < distance(found, expected) < 2e-3


def test_networks_that_torch_does_not_run_refuse_it():
    message = (
        "precision='bfloat16' is computed by torch, but the backbone 'words' runs in NumPy only; "
        "expected 'float32'."
    )
    with pytest.raises(ValueError, match=re.escape(message)):
        PretrainedTextExtractor(precision="bfloat16").fit(["a cat"])


@pytest.mark.parametrize("precision", ["half", "float64", 16])
def test_other_values_are_refused_with_those_that_there_are(precision):
    with pytest.raises(
        ValueError, match=r"The 'precision' parameter .* must be a str among"
    ) as error:
        PretrainedFeatureExtractor(precision=precision).fit(X[:1])
    assert all(name in str(error.value) for name in ("'float32'", "'bfloat16'", "'float16'"))


@pytest.mark.parametrize(("off", "warns"), [(0.04, False), (0.06, True)])
def test_features_that_are_far_from_float32_give_the_distance(recwarn, off, warns):
    rows = np.arange(20.0).reshape(20, 1)
    check_precision(
        lambda batch: batch * (1 + off),
        lambda batch: batch,
        rows,
        precision="bfloat16",
        key=(off,),
        of="backbone='n', stage='s'",
    )
    assert [str(warning.message) for warning in recwarn] == [
        "backbone='n', stage='s': precision='bfloat16' changes the features by 0.06 of their norm: "
        "compare scores, or use precision='float16' or 'float32'."
    ] * warns
    assert all(issubclass(warning.category, TransferWarning) for warning in recwarn)


def test_an_extractor_compares_its_first_rows_with_float32(write_graph, tmp_path):
    # The difference of two numbers that half precision cannot tell apart.
    nodes = [
        ("Conv", ["image", "kernel"], ["maps"], {"strides": [2, 2]}),
        ("Sub", ["maps", "level"], ["out"], {}),
    ]
    arrays = {"kernel": np.full((1, 3, 2, 2), 10, np.float32), "level": np.float32(59.0)}
    path = write_graph(tmp_path / "net.onnx", nodes, arrays, shape=["n", 3, 8, 8])
    options = {"preprocessing": (0, 1), "stages": ["out"], "cache": None}
    pixels = np.random.default_rng(0).integers(125, 130, (5, 8, 8, 3), dtype=np.uint8)
    with pytest.warns(TransferWarning, match="precision='bfloat16' changes the features by"):
        PretrainedFeatureExtractor(path, precision="bfloat16", **options).fit_transform(pixels)
