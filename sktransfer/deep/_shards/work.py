"""The task of a worker: one shard in, one part out, and a receipt for the caller."""

import contextlib
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from sktransfer._messages import shown
from sktransfer.deep._describe import reload
from sktransfer.deep._engines.grid import find_grid
from sktransfer.deep._features import find_engine, stage_features
from sktransfer.deep._shards.inputs import Reading, Shard, UnreadableShard
from sktransfer.deep._shards.part import differences, features_of, read_facts, read_rows, writing
from sktransfer.deep._shards.place import PRIVATE, Place

# A shard that has ended so many processes is not begun again.
MOST_DEATHS = 2

# A receipt shows so many faults.
MOST_EXAMPLES = 5


@dataclass(frozen=True)
class Job:
    """What all shards of one call have in common.

    Parameters
    ----------
    place : Place
        Where parts go to.
    context : dict of str to str
        All that features depend on, but for the items.
    reading : Reading
        How shards are read.
    retry_faults : bool
        Whether items without features are tried again.
    """

    place: Place
    context: dict
    reading: Reading
    retry_faults: bool = False

    def check_context(self, found):
        """Raise an error if features in the folder depend on other things."""
        if found != self.context:
            raise ValueError(
                f"folder={shown(self.place.address)} holds features with "
                f"{differences(found, self.context)}: pass another folder, or the extractor and "
                "the dtype that it was filled with."
            )

    def is_done(self, shard, facts):
        """Tell whether a part with these facts is the part of a shard, and may stay."""
        return (
            facts is not None
            and facts.input == shard.facts
            and not (self.retry_faults and facts.n_faults)
        )


class Receipt(NamedTuple):
    """The result of a task for its caller: small, for a shard of any size.

    Parameters
    ----------
    name : str
        The shard.
    n_rows, n_faults : int
        The rows of its part, and those without features.
    n_tried : int
        The rows that were read and run now.
    examples : tuple of (str, str)
        The first items without features, and the reasons.
    seconds : dict of str to float
        The time that the task waited for each kind of work; empty if the part was kept.
    reason : str or None
        Why there is no part; None if there is one.
    died : bool
        Whether that is because it ended its processes.
    """

    name: str
    n_rows: int = 0
    n_faults: int = 0
    n_tried: int = 0
    examples: tuple = ()
    seconds: dict = {}
    reason: str | None = None
    died: bool = False


def make_part(extractor, shard: Shard, job: Job):
    """Compute the features of a shard, write its part, and return the `Receipt`."""
    place = job.place
    facts = read_facts(place, shard.part, place.size(shard.part))
    if facts is not None:
        job.check_context(facts.context)
    if job.is_done(shard, facts):  # another caller was quicker
        return Receipt(shard.name, facts.n_rows, facts.n_faults)
    attempt, deaths = _Attempt.begin(place, shard)
    if attempt is None:
        return Receipt(shard.name, reason=deaths, died=True)
    same = facts is not None and facts.input == shard.facts
    known = _Known(place, shard.part) if same else None
    try:
        return _fill_part(extractor, shard, job, attempt, known)
    except UnreadableShard as reason:
        return Receipt(shard.name, reason=str(reason))
    finally:
        attempt.end()


def _fill_part(extractor, shard, job, attempt, known):
    clock, receipt = _Clock(), Receipt(shard.name)
    about = {"context": job.context, "input": shard.facts}
    with writing(job.place, shard.part, **about) as add, contextlib.ExitStack() as stack:
        chunks = stack.enter_context(contextlib.closing(read_ahead(shard.chunks(job.reading))))
        while (chunk := clock.time("read", next, chunks, None)) is not None:
            attempt.note(chunk.keys)
            columns, n_tried = _columns(extractor, chunk, job, clock, known)
            clock.time("write", add, chunk.keys, *columns)
            faults = [pair for pair in zip(chunk.keys, columns[2]) if pair[1] is not None]
            receipt = receipt._replace(
                n_rows=receipt.n_rows + len(chunk.keys),
                n_faults=receipt.n_faults + len(faults),
                n_tried=receipt.n_tried + n_tried,
                examples=(receipt.examples + tuple(faults))[:MOST_EXAMPLES],
            )
        clock.begin("write")
    clock.stop()
    return receipt._replace(seconds=clock.seconds)


def _columns(extractor, chunk, job, clock, known):
    """Return digests, features and faults of a chunk, and how many items were tried."""
    n, dtype = len(chunk.keys), np.dtype(job.context["dtype"])
    if known is None:
        digests, features, faults = _compute(extractor, chunk.items, job, clock)
        return (digests, *_narrowed(features, faults, dtype)), n
    digests, features, faults = clock.time("read", known.take, n)
    rows = [row for row, fault in enumerate(faults) if fault is not None]
    if rows:
        items = [chunk.items[row] for row in rows]
        again, values, reasons = _compute(extractor, items, job, clock)
        features[rows], reasons = _narrowed(values, reasons, dtype)
        for row, digest, reason in zip(rows, again, reasons, strict=True):
            digests[row], faults[row] = digest, reason
    return (digests, features, faults), len(rows)


