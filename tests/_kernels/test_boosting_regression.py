"""The formulas of boosting for regression, against arithmetic by hand and a second writing."""

from math import exp, log

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sktransfer._kernels.boosting_regression import (
    adjusted_errors,
    reweight_target,
    shrink_source,
    target_share,
    weighted_median,
)

# Two source rows, three target rows.
IS_SOURCE = np.array([True, True, False, False, False])


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        ("linear", [1 / 4, 0, 2 / 4, 1]),
        ("square", [1 / 16, 0, 4 / 16, 1]),
        ("exponential", [1 - exp(-1 / 4), 0, 1 - exp(-2 / 4), 1 - exp(-1)]),
    ],
)
def test_adjusted_errors_by_hand(loss, expected):
    found = adjusted_errors(np.array([1.0, 0.0, -2.0, 4.0]), loss=loss)
    assert_allclose(found, expected, rtol=1e-15)


@pytest.mark.parametrize("loss", ["linear", "square", "exponential"])
def test_adjusted_errors_know_no_unit_and_no_sign(loss):
    residuals = np.random.default_rng(0).normal(size=50)
    expected = adjusted_errors(residuals, loss=loss)
    assert_allclose(adjusted_errors(-7.3 * residuals, loss=loss), expected, rtol=1e-13)
    assert_array_equal(adjusted_errors(np.zeros(3), loss=loss), np.zeros(3))


def test_the_residuals_are_left_as_they_were():
    residuals = np.array([1.0, -2.0])
    adjusted_errors(residuals, loss="square")
    assert_array_equal(residuals, [1.0, -2.0])


def test_weighted_median_by_hand():
    # First sample: 1 (weight 2), 5 (3), 9 (4): half of 9 is reached at 5. Second: at 2 + 4 of 9.
    said = np.array([[5.0, 3.0], [1.0, 1.0], [9.0, 2.0]])
    assert_array_equal(weighted_median(said, np.array([3.0, 2.0, 4.0])), [5.0, 2.0])


def test_weighted_median_of_equal_weights_is_the_lower_median():
    said = np.random.default_rng(0).normal(size=(7, 40))
    assert_array_equal(weighted_median(said, np.ones(7)), np.median(said, axis=0))
    assert_array_equal(weighted_median(said[:4], np.ones(4)), np.sort(said[:4], axis=0)[1])


def test_weighted_median_is_the_infimum_of_drucker():
    rng = np.random.default_rng(1)
    said, weights = rng.integers(0, 9, size=(11, 60)).astype(float), rng.integers(1, 9, 11)
    found = weighted_median(said, weights.astype(float))
    for sample in range(60):
        enough = [
            y for y in said[:, sample] if 2 * weights[said[:, sample] <= y].sum() >= sum(weights)
        ]
        assert found[sample] == min(enough)


def test_the_update_of_target_rows_by_hand():
    # beta_t = 1/4: factors 4 ** e on the target, which keeps its 0.6; the source is frozen.
    weights, errors = np.array([0.3, 0.1, 0.2, 0.2, 0.2]), np.array([1.0, 0.2, 1.0, 0.5, 0.0])
    found = reweight_target(weights, errors, IS_SOURCE, vote=log(4))
    expected = [0.3, 0.1, *(0.6 * np.array([4, 2, 1]) / (4 + 2 + 1))]
    assert_allclose(found, expected, rtol=1e-14)
    # The paper's own form, beta_t ** (1 - e), differs by a factor that all target rows share.
    paper = weights[2:] * (1 / 4) ** (1 - errors[2:])
    assert_allclose(found[2:], 0.6 * paper / paper.sum(), rtol=1e-14)


def test_the_update_of_target_rows_survives_extreme_votes():
    weights = np.full(5, 0.2)
    found = reweight_target(weights, np.array([0, 0, 1.0, 0.5, 0]), IS_SOURCE, vote=1e5)
    assert_allclose(found, [0.2, 0.2, 0.6, 0, 0], atol=1e-15)
    assert (found > 0).all()


def test_target_shares_go_from_all_rows_alike_to_the_target_alone():
    found = [target_share(t, n_source=30, n_target=10, n_steps=4) for t in range(4)]
    assert_allclose(found, [1 / 4, 1 / 4 + 1 / 3 * 3 / 4, 1 / 4 + 2 / 3 * 3 / 4, 1], rtol=1e-15)


def test_shrinking_by_hand():
    # Errors 1 and 2/2: one factor beta for both source rows, target rows 0.6 of a + 0.6 = 1/0.8.
    found = shrink_source(np.full(5, 0.2), np.array([1.0, 1.0, 0.3, 0.9, 0]), IS_SOURCE, share=0.8)
    beta = (0.6 * 0.2 / 0.8) / 0.4
    expected = np.array([0.2 * beta, 0.2 * beta, 0.2, 0.2, 0.2])
    assert_allclose(found, expected / expected.sum(), rtol=1e-12)


def test_shrinking_with_two_errors_solves_its_quadratic():
    # With s = beta ** (1/2): 0.2 s + 0.2 s ** 2 = 0.6 (1 - 0.75) / 0.75 = 0.2.
    found = shrink_source(np.full(5, 0.2), np.array([0.5, 1.0, 0, 0, 0]), IS_SOURCE, share=0.75)
    s = (np.sqrt(5) - 1) / 2
    expected = np.array([0.2 * s, 0.2 * s**2, 0.2, 0.2, 0.2])
    assert_allclose(found, expected / 0.8, rtol=1e-12)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("share", [0.31, 0.5, 0.9, 0.999, 1 - 1e-9])
def test_the_target_gets_its_share_and_its_proportions_stay(seed, share):
    rng = np.random.default_rng(seed)
    weights, errors = rng.random(200), rng.random(200) ** 3
    is_source = np.arange(200) < 150
    weights[~is_source] *= 0.3 / weights[~is_source].sum()
    weights[is_source] *= 0.7 / weights[is_source].sum()
    found = shrink_source(weights, errors, is_source, share=share)
    assert_allclose(found[~is_source].sum(), share, rtol=1e-10)
    assert_allclose(found.sum(), 1, rtol=1e-13)
    target_ratio = found[~is_source] / weights[~is_source]
    assert_allclose(target_ratio, target_ratio[0], rtol=1e-12)
    # One beta for all: ln(ratio) is a line through the error, with the target at error 0.
    left = is_source & (found > 0)
    ratio = np.log(found[left] / weights[left] / target_ratio[0])
    steepest = np.argmax(errors[left])
    expected = errors[left] * (ratio[steepest] / errors[left][steepest])
    assert_allclose(ratio, expected, rtol=1e-6, atol=1e-9)
    assert ratio[steepest] < 0


def test_a_share_of_one_leaves_the_target_alone():
    found = shrink_source(np.full(5, 0.2), np.full(5, 0.5), IS_SOURCE, share=1.0)
    assert_allclose(found, [0, 0, 1 / 3, 1 / 3, 1 / 3], rtol=1e-15)


def test_source_rows_without_error_cannot_shrink():
    weights = np.full(5, 0.2)
    assert_allclose(shrink_source(weights, np.zeros(5), IS_SOURCE, share=0.9), weights)
    found = shrink_source(weights, np.array([0, 1e-9, 0, 0, 0]), IS_SOURCE, share=0.9)
    assert_allclose(found, [1 / 4, 0, 1 / 4, 1 / 4, 1 / 4], atol=1e-15)
