"""A billion images on a cluster that loses workers: simulated, by formula, and checked by a run.

Shards are given to workers one by one, the largest first. A worker dies at random, after M seconds
on average, and loses its shard; another one starts in its place. The last table compares the
simulation with `store_features` on this machine, in processes that are killed. Its service times
are measured in the same run, and its pictures wait instead of computing, so that other programs on
the machine matter little.
"""

import heapq
import os
import signal
import tempfile
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks._runner import Table
from benchmarks._shard_hosts import Seen
from benchmarks._shard_runs import beside, embed
from sktransfer import store_features

# Assumed: seconds that a shard costs beside its images, and between a death and the next shard.
PER_SHARD, RESTART = 1.0, 30.0
HOUR, DAY = 3600.0, 86_400.0

# Assumed: images of 224 pixels a second that a GPU embeds, and the spread of shards (lognormal).
IMAGES_PER_SECOND, SPREAD = 6500, 0.3

# The pictures of a shard of the run on this machine, and the seconds that each of them waits.
N_PICTURES, PAUSE = 20, 0.05

# The mean seconds of its processes; with the last ones none dies.
LIFETIMES = 20.0, 40.0, 1e9


def run(data_home, *, quick=False):
    """Simulate and measure; a minute with ``quick``, otherwise about four."""
    return [
        best_size(2000 if quick else 20_000),
        a_billion_images((1, 64, 1024) if quick else (1, 4, 16, 64, 256, 1024)),
        calibration(n_shards=10 if quick else 30, n_runs=1 if quick else 3),
    ]


@dataclass(frozen=True)
class Outcome:
    """What a simulated run took.

    Parameters
    ----------
    makespan : float
        Seconds.
    lost : float
        Seconds of work that died with a worker.
    n_deaths : int
    n_twice : int
        The shards in which at least two workers died.
    """

    makespan: float
    lost: float
    n_deaths: int
    n_twice: int


def simulate(seconds, n_workers, *, lifetime, per_shard, restart, rng):
    """Run shards of so many seconds on workers; return the `Outcome`.

    Parameters
    ----------
    seconds : array of shape (n_shards,)
    n_workers : int
    lifetime : float
        The mean seconds of a process from its start to its death, exponential.
    per_shard, restart : float
        The seconds that each shard costs beside its work, and that a process takes to start.
    rng : numpy.random.Generator
    """
    waiting = deque(enumerate(np.sort(seconds)[::-1].tolist()))
    n_left, idle, lost, n_deaths = len(waiting), [], 0.0, 0
    deaths_in = np.zeros(n_left, int)
    dies, events = [0.0] * n_workers, []

    def begin(worker, now):
        """Start processes until one of them lives longer than its start."""
        nonlocal n_deaths
        while (life := rng.exponential(lifetime)) < restart:
            now, n_deaths = now + life, n_deaths + 1
        dies[worker] = now + life
        heapq.heappush(events, (now + restart, worker, None))

    for worker in range(n_workers):
        begin(worker, 0.0)
    while n_left:
        now, worker, shard = heapq.heappop(events)
        if shard is not None and now == dies[worker]:
            waiting.appendleft(shard)
            deaths_in[shard[0]] += 1
            n_deaths += 1
            begin(worker, now)
            if not idle:
                continue
            worker = idle.pop()
            dies[worker] = now + rng.exponential(lifetime)  # the past does not count
        elif shard is not None:
            n_left -= 1
        if waiting:
            shard = waiting.popleft()
            end = min(now + per_shard + shard[1], dies[worker])
            lost += end - now if end == dies[worker] else 0.0
            heapq.heappush(events, (end, worker, shard))
        else:
            idle.append(worker)
    return Outcome(now, lost, n_deaths, int((deaths_in > 1).sum()))


def best_size(n_shards):
    """Simulate equal shards of several durations on one worker, next to the closed form."""
    rows = []
    for lifetime, name in ((HOUR, "1 h"), (DAY, "1 d"), (30 * DAY, "30 d")):
        best = np.sqrt(2 * PER_SHARD * lifetime)
        for factor in (0.25, 1.0, 4.0):
            seconds = factor * best
            rng = np.random.default_rng(0)
            found = simulate(
                np.full(n_shards, seconds),
                1,
                lifetime=lifetime,
                per_shard=PER_SHARD,
                restart=0.0,
                rng=rng,
            )
            work = n_shards * seconds
            formula = PER_SHARD / seconds + seconds / (2 * lifetime)
            twice = n_shards * (seconds / lifetime) ** 2
            rows.append(
                [
                    name,
                    "s*" if factor == 1 else f"{factor:g} s*",
                    seconds,
                    100 * (found.makespan / work - 1),
                    100 * formula,
                    found.n_twice,
                    twice,
                ]
            )
    columns = "a death every", "shards of", "s", "lost, %", "c/s + s/2M, %", "twice", "n (s/M)^2"
    notes = [
        f"{n_shards} equal shards, c = {PER_SHARD:g} s beside the work of each, one worker, which "
        "starts at once. s* is the root of 2 c M.",
        "Twice: shards in which two workers died, so that a call sets them aside.",
    ]
    return Table("The size of shards", columns, rows, notes)


