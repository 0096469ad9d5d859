"""Files, bytes and Pillow images become arrays; what cannot be read is named with its reason."""

import io
import math
import os
import warnings
from typing import NamedTuple

import numpy as np

_RANGE_OF_DTYPE = {
    np.dtype(bool): (0, 1),
    np.dtype(np.uint8): (0, 255),
    np.dtype(np.int8): (-128, 127),
    np.dtype(np.uint16): (0, 65535),
    np.dtype(np.int16): (-32768, 32767),
}

_ALPHA_MODES = ("LA", "La", "PA", "RGBA", "RGBa")

# How files begin whose pixels are never floating point: JPEG, PNG, GIF, BMP.
_INTEGER_FILES = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF8", b"BM")

ORIENTATION = 0x0112  # the tag of EXIF
LONGEST_LIST = 20


class Unreadable(ValueError):
    """An item is no image; the message is the reason."""


class Fault(NamedTuple):
    """What is wrong with one item of X.

    Parameters
    ----------
    position : int
        Its place in X, from 0.
    path : str or None
        Its path, where it is a path.
    reason : str
        Why it cannot be read.
    """

    position: int
    path: str | None
    reason: str

    def __str__(self):
        path = "" if self.path is None else f" {self.path!r}"
        return f"X[{self.position}]{path} ({self.reason})"


def find_fault(item, position, reason):
    """Return what is wrong with the item at a position."""
    path = os.fspath(item) if isinstance(item, (str, os.PathLike)) else None
    return Fault(position, path, str(reason))


def list_faults(faults, n_items):
    """Say in half a sentence which images cannot be read; of many, the first few."""
    listed = ", ".join(map(str, faults[:LONGEST_LIST]))
    more = len(faults) - LONGEST_LIST
    listed += f" and {more} more" if more > 0 else ""
    return f"{len(faults)} of {n_items} images cannot be read: {listed}"


def raise_faults(faults, n_items):
    """Raise one ValueError for all that cannot be read, if there is any."""
    if faults:
        raise ValueError(f"{list_faults(faults, n_items)}; mend or remove them.")


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


def import_pillow():
    """Import Pillow and its usual formats, before several threads ask for them at once."""
    with warnings.catch_warnings():
        from PIL import Image
    Image.preinit()


def load(item):
    """Bring an item into memory, as it is: a file as its bytes.

    Parameters
    ----------
    item : str, os.PathLike, bytes, PIL.Image.Image or ndarray of shape (h, w) or (h, w, c)

    Returns
    -------
    source : bytes, bytearray, PIL.Image.Image or ndarray of shape (h, w, c)

    Raises
    ------
    Unreadable
        With the reason.
    """
    if isinstance(item, (str, os.PathLike)):
        return _read_file(item)
    if is_encoded(item):
        return bytes(item) if isinstance(item, memoryview) else item
    if is_missing(item):
        raise Unreadable("missing")
    if not hasattr(item, "__array__"):
        raise Unreadable(
            "expected a path, bytes, a Pillow image or an array of shape (h, w) or (h, w, c), "
            f"got {type(item).__name__}"
        )
    return check_pixels(np.asarray(item))


def float_mode(item):
    """Tell from the first bytes alone whether an encoded image has floating-point pixels.

    Raises
    ------
    Unreadable
        With the reason.
    """
    if not is_pillow_image(item):
        is_path = isinstance(item, (str, os.PathLike))
        start = _read_file(item, 8) if is_path else bytes(memoryview(item)[:8])
        if start.startswith(_INTEGER_FILES):
            return False
        if not start:
            raise Unreadable("empty")
    return with_image(item, lambda image: image.mode == "F")


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
    picture, value_range = open_picture(load(item))
    return as_pixels(picture), value_range


def open_picture(source):
    """Decode what `load` returned, but leave a Pillow image of bytes without alpha one.

    Parameters
    ----------
    source : bytes, bytearray, PIL.Image.Image or ndarray of shape (h, w, c)

    Returns
    -------
    picture : PIL.Image.Image of mode "L" or "RGB", or ndarray of shape (h, w, c)
        Its pixels are loaded, its orientation applied.
    value_range : (int, int) or None
        As for `decode`.

    Raises
    ------
    Unreadable
        With the reason.
    """
    if isinstance(source, np.ndarray):
        return source, dtype_range(source.dtype)
    return with_image(source, _pillow_picture)


def as_pixels(picture):
    """Give what `open_picture` returned as an array of shape (h, w, c)."""
    return picture if isinstance(picture, np.ndarray) else check_pixels(np.asarray(picture))


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


def is_missing(item):
    """Tell whether an item stands for none: None, NaN, or pandas' NA and NaT."""
    no_float = isinstance(item, float) and math.isnan(item)
    return item is None or no_float or type(item).__name__ in ("NAType", "NaTType")


def _read_file(path, n_bytes=-1):
    try:
        with open(path, "rb") as stream:
            return stream.read(n_bytes)
    except FileNotFoundError:
        raise Unreadable("no such file") from None
    except IsADirectoryError:
        raise Unreadable("a folder") from None
    except (OSError, ValueError) as error:  # ValueError: a zero byte in a name
        raise Unreadable(getattr(error, "strerror", None) or str(error)) from None


def with_image(source, use):
    """Call ``use`` on the opened image, and turn what goes wrong into a reason.

    Parameters
    ----------
    source : str, os.PathLike, bytes, bytearray or PIL.Image.Image
    use : callable
        Of the Pillow image.

    Returns
    -------
    result : object
        What ``use`` returned.

    Raises
    ------
    Unreadable
        With the reason.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        if is_pillow_image(source):
            return use(source)
        is_path = isinstance(source, (str, os.PathLike))
        with Image.open(source if is_path else io.BytesIO(source)) as image:
            _check_size(image, Image.MAX_IMAGE_PIXELS)
            return use(image)
    except Unreadable:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise Unreadable(_too_large(Image.MAX_IMAGE_PIXELS)) from None
    except UnidentifiedImageError:
        empty = isinstance(source, (bytes, bytearray)) and not source
        raise Unreadable("empty" if empty else "not an image that Pillow knows") from None
    except Exception as error:  # broken files raise nearly anything, struct.error included
        raise Unreadable(str(error) or type(error).__name__) from error


def _check_size(image, limit):
    # Pillow itself refuses from twice its limit on, and below only warns.
    if limit is not None and image.width * image.height > limit:
        raise Unreadable(_too_large(limit))


def _too_large(limit):
    return f"more pixels than PIL.Image.MAX_IMAGE_PIXELS, {limit}, allows"


def _pillow_picture(image):
    from PIL import ImageOps

    if image.getexif().get(ORIENTATION, 1) != 1:
        image = ImageOps.exif_transpose(image)
    if image.mode == "F":
        return check_pixels(np.asarray(image)), None
    if image.mode == "I" or image.mode.startswith("I;16"):
        return np.asarray(image)[:, :, np.newaxis], (0, 65535)
    if image.mode in _ALPHA_MODES or "transparency" in image.info:
        return check_pixels(np.asarray(image.convert("RGBA"))), (0, 255)
    mode = "L" if image.mode in ("1", "L") else "RGB"
    if image.mode != mode:
        return image.convert(mode), (0, 255)
    image.load()
    return image, (0, 255)
