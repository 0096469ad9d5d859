"""Mixture proportions by sums over blocks of rows."""

from functools import reduce

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sktransfer._kernels.kliep import proportions
from sktransfer._kernels.mixture_sums import likelihood_sums, merged_likelihoods, proportions_of


def make_rows(n_components, seed=0):
    rng = np.random.default_rng(seed)
    codes = rng.choice(n_components, 300, p=rng.dirichlet(np.ones(n_components)))
    return rng.gamma(1.0, size=(300, n_components)) + 2 * np.eye(n_components)[codes]


def by_blocks(A, start, *, n_blocks=4, tol=1e-13):
    def sums_at(u):
        parts = [likelihood_sums(part, u) for part in np.array_split(A, n_blocks)]
        return reduce(merged_likelihoods, parts)

    return proportions_of(sums_at, start, tol=tol, max_iter=100)


@pytest.mark.parametrize("n_components", [2, 5, 30])
def test_it_is_the_maximum_of_all_rows(n_components):
    A = make_rows(n_components)
    expected, _ = proportions(A, tol=1e-13, max_iter=100)
    for start in (np.ones(n_components), expected, np.eye(n_components)[0] + 1e-9):
        u, gap = by_blocks(A, start)
        assert_allclose(u, expected, atol=1e-8)
        assert gap < 1e-10
    assert_allclose(by_blocks(A, np.ones(n_components), n_blocks=7)[0], u, atol=1e-8)


def test_the_gap_bounds_the_distance_to_the_maximum():
    A = make_rows(4)
    best = np.log(A @ by_blocks(A, np.ones(4))[0]).mean()
    u, gap = by_blocks(A, np.ones(4), tol=1.0)
    assert 0 < best - np.log(A @ u).mean() <= gap <= 1.0


def test_a_start_without_likelihood_is_left():
    A = np.repeat(np.eye(3), [10, 20, 30], axis=0)  # each row has one component: counts
    u, gap = by_blocks(A, np.array([1.0, 1.0, 0.0]))
    assert_allclose(u, np.array([10, 20, 30]) / 60, atol=1e-12)
    assert abs(gap) < 1e-12


def test_sums_are_the_derivatives():
    A, u, step = make_rows(3), np.array([0.2, 0.3, 0.5]), 1e-6
    found = likelihood_sums(A, u)
    for k, way in enumerate(step * np.eye(3)):
        ahead, behind = likelihood_sums(A, u + way), likelihood_sums(A, u - way)
        assert_allclose(found.slopes[k], (ahead.logs - behind.logs) / (2 * step), rtol=1e-6)
        change = (ahead.slopes - behind.slopes) / (2 * step)
        assert_allclose(-found.products[k], change, rtol=1e-5)
