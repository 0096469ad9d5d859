"""No message of `deep` repeats more of a user's value than fits into a few lines."""

import base64
import io
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

from sktransfer.deep import (
    FineTuneClassifier,
    Preprocessing,
    PretrainedFeatureExtractor,
)

X = load_digits().data[:6]
Y = [0, 1, 0, 1, 0, 1]
LONG = "x" * 10**6
MANY = [f"block{i}" for i in range(10**5)]

PARAMETERS = {
    "backbone": [LONG, bytes(10**6), f"{LONG}.onnx", f"torchvision:{LONG}", f"hf:{LONG}", MANY],
    "weights": [LONG],
    "stages": [MANY, LONG, [LONG], 5],
    "preprocessing": [LONG, (MANY, 1), (np.ones(10**5), 1), MANY],
    "input_size": [LONG, MANY, 10**300],
    "image_shape": [LONG, MANY, (10**300, 1)],
    "value_range": [LONG, MANY, (10**400, 0)],
    "device": [LONG],
    "cache": [f"/dev/null/{LONG}"],
}


def message_of(do):
    with pytest.raises((ValueError, TypeError, OSError, ImportError, UserWarning)) as caught:
        do()
    return str(caught.value)


@pytest.mark.parametrize("make", [PretrainedFeatureExtractor, FineTuneClassifier])
@pytest.mark.parametrize(
    ("name", "value"),
    [(name, value) for name, values in PARAMETERS.items() for value in values],
    ids=lambda value: value if isinstance(value, str) and len(value) < 20 else "",
)
def test_parameters(name, value, make):
    estimator = make(**{name: value})

    def use():
        with np.errstate(all="ignore"):
            estimator.fit(X, Y)
        getattr(estimator, "transform", lambda X: None)(X)

    if make is FineTuneClassifier and name == "cache":
        estimator.set_params(cache=5)
    assert len(message_of(use)) < 1000


@pytest.mark.parametrize("value", [LONG, 10**300])
def test_stages(value):
    extractor = PretrainedFeatureExtractor(stage=value)
    assert len(message_of(lambda: extractor.fit(X))) < 1000


def test_depths():
    classifier = FineTuneClassifier(freeze_depth=10**300)
    assert len(message_of(lambda: classifier.fit(X, Y))) < 1000


@pytest.mark.parametrize(
    "augment", [LONG, {LONG: 1}, dict.fromkeys(MANY, 1), {"rotate": LONG}, MANY]
)
def test_augmentations(augment):
    classifier = FineTuneClassifier(augment=augment)
    assert len(message_of(lambda: classifier.fit(X, Y))) < 1000


@pytest.mark.parametrize(
    "fields",
    [
        {"size": tuple(range(10**5))},
        {"channels": LONG},
        {"mean": tuple(range(10**5)), "std": tuple(range(10**5))},
        {"resize": LONG, "crop": 10**300, "channel_order": LONG},
    ],
)
def test_preprocessings(fields):
    plain = {"size": (8, 8), "channels": 1, "mean": (0.0,), "std": (1.0,)}
    assert len(message_of(lambda: Preprocessing(**(plain | fields)))) < 1000


@pytest.mark.parametrize(
    "images",
    [
        [base64.b64encode(bytes(750_000)).decode()],
        [Path("a" * 5000)] * 40,
        [f"/tmp/{'folder' * 30}/{i}.png" for i in range(1000)],
        [bytes(10**6)] * 30,
        [io.BytesIO(bytes(10**6))] * 30,
        [{"bytes": None, "path": LONG}],
        [dict.fromkeys(MANY, 1)],
        [type("K" * 10**4, (), {})()],
        dict.fromkeys(MANY, 1),
        [np.empty((2, 2), dtype=[(name, "f8") for name in MANY[:2000]])],
    ],
    ids=lambda images: type(images).__name__,
)
def test_images(images):
    assert len(message_of(lambda: PretrainedFeatureExtractor().fit(images))) < 1000


@pytest.mark.parametrize("load", [PretrainedFeatureExtractor, FineTuneClassifier])
def test_files_of_estimators(load, tmp_path):
    if not hasattr(load, "load"):
        pytest.skip("this estimator has no files")
    path = tmp_path / ("n" * 200)
    path.write_bytes(bytes(10**6))
    for name in (path, f"/{LONG}"):
        assert len(message_of(lambda name=name: load.load(name))) < 1000
