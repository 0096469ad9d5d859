"""Shards as a user passes them: tar files, Parquet files and lists, read a few items at a time."""

import hashlib
import os
import re
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from sktransfer._messages import cause, listed, shown
from sktransfer.deep._files import LARGEST_FILE
from sktransfer.deep._shards.place import full_address, import_store, open_address

# The most that is read ahead of the network.
ROWS_AT_ONCE = 4096
BYTES_AT_ONCE = 2**27

TAR = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
PARQUET = (".parquet", ".pq")

_EXPECTED = (
    "the path or address of a tar or Parquet file, or a list of items; a list of single files is "
    "one shard, [paths]"
)


class UnreadableShard(Exception):
    """A shard cannot be read, or not to its end; the message is the reason."""


class Chunk(NamedTuple):
    """Neighboring items of a shard, and their names."""

    keys: list
    items: list


@dataclass(frozen=True)
class Reading:
    """How shards are read.

    Parameters
    ----------
    kind : str
        The kind of input of the network, as in `KINDS`.
    column, key_column : str or None
        The columns of Parquet files with the items, and with their names.
    suffixes : tuple of str or None
        The ends of the names of the members of tar files that are items; None: all are.
    options : dict
        The options of fsspec.
    """

    kind: str
    column: str | None = None
    key_column: str | None = None
    suffixes: tuple[str, ...] | None = None
    options: dict = field(default_factory=dict, hash=False)

    def plain(self, item):
        """Return an item as the network's input is read: an address as a file to be opened."""
        if self.kind == "text" and isinstance(item, bytes):
            try:
                return item.decode()
            except UnicodeDecodeError:
                return item  # the reason for which it has no features
        if self.kind != "text" and isinstance(item, str) and "://" in item:
            return import_store("fsspec").open(item, "rb", **self.options)
        return item


@dataclass(frozen=True)
class Shard:
    """One shard: where it is, and what it looks like from outside.

    Parameters
    ----------
    name : str
        The user's name, or the address of the file.
    facts : dict
        Its size, and what else changes with its content.
    content : str or list
        The address of a file, or the items.
    keys : list of str or None, default=None
        The names of the items of a list.
    """

    name: str
    facts: dict
    content: object
    keys: list | None = None

    @property
    def part(self):
        """The name of the Parquet file of its features."""
        digest = hashlib.sha256(self.name.encode("utf-8", "surrogatepass")).hexdigest()
        stem = re.sub(r"[^A-Za-z0-9._-]+", "-", os.path.basename(self.name).partition(".")[0])
        return f"{stem[:60].strip('-_.') or 'part'}-{digest[:12]}.parquet"

    def chunks(self, reading):
        """Yield its items as `Chunk`s.

        Raises
        ------
        UnreadableShard
            If it cannot be read, or only some of it.
        """
        try:
            if not isinstance(self.content, str):
                yield from self._of_list(reading)
            elif self.content.endswith(TAR):
                yield from _grouped(self._of_tar(reading))
            else:
                yield from self._of_parquet(reading)
        except (OSError, EOFError, tarfile.TarError, *_arrow_errors()) as error:
            raise UnreadableShard(cause(error)) from error

    def _of_list(self, reading):
        for start in range(0, len(self.content), ROWS_AT_ONCE):
            some = slice(start, start + ROWS_AT_ONCE)
            yield Chunk(self.keys[some], [reading.plain(item) for item in self.content[some]])

    def _of_tar(self, reading):
        fs, path = open_address(self.content, reading.options)
        with fs.open(path, "rb") as stream, tarfile.open(fileobj=stream, mode="r|*") as tar:
            for member in tar:
                tar.members.clear()  # else it remembers all of them
                wanted = reading.suffixes is None or member.name.endswith(reading.suffixes)
                if member.isreg() and wanted:
                    # Of a file that is too large, so much that it is refused, and no more.
                    content = tar.extractfile(member).read(LARGEST_FILE + 1)
                    yield member.name, reading.plain(content), len(content)

    def _of_parquet(self, reading):
        parquet = import_store("pyarrow", "pyarrow.parquet")
        fs, path = open_address(self.content, reading.options)
        with fs.open(path, "rb") as stream:
            file = parquet.ParquetFile(stream)
            column = reading.column or self._find_column(file.schema_arrow, reading)
            wanted = [column] + [reading.key_column] * (reading.key_column is not None)
            missing = set(wanted) - set(file.schema_arrow.names)
            if missing:
                raise ValueError(
                    f"{shown(self.name)} has no column {listed(sorted(missing))}; it has "
                    f"{listed(file.schema_arrow.names)}."
                )
            n_bytes = sum(
                file.metadata.row_group(group).total_byte_size
                for group in range(file.num_row_groups)
            )
            most = BYTES_AT_ONCE * max(1, file.metadata.num_rows) // max(1, n_bytes)
            start = 0
            for batch in file.iter_batches(max(1, min(ROWS_AT_ONCE, most)), columns=wanted):
                items = batch.column(column).to_pylist()
                places = range(start, start + len(items))
                keys = list(map(_path_in, items, map(str, places)))
                if reading.key_column is not None:
                    keys = list(map(str, batch.column(reading.key_column).to_pylist()))
                elif reading.kind != "text":
                    keys = [
                        item if isinstance(item, str) else key for item, key in zip(items, keys)
                    ]
                yield Chunk(keys, [reading.plain(item) for item in items])
                start += len(items)

    def _find_column(self, schema, reading):
        found = [
            field.name
            for field in schema
            if field.name != reading.key_column
            and re.match(r"(large_)?(binary|string)|struct<.*bytes", str(field.type))
        ]
        if len(found) != 1:
            raise ValueError(
                f"column=None, and {shown(self.name)} has {len(found)} columns of files, paths or "
                f"texts ({listed(found or schema.names)}): pass column=, the name of one."
            )
        return found[0]


