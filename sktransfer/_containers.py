"""NumPy arrays from the containers that users keep labels and names of domains in."""

from collections.abc import Iterator, Mapping, Set
from contextlib import contextmanager
from numbers import Real

import numpy as np
from scipy.sparse import issparse

from sktransfer._lazy import refuse_lazy
from sktransfer._messages import shown
from sktransfer._sklearn import _num_samples, _safe_indexing, is_pandas_na

# The most characters of an error about X.
LONGEST = 600

# So many cells are searched for a text to name.
MOST_CELLS = 100_000

# Types with entries, but without a row for each.
_NO_ROWS = (str, bytes, Mapping, Set, Iterator)


def as_array(values, *, name="y"):
    """Return labels, or names of domains, as a NumPy array in which missing values stay missing.

    Parameters
    ----------
    values : array-like of shape (n_samples,) or (n_samples, n_outputs)
        A list, an array (a masked one too), or anything else that NumPy reads. Of pandas a Series,
        Index, extension array or DataFrame, of polars a Series or DataFrame, of pyarrow an Array,
        ChunkedArray or Table.
    name : str, default="y"
        The name of the parameter in an error.

    Returns
    -------
    array : ndarray of shape (n_samples,) or (n_samples, n_outputs)
        A missing value is NaN among floating-point numbers, NaT among dates, and a missing value
        of any kind in an array of objects. Whole numbers with gaps are objects, so that none is
        rounded.

    Raises
    ------
    TypeError
        If the entries have no order (a dict, a set), can be read once only (an iterator), are
        sparse, or if it is a single value.
    """
    refuse_lazy("sktransfer", **{name: values})
    refused = isinstance(values, _NO_ROWS) or issparse(values)
    array = None if refused else _convert(values)
    if refused or array.ndim == 0:
        raise TypeError(
            f"{name}={shown(values)}: expected one entry a row, in a list, an array or a Series."
        )
    return array


def _convert(values):
    if isinstance(values, np.ndarray):
        return _from_numpy(values)
    columns = _columns(values)
    if columns is not None:
        columns = [_convert(column) for column in columns]
        return np.column_stack(columns) if columns else np.empty((_num_samples(values), 0))
    if not hasattr(values, "__array__") and hasattr(values, "__len__"):
        return _from_sequence(values)
    array = _from_numpy(np.asarray(values))
    if array.dtype.kind == "f" and _has_nulls(values):
        return _whole_numbers(values, array)
    return array.astype(object) if array.dtype.kind == "U" else array


def take(values, rows):
    """Return the rows of a container at the positions `rows`, in a container of its kind.

    Parameters
    ----------
    values : array-like of shape (n_samples,) or (n_samples, n_outputs)
    rows : ndarray of int

    Returns
    -------
    taken : array-like of shape (n_rows,) or (n_rows, n_outputs)
    """
    if _module(values) == "pandas" and not hasattr(values, "iloc"):
        return values.take(rows)  # arrays that Arrow holds take no other way
    if isinstance(values, tuple) or not hasattr(values, "__getitem__"):
        values = list(values) if isinstance(values, tuple) else np.asarray(values)
    return _safe_indexing(values, rows)


def is_empty(X):
    """Tell whether `X` is a collection of rows that has none."""
    return hasattr(X, "__len__") and not isinstance(X, _NO_ROWS) and len(X) == 0


@contextmanager
def text_columns_named(X, name):
    """Raise short errors of validation, which name text, or the columns that hold it.

    Messages of scikit-learn that hold all values of `X` lose their middle.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        The rows that are converted inside of the context.
    name : str
        The name of the estimator in the message.
    """
    try:
        yield
    except (ValueError, TypeError) as error:
        message = " ".join(str(error).split())
        if len(message) > LONGEST:
            kind = TypeError if isinstance(error, TypeError) else ValueError
            half = LONGEST // 2 - 5
            raise kind(f"{message[:half]} ... {message[-half:]}") from error
        if not any(said in message for said in ("could not convert", "arrays of bytes/strings")):
            raise
        if not hasattr(X, "columns"):
            cells = as_array(X).ravel()[:MOST_CELLS].tolist()
            text = next((cell for cell in cells if _is_no_number(cell)), None)
            if text is None:
                raise
            raise ValueError(
                f"{name} computes with numbers, but X holds text such as {shown(text)}; encode it "
                "in an earlier step of a transfer pipeline, by OneHotEncoder in a "
                "ColumnTransformer for instance."
            ) from error
        columns = {str(column): as_array(X[column]).ravel() for column in list(X.columns)}
        text = [
            column
            for column, values in columns.items()
            if values.dtype.kind == "O" and any(isinstance(value, str) for value in values)
        ]
        raise ValueError(
            f"{name} computes with numbers, but the columns {shown(text)} of X hold text; encode "
            "them in an earlier step of a transfer pipeline, by OneHotEncoder in a "
            "ColumnTransformer for instance."
        ) from error


