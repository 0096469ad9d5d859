"""KMMWeighter: matched means, known ratios, its laws, and what it says when it cannot."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import ConvergenceWarning

from sktransfer._kernels import kmm_in_use
from sktransfer.instance import KMMWeighter, _kmm_weighter
from tests.shelf import make_gaussians, whole


def test_the_ratio_of_two_gaussians():
    X, sample_domain, ratio = make_gaussians()
    weighter = KMMWeighter(ridge=1.0).fit(X, sample_domain=sample_domain)
    weights = weighter.weights_[:1000]
    assert np.corrcoef(weights, ratio)[0, 1] > 0.95
    assert_allclose(np.mean(np.abs(weights - ratio)), 0, atol=0.25)
    assert_allclose(weights @ X[:1000, 0] / 1000, 0.5, atol=0.1)
    expected = ratio.sum() ** 2 / (ratio @ ratio)
    assert_allclose(weighter.effective_sample_size_, expected, rtol=0.15)
    assert weighter.kkt_gap_ < 1e-8


@pytest.mark.parametrize("n_components", [None, 1000])  # exact both, if every row is a landmark
@pytest.mark.parametrize("n_source", [80, 256])  # 256: the far row is alone in its block
@pytest.mark.parametrize("far", [1e8, -1e12])
def test_one_source_row_far_out_changes_no_other_weight(far, n_source, n_components):
    X, sample_domain, _ = make_gaussians(n_source, 60)
    weighter = KMMWeighter(width=0.8, ridge=0.1, n_components=n_components, tol=1e-12)
    expected = weighter.fit(X, sample_domain=sample_domain).weights_[:n_source]
    weighter.fit(np.r_[[[far]], X], sample_domain=["s", *sample_domain])
    assert weighter.weights_[0] < 1e-6
    weights = weighter.weights_[1 : n_source + 1]
    assert_allclose(weights / weights.mean(), expected, atol=1e-6)


def test_the_means_meet_in_feature_space():
    X, sample_domain, _ = make_gaussians(80, 60)
    weighter = KMMWeighter(width=0.8, ridge=1e-6, sum_slack=0).fit(X, sample_domain=sample_domain)
    at = np.linspace(-1, 2, 7)  # the mean function, <mean, k(x, .)>, anywhere
    features = np.exp(-((X - at) ** 2) / (2 * 0.8**2))
    target = features[80:].mean(axis=0)
    before = np.abs(features[:80].mean(axis=0) - target).max()
    after = np.abs(weighter.weights_[:80] @ features[:80] / 80 - target).max()
    assert after < before / 30


def test_the_same_rows_on_both_sides_weigh_one():
    X = np.random.default_rng(0).normal(size=(150, 2))
    both, sample_domain = np.r_[X, X], ["s"] * 150 + ["target"] * 150
    weighter = KMMWeighter(ridge=1e-6, width=0.3).fit(both, sample_domain=sample_domain)
    assert_allclose(weighter.weights_, 1, atol=1e-4)
    assert_allclose(weighter.mean_, 1, atol=1e-4)


def test_the_bound_and_the_slack_hold():
    X, sample_domain, _ = make_gaussians(80, 60)
    tight = KMMWeighter(bound=2.0, sum_slack=0.01).fit(X, sample_domain=sample_domain)
    assert tight.mean_ * tight.weights_[:80].max() <= 2 + 1e-9
    assert 0.99 - 1e-8 <= tight.mean_ <= 1.01 + 1e-8
    assert tight.kkt_gap_ < 1e-6
    loose = KMMWeighter().fit(X, sample_domain=sample_domain)
    assert loose.weights_[:80].max() > tight.weights_[:80].max()


def test_every_row_has_its_weight_whatever_their_number():
    for n_source in (1, 7, 150):
        X, sample_domain, _ = make_gaussians(n_source, 40)
        weighter = KMMWeighter(n_components=20).fit(X, sample_domain=sample_domain)
        assert_allclose(weighter.weights_[:n_source].mean(), 1, rtol=1e-10)


@pytest.mark.filterwarnings("ignore:The weights of:sktransfer.exceptions.TransferWarning")
def test_rows_given_twice_share_their_weight():
    X, sample_domain, _ = make_gaussians(40, 30)
    X[1] = X[0]
    weights = KMMWeighter().fit(X, sample_domain=sample_domain).weights_
    assert_allclose(weights[1], weights[0], atol=1e-4)


def test_nystroem_is_near_the_exact_optimum():
    X, sample_domain, _ = make_gaussians()
    exact = KMMWeighter(ridge=1.0, n_components=None).fit(X, sample_domain=sample_domain)
    near = KMMWeighter(ridge=1.0, n_components=30).fit(X, sample_domain=sample_domain)
    assert_allclose(near.weights_, exact.weights_, atol=0.01)
    assert near.kkt_gap_ < 1e-8


def test_new_rows_have_no_weight():
    assert not hasattr(KMMWeighter(), "weigh")


def test_without_sources_all_weigh_one_and_nothing_of_an_earlier_fit_is_left():
    X, sample_domain, _ = make_gaussians(80, 60)
    weighter = KMMWeighter().fit(X, sample_domain=sample_domain).fit(X)
    assert_array_equal(weighter.weights_, np.ones(140))
    assert weighter.kkt_gap_ is weighter.width_ is weighter.mean_ is None


def test_too_few_steps_are_said():
    X, sample_domain, _ = make_gaussians(80, 60)
    pattern = (
        r"^KMMWeighter stopped after max_iter=1 steps with a gap of \d\.\de-\d\d to the optimum, "
        r"for tol=1e-08; increase max_iter\.$"
    )
    with pytest.warns(ConvergenceWarning, match=pattern):
        KMMWeighter(max_iter=1).fit(X, sample_domain=sample_domain)


def test_a_bound_that_leaves_no_solution():
    X, sample_domain, _ = make_gaussians(100, 60)
    message = (
        "bound=0.5 holds the mean weight below 1 - sum_slack, which is 0.75 for 100 source rows; "
        "increase bound or sum_slack."
    )
    with pytest.raises(ValueError, match=whole(message)):
        KMMWeighter(bound=0.5, sum_slack=0.25).fit(X, sample_domain=sample_domain)


def test_domains_that_do_not_meet():
    X = np.r_[np.zeros((5, 1)), np.full((5, 1), 100.0)]
    message = (
        "KMMWeighter finds no source row near a target row: the mean of their weights is 0, but"
        " it must be positive; check that both domains have the same features in the same units, or"
        " widen the kernel."
    )
    with pytest.raises(ValueError, match=whole(message)):
        KMMWeighter(width=1.0).fit(X, sample_domain=["s"] * 5 + ["target"] * 5)


def test_above_so_many_rows_the_optimum_is_found_without_the_kernel_matrix(monkeypatch):
    rng = np.random.default_rng(0)
    X = np.concatenate([rng.normal(size=(900, 8)), rng.normal(0.5, 0.8, size=(300, 8))])
    sample_domain = np.repeat(["s", "target"], [900, 300])
    exact = KMMWeighter(n_components=None).fit(X, sample_domain=sample_domain)
    monkeypatch.setattr(_kmm_weighter, "MOST_EXACT_ROWS", 800)
    monkeypatch.setattr(kmm_in_use, "FIRST_ROWS", 100)
    by_rows = KMMWeighter().fit(X, sample_domain=sample_domain)
    assert by_rows.n_components_ is exact.n_components_ is None
    assert by_rows.kkt_gap_ < 1e-8
    assert_allclose(by_rows.weights_, exact.weights_, atol=1e-4)
    few = np.count_nonzero(by_rows.weights_[:900])
    assert 0 < few < 450


def test_where_most_rows_have_a_weight_the_kernel_is_approximated_and_it_says_so(monkeypatch):
    X, sample_domain, _ = make_gaussians(600, 300)
    monkeypatch.setattr(_kmm_weighter, "MOST_EXACT_ROWS", 100)
    weighter = KMMWeighter(ridge=1.0).fit(X, sample_domain=sample_domain)
    assert weighter.n_components_ == _kmm_weighter.AUTO_COMPONENTS
    exact = KMMWeighter(ridge=1.0, n_components=None).fit(X, sample_domain=sample_domain)
    assert_allclose(weighter.weights_, exact.weights_, atol=1e-4)
    assert KMMWeighter(n_components=7).fit(X, sample_domain=sample_domain).n_components_ == 7
