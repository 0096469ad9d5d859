"""checkpoint=: a training that is killed at any moment ends with the very same weights."""

import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import cross_val_score

from sktransfer.deep import AdaptedNetworkClassifier, FineTuneClassifier, FineTuneRegressor
from sktransfer.deep._saving import container
from sktransfer.deep._saving.resume import FILE, Checkpoint

torch = pytest.importorskip("torch", reason="the second phase trains with torch")

# Networks with random weights and few epochs seldom improve on the head alone.
pytestmark = pytest.mark.filterwarnings("ignore:Training the stages")

DIGITS, LABELS = load_digits(return_X_y=True)
X, Y, X_NEW = DIGITS[:60], LABELS[:60] % 2, DIGITS[60:100]
OPTIONS = {"freeze_depth": 3, "max_epochs": 4, "n_iter_no_change": 9, "random_state": 0}

SCHEMES = {
    "last stage": {},
    "two stages, warm-up, L2-SP": {"freeze_depth": 2, "warmup_epochs": 1, "l2_sp": 0.1},
    "from scratch": {"initialize": "random", "freeze_depth": 2},
    "new views": {"augment": {"shift": 0.1}},
    "fixed views": {"augment": {"shift": 0.1}, "augment_views": 2},
    "never better than the start": {
        "learning_rate": 0.0,
        "backbone_learning_rate": 0.0,
        "n_iter_no_change": 4,
        "max_epochs": 8,
    },
    "nothing held out": {"validation_fraction": 0, "schedule": "cosine"},
    "pairs": {"objective": "contrastive", "freeze_depth": 2},
}


def make(kind=FineTuneClassifier, **parameters):
    return kind(**(OPTIONS | parameters))


def outcome(estimator):
    """All that a fit leaves, as bytes; NaN is equal to NaN."""
    stages = {
        (stage, name): array.tobytes()
        for stage, arrays in estimator.stage_weights_.items()
        for name, array in arrays.items()
    }
    head = estimator.head_
    heads = tuple(a.tobytes() for a in (head.mean, head.scale, head.coef, head.intercept))
    return stages, heads, repr(estimator.history_), estimator.n_iter_


class Killed(BaseException):
    """What no handler of the code under test may stop."""


def kill_after(monkeypatch, n_epochs, *, when):
    """Let the process die in the state that it has left on the disk, before or after a write."""
    from sktransfer.deep._training.loop import Training

    name, done = ("run_epoch", []) if when == "in an epoch" else ("state", [])
    original = getattr(Training, name)

    def dying(training):
        if len(done) == n_epochs:
            raise Killed
        done.append(1)
        return original(training)

    monkeypatch.setattr(Training, name, dying)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_an_interrupted_training_ends_with_the_same_weights(scheme, tmp_path, monkeypatch):
    options = SCHEMES[scheme]
    whole = outcome(make(**options).fit(X, Y))
    for n_epochs in (0, 1, 3):
        folder = tmp_path / str(n_epochs)
        with monkeypatch.context() as patched:
            kill_after(patched, n_epochs, when="in an epoch")
            with pytest.raises(Killed):
                make(checkpoint=folder, **options).fit(X, Y)
        assert outcome(make(checkpoint=folder, **options).fit(X, Y)) == whole


def test_a_regressor_goes_on_as_well(tmp_path, monkeypatch):
    y = np.stack([X.mean(axis=1), 1e3 * X[:, 20]], axis=1)
    whole = outcome(make(FineTuneRegressor).fit(X, y))
    with monkeypatch.context() as patched:
        kill_after(patched, 2, when="before a write")
        with pytest.raises(Killed):
            make(FineTuneRegressor, checkpoint=tmp_path).fit(X, y)
    assert outcome(make(FineTuneRegressor, checkpoint=tmp_path).fit(X, y)) == whole


def test_epochs_that_were_written_are_not_run_again(tmp_path, monkeypatch):
    from sktransfer.deep._training.loop import Training

    with monkeypatch.context() as patched:
        kill_after(patched, 3, when="in an epoch")
        with pytest.raises(Killed):
            make(checkpoint=tmp_path).fit(X, Y)
    ran, original = [], Training.run_epoch
    monkeypatch.setattr(Training, "run_epoch", lambda self: (ran.append(1), original(self)))
    make(checkpoint=tmp_path).fit(X, Y)
    assert len(ran) == 1


