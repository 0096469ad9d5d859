"""`store_features`: the features of many files, shard by shard, on any engine of joblib."""

import json
import os
import random
import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from sklearn.utils.validation import check_is_fitted

from sktransfer._messages import shown
from sktransfer.deep._extractor import PretrainedFeatureExtractor
from sktransfer.deep._features import VERSION
from sktransfer.deep._shards.engine import check_engine, run_tasks
from sktransfer.deep._shards.inputs import Reading, read_shards
from sktransfer.deep._shards.part import read_facts
from sktransfer.deep._shards.place import PRIVATE, import_store, place_of
from sktransfer.deep._shards.report import StoreReport, Tally
from sktransfer.deep._shards.stored import FOOTERS_AT_ONCE
from sktransfer.deep._shards.work import Job, Receipt, kind_of_engine, make_part

CONTEXT = f"{PRIVATE}/context.json"
ASIDE = f"{PRIVATE}/aside"

# With verbose=True a line is printed each time that so many seconds have passed.
SECONDS_A_LINE = 10


def store_features(
    extractor: PretrainedFeatureExtractor,
    shards: Iterable | Mapping[str, object],
    folder: str | os.PathLike,
    *,
    n_jobs: int | None = None,
    dtype: str = "float32",
    column: str | None = None,
    key_column: str | None = None,
    suffixes: str | Sequence[str] | None = None,
    retry_faults: bool = False,
    storage_options: dict | None = None,
    verbose: bool = False,
) -> StoreReport:
    """Compute the features of many items, shard by shard, and store them in a folder.

    Each shard is a task of joblib's engine: processes of this machine, or by
    ``joblib.parallel_config(backend=...)`` the workers of Dask, Ray or Spark. A worker writes the
    features of a shard as one Parquet file, a part, which appears whole or not at all. Nothing of
    the size of the data passes through this process.

    Run it again, and it goes on: parts that are there are kept. A part is made again if it is
    damaged, or its shard has another size or time. Several processes may fill a folder at once.

    It helps from about a million items on, and for all that must outlive a process. It hurts for
    data that fit into memory: ``extractor.transform(X)`` is simpler, and its cache remembers
    single items.

    Parameters
    ----------
    extractor : PretrainedFeatureExtractor, PretrainedTextExtractor or PretrainedAudioExtractor
        Fitted. Its `cache` is used if it is a folder; a memory is not.
    shards : iterable, or mapping of str to a shard
        Each is the path or the address of a tar file (all of its members, or those of `suffixes`)
        or of a Parquet file (a column of bytes, of paths, or of both). It may also be a list of
        items, of any kind that the extractor takes, or a dictionary of items by their names.
        Addresses are those of fsspec, also in lists of paths. With a mapping the shards have the
        names of its keys. Pass at least eight times as many as workers, each of a few seconds to a
        few minutes.
    folder : str or os.PathLike
        The path of the folder, or its address for fsspec, such as "s3://bucket/features". Its
        parts, ``NAME-HASH.parquet``, are named after the shards.
    n_jobs : int or None, default=None
        The number of shards at once, as for `joblib.Parallel`. None: that of
        `joblib.parallel_config`, otherwise 1.
    dtype : {"float32", "float16"}, default="float32"
        The dtype in the folder. float16 rounds to about three digits.
    column : str or None, default=None
        The column of Parquet files that holds the items; None: the only one of files, paths or
        texts.
    key_column : str or None, default=None
        The column of Parquet files that holds the names of items. None: their paths, if they have
        any, otherwise their numbers.
    suffixes : str, sequence of str or None, default=None
        The ends of the names of those members of tar files that are items, such as ".jpg"; None:
        all files are.
    retry_faults : bool, default=False
        Whether items without features are tried again, and shards that ended their processes. Of
        parts with faults the other rows are copied.
    storage_options : dict or None, default=None
        The options of fsspec for addresses.
    verbose : bool, default=False
        Whether a line about the progress is printed every ten seconds.

    Returns
    -------
    report : StoreReport
        The numbers of rows, faults and parts, the shards without a part, and the seconds; print it.

    Raises
    ------
    NotFittedError
        If the extractor is not fitted.
    TypeError or ValueError
        If a shard is none of these, two have one name, a Parquet file has no such column; if the
        folder holds features of another network, stage, pooling, preprocessing, engine or dtype
        (the message says which); if a worker runs the network in another engine; if joblib's
        backend is "multiprocessing".
    ImportError
        If pyarrow or fsspec is not installed.

    See Also
    --------
    load_features : Opens the folder as an array.

    Notes
    -----
    An item that cannot be read is a row of NaN with the reason in the column ``fault``. So is one
    whose features are not finite, or beyond the largest float16.

    A worker that dies, or is killed for its memory, loses its shard alone, which is begun again. A
    shard that has ended two processes is set aside, and so is a file that cannot be read to its
    end. The report names it, with the items that were being read. Ray and Spark repeat tasks as
    they are set to; call it again if one of them gives up.

    A part belongs to its shard by the name, the size and the time of the file, and a list by its
    content. The files of a list of paths are not looked at: delete the part if they have changed.
    In parts a row has the key (the member, the path, the number in its list), the first 16 bytes of
    a SHA-256 of the content, the features, and the fault.

    References
    ----------
    R. L. Graham, "Bounds on multiprocessing timing anomalies", SIAM Journal on Applied Mathematics,
    1969, for the order of the shards: the largest first.

    Examples
    --------
    >>> import tempfile
    >>> from sktransfer import PretrainedTextExtractor, load_features, store_features
    >>> shards = {"monday": ["rain and wind", None], "tuesday": ["a sunny day"]}
    >>> embed = PretrainedTextExtractor().fit(["rain"])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     report = store_features(embed, shards, folder)
    ...     again = store_features(embed, shards, folder)
    ...     X = load_features(folder)
    ...     X.shape, X.faults.tolist()
    ((3, 50), [None, 'is missing: None', None])
    >>> report.n_made, again.n_made, again.n_kept
    (2, 0, 2)
    """
    started = time.perf_counter()
    import_store("fsspec", "pyarrow")
    _check_parameters(extractor, dtype)
    check_engine(n_jobs)
    suffixes = (suffixes,) if isinstance(suffixes, str) else suffixes and tuple(suffixes)
    kind, options = extractor.backbone_.preprocessing.kind, dict(storage_options or {})
    job = Job(
        place=place_of(folder, options, uuid.uuid4().hex),
        context=_context_of(extractor, dtype),
        reading=Reading(kind, column, key_column, suffixes, options),
        retry_faults=bool(retry_faults),
    )
    shards = read_shards(shards, job.reading)
    _check_context(job, folder)
    tally, waiting = Tally(), []
    for shard, receipt in _look(job, shards):
        if receipt is None:
            waiting.append(shard)
        else:
            tally.add(receipt)
    progress = _Progress(verbose, len(shards), len(waiting))
    tasks = ((extractor, shard, job) for shard in _in_order(waiting))
    for receipt in run_tasks(make_part, tasks, n_jobs=n_jobs):
        if receipt.died:
            _set_aside(job, next(shard for shard in waiting if shard.name == receipt.name), receipt)
        tally.add(receipt)
        progress.step(tally)
    job.place.clean(run=job.place.run)
    return tally.report(time.perf_counter() - started)


