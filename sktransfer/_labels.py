"""The labels that a method learns from: classes, or numbers."""

import numpy as np
from sklearn.utils import assert_all_finite
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import column_or_1d

from sktransfer._domains import is_labelled, labels_alone, read_labels
from sktransfer._magnitude import LARGEST, SMALLEST, largest_value
from sktransfer._messages import shown


def read_classes(y, used, *, reader=None, instead=None):
    """Return the labels of some rows as an array of classes, or raise an error.

    Parameters
    ----------
    y : array-like of shape (n_samples,) or (n_samples, 1)
        In any container.
    used : ndarray of shape (n_samples,), dtype bool
        The rows to read, all of them labelled.
    reader : str, default=None
        The name of the method, for one that can work without labels. None: numbers raise
        scikit-learn's error of a classifier.
    instead : str, default=None
        What the error advises if the labels are numbers; with `reader`.

    Returns
    -------
    labels : ndarray of shape (n_used,)

    Raises
    ------
    ValueError
        If labels are real numbers, or anything else that scikit-learn does not read as classes.
    """
    y = read_labels(y)
    assert_all_finite(y[used], input_name="y")
    labels = column_or_1d(labels_alone(y, used, discrete=True), warn=reader is None)
    _refuse_objects(labels)
    if reader is None:
        with np.errstate(invalid="ignore"):  # numbers beyond int64 are no classes
            check_classification_targets(labels)
        return labels
    with np.errstate(invalid="ignore"):
        kind = type_of_target(labels, input_name="y")
    if kind not in ("binary", "multiclass"):
        raise ValueError(
            f"{reader} reads class labels, but those in y are of the type {kind!r}; pass classes "
            f"(strings, booleans or whole numbers), or {instead}, which reads no label."
        )
    return labels


def _refuse_objects(labels):
    """Raise ValueError if labels are objects of a type that has no dtype of its own."""
    if labels.dtype.kind == "O":
        types = sorted({type(value).__name__ for value in labels})[:5]
        raise ValueError(
            f"Unknown label type: y holds values of type {', '.join(types)}; pass classes of one "
            "type, which is strings, whole numbers, booleans or dates of NumPy (datetime64)."
        )


def read_numbers(y, used):
    """Return the labels of some rows as floating-point numbers, or raise an error.

    Parameters
    ----------
    y : array-like of shape (n_samples,) or (n_samples, 1)
        In any container.
    used : ndarray of shape (n_samples,), dtype bool
        The rows to read, all of them labelled.

    Returns
    -------
    labels : ndarray of shape (n_used,)
        float32 stays float32; anything else becomes float64.

    Raises
    ------
    ValueError
        If labels are not numbers, or too large or too small to be squared and summed.
    """
    y = read_labels(y)
    assert_all_finite(y[used], input_name="y")
    labels = column_or_1d(labels_alone(y, used, discrete=False), warn=True)
    if labels.dtype.kind not in "biuf":
        raise ValueError(
            f"y holds labels such as {shown(labels.tolist()[0])}, and a regressor reads numbers; "
            "pass numbers, or use a classifier."
        )
    labels = labels if labels.dtype.kind == "f" else labels.astype(np.float64)
    largest = largest_value(labels)
    if largest and not SMALLEST <= largest <= LARGEST:
        raise ValueError(
            f"The largest absolute value of y is {largest:.3g}, which is too "
            f"{'large' if largest > 1 else 'small'} to be squared and summed; expected one from "
            f"{SMALLEST:g} to {LARGEST:g}; correct this value, or divide y by a constant."
        )
    return labels


def read_truth(y, *, discrete):
    """Return the labels that predictions are scored against, or raise if one is missing.

    Parameters
    ----------
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        In any container.
    discrete : bool
        Whether labels are classes.

    Returns
    -------
    labels : ndarray of shape (n_samples,) or (n_samples, n_outputs)
        Of the dtype that they alone have, even if the container is one of objects.
    """
    labelled = is_labelled(y)
    if not labelled.all():
        raise ValueError(
            f"y holds no label for {(~labelled).sum()} of {len(labelled)} rows, which cannot "
            "be scored; pass labelled rows alone, as cross-validation by TargetFold does."
        )
    return labels_alone(y, labelled, discrete=discrete)
