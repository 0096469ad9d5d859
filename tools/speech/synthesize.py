"""Words that espeak-ng speaks, as log-mel frames."""

import ctypes
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soxr

from sktransfer._kernels.log_mel import log_mel

from .voices import N_ACCENTS, N_VOICES, Speaker, numbers

RATE = 16000
LOG_MEL = {
    "rate": RATE,
    "window": 400,
    "hop": 160,
    "n_fft": 512,
    "n_bands": 32,
    "low": 60.0,
    "high": 3800.0,
    "span": 60.0,
}
"""How the network hears, as arguments of the kernel."""

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
DIGIT_SHARE = 16
"""A digit is spoken so many times as often as another word, if it is learned."""

SPEED = (105, 240)
PITCH = (30, 70)
STRETCH = (0.93, 1.07)
"""Range of a change of pace, pitch and resonances at once, by resampling."""

ENDINGS = ("", "", ",", "?", "!")
"""They change the melody of a word."""

SILENCE = 45.0
"""Samples so many dB below the loudest, at both ends of a word, are cut off."""

MARGIN = 512

SILENT = "_"
"""The name of no phoneme; it is number 0."""


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        *((name, ctypes.c_int) for name in ("identifier", "text_position", "length")),
        *((name, ctypes.c_int) for name in ("milliseconds", "sample")),
        ("user_data", ctypes.c_void_p),
        ("phoneme", ctypes.c_char * 8),
    )


_CALLBACK = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)

# Of speak_lib.h: modes, parameters and types of events.
_SYNCHRONOUS, _WITH_PHONEMES, _SPEED, _PITCH, _LAST, _PHONEME = 2, 1, 1, 3, 0, 7


@dataclass(frozen=True)
class Clips:
    """Log-mel frames of many words, end to end.

    Attributes
    ----------
    frames : ndarray of shape (n_frames, 32), float16
        In decibels.
    length : ndarray of shape (n,)
        Number of frames of each clip.
    word : ndarray of shape (n,)
        Index into the words.
    voice : ndarray of shape (n,)
        Number of the voice.
    phoneme : ndarray of shape (n_frames,), uint8
        Index of the phoneme of each frame.
    phonemes : ndarray of str
        The names of the phonemes.
    """

    frames: np.ndarray
    length: np.ndarray
    word: np.ndarray
    voice: np.ndarray
    phoneme: np.ndarray
    phonemes: np.ndarray

    @property
    def start(self):
        """The first frame of each clip."""
        return np.cumsum(self.length) - self.length

    def take(self, rows):
        """Return some of the clips."""
        spans = zip(self.start[rows], self.length[rows], strict=True)
        kept = np.concatenate([np.arange(start, start + n) for start, n in spans])
        return Clips(
            self.frames[kept],
            self.length[rows],
            self.word[rows],
            self.voice[rows],
            self.phoneme[kept],
            self.phonemes,
        )


def words(*, digits=True):
    """Name the words that the network learns: ten digits, and common words.

    Parameters
    ----------
    digits : bool, default=True
        Whether the digits are among them.

    Returns
    -------
    list of str
        The digits first.
    """
    return [*(DIGITS if digits else ()), *Path(__file__).with_name("words.txt").read_text().split()]


class Espeak:
    """The library of espeak-ng, which can be opened once in a process.

    The noise in its voices goes on from word to word.

    Parameters
    ----------
    data : Path
        The folder of the voices.
    """

    def __init__(self, data):
        try:
            self._library = ctypes.CDLL("libespeak-ng.so.1")
        except OSError:
            raise RuntimeError("espeak-ng is not installed: apt-get install espeak-ng.") from None
        self._parts, self._events = [], []
        self._callback = _CALLBACK(self._receive)  # it must live as long as the library calls it
        self.rate = self._library.espeak_Initialize(
            _SYNCHRONOUS, 0, bytes(data.parent), _WITH_PHONEMES
        )
        self._library.espeak_SetSynthCallback(self._callback)

    def _receive(self, samples, n_samples, events):
        if n_samples > 0:
            self._parts.append(np.ctypeslib.as_array(samples, (n_samples,)).copy())
        place = 0
        while events[place].type != _LAST:
            if events[place].type == _PHONEME:
                name = events[place].phoneme.decode().rstrip(":") or SILENT
                self._events.append((events[place].sample, name))
            place += 1
        return 0

    def speak(self, word, speaker, *, speed, pitch, stretch, ending=""):
        """Speak a word.

        Parameters
        ----------
        word : str
        speaker : str
            A name that espeak-ng knows.
        speed : int
            Words a minute.
        pitch : int
            From 0 to 99.
        stretch : float
            The pace of a resampling.

        Returns
        -------
        samples : ndarray of shape (n_samples,), float32
            At 16 kHz, in [-1, 1], without silence at its ends.
        events : list of (float, str)
            The sample at which each phoneme begins, and its name.
        """
        library, text = self._library, (word + ending).encode() + b"\0"
        self._parts.clear()
        self._events.clear()
        if library.espeak_SetVoiceByName(speaker.encode()):
            raise RuntimeError(f"espeak-ng has no voice {speaker!r}.")
        library.espeak_SetParameter(_SPEED, speed, 0)
        library.espeak_SetParameter(_PITCH, pitch, 0)
        library.espeak_Synth(text, len(text), 0, 1, 0, 1, None, None)
        samples = np.concatenate(self._parts).astype(np.float32) / 2**15
        samples = soxr.resample(samples, self.rate * stretch, RATE)
        first, last = loud_part(samples)
        pace = RATE / (self.rate * stretch)
        events = [(sample * pace - first, name) for sample, name in self._events]
        return samples[first:last], events


