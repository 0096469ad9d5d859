"""A sample of rows that depends on the rows and a seed alone, not on their order or partition.

Each row has a hash of its values. The rows of the smallest hashes are the sample (bottom-k). That
of several sets of rows is found from the samples of the sets. Equal rows have one hash, and count
once. E. Cohen and H. Kaplan, "Summarizing data using bottom-k sketches", PODC 2007,
https://doi.org/10.1145/1281100.1281133.
"""

from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array, issparse

from sktransfer._kernels.rows import stacked


class Sample(NamedTuple):
    """Distinct rows in increasing order of their hashes."""

    hashes: np.ndarray
    rows: np.ndarray


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


def sample_of(X, n_rows, *, seed):
    """Return the `Sample` of at most `n_rows` distinct rows of `X`."""
    return _smallest(hashes_of_rows(X, seed=seed), X, n_rows)


def merged_samples(first, second, *, n_rows):
    """Return the `Sample` of the rows of both."""
    hashes = np.concatenate([first.hashes, second.hashes])
    return _smallest(hashes, stacked([first.rows, second.rows]), n_rows)


def _smallest(hashes, rows, n_rows):
    _, places = np.unique(hashes, return_index=True)
    places = places[:n_rows]
    return Sample(hashes[places], rows[places])
