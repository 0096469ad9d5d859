"""Votes of rounds, held against arithmetic by hand and the final hypothesis of the paper."""

from math import exp

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sktransfer._kernels.boosting_votes import (
    first_voter,
    staged_vote_totals,
    vote_margins,
    vote_probabilities,
    vote_totals,
)


@pytest.mark.parametrize(("n_rounds", "first"), [(1, 1), (2, 1), (3, 2), (4, 2), (5, 3), (10, 5)])
def test_the_last_half_votes(n_rounds, first):
    assert first == -(-n_rounds // 2)  # ceil(N / 2), counted from 1 as in the paper
    assert first_voter(n_rounds, transfer=True) == first - 1
    assert first_voter(n_rounds, transfer=False) == 0


VOTES = [np.array([0, 1, 1]), np.array([1, 1, 0]), np.array([2, 1, 0])]
WEIGHTS = np.array([1.0, 2.0, 4.0])


def test_vote_totals_by_hand():
    expected = [[1, 2, 4], [0, 1 + 2 + 4, 0], [2 + 4, 1, 0]]
    assert_array_equal(vote_totals(VOTES, WEIGHTS, n_classes=3), expected)


def test_two_class_vote_is_the_final_hypothesis_of_the_paper():
    rng = np.random.default_rng(0)
    betas = rng.uniform(0.05, 0.9, size=9)
    votes = rng.integers(0, 2, size=(9, 200))
    left = np.prod(betas[:, None] ** -votes.astype(float), axis=0)
    right = np.prod(betas**-0.5)
    totals = vote_totals(votes, -np.log(betas), n_classes=2)
    assert_array_equal(totals.argmax(axis=1), left > right)


@pytest.mark.parametrize("transfer", [True, False])
def test_each_stage_is_an_ensemble_that_had_stopped_there(transfer):
    rng = np.random.default_rng(0)
    votes, weights = list(rng.integers(0, 3, size=(11, 40))), rng.random(11)
    stages = staged_vote_totals(iter(votes), weights, n_classes=3, transfer=transfer)
    for n_rounds, totals in enumerate(stages, start=1):
        kept = slice(first_voter(n_rounds, transfer=transfer), n_rounds)
        assert_array_equal(totals, vote_totals(votes[kept], weights[kept], n_classes=3))
    assert n_rounds == 11


def test_margins_by_hand():
    # K = 3: all votes 1, none -1/2, a third of them 0.
    totals = np.array([[2.0, 0.0, 0.0], [1.0, 1.0, 1.0]])
    assert_allclose(vote_margins(totals), [[1, -1 / 2, -1 / 2], [0, 0, 0]], atol=1e-15)
    assert_array_equal(vote_margins(np.array([[3.0]])), [[0.0]])


def test_probabilities_by_hand():
    totals = np.array([[3.0, 1.0]])  # margins 1/2 and -1/2
    expected = [[exp(1 / 2) / (exp(1 / 2) + exp(-1 / 2)), exp(-1 / 2) / (exp(1 / 2) + exp(-1 / 2))]]
    assert_allclose(vote_probabilities(totals), expected, rtol=1e-14)
    three = vote_probabilities(np.array([[2.0, 0.0, 0.0]]))  # margins 1, -1/2, -1/2, over K - 1 = 2
    assert_allclose(three[0, 0] / three[0, 1], exp((1 + 1 / 2) / 2), rtol=1e-14)
    assert_array_equal(vote_probabilities(np.array([[3.0]])), [[1.0]])
