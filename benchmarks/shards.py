"""Features of many files: cost of a shard, workers, stragglers, deaths, lost links, and memory.

Pictures of 8 x 8 pixels pass through "glyphs" with one thread a worker. Workers are processes of
joblib and of a Dask cluster on this machine; they are stopped and killed by signals. Hosts are
namespaces of Linux. Quiet processors are needed for the columns of seconds; the columns of runs are
exact.
"""

import os
import tempfile
import time
from contextlib import contextmanager, nullcontext
from pathlib import Path

import joblib
import numpy as np
import psutil

from benchmarks._hosts import run_at_hub, why_no_hosts
from benchmarks._runner import Table
from benchmarks._shard_hosts import N_PICTURES, TIMEOUTS, lost_link
from benchmarks._shard_runs import (
    Kill,
    beside,
    embed,
    logged_shards,
    peak_memory,
    runs,
    slow_down,
    write_tars,
)
from sktransfer import load_features, store_features

# The goals: runs of the network for each that is needed, the duration next to that of workers that
# are never idle, and the speed of two workers next to twice that of one.
RUNS, MAKESPAN, TWICE = 1.05, 1.15, 0.9


def run(data_home, *, quick=False):
    """Measure all; a minute with ``quick``, otherwise about six."""
    return [
        cost_of_a_shard((100, 1000) if quick else (1000, 10_000, 100_000)),
        workers_and_stragglers(3000 if quick else 48_000),
        deaths(6000 if quick else 24_000),
        lost_links(60 if quick else 300),
        memory((10, 100) if quick else (10, 100, 500)),
    ]


def cost_of_a_shard(counts):
    """Time shards without items, in this process, and a second call that keeps all parts."""
    extractor, rows = embed(), []
    for n_shards in counts:
        shards = {f"{place:06}": [] for place in range(n_shards)}
        with tempfile.TemporaryDirectory() as folder:
            made = store_features(extractor, shards, folder).seconds
            kept = store_features(extractor, shards, folder).seconds
        rows.append([n_shards, made, 1000 * made / n_shards, kept, 1000 * kept / n_shards])
    columns = "shards", "made, s", "ms a shard", "kept, s", "ms a shard kept"
    notes = ["Milliseconds a shard that do not grow: the cost is linear in the number of shards."]
    return Table("Shards without items, one process", columns, rows, notes)


