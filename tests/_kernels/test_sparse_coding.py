"""Sparse coding: optimality, a case by hand, a descent, the order of rows."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sktransfer._kernels.sparse_coding import (
    _better_atoms,
    centre_and_scale,
    learn_atoms,
    sparse_codes,
)


def make_rows(n_rows=80, n_features=6, seed=0):
    return np.random.default_rng(seed).normal(size=(n_rows, n_features)) / np.sqrt(n_features)


def make_atoms(n_atoms, n_features=6, seed=1):
    atoms = np.random.default_rng(seed).normal(size=(n_atoms, n_features))
    return atoms / np.linalg.norm(atoms, axis=1, keepdims=True)


def objective(rows, codes, atoms, alpha):
    rest = rows - codes @ atoms
    return np.mean(np.sum(rest**2, axis=1) / 2 + alpha * np.abs(codes).sum(axis=1))


@pytest.mark.parametrize("alpha", [0.02, 0.1, 0.4])
@pytest.mark.parametrize("n_atoms", [3, 6, 10])
def test_codes_meet_the_conditions_of_the_optimum(n_atoms, alpha):
    rows, atoms = make_rows(), make_atoms(n_atoms)
    codes = sparse_codes(rows, atoms, alpha=alpha, tol=1e-12)
    correlations = (rows - codes @ atoms) @ atoms.T
    used = codes != 0
    assert used.any()
    assert not used.all()
    assert_allclose(correlations[used], alpha * np.sign(codes[used]), atol=1e-6)
    assert np.abs(correlations[~used]).max() <= alpha + 1e-6


def test_orthogonal_atoms_give_shrunk_products():
    rows = np.array([[0.9, -0.3, 0.05]])
    codes = sparse_codes(rows, np.eye(3), alpha=0.1, tol=1e-12)
    assert_allclose(codes, [[0.9 - 0.1, -0.3 + 0.1, 0]], atol=1e-12)


def test_two_atoms_by_hand():
    # d1 = (1, 0), d2 = (3/5, 4/5), x = (1, 1), alpha = 1/10: both are used, with sign +, so
    # a1 + 3/5 a2 = 1 - 1/10 and 3/5 a1 + a2 = 7/5 - 1/10.
    a2 = (13 / 10 - 3 / 5 * 9 / 10) / (1 - 9 / 25)
    a1 = 9 / 10 - 3 / 5 * a2
    atoms = np.array([[1.0, 0.0], [0.6, 0.8]])
    codes = sparse_codes(np.array([[1.0, 1.0]]), atoms, alpha=0.1, tol=1e-12)
    assert_allclose(codes, [[a1, a2]], atol=1e-7)


def test_a_start_changes_nothing_but_the_way():
    rows, atoms = make_rows(), make_atoms(5)
    start = np.random.default_rng(2).normal(size=(80, 5))
    before = start.copy()
    codes = sparse_codes(rows, atoms, alpha=0.1, tol=1e-12, start=start)
    assert_allclose(codes, sparse_codes(rows, atoms, alpha=0.1, tol=1e-12), atol=1e-6)
    assert_array_equal(start, before)


def test_rows_are_measured_from_their_mean():
    X = np.array([[1.0, 0.0], [3.0, 0.0], [2.0, 2.0], [2.0, -2.0]])
    mean, scale = centre_and_scale(X)
    assert_array_equal(mean, [2, 0])
    assert scale == pytest.approx(np.sqrt((1 + 1 + 4 + 4) / 4))
    assert centre_and_scale(np.ones((3, 2)))[1] == 1.0


@pytest.mark.parametrize("n_atoms", [4, 12])
def test_each_turn_lowers_the_objective(n_atoms):
    rows, alpha = make_rows(), 0.1
    rng = np.random.RandomState
    atoms, found = learn_atoms(
        rows, n_atoms=n_atoms, alpha=alpha, max_iter=30, tol=1e-4, random_state=rng(0)
    )
    assert len(found) > 5
    assert (np.diff(found) < 1e-4).all()  # codes on the way are exact to that
    assert found[-1] < 0.9 * found[0]
    codes = sparse_codes(rows, atoms, alpha=alpha, tol=1e-12)
    assert objective(rows, codes, atoms, alpha) == pytest.approx(found[-1], abs=1e-3)
    assert np.linalg.norm(atoms, axis=1).max() <= 1 + 1e-12


def test_the_step_of_one_atom_is_least_squares_by_hand():
    rows, codes = np.array([[0.5, 0.0], [0.0, 1.0], [0.5, 0.5]]), np.array([[1.0], [0.0], [-2.0]])
    # sum_i a_i x_i / sum_i a_i^2 = ((0.5, 0) - 2 (0.5, 0.5)) / (1 + 4).
    found = _better_atoms(rows, codes, np.array([[0.6, 0.8]]), rows)
    assert_allclose(found, [[-0.5 / 5, -1 / 5]])
    # Longer than 1, it is cut to length 1: (10, 0) / 1 for rows ten times as long, a single code.
    found = _better_atoms(20 * rows[:1], np.ones((1, 1)), np.array([[0.6, 0.8]]), rows[:1])
    assert_allclose(found, [[1.0, 0.0]])


def test_a_row_counts_as_often_as_it_is_there():
    rows = np.r_[make_rows(20), np.repeat(make_rows(1, seed=5), 30, axis=0)]
    parameters = {"n_atoms": 5, "alpha": 0.1, "tol": 1e-4}
    _, found = learn_atoms(rows, **parameters, max_iter=1, random_state=np.random.RandomState(0))
    assert len(found) == 1
    _, begun = learn_atoms(rows, **parameters, max_iter=2, random_state=np.random.RandomState(0))
    assert begun[0] == found[0]
    distinct = np.unique(rows, axis=0)
    first = distinct[np.random.RandomState(0).permutation(len(distinct))[:5]]
    first /= np.linalg.norm(first, axis=1, keepdims=True)
    codes = sparse_codes(rows, first, alpha=0.1, tol=1e-12)
    assert found[0] == pytest.approx(objective(rows, codes, first, 0.1), rel=1e-3)


def test_atoms_are_at_the_end_the_best_for_their_codes():
    rows, alpha = make_rows(), 0.1
    atoms, _ = learn_atoms(
        rows, n_atoms=4, alpha=alpha, max_iter=60, tol=1e-7, random_state=np.random.RandomState(0)
    )
    codes = sparse_codes(rows, atoms, alpha=alpha, tol=1e-12)
    best = objective(rows, codes, atoms, alpha)
    rng = np.random.default_rng(3)
    for _ in range(50):
        other = atoms + 1e-2 * rng.normal(size=atoms.shape)
        other /= np.maximum(1, np.linalg.norm(other, axis=1, keepdims=True))
        assert objective(rows, codes, other, alpha) > best - 1e-5


def test_atoms_that_made_the_rows_are_found_again():
    rng = np.random.default_rng(0)
    true = np.linalg.qr(rng.normal(size=(4, 4)))[0]
    codes = np.where(rng.uniform(size=(150, 4)) < 0.2, rng.normal(size=(150, 4)), 0)
    parameters = {"n_atoms": 4, "alpha": 0.05, "max_iter": 40, "tol": 1e-4}
    found, _ = learn_atoms(codes @ true, **parameters, random_state=np.random.RandomState(0))
    assert np.abs(found @ true.T).max(axis=1).min() > 0.98
    assert np.abs(found @ true.T).max(axis=0).min() > 0.98


def test_the_order_of_rows_changes_no_bit():
    rows = np.r_[make_rows(), make_rows()[:20]]
    parameters = {"n_atoms": 8, "alpha": 0.1, "max_iter": 10, "tol": 1e-4}
    first, _ = learn_atoms(rows, **parameters, random_state=np.random.RandomState(0))
    order = np.random.default_rng(1).permutation(len(rows))
    second, _ = learn_atoms(rows[order], **parameters, random_state=np.random.RandomState(0))
    assert_array_equal(first, second)


def test_no_more_atoms_than_different_rows_and_none_that_no_row_uses():
    rows = np.repeat(np.eye(3), 5, axis=0)
    atoms, _ = learn_atoms(
        rows, n_atoms=10, alpha=0.1, max_iter=10, tol=1e-4, random_state=np.random.RandomState(0)
    )
    assert atoms.shape == (3, 3)
    # Far from all but one row, an atom that starts at the origin is used by none, and replaced.
    rows = np.r_[np.zeros((1, 2)), [[1.0, 0.0], [0.0, 1.0]]]
    atoms, _ = learn_atoms(
        rows, n_atoms=3, alpha=0.1, max_iter=10, tol=1e-4, random_state=np.random.RandomState(0)
    )
    assert_allclose(np.linalg.norm(atoms, axis=1), 1)
