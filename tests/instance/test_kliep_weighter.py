"""KLIEPWeighter: known ratios, its optimum, its laws, and what it says when it cannot."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import ConvergenceWarning

from sktransfer.instance import KLIEPWeighter
from tests.shelf import make_gaussians, whole


def test_the_ratio_of_two_gaussians():
    X, sample_domain, ratio = make_gaussians()
    weighter = KLIEPWeighter(random_state=0).fit(X, sample_domain=sample_domain)
    weights = weighter.weights_[:1000]
    assert np.corrcoef(weights, ratio)[0, 1] > 0.98
    assert_allclose(np.mean(np.abs(weights - ratio)), 0, atol=0.12)
    assert_allclose(weights @ X[:1000, 0] / 1000, 0.5, atol=0.1)
    expected = ratio.sum() ** 2 / (ratio @ ratio)
    assert_allclose(weighter.effective_sample_size_, expected, rtol=0.1)
    # E_t[log r] is the Kullback-Leibler divergence of the two Gaussians.
    divergence = (0.7**2 + 0.5**2 - 1) / 2 - np.log(0.7)
    assert_allclose(weighter.scores_.max(), divergence, atol=0.05)


def test_the_weights_are_optimal_in_terms_of_rows():
    X, sample_domain, _ = make_gaussians(80, 60)
    weighter = KLIEPWeighter(width=0.4, random_state=0).fit(X, sample_domain=sample_domain)
    kernel = np.exp(-((X - weighter.centers_.T) ** 2) / (2 * 0.4**2))
    ratio = kernel @ weighter.coef_
    assert_allclose(ratio[:80].mean(), 1, rtol=1e-12)
    assert_allclose(weighter.weights_[:80], ratio[:80], rtol=1e-10)
    slopes = (kernel[80:] / ratio[80:, None]).mean(axis=0) / kernel[:80].mean(axis=0)
    assert slopes.max() <= 1 + 1e-8
    assert_allclose(weighter.optimality_gap_, slopes.max() - 1, atol=1e-12)
    assert np.isnan(weighter.scores_).all()
    assert (weighter.coef_ == 0).sum() > 40


def test_the_score_is_the_likelihood_of_rows_left_out():
    # Two target rows in two folds, and the same two as centres: one row's fit puts all weight on
    # the better centre for it, which is itself.
    X = np.array([[0.0], [1.0], [0.0], [1.0]])
    weighter = KLIEPWeighter(width=[0.5, 1.0], cv=2, random_state=0)
    weighter.fit(X, sample_domain=["s", "s", "target", "target"])
    far = np.exp(-1 / (2 * np.array([0.5, 1.0]) ** 2))
    assert_allclose(weighter.scores_, np.log(far / ((1 + far) / 2)), rtol=1e-4)
    assert weighter.width_ == 1.0


def test_a_width_that_was_chosen_gives_what_it_gives_alone():
    X, sample_domain, _ = make_gaussians(300, 200)
    chosen = KLIEPWeighter(random_state=0, tol=1e-11).fit(X, sample_domain=sample_domain)
    alone = KLIEPWeighter(width=chosen.width_, random_state=0, tol=1e-11)
    alone.fit(X, sample_domain=sample_domain)
    assert len(chosen.scores_) == 7
    assert_allclose(alone.weights_, chosen.weights_, atol=1e-4)


def test_the_same_rows_on_both_sides_weigh_one():
    X = np.random.default_rng(0).normal(size=(150, 2))
    both, sample_domain = np.r_[X, X], ["s"] * 150 + ["target"] * 150
    weighter = KLIEPWeighter(random_state=0).fit(both, sample_domain=sample_domain)
    inner = np.linalg.norm(X, axis=1) < 1.5
    assert_allclose(weighter.weights_[:150][inner], 1, atol=0.25)
    assert weighter.effective_sample_size_ > 140


def test_without_sources_all_weigh_one_and_nothing_of_an_earlier_fit_is_left():
    X, sample_domain, _ = make_gaussians(80, 60)
    weighter = KLIEPWeighter(random_state=0).fit(X, sample_domain=sample_domain).fit(X)
    assert_array_equal(weighter.weights_, np.ones(140))
    assert_array_equal(weighter.weigh(X[:3]), np.ones(3))
    assert weighter.width_ is weighter.scores_ is weighter.optimality_gap_ is weighter.coef_ is None


def test_too_few_steps_are_said():
    X, sample_domain, _ = make_gaussians(80, 60)
    pattern = (
        r"^KLIEPWeighter stopped after max_iter=1 steps with an optimality gap of \d\.\de-\d\d, "
        r"above tol=1e-08; increase max_iter\.$"
    )
    with pytest.warns(ConvergenceWarning, match=pattern):
        KLIEPWeighter(width=0.2, max_iter=1, random_state=0).fit(X, sample_domain=sample_domain)


def test_domains_that_do_not_meet():
    X = np.r_[np.zeros((5, 1)), np.full((5, 1), 100.0)]
    message = (
        "KLIEPWeighter finds no maximum of the likelihood for width=1.0: a centre has no source row"
        " near it or a target row no centre; check that both domains have the same features in the "
        "same units, or pass a larger width."
    )
    with pytest.raises(ValueError, match=whole(message)):
        KLIEPWeighter(width=1.0).fit(X, sample_domain=["s"] * 5 + ["target"] * 5)


def test_a_width_that_is_too_narrow_is_not_chosen():
    X, sample_domain, _ = make_gaussians(80, 60)
    weighter = KLIEPWeighter(width=[1e-4, 0.5], random_state=0)
    weighter.fit(X, sample_domain=sample_domain)
    assert weighter.scores_[0] == -np.inf
    assert weighter.width_ == 0.5


def test_a_width_is_a_positive_number():
    X, sample_domain, _ = make_gaussians(8, 6)
    message = (
        "width=[0.0] must be a positive number, a list of positive numbers to choose from, or None."
    )
    with pytest.raises(ValueError, match=whole(message)):
        KLIEPWeighter(width=[0.0]).fit(X, sample_domain=sample_domain)