def _compute(extractor, items, job, clock):
    """Return the digests, features and faults of items."""
    backbone, digests, faults = reload(extractor), [None] * len(items), [None] * len(items)
    grid = find_grid(backbone, extractor.stage_) if extractor.pooling == "grid" else None
    run = replace(
        extractor._run(),
        on_error="nan",
        # Of other shards nothing is asked for again: the cache in memory would only fill it.
        cache=None if extractor.cache == "memory" else extractor.cache,
        around_batch=lambda: clock.during("network"),
    )
    with clock.during("decode"):
        read = backbone.preprocessing.read(items, extractor, reset=False, on_error="nan")
        engine = kind_of_engine(find_engine(read, backbone, extractor.stage_, run))
        if engine != job.context["engine"]:
            raise ValueError(
                f"A worker runs the network in {shown(engine)}, and the extractor was fitted for "
                f"{shown(job.context['engine'])}, whose features differ in the last digits: pass "
                "device= a device that all of them have, or fit the extractor on a worker."
            )
        features, found = stage_features(
            read,
            backbone,
            extractor.stage_,
            run,
            pooling=None if grid else extractor.pooling,
            digests=digests,
        )
        features = grid.rows(features) if grid else features
    for fault in found:
        faults[fault.position] = fault.reason
    for row in np.flatnonzero(~np.isfinite(features).all(axis=1)).tolist():
        faults[row] = faults[row] or "its features are not finite"
    return digests, features, faults


def _narrowed(features, faults, dtype):
    """Return features in a dtype, NaN for those beyond its largest number, and the faults."""
    if dtype == features.dtype:
        return features, faults
    largest = np.finfo(dtype).max
    for row in np.flatnonzero((np.abs(features) > largest).any(axis=1)).tolist():
        if faults[row] is None:
            faults[row] = f"a feature is beyond {largest:g}, the largest number of {dtype}"
            features[row] = np.nan
    with np.errstate(over="ignore"):  # of features that are not finite as they are
        return features.astype(dtype), faults


def kind_of_engine(key):
    """Return the key of an engine without the number of the device."""
    return key.partition(":")[0]


class _Attempt:
    """A mark in the folder that a shard has been begun; one that stays means a death."""

    def __init__(self, place, marks, mark):
        self._place, self._marks, self._mark = place, marks, mark

    @classmethod
    def begin(cls, place, shard):
        """Return a new attempt and None, or None and the sentence about those that died."""
        folder = f"{PRIVATE}/attempts/{place.run}"
        marks = [f"{folder}-{shard.part}.{number}" for number in range(MOST_DEATHS)]
        for mark in marks:
            if (said := place.read(mark)) is None:
                attempt = cls(place, marks, mark)
                attempt.note(())
                return attempt, None
        items = f", the last time at the items {said.decode()}" if said else ""
        return None, f"{MOST_DEATHS} processes ended while they ran it{items}"

    def note(self, keys):
        """Note which items come next."""
        items = f"{shown(keys[0])} to {shown(keys[-1])}" if keys else ""
        self._place.put(self._mark, items.encode("utf-8", "backslashreplace"))

    def end(self):
        """Delete the marks of the shard."""
        for mark in self._marks:
            self._place.remove(mark)


class _Known:
    """The rows of an earlier part, in order."""

    def __init__(self, place, name):
        self._tables = read_rows(place, name, ["digest", "features", "fault"])
        self._rows = None

    def take(self, n):
        """Return digests, features and faults of the next n rows."""
        parts = [] if self._rows is None else [self._rows]
        while sum(map(len, parts)) < n:
            parts.append(next(self._tables))
        from pyarrow import concat_tables

        rows = concat_tables(parts)
        self._rows, rows = rows.slice(n), rows.slice(0, n)
        faults = rows.column("fault").to_pylist()
        return rows.column("digest").to_pylist(), features_of(rows).copy(), faults


class _Clock:
    """The seconds that the thread of a task spends in each kind of work, one at a time."""

    def __init__(self):
        self.seconds = dict.fromkeys(("read", "decode", "network", "write"), 0.0)
        self._kind, self._since = None, time.perf_counter()

    def begin(self, kind):
        """Count from now on for another kind of work; return the one before."""
        now, before = time.perf_counter(), self._kind
        if before is not None:
            self.seconds[before] += now - self._since
        self._kind, self._since = kind, now
        return before

    def stop(self):
        self.begin(None)

    @contextlib.contextmanager
    def during(self, kind):
        before = self.begin(kind)
        yield
        self.begin(before)

    def time(self, kind, function, *arguments):
        with self.during(kind):
            return function(*arguments)


def read_ahead(values):
    """Yield what an iterator yields, with the next value made in a thread meanwhile."""
    with contextlib.closing(values), ThreadPoolExecutor(1, "sktransfer-shard") as thread:
        coming = thread.submit(next, values, None)
        while (value := coming.result()) is not None:
            coming = thread.submit(next, values, None)
            yield value
