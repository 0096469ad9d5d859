"""The benchmark of parameter transfer, on rows made here."""

import numpy as np

from benchmarks.parameter_transfer import COUNTS, LEAST_R2, compare, compare_made, run_numbers

SIMPLE = ["target alone", "source alone", "pooled", "EasyAdapt"]


def _made(n_rows, rng):
    X = rng.normal(size=(n_rows, 3))
    return X, X @ [1.0, 2.0, 3.0]


def test_every_way_to_use_a_source_has_a_score():
    rng = np.random.default_rng(0)
    sources = {"a": _made(50, rng), "b": _made(50, rng)}
    scores = run_numbers(sources, _made(100, rng), 10, 0)
    assert [*scores][:4] == SIMPLE
    assert "TransferRidge, 2 sources" in scores
    assert all(LEAST_R2 <= score <= 100 for score in scores.values())
    assert scores["TransferRidge"] > 99


def test_a_table_has_a_row_for_each_method_and_the_mean_of_the_runs():
    table = compare("Made up", lambda k, n: {"one": float(k), "two": float(n)}, [(1,), (3,)])
    assert table.rows == [["one", *[2.0] * len(COUNTS)], ["two", *map(float, COUNTS)]]
    assert table.title == "Made up, mean of 2 runs"


def test_the_made_task_gains_from_a_related_source_and_loses_little_from_a_flipped_one():
    rows = compare_made(5).rows
    assert [row[-1] > 10 for row in rows] == [True, True, False, False]
    assert min(row[-1] for row in rows[2:]) > -1
