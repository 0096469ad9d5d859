"""The labels of several domains, read and stacked into one array."""

import numpy as np

from sktransfer._containers import as_array, present_cells
from sktransfer._labels import MISSING_AS_TEXT, has_label, is_labelled, labels_alone
from sktransfer._sklearn import _num_samples

# Names of labels in an error, by the kind of their dtype. All other kinds are text.
_KINDS = dict.fromkeys("biuf", "numbers") | dict.fromkeys("mM", "dates")


def read_domain_labels(name, y, *, n_rows):
    """Return the labels of a domain, one column as a vector, or raise a clear error."""
    n_labels = _num_samples(y)
    if n_labels != n_rows:
        raise ValueError(
            f"the domain {name!r} has {n_rows} rows in X and {n_labels} labels in y; pass one "
            "label a row, a missing value (NaN or None) if it has none."
        )
    if hasattr(y, "iloc") and y.ndim == 2 and y.shape[1] == 1:
        y = y.iloc[:, 0]
    values = as_array(y)
    if values.dtype.kind in "OU":
        text = {str(value) for value in values.ravel() if isinstance(value, str)}
        if not text.isdisjoint(MISSING_AS_TEXT):
            raise ValueError(
                f"the labels of the domain {name!r} hold the strings "
                f"{sorted(text.intersection(MISSING_AS_TEXT))}, missing values that were turned "
                "into text; pass None or NaN there, or rename the class."
            )
    if is_nullable(y):
        return y
    if not isinstance(y, np.ndarray) and not hasattr(y, "iloc"):
        labelled = is_labelled(values)
        values = labels_alone(values, labelled, discrete=False) if labelled.all() else values
    return np.ravel(values) if values.shape[1:] == (1,) else values


def stack_labels(labels, counts):
    """Concatenate the labels, with missing values for the domains that have none."""
    given = {name: y for name, y in labels.items() if y is not None and has_label(y).any()}
    if not given:
        return None
    labels = {name: given.get(name) for name in labels}
    if any(np.ndim(y) == 2 for y in given.values()):
        return _stack_columns(labels, counts)
    if all(is_nullable(y) for y in given.values()) and len({y.dtype for y in given.values()}) == 1:
        return _stack_nullable(labels, counts)
    arrays = {name: _plain_labels(name, y) for name, y in given.items()}
    kind = _common_kind(arrays)
    gaps = len(given) < len(labels) or not all(is_labelled(y).all() for y in arrays.values())
    dtypes = [values.dtype for values in arrays.values()]
    filler = {"numbers": np.nan, "dates": "NaT", "text": None}[kind]
    if kind == "numbers":
        dtype = np.result_type(*dtypes, *([np.float64] if gaps else []))
    else:
        dtype = object if gaps and kind == "text" else np.result_type(*dtypes)
    return np.concatenate(
        [
            _cast(name, arrays[name], dtype)
            if name in arrays
            else np.full(count, filler, dtype=dtype)
            for name, count in counts.items()
        ]
    )


def _stack_columns(labels, counts):
    """Concatenate labels of several columns, each of which may be of a type of its own."""
    arrays = {name: as_array(y) for name, y in labels.items() if y is not None}
    shapes = {name: values.shape[1:] for name, values in arrays.items()}
    if len(set(shapes.values())) > 1:
        raise ValueError(
            f"the domains' labels have different shapes, {shapes}; pass as many outputs for every "
            "domain."
        )
    columns = []
    for place in range(next(iter(shapes.values()))[0]):
        column = {name: None if y is None else arrays[name][:, place] for name, y in labels.items()}
        columns.append(stack_labels(column, counts))
    there = [column for column in columns if column is not None]
    kinds = {_KINDS.get(column.dtype.kind, "text") for column in there}
    dtype = np.result_type(*there) if len(kinds) == 1 else np.dtype(object)
    whole = [column for column in there if column.dtype.kind in "iu"]
    if any((column.astype(dtype).astype(column.dtype) != column).any() for column in whole):
        dtype = np.dtype(object)  # floating point would round
    empty = np.full(sum(counts.values()), np.nan if dtype.kind in "biuf" else None)
    return np.column_stack(
        [empty if column is None else column.astype(dtype) for column in columns]
    )


def _common_kind(arrays):
    """Return the kind of the labels of all domains."""
    kinds = {name: _KINDS.get(values.dtype.kind, "text") for name, values in arrays.items()}
    if len(set(kinds.values())) > 1:
        raise ValueError(f"the domains' labels are of different types, {kinds}; use one of them.")
    return next(iter(kinds.values()))


def _cast(name, labels, dtype):
    """Cast labels, or say which whole numbers are too large for floating point."""
    cast = labels.astype(dtype)
    if labels.dtype.kind in "iu" and cast.dtype.kind == "f" and np.any(np.abs(cast) >= 2**53):
        rounded = [int(n) for n in np.unique(labels) if int(n) != int(cast.dtype.type(n))]
        if rounded:
            raise ValueError(
                f"the labels of the domain {name!r} hold whole numbers such as {rounded[0]}, which "
                "floating point, as which labels with gaps are stacked, would round to others; "
                "pass classes as strings, and other numbers as floating point."
            )
    return cast


def _plain_labels(name, y):
    """Return labels as an array whose missing values are NaN, NaT or None, by their type."""
    values = as_array(y)
    if values.dtype.kind != "O":
        return values
    labelled = present_cells(values)
    alone = np.asarray(values[labelled].tolist())
    if alone.dtype.kind in "biuf" and alone.size:
        if labelled.all():
            return alone.reshape(values.shape)
        filled = np.full(values.shape, np.nan)
        filled[labelled] = _cast(name, alone, np.float64)
        return filled
    filled = values.copy()
    filled[~labelled] = None
    return filled


def is_nullable(y):
    """Tell whether labels are of one of pandas' types that hold ``pandas.NA``."""
    dtype = getattr(y, "dtype", None)
    return hasattr(dtype, "na_value") and type(dtype.na_value).__name__ == "NAType"


def _stack_nullable(labels, counts):
    import pandas as pd

    dtype = next(y.dtype for y in labels.values() if y is not None)
    parts = [
        pd.Series(pd.array([pd.NA] * count, dtype=dtype) if labels[name] is None else labels[name])
        for name, count in counts.items()
    ]
    return pd.concat(parts, ignore_index=True)  # arrays that Arrow holds cannot be indexed by rows
