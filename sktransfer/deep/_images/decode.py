"""The content of files and Pillow images: its pixels, and the digest that it is known by."""

import io
import os
import threading

import numpy as np

from sktransfer._messages import shortened
from sktransfer.deep._cache.cache import memory
from sktransfer.deep._cache.file_digest import known, remember, signature
from sktransfer.deep._files import (
    DIGEST_SIZE,
    digest_file,
    first_bytes,
    is_openable,
    is_stream,
    new_hasher,
    open_file,
)
from sktransfer.deep._images.network_input import pillow_filter, resize_plan
from sktransfer.deep._images.sources import check_pixels, is_pillow_image, load
from sktransfer.deep._items import Unreadable

_RANGE_OF_DTYPE = {
    np.dtype(bool): (0, 1),
    np.dtype(np.uint8): (0, 255),
    np.dtype(np.int8): (-128, 127),
    np.dtype(np.uint16): (0, 65535),
    np.dtype(np.int16): (-32768, 32767),
}

_ALPHA_MODES = ("LA", "La", "PA", "RGBA", "RGBa")

# How files begin whose pixels are integers of 8 bits, but for PNG of 16: JPEG, PNG, GIF, BMP.
_INTEGER_FILES = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF8", b"BM")
_BIT_DEPTH_OF_PNG = 24

# Formats that Pillow widens to mode "I" from at most 16 bits, with white at 65535.
_SIXTEEN_BITS = ("PNG", "PPM")

ORIENTATION = 0x0112  # the tag of EXIF

# From so many pixels on a picture is shrunk by a whole factor before anything else, because it
# would otherwise take gigabytes as floating point. What becomes floating point anyway: pictures
# with transparency and deep ones, and all pictures for a network that sees grey.
LARGE_AS_NUMBERS = 2**23
LARGE_AS_BYTES = 2**25

# A picture that is shrunk first stays so many times larger than the network's input.
_MARGIN = 4

# A JPEG that is decoded at a part of its size stays so many times larger than it is resized to.
_MARGIN_OF_DRAFT = 2

# Below so many bytes a hash of one image costs more than the hashing.
SMALL_IMAGE = 8192

_loading = threading.Lock()


def dtype_range(dtype):
    """Return the smallest and largest value of booleans and integers of 8 and 16 bits, or None."""
    return _RANGE_OF_DTYPE.get(dtype.newbyteorder("="))


def depth_of(item):
    """Tell from the first bytes alone how deep the pixels of an encoded image are.

    "bytes" is 8 bits or less, "sixteen" integers of 16 bits, and "free" floating point or integers
    of 32 bits, whose range only their values tell. Those of a file are read once: a search fits on
    the same files again and again.
    """
    depth = known(item, "depth")
    if depth is None:
        before, depth = signature(item), _read_depth(item)
        remember(item, before, "depth", depth)
    return depth


def _read_depth(item):
    if not is_pillow_image(item):
        start = first_bytes(item, _BIT_DEPTH_OF_PNG + 1)
        if start.startswith(_INTEGER_FILES):
            is_png = start.startswith(b"\x89PNG")
            deep = is_png and start[_BIT_DEPTH_OF_PNG:] == b"\x10"
            return "sixteen" if deep else "bytes"
        if not start:
            raise Unreadable("empty")
        if is_stream(item) or is_openable(item):
            item = load(item)
    value_range = with_image(item, _working_mode)[1]
    return {None: "free", (0, 65535): "sixteen"}.get(value_range, "bytes")


def decode(item):
    """Return the pixels of an item, (h, w, c) with c in 1, 3, 4, and the range of its dtype.

    The orientation that a camera wrote into the file (EXIF) is applied. Palettes, CMYK and other
    color spaces become red, green, blue; transparency gives an alpha channel. The range is None for
    floating point and wide integers.
    """
    picture, value_range = open_picture(load(item))
    return as_pixels(picture), value_range


def open_picture(source, *, preprocessing=None):
    """Decode the result of `load`, but leave a Pillow image of bytes without alpha one.

    If the `preprocessing` is known, a very large picture is shrunk by a whole factor first, to no
    less than four times the network's input. With its ``draft`` a JPEG is decoded at a part of its
    size, no less than twice what it is resized to.
    """
    if isinstance(source, np.ndarray):
        return source, dtype_range(source.dtype)
    return with_image(source, lambda image: _pillow_picture(image, preprocessing))


def as_pixels(picture):
    """Return the result of `open_picture` as an array of shape (h, w, c)."""
    return picture if isinstance(picture, np.ndarray) else check_pixels(np.asarray(picture))


def with_image(source, use):
    """Call ``use`` on the opened Pillow image; an error becomes `Unreadable` with a reason."""
    from PIL import Image, UnidentifiedImageError

    limit = Image.MAX_IMAGE_PIXELS
    too_large = f"more pixels than PIL.Image.MAX_IMAGE_PIXELS, {limit}, allows"
    try:
        if is_pillow_image(source):
            # The same image may be in X twice, and two threads cannot load it.
            with _loading:
                source.load()
            return use(source)
        is_path = isinstance(source, (str, os.PathLike))
        opened = open_file(source) if is_path else io.BytesIO(source)
        with opened as stream, Image.open(stream) as image:
            # Pillow itself refuses from twice its limit on, and below only warns.
            if limit is not None and image.width * image.height > limit:
                raise Unreadable(too_large)
            return use(image)
    except Unreadable:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise Unreadable(too_large) from None
    except UnidentifiedImageError:
        empty = isinstance(source, (bytes, bytearray)) and not source
        raise Unreadable("empty" if empty else "not an image that Pillow knows") from None
    except MemoryError:
        raise Unreadable("the picture needs more memory than there is") from None
    except Exception as error:  # broken files raise nearly anything, struct.error included
        raise Unreadable(shortened(str(error) or type(error).__name__, limit=200)) from error


