"""The possible items of X, and their content in memory: files, pictures, arrays."""

import warnings

import numpy as np

from sktransfer._containers import is_missing
from sktransfer._messages import cause
from sktransfer.deep._files import is_file, read_file
from sktransfer.deep._items import Unreadable

WHAT_AN_IMAGE_IS = (
    "a path, bytes, a file object, a Pillow image or an array of shape (h, w) or (h, w, c)"
)


def is_pillow_image(item):
    """Tell whether an item is a Pillow image, without importing Pillow."""
    return any(base.__module__ == "PIL.Image" for base in type(item).__mro__)


def is_encoded(item):
    """Tell whether an item is a file or a Pillow image."""
    return is_file(item) or is_pillow_image(item)


def import_pillow():
    """Import Pillow and its usual formats, before several threads ask for them at once."""
    with warnings.catch_warnings():
        from PIL import Image
    Image.preinit()


def load(item):
    """Bring an item into memory as it is: a file as its bytes, an array as (h, w, c)."""
    if is_pillow_image(item):
        return item
    if is_file(item):
        return read_file(item)
    if is_missing(item):
        raise Unreadable("missing")
    if not hasattr(item, "__array__"):
        raise Unreadable(f"expected {WHAT_AN_IMAGE_IS}, got {type(item).__name__}")
    try:
        pixels = np.asarray(item)
    except Exception as error:  # tensors on other devices, or that require a gradient
        raise Unreadable(f"cannot become a NumPy array: {cause(error)}") from error
    return check_pixels(pixels)


def check_pixels(pixels):
    """Return one image array as (h, w, c), or raise a clear error."""
    if pixels.ndim == 2:
        pixels = pixels[:, :, np.newaxis]
    if pixels.ndim != 3 or pixels.shape[2] not in (1, 3, 4) or not pixels.size:
        hint = ""
        if pixels.ndim == 3 and pixels.shape[0] in (1, 3, 4) and pixels.size:
            hint = "; np.moveaxis(image, 0, -1) moves the channels"
        raise Unreadable(
            f"an array of shape {pixels.shape}, expected (h, w) or (h, w, c) with 1, 3 or 4 "
            f"channels last{hint}"
        )
    if pixels.dtype.kind not in "biuf":
        raise Unreadable(f"an array of dtype {pixels.dtype}, expected real numbers")
    if pixels.dtype.kind == "f" and not np.isfinite(pixels).all():
        raise Unreadable("contains NaN or infinity")
    return pixels
