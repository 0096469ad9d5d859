"""Rows of features that were computed before, in memory or in a folder."""

import os
import threading
from collections import OrderedDict

import numpy as np

from sktransfer._messages import shown

MAX_BYTES = 256 * 2**20

# Of the results of whole calls, which are kept apart so that they push no row out.
MAX_BYTES_OF_RESULTS = 64 * 2**20

# Bytes of a row beside its values: the array, its key, their places in the dictionary.
BYTES_A_ROW = 300


def open_cache(cache):
    """Return the cache that the parameter `cache` names, to be closed after the call.

    "memory" is the one of this process. A folder is made if it is absent, and several processes may
    share it. The parameter may also be None, for no cache.
    """
    if cache is None:
        return NoCache()
    if not isinstance(cache, (str, os.PathLike)) or not os.fspath(cache):
        raise TypeError(
            f"cache={shown(cache)} is not known: expected 'memory', the path of a folder, or None."
        )
    if cache == "memory":
        return memory
    from sktransfer.deep._cache.folder import FolderCache

    return FolderCache(cache, memory)


class NoCache:
    """Knows nothing and keeps nothing."""

    def get(self, keys, n_values):
        """Return None for each key."""
        return [None] * len(keys)

    def put(self, keys, rows):
        """Do nothing."""

    def claim(self, keys):
        """Return True for each key: all rows are computed here."""
        return np.full(len(keys), True)

    def get_result(self, key, n_values):
        """Return None."""

    def put_result(self, key, values):
        """Do nothing."""

    def close(self):
        """Do nothing."""


class MemoryCache:
    """Rows by key, of `max_bytes` at most; those that were not asked for the longest go.

    Several threads may use it. A forked process keeps what it has inherited. `results` is another
    one, for results of whole calls, or None.
    """

    def __init__(self, max_bytes=MAX_BYTES, results=None):
        self.max_bytes = max_bytes
        self.results = results
        self.n_bytes = 0
        self._rows = OrderedDict()
        self._lock = threading.Lock()

    def get(self, keys, n_values):
        """Return the rows, of `n_values` numbers each, by their keys; None for an unknown key."""
        with self._lock:
            rows = list(map(self._rows.get, keys))
            for key, row in zip(keys, rows, strict=True):
                if row is not None:
                    self._rows.move_to_end(key)
        return rows

    def put(self, keys, rows):
        """Store copies of rows."""
        for key, row in zip(keys, map(np.array, rows), strict=True):
            size = row.nbytes + BYTES_A_ROW
            with self._lock:
                if key not in self._rows and size <= self.max_bytes:
                    self._rows[key] = row
                    self.n_bytes += size
                while self.n_bytes > self.max_bytes:
                    _, oldest = self._rows.popitem(last=False)
                    self.n_bytes -= oldest.nbytes + BYTES_A_ROW

    def claim(self, keys):
        """Return True for each key: no other process fills this cache."""
        return np.full(len(keys), True)

    def get_result(self, key, n_values):
        """Return the `n_values` numbers of a whole call; None for an unknown key."""
        return None if self.results is None else self.results.get([key], n_values)[0]

    def put_result(self, key, values):
        """Store a copy of the numbers of a whole call."""
        if self.results is not None and values.nbytes <= self.results.max_bytes:
            self.results.put([key], [values])

    def clear(self):
        """Forget everything."""
        with self._lock:
            self._rows.clear()
            self.n_bytes = 0
        if self.results is not None:
            self.results.clear()

    def close(self):
        """Do nothing: stored rows remain."""

    def hold(self):
        """Keep threads out while the process is forked, so that the copy is whole."""
        self._lock.acquire()
        if self.results is not None:
            self.results.hold()

    def release(self):
        """Let threads in again, in the process and in its copy."""
        if self.results is not None:
            self.results.release()
        self._lock.release()


memory = MemoryCache(results=MemoryCache(MAX_BYTES_OF_RESULTS))

if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=memory.hold, after_in_parent=memory.release, after_in_child=memory.release
    )
