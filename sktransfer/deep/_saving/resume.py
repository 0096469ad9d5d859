"""A training that outlives its process: its state in a folder, bound to all it depends on."""

import contextlib
import hashlib
import json
import os
from pathlib import Path

import numpy as np

from sktransfer._extras import installed_version
from sktransfer._messages import cause, shortened, shown, warn
from sktransfer._whole_files import sweep
from sktransfer.deep._saving.container import pack_npz, unpack_npz, write_values
from sktransfer.deep._saving.storage import Unwritable, decode, encode

FILE = "fine_tune.npz"

# Raise it when the same arguments come to give other weights, or the file another form.
VERSION = 3

# Parameters that change no bit of the result, and those that are known by their results.
_CHANGE_NOTHING = ("checkpoint", "cache")
_KNOWN_OTHERWISE = (
    *("backbone", "weights", "stages", "preprocessing", "input_size"),
    *("image_shape", "value_range"),
)

# With device="auto" these decide where the training runs, so a difference in them is enough to say.
_DECIDE_DEVICE = {"backbone", "freeze_depth", "initialize", "max_epochs", "data y"}

# The most differences between two trainings in a message, and the longest of them.
_MOST_FACTS, _LONGEST_FACT = 5, 60

_LIBRARIES = ("numpy", "onnxruntime", "scikit-learn", "scipy", "torch")


class Checkpoint:
    """One training in one folder, which is made if it is absent.

    Its file holds the facts of the training, as `training_facts` returns them, the seed, and the
    state after the last epoch or the result. It is replaced in one step, so that it is complete at
    any moment. It is read as arrays and JSON, which cannot run code. `seed` is used if the folder
    is new; otherwise the seed in the folder is used. `result` is the argument of `finish`, from any
    process. A folder that holds another training, or cannot be used, raises a ValueError and is not
    changed. A copy in another rank gives back the same, and writes nothing if `is_mine` is False.
    """

    is_mine = True

    def __init__(self, folder, facts, *, seed):
        self._folder, self._facts = folder, dict(facts)
        self._complained = False
        path = _as_folder(folder)
        self._path = path / FILE
        self.seed = seed
        self.result = self._state = None
        is_there = False
        try:
            path.mkdir(parents=True, exist_ok=True)
            if not self._path.exists():  # of several processes one begins the training
                with contextlib.suppress(FileExistsError):
                    self._write_content({}, new=True)
            is_there = self._path.exists()
        except OSError as error:
            self._complain(error)
        if is_there:
            self._read()

    def load(self):
        """The state after the last epoch that was written, or None."""
        state, self._state = self._state, None
        return state

    def save(self, state):
        """Write the state after an epoch; if that fails, the last one remains, with a warning."""
        self._write(state=state)

    def finish(self, result):
        """Write the result, which takes the place of the state."""
        if self.is_mine:
            self._write(result=result)

    def _write(self, **content):
        try:
            self._write_content(content)
        except OSError as error:
            self._complain(error)

    def _write_content(self, content, **options):
        about = {"version": VERSION, "facts": self._facts, "seed": self.seed}
        write_values(self._path, about, {"content": content}, pack=pack_npz, **options)

    def unreadable(self, error):
        """The ValueError for a file that raises `error`, to be raised from it."""
        return ValueError(
            f"checkpoint={shown(self._folder)}: {shown(str(self._path))} cannot be read "
            f"({cause(error)}): remove this file to train from the start, or pass another folder."
        )

    def _read(self):
        try:
            about, arrays = unpack_npz(self._path)
            version, facts, seed = (about[name] for name in ("version", "facts", "seed"))
            if not isinstance(facts, dict) or not isinstance(seed, int):
                raise TypeError(f"facts={shown(facts)}, seed={shown(seed)}")
        except Exception as error:  # a damaged archive raises anything
            raise self.unreadable(error) from error
        self._check(version, facts)
        try:
            content = decode(about["content"], arrays)
            self._state, self.result = content.get("state"), content.get("result")
        except Exception as error:
            raise self.unreadable(error) from error
        self.seed = seed
        sweep(self._path)

    def _check(self, version, there):
        if version != VERSION:
            raise ValueError(
                f"checkpoint={shown(self._folder)} was written by another version of sktransfer: "
                "pass another folder, or go on with that version."
            )
        here = self._facts
        names = {name for name in {*there, *here} if there.get(name) != here.get(name)}
        if names & _DECIDE_DEVICE:
            names.discard("device")
        names, n_more = sorted(names)[:_MOST_FACTS], len(names) - _MOST_FACTS
        differing = [_difference(name, there.get(name), here.get(name)) for name in names]
        differing += [f"{n_more} more"] if n_more > 0 else []
        if differing:
            raise ValueError(
                f"checkpoint={shown(self._folder)} holds the training of another fit, which "
                f"differs in {', '.join(differing)}: pass an empty folder, or the data and "
                "parameters of that fit; in a search or a cross-validation every fit is another "
                "one, so leave checkpoint=None there."
            )

    def _complain(self, error):
        if not self._complained:
            self._complained = True
            warn(
                f"checkpoint={shown(self._folder)}: the state of the training cannot be written "
                f"({shortened(error)}); the training goes on, and would begin again at the last "
                "state that was written.",
                UserWarning,
            )


