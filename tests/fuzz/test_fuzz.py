"""A few hundred seeded cases of each target, and the harness itself."""

import time

import numpy as np
import pytest

from tests.fuzz.harness import Unsound, find_targets, run_case, run_many

CASES = {
    "cache": 60,
    "checkpoints": 150,
    "images": 300,
    "models": 150,
    "numbers": 200,
    "onnx": 200,
    "texts": 150,
}
USUAL = 100  # of a target that says no number


@pytest.mark.parametrize("name", find_targets())
def test_hostile_input_gives_sound_results_or_a_sentence(name):
    lines = []
    counts = run_many(name, range(CASES.get(name, USUAL)), lines.append)
    assert not counts["unsound"], "".join(lines[:10])
    assert counts["passed"], "every case was refused: the target makes no good input"


def test_what_the_package_says_is_no_fault():
    def case(seed, folder):
        from sktransfer import PretrainedFeatureExtractor

        PretrainedFeatureExtractor().fit([str(folder / "none.png")])

    assert "no such file" in run_case(case, 0)


def _raises(error):
    def case(seed, folder):
        raise error

    return case


def _waits(seed, folder):
    time.sleep(30)


def _wrong(seed, folder):
    np.testing.assert_array_equal([0], [seed])


@pytest.mark.parametrize(
    ("case", "fault"),
    [
        (_raises(ValueError("From another file.")), "a raw ValueError of test_fuzz.py"),
        (_raises(IndexError("list index out of range")), "an unexpected IndexError"),
        (_raises(MemoryError()), "an unexpected MemoryError"),
        (_waits, "no end after 0.1 s"),
        (_wrong, "wrong result"),
    ],
)
def test_what_is_no_sentence_of_ours_is_a_fault(case, fault):
    with pytest.raises(Unsound, match=f"seed 7: {fault}"):
        run_case(case, 7, seconds=0.1)
