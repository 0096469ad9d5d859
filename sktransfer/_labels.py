"""Labels: which rows have one, and the labels that a method learns from, classes or numbers.

:func:`is_labelled` is the only function that decides whether a row has a label.
"""

from numbers import Real
from typing import Any

import numpy as np
from sklearn.utils import assert_all_finite
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import column_or_1d

from sktransfer._containers import as_array, is_present, present_cells, take
from sktransfer._magnitude import LARGEST, SMALLEST, largest_value
from sktransfer._messages import shown

# Missing labels after a cast to text, by NumPy or by the caller.
MISSING_AS_TEXT = ("nan", "None", "<NA>")

# The width, at least, of the texts that NumPy makes of numbers and strings in one array.
_WIDTH_OF_NUMBERS = 32


def read_labels(y):
    """Return labels, in any container, as a NumPy array in which missing values stay missing.

    Parameters
    ----------
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)

    Returns
    -------
    labels : ndarray of shape (n_samples,) or (n_samples, n_outputs)
        As :func:`~sktransfer._containers.as_array` returns them.

    Raises
    ------
    ValueError
        If labels are missing values that were turned into text, as in `is_labelled`.
    """
    _refuse_missing_as_text(y)
    return as_array(y)


def is_labelled(y: Any) -> np.ndarray:
    """Return which rows have a label.

    Parameters
    ----------
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        In any container: lists, arrays, Series and data frames of pandas and polars, Arrow arrays.

    Returns
    -------
    mask : ndarray of shape (n_samples,), dtype bool
        False if a label (or any of a row's outputs) is a missing value.

    Raises
    ------
    ValueError
        If labels are missing values that were turned into text: 'nan', 'None' or '<NA>' in an array
        of strings or in pandas. An array of objects may have classes of such names. An array of
        strings that is narrower than the texts that NumPy makes of numbers may have a class 'nan'.

    Examples
    --------
    >>> from sktransfer.base import is_labelled
    >>> is_labelled(["a", None, "b"])
    array([ True, False,  True])
    """
    return is_present(read_labels(y))


def has_label(y):
    """Return which rows have a label in any of their columns: a mask of shape (n_samples,)."""
    present = present_cells(read_labels(y))
    return present.reshape(len(present), -1).any(axis=1)


def _refuse_missing_as_text(y):
    present = _texts(y)
    texts = [text for text in MISSING_AS_TEXT if text in present]
    if texts:
        raise ValueError(
            f"y holds the texts {texts}, which NumPy makes of missing values among strings; pass "
            "an object array with None if a row has no label, or stack the domains by "
            "pack_domains (in an object array a class may have such a name)."
        )


def _texts(y):
    """Return the texts among labels whose type does not show their origin.

    These are arrays of text and containers of pandas. NumPy made no number into a text of an array
    that is narrower than its texts of numbers. A class in such an array may therefore be called
    "nan".
    """
    kind = getattr(getattr(y, "dtype", None), "kind", "O")
    is_array = isinstance(y, np.ndarray)
    if kind not in ("UT" if is_array else "OUT") or not (is_array or hasattr(y, "isna")):
        return set()
    texts = {value for value in as_array(y).ravel().tolist() if isinstance(value, str)}
    narrow = is_array and kind == "U" and y.dtype.itemsize < 4 * _WIDTH_OF_NUMBERS
    return texts - {"nan"} if narrow else texts


