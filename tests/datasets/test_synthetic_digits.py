"""Spoken digits of a synthesizer: each voice speaks each digit once."""

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_score

from sktransfer.datasets import load_synthetic_digits


def test_every_voice_speaks_every_digit_once():
    digits = load_synthetic_digits()
    voices, counts = np.unique(digits.voice, return_counts=True)
    assert len(voices) == 40
    assert set(counts) == {10}
    for voice in voices:
        assert sorted(digits.target[digits.voice == voice]) == digits.target_names


def test_frames_are_decibels_within_80_of_the_loudest():
    digits = load_synthetic_digits()
    assert digits.data.dtype == np.float32
    loudest = digits.data.max(axis=(1, 2))
    assert (digits.data.min(axis=(1, 2)) >= loudest - 80.5).all()
    np.testing.assert_array_equal(digits.data * 2, np.round(digits.data * 2))
    # The word is in the middle: it is quiet at both ends.
    np.testing.assert_array_equal(digits.data[:, [0, -1]].max(axis=(1, 2)) < loudest - 30, True)


def test_digits_of_other_voices_are_recognized():
    digits = load_synthetic_digits()
    X = digits.data.reshape(400, -1)[:, ::4]
    accent = np.char.partition(digits.voice, "+")[:, 0]
    scores = cross_val_score(
        LogisticRegression(C=1e-5, max_iter=500), X, digits.target, groups=accent, cv=GroupKFold(4)
    )
    assert scores.mean() > 0.8


def test_x_and_y_alone():
    X, y = load_synthetic_digits(return_X_y=True)
    digits = load_synthetic_digits()
    np.testing.assert_array_equal(X, digits.data)
    np.testing.assert_array_equal(y, digits.target)
