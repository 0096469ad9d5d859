"""The spoken digits that ship with sktransfer: voices and accents as espeak-ng brings them."""

import numpy as np
import soxr

from .synthesize import DIGITS, RATE, Espeak, hear
from .voices import data_folder

ACCENTS = ("en-us", "en", "en-gb-scotland", "en-gb-x-rp")
VARIANTS = ("m1", "m2", "m3", "m4", "m7", "f1", "f2", "f3", "f4", "f5")

SPEED = (120, 190)
PITCH = (30, 70)
SEED = 0

N_FRAMES = 97
"""Of one second."""

NARROW = 8000
"""Samples a second of a telephone, which the clips have passed."""

LEVELS = 2
"""Levels for each decibel."""

SPAN = 80.0
"""Decibels between the loudest and the quietest value."""


def spoken_digits():
    """Let each voice speak the ten digits once.

    Returns
    -------
    dict of str to ndarray
        ``frames`` of shape (n, 97, 32), uint8, in half decibels; ``target`` and ``voice`` of shape
        (n,); ``voices``, the names that ``voice`` counts.
    """
    generator, espeak = np.random.default_rng(SEED), Espeak(data_folder())
    voices = [f"{accent}+{variant}" for accent in ACCENTS for variant in VARIANTS]
    clips = []
    for voice in voices:
        for digit in DIGITS:
            manner = {
                "speed": int(generator.integers(*SPEED)),
                "pitch": int(generator.integers(*PITCH)),
            }
            samples, _ = espeak.speak(digit, voice, stretch=1.0, **manner)
            clips.append(in_one_second(samples))
    return {
        "frames": np.stack(clips),
        "target": np.tile(np.arange(10, dtype=np.uint8), len(voices)),
        "voice": np.repeat(np.arange(len(voices), dtype=np.uint8), 10),
        "voices": np.array(voices),
    }


def in_one_second(samples):
    """Compute the frames of a clip in the middle of one second, as a telephone passes it on.

    Parameters
    ----------
    samples : ndarray of shape (n_samples,)

    Returns
    -------
    ndarray of shape (97, 32), uint8
    """
    samples = soxr.resample(soxr.resample(samples, RATE, NARROW), NARROW, RATE)[:RATE]
    missing = RATE - len(samples)
    decibels = hear(np.pad(samples, (missing // 2, missing - missing // 2)), span=SPAN)
    return np.round(LEVELS * decibels).clip(0, 255).astype(np.uint8)
