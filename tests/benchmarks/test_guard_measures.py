"""The figures of guards: computed by hand on a few runs."""

import pytest

from benchmarks._guard_measures import COLUMNS, Run, by_labels, judge, measure


def run(task, target, source, pooled, guard, k=5):
    candidates = {"target": target, "source": source, "pooled": pooled}
    return Run((task, k), candidates, {"guard": guard})


RUNS = [
    run("a", 70.0, 60.0, 80.0, 78.0),
    run("a", 60.0, 60.0, 70.0, 58.0),
    run("b", 50.0, 82.0, 80.0, 79.0),
    run("b", 50.0, 78.0, 80.0, 79.0),
]


def test_figures_by_hand():
    figures = dict(zip(COLUMNS, measure(RUNS, "guard"), strict=True))
    # Cell a: simple 65, best 75, guard 68. Cell b: simple 80, best 80, guard 79.
    assert figures == {
        "accuracy": pytest.approx((78 + 58 + 79 + 79) / 4),
        "regret": pytest.approx(((75 - 68) + (80 - 79)) / 2),
        "harm": pytest.approx((0 + 1) / 2),
        "cells with harm > 1 (%)": 0,
        "runs below target - 1 (%)": 25,
        "runs below target - 5 (%)": 0,
        "captured": pytest.approx(((68 - 65) + (79 - 80)) / ((75 - 65) + 0)),
    }


def test_the_best_candidate_has_no_regret_and_simple_captures_nothing():
    figures = dict(zip(COLUMNS, measure(RUNS[:2], "pooled"), strict=True))
    assert figures["regret"] == figures["harm"] == 0
    assert figures["captured"] == 1
    assert dict(zip(COLUMNS, measure(RUNS[:2], "target"), strict=True))["captured"] == 0


def test_nothing_to_capture():
    assert measure([run("a", 70.0, 60.0, 65.0, 70.0)], "guard")[-1] is None


def test_runs_by_labels():
    few, many = run("a", 1.0, 2.0, 3.0, 4.0, k=1), run("b", 1.0, 2.0, 3.0, 4.0, k=20)
    assert by_labels([many, few, many]) == {1: [few], 20: [many, many]}


def test_bars_are_named():
    figures = {"harm": 0.8, "captured": 0.5}
    bars = {"harm": ("<=", 0.7), "captured": (">=", 0.4)}
    assert judge(figures, bars) == "Reached: captured >= 0.4. Missed: harm 0.8, not <= 0.7."
    assert judge(figures, {"harm": ("<=", 0.8)}) == "Reached: harm <= 0.8."
