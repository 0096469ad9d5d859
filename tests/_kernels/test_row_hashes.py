"""A sample of rows that their partition does not change."""

import functools

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_array_equal

from sktransfer._kernels.row_hashes import (
    hashes_of_rows,
    merged_samples,
    repeated,
    sample_of,
)


def make_rows(n_samples=2000, n_features=3):
    return np.random.default_rng(0).normal(size=(n_samples, n_features))


@pytest.mark.parametrize("part", ["first column", "sum of columns", "one bit"])
def test_hashes_are_uniform_whatever_the_rows(part):
    X = make_rows()
    if part == "one bit":  # all values are 0 or 1: rows differ only by their columns
        X = (np.arange(2048)[:, None] >> np.arange(11) & 1).astype(float)
    order = np.argsort(hashes_of_rows(X, seed=0))
    drawn = X[order[: len(X) // 4]]
    whole, found = (rows[:, 0] if part != "sum of columns" else rows.sum(1) for rows in (X, drawn))
    error = whole.std() / np.sqrt(len(drawn))
    assert abs(found.mean() - whole.mean()) < 4 * error
    shares = hashes_of_rows(X, seed=1) / 2.0**64
    assert_array_equal(np.histogram(shares, 8, (0, 1))[0] > len(X) / 8 * 0.7, True)


def test_a_hash_depends_on_each_value_and_on_its_column_and_on_the_seed():
    X = make_rows(50)
    hashes = hashes_of_rows(X, seed=0)
    assert len(np.unique(hashes)) == 50
    for other in (X[:, ::-1], X + 1e-15, X * [1, 1, -1]):
        assert not np.isin(hashes_of_rows(other, seed=0), hashes).any()
    assert not np.isin(hashes_of_rows(X, seed=1), hashes).any()
    assert_array_equal(hashes_of_rows(np.asfortranarray(X), seed=0), hashes)


def test_sparse_rows_and_zeros_of_either_sign_have_the_hashes_of_dense_rows():
    X = make_rows(50) * (np.random.default_rng(1).random((50, 3)) < 0.5)
    X[:2] = 0.0
    hashes = hashes_of_rows(X, seed=0)
    assert_array_equal(hashes_of_rows(sp.csr_array(X), seed=0), hashes)
    assert_array_equal(hashes_of_rows(np.where(X == 0, -0.0, X), seed=0), hashes)


def test_the_sample_of_parts_is_that_of_all_rows():
    X = make_rows(300)
    X[100:150] = X[:50]  # equal rows count once
    whole = sample_of(X, 40, seed=3)
    merge = functools.partial(merged_samples, n_rows=40)
    for cuts in ([10, 20, 250], [1, 1, 299]):
        parts = [sample_of(part, 40, seed=3) for part in np.split(X, cuts)]
        assert_array_equal(functools.reduce(merge, parts).rows, whole.rows)
        assert_array_equal(functools.reduce(merge, parts[::-1]).rows, whole.rows)
    assert len(np.unique(whole.rows, axis=0)) == 40
    assert len(sample_of(X, 1000, seed=3).rows) == 250


def test_counts_of_a_sample_are_those_of_all_rows():
    X = make_rows(60)
    X = np.repeat(X, np.arange(60) % 4 + 1, axis=0)
    whole = sample_of(X, 20, seed=3)
    expected = [np.sum((row == X).all(axis=1)) for row in whole.rows]
    assert_array_equal(whole.counts, expected)
    assert whole.n_seen == len(X)
    shuffled = X[np.random.default_rng(1).permutation(len(X))]
    parts = [sample_of(part, 20, seed=3) for part in np.split(shuffled, [1, 30, 31])]
    found = functools.reduce(functools.partial(merged_samples, n_rows=20), parts)
    assert_array_equal(found.counts, expected)
    assert found.n_seen == len(X)


def test_equal_rows_of_different_labels_are_distinct():
    X = np.zeros((6, 2))
    labels = np.array(["a", "b", "a", None, 1, 1], dtype=object)
    found = sample_of(X, 10, seed=0, labels=labels)
    counts = dict(zip(found.labels, found.counts, strict=True))
    assert counts == {"a": 2, "b": 1, None: 1, 1: 2}
    other = [sample_of(X[k : k + 1], 10, seed=0, labels=labels[k : k + 1]) for k in range(6)]
    merged = functools.reduce(functools.partial(merged_samples, n_rows=10), other)
    assert_array_equal(merged.hashes, found.hashes)
    assert_array_equal(merged.labels, found.labels)


def test_rows_are_repeated_as_often_as_they_were_counted():
    assert_array_equal(repeated(np.array([2, 1, 3]), 6), [0, 0, 1, 2, 2, 2])
    assert_array_equal(repeated(np.ones(5, dtype=int), 4), np.arange(5))  # distinct rows stay
    found = np.bincount(repeated(np.array([700, 200, 100]), 10))
    assert_array_equal(found, [7, 2, 1])
    assert_array_equal(repeated(np.array([5, 95, 900]), 4), [2, 2, 2, 2])
