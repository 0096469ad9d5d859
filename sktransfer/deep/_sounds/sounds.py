"""Sounds that a user passed, read once: their digests, and batches of their log-mel frames."""

import hashlib
import os
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from scipy.sparse import issparse

from sktransfer._containers import as_array
from sktransfer._messages import warn
from sktransfer.deep._cache.file_digest import known, remember, signature
from sktransfer.deep._files import is_file, is_openable, plain_item
from sktransfer.deep._items import ListedItems, Unreadable, path_of
from sktransfer.deep._sounds.waves import load_sound, read_wave
from sktransfer.deep._threads import n_threads, ordered_map
from sktransfer.exceptions import TransferWarning

# The number of sounds that a thread reads in one go, so that handing them over costs nothing.
SOUNDS_AT_ONCE = 8


def read_sounds(X, inputs, estimator, *, reset):
    """Check X, and return its sounds; as for `InputDescription.read`."""
    if reset:
        for name in ("n_features_in_", "feature_names_in_"):
            vars(estimator).pop(name, None)
    sounds = Sounds(validate_sounds(X), inputs, getattr(estimator, "sample_rate", None))
    if hasattr(estimator, "sample_rate"):
        sounds.require_sample_rate()
    return sounds


def validate_sounds(X):
    """Return the items of a sequence of sounds, a tuple.

    Of an array of numbers with 2 or 3 dimensions each entry is a sound.
    """
    kind = type(X).__name__
    if is_file(X):
        raise ValueError(f"X is a single {kind}, expected a sequence of sounds: pass a list, [X].")
    if issparse(X):
        raise TypeError("X is sparse, expected a sequence of sounds: pass a list of arrays.")
    if not isinstance(X, list | tuple):
        array = X if isinstance(X, np.ndarray) else as_array(X, name="X")
        if array.ndim == 2 and array.shape[1] == 1 and array.dtype == object:
            array = array[:, 0]
        if array.ndim == 1 and array.dtype.kind in "biufc":
            raise ValueError(
                f"X of shape {array.shape} is one sound, expected a sequence of sounds: pass [X]."
            )
        X = array
    items = tuple(map(plain_item, X))
    if not items:
        raise ValueError(f"X is an empty {kind}, expected a sequence of sounds: pass one or more.")
    if all(isinstance(item, int | float) and item == item for item in items):
        raise ValueError("X is a list of numbers, expected a sequence of sounds: pass [X].")
    return items


