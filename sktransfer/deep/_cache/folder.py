"""Rows of features in a folder: an SQLite file that several processes read and fill at once."""

import contextlib
import hashlib
import itertools
import shutil
import sqlite3
import threading
import uuid
import warnings
import zlib
from pathlib import Path

import numpy as np

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
_DAMAGES = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR)


class _Damaged(Exception):
    """A row is not what was stored."""


class FolderCache:
    """Rows by key in a folder, with the cache in memory before it; open for one call.

    Values are stored as the bytes of their numbers, with a checksum; nothing that is read can run
    code. A write is a transaction of SQLite's write-ahead log: whoever is killed in the middle
    leaves nothing half done, and readers never wait. Whatever goes wrong costs a warning when the
    cache is closed, and the work that the cache would have saved, but no result.

    Parameters
    ----------
    folder : str or os.PathLike
        Made if it is absent.
    front : MemoryCache
        What the folder holds is kept there, too, within its bounds.
    """

    def __init__(self, folder, front):
        self.folder = Path(folder).expanduser().absolute()
        if self.folder.exists() and not self.folder.is_dir():
            raise ValueError(
                f"cache={folder!r} is a file: expected 'memory', the path of a folder, or None."
            )
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

    def close(self):
        """Close the file, and say what went wrong."""
        with self._lock:
            self._disconnect()
            complaints, self._complaints = self._complaints, []
        for complaint in complaints:
            warnings.warn(complaint, UserWarning, stacklevel=4)

    def _read(self, keys, n_values):
        found = {}
        for first in range(0, len(keys), KEYS_AT_ONCE):
            some = keys[first : first + KEYS_AT_ONCE]
            query = _FIND.format(", ".join("?" * len(some)))
            for key, value, checksum in self._connect().execute(query, some):
                if len(value) != 4 * n_values or _checksum(key, value) != checksum:
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
        """Do something with the file; what cannot be done is remembered, not raised."""
        try:
            return work(*arguments)
        except _Damaged:
            self._set_aside("a row of it is not what was stored")
        except (sqlite3.Error, OSError) as error:
            if _is_damage(error):
                self._set_aside(str(error))
            elif work == self._write:
                self._writable = False
                self._complain("takes no more features", error)
            else:
                self._usable = False
                self._complain("cannot be read", error)
        return None

    def _open_store(self):
        """Find the store, or make one."""
        store = self.folder / STORE
        self._token = ""
        try:
            if store.exists() and not all((store / name).exists() for name in (DATABASE, TOKEN)):
                self._set_aside("a file of it is missing")
            elif not store.exists():
                self._make_store(store)
            self._token = (store / TOKEN).read_text()
        except (sqlite3.Error, OSError) as error:
            self._usable = False
            self._complain("cannot be used", error)
        # A store that replaces a deleted one is another place in the cache in memory.
        self._name = hashlib.sha256(f"{store} {self._token}".encode()).digest()[:16]

    def _make_store(self, store):
        """Make a store under another name, so that nobody sees half of one."""
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
            token = (store / TOKEN).read_text() if (store / TOKEN).exists() else ""
            if self._token in ("", token) or not token:
                numbers = itertools.count(1)
                names = (self.folder / f"{STORE}-damaged-{number}" for number in numbers)
                aside = next(name for name in names if not name.exists())
                store.rename(aside)
                self._complain(f"was damaged and is set aside as {str(aside)!r}", reason)
        except OSError as error:
            self._usable = False
            self._complain(f"is damaged ({reason}) and cannot be set aside", error)
        else:
            self._open_store()

    def _complain(self, what, reason):
        store = str(self.folder / STORE)
        complaint = f"The cache {store!r} {what} ({reason}); the features are right all the same."
        if complaint not in self._complaints:
            self._complaints.append(complaint)


def _connect(path, mode):
    connection = sqlite3.connect(
        f"{path.as_uri()}?{mode}", uri=True, timeout=SECONDS_TO_WAIT, check_same_thread=False
    )
    try:
        connection.execute("PRAGMA trusted_schema=OFF")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("SELECT count(*) FROM features WHERE key = x''").fetchone()
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _checksum(key, value):
    return zlib.crc32(value, zlib.crc32(key))


def _is_damage(error):
    code = getattr(error, "sqlite_errorcode", None) or 0
    return code & 0xFF in _DAMAGES or code == sqlite3.SQLITE_IOERR_SHORT_READ


def _has_log(path):
    """Tell whether there are writes that have not reached the database yet."""
    log = path.with_name(f"{path.name}-wal")
    return log.exists() and log.stat().st_size > 0
