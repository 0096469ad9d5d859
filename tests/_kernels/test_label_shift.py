"""Class proportions, their intervals, calibration by a temperature, and whether a rule holds."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import minimize_scalar
from scipy.special import softmax
from sklearn.metrics import log_loss

from sktransfer._kernels.label_shift import (
    COLDEST,
    answered_shares,
    mean_answers,
    p_rule_holds,
    share_intervals,
    temperature,
    tempered,
    with_shares,
)


def make_logits(n_samples=4000, seed=0):
    """Logits that are calibrated: the classes are drawn from their probabilities."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(n_samples, 3)) * 2
    codes = (softmax(logits, axis=1).cumsum(axis=1) > rng.random((n_samples, 1))).argmax(axis=1)
    return logits, codes


@pytest.mark.parametrize("factor", [0.5, 1.0, 3.0])
def test_the_temperature_undoes_a_factor_of_the_logits(factor):
    logits, codes = make_logits()
    assert_allclose(temperature(softmax(logits * factor, axis=1), codes), factor, rtol=0.05)


def test_no_other_temperature_has_a_smaller_loss():
    logits, codes = make_logits(200)
    p = softmax(logits, axis=1)
    best = temperature(p, codes)
    losses = [log_loss(codes, tempered(p, best * factor)) for factor in (0.99, 1, 1.01)]
    assert losses[1] < min(losses[0], losses[2])


def test_a_pull_adds_its_square_to_the_sum_of_the_losses():
    logits, codes = make_logits(30)
    p = softmax(3 * logits, axis=1)

    def loss(log_t):
        return 30 * log_loss(codes, tempered(p, np.exp(log_t))) + 5.0 * log_t**2 / 2

    best = minimize_scalar(loss, bounds=(-3, 3), method="bounded", options={"xatol": 1e-9})
    found = temperature(p, codes, strength=5.0)
    assert_allclose(np.log(found), best.x, atol=1e-4)
    assert 1 < found < temperature(p, codes)


def test_a_temperature_divides_the_logits():
    logits, _ = make_logits(20)
    assert_allclose(tempered(softmax(logits, axis=1), 2.5), softmax(logits / 2.5, axis=1))


def test_rows_that_are_all_right_are_made_as_sure_as_can_be():
    assert_allclose(temperature(np.array([[0.6, 0.4], [0.3, 0.7]]), [0, 1]), COLDEST, rtol=1e-3)


def test_probabilities_of_0_do_no_harm():
    p = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    assert 1 < temperature(p, [0, 1, 1]) < 100
    assert_allclose(tempered(p, 2.0).sum(axis=1), 1)


def make_answers(n_source=400, n_target=300, share=0.8, seed=0):
    """Probabilities of class 1 by a rule on one column, in domains of other class proportions."""
    rng = np.random.default_rng(seed)
    codes, target = rng.integers(2, size=n_source), rng.random(n_target) < share
    p = [1 / (1 + np.exp(-2 * (2 * c - 1 + rng.normal(size=len(c))))) for c in (codes, target)]
    p_source, p_target = (np.column_stack([1 - one, one]) for one in p)
    return p_source, codes, p_target


def test_shares_explain_the_mean_answers():
    answers = mean_answers(*make_answers())
    shares = answered_shares(answers)
    assert_allclose(shares.sum(), 1)
    assert_allclose(shares @ answers.of_class, answers.of_target)


def test_perfect_answers_give_the_shares_themselves():
    p_source, p_target = np.eye(3)[[0, 1, 2, 2]], np.eye(3)[[0, 0, 0, 1]]
    shares = answered_shares(mean_answers(p_source, np.array([0, 1, 2, 2]), p_target))
    assert_allclose(shares, [0.75, 0.25, 0], atol=1e-12)


def test_the_intervals_cover_the_true_share():
    """Nominal 90 %: of 200 intervals, 180 on average, with a deviation of 4.2."""
    n_covered = 0
    for seed in range(200):
        rng = np.random.RandomState(seed)
        rows = make_answers(100, 100, share=0.75, seed=seed)
        _, low, high = share_intervals(*rows, level=0.05, generator=rng)
        n_covered += low[1] <= 0.75 <= high[1]
    assert 166 <= n_covered <= 193


def test_other_shares_are_bayes_rule():
    p = np.array([[0.9, 0.1], [0.5, 0.5]])
    expected = [[0.9 * 0.5, 0.1 * 1.5], [0.25, 0.75]]
    expected[0] = [value / (0.9 * 0.5 + 0.1 * 1.5) for value in expected[0]]
    found = with_shares(p, np.array([0.5, 0.5]), np.array([0.25, 0.75]))
    assert_allclose(found, expected)


def test_a_rule_that_holds_is_rejected_as_often_as_the_level_says():
    """Of 200 samples 10 on average; the deviation is 3.1."""
    rejected = 0
    for seed in range(200):
        logits, codes = make_logits(20, seed)
        p = softmax(logits, axis=1)
        rng = np.random.RandomState(seed)
        rejected += p_rule_holds(p, codes, n_draws=99, generator=rng) <= 0.05
    assert 1 <= rejected <= 20


def test_another_rule_is_found():
    logits, codes = make_logits(60)
    p = softmax(logits, axis=1)
    assert p_rule_holds(p, (codes + 1) % 3, generator=np.random.RandomState(0)) == 1 / 1000
