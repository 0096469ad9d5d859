"""Rows of features in a folder: an SQLite file that several processes read and fill at once."""

import contextlib
import hashlib
import itertools
import os
import re
import shutil
import sqlite3
import threading
import uuid
import zlib
from pathlib import Path

import numpy as np

from sktransfer._messages import cause, shortened, shown, warn

# Raise it when the table changes: each version has a folder of its own inside the user's.
STORE = "sktransfer-features-1"
DATABASE = "features.sqlite"
TOKEN = "token"
SECONDS_TO_WAIT = 30
KEYS_AT_ONCE = 500

_TABLE = "CREATE TABLE features (key BLOB PRIMARY KEY, value BLOB NOT NULL, checksum INT NOT NULL)"
_FIND = "SELECT key, value, checksum FROM features WHERE key IN ({})"
_STORE = "INSERT OR IGNORE INTO features VALUES (?, ?, ?)"

# The file is no database, a page of it is broken or cut off, or the table is not ours.
_DAMAGES = (
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_ERROR,
    sqlite3.SQLITE_TOOBIG,
    sqlite3.SQLITE_MISMATCH,
    sqlite3.SQLITE_CONSTRAINT,
)


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


class _Damaged(Exception):
    """A row differs from the stored one."""


class FolderCache:
    """Rows by key in a folder, with the cache in memory before it; open for one call.

    Values are stored as the bytes of their numbers, with a checksum; nothing that is read can run
    code. A write is a transaction of SQLite's write-ahead log: a process that is killed leaves
    nothing half done, and readers never wait. A failure costs a warning when the cache is closed,
    and the work that the cache would have saved, but no result.
    """

    def __init__(self, folder, front):
        self.folder = folder_of(folder)
        self._front = front
        self._lock = threading.RLock()
        self._connection = None
        self._usable = self._writable = True
        self._complaints = []
        self._open_store()

    def get(self, keys, n_values):
        """Look rows up, as `MemoryCache.get` does."""
        named = [self._name + key for key in keys]
        rows = self._front.get(named, n_values)
        absent = [place for place, row in enumerate(rows) if row is None]
        with self._lock:
            if absent and self._usable:
                found = self._try(self._read, [keys[place] for place in absent], n_values) or {}
                for place in absent:
                    row = rows[place] = found.get(keys[place])
                    if row is not None:
                        self._front.put([named[place]], [row])
        return rows

    def put(self, keys, rows):
        """Store rows, as `MemoryCache.put` does."""
        self._front.put([self._name + key for key in keys], rows)
        with self._lock:
            if self._usable and self._writable:
                self._try(self._write, keys, rows)

    def get_result(self, key, n_values):
        """Look in memory alone, as `MemoryCache.get_result` does."""
        return self._front.get_result(self._name + key, n_values)

    def put_result(self, key, values):
        """Store in memory alone, as `MemoryCache.put_result` does."""
        self._front.put_result(self._name + key, values)

    def close(self):
        """Close the file, and report errors."""
        with self._lock:
            self._disconnect()
            complaints, self._complaints = self._complaints, []
        for complaint in complaints:
            warn(complaint, UserWarning)

    def _read(self, keys, n_values):
        found = {}
        for first in range(0, len(keys), KEYS_AT_ONCE):
            some = keys[first : first + KEYS_AT_ONCE]
            query = _FIND.format(", ".join("?" * len(some)))
            for key, value, checksum in self._connect().execute(query, some):
                stored = isinstance(key, bytes) and isinstance(value, bytes)
                if not stored or len(value) != 4 * n_values or _checksum(key, value) != checksum:
                    raise _Damaged
                found[key] = np.frombuffer(value, dtype="<f4")
        return found

    def _write(self, keys, rows):
        values = [np.asarray(row, dtype="<f4").tobytes() for row in rows]
        lines = [(k, v, _checksum(k, v)) for k, v in zip(keys, values, strict=True)]
        connection = self._connect()
        with connection:
            connection.executemany(_STORE, lines)

    def _try(self, work, *arguments):
        """Run an operation on the file; an error is recorded, not raised."""
        try:
            return work(*arguments)
        except (_Damaged, OverflowError, UnicodeDecodeError):  # Python's own errors of damaged rows
            self._set_aside("a row or a name in it differs from the stored one")
        except (sqlite3.Error, OSError) as error:
            if _is_damage(error) or (_is_read_only(error) and self._may_write()):
                self._set_aside(str(error))
            elif work == self._write:
                self._writable = False
                self._complain("takes no more features", error)
            else:
                self._usable = False
                self._complain("cannot be read", error)
        return None

    def _may_write(self):
        store = self.folder / STORE
        return os.access(store, os.W_OK) and os.access(store / DATABASE, os.W_OK)

    def _open_store(self):
        """Find the store, or make one."""
        store = self.folder / STORE
        self._token = ""
        try:
            if not store.exists():
                self._make_store(store)
            if not (store / DATABASE).exists() or not (store / TOKEN).exists():
                self._set_aside("a file of it is missing")
            elif not _is_token(token := _read_token(store)):
                self._set_aside(f"its file {shown(TOKEN)} has other content")
            else:
                self._token = token
        except (sqlite3.Error, OSError) as error:
            self._usable = False
            self._complain("cannot be used", error)
        # A store that replaces a deleted one is another place in the cache in memory.
        self._name = hashlib.sha256(os.fsencode(f"{store} {self._token}")).digest()[:16]

    def _make_store(self, store):
        """Write a store under another name, so that no reader sees half of one."""
        draft = self.folder / f"{STORE}-{uuid.uuid4().hex}"
        try:
            draft.mkdir(parents=True)
            with contextlib.closing(sqlite3.connect(draft / DATABASE)) as connection:
                connection.execute("PRAGMA journal_mode=WAL")
                connection.execute(_TABLE)
                connection.commit()
            (draft / TOKEN).write_text(uuid.uuid4().hex)
            draft.rename(store)
        except OSError:
            if not (store / DATABASE).exists():  # else another process was quicker
                raise
        finally:
            shutil.rmtree(draft, ignore_errors=True)

    def _connect(self):
        if self._connection is None:
            path = self.folder / STORE / DATABASE
            try:
                self._connection = _connect(path, "mode=rw")
            except sqlite3.OperationalError:
                if _has_log(path):
                    raise
                # In a folder that nobody can write to, the log cannot be shared, but need not be.
                self._connection = _connect(path, "mode=ro&immutable=1")
        return self._connection

    def _disconnect(self):
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None

    def _set_aside(self, reason):
        """Rename the store with all that belongs to it, unless somebody else has done so."""
        self._disconnect()
        store = self.folder / STORE
        try:
            token = _read_token(store)
            if self._token in ("", token) or not _is_token(token):
                numbers = itertools.count(1)
                names = (self.folder / f"{STORE}-damaged-{number}" for number in numbers)
                aside = next(name for name in names if not name.exists())
                store.rename(aside)
                self._complain(f"was damaged and is set aside as {shown(str(aside))}", reason)
        except OSError as error:
            self._usable = False
            self._complain(f"is damaged ({reason}) and cannot be set aside", error)
        else:
            self._open_store()

    def _complain(self, what, reason):
        store = str(self.folder / STORE)
        complaint = (
            f"The cache {shown(store)} {what} ({shortened(reason)}); the features are right "
            "all the same."
        )
        if complaint not in self._complaints:
            self._complaints.append(complaint)


def _read_token(store):
    """The name of a store; empty if there is none."""
    try:
        return (store / TOKEN).read_text(encoding="ascii", errors="replace")
    except FileNotFoundError:
        return ""


def _is_token(token):
    return re.fullmatch("[0-9a-f]{32}", token) is not None


def _connect(path, mode):
    connection = sqlite3.connect(
        f"{path.as_uri()}?{mode}", uri=True, timeout=SECONDS_TO_WAIT, check_same_thread=False
    )
    connection.text_factory = bytes
    try:
        connection.execute("PRAGMA trusted_schema=OFF")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("SELECT count(*) FROM features WHERE key = x''").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


def _checksum(key, value):
    return zlib.crc32(value, zlib.crc32(key))


def _is_damage(error):
    code = getattr(error, "sqlite_errorcode", None) or 0
    return code & 0xFF in _DAMAGES or code == sqlite3.SQLITE_IOERR_SHORT_READ


def _is_read_only(error):
    """Whether the file says that it may not be written, which one changed byte of it can do."""
    return (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF == sqlite3.SQLITE_READONLY


def _has_log(path):
    """Tell whether there are writes that have not reached the database yet."""
    log = path.with_name(f"{path.name}-wal")
    return log.exists() and log.stat().st_size > 0