@pytest.mark.parametrize("options", [{}, {"freeze_depth": "all"}], ids=["stages", "head alone"])
def test_a_finished_fit_gives_its_result_back_without_training(options, tmp_path, monkeypatch):
    first = make(checkpoint=tmp_path, **options).fit(X, Y)

    def train(*arguments, **others):
        raise AssertionError("trained again")

    from sktransfer.deep import _base_fine_tune

    monkeypatch.setattr(_base_fine_tune, "train_stages", train)
    monkeypatch.setattr(_base_fine_tune, "train_head", train)
    again = make(checkpoint=tmp_path, **options).fit(X, Y)
    assert outcome(again) == outcome(first)
    np.testing.assert_array_equal(again.predict_proba(X_NEW), first.predict_proba(X_NEW))


def test_a_head_that_did_not_converge_warns_each_time(tmp_path):
    from sklearn.exceptions import ConvergenceWarning

    for _ in range(2):
        with pytest.warns(ConvergenceWarning, match="head_epochs=2 ended before"):
            make(checkpoint=tmp_path, freeze_depth="all", head_epochs=2).fit(X, Y)


def test_a_fresh_seed_is_kept_in_the_folder(tmp_path, monkeypatch):
    with monkeypatch.context() as patched:
        kill_after(patched, 1, when="in an epoch")
        with pytest.raises(Killed):
            make(checkpoint=tmp_path, random_state=None).fit(X, Y)
    seed = int(Checkpoint(tmp_path, _facts(tmp_path), seed=-1).seed)
    found = make(checkpoint=tmp_path, random_state=None).fit(X, Y)
    monkeypatch.setattr("sktransfer.deep._base_fine_tune._draw_seed", lambda state: seed)
    assert outcome(make(random_state=None).fit(X, Y)) == outcome(found)


def _facts(folder):
    import json

    with np.load(folder / FILE, allow_pickle=False) as stored:
        return json.loads(stored["about"].tobytes())["facts"]


CHANGES = {
    "X": (lambda: (X + 1, Y), {}),
    "y": (lambda: (X, np.roll(Y, 1)), {}),
    "learning_rate (0.001 there, 0.01 here)": (lambda: (X, Y), {"learning_rate": 0.01}),
    "random_state (0 there, 1 here)": (lambda: (X, Y), {"random_state": 1}),
    "class_weight (None there, 'balanced' here)": (lambda: (X, Y), {"class_weight": "balanced"}),
    "image_format": (lambda: (X, Y), {"value_range": (0, 20)}),
    "freeze_depth (3 there, 2 here), y": (lambda: (X, Y.astype(str)), {"freeze_depth": 2}),
}


@pytest.mark.parametrize("what", CHANGES)
def test_another_training_is_an_error_that_says_what_differs(what, tmp_path):
    make(checkpoint=tmp_path, max_epochs=1).fit(X, Y)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    data, parameters = CHANGES[what]
    with pytest.raises(ValueError, match="holds the training of another fit") as error:
        make(checkpoint=tmp_path, max_epochs=1, **parameters).fit(*data())
    for part in what.split(", ") if " there" not in what else [what.split(" (")[0]]:
        assert part.split(" ")[0] in str(error.value)
    assert "pass an empty folder" in str(error.value)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("first", ["all", 3])
def test_what_is_named_is_what_differs_and_nothing_else(first, tmp_path):
    """Among them no device: "auto" is the same one, whatever is frozen."""
    named = re.escape(f"differs in freeze_depth ({first!r} there, 2 here): pass")
    make(checkpoint=tmp_path, freeze_depth=first, max_epochs=1).fit(X, Y)
    with pytest.raises(ValueError, match=named):
        make(checkpoint=tmp_path, freeze_depth=2, max_epochs=1).fit(X, Y)
    with pytest.raises(ValueError, match="differs in X: pass"):
        make(checkpoint=tmp_path, freeze_depth=first, max_epochs=1).fit(X[::-1], Y)


@pytest.mark.skipif(torch.cuda.is_available(), reason="'auto' is no CPU here")
@pytest.mark.parametrize("depth", ["all", 3])
def test_auto_is_the_device_that_it_stands_for(depth, tmp_path):
    options = {"checkpoint": tmp_path, "freeze_depth": depth, "max_epochs": 1}
    first = make(device="auto", **options).fit(X, Y)
    assert outcome(make(device="cpu", **options).fit(X, Y)) == outcome(first)


