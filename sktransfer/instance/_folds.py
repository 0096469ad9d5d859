"""Folds of target rows that do not depend on the order of rows."""

import numpy as np
from scipy.sparse import issparse

from sktransfer._sklearn import _safe_indexing


def sorted_folds(X, y, is_target, *, n_folds):
    """Assign target rows to folds in the order of their labels (equal labels: of their features).

    Parameters
    ----------
    X : {ndarray, sparse matrix, DataFrame} of shape (n_samples, n_features)
    y : ndarray of shape (n_samples,)
    is_target : ndarray of shape (n_samples,), dtype bool
    n_folds : int
        The number of folds, at most the number of target rows.

    Returns
    -------
    folds : list of ndarray of shape (n_samples,), dtype bool
        The rows that each fold holds out; each target row is in exactly one.

    Raises
    ------
    ValueError
        If there is a single target row.
    """
    rows = np.flatnonzero(is_target)
    if len(rows) < 2:
        raise ValueError(
            "TwoStageTrAdaBoostRegressor chooses its step by cross-validation over target rows, "
            f"and {len(rows)} target row has a label and a weight above 0; label two at least, or "
            "use TrAdaBoostRegressor."
        )
    features = X[rows].toarray() if issparse(X) else np.asarray(_safe_indexing(X, rows))
    ties = features.T[::-1] if features.dtype.kind in "biuf" else ()
    dealt = np.empty(len(rows), dtype=np.intp)
    dealt[np.lexsort((*ties, y[rows]))] = np.arange(len(rows)) % min(n_folds, len(rows))
    fold_of = np.full(len(y), -1)
    fold_of[rows] = dealt
    return [fold_of == fold for fold in range(dealt.max() + 1)]
