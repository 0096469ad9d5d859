"""One-shot learning: which images are shots and items, and how errors are counted."""

import numpy as np
import pytest

from benchmarks._data import Characters, DataError, load_omniglot
from benchmarks.one_shot import SHOTS_ONLY, background_errors, draw_task, seen_otherwise
from sktransfer import PrototypeClassifier
from tests.shelf import DATA

LABEL = np.repeat(np.arange(12), 20)
ALPHABET = np.repeat(["first", "second"], 120)
CHARACTERS = Characters(np.zeros((240, 1, 1)), LABEL, ALPHABET)
TASK = {"n_classes": 5, "n_shots": 2, "n_items": 3}


def test_a_task_has_characters_of_one_alphabet_by_drawers_of_their_own():
    shots, items = draw_task(CHARACTERS, "second", np.random.default_rng(0), **TASK)
    assert np.bincount(LABEL[shots]).max() == 2
    assert np.bincount(LABEL[items]).max() == 3
    assert set(ALPHABET[shots]) == set(ALPHABET[items]) == {"second"}
    assert set(LABEL[shots]) == set(LABEL[items])
    assert not set(shots % 20) & set(items % 20)


def test_features_that_name_the_character_give_no_error_and_noise_gives_that_of_chance():
    params = {"n_tasks": 40, "at_once": False} | TASK
    named = np.eye(12)[LABEL]
    found = background_errors(CHARACTERS, named, SHOTS_ONLY, with_source=False, **params)
    assert set(found.values()) == {0.0}
    noise = np.random.default_rng(0).normal(size=(240, 12))
    models = {"whitened": PrototypeClassifier(whiten=True)}
    found = background_errors(CHARACTERS, noise, models, with_source=True, **params)
    assert found["whitened"] == pytest.approx(80, abs=5)


def test_an_image_is_turned_about_its_middle_and_scaled():
    images = np.full((1, 41, 41), 255, dtype=np.uint8)
    images[0, 20, 28:33] = 0  # a line to the right of the middle
    (same,) = seen_otherwise(images, 0, 1.0)
    assert (same == images[0]).all()
    turned, half = seen_otherwise(images, 90, 1.0)[0], seen_otherwise(images, 0, 0.5)[0]
    dark = [np.argwhere(each < 200).mean(axis=0) for each in (turned, half)]
    np.testing.assert_allclose(np.abs(dark[0] - 20), [10, 0], atol=1)
    np.testing.assert_allclose(dark[1] - 20, [0, 5], atol=1)


def test_omniglot_has_136_characters_by_20_drawers_and_20_runs():
    try:
        background, runs = load_omniglot(DATA)
    except DataError:
        pytest.skip("needs Omniglot")
    assert np.bincount(background.label).tolist() == [20] * 136
    assert len(set(background.alphabet)) == 5
    for images, truth in runs:
        assert images.shape == (40, 105, 105)
        assert sorted(truth) == list(range(20))