def labels_alone(y: Any, mask: np.ndarray, *, discrete: bool) -> np.ndarray:
    """Return the labels of the rows in `mask`, with the dtype that they alone would have.

    Parameters
    ----------
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        In any container, as for `is_labelled`.
    mask : ndarray of shape (n_samples,), dtype bool
        Labelled rows: all of them, or some.
    discrete : bool
        Whether labels are classes. Classes that are whole numbers were only made floating point to
        hold the gaps, and come back as integers; a regression target stays as it is.

    Returns
    -------
    labels : ndarray of shape (n_labelled,) or (n_labelled, n_outputs)

    Examples
    --------
    >>> from sktransfer.base import is_labelled, labels_alone
    >>> y = [1.0, float("nan"), 0.0]
    >>> labels_alone(y, is_labelled(y), discrete=True)
    array([1, 0])
    """
    values = read_labels(y)
    labels = values[np.asarray(mask)]
    if labels.dtype.kind == "O":
        labels = _of_one_type(labels)
    if discrete and labels.dtype.kind == "f" and _are_whole(labels):
        had_gaps = not is_present(values).all()
        labels = labels.astype(np.int64) if had_gaps else labels
    return labels


def _of_one_type(labels):
    """Return objects of one type as an array of that type, others as they are."""
    flat = labels.ravel().tolist()
    for kind in (str, bool | np.bool, Real):
        if flat and all(isinstance(value, kind) for value in flat):
            return np.asarray(flat).reshape(labels.shape)
    return labels


def _are_whole(numbers):
    return bool((np.isfinite(numbers) & (numbers == np.rint(numbers))).all())


def hide_labels(y, mask):
    """Return a copy of `y`, as an array, whose labels in the rows of `mask` are missing.

    Floating-point labels become NaN there and dates NaT. Any other label becomes None, and the
    array one of objects.
    """
    values, mask = as_array(y), np.asarray(mask)
    if values.dtype.kind not in "fmM":  # before they become objects, which may have any name
        _refuse_missing_as_text(take(y, np.flatnonzero(~mask)))
        values = values.astype(object)
    hidden = values.copy()
    hidden[mask] = {"f": np.nan, "O": None}.get(values.dtype.kind, "NaT")
    return hidden


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
        The advice of the error if the labels are numbers; with `reader`.

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


def read_columns(y, used, *, discrete):
    """Return the labels in each column of an array with gaps, and their rows.

    Parameters
    ----------
    y : ndarray of shape (n_samples, n_columns)
    used : ndarray of shape (n_samples,), dtype bool
        The rows to read.
    discrete : bool
        Whether labels are classes; else they become float64.

    Returns
    -------
    columns : list of (ndarray of shape (n_labels,), ndarray of shape (n_samples,), dtype bool)
        Whole numbers come back as integers in every column if any column had gaps.

    Raises
    ------
    ValueError
        If a column has no label, or labels that cannot be read.
    """
    present = present_cells(y) & np.asarray(used)[:, np.newaxis]
    empty = np.flatnonzero(~present.any(axis=0))
    if len(empty):
        raise ValueError(
            f"y has no label in the columns {empty.tolist()} of {y.shape[1]}: label some of the "
            "rows that are learned from, or leave these columns out."
        )
    had_gaps, columns = not present.all(), []
    for place, mask in enumerate(present.T):
        if discrete:
            labels = read_classes(y[:, place], mask)
            if had_gaps and labels.dtype.kind == "f" and _are_whole(labels):
                labels = labels.astype(np.int64)
        else:
            labels = labels_alone(y[:, place], mask, discrete=False)
        columns.append((labels, mask))
    return columns


def class_codes(y, *, reader, instead, whose="source"):
    """Return the classes in some labels, and the code of each label; -1 if it is missing.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
    reader, instead : str
        As in `read_classes`.
    whose : str, default="source"
        The rows that can have a label, for the error if none has.

    Returns
    -------
    classes : ndarray of shape (n_classes,)
    codes : ndarray of shape (n_samples,), dtype int
    """
    labelled = is_labelled(y)
    if not labelled.any():
        raise ValueError(
            f"{reader} reads the labels of {whose} rows, but no {whose} row has one; label some, "
            f"or {instead}."
        )
    codes = np.full(len(labelled), -1)
    labels = read_classes(y, labelled, reader=reader, instead=instead)
    classes, codes[labelled] = np.unique(labels, return_inverse=True)
    return classes, codes


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
