"""Warnings about pixels that are read with another range than they were made with."""

import warnings

import numpy as np

from sktransfer.deep._images.decode import dtype_range
from sktransfer.deep._images.sources import is_encoded

# Pixels that use less of their range than this are nearly black, or have nearly no contrast.
DIM = 1 / 8

# Pixels that lie beyond the range by more than this share of it are on another scale.
BEYOND = 0.5

# Ranges on which pixels of 0..1, or of 0..16, are nearly black.
_WIDE = ((0, 16), (0, 255), (0, 65535))


def limits(images):
    """Return the smallest and the largest value of each image without NaN and infinity.

    Parameters
    ----------
    images : ndarray of shape (n, ...)

    Returns
    -------
    lows, highs : ndarray of shape (m,), float64, m <= n
    """
    flat = images.reshape(len(images), -1)
    lows, highs = flat.min(axis=1).astype(np.float64), flat.max(axis=1).astype(np.float64)
    finite = np.isfinite(lows) & np.isfinite(highs)
    return lows[finite], highs[finite]


def warn_if_dim(dtype, implied, low, high):
    """Warn at `fit` of pixels that use little of the range that their dtype implies.

    Parameters
    ----------
    dtype : str
    implied : (int, int)
    low, high : float
        The smallest and the largest pixel that `fit` sees.
    """
    used = high - (low if implied[0] < 0 else 0)
    if low < high and used <= DIM * (implied[1] - implied[0]) and implied != (0, 1):
        how = "nearly black" if implied[0] == 0 else "with nearly no contrast"
        warnings.warn(
            f"X holds {dtype} pixels that lie within {low:g}..{high:g}, but are read as "
            f"{implied[0]}..{implied[1]}, {how}: pass value_range=(low, high), the values of black "
            "and white.",
            UserWarning,
            stacklevel=5,
        )


def warn_of_other_scale(X, image_format):
    """Warn of pixels whose scale does not seem to be the one that `fit` has seen.

    Integers of 8 and 16 bits imply their own range, so the 0..16 of `load_digits` as uint8 are
    nearly black after a fit on floating point. Floating point and wide integers have the range of
    `fit`: pixels of 0..1 are nearly black after a fit on 0..255, and pixels of 0..255 nearly white
    after a fit on 0..1.

    Parameters
    ----------
    X : ndarray of 2, 3 or 4 dimensions, or list
        What `validate_images` returned. Files are left out; they are seen when they are decoded.
    image_format : ImageFormat
        What `fit` has learned.
    """
    learned = image_format.value_range
    if image_format.imposed or learned is None:
        return
    for dtype, images in _by_dtype(X).items():
        reason = _reason(images, dtype_range(dtype), tuple(learned))
        if reason is not None:
            warnings.warn(
                f"X holds {dtype} pixels {reason}: pass value_range=(low, high), or pixels of the "
                "dtype and scale that fit has seen.",
                UserWarning,
                stacklevel=4,
            )


def _by_dtype(X):
    """The arrays of X by their dtype: a list of blocks (n, ...)."""
    if not isinstance(X, list):
        return {X.dtype: [X]}
    groups = {}
    for item in X:
        if not is_encoded(item) and getattr(item, "ndim", 0) >= 2:
            pixels = _as_array(item)
            if pixels is not None and pixels.dtype.kind in "biuf" and pixels.size:
                groups.setdefault(pixels.dtype, []).append(pixels[np.newaxis])
    return groups


def _as_array(item):
    try:
        return np.asarray(item)
    except Exception:  # its reason is given when it is read
        return None


def _reason(blocks, implied, learned):
    """What is wrong with pixels of one dtype; None if nothing is."""
    lows, highs = map(np.concatenate, zip(*map(limits, blocks), strict=True))
    if not lows.size or lows.min() == highs.max():
        return None
    low, high, n = lows.min(), highs.max(), len(lows)
    if implied is not None:
        narrow = learned[1] - learned[0] <= DIM * (implied[1] - implied[0])
        if narrow and learned[0] <= low and high <= learned[1]:
            return (
                f"that lie within {_text(learned)}, which fit has seen, but are read as "
                f"{_text(implied)}, nearly black"
            )
        return None
    beyond = np.maximum(highs - learned[1], learned[0] - lows) > BEYOND * (learned[1] - learned[0])
    if beyond.any():
        few = "" if beyond.all() else f" in {beyond.sum()} of {n} images"
        return (
            f"from {low:g} to {high:g}{few}, far beyond the {_text(learned)} that fit has seen, "
            "and they are clipped to it"
        )
    if learned == (-1, 1) and 0 <= low <= 0.02:
        return "that lie within 0..1, but are read as -1..1, which fit has seen"
    if learned in _WIDE and low >= 0:
        for known in ((0, 1), *_WIDE):
            if high <= known[1] <= DIM * learned[1]:
                return (
                    f"that lie within {_text(known)}, but are read as {_text(learned)}, which fit "
                    "has seen, nearly black"
                )
        few = _count_unit(blocks, learned)
        if few:
            return (
                f"that lie within 0..1 in {few} of {n} images, but are read as {_text(learned)}, "
                "which fit has seen, nearly black"
            )
    return None


def _count_unit(blocks, learned):
    """How many images have values in 0..1 that are no integers, unlike the others."""
    if blocks[0].dtype.kind != "f" or learned[1] < 255:
        return 0
    count = 0
    for block in blocks:
        highest = block.reshape(len(block), -1).max(axis=1)
        for image in block[(highest <= 1) & (highest > 0)]:
            count += not np.array_equal(image, np.rint(image))
    return count


def _text(value_range):
    return f"{value_range[0]:g}..{value_range[1]:g}"
