"""Values as JSON and plain arrays. No pickle."""

import math
import os
import types
from dataclasses import fields
from numbers import Integral, Real
from pathlib import Path
from typing import Any, get_args, get_origin

import numpy as np

from sktransfer._messages import shown
from sktransfer.deep._adaptations.names import ADAPTATIONS
from sktransfer.deep._augmentation import Augmentation
from sktransfer.deep._backbone import Backbone
from sktransfer.deep._images.image_format import ImageFormat
from sktransfer.deep._networks.torch.checkpoints import LoadReport
from sktransfer.deep._preprocessing import Preprocessing
from sktransfer.deep._sounds.sound_preprocessing import SoundPreprocessing
from sktransfer.deep._tables.table_input import TableInput
from sktransfer.deep._tables.tables import TableFormat
from sktransfer.deep._texts.tokenizer import TokenInput
from sktransfer.deep._texts.words import WordInput
from sktransfer.deep._training.head import Head

# The only classes that a file can create. Modules are not written.
_CLASSES = {
    kind.__name__: kind
    for kind in (
        *ADAPTATIONS.values(),
        Augmentation,
        Backbone,
        Head,
        ImageFormat,
        LoadReport,
        Preprocessing,
        SoundPreprocessing,
        TableFormat,
        TableInput,
        TokenInput,
        WordInput,
    )
}
_NOT_WRITTEN = {"module"}

_ARRAY_KINDS = "biuf"

# Of text and objects, which a file holds as JSON.
_MOST_BYTES = 2**28


class Unwritable(ValueError):
    """A value has no form without pickle; the message names it."""


def encode(value, arrays, name="value"):
    """Convert a value to JSON for `decode`; numeric arrays are added to `arrays`.

    It takes None, numbers, text, paths, tuples, lists, dicts, arrays, NumPy's scalars and dtypes, a
    RandomState, and this package's own descriptions, nested. Anything else, functions and modules
    among it, raises `Unwritable`, which names it.
    """
    if value is None or type(value) in (bool, int, str):
        return value
    if type(value) is float:
        return value if math.isfinite(value) else _tagged("float", value=repr(value))
    if isinstance(value, (np.ndarray, np.generic)):
        return _encode_array(value, arrays, name)
    if type(value) in (list, tuple):
        items = [encode(item, arrays, f"{name}[{i}]") for i, item in enumerate(value)]
        return items if isinstance(value, list) else _tagged("tuple", items=items)
    if isinstance(value, dict):
        pairs = [
            [encode(key, arrays, f"a key of {name}"), encode(item, arrays, f"{name}[{shown(key)}]")]
            for key, item in value.items()
        ]
        return _tagged("dict", items=pairs)
    return _encode_object(value, arrays, name)


def _tagged(kind, **content):
    return {"is": kind} | content


def _encode_array(value, arrays, name):
    array = np.asarray(value)
    kind = "scalar" if isinstance(value, np.generic) else "array"
    if array.dtype.kind in _ARRAY_KINDS and array.dtype.itemsize <= 8:
        key = str(len(arrays))
        arrays[key] = np.array(array, dtype=array.dtype.newbyteorder("="), order="C")
        return _tagged(kind, key=key)
    if array.dtype.kind in "UO":
        items = [encode(item, arrays, f"an element of {name}") for item in array.ravel().tolist()]
        return _tagged(kind, dtype=array.dtype.str, shape=list(array.shape), items=items)
    raise Unwritable(f"{name} has the dtype {array.dtype}")


def _encode_object(value, arrays, name):
    if isinstance(value, os.PathLike):
        return _tagged("path", value=os.fspath(value))
    if isinstance(value, np.random.RandomState):
        return _tagged("RandomState", state=encode(value.get_state(), arrays, name))
    kind = type(value).__name__
    if _CLASSES.get(kind) is not type(value):
        raise Unwritable(f"{name}={shown(value)} is a {kind}")
    content = {
        field.name: encode(getattr(value, field.name), arrays, f"{name}.{field.name}")
        for field in fields(value)
        if field.name not in _NOT_WRITTEN
    }
    return _tagged("object", of=kind, fields=content)


def decode(encoded, arrays):
    """Reverse `encode`.

    Anything else raises an exception of any class. No code is run, and no more memory is taken than
    the content needs.
    """
    if isinstance(encoded, list):
        return [decode(item, arrays) for item in encoded]
    if not isinstance(encoded, dict):
        return encoded
    return _DECODERS[encoded["is"]](encoded, arrays)


def _decode_array(encoded, arrays):
    if "key" in encoded:
        array = np.array(arrays[encoded["key"]])
    else:
        shape, dtype = encoded["shape"], np.dtype(encoded["dtype"])
        n_items = math.prod(shape)
        if dtype.kind not in "UO" or n_items != len(encoded["items"]):
            raise ValueError(f"an array of dtype {dtype} and shape {shown(shape)}")
        if n_items * dtype.itemsize > _MOST_BYTES:
            raise ValueError(f"an array of {n_items} items of {dtype.itemsize} bytes")
        array = np.empty(shape, dtype=dtype)
        for place, item in zip(np.ndindex(array.shape), encoded["items"], strict=True):
            array[place] = decode(item, arrays)
    return array[()] if encoded["is"] == "scalar" else array


def _decode_state(encoded, arrays):
    state = np.random.RandomState()
    state.set_state(decode(encoded["state"], arrays))
    return state


def _decode_object(encoded, arrays):
    kind = _CLASSES[encoded["of"]]
    values = {name: decode(item, arrays) for name, item in encoded["fields"].items()}
    for field in fields(kind):
        if field.name in values and not _fits(values[field.name], field.type):
            raise TypeError(f"{field.name}={shown(values[field.name])} in a {kind.__name__}")
    return kind(**values)


def _fits(value, annotation):
    """Whether a value is of the type that a field declares."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if annotation is Any:
        return True
    if isinstance(annotation, types.UnionType):
        return any(_fits(value, argument) for argument in arguments)
    if origin is tuple:
        if not isinstance(value, (tuple, list)):
            return False
        if arguments[-1] is Ellipsis:
            return all(_fits(item, arguments[0]) for item in value)
        return len(value) == len(arguments) and all(map(_fits, value, arguments))
    return isinstance(value, {float: Real, int: Integral}.get(annotation, annotation))


_DECODERS = {
    "float": lambda encoded, arrays: float(encoded["value"]),
    "scalar": _decode_array,
    "array": _decode_array,
    "tuple": lambda encoded, arrays: tuple(decode(encoded["items"], arrays)),
    "dict": lambda encoded, arrays: {
        decode(key, arrays): decode(item, arrays) for key, item in encoded["items"]
    },
    "path": lambda encoded, arrays: Path(encoded["value"]),
    "RandomState": _decode_state,
    "object": _decode_object,
}
