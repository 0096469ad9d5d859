"""Weighted risks: the loss on the target for the true ratio, and less noise by the control."""

import numpy as np
from numpy.testing import assert_allclose

from sktransfer._kernels.weighted_risk import controlled_risk, weighted_risk

RNG = np.random.default_rng(0)
SOURCE, TARGET = np.array([0.4, 0.3, 0.2, 0.1]), np.array([0.1, 0.2, 0.3, 0.4])
LOSS = np.array([0.0, 1.0, 0.5, 2.0])


def test_with_the_true_ratio_it_is_the_loss_on_the_target():
    rows = np.repeat(np.arange(4), [40, 30, 20, 10])  # in the proportions of the source
    risk = weighted_risk(LOSS[rows], (TARGET / SOURCE)[rows])
    assert_allclose(risk, TARGET @ LOSS)
    assert_allclose(controlled_risk(LOSS[rows], (TARGET / SOURCE)[rows]), TARGET @ LOSS)


def test_the_control_by_its_definition():
    losses, weights = RNG.random(30), RNG.gamma(2, size=30)
    covariance = np.cov(weights * losses, weights)
    eta = -covariance[0, 1] / covariance[1, 1]
    expected = np.mean(weights * losses) + eta * np.mean(weights) - eta
    assert_allclose(controlled_risk(losses, weights), expected)
    assert abs(expected - weighted_risk(losses, weights)) > 0.01


def test_a_constant_loss_is_known_whatever_the_weights():
    weights = RNG.gamma(2, size=30)
    assert_allclose(controlled_risk(np.full(30, 0.3), weights), 0.3)


def test_without_control_it_is_the_weighted_risk():
    losses, weights = RNG.random(30), RNG.gamma(2, size=30)
    assert controlled_risk(losses, np.full(30, 2.0)) == weighted_risk(losses, np.full(30, 2.0))
    weights /= weights.mean()
    assert_allclose(controlled_risk(losses, weights), weighted_risk(losses, weights))


def test_the_control_removes_noise():
    errors = []
    for _ in range(200):
        rows = RNG.choice(4, size=50, p=SOURCE)
        losses, weights = LOSS[rows], (TARGET / SOURCE)[rows]
        errors.append(
            [risk(losses, weights) - TARGET @ LOSS for risk in (weighted_risk, controlled_risk)]
        )
    weighted, controlled = np.mean(np.square(errors), axis=0)
    assert controlled < 0.6 * weighted