def test_a_device_is_named_where_nothing_else_decides_it(tmp_path):
    facts = {"device": "cpu", "freeze_depth": "'all'", "learning_rate": "0.1"}
    Checkpoint(tmp_path, facts, seed=1)
    with pytest.raises(ValueError, match=r"differs in device \(cpu there, cuda here\): pass"):
        Checkpoint(tmp_path, facts | {"device": "cuda"}, seed=1)
    with pytest.raises(ValueError, match=r"differs in freeze_depth \('all' there, 3 here\): pass"):
        Checkpoint(tmp_path, facts | {"device": "cuda", "freeze_depth": "3"}, seed=1)
    with pytest.raises(ValueError, match=r"differs in device \(.*\), learning_rate \(0.1 there"):
        Checkpoint(tmp_path, facts | {"device": "cuda", "learning_rate": "0.2"}, seed=1)


def test_another_network_is_another_training(network, write_network, tmp_path):
    make(checkpoint=tmp_path / "c", backbone=network, max_epochs=1).fit(X, Y)
    other = write_network(tmp_path / "random.onnx", seed=5)
    with pytest.raises(
        ValueError, match=r"differs in backbone \(random \w+ there, random \w+ here"
    ):
        make(checkpoint=tmp_path / "c", backbone=other, max_epochs=1).fit(X, Y)
    copied = tmp_path / "other" / "random.onnx"
    copied.parent.mkdir()
    copied.write_bytes(Path(network).read_bytes())
    make(checkpoint=tmp_path / "c", backbone=copied, max_epochs=1).fit(X, Y)


def test_what_changes_no_bit_is_no_other_training(tmp_path):
    first = make(checkpoint=tmp_path / "c", max_epochs=1).fit(X, Y)
    other = make(checkpoint=str(tmp_path / "c"), max_epochs=1, cache=None).fit(X.tolist(), Y)
    assert outcome(first) == outcome(other)


def test_files_are_known_by_their_bytes(tmp_path):
    from PIL import Image

    paths = [tmp_path / f"{i}.png" for i in range(12)]
    for path, row in zip(paths, X, strict=False):
        Image.fromarray((row.reshape(8, 8) * 15).astype(np.uint8)).save(path)
    options = {"checkpoint": tmp_path / "c", "freeze_depth": "all"}
    make(**options).fit(paths, Y[:12])
    make(**options).fit([str(path) for path in paths], Y[:12])
    Image.fromarray(np.zeros((8, 8), dtype=np.uint8)).save(paths[3])
    with pytest.raises(ValueError, match="which differs in X: pass an empty folder"):
        make(**options).fit(paths, Y[:12])


def test_a_search_is_told_what_to_do(tmp_path):
    estimator = make(checkpoint=tmp_path, freeze_depth="all")
    with pytest.raises(ValueError, match=r"every fit is another one, so leave checkpoint=None"):
        cross_val_score(estimator, X, Y, cv=2, error_score="raise")


def test_a_damaged_file_is_named_and_left_alone(tmp_path):
    make(checkpoint=tmp_path, max_epochs=1).fit(X, Y)
    path = tmp_path / FILE
    content = path.read_bytes()
    for damaged in (content[:-200], b"", b"hello", content[:500] + b"x" * 90 + content[590:]):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"cannot be read .*remove this file to train from"):
            make(checkpoint=tmp_path, max_epochs=1).fit(X, Y)
        assert path.read_bytes() == damaged


def _changed(content, change):
    """A checkpoint whose JSON, or arrays, were changed by someone."""
    with np.load(io.BytesIO(content)) as stored:
        arrays = {name: stored[name] for name in stored.files}
    about = json.loads(arrays["about"].tobytes())
    change(about, arrays)
    arrays["about"] = np.frombuffer(json.dumps(about).encode(), dtype=np.uint8)
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


def _drop_arrays(about, arrays):
    for name in [name for name in arrays if name != "about"]:
        del arrays[name]


def _reshape_arrays(about, arrays):
    for name in [name for name in arrays if name != "about"]:
        arrays[name] = np.ones(3)


