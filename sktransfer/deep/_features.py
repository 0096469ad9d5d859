"""From images to the activations of a stage, each distinct image through the network once."""

import hashlib
import math
import mmap
import os
import tempfile
import threading
import warnings
from contextlib import closing, nullcontext

import numpy as np

from sktransfer._messages import shortened, shown
from sktransfer.deep._cache.cache import open_cache
from sktransfer.deep._cache.file_digest import known_digest
from sktransfer.deep._engines.engine import engine_key, open_engine
from sktransfer.deep._engines.pooling import n_features, pool
from sktransfer.deep._engines.steadiness import check_rows
from sktransfer.deep._images.batches import Recycled, gather, read_slices
from sktransfer.deep._images.faults import find_fault, list_faults, raise_faults
from sktransfer.exceptions import TransferWarning

# Raise it when the same images come to have other features.
VERSION = 2
IN_MEMORY = 2**30

# How many files are looked up in one go: their rows are in memory twice for a moment.
LOOKED_UP_AT_ONCE = 1024


def stage_features(
    X,
    *,
    image_format,
    backbone,
    stage,
    pooling,
    batch_size=64,
    n_jobs=None,
    device="auto",
    cache="memory",
    augmented=None,
    on_error="raise",
    flat=True,
    in_memory=IN_MEMORY,
    around_batch=nullcontext,
):
    """Compute the activations of a stage, and of each image only what nobody has computed before.

    An image is known by its content: by a hash of the file's bytes, or of the pixels. What the
    cache holds is neither decoded nor run; of equal images in X one is.

    Parameters
    ----------
    X : ndarray of 2, 3 or 4 dimensions, or list
        What `validate_images` returned.
    image_format : ImageFormat
        How its pixels are read.
    backbone : Backbone
    stage : int, str or None
        As for `Backbone.locate`.
    pooling : {"avg", "max"} or None
        As for `pool`.
    batch_size : int, default=64
        How many images run through the network at once. It changes no result.
    n_jobs : int or None, default=None
        The number of threads of the network, and of those that read images beside it.
    device : str, default="auto"
        As for `open_engine`.
    cache : "memory", str, os.PathLike or None, default="memory"
        As for `open_cache`.
    augmented : object or None, default=None
        One view of the images: ``many(images, digests)`` changes images (n, h, w, c) with values
        in [0, 1], ``key()`` returns bytes that tell the view from any other.
    on_error : {"raise", "nan"}, default="raise"
        "nan" gives rows of NaN to images that cannot be read.
    flat : bool, default=True
        Whether an image's activations are one row. False keeps the shape of a stage that is not
        pooled.
    in_memory : int or None, default=2**30
        The size in bytes from which on the result lies in a temporary file that is mapped into
        memory, and vanishes with it; None: never.
    around_batch : callable, default=nullcontext
        Returns a context manager that is entered for each batch that the network computes.

    Returns
    -------
    features : ndarray of shape (n, n_features) or (n, *stage.shape), float32
    faults : list of Fault
        What could not be read, in the order of X.

    Raises
    ------
    ValueError
        When images cannot be read and ``on_error="raise"``: one message lists all of X. The
        network stops at the first; what it has computed stays in the cache.

    Warns
    -----
    TransferWarning
        If the features of an image depend on chance or on its batch; as for `check_rows`.
    """
    stage = backbone.locate(stage)
    features = allocate((len(X), n_features(stage.shape, pooling)), in_memory)
    key = engine_key(backbone, device)
    about = (VERSION, backbone.fingerprint, stage.name, pooling, backbone.preprocessing, key)
    view = b"" if augmented is None else augmented.key()
    store = open_cache(cache)
    lookup = _Lookup(features, store, repr(about).encode() + view)
    recycled = Recycled()
    slices = read_slices(
        X,
        image_format=image_format,
        preprocessing=backbone.preprocessing,
        batch_size=batch_size,
        n_jobs=n_jobs,
        augmented=augmented,
        choose=lookup.choose,
        recycled=recycled,
        positions=lookup.unknown(X, image_format),
    )
    faults, stop, engine = [], on_error == "raise", None

    def compute(images):
        activations = engine.run(images)
        if activations.shape != (len(images), *stage.shape):
            raise ValueError(
                f"backbone={shown(backbone.name)} makes activations of shape {activations.shape} "
                f"at stage={shown(stage.name)} for {len(images)} images, but was described with "
                f"{stage.shape} for one: choose a stage whose shape does not depend on the values "
                "of the images."
            )
        return pool(activations, pooling)

    batches = gather(slices, batch_size=batch_size, faults=faults, stop_at_faults=stop)
    with closing(store), closing(slices), closing(batches):
        for positions, batch in batches:
            first = engine is None
            # Not before: what the cache holds wants no network.
            engine = engine or open_engine(backbone, stage.name, n_jobs=n_jobs, device=device)
            with around_batch():
                rows = compute(batch)
            if first:
                network = backbone.fingerprint, stage.name, pooling, key
                about = f"backbone={shown(backbone.name)}, stage={shown(stage.name)}"
                check_rows(compute, batch, rows, key=network, of=about)
            lookup.keep(positions, rows)
            recycled.give(batch)
    faults = lookup.finish(X, faults)
    if stop:
        raise_faults(faults, len(X))
    if not flat and pooling is None:
        features = features.reshape(len(X), *stage.shape)
    return features, faults


