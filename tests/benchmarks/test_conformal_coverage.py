"""The benchmark of coverage, on one draw, and its measures by hand."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from benchmarks.conformal_coverage import (
    TARGET,
    UNWEIGHTED,
    kin_problem,
    label_problems,
    measure,
    rows_of,
    run_draw,
    tilt,
)


class Fixed:
    """Sets and intervals that are given."""

    classes_, effective_sample_size_ = np.array([0, 1]), 7.0

    def predict_set(self, X):
        return np.array([[True, False], [True, True], [False, False], [False, True]])

    def predict_interval(self, X):
        return np.array([[0, 1], [0, 2], [-np.inf, np.inf], [5, 9.0]])


def test_measures_by_hand():
    test = np.zeros((4, 1)), np.array([0, 1, 1, 0])
    assert measure(Fixed(), test, 2) == (2 / 4, 4 / 4, 1 / 4, 7.0)
    covered, width, infinite, _ = measure(Fixed(), (np.zeros((4, 1)), np.full(4, 0.5)), None)
    assert (covered, width, infinite) == (3 / 4, (2 + 4) / 2, 1 / 4)


def test_a_class_that_no_model_knows_is_not_covered():
    assert measure(Fixed(), (np.zeros((4, 1)), np.full(4, 5)), 2)[0] == 0


def test_rows_are_means_over_draws():
    draws = [{"a": (0.8, 2.0, 0.0, 10.0)}, {"a": (1.0, 4.0, 0.5, 20.0)}]
    ((*words, covers, deviation, size, unlimited, rows),) = rows_of("made up", draws)
    assert words == ["made up", "a"]
    assert_allclose([covers, deviation, size, unlimited, rows], [90, 10, 3, 25, 15])


def test_one_draw_measures_each_method():
    (problem,) = label_problems()
    found = run_draw(problem, 3)
    assert list(found) == [UNWEIGHTED, *problem.weighters, TARGET]
    assert all(0.5 < each[0] <= 1 for each in found.values())
    assert found[TARGET][3] == 20  # half of the labelled target rows


@pytest.mark.parametrize("seed", [0, 1])
def test_the_tilt_is_the_ratio_of_the_draws(seed):
    X = np.random.default_rng(seed).normal(size=(20_000, 3))
    (X_source, _), (X_target, _), _ = kin_problem("made up", X, np.zeros(20_000)).draw(seed)
    weights = tilt(X_source)
    assert_allclose(np.average(X_source[:, 0], weights=weights), X_target[:, 0].mean(), atol=0.3)
    assert X_target[:, 0].mean() > X_source[:, 0].mean() + 0.5
