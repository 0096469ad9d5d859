"""The digest of a file's content, read again only where the file may have changed."""

import os
import time

# A file that changed so few seconds before it was read may change again within one tick of the
# file system's clock, and its times would not tell.
SETTLED = 2.0

MOST_FILES = 100_000

_known = {}


def known_digest(item):
    """Return the digest of a file that this process has read before and that is the same, or None.

    The same means: inode, size, and the times of the last change of content and of attributes.
    """
    if not isinstance(item, (str, os.PathLike)):
        return None
    before, digest = _known.get(os.fspath(item), (None, None))
    return digest if before is not None and signature(item) == before else None


def remember_digest(item, before, digest):
    """Remember the digest of a file, unless it may have changed while it was read, or just before.

    `before` is its `signature` before it was read.
    """
    if before is None or before != signature(item):
        return
    if time.time_ns() - max(before[-2:]) < SETTLED * 1e9:
        return
    if len(_known) >= MOST_FILES:
        _known.clear()
    _known[os.fspath(item)] = before, digest


def signature(item):
    """What changes with a file: device, inode, size and times; None for what is no file."""
    if not isinstance(item, (str, os.PathLike)):
        return None
    try:
        stat = os.stat(item)
    except (OSError, ValueError):
        return None
    return stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns
