"""A sample of rows that depends on the rows and a seed alone, not on their order or partition.

Each row has a hash of its values. The rows of the smallest hashes are the sample (bottom-k). That
of several sets of rows is found from the samples of the sets. Equal rows have one hash, and count
once. E. Cohen and H. Kaplan, "Summarizing data using bottom-k sketches", PODC 2007,
https://doi.org/10.1145/1281100.1281133.
"""

from hashlib import blake2b
from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array, issparse

from sktransfer._kernels.rows import stacked


class Sample(NamedTuple):
    """Distinct rows in increasing order of their hashes.

    ``counts`` are the numbers of rows that are equal to each, and ``n_seen`` the number of all rows
    that the sample was drawn from. ``labels`` is an array of objects, or None.
    """

    hashes: np.ndarray
    rows: np.ndarray
    counts: np.ndarray
    n_seen: int
    labels: np.ndarray | None = None


def hashes_of_rows(X, *, seed):
    """Return a hash of each row, the same for a sparse row as for a dense one.

    Parameters
    ----------
    X : {ndarray, CSR array} of shape (n_samples, n_features), dtype float64
    seed : int

    Returns
    -------
    hashes : ndarray of shape (n_samples,), dtype uint64
    """
    # Products with odd numbers modulo 2^64, summed; the bits are then mixed.
    odd = np.random.default_rng(seed).integers(2**64, size=X.shape[1], dtype=np.uint64) | 1
    if issparse(X):
        X = csr_array(X, copy=True)
        X.sum_duplicates()
        total = np.zeros(X.nnz + 1, dtype=np.uint64)
        np.cumsum(_bits(X.data) * odd[X.indices], out=total[1:])
        found = total[X.indptr[1:]] - total[X.indptr[:-1]]
    else:
        found = np.zeros(X.shape[0], dtype=np.uint64)
        for column, factor in zip(X.T, odd, strict=True):
            found += _bits(column) * factor
    return _mixed(found)


def _bits(values):
    """Return numbers as integers of the same bits, mixed; 0 is 0, with either sign."""
    bits = (np.ascontiguousarray(values, dtype=np.float64) + 0.0).view(np.uint64)
    return _mixed(bits)


def _mixed(bits):
    """Spread each bit over all others, as in splitmix64."""
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))


def hashes_with_labels(X, labels, *, seed):
    """Return a hash of each row and its label; `labels` is an array of objects, or None."""
    hashes = hashes_of_rows(X, seed=seed)
    if labels is None:
        return hashes
    texts = [str(label) for label in labels]
    of_text = {text: blake2b(text.encode(), digest_size=8).digest() for text in set(texts)}
    joined = b"".join(of_text[text] for text in texts)
    return _mixed(hashes + np.frombuffer(joined, dtype="<u8").astype(np.uint64))


def sample_of(X, n_rows, *, seed, labels=None):
    """Return the `Sample` of at most `n_rows` distinct rows of `X`.

    With labels, equal rows of different labels are distinct.
    """
    hashes = hashes_with_labels(X, labels, seed=seed)
    whole = Sample(hashes, X, np.ones(len(hashes), dtype=np.int64), len(hashes), labels)
    return _smallest(whole, n_rows)


def merged_samples(first, second, *, n_rows):
    """Return the `Sample` of the rows of both."""
    labels = None if first.labels is None else np.concatenate([first.labels, second.labels])
    both = Sample(
        np.concatenate([first.hashes, second.hashes]),
        stacked([first.rows, second.rows]),
        np.concatenate([first.counts, second.counts]),
        first.n_seen + second.n_seen,
        labels,
    )
    return _smallest(both, n_rows)


def _smallest(sample, n_rows):
    hashes, places, inverse = np.unique(sample.hashes, return_index=True, return_inverse=True)
    # The count of a row is exact: a row of the sample is in that of each part that has it.
    counts = np.bincount(inverse, weights=sample.counts, minlength=len(hashes)).astype(np.int64)
    places = places[:n_rows]
    labels = None if sample.labels is None else sample.labels[places]
    return Sample(hashes[:n_rows], sample.rows[places], counts[:n_rows], sample.n_seen, labels)


def repeated(counts, n_rows):
    """Return places of rows, each as often as it was counted.

    If these are more than `n_rows`, which distinct rows are not, the places are `n_rows`, in
    proportion to the counts.
    """
    total = counts.sum()
    if total <= max(n_rows, len(counts)):
        return np.repeat(np.arange(len(counts)), counts)
    return np.searchsorted(np.cumsum(counts), (np.arange(n_rows) + 0.5) * total / n_rows, "right")