def read_shards(shards, reading):
    """Return a list of `Shard`, of all that a user passed.

    Parameters
    ----------
    shards : iterable, or mapping of str to a shard
        As for `store_features`.
    reading : Reading

    Raises
    ------
    TypeError or ValueError
        If one is no shard, or two have one name.
    """
    if isinstance(shards, (str, bytes, os.PathLike)):
        raise TypeError(f"shards={shown(shards)} is one, expected several: pass [{shown(shards)}].")
    named = shards.items() if isinstance(shards, Mapping) else ((None, shard) for shard in shards)
    found = {}
    for place, (name, content) in enumerate(named):
        shard = _read_shard(
            name, content, f"shards[{shown(place if name is None else name)}]", reading
        )
        if found.setdefault(shard.name, shard) is not shard:
            raise ValueError(f"shards: {shown(shard.name)} is in it twice; pass each shard once.")
    return list(found.values())


def _read_shard(name, content, of, reading):
    if isinstance(content, (str, os.PathLike)):
        address = full_address(content)
        if not address.endswith((*TAR, *PARQUET)):
            raise ValueError(f"{of}={shown(content)} is no shard: expected {_EXPECTED}.")
        return Shard(name or address, _facts_of_file(address, reading.options), address)
    keys = None
    if isinstance(content, Mapping):
        keys, content = list(map(str, content)), list(content.values())
    if isinstance(content, bytes) or not hasattr(content, "__len__"):
        raise TypeError(f"{of} is a {type(content).__name__}, expected {_EXPECTED}.")
    items = content.to_pylist() if hasattr(content, "to_pylist") else list(content)
    if keys is None:
        keys = [
            os.fspath(item)
            if reading.kind != "text" and isinstance(item, (str, os.PathLike))
            else _path_in(item, str(place))
            for place, item in enumerate(items)
        ]
    digest = _digest_of_list(keys, items)
    return Shard(name or f"list-{digest}", {"size": len(items), "digest": digest}, items, keys)


def _facts_of_file(address, options):
    """Return the size and the time of a file; None for a file that is not there."""
    fs, path = open_address(address, options)
    try:
        info = fs.info(path)
    except FileNotFoundError:
        return {"size": None}
    marks = ("ETag", "etag", "mtime", "LastModified", "last_modified", "updated", "created")
    known = next((str(info[mark]) for mark in marks if info.get(mark) is not None), None)
    return {"size": info["size"], "modified": known}


def _digest_of_list(keys, items):
    """Return a hash of the names of items, and of those items that are texts, bytes or arrays."""
    hasher = hashlib.sha256()
    for key, item in zip(keys, items, strict=True):
        if isinstance(item, str):
            item = item.encode("utf-8", "surrogatepass")
        elif isinstance(item, np.ndarray):
            item = f"{item.dtype.str}{item.shape}".encode() + item.tobytes()
        content = item if isinstance(item, bytes) else b""
        name = key.encode("utf-8", "surrogatepass")
        hasher.update(f"{len(name)},{len(content)}:".encode() + name + content)
    return hasher.hexdigest()[:32]


def _path_in(item, otherwise):
    """Return the path in a dictionary of bytes and path, as Hugging Face's data sets hold."""
    path = item.get("path") if isinstance(item, Mapping) else None
    return path if isinstance(path, str) else otherwise


def _grouped(entries):
    """Yield `Chunk`s of entries (key, item, size)."""
    keys, items, n_bytes = [], [], 0
    for key, item, size in entries:
        if items and (len(items) >= ROWS_AT_ONCE or n_bytes + size > BYTES_AT_ONCE):
            yield Chunk(keys, items)
            keys, items, n_bytes = [], [], 0
        keys.append(key)
        items.append(item)
        n_bytes += size
    if items:
        yield Chunk(keys, items)


def _arrow_errors():
    try:
        from pyarrow import ArrowException
    except ImportError:
        return ()
    return (ArrowException,)
