"""Rows of features in the files of one folder, which processes of several hosts fill at once.

Each process appends blocks to a file of its own, and reads the files of all. A block is a header,
the keys of its rows, a checksum of each row, and the rows as float32. A process that is killed
leaves a block that is too short, which is not read. No file has two writers, so nothing is locked.

A block may also claim the rows of some keys for a process, or release them. The other processes
leave claimed rows to it. Such a claim ends with its process, and if its file does not grow any
more.
"""

import contextlib
import hashlib
import os
import socket
import struct
import threading
import time
import uuid
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from sktransfer.deep._cache.index import KEY_SIZE, Index

SUFFIX = ".rows"
_HEADER = struct.Struct("<8sIIII")  # magic, kind, rows, values of a row, checksum
_MAGIC = b"sktrows1"
_ROWS, _CLAIMS, _RELEASES = range(1, 4)

# A claim is valid for so long after the file of its process last grew. The first limit is for a
# running process of this host, the second for any process of another host.
_SECONDS_HERE = 600
_SECONDS_ELSEWHERE = 60

# More finished files than these are joined, those of other processes if they have not grown lately.
_MANY_FILES = 64
_SECONDS_TO_REST = 3600
_LARGEST_TO_JOIN = 2**26


def _name_of_host():
    """Return a name of the machine and, since their processes have equal numbers, the container."""
    names = [socket.gethostname()]
    with contextlib.suppress(OSError):  # other systems have no such files
        names.append(Path("/proc/sys/kernel/random/boot_id").read_text())
        names.append(str(os.stat("/proc/self/ns/pid").st_ino))
    return hashlib.sha256(" ".join(names).encode()).hexdigest()[:12]


_HOST = _name_of_host()


class Damaged(Exception):
    """A file of the folder differs from what was written; `path` is the place of the file."""

    def __init__(self, path, reason):
        super().__init__(reason)
        self.path = path


class Block(NamedTuple):
    """A part of a file: its place, and what it says of which keys; no keys if it is damaged."""

    offset: int
    length: int
    kind: int
    n_values: int = 0
    keys: list | None = None
    checksums: Sequence = ()


