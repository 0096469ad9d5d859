"""Files of plain values: JSON and arrays. Fitted estimators in safetensors, checkpoints in npz.

A checkpoint needs NumPy alone, so that a training can resume if safetensors is not installed. A
file that is damaged, or another one, raises an exception of any class when it is read.
"""

import hashlib
import io
import json

import numpy as np

from sktransfer._messages import shown
from sktransfer._whole_files import write_whole
from sktransfer.deep._saving.storage import encode

# The keys of a file's JSON and of its checksum.
_TEXT, _CHECKSUM = "sktransfer", "sktransfer.checksum"

# The same in npz.
_ABOUT, _ARRAY = "about", "array"


def write_values(path, about, values, *, pack, new=False):
    """Write values into a file, in one step.

    `about` are values of JSON, which are read before the others. `pack` is `pack_safetensors` or
    `pack_npz`. With `new` the file must not be there yet. A value that has no form without pickle
    raises `Unwritable`.
    """
    arrays = {}
    encoded = {name: encode(value, arrays, name) for name, value in values.items()}
    text = json.dumps(about | encoded, allow_nan=False)
    write_whole(path, pack(text, arrays), new=new)


def pack_safetensors(text, arrays):
    """The bytes of a safetensors file, with a checksum in its header."""
    from safetensors.numpy import save

    return save(arrays, metadata={_TEXT: text, _CHECKSUM: _checksum(text, arrays)})


def unpack_safetensors(path):
    """The values of JSON and the arrays of a file; older releases wrote no checksum."""
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as stored:
        metadata = stored.metadata() or {}
        arrays = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
    if metadata.keys() - {_TEXT, _CHECKSUM}:
        raise ValueError(f"unknown metadata {shown(sorted(metadata))}")
    text = metadata[_TEXT]
    if metadata.get(_CHECKSUM, found := _checksum(text, arrays)) != found:
        raise ValueError("its checksum differs")
    return json.loads(text), arrays


def _checksum(text, arrays):
    """SHA-256 of the JSON and of all arrays."""
    hasher = hashlib.sha256(text.encode())
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        hasher.update(f"{name} {array.dtype.str} {array.shape}".encode())
        hasher.update(array.reshape(-1).view(np.uint8))
    return hasher.hexdigest()


def pack_npz(text, arrays):
    """The bytes of an npz file, whose parts have checksums of their own."""
    stream, about = io.BytesIO(), np.frombuffer(text.encode(), dtype=np.uint8)
    np.savez(stream, **{_ABOUT: about}, **{_ARRAY + name: a for name, a in arrays.items()})
    return stream.getbuffer()


def unpack_npz(path):
    """The values of JSON and the arrays of a file."""
    with open(path, "rb") as stream, np.load(stream, allow_pickle=False) as stored:
        names = [name for name in stored.files if name != _ABOUT]
        arrays = {name.removeprefix(_ARRAY): stored[name] for name in names}
        return json.loads(stored[_ABOUT].tobytes()), arrays
