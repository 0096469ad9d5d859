"""The values of pixels that are black and white: learned, checked, and doubted in warnings."""

import math
from numbers import Real

import numpy as np

from sktransfer._messages import shown, warn
from sktransfer.deep._images.decode import dtype_range

KNOWN_RANGES = ((0, 1), (-1, 1), (0, 16), (0, 255), (0, 65535))

# Pixels that use less of their range than this are nearly black, or have nearly no contrast.
DIM = 1 / 8

# Pixels that lie beyond the range by more than this share of it are on another scale.
BEYOND = 0.5

# Ranges on which pixels of 0..1, or of 0..16, are nearly black.
_WIDE = ((0, 16), (0, 255), (0, 65535))


def scale_to_unit(pixels, *, value_range):
    """Map a value range to [0, 1] in float32, and clip; a range without width gives 0.

    Equal pictures give equal bits whatever their dtype: float64 is rounded once, at the end, and
    for narrow integers float32 gives the very same (a quotient of exact operands, rounded once).
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


def learn_range(blocks):
    """Learn the values of black and white; None if every file says its own.

    `blocks` are triples: pixels (n, ...), the range that their dtype or file implies (or None), and
    whether they come from a file. Pixels that use little of the range of their dtype give a
    warning, as 12 bits in 16 do.
    """
    groups, implied = {}, set()
    for pixels, own, of_file in blocks:
        lows, highs = limits(pixels)
        if not of_file:
            implied.add(own)
        if lows.size:
            low, high = groups.get((str(pixels.dtype), own), (np.inf, -np.inf))
            groups[str(pixels.dtype), own] = min(low, lows.min()), max(high, highs.max())
    for (dtype, own), (low, high) in groups.items():
        if own is not None:
            _warn_if_dim(dtype, own, low, high)
    free = [found for (_, own), found in groups.items() if own is None]
    if free:
        low, high = min(low for low, _ in free), max(high for _, high in free)
        known = (known for known in KNOWN_RANGES if known[0] <= low and high <= known[1])
        return next(known, (float(low), float(high)))
    return implied.pop() if len(implied) == 1 else None


def limits(images):
    """Return the smallest and the largest value of each image without NaN and infinity, float64."""
    flat = images.reshape(len(images), -1)
    lows, highs = flat.min(axis=1).astype(np.float64), flat.max(axis=1).astype(np.float64)
    finite = np.isfinite(lows) & np.isfinite(highs)
    return lows[finite], highs[finite]


def _warn_if_dim(dtype, implied, low, high):
    """Warn at `fit` of pixels that use little of the range that their dtype implies."""
    used = high - (low if implied[0] < 0 else 0)
    if low < high and used <= DIM * (implied[1] - implied[0]) and implied != (0, 1):
        how = "nearly black" if implied[0] == 0 else "with nearly no contrast"
        warn(
            f"X holds {dtype} pixels that lie within {low:g}..{high:g}, but are read as "
            f"{implied[0]}..{implied[1]}, {how}: pass value_range=(low, high), the values of black "
            "and white.",
            UserWarning,
        )


def warn_of_other_scale(by_dtype, image_format):
    """Warn of pixels whose scale does not seem to be the one that `fit` has seen.

    Integers of 8 and 16 bits imply their own range, so the 0..16 of `load_digits` as uint8 are
    nearly black after a fit on floating point. Floating point and wide integers have the range of
    `fit`. Pixels of 0..1 are nearly black after a fit on 0..255, and pixels of 0..255 nearly white
    after a fit on 0..1. Files are checked when they are decoded.
    """
    learned = image_format.value_range
    if image_format.imposed or learned is None:
        return
    for dtype, blocks in by_dtype.items():
        reason = _reason(blocks, dtype_range(dtype), tuple(learned))
        if reason is not None:
            warn(
                f"X holds {dtype} pixels {reason}: pass value_range=(low, high), or pixels of the "
                "dtype and scale that fit has seen.",
                UserWarning,
            )


def check_value_range(value_range):
    """Return the user's range as two floats, or raise a clear error."""
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


def _reason(blocks, implied, learned):
    """Return the fault of pixels of one dtype, or None."""
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
    """Count the images that have values in 0..1 that are no integers, unlike the others."""
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
