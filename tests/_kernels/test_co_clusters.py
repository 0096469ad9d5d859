"""Co-clusters against the definition of mutual information, a published example and brute force."""

from itertools import product

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array

from sktransfer._kernels.co_clusters import (
    co_clustered,
    divergence_costs,
    grouped,
    mutual_information,
    shared_co_clusters,
)


def draw(n_rows, n_columns, seed=0, *, zeros=0.2):
    rng = np.random.default_rng(seed)
    table = rng.gamma(1, size=(n_rows, n_columns)) * (rng.uniform(size=(n_rows, n_columns)) > zeros)
    return table / table.sum()


def information(joint):
    """The definition, entry by entry."""
    total = 0.0
    for x, z in np.argwhere(joint > 0):
        total += joint[x, z] * np.log(joint[x, z] / (joint[x].sum() * joint[:, z].sum()))
    return total


def kept(joint, rows, columns):
    small = np.array(
        [
            [joint[np.ix_(rows == a, columns == b)].sum() for b in range(columns.max() + 1)]
            for a in range(rows.max() + 1)
        ]
    )
    return information(small)


def test_mutual_information_is_its_definition():
    joint = draw(5, 7)
    assert_allclose(mutual_information(joint), information(joint), rtol=1e-12)
    assert_allclose(mutual_information(csr_array(joint)), information(joint), rtol=1e-12)
    independent = np.outer([0.2, 0.8], [0.5, 0.3, 0.2])
    assert abs(mutual_information(independent)) < 1e-15
    assert_allclose(mutual_information(np.eye(4) / 4), np.log(4))


def test_the_approximation_is_that_of_the_paper():
    """Equations 4 and 7 of Dai et al. 2008, for a table of their margins and co-clusters."""
    joint = np.array([[0.1, 0.2, 0.1], [0.1, 0.0, 0.1], [0.0, 0.2, 0.2]])
    rows = columns = np.array([0, 0, 1])
    small = grouped(grouped(joint, rows, 2).T, columns, 2).T
    assert_allclose(small, [[0.4, 0.2], [0.2, 0.2]])
    expected = [[0.089, 0.178, 0.133], [0.044, 0.089, 0.067], [0.067, 0.133, 0.200]]
    assert_allclose(co_clustered(joint, rows, columns), expected, atol=5e-4)


def test_the_loss_is_the_divergence_from_the_approximation():
    """Lemma 1 of the paper."""
    joint = draw(6, 8)
    rows, columns = np.array([0, 1, 2, 0, 1, 2]), np.array([0, 0, 1, 1, 2, 2, 3, 3])
    nearby = co_clustered(joint, rows, columns)
    used = joint > 0
    divergence = np.sum(joint[used] * np.log(joint[used] / nearby[used]))
    assert_allclose(information(joint) - kept(joint, rows, columns), divergence, rtol=1e-12)


def test_costs_are_divergences_but_for_a_term_of_the_item():
    joint, rows, columns = draw(6, 8), np.array([0, 0, 0, 1, 1, 1]), np.arange(8) // 3
    masses = grouped(joint.T, columns, 3).T
    clusters = grouped(masses, rows, 2)
    costs = divergence_costs([masses], [1.0], [clusters])
    for item in range(6):
        share = joint[item] / joint[item].sum()
        expected = []
        for cluster in range(2):
            # p(z | cluster of x) = p(cluster of z | cluster of x) p(z) / p(cluster of z)
            near = clusters[cluster] / clusters[cluster].sum()
            model = near[columns] * joint.sum(axis=0) / masses.sum(axis=0)[columns]
            used = share > 0
            divergence = np.sum(share[used] * np.log(share[used] / model[used]))
            expected.append(joint[item].sum() * divergence)
        assert_allclose(np.diff(costs[item]), np.diff(expected), rtol=1e-10)


def test_costs_of_several_tables_add_up_by_their_weights():
    tables, clusters = [draw(5, 3, 1), draw(5, 4, 2)], [draw(2, 3, 3), draw(2, 4, 4)]
    whole = divergence_costs(tables, [1.0, 0.3], clusters)
    parts = [divergence_costs([t], [1.0], [c]) for t, c in zip(tables, clusters, strict=True)]
    assert_allclose(whole, parts[0] + 0.3 * parts[1])


@pytest.mark.parametrize("weight", [0.3, 2.0])
def test_the_loss_never_increases_and_is_that_of_the_result(weight):
    tables = [draw(20, 15, 1), draw(40, 15, 2)]
    for seed in range(5):
        rows, columns, losses = shared_co_clusters(
            tables,
            [1.0, weight],
            [3, 4],
            5,
            max_iter=100,
            generator=np.random.RandomState(seed),
        )
        expected = sum(
            w * (information(table) - kept(table, row, columns))
            for w, table, row in zip([1.0, weight], tables, rows, strict=True)
        )
        assert_allclose(losses[-1], expected, rtol=1e-10)
        assert (np.diff(losses) <= 1e-12).all()
        assert len(losses) < 100


def test_restarts_find_the_best_of_all_clusters():
    joint, other = draw(5, 4, 3), draw(4, 4, 4)
    best = min(
        information(joint)
        - kept(joint, np.array(rows), np.array(columns))
        + 0.5 * (information(other) - kept(other, np.array(others), np.array(columns)))
        for columns in product(range(2), repeat=4)
        for rows in product(range(2), repeat=5)
        for others in product(range(2), repeat=4)
    )
    rng = np.random.RandomState(0)
    runs = [
        shared_co_clusters([joint, other], [1.0, 0.5], [2, 2], 2, max_iter=50, generator=rng)
        for _ in range(30)
    ]
    assert_allclose(min(losses[-1] for _, _, losses in runs), best, rtol=1e-12)


def test_sparse_tables_give_the_same():
    tables = [draw(20, 15, 1, zeros=0.7), draw(30, 15, 2, zeros=0.7)]

    def run(tables):
        rng = np.random.RandomState(0)
        return shared_co_clusters(tables, [1.0, 1.0], [3, 3], 4, max_iter=50, generator=rng)

    rows, columns, losses = run(tables)
    sparse_rows, sparse_columns, sparse_losses = run([csr_array(table) for table in tables])
    assert_allclose(sparse_losses, losses, rtol=1e-12)
    assert_array_equal(sparse_columns, columns)
    for found, expected in zip(sparse_rows, rows, strict=True):
        assert_array_equal(found, expected)


def test_equal_rows_leave_clusters_unused():
    table = np.full((6, 4), 1 / 24)
    (rows,), columns, losses = shared_co_clusters(
        [table], [1.0], [3], 2, max_iter=10, generator=np.random.RandomState(0)
    )
    assert len(set(rows)) == len(set(columns)) == 1
    assert_allclose(losses, 0, atol=1e-15)
