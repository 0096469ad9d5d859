"""The rows that a predictor learns from."""

import numpy as np

from sktransfer._messages import listed, warn
from sktransfer._sklearn import _check_sample_weight
from sktransfer.exceptions import TransferWarning


def named_columns(given_X, X):
    """Return the data frame that the caller passed, or else its rows as a valid array.

    Parameters
    ----------
    given_X : array-like of shape (n_samples, n_features)
        As the caller passed it.
    X : {ndarray, sparse matrix} of shape (n_samples, n_features)
        Its rows after validation.

    Returns
    -------
    X : DataFrame, ndarray or sparse matrix of shape (n_samples, n_features)
        A data frame if there is one, so that an estimator can select columns by name.
    """
    return given_X if hasattr(given_X, "columns") else X


def read_weights(sample_weight, X, *, estimator_name):
    """Return the weight of each row, in float64, or raise an error.

    Parameters
    ----------
    sample_weight : array-like of shape (n_samples,) or None
    X : {ndarray, sparse matrix} of shape (n_samples, n_features)
        Valid rows.
    estimator_name : str
        The name of the method in the error.
    """
    first = next(iter(sample_weight), None) if hasattr(sample_weight, "__len__") else None
    if isinstance(first, str):
        raise ValueError(
            f"sample_weight of {estimator_name}, the third argument of fit, holds {str(first)!r}; "
            "expected numbers; pass the names of domains as sample_domain=."
        )
    return _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)


def lacking_rows(n_rows, noun, weights, mask=slice(None)):
    """Return what none of some rows has, for an error: a label, or a label and a weight.

    Parameters
    ----------
    n_rows : int
    noun : str
    weights : ndarray of shape (n_samples,) or None
    mask : ndarray of shape (n_samples,), dtype bool, or slice
        The rows among these.
    """
    if weights is None or (weights[mask] > 0).all():
        return f"that has a label, and none of the {n_rows} {noun} has one"
    return f"that has a label and a weight above 0, and none of the {n_rows} {noun} has both"


def check_target_rows(domains, used, *, estimator_name, weights=None):
    """Raise ValueError when no target row is used.

    Parameters
    ----------
    domains : Domains
    used : ndarray of shape (n_samples,), dtype bool
        Rows that have a label and a weight.
    estimator_name : str
        The name of the method in the error.
    weights : ndarray of shape (n_samples,), default=None
        The weights of rows. None: they have none.
    """
    is_target = domains.is_target
    if not used[is_target].any():
        lacking = lacking_rows(is_target.sum(), "target rows", weights, is_target)
        raise ValueError(
            f"{estimator_name} needs a target row {lacking}; label some target rows (if they "
            "are labelled, a pipeline with target_labels='ignore' hides it), or use an "
            "unsupervised method."
        )


def check_sources(domains, used, *, estimator_name):
    """Raise ValueError when a source has no row that is used.

    Parameters
    ----------
    domains : Domains
    used : ndarray of shape (n_samples,), dtype bool
        Rows that have a label and a weight.
    estimator_name : str
        The name of the method in the error.
    """
    silent = [name for name in domains.sources if not used[domains.rows(name)].any()]
    if silent:
        raise ValueError(
            f"{estimator_name} learns from each source, and no row of the sources {silent} in "
            "sample_domain has a label and a weight above 0; label some, or leave these rows out."
        )


def warn_of_classes(target, sources, *, estimator_name):
    """Warn if a source and the target each have classes that the other lacks.

    A class on one side alone is common: few target rows miss some, and a task may have a new one.
    Both together are often two spellings of the same classes.

    Parameters
    ----------
    target : ndarray
        Labels of target rows, or their classes.
    sources : list of (str, ndarray)
        The name of each source as it is shown, and its labels or classes.
    estimator_name : str
        The name of the method in the warning.
    """
    ours = np.unique(target)
    for name, labels in sources:
        theirs = np.unique(labels)
        alone, missing = np.setdiff1d(theirs, ours), np.setdiff1d(ours, theirs)
        if len(ours) and len(alone) and len(missing):
            shared = np.intersect1d(ours, theirs)
            n_classes = len(ours) + len(alone)
            warn(
                f"{estimator_name}: {name} and the target share {len(shared)} of {n_classes} "
                f"classes: only the source has {listed(alone.tolist())}, and only the target has "
                f"{listed(missing.tolist())}. The source says nothing about these; name the "
                "classes alike if they are the same, or leave the source out.",
                TransferWarning,
            )


def sources_of_rows(labels, domains, used):
    """Return the labels of target rows, and those of each source for `warn_of_classes`.

    Parameters
    ----------
    labels : ndarray of shape (n_used,)
    domains : Domains
    used : ndarray of shape (n_samples,), dtype bool
    """
    codes = domains.codes[used]
    named = [(f"the source {name!r}", labels[codes == k]) for k, name in enumerate(domains.sources)]
    return labels[codes < 0], named
