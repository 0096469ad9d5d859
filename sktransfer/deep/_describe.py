"""The description of a network: made, kept in a cache folder, and followed if its file moves."""

import json
import os
import platform
import time
from copy import copy
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from sklearn.utils.validation import check_is_fitted

from sktransfer import __version__
from sktransfer._extras import installed_version
from sktransfer._whole_files import keep
from sktransfer.deep._backbone import ZOOS, Backbone, resolve_backbone
from sktransfer.deep._built_in import BUILT_IN
from sktransfer.deep._cache.file_digest import SETTLED, signature
from sktransfer.deep._cache.folder import kept_file
from sktransfer.deep._kinds import options_of, refuse_other_kinds
from sktransfer.deep._networks.onnx.read import absolute, read_file, stamps
from sktransfer.deep._saving.storage import Unwritable, decode, encode

# Raise it when the same network comes to have another description.
STORE = "sktransfer-networks-2"

_LIBRARIES = ("torch", "transformers", "timm")


def describe_for(estimator):
    """Describe the network of an estimator's parameter `backbone`, as its other parameters say.

    Parameters for another kind of input are an error.
    """
    described = describe(estimator.backbone, cache=estimator.cache, **options_of(estimator))
    refuse_other_kinds(estimator, described)
    return described


def describe(backbone, *, cache, **options):
    """Describe a network as `resolve_backbone` does, with the help of a cache folder.

    To describe a network of a zoo, torch and the zoo's library have to be imported and the weights
    read. That takes seconds in each worker process of a search. So the descriptions of networks
    that lie in a folder of their own are kept in the cache folder. They are known by the inode,
    size and times of every file, by the options, and by the releases of the libraries.
    """
    path = _place(backbone, cache, options)
    found = None if path is None else _read(path)
    if found is None:
        found = resolve_backbone(backbone, **options)
        if path is not None:
            keep({path: json.dumps(encode(found, {})).encode()})
    return found


def _place(backbone, cache, options):
    """Return the file of a description; None if there should be none."""
    if cache is None or cache == "memory" or not str(backbone).startswith(ZOOS):
        return None
    folder = Path(backbone.partition(":")[2].removeprefix("local-dir:"))
    if options.get("weights") is not None or not os.path.isdir(folder):
        return None
    try:
        files = {str(path): signature(path) for path in sorted(folder.rglob("*")) if path.is_file()}
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
    return kept_file(cache, STORE, about, ".json")


def _read(path):
    """Return a description; None if there is no usable one."""
    try:
        found = decode(json.loads(path.read_text()), {})
    except Exception:  # a damaged file raises anything
        return None
    return found if isinstance(found, Backbone) else None


def reload(estimator):
    """Return the description of a fitted estimator's network, at its present location.

    A fitted estimator names its network and does not hold it. If the parameter `backbone` names
    another file, folder or description with the same weights that fit has seen, those are read
    there. Other weights are never used.
    """
    described, named = estimator.backbone_, estimator.backbone
    if described.module is not None:
        return described
    try:
        source = named.source if isinstance(named, Backbone) else os.fspath(named)
        if "numpy" in described.engines:
            same = source not in BUILT_IN and os.path.isfile(source)
            source = str(absolute(source))
        elif "onnx" in described.engines:
            source = str(absolute(source))
            same = source != described.source and _is_file_of(described, source)
        else:
            same = source != described.source and _is_folder_of(described, source)
    except (OSError, TypeError, ValueError):  # the named item cannot be read
        return described
    if not same:
        return described
    inputs = described.preprocessing.moved(described.source, source)
    return replace(described, source=source, preprocessing=inputs)


def found_again(estimator):
    """Return the same estimator, with a description of the present location of the network."""
    check_is_fitted(estimator)
    estimator, backbone = copy(estimator), reload(estimator)
    estimator.backbone_ = backbone
    return estimator


def _is_file_of(described, source):
    path = Path(source)
    if path.suffix != ".onnx" or not os.path.isfile(path):
        return False
    return _fingerprint(source, stamps(path)) == described.fingerprint


def _is_folder_of(described, source):
    """Whether a zoo's folder holds a network; it is loaded if the described one is gone."""
    zoo, folder = _split(source)
    old_zoo, old_folder = _split(described.source)
    if zoo != old_zoo or os.path.isdir(old_folder) or not os.path.isdir(folder):
        return False
    if described.preprocessing.kind == "text":
        from sktransfer.deep._networks.torch.describe_texts import fingerprint_of
    else:
        from sktransfer.deep._networks.torch.describe import fingerprint_of

    return fingerprint_of(source) == described.fingerprint


def _split(source):
    """The zoo of a source, and the folder that it would be."""
    zoo, _, name = source.partition(":")
    return zoo, Path(name.removeprefix("local-dir:"))


@lru_cache(maxsize=32)
def _fingerprint(path, stamps):
    return read_file(path)[1]
