"""From items to the activations of a stage, each distinct item through the network once."""

import hashlib
import math
import mmap
import os
import tempfile
import threading
import time
from collections import deque
from contextlib import closing, nullcontext
from dataclasses import replace
from functools import partial

import numpy as np

from sktransfer._messages import shortened, shown, warn
from sktransfer.deep._cache.cache import open_cache
from sktransfer.deep._engines.engine import FULL, choose_engine, open_engine, read_for
from sktransfer.deep._engines.pooling import n_features, pool
from sktransfer.deep._engines.steadiness import check_precision, check_rows
from sktransfer.deep._items import Run
from sktransfer.exceptions import TransferWarning

# Raise it when the same items come to have other features.
VERSION = 2


def stage_features(items, backbone, stage, run=None, *, pooling=None, view=None, digests=None):
    """Compute the activations of a stage, and of each item only those that are not cached.

    An item is known by its content: by a hash of the file's bytes, or of the pixels. An item in the
    cache is neither decoded nor run; of equal items in X one is. ``view.key()`` returns bytes that
    tell a view of the items from any other. The hashes are put into the list `digests`, if it is
    given, each at the row of its item.

    Returns float32 features (n, n_features) and the list of `Fault` of the items that cannot be
    read, in the order of X. If there is one and ``run.on_error="raise"``, a ValueError lists them
    all; the results until then stay in the cache. Features that depend on chance or on the batch
    give the warning of `check_rows`.

    A tuple of stages, for ONNX Runtime alone, gives their features side by side.
    """
    run, inputs = Run() if run is None else run, backbone.preprocessing
    stages = [backbone.locate(each) for each in (stage if isinstance(stage, tuple) else [stage])]
    name = tuple(each.name for each in stages) if len(stages) > 1 else stages[0].name
    width = sum(n_features(each.shape, pooling) for each in stages)
    features = allocate((len(items), width), run.in_memory)
    key = find_engine(items, backbone, stages[-1].name, run)
    about = (VERSION, backbone.fingerprint, name, pooling, inputs, key)
    about = repr(about).encode() + (b"" if view is None else view.key())
    store, faults = open_cache(run.cache), []
    whole = None if run.cache is None or digests is not None else items.whole_key()
    if whole is not None:
        whole = hashlib.sha256(about + whole).digest()
        known = store.get_result(whole, features.size)
        if known is not None:
            store.close()
            features[:] = known.reshape(features.shape)
            return features, []
    lookup = _Lookup(features, store, about, digests)
    network = _Network(backbone, stages, pooling, run, key, items.noun)
    run = read_for(key, inputs.kind, run)

    def run_batches(part, around_batch):
        with closing(part.batches(inputs, run, faults, choose=lookup.choose, view=view)) as batches:
            for rows, computed in network.compute(batches, around_batch):
                lookup.keep(*_average_parts(rows, computed))

    with closing(store):
        run_batches(items, run.around_batch)
        while not (faults and run.on_error == "raise"):
            rows = lookup.wait()
            if not len(rows):
                break
            n_faults = len(faults)
            run_batches(items.take(rows), nullcontext)
            faults[n_faults:] = [
                f._replace(position=int(rows[f.position])) for f in faults[n_faults:]
            ]
    faults = lookup.finish(items, faults)
    if run.on_error == "raise":
        items.raise_faults(faults)
    if whole is not None and not faults:
        store.put_result(whole, features)
    return features, faults


def all_stage_features(items, backbone, run, *, pooling):
    """Compute the features of all stages of a backbone, as `stage_features`.

    ONNX Runtime computes them in one pass. Its results may differ from those of one stage alone by
    rounding, since it fuses other steps, so the cache keeps them apart.

    Returns a dict of the stage's name to features, and the list of `Fault`.
    """
    names = backbone.stages
    if not find_engine(items, backbone, names[-1], run).startswith("onnx"):
        found = {
            name: stage_features(items, backbone, name, run, pooling=pooling) for name in names
        }
        return {name: features for name, (features, _) in found.items()}, found[names[-1]][1]
    features, faults = stage_features(items, backbone, names, run, pooling=pooling)
    widths = [n_features(shape, pooling) for shape in backbone.shapes]
    parts = np.split(features, np.cumsum(widths)[:-1], axis=1)
    return dict(zip(names, map(np.ascontiguousarray, parts), strict=True)), faults


