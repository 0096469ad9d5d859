"""Spoken digits from a speech synthesizer, as log-mel frames."""

from importlib.resources import files
from typing import Literal, overload

import numpy as np
from sklearn.utils import Bunch


@overload
def load_synthetic_digits(*, return_X_y: Literal[False] = False) -> Bunch: ...


@overload
def load_synthetic_digits(*, return_X_y: Literal[True]) -> tuple[np.ndarray, np.ndarray]: ...


def load_synthetic_digits(*, return_X_y: bool = False) -> Bunch | tuple[np.ndarray, np.ndarray]:
    """Load the ten digits as a speech synthesizer speaks them, in 40 voices.

    Each digit is in the middle of one second. It is a source domain for recordings of people:
    synthetic source, human target. No person is heard.

    Parameters
    ----------
    return_X_y : bool, default=False
        Whether to return ``(data, target)`` alone.

    Returns
    -------
    digits : :class:`~sklearn.utils.Bunch`
        data : ndarray of shape (n_samples, 97, 32), dtype float32
            Log-mel frames in decibels, in steps of a half. Frames are 10 ms apart, and the 32 bands
            lie between 60 and 3800 Hz.
        target : ndarray of shape (n_samples,), dtype int64
            The digits.
        voice : ndarray of shape (n_samples,), dtype str
            The accent and the voice of each sound.
        target_names : list
            The digits, 0 to 9.
        DESCR : str
            The origin of the data.
    (data, target) : tuple if ``return_X_y=True``

    Examples
    --------
    >>> digits = load_synthetic_digits()
    >>> digits.data.shape
    (400, 97, 32)
    >>> str(digits.voice[0])
    'en-us+m1'
    """
    path = files("sktransfer.datasets") / "data" / "synthetic_digits.npz"
    with path.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
        data = stored["frames"] / np.float32(2)
        target = stored["target"].astype(np.int64)
        voice = stored["voices"][stored["voice"]]
    if return_X_y:
        return data, target
    return Bunch(
        data=data,
        target=target,
        voice=voice,
        target_names=list(range(10)),
        DESCR=(
            f"{len(target)} spoken digits in {len(np.unique(voice))} voices of the synthesizer "
            "espeak-ng, made by tools/speech/spoken_digits.py in the repository: ten voices in "
            "four English accents, at speeds and pitches drawn at random, limited to the "
            "frequencies of a telephone. No recording of a person is among them."
        ),
    )
