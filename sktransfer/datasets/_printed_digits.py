"""Printed digits, in the format of scikit-learn's handwritten ones."""

from importlib.resources import files
from typing import Literal, overload

import numpy as np
from sklearn.utils import Bunch


@overload
def load_printed_digits(*, return_X_y: Literal[False] = False) -> Bunch: ...


@overload
def load_printed_digits(*, return_X_y: Literal[True]) -> tuple[np.ndarray, np.ndarray]: ...


def load_printed_digits(*, return_X_y: bool = False) -> Bunch | tuple[np.ndarray, np.ndarray]:
    """Load digits rendered from free fonts, in the format of `sklearn.datasets.load_digits`.

    Each digit of each face was rendered as a 32 x 32 bitmap and counted in blocks of 4 x 4, like
    the handwritten digits of scikit-learn. Both have 64 features from 0 to 16 that mean the same. A
    source domain for them, then: printed source, handwritten target.

    Parameters
    ----------
    return_X_y : bool, default=False
        Whether to return ``(data, target)`` alone.

    Returns
    -------
    digits : :class:`~sklearn.utils.Bunch`
        data : ndarray of shape (n_samples, 64), dtype float64
            Pixel rows, from 0 (paper) to 16 (ink).
        images : ndarray of shape (n_samples, 8, 8), dtype float64
            The same as images.
        bitmaps : ndarray of shape (n_samples, 32, 32), dtype uint8
            The bitmaps that were counted, of zeros and ones.
        target : ndarray of shape (n_samples,), dtype int64
            The digits.
        face : ndarray of shape (n_samples,), dtype str
            The font's face that each image was rendered from.
        feature_names, target_names : list
            As in `load_digits`.
        DESCR : str
            The origin of the data.
    (data, target) : tuple if ``return_X_y=True``

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> printed, handwritten = load_printed_digits(), load_digits()
    >>> printed.feature_names == handwritten.feature_names
    True
    """
    path = files("sktransfer.datasets") / "data" / "printed_digits.npz"
    with path.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
        bitmaps = np.unpackbits(stored["bitmaps"], axis=1).reshape(-1, 32, 32)
        target = stored["target"].astype(np.int64)
        face = stored["faces"][stored["face"]]
    images = bitmaps.reshape(-1, 8, 4, 8, 4).sum(axis=(2, 4), dtype=np.float64)
    data = images.reshape(-1, 64)
    if return_X_y:
        return data, target
    return Bunch(
        data=data,
        images=images,
        bitmaps=bitmaps,
        target=target,
        face=face,
        feature_names=[f"pixel_{row}_{column}" for row in range(8) for column in range(8)],
        target_names=list(range(10)),
        DESCR=(
            f"{len(target)} printed digits from {len(np.unique(face))} faces of free fonts, one "
            "image a face and digit, rendered by tools/glyphs/printed_digits.py in the repository. "
            "None of the faces is drawn from, or imitates, handwriting."
        ),
    )
