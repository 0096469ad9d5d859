"""The folder of features, local or behind an address of fsspec: files appear whole, or not."""

import contextlib
import os
import time
import uuid
from dataclasses import dataclass, field
from functools import cached_property

from sktransfer._extras import install_command

# Arrow, Dask and Spark take no file of a folder whose name begins with an underscore for data.
PRIVATE = "_sktransfer"
SUFFIX = ".parquet"

# Drafts and marks of processes that died are deleted once they are so many seconds old.
LEFT_OVER = 24 * 3600


@dataclass(frozen=True)
class Place:
    """A folder, and how fsspec opens it; picklable, and opened when it is used.

    Parameters
    ----------
    address : str
        An absolute path, or an address such as "s3://bucket/features".
    options : dict
        The options of fsspec for that file system.
    run : str, default=""
        The name of the call that writes, which its drafts and marks begin with.
    """

    address: str
    options: dict = field(default_factory=dict, hash=False)
    run: str = ""

    @cached_property
    def _opened(self):
        return open_address(self.address, self.options)

    def _path(self, name):
        return f"{self._opened[1].rstrip('/')}/{name}"

    def parts(self):
        """Return the sizes in bytes of the Parquet files, by their names, in order."""
        return {name: size for name, size in self.files("") if name.endswith(SUFFIX)}

    def open(self, name):
        """Open a file for reading."""
        return self._opened[0].open(self._path(name), "rb")

    def size(self, name):
        """Return the size of a file in bytes; None if it is not there."""
        with contextlib.suppress(FileNotFoundError):
            return self._opened[0].size(self._path(name))
        return None

    def read(self, name):
        """Return the content of a file; None if it is not there."""
        with contextlib.suppress(FileNotFoundError):
            return self._opened[0].cat_file(self._path(name))
        return None

    def write(self, name, content):
        """Write a small file."""
        with self.writing(name) as stream:
            stream.write(content)

    def put(self, name, content):
        """Write a few bytes at once, without a draft."""
        fs, path = self._opened[0], self._path(name)
        fs.makedirs(os.path.dirname(path), exist_ok=True)
        fs.pipe_file(path, content)

    def remove(self, name):
        """Delete a file, if it is there."""
        with contextlib.suppress(FileNotFoundError):
            self._opened[0].rm_file(self._path(name))

    @contextlib.contextmanager
    def writing(self, name):
        """Open a draft for writing, which gets its name when the ``with`` ends without an error."""
        fs = self._opened[0]
        draft = f"{PRIVATE}/drafts/{self.run}-{uuid.uuid4().hex}"
        for path in (draft, name):
            fs.makedirs(os.path.dirname(self._path(path)), exist_ok=True)
        try:
            with fs.open(self._path(draft), "wb") as stream:
                yield stream
            if _is_local(fs):
                os.replace(self._path(draft), self._path(name))
            else:
                fs.mv(self._path(draft), self._path(name))
        except BaseException:
            with contextlib.suppress(Exception):  # the first error is the one to report
                self.remove(draft)
            raise

    def create(self, name, content):
        """Write a small file unless it is there, and return the content that is there then."""
        fs = self._opened[0]
        if _is_local(fs):
            draft = f"{PRIVATE}/drafts/{self.run}-{uuid.uuid4().hex}"
            self.write(draft, content)
            with contextlib.suppress(OSError):  # it is there, or there are no links on that disk
                os.makedirs(os.path.dirname(self._path(name)), exist_ok=True)
                os.link(self._path(draft), self._path(name))
            self.remove(draft)
        if (found := self.read(name)) is None:
            self.write(name, content)
            found = self.read(name)
        return found

    def clean(self, *, run):
        """Delete what dead processes of a call have left, and what is of yesterday."""
        fs = self._opened[0]
        for folder in ("drafts", "attempts"):
            for name, _ in self.files(f"{PRIVATE}/{folder}"):
                path = f"{PRIVATE}/{folder}/{name}"
                with contextlib.suppress(FileNotFoundError, NotImplementedError):
                    if name.startswith(run) or _age(fs, self._path(path)) > LEFT_OVER:
                        self.remove(path)

    def files(self, folder):
        """Yield the names and the sizes of the files in a folder."""
        fs, path = self._opened[0], self._path(folder)
        try:
            found = fs.ls(path.rstrip("/"), detail=True, refresh=True)
        except FileNotFoundError:
            return
        for entry in sorted(found, key=lambda entry: entry["name"]):
            if entry["type"] == "file":
                yield os.path.basename(entry["name"]), entry["size"]


def place_of(folder, options, run=""):
    """Return the `Place` of a parameter `folder`."""
    return Place(full_address(folder), dict(options or {}), run)


def full_address(path):
    """Return a path as it is known from any working folder; an address stays as it is."""
    path = os.fspath(path)
    if path.startswith("file://"):
        path = path.removeprefix("file://")
    return path if "://" in path else os.path.abspath(os.path.expanduser(path))


def open_address(address, options):
    """Return the file system of fsspec for an address, and the path on it."""
    fsspec = import_store("fsspec")
    is_local = "://" not in address
    return fsspec.url_to_fs(address, **({} if is_local else options))


def import_store(*modules):
    """Import modules of the extra "store", and return the last of them."""
    from importlib import import_module

    try:
        return [import_module(module) for module in modules][-1]
    except ImportError as error:
        raise ImportError(
            "store_features and load_features need pyarrow and fsspec, of which "
            f"{error.name} is not installed; run {install_command('store')}."
        ) from error


def _age(fs, path):
    """Return the seconds since a file was written."""
    return time.time() - fs.modified(path).timestamp()


def _is_local(fs):
    return "file" in ((fs.protocol,) if isinstance(fs.protocol, str) else fs.protocol)