def _as_folder(folder):
    if not isinstance(folder, (str, os.PathLike)):
        raise TypeError(f"checkpoint={shown(folder)} is no folder: expected a path, or None.")
    try:
        path = Path(folder).expanduser().absolute()
        above = next(part for part in (path, *path.parents) if part.exists())
    except (OSError, RuntimeError, ValueError) as error:  # no such home, no permission, a zero byte
        raise ValueError(
            f"checkpoint={shown(folder)} cannot be used ({cause(error)}): pass the path of a "
            "folder that this user may write to."
        ) from error
    if not above.is_dir():
        raise ValueError(
            f"checkpoint={shown(folder)} is no folder: {shown(str(above))} is a file; pass the "
            "path of a folder, which is made if it is absent."
        )
    return path


def _difference(name, there, here):
    if name.startswith("data "):
        return shortened(name.removeprefix("data "), limit=_LONGEST_FACT)
    there, here = (shortened(text, limit=_LONGEST_FACT) for text in (there, here))
    return f"{shortened(name, limit=_LONGEST_FACT)} ({there} there, {here} here)"


def training_facts(estimator, items, y, device, *, more=None):
    """Return all that decides which weights come out of a fit, in words and hashes.

    "data X", "data y" and the same for `more`, other data by rows, are hashes of contents, files by
    their bytes. The others are text that names a value.
    """
    left_out = (*_CHANGE_NOTHING, *_KNOWN_OTHERWISE)
    parameters = {
        name: _as_text(name, value)
        for name, value in estimator.get_params(deep=False).items()
        if name not in left_out
    }
    backbone = estimator.backbone_
    parameters["device"] = device
    for name, array in (more or {}).items():
        if array is not None:
            parameters[f"data {name}"] = digest_array(array)
    return parameters | {
        "data X": items.digest(),
        "data y": digest_array(y),
        "estimator": type(estimator).__name__,
        "backbone": f"{backbone.name} {backbone.fingerprint[:16]}",
        "stages": repr(backbone.stages),
        "preprocessing": repr(backbone.preprocessing),
        "image_format": repr(getattr(estimator, "image_format_", None)),
        "versions": ", ".join(
            f"{name} {installed_version(name) or 'absent'}" for name in _LIBRARIES
        ),
    }


def _as_text(name, value):
    """A parameter as text that is equal for equal values, in any process."""
    value, arrays = value.item() if isinstance(value, np.generic) else value, {}
    try:
        text = json.dumps(encode(value, arrays, name))
    except Unwritable as reason:
        raise ValueError(
            f"checkpoint: {reason}, which a later process cannot compare; pass plain values, or "
            "checkpoint=None."
        ) from None
    if not arrays:
        return repr(value)
    hasher = hashlib.sha256(text.encode())
    for array in arrays.values():
        hasher.update(array)
    return f"{type(value).__name__} {hasher.hexdigest()[:16]}"


def digest_array(array):
    """Return text that is the same for equal arrays."""
    if array.dtype.kind == "O":
        return hashlib.sha256(repr(array.tolist()).encode()).hexdigest()
    hasher = hashlib.sha256(f"{array.shape} {array.dtype.str}".encode())
    hasher.update(np.ascontiguousarray(array).view(np.uint8).reshape(-1))
    return hasher.hexdigest()
