"""Co-clusters of several tables that share their columns, by the mutual information they lose."""

import numpy as np
from scipy.sparse import issparse
from scipy.special import xlogy

TINY = 1e-300  # in place of 0 in a logarithm
NEAR = 1e-12  # of the cost: at a smaller difference an item stays in its cluster


def mutual_information(joint):
    """Return ``sum p(x, z) log(p(x, z) / (p(x) p(z)))`` of a table, in nats.

    Parameters
    ----------
    joint : {ndarray, sparse array} of shape (n_rows, n_columns)
        The sum of its entries is 1.

    Returns
    -------
    information : float
    """
    rows, columns = joint.sum(axis=1), joint.sum(axis=0)
    return float(_sum_of_logs(joint) - xlogy(rows, rows).sum() - xlogy(columns, columns).sum())


def grouped(joint, rows, n_clusters):
    """Return the sum of the rows of each cluster, a dense table of (n_clusters, n_columns)."""
    return np.asarray(_indicators(rows, n_clusters).T @ joint)


def co_clustered(joint, rows, columns):
    """Return the table that keeps the margins and the co-clusters: Dai et al. 2008, Equation 6.

    ``p(x, z) = p(x', z') p(x) / p(x') p(z) / p(z')`` for the clusters x' of x and z' of z.

    Parameters
    ----------
    joint : ndarray of shape (n_rows, n_columns)
        The sum of its entries is 1, and no cluster is empty.
    rows, columns : ndarray of int
        The cluster of each row and column.

    Returns
    -------
    approximation : ndarray of shape (n_rows, n_columns)
    """
    small = grouped(grouped(joint, rows, rows.max() + 1).T, columns, columns.max() + 1).T
    row_share = joint.sum(axis=1) / small.sum(axis=1)[rows]
    column_share = joint.sum(axis=0) / small.sum(axis=0)[columns]
    return small[np.ix_(rows, columns)] * np.outer(row_share, column_share)


def shared_co_clusters(tables, weights, n_row_clusters, n_column_clusters, *, max_iter, generator):
    """Cluster the rows of each table, and the columns of all together.

    Minimize ``sum_t weights[t] (I(table_t) - I(co-clusters of table_t))`` by turns: each row goes
    to the cluster whose columns are nearest by the Kullback-Leibler divergence, then each column.

    Parameters
    ----------
    tables : list of {ndarray, CSR array} of shape (n_rows_t, n_columns)
        The sum of the entries of each is 1.
    weights : list of float
    n_row_clusters : list of int
    n_column_clusters : int
    max_iter : int
    generator : RandomState
        Draws the rows and columns that clusters start from.

    Returns
    -------
    rows : list of ndarray of shape (n_rows_t,)
        The cluster of each row.
    columns : ndarray of shape (n_columns,)
        The cluster of each column.
    losses : list of float
        After each turn.
    """
    rows = [
        _seeded([table], [1.0], n, generator=generator)
        for table, n in zip(tables, n_row_clusters, strict=True)
    ]

    def by_column():
        return [
            grouped(table, row, n).T
            for table, row, n in zip(tables, rows, n_row_clusters, strict=True)
        ]

    columns = _seeded(by_column(), weights, n_column_clusters, generator=generator)
    whole = [mutual_information(table) for table in tables]
    losses = []
    for _ in range(max_iter):
        before = [*rows, columns]
        rows = [
            _assigned([table @ _indicators(columns, n_column_clusters)], [1.0], row, n)
            for table, row, n in zip(tables, rows, n_row_clusters, strict=True)
        ]
        masses = by_column()
        columns = _assigned(masses, weights, columns, n_column_clusters)
        kept = [mutual_information(grouped(mass, columns, n_column_clusters)) for mass in masses]
        losses.append(float(np.dot(weights, np.subtract(whole, kept))))
        if all(np.array_equal(a, b) for a, b in zip(before, [*rows, columns], strict=True)):
            break
    return rows, columns, losses


