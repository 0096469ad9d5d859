"""The benchmark of scorers without target labels, on a simulated shift."""

import numpy as np
import pytest

from benchmarks import selection_without_labels as benchmark
from benchmarks._shifts import simulate
from benchmarks.selection_without_labels import AGREEMENT, OTHERS, SCORERS, SOURCE_ACCURACY, Run


@pytest.fixture(scope="module")
def found():
    X_source, y_source, X, y = simulate("moments_2", n_source=120, n_target=100, seed=1)
    return benchmark.run_task("moments_2", (X_source, y_source), X, y, 0)


def test_every_scorer_scores_every_candidate(found):
    assert set(found.scores) == {*SCORERS, SOURCE_ACCURACY, AGREEMENT, OTHERS}
    for scores in found.scores.values():
        assert len(scores) == len(found.accuracies)
        assert np.isfinite(scores).all()
    assert next(iter(found.accuracies)) == "source"
    assert len(set(found.accuracies.values())) > 3


def test_choices_by_hand():
    run = Run(
        "t", {"source": 70.0, "b": 80.0, "c": 60.0}, {"one": [0.5, 0.5, 0.1], "two": [1, 3, 2]}
    )
    assert (run.chosen("one"), run.gain("one")) == ("source", 0)
    assert (run.chosen("two"), run.gain("two")) == ("b", 10)
    assert (run.chosen("c"), run.gain("c")) == ("c", -10)
    assert run.correlation("two") == pytest.approx(0.5)
    assert run.correlation("one") == pytest.approx(np.sqrt(3) / 2)
    constant = Run("t", run.accuracies, {"one": [1, 1, 1]})
    assert constant.correlation("one") == 0


def test_the_tables(found):
    scorers = benchmark.compare_scorers("simulated", [found])
    names = [row[0] for row in scorers.rows]
    assert names == [*SCORERS, SOURCE_ACCURACY, OTHERS, AGREEMENT]
    candidates = benchmark.compare_candidates({"simulated": [found]})
    assert [row[0] for row in candidates.rows] == list(found.accuracies)
    assert candidates.rows[0][1:] == (0, 0, 0)
