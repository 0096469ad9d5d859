"""Labels of rows on which two models differ: the repeated test, and the interval."""

from itertools import product

import numpy as np
import pytest
from scipy.stats import binom

from sktransfer._kernels.intervals import sign_test
from sktransfer._kernels.queries import queried_interval, sequential_sign_test, spent_level


def _decide(wins_in_order, stops, alpha):
    """The decision after looks at the first rows."""
    looks = [(n, wins_in_order[:n].sum(), n - wins_in_order[:n].sum()) for n in stops]
    return sequential_sign_test(looks, alpha=alpha)


@pytest.mark.parametrize("n_labels", [5, 10, 20])
def test_one_look_is_the_sign_test_at_the_level_spent(n_labels):
    for wins in range(n_labels + 1):
        found = sequential_sign_test([(n_labels, wins, n_labels - wins)], alpha=0.1)
        level = spent_level(n_labels, alpha=0.1)
        sure = sign_test(wins, n_labels - wins) <= level
        sure_of_losses = sign_test(n_labels - wins, wins) <= level
        assert found == sure - sure_of_losses


def test_the_level_spent_by_hand():
    assert spent_level(18, alpha=0.1) == pytest.approx(0.09)
    assert sign_test(7, 2) < 0.1  # but not below 0.1 * 9 / 11
    assert sequential_sign_test([(9, 7, 2)], alpha=0.1) == 0


def _boundaries(stops, alpha):
    """The boundaries by counting all sequences of wins and losses."""
    sequences = np.array(list(product([0, 1], repeat=stops[-1])))
    crossed, found = np.zeros(len(sequences), dtype=bool), []
    for stop in stops:
        wins = sequences[:, :stop].sum(axis=1)
        level = spent_level(stop, alpha=alpha)
        allowed = [b for b in range(stop + 2) if (crossed | (wins >= b)).mean() <= level]
        found.append(min(allowed))
        crossed |= wins >= found[-1]
    return found


@pytest.mark.parametrize("alpha", [0.1, 0.2, 0.4])
@pytest.mark.parametrize("stops", [(6, 12), (4, 8, 12), (3, 5, 8, 13), (2, 4, 6, 8, 10, 12)])
def test_boundaries_are_those_of_all_sequences(stops, alpha):
    boundaries = _boundaries(stops, alpha)
    for last, boundary in enumerate(boundaries):
        for wins in range(stops[last] + 1):
            path = [min(wins, max(0, b - 1), s) for b, s in zip(boundaries, stops[:last])]
            looks = [(s, w, s - w) for s, w in zip(stops, [*path, wins])]
            steps = np.diff([0, *path, wins])
            if (steps < 0).any() or (steps > np.diff([0, *stops[: last + 1]])).any():
                continue  # no such path
            losses_first = any(s - w >= b for (s, w, _), b in zip(looks, boundaries))
            if not losses_first:
                assert sequential_sign_test(looks, alpha=alpha) == (wins >= boundary)


def test_twenty_labels_decide_as_the_plain_test_at_the_whole_level_does():
    """Of 10 to 20 rows on which one model alone is right, no boundary moves."""
    for n_differ in range(10, 21):
        for wins in range(n_differ + 1):
            plain = sign_test(wins, n_differ - wins) < 0.1
            found = sequential_sign_test([(20, wins, n_differ - wins)], alpha=0.1)
            assert (found == 1) == plain


@pytest.mark.parametrize("stops", [(20,), (5, 10, 15, 20), (20, 40, 60, 80, 100), range(1, 61)])
def test_the_level_holds_over_all_looks(stops):
    rng, n_runs, alpha = np.random.default_rng(0), 2000, 0.1
    draws = rng.integers(2, size=(n_runs, max(stops)))
    found = np.array(
        [_decide(wins, stops, alpha) for wins in draws[: 400 if len(stops) > 9 else None]]
    )
    limit = alpha + 3 * np.sqrt(alpha * (1 - alpha) / len(found))
    assert (found == 1).mean() < limit
    assert (found == -1).mean() < limit


def test_a_plain_test_at_each_look_would_break_the_level():
    draws = np.random.default_rng(0).integers(2, size=(1000, 100))
    n_wins = draws.cumsum(axis=1)[:, 19::20]
    p_values = binom.sf(n_wins - 1, np.arange(20, 101, 20), 0.5)
    assert (p_values < 0.1).any(axis=1).mean() > 0.13


def test_wins_and_losses_are_treated_alike_and_more_labels_find_a_small_difference():
    looks = [(20, 12, 8), (60, 38, 22)]
    assert sequential_sign_test(looks[:1], alpha=0.1) == 0
    assert sequential_sign_test(looks, alpha=0.1) == 1
    assert sequential_sign_test([(n, b, a) for n, a, b in looks], alpha=0.1) == -1


def test_the_interval_by_hand():
    found = queried_interval(14, 4, 20, n_differ=50, n_rows=400, level=0.9)
    a, b, share = 15 / 22, 5 / 22, 50 / 400
    reach = 1.7247182 * np.sqrt((a + b - (a - b) ** 2) / 22) * np.sqrt(1 - 20 / 50)
    updated = 20 / 50 * 10 / 20 + 30 / 50 * (a - b)
    expected = (share * 10 / 20, share * (a - b - reach), share * (updated + reach))
    assert found == pytest.approx(expected)


def test_the_interval_ends_with_what_is_still_possible():
    """Of 22 rows 20 are labelled, all wins: two losses are the worst that can follow."""
    difference, low, high = queried_interval(20, 0, 20, n_differ=22, n_rows=100, level=0.9)
    assert (difference, high) == (0.22, 0.22)
    assert 0.18 <= low < 0.22


@pytest.mark.parametrize("n_labelled", [1, 5, 20])
def test_the_difference_is_inside(n_labelled):
    for wins in range(n_labelled + 1):
        for losses in range(n_labelled - wins + 1):
            for n_differ in (n_labelled, n_labelled + 1, 2 * n_labelled, 1000):
                numbers = {"n_differ": n_differ, "n_rows": 2000, "level": 0.9}
                difference, low, high = queried_interval(wins, losses, n_labelled, **numbers)
                assert low - 1e-12 <= difference <= high + 1e-12
                mirrored = queried_interval(losses, wins, n_labelled, **numbers)
                assert mirrored == pytest.approx((-difference, -high, -low))


def test_the_difference_is_known_if_every_row_that_differs_is_labelled():
    assert queried_interval(7, 2, 10, n_differ=10, n_rows=100, level=0.9) == (0.05, 0.05, 0.05)


@pytest.mark.parametrize("counts", [(30, 20, 10), (24, 1, 0), (22, 0, 0), (27, 2, 1)])
def test_the_interval_covers_the_difference(counts):
    rng, n_inside = np.random.default_rng(0), 0
    n_differ, truth = sum(counts), (counts[0] - counts[1]) / 300
    for _ in range(400):
        wins = rng.permutation(np.repeat([1, -1, 0], counts))[:20]
        found = int((wins == 1).sum()), int((wins == -1).sum())
        _, low, high = queried_interval(*found, 20, n_differ=n_differ, n_rows=300, level=0.9)
        n_inside += low - 1e-12 <= truth <= high + 1e-12
    assert n_inside / 400 > 0.88