def _is_no_number(cell):
    if not isinstance(cell, str):
        return False
    try:
        float(cell)
    except ValueError:
        return True
    return False


def is_missing(value):
    """Tell whether one label is a missing value: None, NaN, NaT or ``pandas.NA``."""
    if value is None or is_pandas_na(value) or type(value).__name__ == "NaTType":
        return True
    if isinstance(value, Real | np.datetime64 | np.timedelta64):
        return bool(value != value)
    return False


def missing_objects(objects):
    """Return the mask of the missing values of an array of objects.

    A loop, because NumPy 2.5 warns of NaN if `is_missing` is made a function of arrays.
    """
    found = np.fromiter(map(is_missing, objects.ravel()), dtype=bool, count=objects.size)
    return found.reshape(objects.shape)


def present_cells(values):
    """Return the mask of the values of an array that are not missing, of its shape."""
    if values.dtype.kind in "fcmM":
        return values == values
    if values.dtype.kind == "O":
        return ~missing_objects(values)
    return np.ones(values.shape, dtype=bool)


def is_present(values):
    """Return the mask of the rows of an array that hold no missing value."""
    present = present_cells(values)
    return present if present.ndim == 1 else present.all(axis=tuple(range(1, present.ndim)))


def _module(values):
    return type(values).__module__.partition(".")[0]


def _columns(values):
    """Return the columns of a data frame, None for anything else."""
    if not hasattr(values, "columns"):
        return None
    if hasattr(values, "iloc"):
        return [values.iloc[:, k] for k in range(values.shape[1])]
    if hasattr(values, "get_columns"):  # polars
        return values.get_columns()
    return list(values.columns) if _module(values) == "pyarrow" else None


def _from_numpy(array):
    """Return an array of a kind that scikit-learn reads, without a mask."""
    if np.ma.isMaskedArray(array):
        hidden = np.ma.getmaskarray(array)
        array = np.ma.getdata(array)
        if hidden.any():
            array = array.astype(object)
            array[hidden] = None
    if array.dtype.kind == "T":
        array = array.astype(object)
        if all(isinstance(value, str) for value in array.ravel()):
            array = array.astype(str)
    return array


def _has_nulls(values):
    """Tell whether a container that keeps missing values apart holds some."""
    if hasattr(values, "null_count"):  # polars has a method, pyarrow an attribute
        return bool(values.null_count() if callable(values.null_count) else values.null_count)
    if _module(values) == "pandas" and hasattr(values, "isna"):
        return bool(np.asarray(values.isna()).any())
    return False


def _whole_numbers(values, array):
    """Return whole numbers with gaps as objects; `array` is the container in floating point."""
    if getattr(getattr(values, "dtype", None), "kind", None) == "f":
        return array
    if hasattr(values, "to_pylist"):
        items = values.to_pylist()
    else:
        items = values.to_list() if hasattr(values, "to_list") else list(values)
    whole = any(isinstance(item, int | np.integer) for item in items)
    return np.array(items, dtype=object) if whole else array


def _from_sequence(values):
    """Return a list as NumPy does, but with texts and missing values as they are."""
    items = values if isinstance(values, list | tuple) else list(values)
    objects = np.asarray(items, dtype=object)
    plain = np.asarray(items)
    if plain.dtype.kind in "biu" or objects.ndim > 2:
        return plain
    missing = missing_objects(objects)
    if plain.dtype.kind == "U":
        texts = [isinstance(value, str) for value in objects[~missing]]
        return objects if missing.any() or all(texts) else plain
    if missing.any() and not all(isinstance(v, float | np.floating) for v in objects.ravel()):
        return objects
    return plain
