"""Download a file, compare its checksum, and put it in place in one step."""

import hashlib
import time
from http.client import HTTPException
from math import inf
from numbers import Integral, Real
from urllib.error import HTTPError
from urllib.request import Request, urlopen
from uuid import uuid4

from sktransfer._messages import cause, shown, warn

_CHUNK = 2**16
_TIMEOUT = 30

# Answers of a server. Another try does not change the first, but a timeout, or too many requests.
_BAD_RANGE = 416
_FINAL = set(range(400, 500)) - {408, _BAD_RANGE, 429}


class _WrongChecksum(OSError):
    """A whole file arrived, but it is another one."""


def checksum(path):
    """Return the SHA-256 checksum of a file; of a folder, that of the names and checksums in it."""
    if path.is_file():
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    files = sorted(
        (file.relative_to(path).as_posix(), file) for file in path.rglob("*") if file.is_file()
    )
    lines = [f"{checksum(file)}  {name}\n" for name, file in files]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def check_tries(n_retries, delay):
    """Raise ValueError if there are less than no further tries, or a wait that is no time."""
    if not isinstance(n_retries, Integral) or isinstance(n_retries, bool) or n_retries < 0:
        raise ValueError(f"n_retries={shown(n_retries)}: expected a whole number, 0 or more.")
    if not isinstance(delay, Real) or not 0 <= delay < inf:
        raise ValueError(f"delay={shown(delay)}: expected a number of seconds, 0 or more.")


def download(address, path, *, of, sha256, n_retries, delay):
    """Download `address` to `path`, which appears when the whole file is there and right.

    A try that follows a broken one goes on after the bytes that are already there. Files of other
    processes are not touched, because each call writes to a file of its own first.

    Raises
    ------
    OSError
        If the file at the address is another one, or if the address does not answer or breaks off
        in each of the tries. `of` names the file in the message.
    """
    part = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _fetch(address, part, sha256, n_retries, delay)
        part.replace(path)
    except _WrongChecksum as error:
        raise OSError(f"{of} was not downloaded: {error}.") from None
    except OSError as error:
        raise OSError(
            f"{of} was not downloaded from {address}: {cause(error)}. On a machine without a "
            f"network, put the file at {path}."
        ) from error
    finally:
        part.unlink(missing_ok=True)


def _fetch(address, part, sha256, n_retries, delay):
    """Fill the file `part`; the last try raises its error."""
    for left in reversed(range(n_retries + 1)):
        try:
            resumed = _append(address, part)
        except (OSError, HTTPException) as broken:
            error = broken if isinstance(broken, OSError) else ConnectionError(cause(broken))
            if isinstance(broken, HTTPError):
                broken.close()
                if broken.code in _FINAL:
                    raise
                if broken.code == _BAD_RANGE:
                    part.unlink(missing_ok=True)
        else:
            found = checksum(part)
            if found == sha256:
                return
            part.unlink()
            error = _WrongChecksum(
                f"{address} gave a file with the SHA-256 checksum {found}, expected {sha256}"
            )
            if not resumed:  # halves of two versions may have been joined
                raise error
        if not left:
            raise error
        warn(f"The download of {address} goes on after {cause(error)}", UserWarning)
        time.sleep(delay)


def _append(address, part):
    """Read what `part` lacks, and return whether it began in the middle.

    A server that cannot begin in the middle sends the whole file, which replaces `part`.
    """
    start = part.stat().st_size if part.exists() else 0
    headers = {"Range": f"bytes={start}-"} if start else {}
    with urlopen(Request(address, headers=headers), timeout=_TIMEOUT) as answer:
        resumed = bool(start) and answer.status == 206
        length = answer.headers.get("Content-Length")
        with part.open("ab" if resumed else "wb") as stream:
            start = stream.tell()
            while chunk := answer.read(_CHUNK):
                stream.write(chunk)
            stop = stream.tell()
    if length is not None and stop - start != int(length):
        raise ConnectionError(f"{stop} of {start + int(length)} bytes arrived")
    return resumed
