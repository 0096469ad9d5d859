"""A run of `store_features` on two hosts, of which one is cut off in the middle of a shard."""

import contextlib
import io
import os
import socket
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from subprocess import DEVNULL

import joblib

from benchmarks._hosts import HUB, Host
from benchmarks._shard_runs import embed, png
from sktransfer import load_features, store_features

# The settings of Dask, in seconds: the least that it takes. It looks for silent workers once in
# `worker-ttl`, and drops those that it has not heard of for 5 s.
TIMEOUTS = {"distributed.scheduler.worker-ttl": 2, "distributed.comm.timeouts.tcp": 11}

# What a worker does before the scheduler knows it, for while it imports it is silent.
WARM = "from benchmarks._shard_runs import embed, png; embed().transform([png(0)])"

# The pictures of a shard. The one in which a host is cut off has one more and is the first to be
# run, for the order is that of the binary digits of the size.
N_PICTURES = 15
LATE = "late"

# For no event does the run wait longer.
MOST_SECONDS = 100


@dataclass
class Seen:
    """A picture that takes some time to be read, and logs its number and the host.

    Parameters
    ----------
    number : int
    log : str
        The path of the log.
    pause : float
        The seconds.
    gate : str or None, default=None
        A path that the first reader of the picture waits for.
    """

    number: int
    log: str
    pause: float
    gate: str | None = None

    def open(self, mode="rb"):
        """Return the file."""
        with open(self.log, "a") as stream:
            stream.write(f"{self.number} {socket.gethostname()}\n")
        if self.gate is not None and len(_readers(self.log, self.number)) == 1:
            _wait(Path(self.gate).exists)
        time.sleep(self.pause)
        return io.BytesIO(png(self.number))

    def read_bytes(self):
        """Return the content."""
        return self.open().read()


def lost_link(folder, n_shards, pause, nanny):
    """Store features on two hosts; return what was run, what is there, and how long it took.

    A host is cut off when it reads the last picture of its first shard, until the other host has
    made that part. Then it goes on, and makes the part as well.
    """
    folder = Path(folder)
    log, gate, features = folder / "log", folder / "gate", folder / "features"
    log.touch()
    shards, last = _shards(n_shards, str(log), pause, str(gate))
    hosts, found = [Host(1), Host(2)], {}

    def cut_and_heal():
        _wait(lambda: _readers(log, last))
        name = _readers(log, last)[0]
        host = next(host for host in hosts if host.name == name)
        host.cut()
        cut = time.perf_counter()
        _wait(lambda: list(features.glob(f"{LATE}-*.parquet")))
        found.update(name=name, cut=time.perf_counter() - cut, before=len(_lines(log)))
        host.heal()
        gate.touch()

    with _cluster(hosts, folder, nanny):
        thread = threading.Thread(target=cut_and_heal)
        thread.start()
        report = store_features(embed(), shards, features)
        thread.join()
        drafts = features / "_sktransfer" / "drafts"
        with contextlib.suppress(TimeoutError):  # of the host that is late
            _wait(lambda: not list(drafts.iterdir()), seconds=5)
    lines, X, left = _lines(log), load_features(features), list(drafts.iterdir())
    expected = embed().transform([png(int(key)) for key in X.keys])
    return {
        "made": report.n_made,
        "kept": report.n_kept,
        "set_aside": len(report.set_aside),
        "exact": sorted(map(int, X.keys)) == list(range(last + 1)) and bool((expected == X).all()),
        "runs": len(lines) / (last + 1),
        "runs_late": len(_readers(log, last)),
        "left": len(left),
        "hosts": Counter(host for _, host in lines),
        "after": sum(host == found["name"] for _, host in lines[found["before"] :]),
        "cut": found["cut"],
        "seconds": report.seconds,
    }


def _shards(n_shards, log, pause, gate):
    """Return shards by name, and the number of the last picture of the one that is late."""
    last = n_shards * N_PICTURES
    starts = range(0, last, N_PICTURES)
    numbers = {f"{start:06}": range(start, start + N_PICTURES) for start in starts[:-1]}
    numbers[LATE] = range(starts[-1], last + 1)
    shards = {
        name: {str(n): Seen(n, log, pause, gate if n == last else None) for n in some}
        for name, some in numbers.items()
    }
    return shards, last


@contextlib.contextmanager
def _cluster(hosts, folder, nanny):
    """Let joblib run its tasks on one worker of Dask a host, which is begun again if it ends."""
    import dask
    from distributed import Client, LocalCluster

    env = dask.config.serialize(TIMEOUTS)
    here = {"n_workers": 0, "processes": False, "protocol": "tcp://", "host": HUB}
    with contextlib.ExitStack() as stack:
        stack.enter_context(dask.config.set(TIMEOUTS))
        cluster = LocalCluster(**here, dashboard_address=None, silence_logs=50)
        address = stack.enter_context(cluster).scheduler_address
        client = stack.enter_context(Client(address))
        loop = ["sh", "-c", 'while true; do "$@"; done', "loop"]
        worker = [sys.executable, "-m", "distributed.cli.dask_worker", address, "--nthreads", "1"]
        worker += ["--no-dashboard", "--nanny" if nanny else "--no-nanny"]
        worker += ["--preload", WARM]
        for host in hosts:
            own = ["--host", host.address, "--local-directory", str(folder / host.name)]
            options = {"env": os.environ | {"DASK_INTERNAL_INHERIT_CONFIG": env}}
            stack.enter_context(host.running(*loop, *worker, *own, **options, stderr=DEVNULL))
        client.wait_for_workers(len(hosts), timeout=MOST_SECONDS)
        stack.enter_context(joblib.parallel_config(backend="dask"))
        yield


def _lines(log):
    return [line.split() for line in Path(log).read_text().splitlines()]


def _readers(log, number):
    """Return the hosts that have read a picture, in order."""
    return [host for read, host in _lines(log) if read == str(number)]


def _wait(function, *, seconds=MOST_SECONDS):
    """Return once a function returns something true."""
    end = time.monotonic() + seconds
    while not function():
        if time.monotonic() > end:
            raise TimeoutError(f"nothing has come in {seconds} s")
        time.sleep(0.01)
