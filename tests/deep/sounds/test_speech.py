"""The built-in network for speech, on synthetic digits, and on people if they are there."""

import json

import numpy as np
import onnx
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from benchmarks._data import DataError, find_data_home
from benchmarks.spoken_digits import (
    few_labels,
    leave_one_out,
    linear_model,
    load_spoken_digits,
    segments,
)
from sktransfer import FineTuneClassifier, PretrainedAudioExtractor, PretrainedFeatureExtractor
from sktransfer.datasets import load_synthetic_digits
from sktransfer.deep._built_in import built_in_path


@pytest.fixture(scope="module")
def digits():
    return load_synthetic_digits()


def test_one_voice_teaches_the_digits_of_the_others(digits):
    X, y, one = digits.data, digits.target, digits.voice == "en-us+m1"
    pipe = make_pipeline(PretrainedAudioExtractor(), LogisticRegression()).fit(X[one], y[one])
    parts = segments(X)
    on_frames = linear_model().fit(parts[one], y[one]).score(parts[~one], y[~one])
    assert pipe.score(X[~one], y[~one]) > on_frames + 0.3


def test_three_names_give_the_same_features(digits):
    X = digits.data[:5]
    expected = PretrainedAudioExtractor().fit_transform(X)
    np.testing.assert_array_equal(PretrainedFeatureExtractor("speech").fit_transform(X), expected)
    assert expected.shape == (5, 224)
    for stage in range(1, 6):
        stage = PretrainedAudioExtractor(stage=stage).fit(X)
        assert stage.transform(X).shape == (5, len(stage.get_feature_names_out()))


def test_the_file_is_small_and_says_how_it_was_made():
    path = built_in_path("speech")
    assert path.stat().st_size < 2_000_000
    metadata = {entry.key: entry.value for entry in onnx.load(path).metadata_props}
    recipe = json.loads(metadata["sktransfer.recipe"])
    assert recipe["synthesizer"] == "espeak-ng"
    assert recipe["words"] >= 200
    assert json.loads(metadata["sktransfer.licence"]) == "BSD-3-Clause"


@pytest.mark.parametrize("depth", [0, "all"])
def test_fine_tuning_is_saved_and_goes_on(digits, depth, tmp_path):
    chosen = np.isin(digits.target, [0, 1, 7]) & (np.char.find(digits.voice, "en-us+") == 0)
    X, y = digits.data[chosen], digits.target[chosen]
    options = {"freeze_depth": depth, "max_epochs": 1, "random_state": 0}
    options |= {"batch_size": 16, "validation_fraction": 0}
    fitted = FineTuneClassifier("speech", **options, checkpoint=tmp_path / "state").fit(X, y)
    expected = fitted.predict_proba(X)
    assert np.mean(expected.argmax(axis=1) == np.searchsorted([0, 1, 7], y)) > 0.9
    again = FineTuneClassifier("speech", **options, checkpoint=tmp_path / "state").fit(X, y)
    np.testing.assert_array_equal(again.predict_proba(X), expected)
    fitted.save(tmp_path / "model")
    loaded = FineTuneClassifier.load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.predict_proba(X), expected)
    assert fitted.depth_ == (5 if depth == "all" else depth)


def test_people_are_understood_with_few_labels():
    try:
        clips = load_spoken_digits(find_data_home())
    except DataError:
        pytest.skip("no recordings of people")
    X = PretrainedAudioExtractor(sample_rate=8000).fit_transform(clips["waves"])
    few = few_labels(X, clips["digit"], clips["number"] < 5, seeds=range(3))
    others = leave_one_out(X, clips["digit"], clips["speaker"])
    assert few.mean() > 0.9
    assert np.mean(list(others.values())) > 0.87
