"""Calibration by a temperature: its definition and its limits."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import softmax
from sklearn.metrics import log_loss

from sktransfer._kernels.label_shift import COLDEST, temperature, tempered


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


def test_a_temperature_divides_the_logits():
    logits, _ = make_logits(20)
    assert_allclose(tempered(softmax(logits, axis=1), 2.5), softmax(logits / 2.5, axis=1))


def test_rows_that_are_all_right_are_made_as_sure_as_can_be():
    assert_allclose(temperature(np.array([[0.6, 0.4], [0.3, 0.7]]), [0, 1]), COLDEST, rtol=1e-3)


def test_probabilities_of_0_do_no_harm():
    p = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    assert 1 < temperature(p, [0, 1, 1]) < 100
    assert_allclose(tempered(p, 2.0).sum(axis=1), 1)