def loud_part(samples):
    """Find where silence at both ends of a sound ends.

    Parameters
    ----------
    samples : ndarray of shape (n_samples,)

    Returns
    -------
    first, last : int
        The loud part is ``samples[first:last]``.
    """
    level = np.abs(samples).max() * 10 ** (-SILENCE / 20)
    loud = np.flatnonzero(np.abs(samples) > level)
    return loud[0], loud[-1] + 1


def hear(samples, margin=0, **options):
    """Compute the log-mel frames of a sound.

    Parameters
    ----------
    samples : ndarray of shape (n_samples,)
    margin : int, default=0
        The number of samples of silence at each end.
    **options
        In the place of some of `LOG_MEL`.

    Returns
    -------
    ndarray of shape (n_frames, 32), float32
    """
    return log_mel(np.pad(samples, margin), **LOG_MEL | options)


def draw_clips(n_words, n_each, *, held_out, seed):
    """Draw which voice speaks which word, and how.

    Parameters
    ----------
    n_words, n_each : int
        Number of words, and of clips of each.
    held_out : bool
        Whether the voices are those of validation.
    seed : list of int

    Returns
    -------
    list of (int, Speaker, dict)
        Index of the word, its speaker, and arguments of `speak`; in random order, but for the
        further clips of the digits, which are for training alone and come last.
    """
    voices, accents = (numbers(n, held_out=held_out) for n in (N_VOICES, N_ACCENTS))
    generator, more = (np.random.default_rng([*seed, held_out, *rest]) for rest in ((), (1,)))
    drawn = [
        _draw(generator, word, voices, accents)
        for word in generator.permutation(np.repeat(np.arange(n_words), n_each))
    ]
    if held_out:
        return drawn
    extra = np.repeat(np.arange(len(DIGITS)), n_each * (DIGIT_SHARE - 1))
    return drawn + [_draw(more, word, voices, accents) for word in extra]


def _draw(generator, word, voices, accents):
    """Draw a voice, an accent and a manner for a word."""
    speaker = Speaker(int(generator.choice(voices)), int(generator.choice(accents)))
    manner = {
        "speed": int(generator.integers(*SPEED)),
        "pitch": int(generator.integers(*PITCH)),
        "stretch": float(generator.uniform(*STRETCH)),
        "ending": str(generator.choice(ENDINGS)),
    }
    return int(word), speaker, manner


def synthesize(drawn, data):
    """Speak clips.

    Parameters
    ----------
    drawn : list
        As `draw_clips` returns it.
    data : Path
        The folder of the voices.

    Returns
    -------
    Clips
    """
    espeak, names = Espeak(data), words()
    frames, spoken = [], []
    for word, speaker, manner in drawn:
        samples, events = espeak.speak(names[word], speaker.name, **manner)
        frames.append(hear(samples, MARGIN).astype(np.float16))
        spoken.append(phoneme_of_frames(events, len(frames[-1])))
    phonemes, codes = np.unique(np.concatenate(spoken), return_inverse=True)
    return Clips(
        np.concatenate(frames),
        np.array([len(part) for part in frames]),
        np.array([word for word, _, _ in drawn]),
        np.array([speaker.voice for _, speaker, _ in drawn]),
        codes.astype(np.uint8),
        phonemes,
    )


def joined(parts):
    """Put clips of several sets of voices together; silence becomes phoneme 0.

    Parameters
    ----------
    parts : list of Clips

    Returns
    -------
    Clips
    """
    names = np.unique(np.concatenate([part.phonemes for part in parts]))
    names = np.array([SILENT, *names[names != SILENT]])
    number = {name: code for code, name in enumerate(names.tolist())}
    codes = [np.array([number[name] for name in part.phonemes.tolist()]) for part in parts]
    return Clips(
        np.concatenate([part.frames for part in parts]),
        np.concatenate([part.length for part in parts]),
        np.concatenate([part.word for part in parts]),
        np.concatenate([part.voice + N_VOICES * place for place, part in enumerate(parts)]),
        np.concatenate(
            [code[part.phoneme] for code, part in zip(codes, parts, strict=True)]
        ).astype(np.uint8),
        names,
    )


def phoneme_of_frames(events, n_frames):
    """Name the phoneme in the middle of each frame.

    Parameters
    ----------
    events : list of (float, str)
        As `Espeak.speak` returns them.
    n_frames : int

    Returns
    -------
    ndarray of shape (n_frames,), dtype str
    """
    middles = np.arange(n_frames) * LOG_MEL["hop"] + LOG_MEL["n_fft"] / 2 - MARGIN
    starts = np.array([start for start, _ in events])
    names = np.array([SILENT, *(name for _, name in events)])
    return names[np.searchsorted(starts, middles, side="right")]