def a_billion_images(counts):
    """Simulate 10,000 shards of 100,000 images by the number of workers, and by their lifetime."""
    rng = np.random.default_rng(0)
    sizes = rng.lognormal(sigma=SPREAD, size=10_000)
    seconds = sizes / sizes.sum() * 1e9 / IMAGES_PER_SECOND
    rows = []
    for lifetime, name in ((HOUR, "1 h"), (30 * DAY, "30 d")):
        for n_workers in counts:
            found = simulate(
                seconds,
                n_workers,
                lifetime=lifetime,
                per_shard=PER_SHARD,
                restart=RESTART,
                rng=rng,
            )
            ideal = seconds.sum() / n_workers
            share = 100 * ideal / found.makespan
            redone = 100 * found.lost / seconds.sum()
            rows.append(
                [
                    name,
                    n_workers,
                    found.makespan / HOUR,
                    share,
                    redone,
                    found.n_deaths,
                    found.n_twice,
                ]
            )
    columns = "a death every", "workers", "hours", "at work, %", "redone, %", "deaths", "twice"
    notes = [
        f"Assumed: {IMAGES_PER_SECOND} images/s a worker, {PER_SHARD:g} s beside each shard, "
        f"{RESTART:g} s to start a worker, sizes lognormal with sigma {SPREAD:g}.",
        "At work: the time that workers without any loss would take, next to the one taken.",
    ]
    return Table("A billion images in 10,000 shards", columns, rows, notes)


def calibration(n_shards, n_runs):
    """Compare the simulation with runs of two processes, with and without deaths."""
    with tempfile.TemporaryDirectory() as folder:
        rows = []
        for lifetime in LIFETIMES:
            kills = [_Kill(lifetime, seed=number) for number in range(n_runs)]
            shards, restarts, measured = [], [], []
            for kill in kills:
                shards.append(_work(folder, 4, n_jobs=1) / 4)
                restarts.append(_work(folder, 2, n_jobs=2) - shards[-1])
                with beside(kill, seconds=kill.step):
                    measured.append(_work(folder, n_shards, n_jobs=2))
            shard, restart = np.mean(shards), np.mean(restarts)
            rng, seconds = np.random.default_rng(0), np.full(n_shards, shard)
            costs = {"lifetime": lifetime, "per_shard": 0.0, "restart": restart, "rng": rng}
            found = [simulate(seconds, 2, **costs) for _ in range(500)]
            spans = np.array([each.makespan for each in found])
            rows.append(
                [
                    "none" if lifetime > DAY else f"{lifetime:g} s",
                    shard,
                    restart,
                    np.mean([each.n_deaths for each in found]),
                    np.mean([kill.n_killed for kill in kills]),
                    spans.mean(),
                    spans.std() / np.sqrt(n_runs),
                    np.mean(measured),
                    np.mean(measured) / spans.mean(),
                ]
            )
    columns = "a death every", "shard, s", "start, s", "deaths", "counted"
    notes = [
        f"{n_shards} shards on two processes, mean of {n_runs} runs. A shard, and the start of a "
        "process, are measured before each run.",
        "+-: the standard deviation of the mean of so many simulated runs.",
    ]
    columns = (*columns, "predicted, s", "+-", "measured, s", "ratio")
    return Table("Prediction and measurement", columns, rows, notes)


def _work(folder, n_shards, *, n_jobs):
    """Return the seconds that a run of shards takes."""
    with tempfile.TemporaryDirectory(dir=folder) as own:
        starts = range(0, n_shards * N_PICTURES, N_PICTURES)
        shards = {
            f"{start:06}": [
                Seen(number, os.path.join(own, "log"), PAUSE)
                for number in range(start, start + N_PICTURES)
            ]
            for start in starts
        }
        return store_features(embed(), shards, Path(own) / "features", n_jobs=n_jobs).seconds


class _Kill:
    """Kill each process of a worker at random, after so many seconds on average."""

    step = 0.05

    def __init__(self, lifetime, seed):
        self.n_killed = 0
        self._draw = np.random.default_rng(seed)
        self._lifetime, self._last = lifetime, None

    def __call__(self, workers):
        now = time.monotonic()
        chance = -np.expm1(((self._last or now) - now) / self._lifetime)
        self._last = now
        for worker in workers:
            if self._draw.random() < chance:
                os.kill(worker.pid, signal.SIGKILL)
                self.n_killed += 1
