"""Voices and accents of espeak-ng, drawn at random: each is a small file of its own."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np

N_VOICES = 280
N_ACCENTS = 48
"""Together fewer than the 350 files that espeak-ng reads."""

HELD_OUT = 5
"""One voice and one accent of so many are kept for validation."""

SHARE_OF_KLATT = 0.35
"""Share of voices that espeak-ng's second synthesizer makes."""

RULES = {
    "en": "6",
    "en-us": "3 6",
    "en-sc": "2 5 6 7",
    "en-rp": "6",
    "en-wm": "6",
    "en-wi": "8",
    "en-n": "6",
    "en-us-nyc": "3 6",
}
"""Table of English phonemes -> rules of the dictionary."""

LENGTHS = (160, 150, 190, 180, 200, 200, 255, 290)
"""Lengths of vowels by their stress, in the middle of those of the accents."""

FOREIGN = (
    ("T", "s"),
    ("T", "t"),
    ("T", "f"),
    ("D", "d"),
    ("D", "z"),
    ("w", "v"),
    ("v", "w"),
    ("v", "b"),
    ("z", "s"),
    ("I", "i"),
    ("I2", "i"),
    ("V", "a"),
    ("V", "0"),
    ("a", "E"),
    ("E", "a"),
    ("@", "V"),
    ("h", "x"),
    ("r", "l"),
    ("N", "n"),
    ("0", "O:"),
    ("O:", "0"),
    ("3:", "E"),
    ("U", "u:"),
    ("i:", "I"),
    ("dZ", "tS"),
    ("eI", "E"),
    ("oU", "O:"),
)
"""Sounds that speakers of other languages put in the place of English ones."""


@dataclass(frozen=True)
class Speaker:
    """A voice with an accent.

    Attributes
    ----------
    voice, accent : int
        Numbers of the files.
    """

    voice: int
    accent: int

    @property
    def name(self):
        """The name that espeak-ng knows."""
        return f"en-x-a{self.accent:03d}+v{self.voice:03d}"


def is_held_out(number):
    """Say whether a voice or an accent is kept for validation."""
    return number % HELD_OUT == 0


def numbers(n, *, held_out=False):
    """Number the voices or accents of training, or those of validation.

    Parameters
    ----------
    n : int
        Number of files.
    held_out : bool, default=False

    Returns
    -------
    list of int
    """
    return [number for number in range(n) if is_held_out(number) == held_out]


def draw_voice(number, generator):
    """Write a voice: pitch, resonances of the vocal tract, breath.

    Parameters
    ----------
    number : int
        The number of the voice.
    generator : numpy.random.Generator

    Returns
    -------
    str
        The content of its file.
    """
    kind = generator.choice(3, p=[0.5, 0.35, 0.15])  # a man's, a woman's and a child's
    tract = generator.normal((1.0, 1.15, 1.25)[kind], 0.05)
    pitch = generator.uniform(*((70, 150), (150, 260), (220, 320))[kind])
    lines = [
        "language variant",
        f"name v{number:03d}",
        f"pitch {pitch:.0f} {pitch * generator.uniform(1.0, 1.6):.0f}",
        f"flutter {generator.integers(0, 15)}",
        f"roughness {generator.integers(0, 5)}",
        f"intonation {generator.integers(1, 5)}",
        f"voicing {generator.integers(40, 150)}",
        f"consonants {generator.integers(50, 160)} {generator.integers(50, 160)}",
    ]
    for formant in range(9):
        frequency = 100 * tract * generator.normal(1, 0.05)
        strength, width = 100 * np.exp(generator.normal(0, (0.35, 0.25), 2))
        lines.append(f"formant {formant} {frequency:.0f} {strength:.0f} {width:.0f}")
    if generator.random() < 0.3:
        breath = " ".join(str(value) for value in generator.integers(0, 8, 8))
        lines.append(f"breath {breath}")
    if generator.random() < SHARE_OF_KLATT:
        lines.append(f"klatt {generator.integers(1, 7)}")
    return "\n".join(lines) + "\n"


def draw_accent(number, generator):
    """Write an accent: an English one, of which some sounds are replaced.

    Parameters
    ----------
    number : int
        The number of the accent.
    generator : numpy.random.Generator

    Returns
    -------
    str
        The content of its file.
    """
    phonemes = tuple(RULES)[number % len(RULES)]
    lengths = LENGTHS * generator.uniform(0.8, 1.2, len(LENGTHS))
    lines = [
        f"name a{number:03d}",
        f"language en-x-a{number:03d}",
        f"phonemes {phonemes}",
        "dictionary en",
        f"dictrules {RULES[phonemes]}",
        "stressLength " + " ".join(f"{length:.0f}" for length in lengths),
    ]
    if number >= len(RULES):
        n_replaced = generator.integers(0, 9)
        chosen = generator.choice(len(FOREIGN), n_replaced, replace=False)
        replaced = dict(FOREIGN[place] for place in chosen)
        lines += [f"replace 00 {sound} {other}" for sound, other in replaced.items()]
    return "\n".join(lines) + "\n"


def write_voices(folder, *, seed):
    """Write all voices and accents into a copy of espeak-ng's data.

    Parameters
    ----------
    folder : Path
        Where the copy goes; it is made.
    seed : list of int
    """
    if not folder.is_dir():
        shutil.copytree(data_folder(), folder)
    for name in ("lang", "voices"):
        shutil.rmtree(folder / name)
    (folder / "voices" / "!v").mkdir(parents=True)
    (folder / "lang" / "gmw").mkdir(parents=True)
    generator = np.random.default_rng(seed)
    for number in range(N_VOICES):
        path = folder / "voices" / "!v" / f"v{number:03d}"
        path.write_text(draw_voice(number, generator))
    for number in range(N_ACCENTS):
        path = folder / "lang" / "gmw" / f"en-x-a{number:03d}"
        path.write_text(draw_accent(number, generator))


def data_folder():
    """Find the data of the espeak-ng that is installed.

    Returns
    -------
    Path

    Raises
    ------
    RuntimeError
        If it is not installed.
    """
    try:
        found = subprocess.run(["espeak-ng", "--version"], capture_output=True, text=True)
    except FileNotFoundError:
        raise RuntimeError("espeak-ng is not installed: apt-get install espeak-ng.") from None
    return Path(found.stdout.partition("Data at:")[2].strip())
