"""Files that are there whole or not at all."""

import contextlib
import os
import uuid
from pathlib import Path

_TEMPORARY = ".tmp"


@contextlib.contextmanager
def writing_whole(path, *, new=False):
    """Open a file for writing bytes; it has its name when the ``with`` ends without an error.

    Until then, and after an error, the file before it is there, if there was one. Files that
    killed writers have left beside it are removed. With `new`, a file that is there raises a
    FileExistsError and stays.
    """
    path = Path(path)
    temporary = path.with_name(f"{path.name}.{uuid.uuid4().hex}{_TEMPORARY}")
    try:
        with open(temporary, "xb") as stream:
            _lock(stream)
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
            _move(temporary, path, new)
        _settle(path.parent)
        sweep(path)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def write_whole(path, content, *, new=False):
    """Write a file in one step; as `writing_whole`."""
    with writing_whole(path, new=new) as stream:
        stream.write(content)


def keep(files):
    """Write files of a cache folder; if that cannot be done, each process does the work itself."""
    with contextlib.suppress(OSError):
        for path, content in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, content)


def sweep(path):
    """Remove the temporary files beside a file whose writers were killed."""
    path = Path(path)
    for left in path.parent.iterdir():
        middle = left.name.removeprefix(f"{path.name}.").removesuffix(_TEMPORARY)
        if len(middle) == 32 and left.name == f"{path.name}.{middle}{_TEMPORARY}":
            with contextlib.suppress(OSError), open(left, "rb") as stream:
                if _lock(stream):  # else its writer is alive
                    left.unlink()


def _lock(stream):
    """Lock a file for as long as it is open; return whether it could be locked."""
    try:
        import fcntl

        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (ImportError, OSError):  # not on Windows; not on each network drive
        return False
    return True


def _move(temporary, path, new):
    if new:
        try:
            os.link(temporary, path)
            return
        except FileExistsError:
            raise
        except OSError:  # a file system without links
            if path.exists():
                raise FileExistsError(path) from None
    os.replace(temporary, path)


def _settle(folder):
    """Make a new name survive a power failure, if the system can do so."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
