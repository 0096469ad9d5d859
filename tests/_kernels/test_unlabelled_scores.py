"""Scores without labels: their definitions, limits, and second implementations."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import entropy

from sktransfer._kernels import unlabelled_scores
from sktransfer._kernels.unlabelled_scores import (
    agreements_with_vote,
    draw_partners,
    negative_entropies,
    neighborhood_density,
    nuclear_norm,
    shifted_accuracy,
    thresholded_confidence,
)

RNG = np.random.default_rng(0)
P = RNG.dirichlet(np.full(4, 0.5), size=30)
SURE = np.eye(4)[np.arange(32) % 4]


def test_negative_entropies():
    assert_allclose(negative_entropies(P), -entropy(P, axis=1))
    assert_array_equal(negative_entropies(SURE), 0)
    assert_allclose(negative_entropies(np.full((2, 4), 0.25)), -np.log(4))
    assert_allclose(
        negative_entropies(np.array([[0.2, 0.8]])), 0.2 * np.log(0.2) + 0.8 * np.log(0.8)
    )


def density_by_rows(P, temperature):
    entropies = []
    for i, p in enumerate(P):
        others = [q for j, q in enumerate(P) if j != i]
        cosines = [p @ q / np.sqrt((p @ p) * (q @ q)) for q in others]
        weights = np.exp(np.array(cosines) / temperature)
        entropies.append(entropy(weights / weights.sum()))
    return np.mean(entropies)


@pytest.mark.parametrize("temperature", [0.05, 0.5])
@pytest.mark.parametrize("rows_at_once", [7, 1024])
def test_density_is_the_entropy_of_similarities_to_other_rows(
    temperature, rows_at_once, monkeypatch
):
    monkeypatch.setattr(unlabelled_scores, "ROWS_AT_ONCE", rows_at_once)
    expected = density_by_rows(P, temperature)
    assert_allclose(neighborhood_density(P, temperature=temperature), expected)
    assert_allclose(neighborhood_density(P[::-1], temperature=temperature), expected)


def test_density_of_rows_that_are_alike_and_of_pairs():
    assert_allclose(neighborhood_density(np.full((30, 4), 0.25)), np.log(29))
    assert_allclose(neighborhood_density(P[:2]), 0, atol=1e-15)
    assert_allclose(neighborhood_density(SURE, temperature=0.01), np.log(7), rtol=1e-9)


def test_nuclear_norm_is_the_sum_of_singular_values_over_its_bound():
    singular = np.sqrt(np.maximum(np.linalg.eigvalsh(P.T @ P), 0))
    assert_allclose(nuclear_norm(P), singular.sum() / np.sqrt(30 * 4))
    assert_allclose(nuclear_norm(SURE), 1)
    assert_allclose(nuclear_norm(SURE[:3]), 1)
    assert_allclose(nuclear_norm(np.tile(P[0], (9, 1))), np.linalg.norm(P[0]) / np.sqrt(4))


def test_confidence_threshold_by_hand():
    source, right = np.array([0.9, 0.6, 0.7, 0.8]), np.array([True, False, True, True])
    target = np.array([0.65, 0.7, 0.95])
    assert thresholded_confidence(source, right, target) == 2 / 3
    assert thresholded_confidence(source, np.ones(4, dtype=bool), target) == 1
    assert thresholded_confidence(source, np.zeros(4, dtype=bool), target) == 0


@pytest.mark.parametrize("estimate", [thresholded_confidence, shifted_accuracy])
def test_on_the_same_rows_it_is_the_accuracy(estimate):
    confidence, right = RNG.random(50), RNG.random(50) < 0.7
    assert_allclose(estimate(confidence, right, confidence), right.mean())


def test_shifted_accuracy_by_hand():
    right = np.array([True, False])
    found = shifted_accuracy(np.array([0.9, 0.7]), right, np.array([0.6, 0.6, 0.9]))
    assert_allclose(found, 0.5 - (0.8 - 0.7))


def test_partners_are_all_rows_of_the_same_code_and_of_other_codes():
    codes = np.array([1, 0, 2, 0, 1, 1])
    rng = np.random.RandomState(0)
    draws = [draw_partners(codes, rng) for _ in range(300)]
    same, other = (np.array(part) for part in zip(*draws, strict=True))
    for row, code in enumerate(codes):
        assert set(same[:, row]) == set(np.flatnonzero(codes == code))
        assert set(other[:, row]) == set(np.flatnonzero(codes != code))
        shares = np.bincount(other[:, row], minlength=6)[codes != code] / 300
        assert_allclose(shares, 1 / np.sum(codes != code), atol=0.12)
    same, other = draw_partners(np.zeros(5, dtype=int), rng)
    assert other is None
    assert same.max() < 5


@pytest.mark.parametrize("without_own", [False, True])
def test_agreements_by_loops(without_own):
    answers = RNG.dirichlet(np.ones(3), size=(5, 40))
    expected = []
    for k, answer in enumerate(answers):
        voters = [each for j, each in enumerate(answers) if not (without_own and j == k)]
        votes = [np.argmax(sum(each[i] for each in voters)) for i in range(40)]
        expected.append(np.mean([vote == np.argmax(row) for vote, row in zip(votes, answer)]))
    assert_allclose(agreements_with_vote(answers, without_own=without_own), expected)
    assert len(set(expected)) > 1
