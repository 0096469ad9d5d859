"""The interval of a paired difference, and the sign test."""

import numpy as np
import pytest
from scipy.stats import binomtest, t

from sktransfer._kernels.intervals import (
    corrected_error,
    corrected_interval,
    paired_interval,
    sign_test,
)


def _by_hand(differences, level):
    """The definition, by loops: the Wald interval of rows to which a win and a loss are added."""
    rows = [*differences, 1.0, -1.0]
    a = sum(d for d in rows if d > 0) / len(rows)
    b = -sum(d for d in rows if d < 0) / len(rows)
    variance = (a + b - (a - b) ** 2) / len(rows)
    reach = t(len(differences)).interval(level)[1] * variance**0.5
    return a - b - reach, a - b + reach


@pytest.mark.parametrize("level", [0.5, 0.9, 0.99])
def test_it_is_the_wald_interval_with_a_win_and_a_loss_added(level):
    differences = np.random.default_rng(0).uniform(-1, 1, size=30)
    difference, low, high = paired_interval(differences, level=level)
    assert difference == pytest.approx(np.mean(differences))
    assert (low, high) == pytest.approx(_by_hand(differences, level))


def test_the_case_of_four_rows():
    # Two wins, one loss, one tie: a = 3/6, b = 2/6; t of 4 degrees of freedom at .95 is 2.1318.
    difference, low, high = paired_interval(np.array([1.0, 1.0, -1.0, 0.0]), level=0.9)
    reach = 2.131846786 * ((5 / 6 - 1 / 36) / 6) ** 0.5
    assert difference == 0.25
    assert (low, high) == pytest.approx((1 / 6 - reach, 1 / 6 + reach))


def test_models_that_never_differ_get_an_interval_that_is_not_empty():
    difference, low, high = paired_interval(np.zeros(10), level=0.9)
    assert difference == 0
    assert low == -high
    assert high == pytest.approx(t.ppf(0.95, 10) * np.sqrt(2 / 12 / 12))


def test_swapping_the_models_mirrors_the_interval_and_the_order_of_rows_is_of_no_account():
    differences = np.random.default_rng(1).choice([-1, 0, 0, 1], size=15) * 0.75
    difference, low, high = paired_interval(differences, level=0.9)
    assert paired_interval(-differences, level=0.9) == pytest.approx((-difference, -high, -low))
    assert paired_interval(np.sort(differences), level=0.9) == pytest.approx(
        (difference, low, high)
    )


def test_the_ends_are_possible_differences():
    assert paired_interval(np.ones(1), level=0.99)[1:] == (-1, 1)


def test_it_shrinks_as_the_root_of_the_rows():
    widths = [
        np.diff(paired_interval(np.tile([1.0, 0, 0, -1], n), level=0.9)[1:]) for n in (100, 400)
    ]
    assert widths[0] / widths[1] == pytest.approx(2, rel=0.01)


@pytest.mark.parametrize(("wins", "losses"), [(0, 0), (3, 0), (0, 3), (7, 2), (2, 7), (30, 20)])
def test_the_sign_test_is_the_binomial_test(wins, losses):
    expected = 1.0
    if wins + losses:
        expected = binomtest(wins, wins + losses, alternative="greater").pvalue
    assert sign_test(wins, losses) == pytest.approx(expected)


def test_four_wins_in_a_row():
    assert sign_test(4, 0) == pytest.approx(1 / 16)


def test_the_corrected_interval_by_hand():
    # Four rows in two folds: n_train = n_test = 2, one degree of freedom, whose .95 quantile is
    # tan(.45 pi); variance 14 / 3 (deviations 0, 1, 2, 3 from the mean).
    rows = np.array([1.0, 2.0, -1.0, 4.0]) - 0.5
    difference, low, high = corrected_interval(rows, n_train=2, n_test=2, level=0.9)
    variance = ((rows - 1) ** 2).sum() / 3
    reach = np.tan(0.45 * np.pi) * np.sqrt(variance * (1 / 4 + 1 / 2))
    assert difference == 1
    assert (low, high) == pytest.approx((1 - reach, 1 + reach))


def test_the_corrected_error_is_nadeau_and_bengios_of_the_scores_of_folds():
    """For leave-one-out a fold is a row: 1 / n + n_test / n_train times the variance."""
    rows = np.random.default_rng(0).normal(size=9)
    expected = np.sqrt(rows.var(ddof=1) * (1 / 9 + 1 / 8))
    assert corrected_error(rows, n_train=8) == pytest.approx(expected)
