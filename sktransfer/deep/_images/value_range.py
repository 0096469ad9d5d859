"""Which values of pixels are black and white, and pixels as numbers from 0 to 1."""

import math
import warnings
from numbers import Real

import numpy as np

from sktransfer.deep._images.decode import (
    Unreadable,
    decode,
    dtype_range,
    find_fault,
    float_mode,
    import_pillow,
    is_encoded,
    raise_faults,
)

KNOWN_RANGES = ((0, 1), (-1, 1), (0, 16), (0, 255), (0, 65535))


def scale_to_unit(pixels, *, value_range):
    """Map a value range to [0, 1] and clip what lies outside.

    Equal pictures give equal bits whatever their dtype: float64 is rounded once, at the end, and
    for narrow integers float32 gives the very same (a quotient of exact operands, rounded once).

    Parameters
    ----------
    pixels : ndarray of real numbers
    value_range : (low, high)
        A range without width maps everything to 0.

    Returns
    -------
    scaled : ndarray of the same shape, float32
    """
    low, high = map(float, value_range)
    if high == low:
        return np.zeros(pixels.shape, dtype=np.float32)
    narrow = pixels.dtype.kind in "biu" and pixels.dtype.itemsize <= 2
    exact = narrow and all(value.is_integer() and abs(value) < 2**20 for value in (low, high))
    dtype = np.float32 if exact else np.float64
    shifted = pixels if low == 0 else np.subtract(pixels, low, dtype=dtype)
    scaled = np.divide(shifted, high - low, dtype=dtype)
    return np.clip(scaled, 0.0, 1.0, out=scaled).astype(np.float32, copy=False)


def learn_range(X, on_error):
    """Learn the values of black and white from X itself.

    Parameters
    ----------
    X : ndarray of 2, 3 or 4 dimensions, or list
        What `validate_images` returned.
    on_error : {"raise", "nan"}
        "nan" leaves out what cannot be read.

    Returns
    -------
    value_range : (float, float) or None
        None where every file says its own.
    """
    if not isinstance(X, list):
        return dtype_range(X.dtype) or _smallest_range(X.min(), X.max())
    import_pillow()
    low, high, implied, faults = np.inf, -np.inf, set(), []
    for position, item in enumerate(X):
        try:
            if is_encoded(item) and not float_mode(item):
                continue
            pixels, own = decode(item)
        except Unreadable as reason:
            faults.append(find_fault(item, position, reason))
            continue
        if own is None:
            low, high = min(low, pixels.min()), max(high, pixels.max())
        else:
            implied.add(own)
    if on_error == "raise":
        raise_faults(faults, len(X))
    if low <= high:
        return _smallest_range(low, high)
    return implied.pop() if len(implied) == 1 else None


def _smallest_range(low, high):
    for known_low, known_high in KNOWN_RANGES:
        if known_low <= low and high <= known_high:
            return known_low, known_high
    return float(low), float(high)


def check_value_range(value_range):
    """Return the user's range as two floats, or say what is wrong with it."""
    try:
        low, high = value_range
        valid = isinstance(low, Real) and isinstance(high, Real) and low < high
        valid = valid and math.isfinite(low) and math.isfinite(high)
    except (TypeError, ValueError):
        valid = False
    if not valid:
        raise ValueError(
            f"value_range={value_range!r} is no range: expected None or two finite numbers "
            "(low, high) with low < high."
        )
    return float(low), float(high)


def warn_of_other_scale(X, image_format):
    """Warn where numbers are read with another range than they seem to have been made with.

    Integers of 8 and 16 bits bring their own range, so the 0..16 of `load_digits` as uint8 are
    nearly black after a fit on floating point; and floating point in 0..1 is nearly black after a
    fit on uint8.

    Parameters
    ----------
    X : ndarray of 2, 3 or 4 dimensions, or list
        What `validate_images` returned.
    image_format : ImageFormat
        What `fit` has learned.
    """
    learned = image_format.value_range
    if isinstance(X, list) or image_format.imposed or learned is None:
        return
    low, high = X.min(), X.max()
    implied = dtype_range(X.dtype)
    if implied not in (None, learned) and learned[0] <= low < high <= learned[1]:
        narrow = f"{learned[0]:g}..{learned[1]:g}, which fit has seen, but are read as"
    elif implied is None and learned in _ranges_of_integers() and 0 <= low < high <= 1:
        implied, narrow = learned, "0..1, but are read, like the integers that fit has seen, as"
    else:
        return
    warnings.warn(
        f"X holds {X.dtype} pixels that lie within {narrow} {implied[0]}..{implied[1]}, nearly "
        "black: pass value_range=(low, high) or the dtype that fit has seen.",
        UserWarning,
        stacklevel=4,
    )


def _ranges_of_integers():
    return [dtype_range(np.dtype(kind)) for kind in (np.uint8, np.uint16)]
