"""Exponential weights of candidates, and the mixture of their answers."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sktransfer._kernels.aggregate import exponential_weights, log_scores, mix, total_scores


def test_scores_are_logs_of_smoothed_probabilities():
    p = np.array([[0.7, 0.3, 0.0], [0.1, 0.0, 0.9]])
    found = log_scores(p, np.array([0, 1]))
    assert_allclose(found, [np.log(0.98 * 0.7 + 0.02 / 3), np.log(0.02 / 3)])


def test_weights_by_hand():
    totals, prior = np.array([-1.0, -3.0]), np.array([1.0, 2.0])
    by_hand = np.array([np.exp(-0.5), 2 * np.exp(-1.5)])
    assert_allclose(exponential_weights(totals, prior, eta=0.5), by_hand / by_hand.sum())


@pytest.mark.parametrize("eta", [0.0, 0.5, 1.0, 100.0])
def test_weights_sum_to_one_and_feel_no_constant(eta):
    totals, prior = np.random.default_rng(0).normal(size=6) * 1e3, np.arange(6.0)
    weights = exponential_weights(totals, prior, eta=eta)
    assert weights.sum() == pytest.approx(1)
    assert weights[0] == 0
    assert_allclose(exponential_weights(totals + 7e5, prior, eta=eta), weights, rtol=1e-8)
    if eta == 0:
        assert_allclose(weights, prior / prior.sum())


def test_the_bound_of_the_online_mixture_holds():
    """With eta = 1 the log-loss of the mixture is at most the best candidate's plus log M."""
    rng = np.random.default_rng(0)
    for _ in range(20):
        p = rng.uniform(0.05, 1, size=(4, 30))
        loss, logs = 0.0, np.zeros(4)
        for column in p.T:
            loss -= np.log(exponential_weights(logs, np.ones(4), eta=1.0) @ column)
            logs += np.log(column)
        assert loss <= (-logs).min() + np.log(4) + 1e-12


def test_rehearsals_are_mixed_with_one_source_and_added_with_several():
    scores = np.array([[-1.0, -2.0], [-3.0, -3.0]])
    rehearsed, none = np.array([-5.0, np.nan]), np.zeros(2, dtype=bool)
    share = 10 / (10 + 2)
    mixed = total_scores(scores, rehearsed, added=False, unscored=none)
    assert_allclose(mixed, [(1 - share) * -3 + share * 2 * -5, -6])
    added = total_scores(scores, np.array([-5.0, -4.0]), added=True, unscored=none)
    assert_allclose(added, [-3 - 50 * 5, -6 - 50 * 4])


@pytest.mark.parametrize("added", [False, True])
def test_a_candidate_that_was_not_scored_has_its_rehearsals_alone(added):
    scores, unscored = np.array([[-99.0, 7.0], [-3.0, -3.0]]), np.array([True, False])
    found = total_scores(scores, np.array([-5.0, -4.0]), added=added, unscored=unscored)
    assert found[0] == 2 * -5 + added * 50 * -5
    unknown = total_scores(scores, np.full(2, np.nan), added=added, unscored=unscored)
    assert_array_equal(np.isnan(unknown), [True, False])


def test_a_mixture_of_one_is_that_answer_to_the_bit():
    answer = np.random.default_rng(0).random((5, 3))
    assert mix([None, answer, None], np.array([0.0, 1.0, 0.0])) is answer
    mixed = mix([answer, 1 - answer], np.array([0.25, 0.75]))
    assert_allclose(mixed, 0.75 - 0.5 * answer)
