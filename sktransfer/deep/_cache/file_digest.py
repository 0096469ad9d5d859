"""Facts about the content of files, read again only if a file may have changed."""

import os
import time

# A file that changed so few seconds before it was read may change again within one tick of the
# file system's clock, and its times would not show it.
SETTLED = 2.0

MOST_FILES = 100_000

_known = {}


def known(item, what):
    """Return the "digest" or "depth" of a file that this process has read, if it did not change.

    Inode, size, and the times of the last change of content and of attributes are compared.
    """
    if not isinstance(item, (str, os.PathLike)):
        return None
    before, facts = _known.get(os.fspath(item), (None, {}))
    return facts[what] if what in facts and signature(item) == before else None


def remember(item, before, what, fact):
    """Remember a fact about a file, unless it may have changed while it was read, or just before.

    `before` is its `signature` before it was read; `what` is "digest" or "depth".
    """
    if before is None or before != signature(item):
        return
    if time.time_ns() - max(before[-2:]) < SETTLED * 1e9:
        return
    if len(_known) >= MOST_FILES:
        _known.clear()
    last, facts = _known.get(os.fspath(item), (None, {}))
    _known[os.fspath(item)] = before, (facts if last == before else {}) | {what: fact}


def signature(item):
    """Return values that change with a file: device, inode, size, times; None if it is no file."""
    if not isinstance(item, (str, os.PathLike)):
        return None
    try:
        stat = os.stat(item)
    except (OSError, ValueError):
        return None
    return stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns
