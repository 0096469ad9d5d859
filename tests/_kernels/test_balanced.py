"""Soft assignments with balanced shares: their equations, their limits, the objective."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import softmax, xlogy

from sktransfer._kernels.balanced import assignments, balanced_bias, refined_prototypes
from sktransfer._kernels.prototypes import class_means, squared_distances
from sktransfer._kernels.sinkhorn import sinkhorn

RNG = np.random.default_rng(0)
MEANS = RNG.normal(size=(4, 3))
ROWS = np.repeat(MEANS, [30, 10, 5, 15], axis=0) + 0.5 * RNG.normal(size=(60, 3))
DISTANCES = squared_distances(ROWS, MEANS)
ZEROS = np.zeros(4)


def test_without_balance_it_is_the_softmax():
    bias = balanced_bias(-DISTANCES, balance=0, bias=ZEROS)
    assert_array_equal(bias, ZEROS)
    assert_allclose(assignments(-DISTANCES, bias), softmax(-DISTANCES, axis=1))


@pytest.mark.parametrize("temperature", [0.1, 1.0])
def test_full_balance_is_entropic_transport_with_equal_masses(temperature):
    scores = -DISTANCES / temperature
    P = assignments(scores, balanced_bias(scores, balance=1, bias=ZEROS))
    expected = sinkhorn(DISTANCES, regularization=temperature, max_iter=10000, tol=1e-10).plan
    assert_allclose(P.sum(axis=0), 15, rtol=1e-4)
    assert_allclose(P, 60 * expected, atol=1e-4)


@pytest.mark.parametrize("balance", [0.2, 0.5, 0.9])
def test_the_biases_solve_their_equations(balance):
    bias = balanced_bias(-DISTANCES, balance=balance, bias=ZEROS)
    shares = assignments(-DISTANCES, bias).sum(axis=0) / 15
    expected = -balance / (1 - balance) * np.log(shares)
    assert_allclose(bias, expected - expected.mean(), atol=1e-5)
    again = balanced_bias(-DISTANCES, balance=balance, bias=np.array([1.0, 2, -5, 2]))
    assert_allclose(again, bias, atol=1e-5)


def test_more_balance_gives_more_equal_shares():
    spreads = []
    for balance in (0, 0.3, 0.6, 0.9, 1):
        bias = balanced_bias(-DISTANCES, balance=balance, bias=ZEROS)
        spreads.append(np.ptp(assignments(-DISTANCES, bias).sum(axis=0)))
    assert (np.diff(spreads) < 0).all()


def test_a_class_that_is_far_from_all_rows_still_gets_its_share():
    scores = np.array([[0.0, -5000.0], [0.0, -5001.0]])
    P = assignments(scores, balanced_bias(scores, balance=1, bias=np.zeros(2)))
    assert_allclose(P.sum(axis=0), 1, atol=1e-4)


def _objective(P, prototypes, *, shots, codes, balance, temperature):
    sums = P.sum(axis=0)
    pull = balance / (1 - balance) * temperature
    return (
        (P * squared_distances(ROWS, prototypes)).sum()
        + temperature * xlogy(P, P).sum()
        + pull * (sums * np.log(sums / (len(ROWS) / len(sums)))).sum()
        + ((shots - prototypes[codes]) ** 2).sum()
    )


def test_both_steps_lower_the_objective_and_end_in_a_fixed_point():
    codes = np.array([0, 1, 2, 3, 3])
    shots = MEANS[codes] + 0.5 * RNG.normal(size=(5, 3))
    params = {"balance": 0.7, "temperature": 0.5}
    values = []
    for max_iter in (1, 2, 4, 8, 200):
        found = refined_prototypes(shots, codes, ROWS, max_iter=max_iter, tol=1e-9, **params)
        P = assignments(-squared_distances(ROWS, found.prototypes) / 0.5, found.bias)
        values.append(_objective(P, found.prototypes, shots=shots, codes=codes, **params))
    assert (np.diff(values) < 0).all()
    assert found.n_iter < 200
    weights = np.vstack([np.eye(4)[codes], P])
    expected = weights.T @ np.vstack([shots, ROWS]) / weights.sum(axis=0)[:, None]
    assert_allclose(found.prototypes, expected, atol=1e-6)


def test_one_iteration_keeps_the_class_means():
    codes = np.array([0, 1, 2, 3, 3])
    shots = MEANS[codes] + 0.5 * RNG.normal(size=(5, 3))
    found = refined_prototypes(shots, codes, ROWS, balance=1, temperature=0.5, max_iter=1, tol=0)
    assert_allclose(found.prototypes, class_means(shots, codes))
    assert (found.n_iter, found.change) == (1, np.inf)
