"""The tables of density ratios: the truth they are held against, and densratio's digits."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.integrate import quad
from scipy.stats import norm

from benchmarks import density_ratios
from benchmarks._shifted_data import SINC, Gaussians
from benchmarks.density_ratios import (
    ALPHA,
    DENSRATIO,
    WEIGHTERS,
    compare_gaussians,
    compare_shifts,
    densratio_example,
    quality,
    relative,
    source_weights,
    true_divergences,
)


def test_the_ratio_of_two_gaussians_is_that_of_their_densities():
    setting = Gaussians(2, 1.0, 0.5)
    X = np.array([[0.3, -0.7]])
    expected = np.prod([norm.pdf(x, 1.0, 0.5) / norm.pdf(x) for x in X[0]])
    assert_allclose(setting.ratio(X), [expected])


def test_the_mean_of_the_ratio_over_the_source_is_one():
    for setting in density_ratios.SETTINGS:
        X_source, _ = setting.draw(200_000, np.random.default_rng(0))
        assert_allclose(setting.ratio(X_source).mean(), 1, atol=0.03)
    X_source = np.random.default_rng(0).normal(1, 0.5, size=(200_000, 1))
    assert_allclose(SINC.ratio(X_source).mean(), 1, atol=0.03)


def test_the_target_is_drawn_from_the_density_of_the_numerator():
    setting = Gaussians(3, 0.5, 0.8)
    _, X_target = setting.draw(50_000, np.random.default_rng(0))
    assert_allclose(X_target.mean(axis=0), 0.5, atol=0.02)
    assert_allclose(X_target.std(axis=0), 0.8, atol=0.02)


def test_relative_ratios_are_bounded_and_those_without_alpha_are_ratios():
    ratio = np.array([0.0, 1.0, 1e9])
    assert_allclose(relative(ratio), [0, 1 / (0.1 * 1 + 0.9), 1 / 0.1])
    assert_allclose(relative(ratio, alpha=0), ratio)


def test_quality_of_the_truth_of_equal_weights_and_by_hand():
    truth = np.array([1.0, 3.0])
    error, share, correlation = quality(truth * 7, truth)
    assert_allclose([error, share, correlation], [0, 2**2 / ((1 + 9) / 2), 1], atol=1e-12)
    # Of mean 1 the truth is (1/2, 3/2), the weights are (1, 1).
    error, share, correlation = quality(np.ones(2), truth)
    assert_allclose([error, share], [np.sqrt(0.5 / 2.5), 1])
    assert np.isnan(correlation)


def test_the_error_of_equal_weights_is_what_the_effective_sample_size_says():
    truth = np.random.default_rng(0).exponential(size=50)
    error, _, _ = quality(np.ones(50), truth)
    _, share, _ = quality(truth, truth)
    assert_allclose(error**2, 1 - share)


@pytest.mark.parametrize("name", WEIGHTERS)
def test_every_weighter_leans_to_the_true_ratio(name):
    setting = Gaussians(1, 1.0, 0.5)
    rows = setting.draw(300, np.random.default_rng(0))
    weights = source_weights(WEIGHTERS[name](0), *rows)
    assert_allclose(weights.mean(), 1)
    # The discriminator is linear and the logarithm of this ratio is not: it only leans.
    assert quality(weights, setting.ratio(rows[0]))[2] > (0.1 if name == "discriminator" else 0.5)


@pytest.mark.filterwarnings("ignore:The weights of:sktransfer.exceptions.TransferWarning")
def test_a_table_of_gaussians_has_the_truth_without_error_and_names_the_losers():
    table = compare_gaussians(Gaussians(1, 1.0, 0.5), (40,), n_draws=1)
    rows = {row[0]: row[1:] for row in table.rows}
    assert rows["true ratio"][0] == "0.000 (0.000)"
    assert rows["none"][1:] == ("1.00", "")
    named = table.notes[-1]
    for name in WEIGHTERS:
        lost = float(rows[name][0].split()[0]) >= float(rows["none"][0].split()[0])
        assert (f"{name} at 40 rows" in named) == lost


def test_the_example_of_densratio_comes_out_to_what_the_centres_leave_open():
    found = {row[0]: row[1:] for row in densratio_example().rows}
    ours = found["ours, its width and ridge, the same"]
    assert ours[:3] == (100, 0.1, 0.1)
    assert_allclose(ours[3], DENSRATIO["PE"], rtol=0, atol=5e-4)
    assert_allclose(ours[4], DENSRATIO["KL"], rtol=0, atol=5e-3)
    assert_allclose(found["ours, its grid, 20 draws of centres"][1], DENSRATIO["width"])


def test_the_true_divergences_are_those_of_adaptive_integration():
    def parts(x):
        target = norm.pdf(x, 0, 1 / 8)
        return target, ALPHA * target + (1 - ALPHA) * norm.pdf(x, 0, 1 / 2)

    def pearson(x):
        target, mixture = parts(x)
        return (target - mixture) ** 2 / mixture / 2

    def kullback(x):
        target, mixture = parts(x)
        return target * np.log(target / mixture) if target > 0 else 0.0

    expected = [quad(function, -3, 3, points=[0])[0] for function in (pearson, kullback)]
    assert_allclose(true_divergences(), expected, rtol=1e-6)


@pytest.mark.filterwarnings("ignore:The weights of:sktransfer.exceptions.TransferWarning")
def test_labels_of_the_unlabelled_target_rows_are_not_read():
    found = density_ratios.REGRESSION(SINC, 0)
    (X_source, y_source), target, test = SINC.draw(0)
    model = density_ratios.LinearRegression().fit(X_source, y_source)
    assert_allclose(found["none"], np.mean((model.predict(test[0]) - test[1]) ** 2))
    model.fit(X_source, y_source, sample_weight=SINC.ratio(X_source))
    assert_allclose(found["true ratio"], np.mean((model.predict(test[0]) - test[1]) ** 2))
    model.fit(target[0][:3], target[1][:3])
    name = "3 target labels alone"
    assert_allclose(found[name], np.mean((model.predict(test[0]) - test[1]) ** 2))


def test_a_draw_of_few_labels_of_one_class_is_left_out():
    def error(*_):
        raise AssertionError("nothing is to be fitted")

    parts = None, (np.zeros((4, 1)), np.zeros(4)), None
    assert np.isnan(density_ratios.few_labels_error(None, parts, 3, error, error))


def test_the_table_counts_draws_and_names_weights_that_lose():
    def errors_of(shift, seed):
        return {"none": 1.0, "KMM": [0.5, 1.0][seed], "uLSIF": 2.0, "true ratio": 3.0}

    table = compare_shifts("T", (SINC,), errors_of, n_draws=2, digits=1, notes=())
    assert table.rows == (
        ("none", "1.0 (0.0)", ""),
        ("KMM", "0.8 (0.2)", "1 of 2"),
        ("uLSIF", "2.0 (0.0)", "0 of 2"),
        ("true ratio", "3.0 (0.0)", "0 of 2"),
    )
    assert table.notes == ("Weights that lose to none on average: uLSIF (sinc).",)
