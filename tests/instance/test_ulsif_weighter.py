"""ULSIFWeighter: known ratios, its laws, and what it says when it cannot."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from sktransfer.instance import ULSIFWeighter
from tests.shelf import make_gaussians, whole


def test_the_ratio_of_two_gaussians():
    X, sample_domain, ratio = make_gaussians()
    weighter = ULSIFWeighter(random_state=0).fit(X, sample_domain=sample_domain)
    weights = weighter.weights_[:1000]
    assert np.corrcoef(weights, ratio)[0, 1] > 0.97
    assert_allclose(np.mean(np.abs(weights - ratio)), 0, atol=0.15)
    assert_allclose(weights @ X[:1000, 0] / 1000, 0.5, atol=0.1)
    expected = ratio.sum() ** 2 / (ratio @ ratio)
    assert_allclose(weighter.effective_sample_size_, expected, rtol=0.1)


def test_with_few_rows_it_is_nearer_to_the_ratio_than_equal_weights():
    errors, plain = [], []
    for seed in range(10):
        X, sample_domain, ratio = make_gaussians(200, 200, seed=seed)
        weighter = ULSIFWeighter(random_state=0).fit(X, sample_domain=sample_domain)
        errors.append(np.mean(np.abs(weighter.weights_[:200] - ratio)))
        plain.append(np.mean(np.abs(1 - ratio)))
    assert max(errors) < 0.8 * np.mean(plain)
    assert np.mean(errors) < 0.3 * np.mean(plain)


def test_the_relative_ratio_is_bounded_by_one_over_alpha():
    X, sample_domain, ratio = make_gaussians()
    weighter = ULSIFWeighter(alpha=0.5, random_state=0).fit(X, sample_domain=sample_domain)
    relative = ratio / (0.5 * ratio + 0.5)
    weights = weighter.weights_[:1000]
    assert np.corrcoef(weights, relative)[0, 1] > 0.97
    assert_allclose(weights, relative / relative.mean(), atol=0.45)
    assert weights.max() < 2 / relative.mean() * 1.15
    plain = ULSIFWeighter(random_state=0).fit(X, sample_domain=sample_domain)
    assert weighter.effective_sample_size_ > plain.effective_sample_size_


def test_the_example_of_densratio():
    # github.com/hoxo-m/densratio_py, README: numpy seed 1, x ~ N(0, 1/8), y ~ N(0, 1/2), 500 each,
    # alpha = 0.1: sigma 0.1, lambda 0.1, PE 0.6188, KL 0.7038. Its centres are another draw.
    rng = np.random.RandomState(1)
    x, y = rng.standard_normal(500) / 8, rng.standard_normal(500) / 2
    X, sample_domain = np.r_[y, x][:, None], ["y"] * 500 + ["target"] * 500
    grid = 10.0 ** np.linspace(-3, 1, 9)
    weighter = ULSIFWeighter(alpha=0.1, width=grid, ridge=0.1, random_state=0)
    weighter.fit(X, sample_domain=sample_domain)
    assert_allclose(weighter.width_, 0.1)
    scale = weighter._scale
    on_y, on_x = scale * weighter.weights_[:500], scale * weighter.weigh(x[:, None])
    divergence = on_x.mean() - 0.1 / 2 * np.mean(on_x**2) - 0.9 / 2 * np.mean(on_y**2) - 1 / 2
    assert_allclose(divergence, 0.6188, atol=0.02)
    assert_allclose(np.log(on_x).mean(), 0.7038, atol=0.02)


def test_the_same_rows_on_both_sides_weigh_one():
    X = np.random.default_rng(0).normal(size=(150, 2))
    both, sample_domain = np.r_[X, X], ["s"] * 150 + ["target"] * 150
    weighter = ULSIFWeighter(random_state=0).fit(both, sample_domain=sample_domain)
    inner = np.linalg.norm(X, axis=1) < 1.5
    assert_allclose(weighter.weights_[:150][inner], 1, atol=0.25)


def test_the_smallest_leave_one_out_score_chooses():
    X, sample_domain, _ = make_gaussians(80, 60)
    weighter = ULSIFWeighter(width=[0.1, 0.5, 5.0], ridge=[0.01, 1.0], random_state=0)
    weighter.fit(X, sample_domain=sample_domain)
    assert weighter.scores_.shape == (3, 2)
    i, j = np.unravel_index(np.argmin(weighter.scores_), (3, 2))
    assert weighter.width_ == [0.1, 0.5, 5.0][i]
    assert weighter.ridge_ == [0.01, 1.0][j]
    alone = ULSIFWeighter(width=weighter.width_, ridge=weighter.ridge_, random_state=0)
    alone.fit(X, sample_domain=sample_domain)
    assert_array_equal(alone.weights_, weighter.weights_)


def test_without_sources_all_weigh_one_and_nothing_of_an_earlier_fit_is_left():
    X, sample_domain, _ = make_gaussians(80, 60)
    weighter = ULSIFWeighter(random_state=0).fit(X, sample_domain=sample_domain).fit(X)
    assert_array_equal(weighter.weights_, np.ones(140))
    assert_array_equal(weighter.weigh(X[:3]), np.ones(3))
    assert weighter.width_ is weighter.ridge_ is weighter.coef_ is weighter.centers_ is None
    assert weighter.effective_sample_size_ == 0
    assert clone(weighter).get_params() == weighter.get_params()


def test_constant_features_weigh_one():
    weighter = ULSIFWeighter().fit(np.ones((9, 2)), sample_domain=["s"] * 5 + ["target"] * 4)
    assert_allclose(weighter.weights_, 1)


def test_too_few_rows():
    message = (
        "ULSIFWeighter needs at least 2 source rows, of all sources together, and as many target "
        "rows, but sample_domain names 1 and 3; add rows."
    )
    with pytest.raises(ValueError, match=whole(message)):
        ULSIFWeighter().fit(np.eye(4), sample_domain=["s"] + ["target"] * 3)


def test_domains_that_do_not_meet():
    X = np.r_[np.zeros((5, 1)), np.full((5, 1), 100.0)]
    message = (
        "ULSIFWeighter finds no source row near a target row: the mean of their weights is 0, but"
        " it must be positive; check that both domains have the same features in the same units, or"
        " widen the kernel."
    )
    with pytest.raises(ValueError, match=whole(message)):
        ULSIFWeighter(width=1.0).fit(X, sample_domain=["s"] * 5 + ["target"] * 5)


@pytest.mark.parametrize(("name", "value"), [("width", [1.0, -1.0]), ("ridge", [])])
def test_candidates_are_positive_numbers(name, value):
    X, sample_domain, _ = make_gaussians(8, 6)
    message = (
        f"{name}={value!r} must be a positive number, a list of positive numbers to choose from, "
        "or None."
    )
    with pytest.raises(ValueError, match=whole(message)):
        ULSIFWeighter(**{name: value}).fit(X, sample_domain=sample_domain)
