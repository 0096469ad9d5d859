"""The cache of features in a folder that several processes, of several hosts, read and fill."""

import hashlib
import os
import threading
import uuid
from pathlib import Path

import numpy as np

from sktransfer._messages import cause, shortened, shown, warn
from sktransfer.deep._cache.segments import Damaged, Segments
from sktransfer.deep._networks.recent import Recent

# Raise it when the files change: each version has a folder of its own inside the user's.
STORE = "sktransfer-features-2"
TOKEN = "token"

# The indexes of the last few folders in this process.
_OPEN = Recent(8)


def folder_of(cache):
    """Return the path of the folder that the parameter `cache` names; it need not exist."""
    try:
        folder = Path(cache).expanduser().absolute()
        if "\0" in str(folder):
            raise ValueError("embedded null byte")
        is_file = os.path.exists(folder) and not os.path.isdir(folder)
    except (RuntimeError, ValueError) as error:  # no such home
        raise ValueError(
            f"cache={shown(cache)} can be no folder ({cause(error)}): expected 'memory', the path "
            "of a folder, or None."
        ) from error
    if is_file:
        raise ValueError(
            f"cache={shown(cache)} is a file: expected 'memory', the path of a folder, or None."
        )
    return folder


def kept_file(cache, store, about, suffix):
    """Return the path of a file in a store of the cache folder, named by a hash of `about`.

    None if there is no folder, or none that can be used: an error is left to the cache of features.
    """
    if cache is None or cache == "memory":
        return None
    name = hashlib.sha256(repr(about).encode()).hexdigest()
    try:
        return folder_of(cache) / store / f"{name}{suffix}"
    except ValueError:
        return None


class FolderCache:
    """Rows by key in a folder, with the cache in memory before it; open for one call.

    `Segments` keeps them. Nothing that is read can run code. A failure costs a warning when the
    cache is closed, and the work that the cache would have saved, but no result.
    """

    def __init__(self, folder, front):
        self.folder = folder_of(folder)
        self._front = front
        self._lock = threading.RLock()
        self._segments = None
        self._writable = True
        self._claimed = set()
        self._complaints = []
        self._open_store()

    def get(self, keys, n_values):
        """Look rows up, as `MemoryCache.get` does."""
        named = [self._name + key for key in keys]
        rows = self._front.get(named, n_values)
        absent = [place for place, row in enumerate(rows) if row is None]
        with self._lock:
            if absent and self._segments is not None:
                found = self._try("get", [keys[place] for place in absent], n_values)
                for place, row in zip(absent, found or [], strict=False):
                    if row is not None:
                        rows[place] = row
                        self._front.put([named[place]], [row])
        return rows

    def put(self, keys, rows):
        """Store rows, as `MemoryCache.put` does."""
        self._front.put([self._name + key for key in keys], rows)
        with self._lock:
            self._claimed.difference_update(keys)
            if keys and self._segments is not None and self._writable:
                self._try("put", keys, rows)

    def claim(self, keys):
        """Tell of each row whether it is to be computed here, and not by another process.

        A row that is claimed is stored, or left to others when the cache is closed.
        """
        mine = None
        with self._lock:
            if keys and self._segments is not None and self._writable:
                mine = self._try("claim", keys)
                if mine is not None:
                    self._claimed.update(
                        k for k, is_mine in zip(keys, mine, strict=True) if is_mine
                    )
        return np.full(len(keys), True) if mine is None else np.array(mine, dtype=bool)

    def get_result(self, key, n_values):
        """Look in memory alone, as `MemoryCache.get_result` does."""
        return self._front.get_result(self._name + key, n_values)

    def put_result(self, key, values):
        """Store in memory alone, as `MemoryCache.put_result` does."""
        self._front.put_result(self._name + key, values)

    def close(self):
        """Leave to others what was claimed and not computed, and report errors."""
        with self._lock:
            if self._claimed and self._segments is not None and self._writable:
                self._try("release", sorted(self._claimed))
            self._claimed = set()
            complaints, self._complaints = self._complaints, []
        for complaint in complaints:
            warn(complaint, UserWarning)

    def _try(self, name, *arguments):
        """Call a method of the segments; an error is recorded, not raised."""
        while True:
            try:
                return getattr(self._segments, name)(*arguments)
            except Damaged as damage:
                if not self._set_aside(damage):
                    return None
            except OSError as error:
                if name == "get":
                    self._segments = None
                    self._complain("cannot be read", error)
                else:
                    self._writable = False
                    self._complain("takes no more features", error)
                return None

    def _set_aside(self, damage):
        """Rename a damaged file; tell whether that was possible."""
        try:
            aside = self._segments.set_aside(damage.path)
        except OSError as error:
            self._segments = None
            self._complain(f"is damaged ({damage}) and cannot be set aside", error)
            return False
        self._complain(f"had a damaged file, which is set aside as {shown(str(aside))}", damage)
        return True

    def _open_store(self):
        """Find the store, or make one."""
        store = self.folder / STORE
        token = b""
        try:
            store.mkdir(parents=True, exist_ok=True)
            token = _read_token(store)
            key = (str(store), token, os.getpid())  # a child process has files of its own
            self._segments = _OPEN.get(key, lambda: Segments(store))
        except OSError as error:
            self._complain("cannot be used", error)
        # A store that replaces a deleted one is another place in the cache in memory.
        self._name = hashlib.sha256(os.fsencode(str(store)) + token).digest()[:16]

    def _complain(self, what, reason):
        store = str(self.folder / STORE)
        complaint = (
            f"The cache {shown(store)} {what} ({shortened(reason)}); the features are right "
            "all the same."
        )
        if complaint not in self._complaints:
            self._complaints.append(complaint)


def _read_token(store):
    """Return the name of a store, which no store at its place had before; make it if absent."""
    path = store / TOKEN
    try:
        with open(path, "xb", buffering=0) as stream:
            stream.write(uuid.uuid4().hex.encode())
    except FileExistsError:
        pass
    except OSError:  # a folder that may only be read
        if not path.exists():
            return b""
    return path.read_bytes()[:64]
