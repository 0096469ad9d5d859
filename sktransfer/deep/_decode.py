"""Files, bytes and Pillow images become arrays; what cannot be read is named with its reason."""

import io
import math
import os
import warnings
from pathlib import Path

import numpy as np

_RANGE_OF_DTYPE = {
    np.dtype(bool): (0, 1),
    np.dtype(np.uint8): (0, 255),
    np.dtype(np.int8): (-128, 127),
    np.dtype(np.uint16): (0, 65535),
    np.dtype(np.int16): (-32768, 32767),
}

_ALPHA_MODES = ("LA", "La", "PA", "RGBA", "RGBa")


class Unreadable(ValueError):
    """An item is no image; the message is the reason."""


def dtype_range(dtype):
    """Return the value range that a dtype implies, or None.

    Parameters
    ----------
    dtype : numpy.dtype

    Returns
    -------
    value_range : (int, int) or None
        For booleans and integers of 8 and 16 bits the smallest and largest value.
    """
    return _RANGE_OF_DTYPE.get(dtype.newbyteorder("="))


def is_pillow_image(item):
    """Tell whether an item is a Pillow image, without importing Pillow."""
    return any(base.__module__ == "PIL.Image" for base in type(item).__mro__)


def is_encoded(item):
    """Tell whether an item is a path, the content of a file, or a Pillow image."""
    kinds = (str, os.PathLike, bytes, bytearray, memoryview)
    return isinstance(item, kinds) or is_pillow_image(item)


def describe(item, position):
    """Name an item in an error message: its place, and its path where it has one."""
    if isinstance(item, (str, os.PathLike)):
        return f"X[{position}] {os.fspath(item)!r}"
    return f"X[{position}]"


def float_mode(item):
    """Tell from the header alone whether an encoded image has floating-point pixels.

    Raises
    ------
    Unreadable
        With the reason.
    """
    return _with_image(item, lambda image: image.mode == "F")


def decode(item):
    """Turn one item into pixels.

    The orientation that a camera wrote into the file (EXIF) is applied. Palettes, CMYK and other
    colour spaces become red, green, blue; whatever has transparency gets an alpha channel.

    Parameters
    ----------
    item : str, os.PathLike, bytes, PIL.Image.Image or ndarray of shape (h, w) or (h, w, c)

    Returns
    -------
    pixels : ndarray of shape (h, w, c), c in 1, 3, 4
        In the values of the file or array.
    value_range : (int, int) or None
        What the mode or dtype implies; None for floating point and wide integers.

    Raises
    ------
    Unreadable
        With the reason.
    """
    if is_encoded(item):
        return _with_image(item, _pillow_pixels)
    if _is_missing(item):
        raise Unreadable("missing")
    if not hasattr(item, "__array__"):
        raise Unreadable(
            "expected a path, bytes, a Pillow image or an array of shape (h, w) or (h, w, c), "
            f"got {type(item).__name__}"
        )
    pixels = check_pixels(np.asarray(item))
    return pixels, dtype_range(pixels.dtype)


def check_pixels(pixels):
    """Return one image array as (h, w, c), or say what is wrong with it."""
    if pixels.ndim == 2:
        pixels = pixels[:, :, np.newaxis]
    if pixels.ndim != 3 or pixels.shape[2] not in (1, 3, 4) or not pixels.size:
        raise Unreadable(
            f"an array of shape {pixels.shape}, expected (h, w) or (h, w, c) with 1, 3 or 4 "
            "channels last"
        )
    if pixels.dtype.kind not in "biuf":
        raise Unreadable(f"an array of dtype {pixels.dtype}, expected real numbers")
    if pixels.dtype.kind == "f" and not np.isfinite(pixels).all():
        raise Unreadable("contains NaN or infinity")
    return pixels


def _is_missing(item):
    no_float = isinstance(item, float) and math.isnan(item)
    return item is None or no_float or type(item).__name__ in ("NAType", "NaTType")


def _with_image(item, use):
    """Call ``use`` on the opened image, and turn what goes wrong into a reason."""
    with warnings.catch_warnings():
        from PIL import Image, UnidentifiedImageError
    if is_pillow_image(item):
        source = None
    elif isinstance(item, (str, os.PathLike)):
        source = Path(item)
    else:
        source = io.BytesIO(item)
    try:
        if source is None:
            return use(item)
        with Image.open(source) as image:
            return use(image)
    except Unreadable:
        raise
    except FileNotFoundError:
        raise Unreadable("no such file") from None
    except IsADirectoryError:
        raise Unreadable("a folder") from None
    except UnidentifiedImageError:
        raise Unreadable("not an image that Pillow knows" if _size(source) else "empty") from None
    except Exception as error:  # broken files raise nearly anything, struct.error included
        raise Unreadable(str(error) or type(error).__name__) from error


def _size(source):
    return source.stat().st_size if isinstance(source, Path) else len(source.getvalue())


def _pillow_pixels(image):
    from PIL import ExifTags, ImageOps

    if image.getexif().get(ExifTags.Base.Orientation, 1) != 1:
        image = ImageOps.exif_transpose(image)
    if image.mode == "F":
        return check_pixels(np.asarray(image)), None
    if image.mode == "I" or image.mode.startswith("I;16"):
        return np.asarray(image)[:, :, np.newaxis], (0, 65535)
    if image.mode in _ALPHA_MODES or "transparency" in image.info:
        image = image.convert("RGBA")
    elif image.mode in ("1", "L"):
        image = image.convert("L")
    else:
        image = image.convert("RGB")
    return check_pixels(np.asarray(image)), (0, 255)