@pytest.mark.parametrize("finished", [True, False])
def test_any_change_of_the_file_is_an_error_that_names_it(finished, tmp_path):
    options = {"checkpoint": tmp_path, "max_epochs": 2}
    if finished:
        make(**options).fit(X, Y)
    else:

        class Stop:
            def setup(self, estimator, context):
                pass

            def teardown(self, estimator, context):
                pass

            def on_fit_task_begin(self, estimator, context):
                if context.task_name == "fine-tune" and list(tmp_path.iterdir()):
                    self.seen = getattr(self, "seen", 0) + 1
                    if self.seen == 2:
                        raise KeyboardInterrupt

            def on_fit_task_end(self, estimator, context):
                pass

        with pytest.raises(KeyboardInterrupt):
            make(**options).set_callbacks(Stop()).fit(X, Y)
    path = tmp_path / FILE
    content, rng = path.read_bytes(), np.random.default_rng(0)
    changes = [
        lambda about, arrays: about.update(content={"is": "nope"}),
        lambda about, arrays: about.update(content=3),
        lambda about, arrays: about.update(content={"is": "dict", "items": [["state", 3]]}),
        lambda about, arrays: about.update(content={"is": "dict", "items": [["result", 3]]}),
        lambda about, arrays: about.update(facts=[]),
        lambda about, arrays: about.update(seed="a"),
        lambda about, arrays: about.pop("facts"),
        _drop_arrays,
        _reshape_arrays,
    ]
    damaged = [_changed(content, change) for change in changes]
    start = content.index(b"PK\x01\x02")
    for place in [*range(start, start + 46, 3), *rng.integers(len(content), size=9)]:
        flipped = bytearray(content)
        flipped[place] ^= 1 << rng.integers(8)
        damaged.append(bytes(flipped))
    n_refused = 0
    for changed in damaged:
        path.write_bytes(changed)
        try:
            make(**options).fit(X, Y)
        except ValueError as error:
            assert "checkpoint=" in str(error)  # noqa: PT017
            assert "remove this file" in str(error)  # noqa: PT017
            assert path.read_bytes() == changed
            n_refused += 1
    assert n_refused > 20


def test_no_folder_is_an_error(tmp_path):
    (tmp_path / "file").write_text("mine")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(ValueError, match=r"is no folder: .*file' is a file"):
            make(checkpoint=folder).fit(X, Y)
    with pytest.raises(TypeError, match=r"checkpoint=3 is no folder: expected a path"):
        make(checkpoint=3).fit(X, Y)


def test_a_full_disk_costs_one_warning_and_no_result(tmp_path, monkeypatch):
    whole = outcome(make().fit(X, Y))
    original, calls = container.write_whole, []

    def full(path, content, *, new=False):
        calls.append(1)
        if len(calls) > 2:
            raise OSError(28, "No space left on device")
        original(path, content, new=new)

    monkeypatch.setattr(container, "write_whole", full)
    with pytest.warns(UserWarning, match="cannot be written .*No space left") as caught:
        found = make(checkpoint=tmp_path).fit(X, Y)
    assert len(caught) == 1
    assert len(calls) == 6  # to begin, four epochs, the result
    assert outcome(found) == whole
    monkeypatch.setattr(container, "write_whole", original)
    assert outcome(make(checkpoint=tmp_path).fit(X, Y)) == whole


def test_a_clone_keeps_the_folder_and_a_second_process_does_not_take_it(tmp_path):
    estimator = make(checkpoint=tmp_path)
    assert clone(estimator).checkpoint == tmp_path
    facts = {"data X": "a"}
    first = Checkpoint(tmp_path, facts, seed=1)
    with pytest.raises(ValueError, match="differs in X"):
        Checkpoint(tmp_path, {"data X": "b"}, seed=2)
    assert Checkpoint(tmp_path, facts, seed=3).seed == first.seed == 1


def test_of_two_processes_that_begin_at_once_one_has_the_folder(tmp_path, monkeypatch):
    original, others = container.write_whole, []

    def slow(path, content, *, new=False):
        if new and not others:
            others.append(1)
            others.append(Checkpoint(tmp_path, {"data X": "quicker"}, seed=1))
        original(path, content, new=new)

    monkeypatch.setattr(container, "write_whole", slow)
    with pytest.raises(ValueError, match="differs in X"):
        Checkpoint(tmp_path, {"data X": "slower"}, seed=2)
    assert Checkpoint(tmp_path, {"data X": "quicker"}, seed=3).seed == 1


LONG = {"freeze_depth": 2, "max_epochs": 20, "validation_fraction": 0, "random_state": 0}

# An adaptation keeps more: the weights of a discriminator, the order of the target rows, means.
LONG_TRAININGS = {
    "fine-tuning": (FineTuneClassifier, LONG, {}),
    "adaptation": (
        AdaptedNetworkClassifier,
        LONG | {"adaptation": "cdan"},
        {"sample_domain": ["scanner"] * 40 + ["target"] * 20},
    ),
}