def warn_of_faults(faults, n_items):
    """Say which images have features of NaN."""
    if faults:
        warnings.warn(
            f"{list_faults(faults, n_items)}; their features are NaN.", UserWarning, stacklevel=3
        )


def warn_of_overflow(features, faults):
    """Say which images have features that are not finite, beside those that cannot be read."""
    if np.isfinite(features).all():
        return
    rows = np.flatnonzero(~np.isfinite(features).all(axis=1))
    rows = [row for row in rows.tolist() if row not in {fault.position for fault in faults}]
    if rows:
        listed = ", ".join(f"X[{row}]" for row in rows[:10])
        more = f" and {len(rows) - 10} more" if len(rows) > 10 else ""
        warnings.warn(
            f"The features of {len(rows)} of {len(features)} images are not finite: "
            f"{listed}{more}. The network overflows on them, as networks in half precision may: "
            "remove these images, check value_range and preprocessing, or use a network in "
            "float32.",
            TransferWarning,
            stacklevel=3,
        )


class _Lookup:
    """What is known of the images of one call, and what is still to be computed.

    Parameters
    ----------
    features : ndarray of shape (n, n_features), float32
        Filled here.
    cache : cache
    about : bytes
        All that the features depend on, but the image and how its pixels are read.
    """

    def __init__(self, features, cache, about):
        self._features = features
        self._cache = cache
        self._about = about
        self._contexts = {}
        self._first = {}
        self._keys = {}
        self._copies = []
        self._lock = threading.Lock()

    def unknown(self, X, image_format):
        """Fill in what can be found without reading a file; give the positions of the others.

        A search transforms the same files again and again: then no thread is worth starting.
        """
        if not isinstance(X, list):
            return range(len(X))
        left, value_range = [], image_format.range_of(None)
        for start in range(0, len(X), LOOKED_UP_AT_ONCE):
            digests = {
                position: known_digest(X[position])
                for position in range(start, min(start + LOOKED_UP_AT_ONCE, len(X)))
            }
            known = [position for position, digest in digests.items() if digest is not None]
            chosen = self.choose(known, [digests[position] for position in known], value_range)
            found = {position for position, wanted in zip(known, chosen, strict=True) if not wanted}
            left += [position for position in digests if position not in found]
        return left

    def choose(self, positions, digests, value_range):
        """Fill in what the cache holds; tell of each image whether it is to be computed."""
        context = self._context(value_range)
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
        return chosen

    def _context(self, value_range):
        if value_range not in self._contexts:
            about = self._about + repr(value_range).encode()
            self._contexts[value_range] = hashlib.sha256(about).digest()[:16]
        return self._contexts[value_range]

    def _fill(self, positions, rows):
        known = [row for row in rows if row is not None]
        if not known:
            return np.zeros(len(rows), dtype=bool)
        found = np.fromiter((row is not None for row in rows), dtype=bool, count=len(rows))
        values = np.concatenate(known).reshape(len(known), -1)
        self._features[np.asarray(positions)[found]] = values
        return found

    def keep(self, positions, rows):
        """Store what the network has computed."""
        self._features[positions] = rows
        self._cache.put([self._keys.pop(position) for position in positions], rows)

    def finish(self, X, faults):
        """Fill in the rows of equal images, and NaN where an image cannot be read."""
        reasons = {fault.position: fault.reason for fault in faults}
        for position, key in self._copies:
            first = self._first[key]
            if first in reasons:
                faults.append(find_fault(X[position], position, reasons[first]))
            else:
                self._features[position] = self._features[first]
        for fault in faults:
            self._features[fault.position] = np.nan
        return sorted(faults)


def allocate(shape, in_memory):
    """Memory for the result; where it is large, a file without a name that ends with it."""
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
