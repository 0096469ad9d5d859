"""From samples to the input of a network, as nodes of an ONNX graph."""

import math

import numpy as np

from sktransfer._kernels.log_mel import FULL_SCALE, SMALLEST_POWER, hann_window, mel_weights

# The version of ONNX's operators that the nodes are in.
SOUND_OPSET = 13


def write_sound(writer, source, inputs):
    """Write all that happens to samples before the network sees them.

    It repeats `SoundPreprocessing`; the Fourier transform is a convolution with cosines and sines
    of the frequencies that lie in a band.

    Parameters
    ----------
    writer : GraphWriter
    source : str
        The tensor (n, n_samples), float32, from -1 to 1, at the network's own rate.
    inputs : SoundPreprocessing

    Returns
    -------
    name : str
        Of the input of the network, (n * n_windows, 1, n_frames, n_bands), float32.
    n_windows : str
        Of the number of windows of each sound, int64 (1,).
    """
    samples = writer.add("Mul", _padded(writer, source, inputs), np.float32(FULL_SCALE).reshape(1))
    waves = writer.add("Unsqueeze", samples, np.array([1, 2]))
    weights = {name: getattr(inputs, name) for name in ("rate", "n_fft", "n_bands", "low", "high")}
    bands = mel_weights(**weights)
    used = np.flatnonzero(bands.any(axis=1))
    spectra = writer.add("Conv", waves, _waves(inputs, used), strides=[1, inputs.hop])
    bands = np.concatenate([bands[used]] * 2).T[:, :, None, None]
    power = writer.add("Conv", writer.add("Mul", spectra, spectra), bands)
    power = writer.add("Max", power, np.float32(SMALLEST_POWER).reshape(1))
    decibels = writer.add("Mul", writer.add("Log", power), np.float32(10 / math.log(10)).reshape(1))
    frames = writer.add("Transpose", decibels, perm=[0, 2, 3, 1])
    least = writer.add(
        "Sub", writer.add("GlobalMaxPool", frames), np.float32(inputs.span).reshape(1)
    )
    frames = writer.add("Max", frames, least)
    frames = writer.add("Mul", frames, np.float32(inputs.scale).reshape(1))
    frames = writer.add("Add", frames, np.float32(inputs.offset).reshape(1))
    return _windows(writer, frames, inputs)


def write_mean(writer, features, n_windows, n_features):
    """Write the mean over the windows of each sound, of features (n * n_windows, n_features)."""
    shape = writer.add("Concat", np.array([-1]), n_windows, np.array([n_features]), axis=0)
    parts = writer.add("Transpose", writer.add("Reshape", features, shape), perm=[0, 2, 1])
    means = writer.add("GlobalAveragePool", parts)
    return writer.add("Reshape", means, np.array([0, n_features]))


def _length(writer, source, axis):
    return writer.add("Gather", writer.add("Shape", source), np.array([axis]), axis=0)


def _padded(writer, source, inputs):
    """Samples with silence around them, for the shortest sound that the network takes."""
    least = inputs.n_fft + (inputs.shortest - 1) * inputs.hop
    missing = writer.add("Sub", np.array([least]), _length(writer, source, 1))
    missing = writer.add("Max", missing, np.array([0]))
    before = writer.add("Div", missing, np.array([2]))
    zero = np.array([0])
    pads = writer.add("Concat", zero, before, zero, writer.add("Sub", missing, before), axis=0)
    return writer.add("Pad", source, pads)


def _waves(inputs, used):
    """The window times cosines and sines of some frequencies: (2 * n_used, 1, 1, n_fft)."""
    angles = 2 * np.pi / inputs.n_fft * np.outer(used, np.arange(inputs.n_fft))
    waves = np.concatenate([np.cos(angles), np.sin(angles)])
    waves = waves * hann_window(window=inputs.window, n_fft=inputs.n_fft)
    return waves.astype(np.float32)[:, None, None]


def _windows(writer, frames, inputs):
    """The windows of frames (n, 1, t, n_bands), as `SoundPreprocessing.windows` places them."""
    excess = writer.add("Sub", _length(writer, frames, 2), np.array([inputs.n_frames]))
    one, zero = np.array([1]), np.array([0])
    if inputs.long_sound == "middle":
        n_windows = writer.constant(one)
    else:
        n_windows = writer.add("Add", writer.add("Div", excess, np.array([inputs.step])), one)
    gaps = writer.add("Sub", n_windows, one)
    count = writer.add("Squeeze", n_windows, zero)
    places = writer.add("Range", np.array(0), count, np.array(1))
    spread = writer.add("Mul", writer.cast(places, np.float64), writer.cast(excess, np.float64))
    width = writer.cast(writer.add("Max", gaps, one), np.float64)
    starts = writer.cast(writer.add("Round", writer.add("Div", spread, width)), np.int64)
    middle = writer.add("Div", excess, np.array([2]))
    starts = writer.add("Where", writer.add("Equal", gaps, zero), middle, starts)
    column = writer.add("Reshape", starts, np.array([-1, 1]))
    rows = writer.add("Add", column, np.arange(inputs.n_frames))
    windows = writer.add("Gather", frames, rows, axis=2)
    shape = np.array([-1, 1, inputs.n_frames, inputs.n_bands])
    return writer.add("Reshape", windows, shape), n_windows