class _Network:
    """A network up to a stage, or several, which is opened for the first batch that it is given.

    Before, nothing is loaded: what the cache holds needs no network.
    """

    def __init__(self, backbone, stages, pooling, run, key, noun):
        self._backbone, self._stages, self._pooling = backbone, stages, pooling
        self._run, self._key, self._noun = run, key, noun
        names = tuple(stage.name for stage in stages)
        self._name = names if len(names) > 1 else names[0]
        self._engine = None

    def compute(self, batches, around_batch):
        """Yield the rows of each batch and its features; the first batch is checked."""
        started = deque()

        def finished(n_ahead):
            while len(started) > n_ahead:
                rows, finish = started.popleft()
                yield rows, finish()

        for rows, batch in batches:
            first, n_ahead = self._engine is None, 0
            if first:
                self._engine = open_engine(self._backbone, self._name, **self._run.of_engine())
            else:
                n_ahead = self._engine.ahead
            with around_batch():
                started.append((rows, self._start(batch)))
                done = list(finished(n_ahead))
            if first:
                self._check(batch, done[0][1])
            yield from done
        yield from finished(0)

    def _start(self, batch, **options):
        """Start a batch, if the engine can; return a function that gives its features."""
        engine, pooling = self._engine, self._pooling
        mask = self._backbone.preprocessing.mask(batch)
        pooled = engine.pools and mask is None and pooling in ("avg", "max")
        given = (batch, pooling) if pooled else (batch,)
        wait = engine.start(*given, **options) if engine.ahead else None

        def finish():
            found = engine.run(*given, **options) if wait is None else wait()
            several, parts = found if len(self._stages) > 1 else [found], []
            for each, stage in zip(several, self._stages, strict=True):
                if pooled:
                    width = n_features(stage.shape, pooling)
                    parts.append(self._checked(each, (width,), stage))
                else:
                    parts.append(pool(self._checked(each, stage.shape, stage), pooling, mask=mask))
            return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)

        return finish

    def _check(self, batch, computed):
        """Warn of features that depend on more than the item."""

        def run(batch, **options):
            return self._start(batch, **options)()

        key = self._backbone.fingerprint, self._name, self._pooling, self._key
        of = f"backbone={shown(self._backbone.name)}, stage={shown(self._name)}"
        check_rows(run, batch, computed, key=key, of=of, noun=self._noun)
        if self._run.precision != FULL:
            exactly, precision = partial(run, precision=FULL), self._run.precision
            check_precision(run, exactly, batch, precision=precision, key=("half", *key), of=of)

    def _checked(self, activations, shape, stage):
        """Return activations, or raise ValueError if they have another shape than described."""
        found = activations.shape[1:]
        if len(found) != len(shape) or any(
            side not in (None, length) for side, length in zip(shape, found, strict=True)
        ):
            raise ValueError(
                f"backbone={shown(self._backbone.name)} makes activations of shape "
                f"{activations.shape} at stage={shown(stage.name)} for {len(activations)} "
                f"{self._noun}s, but was described with {shape} for one: choose a stage whose "
                f"shape does not depend on the values of the {self._noun}s."
            )
        return activations


def _average_parts(rows, computed):
    """Average the rows of items with several parts, which are contiguous."""
    starts = [place for place, row in enumerate(rows) if place == 0 or row != rows[place - 1]]
    if len(starts) == len(rows):
        return rows, computed
    n_parts = np.diff([*starts, len(rows)])[:, np.newaxis]
    means = np.add.reduceat(computed, starts, dtype=np.float64) / n_parts
    return [rows[start] for start in starts], means.astype(np.float32)


def find_engine(items, backbone, stage, run):
    """Choose the engine of a stage, as `choose_engine` does, and return its key."""

    def read_first(n):
        few, inputs = items.take(np.arange(min(n, len(items)))), backbone.preprocessing
        once = replace(run, batch_size=n, on_error="nan")
        with closing(few.batches(inputs, once, [])) as batches:
            found = [batch.copy() for _, batch in batches]
        if inputs.kind == "text":
            return found  # of one length each
        return np.concatenate([np.empty((0, inputs.channels, *inputs.size), "f"), *found])

    options = {"device": run.device, "precision": run.precision, "cache": run.cache}
    return choose_engine(backbone, stage, read_inputs=read_first, **options)


def read_inputs(items, backbone, run, *, view=None):
    """Yield items as batches for a network, with their rows.

    A batch is written over by the next one but one. If items cannot be read, a ValueError lists
    them.
    """
    faults = []
    with closing(items.batches(backbone.preprocessing, run, faults, view=view)) as batches:
        yield from batches
    items.raise_faults(faults)


def warn_of_faults(items, faults):
    """Warn of items with features of NaN because they cannot be read."""
    if faults:
        warn(f"{items.list_faults(faults)}; their features are NaN.", UserWarning)


def warn_of_overflow(items, features, faults):
    """Warn of items that can be read and have features that are not finite."""
    if np.isfinite(features).all():
        return
    rows = np.flatnonzero(~np.isfinite(features).all(axis=1))
    rows = [row for row in rows.tolist() if row not in {fault.position for fault in faults}]
    if rows:
        warn(overflow(items, rows, "The network"), TransferWarning)


