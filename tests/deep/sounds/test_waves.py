"""Sounds as waves: files, bytes and arrays of one sound are one wave."""

import builtins
import io
import wave

import numpy as np
import pytest
import soundfile

from sktransfer.deep._items import Unreadable
from sktransfer.deep._sounds.waves import Source, load_sound, read_wave

RATE = 16000


@pytest.fixture
def samples():
    times = np.arange(RATE // 2) / RATE
    return np.round(8000 * np.sin(2 * np.pi * 440 * times)).astype(np.int16)


def encode(samples, *, rate=RATE, kind="WAV", **options):
    stream = io.BytesIO()
    soundfile.write(stream, samples, rate, format=kind, **options)
    return stream.getvalue()


def read(item, sample_rate=None, rate=RATE):
    return read_wave(load_sound(item, sample_rate), rate=rate)


def test_files_bytes_streams_and_arrays_are_the_same_wave(samples, tmp_path):
    expected = samples.astype(np.float32) / 32768
    content = encode(samples)
    path = tmp_path / "sound.wav"
    path.write_bytes(content)
    items = [str(path), path, content, bytearray(content), io.BytesIO(content)]
    items += [encode(samples, kind="FLAC")]
    for item in items:
        np.testing.assert_array_equal(read(item), expected)
    arrays = [samples, expected, expected.tolist(), samples.astype(np.int32) << 16]
    arrays += [samples.astype(">i2"), expected.astype(np.float64)]
    for item in arrays:
        np.testing.assert_array_equal(read(item, RATE), expected)
    np.testing.assert_array_equal(read({"array": expected, "sampling_rate": RATE}), expected)


def test_lossy_files_are_nearly_the_same(samples):
    found = read(encode(samples, kind="OGG"))
    assert np.corrcoef(found[: len(samples)], samples)[0, 1] > 0.99


def test_channels_are_averaged(samples):
    stereo = np.stack([samples, np.zeros_like(samples)], axis=1)
    expected = samples.astype(np.float32) / 65536
    np.testing.assert_array_equal(read(stereo, RATE), expected)
    np.testing.assert_array_equal(read(encode(stereo)), expected)


@pytest.mark.parametrize("own_rate", [8000, 22050, 44100, 48000.0])
def test_other_rates_become_the_same_tone(own_rate):
    times = np.arange(int(own_rate)) / own_rate
    found = read(0.5 * np.sin(2 * np.pi * 440 * times), own_rate)
    assert abs(len(found) - RATE) <= 1
    expected = 0.5 * np.sin(2 * np.pi * 440 * np.arange(len(found)) / RATE)
    np.testing.assert_allclose(found[2000:-2000], expected[2000:-2000], atol=1e-4)


def test_digests_know_content_and_rate(samples):
    def digest(item, rate=RATE):
        return load_sound(item, rate).digest()

    assert digest(samples) == digest(samples.copy())
    assert len(digest(samples)) == 16
    others = [digest(samples, 8000), digest(samples[:-1]), digest(samples.astype(np.int32))]
    others += [digest(samples.reshape(-1, 2)), digest(encode(samples))]
    assert len({digest(samples), *others}) == 6


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        (None, "^missing$"),
        (3, "^expected a path, bytes, a file object or an array of samples, got int$"),
        (np.zeros((2, 3, 4)), r"shape \(2, 3, 4\), expected \(n_samples,\) or"),
        (np.zeros((2, 9000)), r"\(n_samples, n_channels\) .*; sound.T moves the channels$"),
        (np.zeros(0), "^lasts 0 ms, expected at least 25 ms$"),
        (np.zeros(399), "^lasts 24.9 ms, expected at least 25 ms$"),
        (np.array([0, np.nan] * 400), "^contains NaN or infinity$"),
        (np.array([0, np.inf] * 400), "^contains NaN or infinity$"),
        (np.array([0, 20000.0] * 400), "values up to 20000, expected floats from -1 to 1: divide"),
        (np.zeros(10, np.uint8), "dtype uint8, expected floats, int16 or int32$"),
        (np.zeros(10, complex), "dtype complex128, expected floats"),
        ([[1.0], [1.0, 2.0]], "^cannot become a NumPy array"),
        (b"", "^an empty file$"),
        (b"no sound", "^no sound that can be decoded"),
        ("/no/such/file.wav", "^no such file$"),
        (np.zeros(601 * RATE, np.float32), "^lasts 601 s, more than the 600 s .*: cut it"),
    ],
)
def test_reasons(item, reason):
    with pytest.raises(Unreadable, match=reason):
        read(item, RATE)


def test_arrays_need_a_sample_rate():
    with pytest.raises(Unreadable, match=r"pass sample_rate=, as in sample_rate=16000$"):
        read(np.zeros(400))
    for rate in (0, -1, np.nan, np.inf, "16k"):
        with pytest.raises(Unreadable, match=r"expected a positive number$"):
            read(np.zeros(400), rate)


def test_without_the_extra_plain_wave_files_are_read(samples, monkeypatch):
    real = builtins.__import__

    def refuse(name, *rest):
        if name in ("soundfile", "soxr"):
            raise ImportError(name)
        return real(name, *rest)

    stream = io.BytesIO()
    with wave.open(stream, "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(np.stack([samples, samples], axis=1).tobytes())
    content, flac = stream.getvalue(), encode(samples, kind="FLAC")
    with_extra = read(content)
    monkeypatch.setattr(builtins, "__import__", refuse)
    np.testing.assert_array_equal(read(content), with_extra)
    np.testing.assert_array_equal(read(content[:-3]), with_extra[:-1])
    with pytest.raises(Unreadable, match=r"only WAV files of 16 bits .*sktransfer\[audio\]"):
        read(flac)
    with pytest.raises(
        Unreadable, match=r"^has 8000 samples .* needs 16000, .*sktransfer\[audio\]"
    ):
        read(samples, 8000)


def test_a_source_of_samples_keeps_its_rate(samples):
    assert load_sound(samples, 8000) == Source(samples, 8000)
