"""Files as items of X, of pictures and of sounds: paths, bytes and streams, and their content."""

import hashlib
import inspect
import io
import os
import stat
import threading
from collections.abc import Mapping

import numpy as np

from sktransfer._messages import cause, shortened
from sktransfer.deep._items import Unreadable

# More than any picture or sound that can be read takes, and little enough for a few threads.
LARGEST_FILE = 2**30

_CHUNK = 2**24

DIGEST_SIZE = 16

# The position of a stream belongs to the stream, which may be in X twice.
_reading = threading.Lock()


def is_file(item):
    """Tell whether an item is a path, the content of a file, a file object, or opens one."""
    kinds = (str, os.PathLike, bytes, bytearray, memoryview)
    return isinstance(item, kinds) or is_stream(item) or is_openable(item)


def is_stream(item):
    """Tell whether an item is a file object: an open file, a buffer, an upload."""
    return callable(getattr(item, "read", None)) and not hasattr(item, "__array__")


def is_openable(item):
    """Tell whether an item is a reference to a file that is not local, and opens it.

    Such are ``fsspec.open(...)``, a path of universal_pathlib and a member ``zipfile.Path``.
    """
    remote = hasattr(item, "fs") or callable(getattr(item, "read_bytes", None))
    return remote and callable(getattr(item, "open", None)) and not isinstance(item, os.PathLike)


def plain_item(item):
    """Replace the wrappings that other libraries put around a path, bytes or numbers.

    These are a dictionary with "bytes" and "path" (Hugging Face's data sets), a scalar of Arrow,
    an upload around a file object, and a memoryview of numbers. Other items are returned as they
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


def read_file(item):
    """Return the content of an item that `is_file`, bytes or a bytearray."""
    if isinstance(item, (str, os.PathLike)):
        return _read_path(item)
    if is_stream(item):
        return _read_stream(item)
    if is_openable(item):
        return _read_remote(item)
    return bytes(item) if isinstance(item, memoryview) else item


def first_bytes(item, n_bytes):
    """Return the first bytes of an file."""
    if isinstance(item, (str, os.PathLike)):
        return _read_path(item, n_bytes)
    if is_stream(item):
        return _read_stream(item)[:n_bytes]
    if is_openable(item):
        return _read_remote(item, n_bytes)
    return bytes(memoryview(item)[:n_bytes])


def new_hasher(kind):
    """Start a SHA-256 hash of a kind of content; `DIGEST_SIZE` bytes of it are a digest."""
    return hashlib.sha256(kind, usedforsecurity=False)


def digest_file(content):
    """Hash the content of a file."""
    hasher = new_hasher(b"file")
    hasher.update(content)
    return hasher.digest()[:DIGEST_SIZE]


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
            f"{n_bytes / 2**30:.1f} GiB, more than the {LARGEST_FILE / 2**30:g} GiB that a file "
            "may have"
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


def _read_remote(item, n_bytes=-1):
    """The content of an item that `is_openable`, or its first bytes."""
    try:
        with item.open() if hasattr(item, "__enter__") else item.open("rb") as stream:
            if n_bytes >= 0:
                return stream.read(n_bytes)
            return _read_all(stream)
    except FileNotFoundError:
        raise Unreadable("no such file") from None
    except Unreadable:
        raise
    except Exception as error:  # any file system has failures of its own
        raise Unreadable(f"it cannot be opened and read: {cause(error)}") from error


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
