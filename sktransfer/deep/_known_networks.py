"""Descriptions of networks in a cache folder: a zoo is asked once, not in every process."""

import contextlib
import hashlib
import json
import os
import platform
import time
from pathlib import Path

from sktransfer import __version__
from sktransfer._extras import installed_version
from sktransfer.deep._backbone import ZOOS, Backbone, resolve_backbone
from sktransfer.deep._cache.file_digest import SETTLED, signature
from sktransfer.deep._cache.folder import folder_of
from sktransfer.deep._saving.storage import Unwritable, decode, encode, write_whole

# Raise it when the same network comes to have another description.
STORE = "sktransfer-networks-1"

_LIBRARIES = ("torch", "transformers", "timm")


def resolve_known(backbone, *, cache, **options):
    """Describe a network as `resolve_backbone` does, with the help of a cache folder.

    Only to describe a network of a zoo, torch and the zoo's library have to be imported and the
    weights read, which takes seconds in each worker process of a search, where all features may be
    in the folder already. So the descriptions of networks that lie in a folder of their own are
    kept there, too. They are known by the inode, size and times of every file, by the options, and
    by the releases of the libraries.

    Parameters
    ----------
    backbone : str, os.PathLike, torch.nn.Module or Backbone
    cache : "memory", str, os.PathLike or None
        As for `open_cache`.
    **options
        As for `resolve_backbone`.

    Returns
    -------
    backbone : Backbone
    """
    path = _place(backbone, cache, options)
    found = None if path is None else _read(path)
    if found is None:
        found = resolve_backbone(backbone, **options)
        if path is not None:
            _write(path, found)
    return found


def _place(backbone, cache, options):
    """The file of a description; None where there is to be none."""
    if cache is None or cache == "memory" or not str(backbone).startswith(ZOOS):
        return None
    folder = Path(backbone.partition(":")[2].removeprefix("local-dir:"))
    if options.get("weights") is not None or not os.path.isdir(folder):
        return None
    try:
        files = {path.name: signature(path) for path in sorted(folder.iterdir())}
    except OSError:  # the zoo will say it
        return None
    latest = max((time_ns for known in files.values() for time_ns in known[-2:]), default=0)
    arrays = {}
    try:
        text = json.dumps(encode(options, arrays))
    except (Unwritable, ValueError):
        return None
    if arrays or time.time_ns() - latest < SETTLED * 1e9:
        return None
    about = backbone, files, text, __version__, platform.node(), *map(installed_version, _LIBRARIES)
    name = hashlib.sha256(repr(about).encode()).hexdigest()
    try:
        return folder_of(cache) / STORE / f"{name}.json"
    except ValueError:  # what reads the features will say it
        return None


def _read(path):
    """A description; None where there is none that can be used."""
    try:
        found = decode(json.loads(path.read_text()), {})
    except Exception:  # a damaged file raises anything
        return None
    return found if isinstance(found, Backbone) else None


def _write(path, backbone):
    """Keep a description; where that cannot be done, every process describes the network itself."""
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, json.dumps(encode(backbone, {})).encode())
