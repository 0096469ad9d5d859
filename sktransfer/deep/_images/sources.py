"""What an item of X may be, and its content in memory: paths, bytes, streams, pictures, arrays."""

import inspect
import io
import os
import stat
import threading
import warnings
from collections.abc import Mapping

import numpy as np

from sktransfer._containers import is_missing
from sktransfer._messages import cause, shortened
from sktransfer.deep._items import Unreadable

WHAT_AN_IMAGE_IS = (
    "a path, bytes, a file object, a Pillow image or an array of shape (h, w) or (h, w, c)"
)

# More than any picture of PIL.Image.MAX_IMAGE_PIXELS takes, and little enough for a few threads.
LARGEST_FILE = 2**30

_CHUNK = 2**24

# The position of a stream belongs to the stream, which may be in X twice.
_reading = threading.Lock()


def is_pillow_image(item):
    """Tell whether an item is a Pillow image, without importing Pillow."""
    return any(base.__module__ == "PIL.Image" for base in type(item).__mro__)


def is_stream(item):
    """Tell whether an item is a file object: an open file, a buffer, an upload."""
    return callable(getattr(item, "read", None)) and not hasattr(item, "__array__")


def is_encoded(item):
    """Tell whether an item is a path, the content of a file, a file object or a Pillow image."""
    kinds = (str, os.PathLike, bytes, bytearray, memoryview)
    return isinstance(item, kinds) or is_pillow_image(item) or is_stream(item)


def plain_item(item):
    """Replace the wrappings that other libraries put around a path, bytes or pixels.

    These are a dictionary with "bytes" and "path" (Hugging Face's data sets), a scalar of Arrow,
    an upload around a file object, and a memoryview of pixels. Other items are returned as they
    are.
    """
    if hasattr(item, "as_py"):
        item = item.as_py()
    if isinstance(item, Mapping) and item.keys() & {"bytes", "path"} and len(item) <= 2:
        content = item.get("bytes")
        return item.get("path") if content is None else content
    if isinstance(item, memoryview) and (item.ndim > 1 or item.itemsize > 1):
        return np.asarray(item)
    if is_stream(item) and inspect.iscoroutinefunction(item.read):
        return getattr(item, "file", item)
    return item


def import_pillow():
    """Import Pillow and its usual formats, before several threads ask for them at once."""
    with warnings.catch_warnings():
        from PIL import Image
    Image.preinit()


def load(item):
    """Bring an item into memory as it is: a file as its bytes, an array as (h, w, c)."""
    if isinstance(item, (str, os.PathLike)):
        return _read_path(item)
    if is_stream(item) and not is_pillow_image(item):
        return _read_stream(item)
    if is_encoded(item):
        return bytes(item) if isinstance(item, memoryview) else item
    if is_missing(item):
        raise Unreadable("missing")
    if not hasattr(item, "__array__"):
        raise Unreadable(f"expected {WHAT_AN_IMAGE_IS}, got {type(item).__name__}")
    try:
        pixels = np.asarray(item)
    except Exception as error:  # tensors on other devices, or that require a gradient
        raise Unreadable(f"cannot become a NumPy array: {cause(error)}") from error
    return check_pixels(pixels)


def first_bytes(item, n_bytes):
    """Return the first bytes of an encoded item that is no Pillow image."""
    if isinstance(item, (str, os.PathLike)):
        return _read_path(item, n_bytes)
    if is_stream(item):
        return _read_stream(item)[:n_bytes]
    return bytes(memoryview(item)[:n_bytes])


def check_pixels(pixels):
    """Return one image array as (h, w, c), or say what is wrong with it."""
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


_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe, expected a file"),
    (stat.S_ISSOCK, "a socket, expected a file"),
    (stat.S_ISREG, None),
    (lambda mode: True, "a device, expected a file"),
)


def open_file(path):
    """Open a regular file for reading; anything else could block, or never end."""
    try:
        _check_kind(os.stat(path))
        stream = open(path, "rb", opener=_open_at_once)  # noqa: SIM115 (the caller closes it)
    except FileNotFoundError:
        raise Unreadable("no such file") from None
    except IsADirectoryError:
        raise Unreadable("a folder") from None
    except (OSError, ValueError) as error:  # ValueError: a zero byte in a name
        if isinstance(error, Unreadable):
            raise
        raise Unreadable(_reason_of_system(path, error)) from None
    try:
        found = os.fstat(stream.fileno())
        _check_kind(found)
        _check_length(found.st_size)
    except BaseException:
        stream.close()
        raise
    return stream


def _check_kind(found):
    kind = next(kind for test, kind in _KINDS if test(found.st_mode))
    if kind is not None:
        raise Unreadable(kind)


def _open_at_once(path, flags):
    """Open without waiting for a writer, should the file have become a pipe since it was seen."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _check_length(n_bytes):
    if n_bytes > LARGEST_FILE:
        raise Unreadable(
            f"{n_bytes / 2**30:.1f} GiB, more than the {LARGEST_FILE / 2**30:g} GiB that the file "
            "of an image may have"
        )


def _reason_of_system(path, error):
    if getattr(error, "strerror", None) == "File name too long":
        return (
            f"{len(os.fspath(path))} characters are no path; if they are a file in base64, pass "
            "base64.b64decode(text)"
        )
    return shortened(getattr(error, "strerror", None) or error)


def _read_path(path, n_bytes=-1):
    with open_file(path) as stream:
        try:
            return stream.read(n_bytes)
        except MemoryError:
            raise Unreadable("the file needs more memory than there is") from None
        except OSError as error:
            raise Unreadable(_reason_of_system(path, error)) from None


def _read_stream(stream):
    """The whole content of a file object, which keeps its position."""
    if isinstance(stream, io.BytesIO) and not stream.closed:
        return stream.getvalue()
    if getattr(stream, "closed", False) is True:
        raise Unreadable("a closed file")
    if isinstance(stream, io.TextIOBase):
        raise Unreadable("a file that was opened as text, expected mode 'rb'")
    with _reading:
        try:
            position = stream.tell()
            stream.seek(0)
        except Exception as error:
            raise Unreadable(
                "a stream that cannot go back to its start, pass its content, stream.read()"
            ) from error
        try:
            content = _read_all(stream)
            stream.seek(position)
        except Unreadable:
            raise
        except MemoryError:
            raise Unreadable("the file needs more memory than there is") from None
        except Exception as error:
            raise Unreadable(f"its file object cannot be read: {cause(error)}") from error
    return content


def _read_all(stream):
    chunks, n_bytes = [], 0
    while chunk := stream.read(_CHUNK):
        if not isinstance(chunk, (bytes, bytearray, memoryview)):
            raise Unreadable(
                f"a file object whose read() gives {type(chunk).__name__}, expected bytes"
            )
        n_bytes += len(chunk)
        _check_length(n_bytes)
        chunks.append(bytes(chunk))
    return b"".join(chunks)
