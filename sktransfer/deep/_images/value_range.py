"""Which values of pixels are black and white, and pixels as numbers from 0 to 1."""

import math
from numbers import Real

import numpy as np

from sktransfer._messages import shown
from sktransfer.deep._images.decode import decode, depth_of, dtype_range
from sktransfer.deep._images.faults import Unreadable, find_fault, raise_faults
from sktransfer.deep._images.other_scale import limits, warn_if_dim
from sktransfer.deep._images.sources import import_pillow, is_encoded

KNOWN_RANGES = ((0, 1), (-1, 1), (0, 16), (0, 255), (0, 65535))

# Of files of 16 bits `fit` decodes so many, to see whether they use their range.
DEEP_FILES = 8


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
        None if every file says its own.

    Warns
    -----
    UserWarning
        If pixels whose dtype implies a range use little of it, as 12 bits in 16 do.
    """
    groups, implied = {}, set()
    for pixels, own, of_file in _looked_at(X, on_error):
        lows, highs = limits(pixels)
        if not of_file:
            implied.add(own)
        if lows.size:
            low, high = groups.get((str(pixels.dtype), own), (np.inf, -np.inf))
            groups[str(pixels.dtype), own] = min(low, lows.min()), max(high, highs.max())
    for (dtype, own), (low, high) in groups.items():
        if own is not None:
            warn_if_dim(dtype, own, low, high)
    free = [found for (_, own), found in groups.items() if own is None]
    if free:
        return _smallest_range(min(low for low, _ in free), max(high for _, high in free))
    return implied.pop() if len(implied) == 1 else None


def _looked_at(X, on_error):
    """Yield pixels (n, ...), the range that they imply, and whether they come from a file."""
    if not isinstance(X, list):
        yield X, dtype_range(X.dtype), False
        return
    import_pillow()
    faults, n_deep = [], 0
    for position, item in enumerate(X):
        try:
            of_file = is_encoded(item)
            depth = depth_of(item) if of_file else None
            n_deep += depth == "sixteen"
            if depth == "bytes" or (depth == "sixteen" and n_deep > DEEP_FILES):
                continue
            pixels, own = decode(item)
        except Unreadable as reason:
            faults.append(find_fault(item, position, reason))
            continue
        yield pixels[np.newaxis], own, of_file
    if on_error == "raise":
        raise_faults(faults, len(X))


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
    except (TypeError, ValueError, OverflowError):
        valid = False
    if not valid:
        raise ValueError(
            f"value_range={shown(value_range)} is no range: expected None or two finite numbers "
            "(low, high) with low < high."
        )
    return float(low), float(high)
