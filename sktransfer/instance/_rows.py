"""The rows that a boosting method learns from, and their labels."""

import warnings

import numpy as np
from sklearn.utils import assert_all_finite
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d

from sktransfer._domains import labels_alone


def check_rows(domains, used, sample_weight, *, estimator_name):
    """Raise ValueError when no target row is used; warn when source weights are no numbers of rows.

    Parameters
    ----------
    domains : Domains
    used : ndarray of shape (n_samples,), dtype bool
        Rows that have a label and a weight.
    sample_weight : ndarray of shape (n_samples,)
    estimator_name : str
        What the error calls the method.
    """
    is_target = domains.is_target
    if not used[is_target].any():
        raise ValueError(
            f"{estimator_name} needs a target row that has a label and a weight above 0, and none "
            f"of the {is_target.sum()} target rows has both; label some target rows (where they "
            "are labelled, a pipeline with target_labels='ignore' hides it), or use an "
            "unsupervised method."
        )
    source_weight = sample_weight[used & ~is_target]
    if len(source_weight) > 1 and source_weight.sum() <= 1:
        warnings.warn(
            f"sample_weight sums to {source_weight.sum():g} over {len(source_weight)} source rows, "
            "but it counts repetitions, and of one row or less none ever loses weight; multiply "
            "sample_weight so that it sums to the number of rows.",
            UserWarning,
            stacklevel=4,
        )


def check_sources(domains, used, *, estimator_name):
    """Raise ValueError when a source has no row that is used.

    Parameters
    ----------
    domains : Domains
    used : ndarray of shape (n_samples,), dtype bool
        Rows that have a label and a weight.
    estimator_name : str
        What the error calls the method.
    """
    silent = [name for name in domains.sources if not used[domains.rows(name)].any()]
    if silent:
        raise ValueError(
            f"{estimator_name} learns from each source, and no row of the sources {silent} in "
            "sample_domain has a label and a weight above 0; label some, or leave these rows out."
        )


def read_numbers(y, used):
    """Give the labels of some rows as floating-point numbers, or raise scikit-learn's errors.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
    used : ndarray of shape (n_samples,), dtype bool
        The rows to read, all of them labelled.

    Returns
    -------
    labels : ndarray of shape (n_used,)
        float32 stays float32; anything else becomes float64.
    """
    assert_all_finite(np.asarray(y)[used], input_name="y")
    labels = column_or_1d(labels_alone(y, used, discrete=False), warn=True)
    return labels if labels.dtype.kind == "f" else labels.astype(np.float64)


def read_classes(y, used):
    """Give the labels of some rows as an array of classes, or raise scikit-learn's errors.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
    used : ndarray of shape (n_samples,), dtype bool
        The rows to read, all of them labelled.

    Returns
    -------
    labels : ndarray of shape (n_used,)
    """
    assert_all_finite(np.asarray(y)[used], input_name="y")
    labels = column_or_1d(labels_alone(y, used, discrete=True), warn=True)
    check_classification_targets(labels)
    return labels
