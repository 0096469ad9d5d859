"""Several processes fit as one: the same losses, one set of files, and no hanging."""

import json
import os
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_equal

pytest.importorskip("torch", reason="the second phase trains with torch")

from sktransfer.deep._cache.folder import STORE
from sktransfer.deep._cache.segments import _ROWS, _blocks
from sktransfer.deep._training import ranks as module
from tests.deep.training import rank_fits
from tests.deep.training.rank_fits import FITS, Interrupt, X, Y, fit, make, summary
from tests.shelf import ROOT

pytestmark = pytest.mark.filterwarnings("ignore:Training the stages")


@pytest.fixture(scope="module")
def folder(tmp_path_factory, write_network):
    """The folder of two processes that torchrun has started."""
    folder, before = tmp_path_factory.mktemp("ranks"), Path.cwd()
    write_network(folder / "random.onnx")
    page = (ROOT / "docs" / "guide" / "deep" / "fine_tuning.rst").read_text()
    block = page.split("\nSeveral GPUs\n")[1].split(".. code-block:: python\n")[1]
    lines = [line for line in block.split("\n.. ")[0].splitlines() if line[:1] in ("", " ")]
    (folder / "train.py").write_text("\n".join(line[4:] for line in lines))
    os.chdir(folder)
    try:
        with pytest.raises(KeyboardInterrupt):  # the ranks go on from the first epoch
            make("last stage", checkpoint="resumed").set_callbacks(Interrupt(1)).fit(X, Y)
        command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
        command += ["--nproc-per-node", "2", rank_fits.__file__]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
        (folder / "errors").write_text(done.stderr)
        yield folder
    finally:
        os.chdir(before)


@pytest.fixture(scope="module")
def ranks(folder):
    """What each rank has found."""
    return [json.loads((folder / f"rank-{number}.json").read_text()) for number in (0, 1)]