WORKER = """
import sys
from sklearn.datasets import load_digits
from sktransfer import deep
import sktransfer.deep._training.loop
X, y = load_digits(return_X_y=True)
model = deep.{name}(**{parameters!r}, checkpoint=sys.argv[1])
print("begin", flush=True)
model.fit(X[:60], y[:60] % 2, **{more!r})
"""


def start(folder, kind, parameters, more):
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([os.getcwd(), *sys.path])}
    code = WORKER.format(name=kind.__name__, parameters=parameters, more=more)
    command = [sys.executable, "-c", code, str(folder)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


def wait_for_writes(process, folder, n_writes):
    """Wait until the file has been replaced so often, or the process has ended."""
    seen = set()
    while process.poll() is None and len(seen) < n_writes:
        try:
            found = (folder / FILE).stat()
            seen.add((found.st_ino, found.st_mtime_ns))  # a number of a gone file is given again
        except FileNotFoundError:
            time.sleep(0.001)
    return len(seen)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no SIGKILL here")
@pytest.mark.parametrize(
    ("training", "moments"),
    [("fine-tuning", [(0, 0.01), (2, 0.008)]), ("adaptation", [(4, 0)])],
    ids=["fine-tuning", "adaptation"],
)
def test_kill_nine_again_and_again_changes_no_bit(training, moments, tmp_path):
    kind, parameters, more = LONG_TRAININGS[training]
    folder, killed = tmp_path / "killed", 0
    for n_writes, delay in moments:
        with start(folder, kind, parameters, more) as process:
            process.stdout.readline()
            wait_for_writes(process, folder, n_writes)
            time.sleep(delay)
            process.send_signal(signal.SIGKILL)
            killed += process.wait() == -signal.SIGKILL
    assert killed == len(moments)
    assert 0 < Checkpoint(folder, _facts(folder), seed=-1).load()["n_done"] < LONG["max_epochs"]
    found = kind(**parameters, checkpoint=folder).fit(X, Y, **more)
    assert outcome(found) == outcome(kind(**parameters).fit(X, Y, **more))
    assert os.listdir(folder) == [FILE]  # the files of killed writers are gone


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no SIGKILL here")
@pytest.mark.parametrize(("n_writes", "last"), [(0, None), (1, None), (3, 1)])
def test_a_writer_killed_in_the_middle_of_a_write_leaves_a_whole_file(n_writes, last, tmp_path):
    """Half of the bytes are on the disk when the process dies, in the write after so many."""
    code = (
        "import os, signal, stat, sys, itertools, numpy as np\n"
        "from sktransfer.deep._saving.resume import Checkpoint\n"
        "writes = itertools.count()\n"
        "def die(descriptor):\n"
        "    if stat.S_ISREG(os.fstat(descriptor).st_mode) and next(writes) == int(sys.argv[2]):\n"
        "        os.ftruncate(descriptor, os.fstat(descriptor).st_size // 2)\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "os.fsync = die\n"
        "checkpoint = Checkpoint(sys.argv[1], {'data X': 'a'}, seed=1)\n"
        "for k in range(5):\n"
        "    checkpoint.save({'k': k, 'a': np.full(2000, k)})\n"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([os.getcwd(), *sys.path])}
    command = [sys.executable, "-c", code, str(tmp_path), str(n_writes)]
    assert subprocess.run(command, env=environment).returncode == -signal.SIGKILL
    state = Checkpoint(tmp_path, {"data X": "a"}, seed=2).load()
    assert (state and state["k"]) == last
    if state:
        np.testing.assert_array_equal(state["a"], np.full(2000, last))
    assert os.listdir(tmp_path) == [FILE]


def test_differences_are_listed_in_a_short_message(tmp_path):
    def change(about, arrays):
        about["facts"] |= dict.fromkeys(about["facts"], "a" * 5000) | {"b" * 5000: "c"}

    make(checkpoint=tmp_path, max_epochs=1).fit(X, Y)
    path = tmp_path / FILE
    path.write_bytes(_changed(path.read_bytes(), change))
    with pytest.raises(
        ValueError, match=r"another fit, which differs in .*, \d+ more: pass"
    ) as info:
        make(checkpoint=tmp_path, max_epochs=1).fit(X, Y)
    assert len(str(info.value)) < 1000