def divergence_costs(masses, weights, clusters):
    """Return the cost of each item in each cluster, but for a term of the item alone.

    Parameters
    ----------
    masses : list of {ndarray, CSR array} of shape (n_items, n_bins_t)
    weights : list of float
    clusters : list of ndarray of shape (n_clusters, n_bins_t)
        The masses of the clusters.

    Returns
    -------
    costs : ndarray of shape (n_items, n_clusters)
        ``-sum_t weights[t] sum_b mass_t(item, b) log p_t(b | cluster)``; infinite for a cluster
        that is empty in all tables.
    """
    costs = 0.0
    for mass, weight, cluster in zip(masses, weights, clusters, strict=True):
        total = cluster.sum(axis=1, keepdims=True)
        margin = cluster.sum(axis=0) / max(cluster.sum(), TINY)
        shares = np.where(total > 0, cluster / np.where(total > 0, total, 1), margin)
        costs = costs - weight * (mass @ np.log(np.maximum(shares, TINY)).T)
    is_empty = np.all([each.sum(axis=1) == 0 for each in clusters], axis=0)
    return np.where(is_empty, np.inf, costs)


def _assigned(masses, weights, labels, n_clusters):
    """Return the nearest cluster of each item; one that no item is in gets the worst item."""
    costs = divergence_costs(masses, weights, [grouped(m, labels, n_clusters) for m in masses])
    items = np.arange(len(labels))
    nearest = costs.argmin(axis=1)
    own, least = costs[items, labels], costs[items, nearest]
    labels = np.where(own <= least + NEAR * np.abs(least), labels, nearest)
    divergences = costs[items, labels] + _own_terms(masses, weights)
    for cluster in np.setdiff1d(np.arange(n_clusters), labels):
        alone = np.bincount(labels, minlength=n_clusters)[labels] == 1
        worst = np.argmax(np.where(alone, 0, divergences))
        if divergences[worst] <= NEAR or alone[worst]:
            break
        labels[worst], divergences[worst] = cluster, 0
    return labels


def _seeded(masses, weights, n_clusters, *, generator):
    """Return clusters of the items nearest to seeds, drawn far apart as by k-means++.

    Half of the distribution of a seed is the mean of all items, so that divergences are finite.
    """
    size = sum(w * np.asarray(m.sum(axis=1)).ravel() for w, m in zip(weights, masses, strict=True))
    margins = [np.asarray(mass.sum(axis=0)).ravel() for mass in masses]
    own, least, costs = _own_terms(masses, weights), np.inf, []
    chances = size
    for _ in range(n_clusters):
        if chances.sum() <= NEAR * size.sum():
            break
        seed = generator.choice(len(size), p=chances / chances.sum())
        clusters = []
        for mass, margin in zip(masses, margins, strict=True):
            row = mass[[seed]]
            row = (row.toarray() if issparse(row) else np.asarray(row)).ravel()
            half = margin / margin.sum()
            clusters.append((half + (row / row.sum() if row.sum() > 0 else half))[None])
        costs.append(divergence_costs(masses, weights, clusters)[:, 0] + own)
        least = np.minimum(least, costs[-1])
        chances = np.maximum(least, 0)
        chances[seed] = 0
    return np.argmin(costs, axis=0)


def _own_terms(masses, weights):
    """Return the term of the divergences that depends on the item alone."""
    terms = 0.0
    for mass, weight in zip(masses, weights, strict=True):
        total = np.asarray(mass.sum(axis=1)).ravel()
        terms = terms + weight * (_sums_of_logs(mass) - xlogy(total, total))
    return terms


def _sums_of_logs(table):
    """Return ``sum_z p log p`` of each row."""
    if not issparse(table):
        return xlogy(table, table).sum(axis=1)
    logs = table.copy()
    logs.data = xlogy(logs.data, logs.data)
    return np.asarray(logs.sum(axis=1)).ravel()


def _sum_of_logs(table):
    return _sums_of_logs(table).sum()


def _indicators(labels, n_clusters):
    return np.eye(n_clusters)[labels]
