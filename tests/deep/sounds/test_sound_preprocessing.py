"""How a wave becomes the input: padding, windows and their places."""

import json
from dataclasses import asdict

import numpy as np
import pytest

from sktransfer._kernels.log_mel import log_mel
from sktransfer.deep._items import Unreadable
from sktransfer.deep._sounds.sound_preprocessing import SoundPreprocessing

FRAMES = ("rate", "window", "hop", "n_fft", "n_bands", "low", "high", "span")


@pytest.fixture
def wave():
    return np.random.default_rng(0).normal(0, 0.1, 16000).astype(np.float32)


def test_frames_are_those_of_the_kernel(wave):
    inputs = SoundPreprocessing()
    options = {name: getattr(inputs, name) for name in FRAMES}
    np.testing.assert_array_equal(inputs.decibels(wave), log_mel(wave, **options))


def test_a_short_sound_is_in_the_middle_of_silence(wave):
    inputs = SoundPreprocessing()
    short = wave[:4000]
    missing = 512 + 96 * 160 - 4000
    padded = np.concatenate([np.zeros(missing // 2), short, np.zeros(missing - missing // 2)])
    np.testing.assert_array_equal(inputs.decibels(short), inputs.decibels(padded))
    assert inputs.decibels(short).shape == (97, 32)


def test_windows_cover_the_whole_sound():
    inputs = SoundPreprocessing(n_frames=10, step=4, shortest=10)
    for n, starts in ((10, [0]), (13, [1]), (14, [0, 4]), (17, [0, 7]), (22, [0, 4, 8, 12])):
        decibels = np.arange(n, dtype=np.float32)[:, None] + np.zeros(32, np.float32)
        windows = inputs.windows(decibels)
        assert windows.shape == (len(starts), 1, 10, 32)
        assert windows.dtype == np.float32
        np.testing.assert_allclose(windows[:, 0, 0, 0], np.array(starts) / 10 + 2, rtol=1e-6)


def test_frames_of_a_user_are_padded_with_their_silence():
    inputs = SoundPreprocessing(n_frames=4, shortest=5)
    decibels = np.full((2, 32), 60.0)
    decibels[1, 3] = -50
    expected = np.full((5, 32), -20, np.float32)
    expected[1:3] = 60
    expected[2, 3] = -20
    np.testing.assert_array_equal(inputs.check_decibels(decibels), expected)
    for bad, reason in ((np.full((2, 32), np.nan), "NaN"), (np.empty((0, 32)), "no frames")):
        with pytest.raises(Unreadable, match=reason):
            inputs.check_decibels(bad)


def test_all_faults_are_in_one_message():
    with pytest.raises(ValueError, match=r"used: rate=0 must .*; low=nan must be a finite"):
        SoundPreprocessing(rate=0, low=np.nan)
    with pytest.raises(ValueError, match=r"low=60 and high=9000 .*; window=600 .*; shortest=3 "):
        SoundPreprocessing(high=9000.0, window=600, shortest=3)
    with pytest.raises(ValueError, match="span=0 must be positive"):
        SoundPreprocessing(span=0)


def test_json_gives_the_same():
    inputs = SoundPreprocessing(n_frames=96, step=24)
    assert SoundPreprocessing.from_json(json.dumps(asdict(inputs))) == inputs
    assert SoundPreprocessing.from_json("{}") == SoundPreprocessing()