def assert_alike(found, expected, *, atol):
    assert found.keys() == expected.keys()
    for name, values in expected["history"].items():
        assert_allclose(found["history"][name], values, rtol=0, atol=atol, err_msg=name)
    for part in ("head", "stages"):
        for one, other in zip(found[part], expected[part], strict=True):
            assert_allclose(one, other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", [name for name in FITS if name != "from scratch"])
def test_two_ranks_have_the_losses_of_one_process(name, ranks):
    assert_alike(ranks[0][name], summary(fit(name)), atol=1e-6)


def test_the_script_of_the_guide_is_the_same_for_one_process(ranks):
    assert_alike(ranks[0]["guide"], summary(runpy.run_path("train.py")["classifier"]), atol=1e-6)


def test_the_seed_is_that_of_the_first_rank(ranks):
    expected = summary(fit("last stage", random_state=np.random.RandomState(0)))
    assert_alike(ranks[0]["own seeds"], expected, atol=1e-6)


@pytest.mark.parametrize("name", [*FITS, "guide", "own seeds", "own folder"])
def test_every_rank_has_the_same_fit(name, ranks):
    assert_equal(*(each[name] for each in ranks))


def test_batch_norm_from_scratch_has_statistics_of_the_parts(ranks):
    losses = ranks[0]["from scratch"]["history"]["train_loss"]
    alone = summary(fit("from scratch"))["history"]["train_loss"]
    assert max(losses[-2:]) < losses[0]
    assert not np.allclose(losses, alone, rtol=1e-3)
    assert_allclose(losses, alone, rtol=0.3)


def test_ranks_share_the_work_of_frozen_stages_in_a_folder(ranks, folder):
    assert_equal(ranks[0]["shared folder"], ranks[0]["head alone"])
    n_rows = []
    for path in (folder / "activations" / STORE).glob("*.rows"):
        with open(path, "rb") as stream:
            blocks = [block for block in _blocks(stream, 0) if block.kind == _ROWS]
            n_rows.append(sum(len(block.keys) for block in blocks))
    assert sum(n_rows) == len(X)


def test_the_first_rank_alone_writes(ranks, folder):
    assert (folder / "of-0").exists()
    assert not (folder / "of-1").exists()
    assert ranks[0]["written"] >= 4  # after three epochs, and in the end
    assert ranks[1]["written"] == 0
    assert_equal(ranks[0]["own folder"], ranks[0]["last stage"])


def test_a_training_goes_on_in_another_number_of_ranks(ranks):
    first, second = (each["interrupted"] for each in ranks)
    assert first == ["KeyboardInterrupt", "", True, first[3]]
    assert first[3] > 0
    assert second[0] == "RuntimeError"
    assert "stopped in rank 1, because another rank has ended" in second[1]
    assert second[2:] == [True, 0]  # callbacks are for the first rank
    calls = Interrupt(9)
    found = make("last stage", checkpoint="resumed").set_callbacks(calls).fit(X, Y)
    assert calls.epoch == 9 - 1  # one epoch here, one in the ranks, one here
    assert_alike(summary(found), ranks[0]["last stage"], atol=1e-6)


def test_ranks_with_other_data_are_refused(ranks):
    for each in ranks:
        kind, message, is_whole = each["another y"]
        assert [kind, is_whole] == ["ValueError", True]
        assert message.startswith("rank 1 was given another fit than rank 0, which differs in y: ")


def test_a_rank_that_fails_stops_the_others(ranks):
    first, second = (each["missing file"] for each in ranks)
    assert second[0::2] == ["ValueError", True]
    assert second[1].startswith("1 of 8 images cannot be read: X[7] '1-7.png' (no such file)")
    assert first[0::2] == ["RuntimeError", True]
    assert "stopped in rank 0, because rank 1 has failed (ValueError: 1 of 8 images" in first[1]


def test_a_rank_that_is_killed_stops_the_others(ranks):
    kind, message, is_whole = ranks[0]["killed"]
    assert [kind, is_whole] == ["RuntimeError", True]
    assert "another rank has ended, or was silent for 30 minutes" in message
    assert "killed" not in ranks[1]


def test_a_process_group_of_the_user_is_used_and_left(ranks):
    for each in ranks:
        found, is_initialized = each["own group"]
        assert_equal(found, each["last stage"])
        assert is_initialized


def test_gradients_are_sums_and_statistics_means(ranks):
    outputs = [3.0 * row for row in range(5)]
    gradient = sum(2 * 3.0 * row**2 for row in range(5))
    for each in ranks:
        assert each["sums"] == [outputs, gradient, 7.0, (1 * 0.0 + 3 * 1.0) / 4]


@pytest.mark.parametrize("n", [1, 2, 3, 8])
def test_parts_are_alike_and_have_two_rows(n):
    for n_rows in range(1, 20):
        found = [np.arange(n_rows)[part] for part in module.parts(n_rows, n)]
        assert len(found) == n
        assert np.concatenate(found).tolist() == list(range(n_rows))
        sizes = [len(rows) for rows in found if len(rows)]
        assert min(sizes) >= min(2, n_rows)
        assert max(sizes) - min(sizes) <= 1


def test_a_part_of_two_sequences_is_a_part_of_each():
    first, second = list("abcde"), list("fgh")
    for start in range(8):
        for stop in range(start + 1, 9):
            of_first, of_second = module.of_both(slice(start, stop), 5)
            assert first[of_first] + second[of_second] == (first + second)[start:stop]


LAUNCHED = {"RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "0"}


@pytest.fixture
def launched(monkeypatch):
    for name, value in LAUNCHED.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def test_ranks_are_those_of_a_launcher(launched):
    assert module._is_launched()
    with launched.context() as patched:
        patched.setattr("multiprocessing.parent_process", object)
        assert not module._is_launched()  # a worker of a search
    for name in LAUNCHED:
        with launched.context() as patched:
            patched.delenv(name)
            assert not module._is_launched()
    launched.setenv("WORLD_SIZE", "1")
    assert not module._is_launched()


def test_two_fits_at_once_in_one_rank_are_refused(launched):
    with module._busy, pytest.raises(RuntimeError, match="Two fits at once in one process"):
        fit("head alone")


def test_ranks_that_do_not_come_are_named(launched):
    from datetime import timedelta

    launched.setattr(module, "TIMEOUT", timedelta(seconds=1))
    with pytest.raises(RuntimeError, match=r"RANK='0', WORLD_SIZE='2', .* do not answer \(.*"):
        fit("head alone")
