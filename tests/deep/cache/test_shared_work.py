"""Processes that compute the same images at once: each image runs once, whatever happens to one."""

import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sktransfer.deep import PretrainedFeatureExtractor
from sktransfer.deep._cache.folder import STORE
from sktransfer.deep._cache.segments import _ROWS, _blocks

N_IMAGES = 300

SCRIPT = """
import sys, time
from pathlib import Path
import numpy as np
sys.path.insert(0, sys.argv[1])
from test_shared_work import images, make
folder, me, others = Path(sys.argv[2]), sys.argv[3], sys.argv[4:]
extractor = make(folder).fit(images()[:2])
(folder / f"ready-{me}").touch()
while not all((folder / f"ready-{other}").exists() for other in others):
    time.sleep(0.001)
np.save(folder / f"{me}.npy", extractor.transform(images()))
"""


def images():
    rng = np.random.default_rng(0)
    files = []
    for _ in range(N_IMAGES):
        stream = io.BytesIO()
        Image.fromarray(rng.integers(256, size=(32, 32), dtype=np.uint8)).save(stream, "PNG")
        files.append(stream.getvalue())
    return [*files, b"no picture", b""]


def make(folder):
    cache = folder / "cache"
    return PretrainedFeatureExtractor(batch_size=8, n_jobs=1, cache=cache, on_error="nan")


def start(folder, me, *others):
    command = [sys.executable, "-c", SCRIPT, str(Path(__file__).parent), str(folder), me, *others]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


def computed(folder):
    """How many rows each process has stored."""
    rows = {}
    for path in (folder / "cache" / STORE).glob("*.rows"):
        with open(path, "rb") as stream:
            rows[path.name] = sum(
                len(block.keys) for block in _blocks(stream, 0) if block.kind == _ROWS
            )
    return rows


def check(folder, *names):
    expected = PretrainedFeatureExtractor(cache=None).fit_transform(images()[:N_IMAGES])
    for name in names:
        found = np.load(folder / f"{name}.npy")
        np.testing.assert_array_equal(found[:N_IMAGES], expected)
        assert np.isnan(found[N_IMAGES:]).all()


def test_two_processes_compute_each_image_once(tmp_path):
    both = [start(tmp_path, "a", "b"), start(tmp_path, "b", "a")]
    for process in both:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
    check(tmp_path, "a", "b")
    rows = computed(tmp_path)
    assert N_IMAGES <= sum(rows.values()) <= 1.05 * N_IMAGES
    assert len(rows) == 2
    assert min(rows.values()) > 0


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
def test_what_a_killed_process_has_claimed_is_computed_by_the_other(tmp_path):
    killed = start(tmp_path, "a", "b")
    other = start(tmp_path, "b", "a")
    while sum(computed(tmp_path).values()) < N_IMAGES // 4:
        assert killed.poll() is None
        time.sleep(0.001)
    os.kill(killed.pid, signal.SIGKILL)
    _, errors = other.communicate(timeout=120)
    killed.communicate()
    assert other.returncode == 0, errors
    check(tmp_path, "b")
    assert sum(computed(tmp_path).values()) <= 1.05 * N_IMAGES
