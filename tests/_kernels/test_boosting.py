"""The formulas of boosting for transfer, held against arithmetic by hand and a second writing."""

from math import e, log, sqrt

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sktransfer._kernels.boosting import (
    alpha,
    first_least,
    initial_weights,
    is_no_better_than_chance,
    mean_mistakes,
    reweight,
    source_beta,
    steady_weights,
    target_error,
    vote_weight,
    without_negligible,
)

# Two source rows, two target rows; the learner is wrong on one of each.
IS_SOURCE = np.array([True, True, False, False])
MISTAKES = np.array([True, False, True, False])


@pytest.mark.parametrize(
    ("n_source", "n_rounds", "expected"),
    [
        (100, 10, 1 / (1 + sqrt(2 * log(100) / 10))),
        (e**2, 4, 1 / (1 + 1)),
        (e**8, 4, 1 / (1 + 2)),
        (1, 50, 1.0),
        (0.25, 50, 1.0),
        (0, 50, 1.0),
    ],
)
def test_source_beta_is_the_rate_of_hedge(n_source, n_rounds, expected):
    assert_allclose(source_beta(n_source, n_rounds=n_rounds), expected, rtol=1e-15)


def test_source_beta_grows_with_the_rounds_and_shrinks_with_the_rows():
    assert source_beta(50, n_rounds=10) < source_beta(50, n_rounds=100) < 1
    assert source_beta(500, n_rounds=10) < source_beta(50, n_rounds=10)


@pytest.mark.parametrize(
    ("error", "n_classes", "beta"),
    [(0.2, 2, 0.2 / 0.8), (0.2, 3, 0.2 / (0.8 * 2)), (0.5, 5, 0.5 / (0.5 * 4)), (0.9, 2, 9.0)],
)
def test_vote_weight_is_minus_the_logarithm_of_beta(error, n_classes, beta):
    assert_allclose(vote_weight(error, n_classes=n_classes), -log(beta), rtol=1e-14)


@pytest.mark.parametrize("n_classes", range(2, 60))
def test_chance_is_where_the_vote_ends(n_classes):
    edge = 1 - 1 / n_classes
    assert is_no_better_than_chance(edge, n_classes=n_classes)
    assert is_no_better_than_chance(1.0, n_classes=n_classes)
    assert not is_no_better_than_chance(0.0, n_classes=n_classes)
    assert not is_no_better_than_chance(edge - 1e-9, n_classes=n_classes)
    for error in (np.nextafter(edge, 0), np.nextafter(np.nextafter(edge, 0), 0)):
        at_chance = is_no_better_than_chance(error, n_classes=n_classes)
        assert at_chance or vote_weight(error, n_classes=n_classes) > 0


def test_a_single_class_is_never_better_than_chance():
    assert is_no_better_than_chance(0.0, n_classes=1)


def test_target_error_looks_at_target_rows_alone():
    weights = np.array([9.0, 9.0, 1.0, 3.0])
    assert target_error(weights, MISTAKES, IS_SOURCE) == 1 / (1 + 3)
    assert target_error(weights, ~IS_SOURCE, IS_SOURCE) == 1
    assert target_error(weights, IS_SOURCE, IS_SOURCE) == 0


def test_initial_weights_are_one_over_n_and_one_over_m():
    is_source = np.array([True, True, True, False])
    expected = [1 / 3 / 2, 1 / 3 / 2, 1 / 3 / 2, 1 / 1 / 2]
    assert_allclose(initial_weights(np.ones(4), is_source), expected, rtol=1e-15)


def test_initial_weights_count_repetitions():
    found = initial_weights(np.array([3.0, 1.0, 2.0, 6.0]), IS_SOURCE)
    assert_allclose(found, [3 / 4 / 2, 1 / 4 / 2, 2 / 8 / 2, 6 / 8 / 2], rtol=1e-15)


def test_initial_weights_without_source_are_uniform():
    assert_array_equal(initial_weights(np.ones(5), np.zeros(5, dtype=bool)), np.full(5, 1 / 5))


def test_a_round_by_hand():
    # beta = 1/3 on the mistaken source row, beta_t = 1/4 on the mistaken target row.
    found = reweight(
        np.full(4, 1 / 4), MISTAKES, IS_SOURCE, log_source_beta=log(1 / 3), vote=-log(1 / 4)
    )
    total = 1 / 3 + 1 + 4 + 1
    assert_allclose(found, np.array([1 / 3, 1, 4, 1]) / total, rtol=1e-14)


def test_a_round_without_mistakes_changes_nothing():
    weights = np.array([0.1, 0.2, 0.3, 0.4])
    found = reweight(weights, np.zeros(4, bool), IS_SOURCE, log_source_beta=-1.0, vote=2.0)
    assert_allclose(found, weights, rtol=1e-15)