def workers_and_stragglers(n_rows):
    """Time equal shards by one and two workers, and shards of lognormal sizes with a slow one."""
    extractor, draw = embed(), np.random.default_rng(0)
    equal = [n_rows // 48] * 48
    uneven = draw.lognormal(sigma=1.0, size=64)
    uneven = np.maximum(1, uneven / uneven.sum() * n_rows).astype(int).tolist()
    cases = [
        ("two workers", 2, equal, nullcontext()),
        ("two, sizes lognormal", 2, uneven, nullcontext()),
        ("two, one at half speed", 1.5, uneven, beside(slow_down, seconds=0.05)),
    ]
    with tempfile.TemporaryDirectory() as folder:
        shards = {lengths[0]: write_tars(Path(folder), lengths) for lengths in (equal, uneven)}
        with one_core():
            seconds, cost = _cost(extractor, shards[equal[0]])
        rate = sum(equal) / seconds
        rows = [["one worker", len(equal), sum(equal), rate, 1.0, 1e6 * cost / sum(equal)]]
        with _engine("dask"):
            _cost(extractor, shards[equal[0]][:2])  # the workers load the network
            for name, n_workers, lengths, disturbed in cases:
                with disturbed:
                    seconds, cost = _cost(extractor, shards[lengths[0]])
                n, ideal = sum(lengths), sum(lengths) / (rate * n_workers)
                rows.append([name, len(lengths), n, n / seconds, seconds / ideal, 1e6 * cost / n])
    columns = "workers", "shards", "pictures", "pictures/s", "duration / ideal", "us a picture"
    notes = [
        "Tar files of PNG. One worker is this process on one core; two are workers of Dask that "
        "have the network. Ideal: each as fast as one alone, and never idle.",
        "Microseconds a picture: of the processor, by all processes, the scheduler included.",
        f"Goals: two workers at most {1 / TWICE:.2f}, with stragglers {MAKESPAN}.",
    ]
    return Table("Two workers, and stragglers", columns, rows, notes)


@contextmanager
def one_core():
    """Keep this process and its threads on one core, if the system can do so."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


def _cost(extractor, shards):
    """Return the duration of a run, and the seconds of the processor of all processes."""
    before = _used()
    with tempfile.TemporaryDirectory() as folder:
        seconds = store_features(extractor, shards, folder).seconds
    return seconds, _used() - before


def _used():
    own = psutil.Process()
    times = [process.cpu_times() for process in [own, *own.children(recursive=True)]]
    return sum(each.user + each.system for each in times)


def deaths(n_rows):
    """Kill workers now and then, and have one shard that kills each of its own."""
    rows, lengths = [], [n_rows // 120] * 120
    for engine in ("loky", "dask"):
        for what, deadly, seconds in (("a worker each 2 s", None, 2), ("by a shard", 60, 1e9)):
            with tempfile.TemporaryDirectory() as folder, _engine(engine):
                folder, kill = Path(folder), Kill()
                shards = logged_shards(folder / "log", lengths, deadly=deadly)
                with beside(kill, seconds=seconds):
                    report = store_features(embed(), shards, folder / "features", n_jobs=2)
                X = load_features(folder / "features")
                lost = [fault.name for fault in report.set_aside]
                wanted = {key for name in shards if name not in lost for key in shards[name]}
                right = len(X) == len(wanted) and set(X.keys) == wanted
                rows.append(
                    [
                        engine,
                        what,
                        kill.n_killed or 2 * len(report.set_aside),
                        len(report.set_aside),
                        report.seconds,
                        "yes" if right else "NO",
                        runs(folder / "log") / len(wanted),
                    ]
                )
    columns = "engine", "killed", "deaths", "set aside", "s", "rows exact", "runs / needed"
    notes = [
        f"{n_rows} pictures in {len(lengths)} shards. Goal: {RUNS} runs for each picture that is "
        "needed, at most."
    ]
    return Table("Workers that die", columns, rows, notes, digits=3)


def lost_links(n_shards):
    """Cut one of two hosts off in the middle of a shard, and put it back when that is made."""
    rows = []
    for nanny in (False, True) if why_no_hosts() is None else ():
        with tempfile.TemporaryDirectory() as folder:
            found = run_at_hub(lost_link, folder, n_shards, 0.01, nanny, seconds=600)
        rows.append(
            [
                "nanny" if nanny else "none",
                found["cut"],
                found["seconds"],
                found["set_aside"],
                "yes" if found["exact"] else "NO",
                found["runs"],
                found["after"] / sum(found["hosts"].values()),
                found["left"],
            ]
        )
    columns = "process above", "cut, s", "s", "set aside", "rows exact", "runs / needed"
    notes = [
        f"{n_shards} shards of {N_PICTURES} pictures, of which each takes 10 ms. Workers of Dask "
        "are begun again when they end. The settings are the least that Dask takes: "
        + ", ".join(f"{name} {seconds} s" for name, seconds in TIMEOUTS.items())
        + ".",
        "Cut: until the other host had made the shard; then the late host made it, too. After: "
        "the share of all runs that the host had after it was back. Left: draft files.",
    ]
    if why_no_hosts() is not None:
        notes = [f"Not measured: {why_no_hosts()}."]
    return Table("A lost link", (*columns, "after", "left"), rows, notes, digits=3)


@contextmanager
def _engine(name):
    if name == "loky":
        yield
        return
    import dask
    from distributed import Client, LocalCluster

    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": ":0"}
    with (
        # Dask looks at the stacks of its workers each 10 ms, which is 2 % of a processor.
        dask.config.set({"distributed.worker.profile.enabled": False}),
        LocalCluster(**options, silence_logs=50) as cluster,
        Client(cluster),
        joblib.parallel_config(backend="dask"),
    ):
        yield


def memory(counts):
    """Measure the largest memory of one process by the number of its shards, 100 pictures each."""
    rows = []
    for n_shards in counts:
        code = f"""
import tempfile
import numpy as np
from benchmarks._shard_runs import embed, picture
from sktransfer import store_features
shard = [picture(number) for number in range(100)]
with tempfile.TemporaryDirectory() as folder:
    store_features(embed(), {{str(n): shard for n in range({n_shards})}}, folder)
"""
        start = time.perf_counter()
        rows.append([n_shards, peak_memory(code), time.perf_counter() - start])
    columns = "shards", "largest memory, MB", "s"
    notes = ["A slope of zero: memory does not grow with the number of shards."]
    return Table("Memory of a worker", columns, rows, notes)
