"""The doubt whether two domains overlap, without which no ratio of densities is known."""

import numpy as np
from sklearn.metrics import pairwise_distances

N_SAMPLED = 300  # rows of each domain
LEAST_MEAN = 0.2  # of a ratio whose mean is 1

_REMEDY = (
    "The ratio of the densities is then not known, and the weights mean little. Check that both "
    "domains have the same features in the same units, or use an aligner"
)


def doubt_by_distances(X_source, X_target):
    """Return a sentence if the domains are farther apart than their own rows, else None.

    Up to 300 rows of each domain are compared. The nearest pair of a source row and a target row is
    farther apart than half of the pairs in the source, and than half of those in the target.

    Parameters
    ----------
    X_source, X_target : {ndarray, sparse array} of shape (n_rows, n_features)
        Sorted rows, of which some at equal steps are compared.
    """
    source, target = (_some(X) for X in (X_source, X_target))
    within = max(_median_distance(source), _median_distance(target))
    between = pairwise_distances(source, target).min()
    if not within or between <= within:
        return None
    return (
        f"The domains do not overlap: the nearest of the compared source and target rows are "
        f"{between:.3g} apart, and half of the rows of a domain are within {within:.3g} of each "
        f"other. {_REMEDY}."
    )


def doubt_by_ratios(at_source, at_target):
    """Return a sentence if a classifier separates the domains completely, else None.

    The mean of the ratio over the source, and that of its inverse over the target, are 1 for the
    ratio of two densities that overlap. Their geometric mean does not depend on the ratio's scale.

    Parameters
    ----------
    at_source, at_target : ndarray of shape (n_rows,)
        The ratio of the density of the target to that of the source, above 0.
    """
    mean = np.sqrt(np.mean(at_source) * np.mean(1 / at_target))
    if not mean < LEAST_MEAN:
        return None
    return (
        "The classifier separates the domains: the geometric mean of the means of its ratio over "
        f"source rows and of its inverse over target rows is {mean:.2g}, and 1 if domains overlap. "
        f"{_REMEDY}; if the classifier overfits, as trees do, set cv=5."
    )


def _some(X):
    return X[np.unique(np.linspace(0, X.shape[0] - 1, N_SAMPLED).astype(int))]


def _median_distance(X):
    if X.shape[0] < 2:
        return 0.0
    return np.median(pairwise_distances(X)[np.triu_indices(X.shape[0], 1)])