class Segments:
    """The rows in a folder as this process knows them; all its threads share one."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self._lock = threading.RLock()
        self._files = {}
        self._names = []
        self._index = Index()
        self._claims = {}
        self._own = None
        self._join_old_files()

    def get(self, keys, n_values):
        """Return a float32 array of `n_values` numbers, or None, for each key.

        Raises `Damaged` or OSError. Files that other processes wrote since are looked at.
        """
        with self._lock:
            rows = self._read(keys, n_values)
            absent = [place for place, row in enumerate(rows) if row is None]
            if absent and self._look():
                again = self._read([keys[place] for place in absent], n_values)
                for place, row in zip(absent, again, strict=True):
                    rows[place] = row
        return rows

    def put(self, keys, rows):
        """Append rows. Raises OSError, and leaves the file as it was, if they do not fit."""
        values = np.ascontiguousarray(rows, dtype="<f4").reshape(len(keys), -1)
        sums = [_row_sum(key, value) for key, value in zip(keys, values, strict=True)]
        body = b"".join(keys) + np.asarray(sums, dtype="<u4").tobytes()
        with self._lock:
            self._append(_ROWS, body, len(keys), values)

    def claim(self, keys):
        """Say that this process computes rows; return a bool for each key.

        It is False if another process computes the row, or has done so. If two claim a row at the
        same moment, both may compute it, to the same row.
        """
        with self._lock:
            self._look()
            known = self._index.find(keys)
            new = [
                key
                for key, place in zip(keys, known, strict=True)
                if place is None and not self._is_claimed(key)
            ]
            if new:
                self._append(_CLAIMS, b"".join(new), len(new))
                self._look()
            mine = {key for key in new if self._claims.get(key) == self._own}
        return [key in mine for key in keys]

    def release(self, keys):
        """Leave rows that were claimed to other processes."""
        with self._lock:
            self._append(_RELEASES, b"".join(keys), len(keys))

    def _is_claimed(self, key):
        name = self._claims.get(key)
        return name not in (None, self._own) and self._files[name].is_working(name)

    def _read(self, keys, n_values):
        rows, by_file = [None] * len(keys), {}
        for position, place in enumerate(self._index.find(keys)):
            if place is not None:
                by_file.setdefault(place[0], []).append((position, place))
        for number, wanted in by_file.items():
            path = self.folder / self._names[number]
            try:
                stream = open(path, "rb", buffering=0)  # noqa: SIM115 (closed below)
            except FileNotFoundError:  # another process has joined it with others
                self._forget(number)
                continue
            with stream:
                for position, (_, offset, stored, checksum) in wanted:
                    stream.seek(offset)
                    content = stream.read(4 * stored)
                    if stored != n_values or _row_sum(keys[position], content) != checksum:
                        raise Damaged(path, "a row in it differs from the stored one")
                    rows[position] = np.frombuffer(content, dtype="<f4")
        return rows

    def _forget(self, number):
        self._index.drop(number)
        name = self._names[number]
        self._files.pop(name, None)
        self._claims = {key: of for key, of in self._claims.items() if of != name}

    def set_aside(self, path):
        """Rename a damaged file, so that it is not read any more; return its new path."""
        aside = path.with_name(path.name.removesuffix(SUFFIX) + ".damaged")
        with self._lock:
            with contextlib.suppress(FileNotFoundError):  # another process was quicker
                path.rename(aside)
            if path.name in self._files:
                self._forget(self._files[path.name].number)
            if path.name == self._own:
                self._own = None
        return aside

    def _look(self):
        """Read the keys that are new in the folder; tell whether there are some."""
        is_new = False
        with os.scandir(self.folder) as entries:
            found = [entry for entry in entries if entry.name.endswith(SUFFIX)]
        for entry in found:
            known = self._files.get(entry.name)
            if known is None:
                known = self._files[entry.name] = _File(len(self._names))
                self._names.append(entry.name)
            if entry.name == self._own:
                continue
            try:
                status = os.stat(entry.path)
                if status.st_size > known.offset and self._read_blocks(Path(entry.path), known):
                    known.grown = max(known.grown, _monotonic(status.st_mtime))
                    is_new = True
            except FileNotFoundError:  # joined or set aside since it was listed
                continue
        gone = set(self._files) - {entry.name for entry in found}
        for name in gone:
            self._forget(self._files[name].number)
        return is_new

    def _read_blocks(self, path, known):
        """Learn the keys of the blocks that were added to a file; tell whether there are any."""
        start = known.offset
        with open(path, "rb") as stream:
            for block in _blocks(stream, start):
                if block.keys is None:
                    raise Damaged(path, f"it has other content at byte {block.offset}")
                known.offset = block.offset + block.length
                self._learn(path.name, block)
        return known.offset > start

    def _learn(self, name, block):
        if block.kind == _CLAIMS:
            for key in block.keys:  # of two that work the one with the first name has the row
                of = self._claims.get(key)
                works = of is not None and (of == self._own or self._files[of].is_working(of))
                self._claims[key] = min(of, name) if works else name
            return
        for key in block.keys:
            self._claims.pop(key, None)
        if block.kind == _ROWS:
            self._index.add(self._files[name].number, block)

    def _append(self, kind, body, n, values=None):
        """Add a block to the file of this process, which is made if it is not there."""
        n_values = 0 if values is None else values.shape[1]
        head = _HEADER.pack(_MAGIC, kind, n, n_values, 0)
        head = _HEADER.pack(_MAGIC, kind, n, n_values, zlib.crc32(body, zlib.crc32(head)))
        path = self._own_path()
        is_new = self._own is None
        with open(path, "xb" if is_new else "ab", buffering=0) as stream:
            start = stream.seek(0, os.SEEK_END)
            try:
                left = memoryview(head + body + (b"" if values is None else values.tobytes()))
                while left:
                    left = left[stream.write(left) :]
            except OSError:
                stream.truncate(start)
                raise
        if is_new:
            self._own = path.name
            self._files[path.name] = _File(len(self._names))
            self._names.append(path.name)
        length = len(head) + len(body) + 4 * n * n_values
        self._files[path.name].offset = start + length
        self._learn(path.name, Block(start, length, kind, n_values, *_parted(body, n, kind)))

    def _own_path(self):
        """The file of this process; another one if it is gone."""
        if self._own is not None and (self.folder / self._own).exists():
            return self.folder / self._own
        self._own = None
        return self.folder / f"{_HOST}-{os.getpid()}-{uuid.uuid4().hex[:16]}{SUFFIX}"

    def _join_old_files(self):
        """Write the rows of many small files that rest into one, and delete these.

        Two processes may do so at once: the rows are twice there for some time, and then are
        joined. A process that reads one of the old files looks again for the rows.
        """
        now, old = time.time(), []
        with contextlib.suppress(OSError):
            for path in self.folder.glob(f"*{SUFFIX}"):
                status = path.stat()
                rests = now - status.st_mtime > _SECONDS_TO_REST
                if rests and status.st_size < _LARGEST_TO_JOIN:
                    old.append(path)
            if len(old) > _MANY_FILES:
                draft = self.folder / f"{uuid.uuid4().hex}.draft"
                try:
                    _join(old, draft)
                    draft.rename(self.folder / f"joined-0-{uuid.uuid4().hex[:16]}{SUFFIX}")
                finally:
                    draft.unlink(missing_ok=True)
                for path in old:
                    path.unlink(missing_ok=True)


class _File:
    """What is known of a file: its number in the index, how far it is read, when it last grew."""

    def __init__(self, number):
        self.number = number
        self.offset = 0
        self.grown = -np.inf

    def is_working(self, name):
        """Tell whether the process that writes the file may still compute what it has claimed."""
        silent = time.monotonic() - self.grown
        if name.partition("-")[0] != _HOST:
            return silent < _SECONDS_ELSEWHERE
        return silent < _SECONDS_HERE and _is_running(_pid_of(name))


def _blocks(stream, offset):
    """Yield each whole block; one that is damaged is the last.

    A block that is cut off is not there yet.
    """
    size = os.fstat(stream.fileno()).st_size
    while offset + _HEADER.size <= size:
        stream.seek(offset)
        magic, kind, n, n_values, checksum = _HEADER.unpack(stream.read(_HEADER.size))
        if magic != _MAGIC or kind not in (_ROWS, _CLAIMS, _RELEASES):
            yield Block(offset, 0, kind)
            return
        n_bytes = n * (KEY_SIZE + (4 if kind == _ROWS else 0))
        length = _HEADER.size + n_bytes + 4 * n * n_values
        if offset + length > size:
            return
        body = stream.read(n_bytes)
        if zlib.crc32(body, zlib.crc32(_HEADER.pack(magic, kind, n, n_values, 0))) != checksum:
            yield Block(offset, 0, kind)
            return
        yield Block(offset, length, kind, n_values, *_parted(body, n, kind))
        offset += length


def _parted(body, n, kind):
    """The keys of a block and, if it has rows, their checksums."""
    keys = [body[KEY_SIZE * i : KEY_SIZE * (i + 1)] for i in range(n)]
    sums = np.frombuffer(body[KEY_SIZE * n :], "<u4").tolist() if kind == _ROWS else []
    return keys, sums


def _join(paths, draft):
    """Write the rows of some files into another one, each key once."""
    seen = set()
    with open(draft, "xb") as out:
        for path in paths:
            with open(path, "rb") as stream:
                for block in _blocks(stream, 0):
                    if not block.keys or block.kind != _ROWS or seen.issuperset(block.keys):
                        continue
                    seen.update(block.keys)
                    stream.seek(block.offset)
                    out.write(stream.read(block.length))


def _row_sum(key, value):
    return zlib.crc32(value, zlib.crc32(key))


def _pid_of(name):
    return int(name.split("-")[1])


def _is_running(pid):
    if os.name == "nt":  # there this signal is no question
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it belongs to another user
        return True
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:  # this system has no such file
        return True
    return status.rpartition(")")[2].split()[0] not in "ZX"  # killed, and not waited for yet


def _monotonic(when):
    """Return a time of the clock of files as one of the monotonic clock, never in the future."""
    return time.monotonic() - max(0.0, time.time() - when)
