"""Pictures that write down when they are read, and some that end the process that reads them."""

import io
import os
import signal
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.shelf import encode


def png(number):
    """Return the bytes of a small picture, another one for each number."""
    pixels = np.random.default_rng(number).integers(0, 256, size=(8, 8), dtype=np.uint8)
    return encode(pixels)


@dataclass
class Photo:
    """A file that is opened when it is read; every opening is a line in a log.

    Parameters
    ----------
    number : int
        The picture.
    log : str
        The path of the log.
    deadly : int, default=0
        So many times it kills its process instead.
    """

    number: int
    log: str
    deadly: int = 0

    def open(self, mode="rb"):
        """Open the file, or end the process."""
        killed = Path(f"{self.log}.{self.number}")
        n_killed = killed.stat().st_size if killed.exists() else 0
        if n_killed < self.deadly:
            with killed.open("ab") as stream:
                stream.write(b"x")
            os.kill(os.getpid(), signal.SIGKILL)
        with open(self.log, "ab") as stream:
            stream.write(b"%d\n" % self.number)
        return io.BytesIO(png(self.number))

    def read_bytes(self):
        """Return the content."""
        return self.open().read()


def shards_of(log, *, n_shards, n_photos, deadly=()):
    """Return shards by name, of photos by key; `deadly` says how often a photo kills."""
    deadly = dict(deadly)
    numbers = np.arange(n_shards * n_photos).reshape(n_shards, n_photos)
    return {
        f"shard{place:03}": {
            f"{n}.png": Photo(int(n), str(log), deadly.get(int(n), 0)) for n in row
        }
        for place, row in enumerate(numbers)
    }


def read_log(log):
    """Return the numbers of the photos that were read, one for each reading."""
    return [int(line) for line in Path(log).read_text().split()]
