"""Gains of sources against models that are fitted again without each row."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score

from sktransfer._kernels.intervals import corrected_interval
from sktransfer._kernels.task_gains import (
    RELATIVE_ALPHAS,
    gains_of_sources,
    leave_one_out_losses,
)

RNG = np.random.default_rng(0)
X = RNG.normal(size=(14, 6)) + 1
RULE = RNG.normal(size=6)
Y = X @ RULE + 3 + RNG.normal(size=14)
RULES = np.array([RULE, -RULE, 0 * RULE, RNG.normal(size=6)])
OUTPUTS = X @ RULES.T
ALONE, STARTED, ALPHA = leave_one_out_losses(X, Y, OUTPUTS)


def _by_refits(coef):
    """Predictions of each row by ridge regression that shrinks to `coef`, and the best strength."""
    scale = np.mean(np.linalg.svd(X - X.mean(axis=0), compute_uv=False) ** 2)
    found = []
    for alpha in scale * RELATIVE_ALPHAS:
        predictions = np.empty(len(Y))
        for row in range(len(Y)):
            rest = np.arange(len(Y)) != row
            model = Ridge(alpha).fit(X[rest], Y[rest] - X[rest] @ coef)
            predictions[row] = model.predict(X[[row]])[0] + X[row] @ coef
        found.append((np.mean((Y - predictions) ** 2), alpha, predictions))
    return min(found, key=lambda each: each[0])[1:]


def test_losses_are_those_of_refits_without_the_row():
    alpha, predictions = _by_refits(np.zeros(6))
    assert alpha == pytest.approx(ALPHA)
    assert_allclose(ALONE, (Y - predictions) ** 2, rtol=1e-8)
    for rule, losses in zip(RULES, STARTED.T, strict=True):
        assert_allclose(losses, (Y - _by_refits(rule)[1]) ** 2, rtol=1e-8)


def test_the_gain_is_a_difference_of_r2_with_the_corrected_interval():
    found = gains_of_sources(Y, ALONE, STARTED, level=0.8)
    before = r2_score(Y, _by_refits(np.zeros(6))[1])
    for rule, losses, *numbers in zip(RULES, STARTED.T, *found, strict=True):
        differences = (ALONE - losses) / np.var(Y)
        expected = corrected_interval(differences, n_train=13, n_test=1, level=0.8)
        assert_allclose(numbers, expected)
        assert numbers[0] == pytest.approx(r2_score(Y, _by_refits(rule)[1]) - before)


def test_a_source_of_zeros_or_of_a_constant_changes_nothing():
    alone, started, _ = leave_one_out_losses(X, Y, np.outer(np.ones(14), [0.0, 7.0]))
    assert_allclose(started, alone[:, None] * [1, 1])


def test_rows_that_are_all_equal_have_no_gain():
    alone, started, _ = leave_one_out_losses(np.ones((5, 2)), Y[:5], np.ones((5, 1)))
    assert_allclose(started[:, 0], alone)
    rest = (Y[:5].sum() - Y[:5]) / 4
    assert_allclose(alone, (Y[:5] - rest) ** 2)
