"""The possible sounds of X, and their waves: files, bytes, arrays."""

import io
import wave
from collections.abc import Mapping
from numbers import Real
from typing import NamedTuple

import numpy as np

from sktransfer._containers import is_missing
from sktransfer._extras import install_command
from sktransfer._messages import cause, shown
from sktransfer.deep._files import DIGEST_SIZE, digest_file, is_file, new_hasher, read_file
from sktransfer.deep._items import Unreadable

WHAT_A_SOUND_IS = "a path, bytes, a file object or an array of samples"

# Floating-point samples may go beyond -1..1, as after a resampling or in loud recordings.
LOUDEST = 8.0

# A longer recording is not one sound, and its samples would not fit into memory.
LONGEST_SECONDS = 600
SHORTEST_SECONDS = 0.025

MOST_CHANNELS = 8

_FULL_SCALE = {np.dtype(np.int16): 2.0**15, np.dtype(np.int32): 2.0**31}


class Source(NamedTuple):
    """The content of a sound in memory: of a file, or samples with their rate."""

    content: object
    rate: float | None

    def digest(self):
        """Return 16 bytes that depend on the content alone; those of a file as for a picture."""
        content = self.content
        if not isinstance(content, np.ndarray):
            return digest_file(content)
        hasher = new_hasher(f"{content.shape}{content.dtype.str}{self.rate}".encode())
        hasher.update(np.ascontiguousarray(content).view(np.uint8).reshape(-1))
        return hasher.digest()[:DIGEST_SIZE]


def load_sound(item, sample_rate):
    """Bring a sound into memory as it is, or raise `Unreadable`; arrays have the sample rate.

    A mapping with "array" and "sampling_rate", as in Hugging Face's data sets, has its own rate.
    """
    if is_file(item):
        return Source(bytes(read_file(item)), None)
    if is_missing(item):
        raise Unreadable("missing")
    if isinstance(item, Mapping) and item.keys() >= {"array", "sampling_rate"}:
        item, sample_rate = item["array"], item["sampling_rate"]
    if not hasattr(item, "__array__") and not isinstance(item, list | tuple):
        raise Unreadable(f"expected {WHAT_A_SOUND_IS}, got {type(item).__name__}")
    try:
        array = np.asarray(item)
    except Exception as error:  # tensors on other devices, lists of unequal lengths
        raise Unreadable(f"cannot become a NumPy array: {cause(error)}") from error
    if array.dtype.kind not in "biufc":
        raise Unreadable(f"an array of dtype {array.dtype}, expected floats, int16 or int32")
    return Source(array, sample_rate)


def read_wave(source, *, rate):
    """Decode a sound, average its channels, and bring it to `rate` samples a second.

    Returns an array (n_samples,), float32, or raises `Unreadable`. With ``rate=None`` the sound
    keeps its own rate.
    """
    content, own_rate = source
    if isinstance(content, np.ndarray):
        samples, own_rate = _of_array(content), _check_rate(own_rate)
    else:
        samples, own_rate = _decode(content)
    _check_length(len(samples) / own_rate)
    if not np.isfinite(samples).all():
        raise Unreadable("contains NaN or infinity")
    peak = np.abs(samples).max()
    if peak > LOUDEST:
        raise Unreadable(
            f"has values up to {peak:.6g}, expected floats from -1 to 1: divide samples of 16 bits "
            "by 32768, or pass them as int16"
        )
    if samples.ndim == 2:
        samples = samples.mean(axis=1)
    return samples if rate in (None, own_rate) else _resample(samples, own_rate, rate)


def _check_length(seconds):
    if seconds > LONGEST_SECONDS:
        raise Unreadable(
            f"lasts {seconds:.0f} s, more than the {LONGEST_SECONDS} s that one sound may have: "
            "cut it into parts"
        )
    if seconds < SHORTEST_SECONDS:
        raise Unreadable(
            f"lasts {1000 * seconds:.3g} ms, expected at least {1000 * SHORTEST_SECONDS:g} ms"
        )


def _check_rate(rate):
    if rate is None:
        raise Unreadable(
            "an array, which does not say how many samples a second has: pass sample_rate=, as in "
            "sample_rate=16000"
        )
    if not isinstance(rate, Real) or not 0 < rate < np.inf:
        raise Unreadable(f"has the sample rate {shown(rate)}, expected a positive number")
    return rate


def _of_array(array):
    """The samples of an array in [-1, 1], float32, (n_samples,) or (n_samples, n_channels)."""
    if array.ndim not in (1, 2) or (array.ndim == 2 and array.shape[1] > MOST_CHANNELS):
        hint = ""
        if array.ndim == 2 and array.shape[0] <= MOST_CHANNELS:
            hint = "; sound.T moves the channels"
        raise Unreadable(
            f"an array of shape {array.shape}, expected (n_samples,) or (n_samples, n_channels) "
            f"with at most {MOST_CHANNELS} channels last{hint}"
        )
    dtype = array.dtype.newbyteorder("=")
    if dtype in _FULL_SCALE:
        return (array / _FULL_SCALE[dtype]).astype(np.float32)
    if dtype.kind != "f":
        raise Unreadable(f"an array of dtype {array.dtype}, expected floats, int16 or int32")
    with np.errstate(over="ignore"):
        return array.astype(np.float32)


def _decode(content):
    """The samples of a file in [-1, 1], float32, and its sample rate."""
    if not content:
        raise Unreadable("an empty file")
    try:
        import soundfile
    except ImportError:
        return _decode_plain(content)
    try:
        with soundfile.SoundFile(io.BytesIO(content)) as file:
            _check_length(file.frames / file.samplerate)
            return file.read(dtype="float32"), file.samplerate
    except Unreadable:
        raise
    except MemoryError:
        raise Unreadable("the sound needs more memory than there is") from None
    except Exception as error:  # libsndfile reports a damaged file in several ways
        reason = getattr(error, "error_string", None) or cause(error)
        raise Unreadable(f"no sound that can be decoded: {reason}") from error


def _decode_plain(content):
    """Read a WAV file of 16 bits by the standard library."""
    try:
        with wave.open(io.BytesIO(content)) as file:
            width, n_channels = file.getsampwidth(), file.getnchannels()
            rate, frames = file.getframerate(), file.readframes(file.getnframes())
    except Exception:  # damaged, or in another format
        width = None
    if width != 2 or not rate or not n_channels:
        raise Unreadable(
            "only WAV files of 16 bits can be read without the package soundfile; run "
            f"{install_command('audio')}"
        )
    samples = np.frombuffer(frames[: len(frames) // (2 * n_channels) * 2 * n_channels], "<i2")
    return _of_array(samples.reshape(-1, n_channels).astype(np.int16)), rate


def _resample(samples, own_rate, rate):
    try:
        import soxr
    except ImportError:
        raise Unreadable(
            f"has {own_rate:g} samples a second, and the network needs {rate}, and the package "
            f"soxr, which converts them, is not installed; run {install_command('audio')}"
        ) from None
    return soxr.resample(samples, own_rate, rate)