def overflow(items, rows, network):
    """Return the sentences about items whose features are not finite."""
    return (
        f"The features of {len(rows)} of {len(items)} {items.noun}s are not finite: "
        f"{items.list_rows(rows)}. {network} overflows on them, as networks in half precision may: "
        f"remove these {items.noun}s, check value_range and preprocessing, or use a network in "
        "float32."
    )


class _Lookup:
    """The items of one call: those that are known, and those that are still to be computed.

    It fills `features`, float32 (n, n_features). `about` is all that they depend on, except for the
    item and how it is read. `digests` is a list to be filled in, or None.
    """

    def __init__(self, features, cache, about, digests=None):
        self._digests = digests
        self._features = features
        self._cache = cache
        self._about = about
        self._contexts = {}
        self._first = {}
        self._keys = {}
        self._copies = []
        self._elsewhere = {}
        self._rows = None
        self._lock = threading.Lock()

    def choose(self, positions, digests, reading):
        """Fill in the rows that the cache holds; tell of each item whether it is to be computed."""
        if self._rows is not None:
            positions = self._rows[list(positions)].tolist()
        if self._digests is not None:
            for position, digest in zip(positions, digests, strict=True):
                self._digests[position] = digest
        context = self._context(reading)
        keys = [context + digest for digest in digests]
        chosen = ~self._fill(positions, self._cache.get(keys, self._features.shape[1]))
        with self._lock:  # the slices of one call are read by several threads
            for place in np.flatnonzero(chosen):
                position, key = positions[place], keys[place]
                if self._first.setdefault(key, position) != position:
                    self._copies.append((position, key))
                    chosen[place] = False
                else:
                    self._keys[position] = key
        left = np.flatnonzero(chosen)
        mine = self._cache.claim([keys[place] for place in left])
        for place in left[~mine]:
            self._elsewhere[positions[place]] = self._keys.pop(positions[place])
            chosen[place] = False
        return chosen

    def wait(self):
        """Fill in the rows that other processes compute; return those that none of them does."""
        pause = 0.005
        while self._elsewhere:
            positions, keys = list(self._elsewhere), list(self._elsewhere.values())
            found = self._fill(positions, self._cache.get(keys, self._features.shape[1]))
            mine = self._cache.claim(keys) & ~found
            for place in np.flatnonzero(found | mine):
                del self._elsewhere[positions[place]]
            if mine.any():
                self._rows = np.array(positions)[mine]
                return self._rows
            time.sleep(pause)
            pause = min(2 * pause, 0.2)
        return np.empty(0, dtype=int)

    def _context(self, reading):
        if reading not in self._contexts:
            about = self._about + repr(reading).encode()
            self._contexts[reading] = hashlib.sha256(about).digest()[:16]
        return self._contexts[reading]

    def _fill(self, positions, rows):
        known = [row for row in rows if row is not None]
        if not known:
            return np.zeros(len(rows), dtype=bool)
        found = np.fromiter((row is not None for row in rows), dtype=bool, count=len(rows))
        values = np.concatenate(known).reshape(len(known), -1)
        self._features[np.asarray(positions)[found]] = values
        return found

    def keep(self, positions, rows):
        """Store rows that the network has computed."""
        if self._rows is not None:
            positions = self._rows[list(positions)].tolist()
        self._features[positions] = rows
        self._cache.put([self._keys.pop(position) for position in positions], rows)

    def finish(self, items, faults):
        """Fill in the rows of equal items, and NaN for those that cannot be read."""
        reasons = {fault.position: fault.reason for fault in faults}
        for position, key in self._copies:
            first = self._first[key]
            if first in reasons:
                faults.append(items.fault(position, reasons[first]))
            else:
                self._features[position] = self._features[first]
        for fault in faults:
            self._features[fault.position] = np.nan
        return sorted(faults)


def allocate(shape, in_memory):
    """Return memory for the result; if it is large, an unnamed file that is deleted with it."""
    size = math.prod(shape) * 4
    if in_memory is None or size <= in_memory:
        return np.empty(shape, dtype=np.float32)
    try:
        with tempfile.TemporaryFile() as stream:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(stream.fileno(), 0, size)  # else a full disk kills at a write
            else:
                stream.truncate(size)
            mapped = mmap.mmap(stream.fileno(), size)
    except OSError as error:
        raise OSError(
            f"{size} bytes of features do not fit on the disk of {shown(tempfile.gettempdir())} "
            f"({shortened(error)}): let the environment variable TMPDIR name a folder with more "
            "space."
        ) from error
    return np.frombuffer(mapped, dtype=np.float32).reshape(shape)