def test_adaboost_leaves_mistakes_with_half_of_the_weight():
    # Freund and Schapire 1997: after the update the learner that made it errs on one half.
    rng = np.random.default_rng(0)
    none = np.zeros(50, dtype=bool)
    weights = initial_weights(rng.integers(1, 4, 50).astype(float), none)
    mistakes = rng.random(50) < 0.2
    vote = vote_weight(target_error(weights, mistakes, none), n_classes=2)
    weights = reweight(weights, mistakes, none, log_source_beta=0.0, vote=vote)
    assert_allclose(weights[mistakes].sum(), 1 / 2, rtol=1e-13)


@pytest.mark.parametrize("vote", [1e3, 1e6])
def test_extreme_votes_neither_overflow_nor_lose_a_row(vote):
    found = reweight(np.full(4, 1 / 4), MISTAKES, IS_SOURCE, log_source_beta=-1.0, vote=vote)
    assert_allclose(found, [0, 0, 1, 0], atol=1e-15)
    assert (found > 0).all()


def test_steady_weights_keep_the_proportions_and_sum_to_the_total():
    rng = np.random.default_rng(0)
    sample_weight = rng.integers(1, 6, 200).astype(float)
    weights = rng.random(200)
    weights /= weights.sum()
    found = steady_weights(weights, sample_weight)
    assert_allclose(found.sum(), sample_weight.sum(), rtol=1e-9)
    assert_allclose(found / found.sum(), weights, rtol=1e-5, atol=1e-11)


def test_sums_of_steady_weights_do_not_depend_on_their_order():
    rng = np.random.default_rng(0)
    weights = rng.random(3001)
    weights /= weights.sum()
    steady = steady_weights(weights, np.ones(3001))
    orders = [rng.permutation(3001) for _ in range(50)]
    assert len({np.cumsum(steady[order])[-1] for order in orders}) == 1
    assert len({np.cumsum(weights[order])[-1] for order in orders}) > 1


def test_steady_weights_of_a_repeated_row_add_up_to_those_of_a_weighted_row():
    once = np.array([0.1, 0.3, 0.6])
    repeats = np.array([1, 2, 4])
    weighted = steady_weights(once, repeats.astype(float))
    repeated = steady_weights(np.repeat(once / repeats, repeats), np.ones(7))
    assert_array_equal(np.add.reduceat(repeated, [0, 1, 3]), weighted)


def test_alpha_is_half_the_vote_and_infinite_at_the_ends():
    assert_allclose(alpha(0.2, n_classes=2), log(0.8 / 0.2) / 2, rtol=1e-14)
    assert_allclose(alpha(0.2, n_classes=3), (log(0.8 / 0.2) + log(2)) / 2, rtol=1e-14)
    assert alpha(0.0, n_classes=2) == np.inf
    assert alpha(1.0, n_classes=2) == -np.inf


def test_of_errors_equal_but_for_rounding_the_first_is_the_least():
    assert first_least([0.3, 0.1 + 0.2 - 0.2, 0.1, 0.2]) == 1
    assert first_least([0.3, 0.1 + 1e-12, 0.1]) == 1
    assert first_least([0.3, 0.1 + 1e-6, 0.1]) == 2


def test_the_lightest_source_rows_within_the_share_are_left_out():
    weights = np.array([0.01, 0.4, 0.02, 0.03, 0.04, 0.5])
    is_source = np.array([True, True, False, True, True, False])
    for share, expected in [
        (0.0, [0.01, 0.4, 0.02, 0.03, 0.04, 0.5]),
        (0.009, [0.01, 0.4, 0.02, 0.03, 0.04, 0.5]),
        (0.011, [0, 0.4, 0.02, 0.03, 0.04, 0.5]),
        (0.041, [0, 0.4, 0.02, 0, 0.04, 0.5]),  # 0.01 + 0.03
        (0.9, [0, 0, 0.02, 0, 0, 0.5]),
    ]:
        assert_array_equal(without_negligible(weights, is_source, share=share), expected)


def test_of_source_rows_as_light_as_each_other_all_stay_or_all_go():
    weights, is_source = np.array([0.1, 0.1, 0.1, 0.7]), np.array([True, True, True, False])
    assert_array_equal(without_negligible(weights, is_source, share=0.25), weights)
    assert_array_equal(without_negligible(weights, is_source, share=0.31), [0, 0, 0, 0.7])


def test_mean_mistakes_are_the_distance_from_the_mean_vote():
    rng = np.random.default_rng(0)
    votes, y = rng.integers(0, 2, (3, 50)), rng.integers(0, 2, 50)
    expected = [abs(sum(vote[i] for vote in votes) / len(votes) - y[i]) for i in range(len(y))]
    assert_allclose(mean_mistakes(list(votes != y)), expected, atol=1e-15)
    assert_array_equal(mean_mistakes([votes[0] != y]), votes[0] != y)