def _check_parameters(extractor, dtype):
    if not isinstance(extractor, PretrainedFeatureExtractor):
        raise TypeError(
            f"extractor={shown(extractor)} is a {type(extractor).__name__}, expected a fitted "
            "PretrainedFeatureExtractor, PretrainedTextExtractor or PretrainedAudioExtractor."
        )
    check_is_fitted(extractor)
    if dtype not in ("float32", "float16"):
        raise ValueError(f"dtype={shown(dtype)} is not known: expected 'float32' or 'float16'.")


def _context_of(extractor, dtype):
    """Return all that the features depend on, but for the items, as text."""
    backbone = extractor.backbone_
    context = {
        "network": backbone.fingerprint,
        "stage": extractor.stage_,
        "pooling": extractor.pooling,
        "preprocessing": backbone.preprocessing,
        "image_format": getattr(extractor, "image_format_", None),
        "sample_rate": getattr(extractor, "sample_rate", None),
        "engine": kind_of_engine(extractor.engine_),
        "dtype": dtype,
        "n_features": extractor._n_features_out,
        "version": VERSION,
    }
    return {name: str(value) for name, value in context.items()}


def _check_context(job, folder):
    """Let the folder be that of the context, unless it is that of another one."""
    found = job.place.create(CONTEXT, json.dumps(job.context, indent=1).encode())
    try:
        found = json.loads(found)
    except ValueError:
        raise ValueError(
            f"folder={shown(str(folder))}: its file {shown(CONTEXT)} is damaged; delete it."
        ) from None
    job.check_context(found)


def _look(job, shards):
    """Yield each shard with the receipt of a part that may stay, or None if it is to be made."""
    sizes = job.place.parts()
    notes = {name for name, _ in job.place.files(ASIDE)}

    def look(shard):
        facts = read_facts(job.place, shard.part, sizes.get(shard.part))
        if facts is not None:
            job.check_context(facts.context)
            if job.is_done(shard, facts):
                return shard, Receipt(shard.name, facts.n_rows, facts.n_faults)
        if shard.facts.get("size") is None:
            return shard, Receipt(shard.name, reason="no such file")
        noted = _note_of(shard) in notes
        if noted and job.retry_faults:
            job.place.remove(f"{ASIDE}/{_note_of(shard)}")
        return shard, _read_note(job, shard) if noted and not job.retry_faults else None

    with ThreadPoolExecutor(FOOTERS_AT_ONCE) as threads:
        yield from threads.map(look, shards)


def _in_order(shards):
    """Return shards from large to small; those of about one size in random order.

    So several callers on one folder seldom make the same part at the same time.
    """
    draw = random.Random(uuid.uuid4().int)
    return sorted(shards, key=lambda shard: (-shard.facts["size"].bit_length(), draw.random()))


def _set_aside(job, shard, receipt):
    """Note in the folder that a shard ends its processes, so that the next call leaves it out."""
    note = {"input": shard.facts, "reason": receipt.reason}
    job.place.write(f"{ASIDE}/{_note_of(shard)}", json.dumps(note).encode())


def _read_note(job, shard):
    note = json.loads(job.place.read(f"{ASIDE}/{_note_of(shard)}"))
    if note["input"] != shard.facts:
        return None
    return Receipt(shard.name, reason=note["reason"], died=True)


def _note_of(shard):
    return f"{shard.part}.json"


class _Progress:
    """Lines about the progress."""

    def __init__(self, verbose, n_shards, n_waiting):
        self._verbose, self._n_shards, self._n_waiting = verbose, n_shards, n_waiting
        self._n_done, self._started = 0, time.perf_counter()
        self._said = self._started

    def step(self, tally):
        """Count a shard, and print a line if the last one is long ago."""
        self._n_done += 1
        now = time.perf_counter()
        if not self._verbose or now - self._said < SECONDS_A_LINE:
            return
        self._said, left = now, self._n_waiting - self._n_done
        seconds = left * (now - self._started) / self._n_done
        done = self._n_shards - left
        print(f"{done} of {self._n_shards} shards, {tally.n_rows} rows, {seconds:.0f} s left")
