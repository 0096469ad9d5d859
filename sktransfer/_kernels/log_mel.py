"""The logarithm of the energy of a sound in bands of pitch, frame by frame."""

from functools import lru_cache

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.fft import rfft

# Slaney's scale of pitch: linear up to 1000 Hz, logarithmic above.
_HERTZ_PER_MEL = 200 / 3
_KNEE_HERTZ = 1000.0
_KNEE_MEL = _KNEE_HERTZ / _HERTZ_PER_MEL
_LOG_STEP = np.log(6.4) / 27

# Powers below it count as silence.
SMALLEST_POWER = 1e-10
_SILENCE = np.float32(10 * np.log10(SMALLEST_POWER))

# Waves in [-1, 1] are measured in steps of 16 bits.
FULL_SCALE = 32767.0


def mel_of(hertz):
    """Convert frequencies to Slaney's scale of pitch.

    Parameters
    ----------
    hertz : array_like
        At least 0.

    Returns
    -------
    mel : ndarray
    """
    hertz = np.asarray(hertz, float)
    above = _KNEE_MEL + np.log(np.maximum(hertz, _KNEE_HERTZ) / _KNEE_HERTZ) / _LOG_STEP
    return np.where(hertz < _KNEE_HERTZ, hertz / _HERTZ_PER_MEL, above)


def hertz_of(mel):
    """Convert Slaney's scale of pitch to frequencies: the inverse of `mel_of`.

    Parameters
    ----------
    mel : array_like
        At least 0.

    Returns
    -------
    hertz : ndarray
    """
    mel = np.asarray(mel, float)
    above = _KNEE_HERTZ * np.exp(_LOG_STEP * (np.maximum(mel, _KNEE_MEL) - _KNEE_MEL))
    return np.where(mel < _KNEE_MEL, mel * _HERTZ_PER_MEL, above)


@lru_cache(maxsize=16)
def mel_weights(*, rate, n_fft, n_bands, low, high):
    r"""Weights of the frequencies of a spectrum in bands of equal width on the scale of pitch.

    Let :math:`f_0 = low, \dots, f_{b+1} = high` be equally spaced on Slaney's scale [1]_. Band
    :math:`j` is a triangle over :math:`f_{j-1}, f_j, f_{j+1}` of area 1 (in Hz):

    .. math:: w_j(f) = \frac{2}{f_{j+1} - f_{j-1}} \max\Bigl(0, \min\Bigl(
              \frac{f - f_{j-1}}{f_j - f_{j-1}}, \frac{f_{j+1} - f}{f_{j+1} - f_j}\Bigr)\Bigr).

    Parameters
    ----------
    rate : int
        Samples a second.
    n_fft : int
        Length of the Fourier transform, in samples.
    n_bands : int
        Number of bands :math:`b`.
    low, high : float
        Limits in Hz.

    Returns
    -------
    weights : ndarray of shape (n_fft // 2 + 1, n_bands), float32, read-only

    References
    ----------
    .. [1] M. Slaney, "Auditory Toolbox: version 2", Interval Research Corporation, technical report
       1998-010, 1998.
    """
    edges = hertz_of(np.linspace(mel_of(low), mel_of(high), n_bands + 2))
    frequencies = np.arange(n_fft // 2 + 1)[:, None] * (rate / n_fft)
    left, middle, right = edges[:-2], edges[1:-1], edges[2:]
    up = (frequencies - left) / (middle - left)
    down = (right - frequencies) / (right - middle)
    weights = np.maximum(0, np.minimum(up, down)) * (2 / (right - left))
    weights = weights.astype(np.float32)
    weights.setflags(write=False)
    return weights


@lru_cache(maxsize=16)
def hann_window(*, window, n_fft):
    """A periodic Hann window in the middle of a frame.

    Parameters
    ----------
    window : int
        Length of the window, in samples, at most `n_fft`.
    n_fft : int
        Length of the frame.

    Returns
    -------
    weights : ndarray of shape (n_fft,), float32, read-only
        0 outside the window.
    """
    weights = np.zeros(n_fft, np.float32)
    start = (n_fft - window) // 2
    weights[start : start + window] = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window) / window)
    weights.setflags(write=False)
    return weights


def log_mel(wave, *, rate, window, hop, n_fft, n_bands, low, high, span):
    r"""Compute the log-mel spectrogram of one sound, in decibels.

    Frame :math:`t` holds the samples from :math:`t \cdot hop` on. With the window :math:`h`, the
    weights :math:`W` of `mel_weights` and :math:`x` measured in steps of 16 bits:

    .. math:: P_t = |\mathrm{FFT}(h \odot x_t)|^2, \qquad
              L_t = 10 \log_{10} \max(P_t W, 10^{-10}), \qquad
              L \leftarrow \max(L, \max L - span).

    The limit of the last step belongs to this sound alone. Some front ends take it over a whole
    batch, so that a loud sound changes the features of the others.

    Parameters
    ----------
    wave : ndarray of shape (n_samples,), float
        In [-1, 1], at least `n_fft` samples.
    rate : int
        Samples a second.
    window, hop, n_fft : int
        Length of the window, step between frames and length of a frame, in samples.
    n_bands : int
        Number of bands.
    low, high : float
        Limits of the bands in Hz.
    span : float
        Range in dB: values that lie further below the loudest are raised to it.

    Returns
    -------
    decibels : ndarray of shape (1 + (n_samples - n_fft) // hop, n_bands), float32
    """
    wave = np.asarray(wave, np.float32)
    decibels = np.full((1 + (len(wave) - n_fft) // hop, n_bands), _SILENCE, np.float32)
    sound = wave != 0
    if not sound.any():
        return decibels
    # Frames of nothing but zeros before and after the sound need no transform.
    first = max(0, (int(sound.argmax()) - n_fft) // hop + 1)
    stop = 1 + (len(wave) - 1 - int(sound[::-1].argmax())) // hop
    frames = sliding_window_view(wave, n_fft)[first * hop : stop * hop : hop]
    weighted = frames * (np.float32(FULL_SCALE) * hann_window(window=window, n_fft=n_fft))
    # The bands reach no other frequencies.
    used = slice(int(low * n_fft / rate), int(high * n_fft / rate) + 1)
    spectra = rfft(weighted, overwrite_x=True)[:, used]
    power = spectra.real**2 + spectra.imag**2
    weights = mel_weights(rate=rate, n_fft=n_fft, n_bands=n_bands, low=low, high=high)[used]
    heard = decibels[first : first + len(frames)]
    np.log10(np.maximum(power @ weights, np.float32(SMALLEST_POWER)), out=heard)
    heard *= 10
    return np.maximum(decibels, decibels.max() - np.float32(span))
