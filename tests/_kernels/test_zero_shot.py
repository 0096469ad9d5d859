"""Formulas of zero-shot learning: objectives, second implementations, limits, choices by force."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.linalg import solve_sylvester
from scipy.optimize import approx_fprime
from scipy.special import softmax

from sktransfer._kernels.zero_shot import (
    attribute_scores,
    autoencoder_solver,
    balanced_accuracy,
    best_temperature,
    compatibility_solver,
    decoded_scores,
    mixture_scores,
    stacking_offset,
)

RNG = np.random.default_rng(0)
CODES = np.repeat([0, 1, 2, 3], [7, 5, 3, 5])
X = RNG.normal(size=(20, 4)) + RNG.normal(size=(4, 4))[CODES]
S = RNG.normal(size=(4, 3))
Y = np.where(CODES[:, None] == np.arange(4), 1.0, -1.0)
D = S[CODES]


def gradient(objective, W):
    return approx_fprime(W.ravel(), lambda flat: objective(flat.reshape(W.shape)), 1e-7)


@pytest.mark.parametrize(("g", "h"), [(0.5, 2.0), (10.0, 0.01)])
def test_compatibility_minimizes_its_objective(g, h):
    def objective(W):
        fit = ((X @ W @ S.T - Y) ** 2).sum()
        return fit + g * ((W @ S.T) ** 2).sum() + h * ((X @ W) ** 2).sum() + g * h * (W**2).sum()

    W = compatibility_solver(X, CODES, S)(g, h)
    assert_allclose(gradient(objective, W), 0, atol=1e-4)
    first, last = np.linalg.inv(X.T @ X + g * np.eye(4)), np.linalg.inv(S.T @ S + h * np.eye(3))
    assert_allclose(W, first @ X.T @ Y @ S @ last)


def test_compatibility_of_indicators_without_penalty_is_least_squares():
    W = compatibility_solver(X, CODES, np.eye(4))(1e-12, 1e-12)
    assert_allclose(W, np.linalg.lstsq(X, Y)[0], rtol=1e-8)


@pytest.mark.parametrize("weight", [0.1, 1.0, 30.0])
def test_the_autoencoder_minimizes_its_objective_and_solves_sylvesters_equation(weight):
    def objective(W):
        return ((X - D @ W.T) ** 2).sum() + weight * ((X @ W - D) ** 2).sum()

    W = autoencoder_solver(X, CODES, S)(weight)
    assert_allclose(gradient(objective, W), 0, atol=1e-3)
    other = solve_sylvester(D.T @ D, weight * X.T @ X, (1 + weight) * D.T @ X)
    assert_allclose(W, other.T)


def test_the_autoencoder_has_two_regressions_as_limits():
    solve = autoencoder_solver(X, CODES, S)
    assert_allclose(solve(1e-10).T, np.linalg.lstsq(D, X)[0], rtol=1e-6)
    assert_allclose(solve(1e10), np.linalg.lstsq(X, D)[0], rtol=1e-6)


def test_the_autoencoder_of_fewer_rows_than_features_solves_its_equation():
    wide = np.concatenate([X, X @ RNG.normal(size=(4, 30))], axis=1)
    same = np.concatenate([S, S], axis=1)
    W = autoencoder_solver(wide, CODES, same)(2.0)
    both = same[CODES]
    assert_allclose(2 * wide.T @ wide @ W + W @ both.T @ both, 3 * wide.T @ both, atol=1e-8)


def test_decoded_scores_are_cosines():
    W = RNG.normal(size=(4, 3))
    found = decoded_scores(X, W, S)
    first, second = X[2], W @ S[1]
    expected = first @ second / np.sqrt(first @ first) / np.sqrt(second @ second)
    assert_allclose(found[2, 1], expected)


def test_attribute_scores_are_posteriors_of_attributes_over_their_shares():
    logits = np.array([[np.log(3.0), np.log(1 / 4)]])  # probabilities 3/4 and 1/5
    present = np.array([0.5, 0.1])
    found = attribute_scores(logits, present, np.array([[1.0, -1.0], [-1.0, 1.0], [2.0, 0.5]]))
    expected = [0.75 / 0.5 * 0.8 / 0.9, 0.25 / 0.5 * 0.2 / 0.1, 0.75 / 0.5 * 0.2 / 0.1]
    assert_allclose(np.exp(found[0]), expected)


def test_an_attribute_of_all_classes_or_of_none_counts_nothing():
    logits = np.array([[1.0, -800.0, 900.0]])
    classes = np.array([[1.0, 1.0, -1.0], [-1.0, 1.0, 1.0]])
    found = attribute_scores(logits, np.array([0.5, 0.0, 1.0]), classes)
    assert_allclose(found, attribute_scores(logits[:, :1], np.array([0.5]), classes[:, :1]))
    extreme = attribute_scores(logits, np.array([0.5, 0.5, 0.5]), classes)
    assert np.isfinite(extreme).all()


def test_a_row_that_is_surely_of_one_class_has_the_description_of_that_class():
    new = RNG.normal(size=(5, 3))
    lengths = np.linalg.norm(S, axis=1)[:, None] * np.linalg.norm(new, axis=1)
    assert_allclose(mixture_scores(np.eye(4), S, new), S @ new.T / lengths)
    halves = np.array([[0.5, 0.5, 0, 0]])
    middle = (S[0] + S[1]) / 2
    assert_allclose(mixture_scores(halves, S, middle[None]), 1)


def harmonic(offset, margins, is_seen, is_right, weights):
    right = is_right & (is_seen == (margins > offset))
    a, b = (weights[right & group].sum() for group in (is_seen, ~is_seen))
    return 2 * a * b / (a + b) if a + b else 0.0


@pytest.mark.parametrize("seed", range(8))
def test_the_offset_is_the_best_of_all(seed):
    rng = np.random.default_rng(seed)
    is_seen = np.arange(30) >= 12
    margins = np.round(rng.normal(size=30) + 0.7 * is_seen + 0.5)  # with ties
    is_right = rng.uniform(size=30) < 0.8
    weights = np.where(is_seen, 1 / 18, 1 / 12)
    offset, reached = stacking_offset(margins, is_seen, is_right, weights)
    every = [harmonic(c, margins, is_seen, is_right, weights) for c in np.arange(-5, 5, 0.05)]
    assert_allclose(reached, max(every))
    assert_allclose(harmonic(offset, margins, is_seen, is_right, weights), reached)


def test_an_offset_that_parts_seen_rows_from_others_lies_in_the_middle():
    is_seen, right, weights = (
        np.array([False, False, True, True]),
        np.ones(4, bool),
        np.full(4, 0.5),
    )
    found = stacking_offset(np.array([0.0, 1.0, 4.0, 5.0]), is_seen, right, weights)
    assert found == (2.5, 1.0)


def test_the_temperature_is_that_of_which_labels_were_drawn():
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(10_000, 3))
    places = np.array([rng.choice(3, p=p) for p in softmax(scores / 0.4, axis=1)])
    parts = [(scores[:100], places[:100]), (scores[100:], places[100:])]
    assert_allclose(best_temperature(parts), 0.4, rtol=0.05)
    assert best_temperature([(np.zeros((3, 2)), np.zeros(3, dtype=int))]) == 1


def test_balanced_accuracy_is_the_mean_over_classes():
    assert balanced_accuracy(np.array([4, 4, 4, 9]), np.array([4, 4, 9, 4])) == (2 / 3 + 0) / 2
