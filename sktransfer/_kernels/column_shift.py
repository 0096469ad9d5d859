"""Which columns differ between two samples: Kolmogorov-Smirnov, and a control of false ones."""

import numpy as np
from scipy.sparse import csc_array, issparse
from scipy.special import kolmogorov
from scipy.stats import false_discovery_control


def column_distances(X_a, X_b):
    """Return the largest difference of the distribution functions in each column, and its p-value.

    The p-value is Kolmogorov's limit with the correction for few rows of M. A. Stephens, "Use of
    the Kolmogorov-Smirnov, Cramer-von Mises and related statistics without extensive tables",
    Journal of the Royal Statistical Society B 32, 1970. Ties make it larger than it is.

    Parameters
    ----------
    X_a, X_b : {ndarray, sparse array} of shape (n_samples, n_features)
        NaN is ignored.

    Returns
    -------
    distances : ndarray of shape (n_features,)
        From 0 to 1; 0 in a column without a value in one of the samples.
    p_values : ndarray of shape (n_features,)
    """
    found = np.array([_distance(a, b) for a, b in zip(_columns(X_a), _columns(X_b), strict=True)])
    distances, n_rows = found.reshape(-1, 2).T
    root = np.sqrt(n_rows)
    safe = np.where(root > 0, root, 1)
    return distances, kolmogorov((root + 0.12 + 0.11 / safe) * distances)


def _columns(X):
    """Yield the columns, without missing values, sorted."""
    if not issparse(X):
        yield from (np.sort(column[~np.isnan(column)]) for column in X.T)
        return
    X = csc_array(X, copy=True)
    X.sum_duplicates()
    for entries in np.split(X.data, X.indptr[1:-1]):
        zeros = np.zeros(X.shape[0] - len(entries))
        yield np.sort(np.concatenate([entries[~np.isnan(entries)], zeros]))


def _distance(a, b):
    """Return the distance of two sorted samples, and the number of rows that counts for both."""
    if not (len(a) and len(b)):
        return 0.0, 0.0
    places = np.concatenate([a, b])
    below = [np.searchsorted(x, places, side="right") / len(x) for x in (a, b)]
    return np.abs(below[0] - below[1]).max(), len(a) * len(b) / (len(a) + len(b))


def adjusted(p_values):
    """Return p-values by Benjamini and Hochberg: at most that share of smaller ones is false.

    Y. Benjamini and Y. Hochberg, "Controlling the false discovery rate", Journal of the Royal
    Statistical Society B 57, 1995, https://doi.org/10.1111/j.2517-6161.1995.tb02031.x.
    """
    return false_discovery_control(p_values, method="bh") if len(p_values) else p_values
