"""Real processes that are killed: what is lost, what is repeated, and what the report says."""

import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import joblib
import numpy as np
import pytest
from sklearn.base import clone

from sktransfer import load_features, store_features
from sktransfer.deep._shards.engine import check_engine
from tests.deep.shards.photos import Photo, png, read_log, shards_of

N_SHARDS, N_PHOTOS = 24, 10
KILLED_ONCE, POISON = 57, 120  # the last but two of a shard, and the first of one


def make_shards(log, deadly):
    return shards_of(log, n_shards=N_SHARDS, n_photos=N_PHOTOS, deadly=deadly)


def check_rows(folder, embed, numbers):
    """The folder holds each of these photos once, with the features of its picture."""
    X = load_features(folder)
    assert X.keys.tolist() == [f"{number}.png" for number in numbers]
    np.testing.assert_array_equal(X, embed.transform([png(number) for number in numbers]))


def check_runs(folder, log, numbers):
    """A death has cost no more than its shard, and has left nothing in the folder."""
    runs = Counter(read_log(log))
    assert set(runs) == set(numbers)
    assert 1 < runs.total() / len(numbers) <= 1.05
    for kind in ("attempts", "drafts"):
        assert not list((folder / "_sktransfer" / kind).iterdir())


def test_killed_processes(embed, tmp_path):
    shards = make_shards(tmp_path / "log", {KILLED_ONCE: 1, POISON: 99})
    folder = tmp_path / "features"
    report = store_features(embed, shards, folder, n_jobs=2)
    numbers = [n for n in range(N_SHARDS * N_PHOTOS) if n // N_PHOTOS != POISON // N_PHOTOS]
    check_rows(folder, embed, numbers)
    check_runs(folder, tmp_path / "log", numbers)
    assert (report.n_made, report.n_rows) == (N_SHARDS - 1, len(numbers))
    (fault,) = report.set_aside
    assert fault.name == f"shard{POISON // N_PHOTOS:03}"
    assert fault.reason == (
        "2 processes ended while they ran it, the last time at the items '120.png' to '129.png'"
    )
    assert Path(f"{tmp_path}/log.{POISON}").stat().st_size == 2
    again = store_features(embed, shards, folder, n_jobs=2)  # no process is started
    assert (again.n_made, again.n_kept, again.set_aside) == (0, N_SHARDS - 1, report.set_aside)
    healed = make_shards(tmp_path / "log", {})
    retried = store_features(embed, healed, folder, retry_faults=True)
    assert (retried.n_made, retried.n_kept, retried.set_aside) == (1, N_SHARDS - 1, ())
    check_rows(folder, embed, range(N_SHARDS * N_PHOTOS))
    assert not list((folder / "_sktransfer" / "aside").iterdir())


@pytest.mark.filterwarnings("ignore")  # those of Dask and of its sockets
def test_a_killed_worker_of_dask(embed, tmp_path):
    distributed = pytest.importorskip("distributed")
    shards = make_shards(tmp_path / "log", {KILLED_ONCE: 1})
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=":0", silence_logs=50
        ) as cluster,
        distributed.Client(cluster),
        joblib.parallel_config(backend="dask"),
    ):
        report = store_features(embed, shards, tmp_path / "features")
    # Of a part that a worker has made before it could say so, the next one finds that it is there.
    assert (report.n_made + report.n_kept, report.set_aside) == (N_SHARDS, ())
    check_rows(tmp_path / "features", embed, range(N_SHARDS * N_PHOTOS))
    check_runs(tmp_path / "features", tmp_path / "log", range(N_SHARDS * N_PHOTOS))


CLIENT = """
import sys
from sktransfer import PretrainedFeatureExtractor, store_features
from tests.deep.shards.photos import png
from tests.deep.shards.test_engines import KILLED_ONCE, make_shards

folder, log = sys.argv[1:]
embed = PretrainedFeatureExtractor(batch_size=4, cache=None, n_jobs=1).fit([png(0)])
store_features(embed, make_shards(log, {KILLED_ONCE: 1}), folder)
"""


