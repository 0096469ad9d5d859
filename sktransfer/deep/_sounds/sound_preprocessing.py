"""How sounds become the input of a network: a small frozen description."""

import json
import math
from dataclasses import dataclass, fields, replace
from numbers import Integral, Real

import numpy as np

from sktransfer._kernels.log_mel import log_mel
from sktransfer._messages import shown
from sktransfer.deep._items import InputDescription, Unreadable
from sktransfer.deep._sounds.sounds import read_sounds


@dataclass(frozen=True)
class SoundPreprocessing(InputDescription):
    """How a sound becomes the input of a network: its energy in bands of pitch over time.

    A sound at `rate` samples a second becomes frames of `n_bands` numbers in decibels, by `n_fft`,
    `window`, `hop`, `low`, `high` and `span`. The scale of pitch is linear up to 1000 Hz and
    logarithmic above (Slaney's). The input is ``scale * decibels + offset``. Samples are measured
    in steps of 16 bits, so that the loudest tone has about 140 dB.

    A sound with fewer than `shortest` frames has silence added before and after it. The network
    sees `n_frames` frames at a time, in windows `step` frames apart or a little more, spread over
    the whole sound. The features of a sound are the mean over its windows. While stages of a
    network are trained, and after it, the middle window alone is used (``long_sound="middle"``).

    The defaults are those of Google's speech_embedding, with one window more for each 80 ms.

    Parameters
    ----------
    rate : int, default=16000
        Samples a second; others are converted.
    window, hop, n_fft : int, default=400, 160, 512
        In samples: length of the Hann window, step between frames, length of a frame.
    n_bands : int, default=32
        Number of bands.
    low, high : float, default=60.0, 3800.0
        Limits of the bands in Hz.
    span : float, default=80.0
        In decibels: values that are lower than the loudest value of the sound by more are raised.
    scale, offset : float, default=0.1, 2.0
        From decibels to the input.
    n_frames : int, default=76
        Number of frames of a window.
    step : int, default=8
        Number of frames between windows.
    shortest : int, default=97
        Number of frames of the shortest sound, at least `n_frames`; 97 are one second.
    long_sound : {"windows", "middle"}, default="windows"
        Whether the network sees a longer sound in several windows, or its middle only.

    Raises
    ------
    ValueError
        When a field is none of these; all faults in one message.
    """

    rate: int = 16000
    window: int = 400
    hop: int = 160
    n_fft: int = 512
    n_bands: int = 32
    low: float = 60.0
    high: float = 3800.0
    span: float = 80.0
    scale: float = 0.1
    offset: float = 2.0
    n_frames: int = 76
    step: int = 8
    shortest: int = 97
    long_sound: str = "windows"

    kind = "sound"

    # The input is a picture of one channel to the network.
    channels = 1

    def __post_init__(self):
        faults = []
        whole = [field.name for field in fields(self) if field.type is int]
        for name in whole:
            value = getattr(self, name)
            if not isinstance(value, Integral) or isinstance(value, bool) or value < 1:
                faults.append(f"{name}={shown(value)} must be a whole number, 1 or more")
        for name in ("low", "high", "span", "scale", "offset"):
            value = getattr(self, name)
            if not isinstance(value, Real) or not math.isfinite(value):
                faults.append(f"{name}={shown(value)} must be a finite number")
        if self.long_sound not in ("windows", "middle"):
            faults.append(f"long_sound={shown(self.long_sound)} must be 'windows' or 'middle'")
        if not faults:
            faults = self._find_contradictions()
        if faults:
            raise ValueError(f"A preprocessing cannot be used: {'; '.join(faults)}.")

    def _find_contradictions(self):
        faults = []
        if not 0 <= self.low < self.high <= self.rate / 2:
            faults.append(
                f"low={self.low:g} and high={self.high:g} must be frequencies in order, at most "
                f"half of rate={self.rate}"
            )
        if self.window > self.n_fft:
            faults.append(f"window={self.window} must be at most n_fft={self.n_fft}")
        if self.shortest < self.n_frames:
            faults.append(f"shortest={self.shortest} must be at least n_frames={self.n_frames}")
        if self.span <= 0:
            faults.append(f"span={self.span:g} must be positive")
        return faults

    @classmethod
    def from_json(cls, text: str) -> "SoundPreprocessing":
        """Read the description that a network file carries.

        Parameters
        ----------
        text : str
            A JSON object of the fields that differ from their defaults, and ``kind``, "sound".

        Returns
        -------
        preprocessing : SoundPreprocessing
        """
        return cls(**{name: value for name, value in json.loads(text).items() if name != "kind"})

    @property
    def size(self):
        """Frames and bands of the input, (int, int)."""
        return self.n_frames, self.n_bands

    def read(self, X, estimator, *, reset, on_error="raise"):
        """Check X, and return its sounds; as for `InputDescription.read`."""
        return read_sounds(X, self, estimator, reset=reset)

    def fit_to(self, channels, of):
        """Return the description, if a network (`of`) takes so many channels."""
        if channels != 1:
            raise ValueError(
                f"preprocessing={shown(self)} makes inputs of one channel, but {of} takes "
                f"{channels}: use another network."
            )
        return self

    def as_one_input(self):
        """Return a description with which each sound is one input, the middle of it."""
        return replace(self, long_sound="middle")

    def input_shape(self, items):
        """Return the shape of one window."""
        return self.channels, *self.size

    def decibels(self, wave):
        """Compute the frames (n, n_bands) of a wave, with silence around it if it is short."""
        missing = self.n_fft + (self.shortest - 1) * self.hop - len(wave)
        if missing > 0:
            wave = np.pad(wave, (missing // 2, missing - missing // 2))
        return log_mel(
            wave,
            rate=self.rate,
            window=self.window,
            hop=self.hop,
            n_fft=self.n_fft,
            n_bands=self.n_bands,
            low=self.low,
            high=self.high,
            span=self.span,
        )

    def check_decibels(self, decibels):
        """Return frames that a user has computed, with silence around them if they are few."""
        decibels = np.asarray(decibels, np.float32)
        if not np.isfinite(decibels).all():
            raise Unreadable("contains NaN or infinity")
        if not len(decibels):
            raise Unreadable("has no frames")
        decibels = np.maximum(decibels, decibels.max() - np.float32(self.span))
        missing = self.shortest - len(decibels)
        if missing <= 0:
            return decibels
        sides = (missing // 2, missing - missing // 2), (0, 0)
        return np.pad(decibels, sides, constant_values=decibels.min())

    @property
    def seconds(self):
        """How long one window is."""
        return (self.n_fft + (self.n_frames - 1) * self.hop) / self.rate

    def loses_frames(self, n):
        """Tell whether the network misses a part of n frames, of `step` or more."""
        return self.long_sound == "middle" and n - self.n_frames >= self.step

    def windows(self, decibels):
        """Cut frames (n, n_bands) into inputs of the network (n_windows, 1, n_frames, n_bands)."""
        excess = len(decibels) - self.n_frames
        n_windows = 1 if self.long_sound == "middle" else 1 + excess // self.step
        starts = [excess // 2]
        if n_windows > 1:
            starts = np.linspace(0, excess, n_windows).round().astype(int).tolist()
        inputs = np.float32(self.scale) * decibels + np.float32(self.offset)
        return np.stack([inputs[start : start + self.n_frames] for start in starts])[:, None]
