"""Errors of classifiers on rows that they did not see."""

from numbers import Integral

import numpy as np
from scipy.sparse import issparse
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sktransfer._domains import read_sample_domain
from sktransfer._messages import shown
from sktransfer._sklearn import _safe_indexing


def held_out_errors(clones, X, labels, folds):
    """Return for each row whether the classifier that did not see it is wrong.

    Parameters
    ----------
    clones : iterator of classifier
        Fresh copies, one a fold.
    X : array-like, sparse matrix, DataFrame or list of n_samples rows
    labels : ndarray of shape (n_samples,)
    folds : iterable of (ndarray of int, ndarray of int)
        The rows to train on and to test on; each row is tested once.

    Returns
    -------
    wrong : ndarray of shape (n_samples,), dtype bool
    """
    X = X.tocsr() if issparse(X) else X
    wrong = np.empty(len(labels), dtype=bool)
    for train, out in folds:
        model = next(clones).fit(_safe_indexing(X, train), labels[train])
        wrong[out] = model.predict(_safe_indexing(X, out)) != labels[out]
    return wrong


def read_two_domains(sample_domain, n_samples, cv, *, name):
    """Return the domains of rows, of which there are a source and two rows of each, or raise.

    Parameters
    ----------
    sample_domain : array-like of shape (n_samples,)
    n_samples : int
    cv : int
        Folds, which are checked too.
    name : str
        The name of the function in an error.

    Returns
    -------
    domains : Domains
    """
    if isinstance(cv, bool) or not isinstance(cv, Integral) or cv < 2:
        raise ValueError(f"cv={shown(cv)}: expected a number of folds, 2 or more.")
    domains = read_sample_domain(sample_domain, n_samples)
    if not domains.sources:
        raise ValueError(
            f"sample_domain has no source row, and {name} needs rows of two domains; name the "
            "source of some rows."
        )
    domains.check_rows(2, estimator_name=name)
    return domains


def spread_folds(groups, n_folds, *, generator):
    """Return shuffled folds over which the rows of each group are spread evenly.

    Parameters
    ----------
    groups : ndarray of shape (n_samples,)
    n_folds : int
        From 2 to n_samples.
    generator : RandomState

    Returns
    -------
    folds : list of (ndarray of int, ndarray of int)
        The rows to train on and to test on.
    """
    shuffled = generator.permutation(len(groups))
    order = shuffled[np.argsort(groups[shuffled], kind="stable")]
    folds = np.empty(len(groups), dtype=int)
    folds[order] = np.arange(len(groups)) % n_folds
    return [(np.flatnonzero(folds != k), np.flatnonzero(folds == k)) for k in range(n_folds)]


def default_discriminator(X):
    """Return the classifier of domains: linear, on standardized columns, both domains as heavy."""
    linear = LogisticRegression(class_weight="balanced", max_iter=1000)
    return make_pipeline(StandardScaler(with_mean=not issparse(X)), linear)
