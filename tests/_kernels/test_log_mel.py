"""Log-mel frames: their definition, another implementation, and what changes nothing."""

import numpy as np
import pytest
from scipy.fft import rfft

from sktransfer._kernels import log_mel as module
from sktransfer._kernels.log_mel import FULL_SCALE, hertz_of, log_mel, mel_of, mel_weights

SPEECH = {
    "rate": 16000,
    "window": 400,
    "hop": 160,
    "n_fft": 512,
    "n_bands": 32,
    "low": 60.0,
    "high": 3800.0,
    "span": 80.0,
}


@pytest.fixture
def wave():
    rng = np.random.default_rng(0)
    times = np.arange(8000) / 16000
    return 0.3 * np.sin(2 * np.pi * 440 * times) + 0.01 * rng.normal(size=8000)


def by_definition(wave, *, rate, window, hop, n_fft, n_bands, low, high, span):
    """The same from sums, one frame and one band at a time, in float64."""
    edges = hertz_of(np.linspace(mel_of(low), mel_of(high), n_bands + 2))
    place = np.arange(n_fft)
    inside = place - (n_fft - window) // 2
    hann = np.where((inside >= 0) & (inside < window), np.sin(np.pi * inside / window) ** 2, 0)
    rows = []
    for start in range(0, len(wave) - n_fft + 1, hop):
        frame = hann * wave[start : start + n_fft] * 32767
        powers = []
        for k in range(n_fft // 2 + 1):
            angle = 2 * np.pi * k * place / n_fft
            powers.append(np.sum(frame * np.cos(angle)) ** 2 + np.sum(frame * np.sin(angle)) ** 2)
        frequencies = np.arange(n_fft // 2 + 1) * rate / n_fft
        row = []
        for band in range(n_bands):
            corners = edges[band : band + 3]
            triangle = np.interp(frequencies, corners, [0, 1, 0], left=0, right=0)
            row.append(10 * np.log10(max(powers @ triangle * 2 / np.ptp(corners), 1e-10)))
        rows.append(row)
    return np.maximum(rows, np.max(rows) - span)


@pytest.mark.parametrize("more", [{}, {"window": 512, "hop": 256, "n_bands": 20, "span": 30.0}])
def test_frames_follow_the_definition(wave, more):
    options = SPEECH | more
    expected = by_definition(wave[:2000], **options)
    found = log_mel(wave[:2000], **options)
    assert found.dtype == np.float32
    assert found.shape == (1 + (2000 - 512) // options["hop"], options["n_bands"])
    np.testing.assert_allclose(found, expected, atol=2e-3)


def test_scale_of_pitch_is_that_of_the_auditory_toolbox():
    # librosa.mel_frequencies(n_mels=40), as its documentation prints it.
    printed = [0.0, 85.317, 170.635, 255.952, 341.269, 426.586, 511.904, 597.221, 682.538]
    printed += [767.855, 853.173, 938.49, 1024.856, 1119.114, 1222.042, 1334.436]
    found = hertz_of(np.linspace(0, mel_of(11025.0), 40))
    np.testing.assert_allclose(found[:16], printed, atol=6e-4)
    np.testing.assert_allclose(found[-1], 11025)


def test_each_band_has_area_one():
    weights = mel_weights(rate=16000, n_fft=2**16, n_bands=32, low=60.0, high=3800.0)
    np.testing.assert_allclose(weights.sum(axis=0) * 16000 / 2**16, 1, atol=1e-3)
    assert not weights.flags.writeable


def test_gain_adds_decibels(wave):
    options = SPEECH | {"span": np.inf}
    louder = log_mel(0.1 * wave, **options) + 20
    np.testing.assert_allclose(log_mel(wave, **options), louder, atol=1e-3)


def test_a_tone_is_loudest_in_its_band():
    edges = hertz_of(np.linspace(mel_of(60.0), mel_of(3800.0), 34))
    for band in (3, 14, 30):
        tone = np.sin(2 * np.pi * edges[band + 1] * np.arange(1024) / 16000)
        assert set(log_mel(tone, **SPEECH).argmax(axis=1)) == {band}


def test_a_shift_by_whole_steps_moves_the_frames(wave):
    options = SPEECH | {"span": np.inf}
    np.testing.assert_array_equal(log_mel(wave[320:], **options), log_mel(wave, **options)[2:])


def test_silence_is_finite_and_loud_sounds_hide_no_others(wave):
    silence = log_mel(np.zeros(512), **SPEECH)
    np.testing.assert_allclose(silence, np.full((1, 32), -100), rtol=1e-6)
    found = log_mel(wave, **SPEECH)
    assert found.min() >= found.max() - 80
    assert FULL_SCALE == 2**15 - 1


@pytest.mark.parametrize("before", [0, 100, 512, 700, 1920])
@pytest.mark.parametrize("after", [0, 159, 512, 1000])
def test_silence_around_a_sound_is_not_transformed(wave, before, after, monkeypatch):
    sound = wave[:1000].astype(np.float32)
    expected = by_definition(np.pad(sound, (before, after)), **SPEECH)
    transformed = []

    def counted(frames, **options):
        transformed.append(len(frames))
        return rfft(frames, **options)

    monkeypatch.setattr(module, "rfft", counted)
    found = log_mel(np.pad(sound, (before, after)), **SPEECH)
    np.testing.assert_allclose(found, expected, atol=2e-3)
    assert transformed[0] <= 1 + (1000 + 512) // 160


def test_a_click_between_the_frames_is_not_heard():
    click = np.zeros(1000)
    click[990] = 1
    np.testing.assert_allclose(log_mel(click, **SPEECH | {"hop": 512}), np.full((1, 32), -100))
