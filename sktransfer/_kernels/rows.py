"""Rows in an order that does not depend on the order of the input, and draws from them."""

import numpy as np
from scipy.sparse import csr_array, issparse, vstack


def order_of_rows(X, *, codes=None):
    """Return the positions that sort the rows by their first column, ties by the second, ...

    Parameters
    ----------
    X : {ndarray, sparse array} of shape (n_samples, n_features)
    codes : ndarray of shape (n_samples,), default=None
        Sort rows that are equal.

    Returns
    -------
    order : ndarray of shape (n_samples,), dtype intp
        Rows that are equal in all stay in the order in which they are. NaN is last, and a tie.
    """
    last = () if codes is None else (codes,)
    if issparse(X):
        return np.lexsort((*last, ranks_of_sparse_rows(X)))
    order = np.argsort(X[:, 0], kind="stable")
    first = X[order, 0]
    has_ties = (first[1:] == first[:-1]).any() or np.isnan(first[-2:]).all()
    return np.lexsort((*last, *X.T[::-1])) if has_ties else order


def ranks_of_sparse_rows(X):
    """Number the distinct rows in the order of `order_of_rows`, without making them dense.

    A row is the list of its entries. An entry of an earlier column moves it farther, and of one
    column a larger value: up if the value is above 0, down if it is below. The end of a list is 0.
    Only rows that are still tied are looked at for their next entry.

    Parameters
    ----------
    X : sparse array of shape (n_samples, n_features)

    Returns
    -------
    ranks : ndarray of shape (n_samples,), dtype intp
        From 0; equal rows have the same.
    """
    X = csr_array(X, copy=True)
    X.sum_duplicates()
    X.eliminate_zeros()
    X.data[np.isnan(X.data)] = np.inf  # which is last too, but equal to itself
    ranks, tied, entry = np.zeros(X.shape[0], dtype=np.intp), np.arange(X.shape[0]), 0
    while len(tied):
        reach, value = _entries(X, tied, entry)
        order = np.lexsort((value, reach, ranks[tied]))
        keys = np.array([ranks[tied], reach, value])[:, order]
        is_new = np.r_[True, (keys[:, 1:] != keys[:, :-1]).any(axis=0)]
        # A rank is the number of rows below: later entries part only rows of the same rank.
        first = np.flatnonzero(is_new)
        starts = np.searchsorted(keys[0], keys[0, first])
        ranks[tied[order]] = np.repeat(
            keys[0, first].astype(np.intp) + first - starts, np.diff([*first, len(tied)])
        )
        same = np.repeat(np.diff([*first, len(tied)]) > 1, np.diff([*first, len(tied)]))
        tied, entry = np.sort(tied[order[same & (keys[1] != 0)]]), entry + 1
    return np.unique(ranks, return_inverse=True)[1]


def _entries(X, rows, entry):
    """How far the entry of that number goes in each of the rows, and its value; 0 past the end."""
    places = X.indptr[rows] + entry
    inside = places < X.indptr[rows + 1]
    reach, value = np.zeros(len(rows)), np.zeros(len(rows))
    value[inside] = X.data[places[inside]]
    reach[inside] = (X.shape[1] - X.indices[places[inside]]) * np.sign(value[inside])
    return reach, value


def stacked(parts):
    """Return the rows of all parts, one part after the other; sparse rows as a CSR array."""
    return csr_array(vstack(parts)) if issparse(parts[0]) else np.concatenate(parts)


def draw_rows(X, n_rows, *, generator):
    """Return `n_rows` of the rows in their order, drawn without replacement.

    Parameters
    ----------
    X : {ndarray, CSR array} of shape (n_samples, n_features)
    n_rows : int
    generator : RandomState

    Returns
    -------
    rows : {ndarray, CSR array} of shape (min(n_rows, n_samples), n_features)
        All rows, and nothing is drawn, if there are no more than `n_rows`.
    """
    if X.shape[0] <= n_rows:
        return X
    return X[np.sort(generator.choice(X.shape[0], n_rows, replace=False))]


def spread_rows(X, n_rows):
    """Return `n_rows` of the rows, evenly spread over their order; all if there are no more."""
    if X.shape[0] <= n_rows:
        return X
    return X[np.linspace(0, X.shape[0] - 1, n_rows).astype(int)]
