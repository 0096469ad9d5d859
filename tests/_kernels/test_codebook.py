"""Codebooks: the means of pairs of clusters, memberships by brute force, and planted blocks."""

from itertools import product

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array

from sktransfer._kernels.codebook import (
    alternate_memberships,
    codebook,
    nearest_clusters,
    one_hot,
    trifactorize,
)

PATTERNS = np.array([[5.0, 1.0, 3.0], [1.0, 4.0, 2.0]])


def make_cells(n_rows=6, n_columns=5, seed=0, share=0.5):
    """Counts and sums of cells, some of which have two values, as dense arrays."""
    rng = np.random.default_rng(seed)
    counts = (rng.uniform(size=(n_rows, n_columns)) < share) * rng.integers(
        1, 3, (n_rows, n_columns)
    )
    values = rng.uniform(1, 5, size=(n_rows, n_columns))
    return counts.astype(float), counts * values


def error_of(counts, sums, patterns, rows, columns):
    """The sum of squared errors, less the sum of squared values, cell by cell."""
    total = 0.0
    for row, column in product(range(len(rows)), range(len(columns))):
        expected = patterns[rows[row], columns[column]]
        total += counts[row, column] * expected**2 - 2 * sums[row, column] * expected
    return total


def test_a_codebook_is_the_formula_of_the_paper_if_no_cell_is_missing():
    rng = np.random.default_rng(0)
    X = rng.uniform(1, 5, size=(8, 7))
    rows, columns = np.arange(8) % 2, np.arange(7) % 3
    U, V = one_hot(rows, 2), one_hot(columns, 3)
    expected = (U.T @ X @ V) / (U.T @ np.ones((8, 7)) @ V)
    assert_allclose(codebook(np.ones((8, 7)), X, rows, columns, (2, 3)), expected)


def test_a_codebook_has_means_of_known_cells_and_the_common_mean_of_no_cell():
    counts = np.array([[2.0, 0.0], [0.0, 0.0]])
    found = codebook(counts, np.array([[6.0, 0.0], [0.0, 0.0]]), [0, 0], [0, 1], (2, 2))
    assert_array_equal(found, [[3.0, 3.0], [3.0, 3.0]])
    counts[0, 1] = 1
    found = codebook(counts, np.array([[6.0, 9.0], [0.0, 0.0]]), [0, 1], [0, 1], (2, 2))
    assert_array_equal(found, [[3.0, 9.0], [5.0, 5.0]])


def test_the_nearest_cluster_is_that_of_brute_force():
    counts, sums = make_cells()
    others = np.array([0, 2, 1, 1, 0])
    found, errors = nearest_clusters(csr_array(counts), csr_array(sums), PATTERNS, others)
    for row in range(6):
        tried = [
            error_of(counts[[row]], sums[[row]], PATTERNS, [cluster], others) for cluster in (0, 1)
        ]
        assert_allclose(errors[row], tried, atol=1e-12)
        assert found[row] == np.argmin(tried)


@pytest.mark.parametrize("seed", range(3))
def test_alternating_memberships_never_rise_and_end_where_no_single_change_helps(seed):
    counts, sums = make_cells(seed=seed)
    start = np.random.default_rng(seed).integers(3, size=5)
    rows, columns, curve = alternate_memberships(
        csr_array(counts), csr_array(sums), PATTERNS, start, max_iter=50
    )
    assert np.all(np.diff(curve) <= 1e-12)
    assert_allclose(curve[-1], error_of(counts, sums, PATTERNS, rows, columns))
    for place, cluster in product(range(6), range(2)):
        changed = np.where(np.arange(6) == place, cluster, rows)
        assert error_of(counts, sums, PATTERNS, changed, columns) >= curve[-1] - 1e-9
    for place, cluster in product(range(5), range(3)):
        changed = np.where(np.arange(5) == place, cluster, columns)
        assert error_of(counts, sums, PATTERNS, rows, changed) >= curve[-1] - 1e-9


def test_many_starts_find_the_best_of_all_memberships():
    counts, sums = make_cells(4, 3, seed=1, share=0.8)
    best = min(
        error_of(counts, sums, PATTERNS, rows, columns)
        for rows in product(range(2), repeat=4)
        for columns in product(range(3), repeat=3)
    )
    cells = csr_array(counts), csr_array(sums)
    found = min(
        alternate_memberships(*cells, PATTERNS, np.array(start), max_iter=50)[2][-1]
        for start in product(range(3), repeat=3)
    )
    assert_allclose(found, best)


def test_tri_factorization_recovers_planted_blocks():
    rng = np.random.default_rng(0)
    rows, columns = rng.permutation(np.arange(30) % 2), rng.permutation(np.arange(24) % 3)
    X = PATTERNS[rows][:, columns] + 0.1 * rng.uniform(size=(30, 24))
    noise = 0.2 + 0.3 * rng.uniform(size=(30, 2)), 0.2 + 0.3 * rng.uniform(size=(24, 3))
    starts = one_hot(rows, 2) + noise[0], one_hot(columns, 3) + noise[1]
    U, B, V = trifactorize(X, *starts, max_iter=500, tol=1e-9)
    assert min(U.min(), B.min(), V.min()) > 0
    assert np.mean((X - U @ B @ V.T) ** 2) < 0.01
    assert_array_equal(U.argmax(axis=1), rows)
    assert_array_equal(V.argmax(axis=1), columns)
    for factor in (U, V):
        unit = factor / np.linalg.norm(factor, axis=0)
        assert_allclose(unit.T @ unit, np.eye(unit.shape[1]), atol=0.25)


def test_an_iteration_is_the_multiplicative_update_of_the_paper():
    rng = np.random.default_rng(0)
    X, U, V = (rng.uniform(0.5, 2, size=shape) for shape in ((6, 5), (6, 2), (5, 3)))
    B = np.diag(1 / np.diag(U.T @ U)) @ U.T @ X @ V @ np.diag(1 / np.diag(V.T @ V))
    found = trifactorize(X, U, V, max_iter=1, tol=0)
    U = U * np.sqrt((X @ V @ B.T) / (U @ U.T @ X @ V @ B.T))
    V = V * np.sqrt((X.T @ U @ B) / (V @ V.T @ X.T @ U @ B))
    B = B * np.sqrt((U.T @ X @ V) / (U.T @ U @ B @ V.T @ V))
    for each, expected in zip(found, (U, B, V), strict=True):
        assert_allclose(each, expected, rtol=1e-9)


def test_an_exact_factorization_does_not_move():
    rows, columns = np.arange(8) % 2, np.arange(9) % 3
    U, V = one_hot(rows, 2) / 2, one_hot(columns, 3) / np.sqrt(3)
    X = U @ PATTERNS @ V.T
    for found, expected in zip(
        trifactorize(X, U, V, max_iter=3, tol=0), (U, PATTERNS, V), strict=True
    ):
        assert_allclose(found, expected, atol=1e-6)
