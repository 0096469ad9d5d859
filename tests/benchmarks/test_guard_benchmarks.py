"""The benchmarks of guarded estimators, on one simulated shift each."""

import numpy as np
import pytest

from benchmarks import guard_labels, guard_no_labels
from benchmarks._shifts import simulate
from benchmarks.guard_no_labels import DEFAULT, EQUAL, GATED, MAJORITY, SURE, UNTIL


@pytest.fixture(scope="module")
def labelled():
    return guard_labels.run_shift("concept_30", 2, 0)


def test_rules_choose_among_the_candidates(labelled):
    candidates, guards = labelled.candidates, labelled.guards
    assert set(guards) == set(guard_labels.GUARDS)
    for name in ("best by accuracy", "best by log-loss"):
        assert guards[name] in candidates.values()
    assert guards["strict"] in (candidates["target"], guards["guarded (default)"])
    assert all(0 < accuracy < 100 for accuracy in labelled.accuracies.values())


def test_a_table_has_a_row_for_each_candidate_and_rule(labelled):
    table = guard_labels.compare("Made up", [labelled], guard_labels.SIMULATED_BARS)
    assert [row[0] for row in table.rows] == list(labelled.accuracies)
    assert table.title == "Made up, 1 runs"
    assert table.notes[0].startswith("guarded (default). ")


@pytest.fixture(scope="module", params=["label_92", "moments_2", "concept_90"])
def unlabelled(request):
    X_source, y_source, X, y = simulate(request.param, n_source=400, n_target=400, seed=1)
    return guard_no_labels.run_guard(request.param, (X_source, y_source), X, y, 0)


def test_twenty_labels_keep_the_vote_or_the_source(unlabelled):
    assert unlabelled.gain("source") == 0
    for name in (SURE, MAJORITY, UNTIL):
        assert unlabelled.gain(name) in (0, pytest.approx(unlabelled.gain(GATED)))
    assert unlabelled.kept == (unlabelled.interval is not None and unlabelled.gain(SURE) != 0)


def test_the_tests_decide(unlabelled):
    decided = {"label_92": "other shares", "moments_2": "vote", "concept_90": "source alone"}
    assert unlabelled.decision == decided[unlabelled.task]
    if unlabelled.decision == "source alone":
        assert unlabelled.gain(DEFAULT) == unlabelled.gain(GATED) == 0
        assert unlabelled.interval is None
    if unlabelled.decision == "other shares":
        assert unlabelled.guards[DEFAULT] == unlabelled.candidates["shares"]
        assert unlabelled.gain(DEFAULT) > 0 > unlabelled.gain(EQUAL)


def test_gains_by_hand():
    runs = [
        guard_no_labels.Run("a", "vote", {"source": 70.0}, {"guard": accuracy}, None, False)
        for accuracy in (74.0, 70.0, 68.5, 69.5)
    ]
    found = guard_no_labels.gains(runs, "guard")
    assert found == pytest.approx((2 / 4, 2 / 4, 50.0, 25.0, -1.5))
    assert np.isfinite(found).all()
