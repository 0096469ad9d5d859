"""The intervals that the benchmark compares, and the draws that it compares them on."""

import numpy as np
import pytest
from scipy.stats import binomtest, ttest_1samp
from sklearn.linear_model import LogisticRegression

from benchmarks._interval_draws import PAIRS, _fit_logistic, draw_classes, draw_numbers
from benchmarks._interval_rules import (
    OF_ACCURACY,
    Pair,
    averaged_t,
    bootstrap,
    corrected,
    mcnemar,
    nadeau_bengio,
    paired_t,
)


def make_pair(rows, n_folds=2):
    rows = np.atleast_2d(np.asarray(rows, dtype=float))
    folds = np.tile(np.arange(rows.shape[1]) % n_folds, (len(rows), 1))
    return Pair(rows, folds, np.random.default_rng(0))


def test_mcnemar_is_the_exact_interval_of_wins_among_rows_that_differ():
    rows = [1] * 5 + [-1] * 2 + [0] * 3
    low, high = binomtest(5, 7).proportion_ci(0.9, "exact")
    assert mcnemar(make_pair(rows), 0.9) == pytest.approx(
        [(2 * low - 1) * 0.7, (2 * high - 1) * 0.7]
    )
    assert mcnemar(make_pair([0] * 4), 0.9) == pytest.approx([0, 0])


def test_students_intervals_are_scipys():
    rows = np.random.default_rng(0).normal(size=(3, 12))
    for found, values in (
        (paired_t(make_pair(rows), 0.9), rows[0]),
        (averaged_t(make_pair(rows), 0.9), rows.mean(axis=0)),
    ):
        assert found == pytest.approx(tuple(ttest_1samp(values, 0).confidence_interval(0.9)))


def test_the_correction_of_nadeau_and_bengio_widens_the_interval_of_folds():
    pair = make_pair(np.random.default_rng(0).normal(size=(2, 12)), n_folds=3)
    scores = [pair.rows[r, pair.folds[r] == f].mean() for r in range(2) for f in range(3)]
    plain = ttest_1samp(scores, 0).confidence_interval(0.9)
    low, high = nadeau_bengio(pair, 0.9)
    # Six folds, each of a third of the rows: 1 / 6 + 1 / 2 in the place of 1 / 6.
    widened = np.sqrt((1 / 6 + 1 / 2) / (1 / 6)) * (plain.high - plain.low)
    assert high - low == pytest.approx(widened)
    assert high + low == pytest.approx(2 * np.mean(scores))


def test_the_bootstrap_of_rows_that_are_alike_has_no_width():
    assert bootstrap(make_pair([0.5] * 6), 0.9) == pytest.approx([0.5, 0.5])


@pytest.mark.parametrize("rule", [*OF_ACCURACY.values(), corrected])
def test_swapping_the_models_mirrors_an_interval(rule):
    rows = np.random.default_rng(0).choice([-1, 0, 1], size=(3, 20))
    low, high = rule(make_pair(rows), 0.9)
    mirrored = rule(make_pair(-rows), 0.9)
    assert mirrored == pytest.approx((-high, -low), abs=0.05)  # a bootstrap is random


def test_the_logistic_regression_is_scikit_learns():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 8))
    y = (X[:, 0] + rng.normal(size=60) > 0).astype(int)
    expected = LogisticRegression(C=0.3, tol=1e-8, max_iter=1000).fit(X, y)
    model = _fit_logistic(X, y)
    np.testing.assert_allclose(model, [*expected.coef_[0], expected.intercept_[0]], atol=1e-4)


@pytest.mark.parametrize("draw", [draw_classes, draw_numbers])
def test_each_row_is_scored_once_a_repetition_and_a_seed_gives_the_same_draw(draw):
    first, again = (draw("none", 3, (0, 1)) for _ in range(2))
    assert first.folds.shape == (3, 6)
    assert set(first.folds.ravel()) == {0, 1, 2}
    score = next(iter(first.rows))
    for one, other in PAIRS:
        pair, truth = first.pair(score, one, other)
        assert truth == again.pair(score, one, other)[1]
        np.testing.assert_array_equal(pair.rows, again.pair(score, one, other)[0].rows)