def test_two_clients_at_once_of_which_one_is_killed(embed, tmp_path):
    folder, log = tmp_path / "features", tmp_path / "log"
    command = [sys.executable, "-c", CLIENT, str(folder), str(log)]
    with subprocess.Popen(command, cwd=Path(__file__).parents[3]) as other:
        while not list(folder.glob("*.parquet")) and other.poll() is None:
            time.sleep(0.01)
        report = store_features(embed, make_shards(log, {}), folder)
        # It is killed at a photo, unless this client has made that part before.
        assert other.wait(timeout=300) in (-signal.SIGKILL, 0)
    assert report.n_made + report.n_kept == N_SHARDS
    check_rows(folder, embed, range(N_SHARDS * N_PHOTOS))
    again = store_features(embed, make_shards(log, {}), folder)
    assert (again.n_made, again.n_kept) == (0, N_SHARDS)


@dataclass
class Interruption(Photo):
    """The user presses Control-C while it is read."""

    def open(self, mode="rb"):
        raise KeyboardInterrupt


def test_a_stopped_client_goes_on(embed, tmp_path):
    log, folder = tmp_path / "log", tmp_path / "features"
    shards = make_shards(log, {})
    half = dict(list(shards.items())[: N_SHARDS // 2])
    stopped = half | {"shard012": shards["shard012"] | {"125.png": Interruption(125, str(log))}}
    store_features(embed, half, folder)
    with pytest.raises(KeyboardInterrupt):
        store_features(embed, stopped, folder)
    assert len(load_features(folder).parts) == N_SHARDS // 2
    report = store_features(embed, shards, folder)
    assert (report.n_made, report.n_kept) == (N_SHARDS // 2, N_SHARDS // 2)
    check_rows(folder, embed, range(N_SHARDS * N_PHOTOS))
    assert len(read_log(log)) <= N_SHARDS * N_PHOTOS + N_PHOTOS


def test_the_order_of_completion_changes_no_byte(embed, tmp_path):
    pictures = {f"s{place}": [png(place), png(place + 1)] for place in range(6)}
    store_features(embed, pictures, tmp_path / "one")
    with joblib.parallel_config(backend="threading", n_jobs=3):
        store_features(embed, dict(reversed(pictures.items())), tmp_path / "two")
    for path in (tmp_path / "one").glob("*.parquet"):
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()


def test_processes_whose_death_nobody_sees_are_refused(embed, tmp_path):
    message = "its process dies, which joblib's backend 'multiprocessing' never notices; leave out"
    with joblib.parallel_config(backend="multiprocessing", n_jobs=2):
        with pytest.raises(ValueError, match=message):
            store_features(embed, [[png(0)]], tmp_path)
        assert not list(tmp_path.iterdir())
        report = store_features(embed, [[png(0)]], tmp_path, n_jobs=1)  # no process is started
    assert report.n_made == 1


def test_the_backend_of_ray_is_not_refused_though_it_inherits_from_that_one(monkeypatch):
    class Heir(joblib.parallel.BACKENDS["multiprocessing"]):
        pass

    monkeypatch.setitem(joblib.parallel.BACKENDS, "heir", Heir)
    with joblib.parallel_config(backend="heir"):
        check_engine(2)


def test_an_error_of_the_network_ends_the_run(embed, tmp_path):
    # Not a fault of items: every shard would have it.
    lost = clone(embed).fit([png(0)])
    lost.backbone_ = replace(lost.backbone_, name="lost", source="lost.onnx", fingerprint="0")
    with pytest.raises(FileNotFoundError, match="'lost' are no longer at"):
        store_features(lost, [[png(0)]], tmp_path)
    assert not list((tmp_path / "_sktransfer" / "drafts").iterdir())


def test_a_worker_with_another_engine_says_so(embed, tmp_path):
    other = clone(embed).fit([png(0)])
    other.engine_ = "onnx-cuda"
    with pytest.raises(ValueError, match="A worker runs the network in 'onnx-cpu', and the ext"):
        store_features(other, [[png(0)]], tmp_path)