def _pillow_picture(image, preprocessing):
    resize = _draft(image, preprocessing)
    mode, value_range = _working_mode(image)
    factor = 1 if resize else _shrinking(image, mode, preprocessing)
    turn = turn_of(image)
    if factor > 1 and mode == "I;16":  # Pillow shrinks no integers of 16 bits
        image, mode = image.convert("I"), "I"
    if image.mode != mode and mode != "I;16":
        image = image.convert(mode)
    if resize:
        image = resize(image)
    if factor > 1:
        image = image.reduce(factor)
    if turn is not None:
        image = image.transpose(turn)
    if mode in ("L", "RGB"):
        image.load()
        return image, value_range
    return check_pixels(np.asarray(image)), value_range


def _draft(image, preprocessing):
    """Let Pillow decode a JPEG that is not loaded yet at 1/2, 1/4 or 1/8 of its size.

    Returns the function that resizes the decoded picture as `network_input` does, because a part
    of its last pixels may lie outside of the picture; None if nothing is gained.
    """
    from PIL.Image import Transpose

    if preprocessing is None or not preprocessing.draft:
        return None
    whole, lying = image.size, (Transpose.TRANSPOSE, Transpose.TRANSVERSE)
    sideways = turn_of(image) in (*lying, Transpose.ROTATE_90, Transpose.ROTATE_270)
    upright = whole if sideways else whole[::-1]
    size, _ = resize_plan(upright, preprocessing)
    size = size if sideways else size[::-1]
    drafted = image.draft(None, tuple(_MARGIN_OF_DRAFT * side for side in size))
    if drafted is None or image.size == whole:
        return None
    return lambda image: image.resize(size, pillow_filter(preprocessing), box=drafted[1])


def _working_mode(image):
    """The mode that an image is read in, and the range that it implies."""
    if image.mode == "F":
        return "F", None
    if image.mode == "I":
        return "I", (0, 65535) if image.format in _SIXTEEN_BITS else None
    if image.mode.startswith("I;16"):
        return "I;16", (0, 65535)
    if image.mode in _ALPHA_MODES or "transparency" in image.info:
        return "RGBA", (0, 255)
    return "L" if image.mode in ("1", "L") else "RGB", (0, 255)


def _shrinking(image, mode, preprocessing):
    """The whole factor by which a picture is shrunk at once; 1 for all but very large ones."""
    if preprocessing is None:
        return 1
    of_bytes = mode in ("L", "RGB")
    if of_bytes and preprocessing.channels == 3:  # Pillow makes it small, in one go
        return 1
    if image.width * image.height <= (LARGE_AS_BYTES if of_bytes else LARGE_AS_NUMBERS):
        return 1
    needed = _MARGIN * max(preprocessing.size) / (preprocessing.crop or 1)
    return max(1, int(min(image.size) / needed))


def turn_of(image):
    """Return the transposition that makes a picture upright; None if unnecessary or unknown."""
    from PIL.Image import Transpose

    try:
        orientation = image.getexif().get(ORIENTATION, 1)
    except Exception:  # damaged notes of a camera damage no pixel
        return None
    turns = (
        (2, Transpose.FLIP_LEFT_RIGHT),
        (3, Transpose.ROTATE_180),
        (4, Transpose.FLIP_TOP_BOTTOM),
        (5, Transpose.TRANSPOSE),
        (6, Transpose.ROTATE_270),
        (7, Transpose.TRANSVERSE),
        (8, Transpose.ROTATE_90),
    )
    return next((turn for number, turn in turns if orientation == number), None)


def digest(source):
    """Hash the result of `load`: equal contents have equal digests, from any container."""
    if isinstance(source, np.ndarray):
        return digest_pixels(source[np.newaxis])[0]
    if is_pillow_image(source):
        return with_image(source, _digest_pillow)
    return digest_file(source)


def digest_pixels(images):
    """Hash images (n, h, w, c), shape and dtype included: a list of bytes.

    Many small images are hashed as one first, and not one by one if the same array has been seen
    before. A search passes the same folds again and again.
    """
    images = np.ascontiguousarray(images)
    start = new_hasher(f"{images.shape[1:]}{images.dtype.str}".encode())
    if len(images) == 1 or images[0].nbytes > SMALL_IMAGE:
        return _digest_each(images, start)
    whole = start.copy()
    whole.update(images)
    key = b"digests" + whole.digest()
    (known,) = memory.get([key], len(images) * DIGEST_SIZE)
    if known is None:
        digests = _digest_each(images, start)
        memory.put([key], [np.frombuffer(b"".join(digests), dtype=np.uint8)])
        return digests
    joined = known.tobytes()
    return [joined[first : first + DIGEST_SIZE] for first in range(0, len(joined), DIGEST_SIZE)]


def _digest_each(images, start):
    digests = []
    for image in images:
        hasher = start.copy()
        hasher.update(image)
        digests.append(hasher.digest()[:DIGEST_SIZE])
    return digests


def _digest_pillow(image):
    """All that decides how a Pillow image, which is loaded, is decoded."""
    about = (
        image.mode,
        image.size,
        image.format,
        turn_of(image),
        image.info.get("transparency"),
        image.getpalette("RGBA") if image.mode in ("P", "PA") else None,
    )
    hasher = new_hasher(repr(about).encode())
    hasher.update(image.tobytes())
    return hasher.digest()[:DIGEST_SIZE]
