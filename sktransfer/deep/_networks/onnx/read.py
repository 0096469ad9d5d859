"""Weights that an ONNX file keeps in other files: found everywhere in it, read by us alone.

ONNX Runtime opens such files itself, in part relative to the current folder. So it gets only
files in which nothing external is left.
"""

import hashlib
from functools import lru_cache
from pathlib import Path, PurePosixPath, PureWindowsPath

from sktransfer._messages import cause, shown
from sktransfer.deep._cache.file_digest import signature
from sktransfer.deep._networks.onnx.file import LARGEST_FILE, parse, read_bytes


def read_file(path):
    """Read an ONNX file with the weights that it may keep in files beside it: whole, as bytes.

    Its fingerprint is the SHA-256 of the file, and of all files beside it.
    """
    path = Path(path)
    weights = read_bytes(path)
    digest = hashlib.sha256(weights)
    model = parse(weights, path)
    if any(tensor.data_location or tensor.external_data for tensor in all_tensors(model)):
        _read_external(model, path, digest.update)
        weights = model.SerializeToString()
    return weights, digest.hexdigest()


def all_tensors(message):
    """Yield every stored tensor of a model, wherever it is.

    That includes sparse tensors, attributes, the bodies of branches and loops, functions and
    training information.
    """
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        for part in [value] if hasattr(value, "ListFields") else value:
            if part.DESCRIPTOR.full_name == "onnx.TensorProto":
                yield part
            else:
                yield from all_tensors(part)


def absolute(path):
    """Return the path of a file from the root; links to folders are followed, one to it is not."""
    path = Path(path)
    return path.parent.resolve() / path.name


def stamps(path):
    """Return data that change with a file or with one of those beside it.

    It holds device, inode, size and times of each, as `signature` does.
    """
    sides = (_find(path, name) for name in _side_names(path, signature(path)))
    return tuple(map(signature, (path, *sides)))


@lru_cache(maxsize=32)
def _side_names(path, signature):
    return sorted({location for _, location, *_ in _external(parse(read_bytes(path), path), path)})


def _external(model, path):
    """The tensors whose values are in other files, each with location, offset and length."""
    tensors = [t for t in all_tensors(model) if t.data_location == t.EXTERNAL]
    return [(tensor, *_place(tensor, path)) for tensor in tensors]


def _find(path, name):
    """The file of that name beside an ONNX file.

    Only files in the folder of the ONNX file are read. If the ONNX file is a link, links beside it
    may lead to the folder in which the file itself is. The cache of the Hugging Face hub has such
    links.
    """
    parts = {*PurePosixPath(name).parts, *PureWindowsPath(name).parts}
    inside = name and ".." not in parts and "\0" not in name
    inside = inside and not PurePosixPath(name).is_absolute()
    inside = inside and not PureWindowsPath(name).anchor
    side = path.parent / name if inside else None
    try:
        if inside and not side.is_file():
            raise FileNotFoundError(
                f"backbone={shown(str(path))} keeps weights in the file {shown(name)} beside it, "
                "which is not there, or is a link that leads nowhere: put it back, under this name."
            )
        # Beside the ONNX file, or beside the file to which that is a link.
        folders = path.parent.resolve(), path.resolve().parent
        inside = inside and any(side.resolve().is_relative_to(folder) for folder in folders)
    except (OSError, RuntimeError) as error:
        if isinstance(error, FileNotFoundError):
            raise
        raise ValueError(
            f"backbone={shown(str(path))} keeps weights in a file {shown(name)}, which cannot be "
            f"opened ({cause(error)}): put the file beside it, under a short name."
        ) from error
    if not inside:
        raise ValueError(
            f"backbone={shown(str(path))} names weights outside of its own folder, {shown(name)}, "
            "which are not read: put the file itself beside it, not a link."
        )
    return side


def _place(tensor, path):
    """Location, offset and length of a tensor's values; a length of None is the rest."""
    entries = {entry.key: entry.value for entry in tensor.external_data}
    try:
        if not all(isinstance(text, str) for entry in entries.items() for text in entry):
            raise ValueError("a name is no text")
        offset = int(entries.get("offset") or 0)
        length = int(entries["length"]) if entries.get("length") else None
        if offset < 0 or (length is not None and length < 0) or "location" not in entries:
            raise ValueError("a location and whole numbers from 0 are needed")
    except ValueError as error:
        raise ValueError(
            f"backbone={shown(str(path))} says with external_data={shown(entries)} where the "
            f"weights {shown(tensor.name)} are, which cannot be used ({cause(error)}): export the "
            "network again."
        ) from error
    return entries["location"], offset, length


def _read_external(model, path, update):
    """Move the values of all external tensors into a model, in place.

    `update` is called with the content of each file, in the order of their names.
    """
    places = _external(model, path)
    contents, total = {}, model.ByteSize()
    for name in sorted({location for _, location, *_ in places}):
        side = _find(path, name)
        total += side.stat().st_size
        if total > LARGEST_FILE:
            raise ValueError(_too_large(path))
        contents[name] = read_bytes(side, of=path)
        update(contents[name])
    parts = []
    for tensor, name, offset, length in places:
        content = memoryview(contents[name])
        part = content[offset:] if length is None else content[offset : offset + length]
        if offset > len(content) or (length is not None and len(part) < length):
            raise ValueError(
                f"backbone={shown(str(path))} has the weights {shown(tensor.name)} of "
                f"{length or 'some'} bytes at {offset} of the file {shown(name)}, which has only "
                f"{len(content)}: put the whole file back."
            )
        parts.append(part)
    if model.ByteSize() + sum(map(len, parts)) > LARGEST_FILE:
        raise ValueError(_too_large(path))
    for (tensor, *_), part in zip(places, parts, strict=True):
        tensor.raw_data = bytes(part)
    for tensor in all_tensors(model):
        tensor.ClearField("external_data")
        tensor.ClearField("data_location")


def _too_large(path):
    return (
        f"backbone={shown(str(path))} has weights of more than 2 GB, too many to read: export it "
        "in half precision, or take a smaller network."
    )
