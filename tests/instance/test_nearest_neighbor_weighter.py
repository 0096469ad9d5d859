"""NearestNeighborWeighter: its definition, its laws and a known ratio."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.spatial.distance import cdist

from sktransfer._kernels.density_ratio import neighbor_counts
from sktransfer.instance import NearestNeighborWeighter


def make_rows(n_source=50, n_target=80, n_features=3, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_source + n_target, n_features))
    X[n_source:] += 0.5
    return X, np.repeat(["s", "target"], [n_source, n_target])


def test_counts_by_hand():
    # Places 0 and 1; the second holds two rows, which share its three target rows.
    counts = neighbor_counts(np.array([1, 1, 0, 1]), np.array([0, 1, 1]), smoothing=1.0)
    assert_allclose(counts, [1 + 1, 1 + 3 / 2, 1 + 3 / 2])


@pytest.mark.parametrize("smoothing", [0.0, 1.0, 2.5])
def test_the_definition(smoothing):
    X, sample_domain = make_rows()
    nearest = cdist(X[50:], X[:50]).argmin(axis=1)
    expected = smoothing + np.array([(nearest == i).sum() for i in range(50)])
    weighter = NearestNeighborWeighter(smoothing=smoothing).fit(X, sample_domain=sample_domain)
    assert_allclose(weighter.weights_[:50], expected / expected.mean(), rtol=1e-12)
    assert_array_equal(weighter.weights_[50:], 1)


def test_the_same_rows_on_both_sides_weigh_one():
    X, _ = make_rows(60, 0)
    both, sample_domain = np.r_[X, X], ["s"] * 60 + ["target"] * 60
    assert_allclose(NearestNeighborWeighter().fit(both, sample_domain=sample_domain).weights_, 1)


def test_rows_given_twice_share_their_weight():
    X, sample_domain = make_rows()
    X[:25] = X[25:50]
    weighter = NearestNeighborWeighter(smoothing=0).fit(X, sample_domain=sample_domain)
    assert_array_equal(weighter.weights_[:25], weighter.weights_[25:50])
    once = NearestNeighborWeighter(smoothing=0).fit(X[25:], sample_domain=sample_domain[25:])
    assert_allclose(weighter.weights_[:25], once.weights_[:25])


def test_a_known_ratio_on_the_average_of_many_rows():
    rng = np.random.default_rng(0)  # target: density 2 x on the unit interval
    X = np.r_[rng.random(2000), np.sqrt(rng.random(20_000))][:, None]
    weighter = NearestNeighborWeighter(smoothing=0)
    weights = weighter.fit(X, sample_domain=["s"] * 2000 + ["target"] * 20_000).weights_[:2000]
    for low in np.arange(0, 1, 0.25):
        cell = (X[:2000, 0] >= low) & (X[:2000, 0] < low + 0.25)
        assert_allclose(weights[cell].mean(), 2 * (low + 0.125), rtol=0.12)


@pytest.mark.parametrize("far", [1e10, -1e12])
def test_one_source_row_far_out_changes_no_other_weight(far):
    X, sample_domain = make_rows()
    weighter = NearestNeighborWeighter(smoothing=0)
    expected = weighter.fit(X, sample_domain=sample_domain).weights_[:50]
    weights = weighter.fit(np.r_[np.full((1, 3), far), X], sample_domain=["s", *sample_domain])
    assert weights.weights_[0] == 0
    weights = weights.weights_[1:51]
    assert_allclose(weights / weights.mean(), expected, atol=1e-12)


def test_new_rows_have_no_weight():
    assert not hasattr(NearestNeighborWeighter(), "weigh")
