"""Data of the benchmark of shards, and processes that are slowed down or killed while it runs."""

import contextlib
import io
import os
import random
import signal
import subprocess
import sys
import tarfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
from PIL import Image

from sktransfer import PretrainedFeatureExtractor

SIDE = 8

# A worker is at work when it has used the processor for so many seconds.
STARTED = 3


def embed():
    """Return the fitted extractor, of one thread."""
    return PretrainedFeatureExtractor(cache=None, n_jobs=1).fit([picture(0)])


def picture(number):
    """Return a picture of random pixels, another one for each number."""
    return np.random.default_rng(number).integers(0, 256, size=(SIDE, SIDE), dtype=np.uint8)


def png(number):
    """Return the bytes of the file of a picture."""
    stream = io.BytesIO()
    Image.fromarray(picture(number)).save(stream, "PNG")
    return stream.getvalue()


def write_tars(folder, lengths):
    """Write tar files with so many pictures each, as PNG; return their paths."""
    paths, number = [], 0
    for place, length in enumerate(lengths):
        path = folder / f"{len(lengths)}-{place:04}.tar"
        with tarfile.open(path, "w") as archive:
            for _ in range(length):
                content, member = png(number), tarfile.TarInfo(f"{number}.png")
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
                number += 1
        paths.append(str(path))
    return paths


@dataclass
class Logged:
    """A picture that is opened when it is read, and then adds a byte to a log."""

    number: int
    log: str
    deadly: bool = False

    def open(self, mode="rb"):
        """Return the file, or end the process."""
        if self.deadly:
            os.kill(os.getpid(), signal.SIGKILL)
        with open(self.log, "ab") as stream:
            stream.write(b".")
        return io.BytesIO(png(self.number))

    def read_bytes(self):
        """Return the content."""
        return self.open().read()


def logged_shards(log, lengths, *, deadly=None):
    """Return shards of so many logged pictures each; the first one of shard `deadly` kills."""
    shards, start = {}, 0
    for place, length in enumerate(lengths):
        numbers = range(start, start + length)
        shards[f"{place:05}"] = {
            str(n): Logged(n, str(log), place == deadly and n == start) for n in numbers
        }
        start += length
    return shards


def runs(log):
    """Return how many pictures were read."""
    return Path(log).stat().st_size


@contextlib.contextmanager
def beside(function, *, seconds):
    """Call a function with the worker processes that there are, each time so many seconds pass."""
    done, own = threading.Event(), psutil.Process()

    def loop():
        while not done.wait(seconds):
            with contextlib.suppress(psutil.Error, OSError):
                function(_workers(own))

    thread = threading.Thread(target=loop)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _workers(own):
    """Return the processes below this one that run tasks, in the order of their start."""
    found = []
    for process in own.children(recursive=True):
        with contextlib.suppress(psutil.Error):
            command = " ".join(process.cmdline())
            if "popen_loky" in command or "spawn_main" in command:
                found.append(process)
    return sorted(found, key=lambda process: process.create_time())


class Kill:
    """Kill one of the workers that are at work, drawn at random, and count."""

    def __init__(self, seed=0):
        self.n_killed = 0
        self._draw = random.Random(seed)

    def __call__(self, workers):
        workers = [each for each in workers if each.cpu_times().user > STARTED]
        if workers:
            os.kill(self._draw.choice(workers).pid, signal.SIGKILL)
            self.n_killed += 1


def slow_down(workers):
    """Stop the first worker for half of each tenth of a second."""
    if workers:
        workers[0].suspend()
        time.sleep(0.05)
        workers[0].resume()


def peak_memory(code):
    """Return the largest memory in MB of a new Python process that runs some code."""
    code = f"{code}\nimport resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return int(done.stdout.split()[-1]) / 1024
