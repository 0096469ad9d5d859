"""Sounds: mutated files of the usual formats, and odd arrays, next to two good sounds."""

import io

import numpy as np
import soundfile

from sktransfer import PretrainedAudioExtractor
from tests.fuzz.fuzz_images import damaged, odd_array

FORMATS = {
    "WAV": ("PCM_16", "PCM_U8", "PCM_24", "FLOAT", "DOUBLE", "ULAW", "IMA_ADPCM"),
    "FLAC": ("PCM_16", "PCM_24"),
    "OGG": ("VORBIS",),
    "AIFF": ("PCM_16",),
    "AU": ("PCM_16",),
}
RATES = (8000, 11025, 16000, 44100, 48000)


def case(seed, folder):
    rng = np.random.default_rng(seed)
    item = odd_array(rng) if rng.random() < 0.3 else odd_file(rng, folder)
    good = [_sound(np.random.default_rng(i), 1) for i in range(2)]
    options = {"cache": None, "n_jobs": 1, "on_error": "nan", "sample_rate": 16000}
    extractor = PretrainedAudioExtractor(**options).fit(good)
    expected = extractor.transform(good)
    faults = extractor.find_unreadable([good[0], item])
    rows = extractor.transform([good[0], item, good[1]])
    np.testing.assert_array_equal(rows[[0, 2]], expected)
    assert np.isnan(rows[1]).all() or np.isfinite(rows[1]).all(), "some values are NaN"
    assert np.isnan(rows[1]).all() == bool(faults), f"unreadable: {faults}"
    assert all(0 < len(fault.reason) < 400 for fault in faults), f"reasons: {faults}"
    if not faults:
        np.testing.assert_array_equal(extractor.transform([item]), rows[1:2])
    extractor.set_params(on_error="raise").transform([good[0], item])


def odd_file(rng, folder):
    """The bytes of a file, most of them damaged, as bytes or as a path."""
    kind, stream = rng.choice(list(FORMATS)), io.BytesIO()
    sound = _sound(rng, rng.integers(1, 3))
    subtype = rng.choice(FORMATS[kind])
    soundfile.write(stream, sound, rng.choice(RATES), format=kind, subtype=subtype)
    content = damaged(rng, bytearray(stream.getvalue()))
    if rng.random() < 0.5:
        return content
    path = folder / "sound.bin"
    path.write_bytes(content)
    return path


def _sound(rng, n_channels):
    """A short tone with noise."""
    times = np.arange(rng.integers(1200, 6000))[:, np.newaxis]
    pitch = rng.uniform(0.01, 0.5, n_channels)
    return 0.3 * np.sin(times * pitch) + rng.normal(0, 0.02, (len(times), n_channels))