@dataclass(frozen=True, eq=False)
class Sounds(ListedItems):
    """Sounds, and how they are read; `content` is the result of `validate_sounds`."""

    content: tuple
    inputs: object
    sample_rate: float | None
    positions: np.ndarray | None = None

    noun = "sound"

    def learn(self, estimator, *, on_error="raise"):
        """Check that files are there, and the items that are none; if one is bad, check all."""
        if on_error == "raise" and any(map(self._is_bad, range(len(self)))):
            self.raise_faults(self.find_unreadable(estimator))
        return self

    def _is_bad(self, row):
        """Return whether a sound cannot be read, or is a path of no file; files stay closed."""
        item = self.content[row]
        if isinstance(item, str | os.PathLike) and not is_openable(item):
            return not os.path.exists(item)
        return not is_file(item) and self._fault_of(row) is not None

    def require_sample_rate(self):
        """Raise a ValueError if there are arrays of samples, and no sample rate."""
        if self.sample_rate is not None:
            return
        rows = [row for row, item in enumerate(self.content) if self._lacks_rate(item)]
        if rows:
            raise ValueError(
                f"sample_rate=None, but {self.list_rows(rows)} of X are arrays of samples, which "
                "do not say how many samples a second has: pass sample_rate=16000, for example."
            )

    def _lacks_rate(self, item):
        if is_file(item) or not (hasattr(item, "__array__") or isinstance(item, list | tuple)):
            return False
        try:
            return not _are_frames(load_sound(item, None), self.inputs)
        except Unreadable:  # its reason is given when it is read
            return False

    def digest(self):
        """Return the hash of all sounds."""
        hasher = hashlib.sha256(b"sounds")
        for item in self.content:
            try:
                hasher.update(load_sound(item, self.sample_rate).digest())
            except Unreadable as reason:  # the fit will raise it
                hasher.update(str(reason).encode())
        return hasher.hexdigest()

    def find_unreadable(self, estimator):
        """Decode all sounds, in threads."""
        threads, rows = n_threads(getattr(estimator, "n_jobs", None)), range(len(self))
        find = replace(self, sample_rate=estimator.sample_rate)._fault_of
        found = ordered_map(find, rows, n_threads=threads, look_ahead=4 * threads)
        return [fault for fault in found if fault is not None]

    def fault(self, row, reason):
        """Return a `Fault` with the path, if the sound is one."""
        return super().fault(row, reason)._replace(path=path_of(self.content[row]))

    def _fault_of(self, row):
        try:
            source = load_sound(self.content[row], self.sample_rate)
            if _are_frames(source, self.inputs):
                self.inputs.check_decibels(source.content)
            else:
                read_wave(source, rate=None)
        except Unreadable as reason:
            return self.fault(row, reason)
        return None

    def _read(self, source, inputs):
        """The frames of one sound, in decibels."""
        if _are_frames(source, inputs):
            return inputs.check_decibels(source.content)
        return inputs.decibels(read_wave(source, rate=inputs.rate))

    def batches(self, inputs, run, faults, *, choose=None, view=None):
        """Read sounds in threads, and yield their windows; those of a sound are in one batch."""
        threads = n_threads(run.n_jobs)
        step = max(1, min(SOUNDS_AT_ONCE, -(-len(self) // threads)))
        parts = (range(len(self))[start : start + step] for start in range(0, len(self), step))
        read = ordered_map(
            partial(self._read_some, inputs, choose),
            parts,
            n_threads=threads if len(self) > step else 0,
            look_ahead=2 * threads,
        )
        rows, windows, n_cut = [], [], 0
        with closing(read):
            for found, new in read:
                faults += new
                if faults and run.on_error == "raise":
                    continue
                for row, decibels in found:
                    n_cut += inputs.loses_frames(len(decibels))
                    parts_of_row = inputs.windows(decibels)
                    if rows and len(rows) + len(parts_of_row) > run.batch_size:
                        yield rows, np.concatenate(windows)
                        rows, windows = [], []
                    rows = rows + [row] * len(parts_of_row)
                    windows.append(parts_of_row)
        if rows and not (faults and run.on_error == "raise"):
            yield rows, np.concatenate(windows)
        if n_cut:
            warn(
                f"{n_cut} of {len(self)} sounds last longer than {inputs.seconds:.2g} s, and a "
                "network with trained stages sees only the middle of them: cut them into parts, or "
                "pass freeze_depth='all', which averages the features of all parts of a sound.",
                TransferWarning,
            )

    def _read_some(self, inputs, choose, rows):
        """The frames of the sounds that are wanted, and the faults of the others."""
        found, faults, sources = [], [], []
        for row in rows:
            try:
                sources.append((row, *self._load_and_hash(row, hashed=choose is not None)))
            except Unreadable as reason:
                faults.append(self.fault(row, reason))
        if choose and sources:
            places, _, digests = zip(*sources, strict=True)
            wanted = choose(list(places), list(digests), None)
            sources = [source for source, want in zip(sources, wanted, strict=True) if want]
        for row, source, own in sources:
            try:
                source = self._load_as_hashed(row, own) if source is None else source
                found.append((row, self._read(source, inputs)))
            except Unreadable as reason:
                faults.append(self.fault(row, reason))
            except MemoryError:
                faults.append(self.fault(row, "the sound needs more memory than there is"))
        return found, faults

    def _load_and_hash(self, row, *, hashed):
        """The content of a sound and its digest; no content if the digest is known without it."""
        item = self.content[row]
        if not hashed:
            return load_sound(item, self.sample_rate), None
        own = known(item, "digest")
        if own is not None:
            return None, own
        before = signature(item)
        source = load_sound(item, self.sample_rate)
        own = source.digest()
        remember(item, before, "digest", own)
        return source, own

    def _load_as_hashed(self, row, own):
        """The content of a file whose digest was known; it has not changed since."""
        source = load_sound(self.content[row], self.sample_rate)
        if source.digest() != own:
            raise Unreadable("changed while it was read")
        return source


def _are_frames(source, inputs):
    """Tell whether an array holds log-mel frames, and no samples."""
    content = source.content
    return (
        isinstance(content, np.ndarray)
        and content.ndim == 2
        and content.shape[1] == inputs.n_bands
        and content.dtype.kind in "biuf"
    )
