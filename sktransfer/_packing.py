"""From one data set a domain to ``X, y, sample_domain``, and back."""

from os import PathLike

import numpy as np
from scipy import sparse
from sklearn.utils.validation import check_consistent_length

from sktransfer._domains import TARGET, is_labelled, labels_alone, read_sample_domain
from sktransfer._sklearn import _num_samples, _safe_indexing

# What labels are called in an error, by the kind of their dtype; the rest is text.
_KINDS = dict.fromkeys("biuf", "numbers") | dict.fromkeys("mM", "dates")

# What missing labels turn into when somebody casts them to strings.
_MISSING_AS_TEXT = {"nan", "None", "<NA>"}


def pack_domains(sources, *, target):
    """Stack the data of several domains into ``X, y, sample_domain``.

    Parameters
    ----------
    sources : dict of str -> (X, y) or X
        The data of each source domain, under the name that `sample_domain` will carry. A tuple of
        two is read as rows and labels, anything else as rows without labels.
    target : (X, y) or X
        The data of the target domain, likewise.

    Returns
    -------
    X : ndarray, sparse matrix, DataFrame, Series or list of n_samples rows
        All rows, the sources in the order of the dict, then the target. Of the kind that was given:
        arrays of any number of axes, sparse matrices (as CSR), DataFrames (columns are matched by
        name, in the target's order), lists of paths, bytes or images.
    y : ndarray or pandas array of shape (n_samples,), or None
        All labels; a missing value where a row has none: NaN for numbers and booleans (which come
        back as floating point), None for strings, ``pandas.NA`` in pandas' nullable types. None
        when no domain has labels.
    sample_domain : ndarray of str of shape (n_samples,)
        ``"target"``, or the name of the row's source.

    Raises
    ------
    ValueError
        When a source is called ``"target"``, labels hold missing values written as text, or the
        domains do not fit together (kinds of container, columns, shapes, lengths).

    See Also
    --------
    unpack_domains : The inverse.

    Examples
    --------
    >>> X, y, sample_domain = pack_domains({"lab": ([[0.0], [1.0]], ["a", "b"])}, target=[[2.0]])
    >>> y
    array(['a', 'b', None], dtype=object)
    >>> sample_domain
    array(['lab', 'lab', 'target'], dtype='<U6')
    """
    domains = _read_sources(sources) | {TARGET: _rows_and_labels(target)}
    counts = {}
    for name, (X, y) in domains.items():
        counts[name] = _num_samples(X)
        if y is not None:
            _check_labels(name, y, n_rows=counts[name])
    rows = _stack_rows({name: X for name, (X, _) in domains.items()})
    labels = _stack_labels({name: y for name, (_, y) in domains.items()}, counts)
    return rows, labels, np.repeat(np.array(list(counts)), list(counts.values()))


def unpack_domains(X, y, sample_domain):
    """Take the data of each domain out of ``X, y, sample_domain``: the inverse of `pack_domains`.

    Parameters
    ----------
    X : array-like, sparse matrix, DataFrame or list of n_samples rows
    y : array-like of shape (n_samples,) or None
    sample_domain : array-like of shape (n_samples,)
        As everywhere: ``"target"``, or the name of the row's source; signed integers are read too.

    Returns
    -------
    sources : dict of str -> (X, y) or X
        The rows and labels of each source, sorted by name; the rows alone where none has a label.
    target : (X, y) or X
        Those of the target.

    Notes
    -----
    Labels that became floating point to hold another domain's gaps come back as integers where all
    of a domain's are whole numbers; booleans that did so come back as 0 and 1.

    Examples
    --------
    >>> sources, target = unpack_domains([[0.0], [2.0]], [1, 0], ["lab", "target"])
    >>> sources
    {'lab': ([[0.0]], array([1]))}
    """
    X = X.tocsr() if sparse.issparse(X) else X
    domains = read_sample_domain(sample_domain, _num_samples(X))
    if y is not None:
        check_consistent_length(X, y)
        labelled = is_labelled(y)

    def take(name):
        indices = domains.rows(name)
        rows = _safe_indexing(X, indices)
        if y is None or not labelled[indices].any():
            return rows
        if labelled[indices].all() and not _is_nullable(y):
            return rows, labels_alone(y, np.isin(np.arange(len(labelled)), indices), discrete=True)
        return rows, _safe_indexing(y if hasattr(y, "take") else np.asarray(y), indices)

    return {name: take(name) for name in domains.sources}, take(TARGET)


def _read_sources(sources):
    if not isinstance(sources, dict) or not sources:
        raise ValueError(
            f"sources={type(sources).__name__} is not a dict with at least one source; pass "
            "{name: (X, y)} or {name: X}."
        )
    for name in sources:
        if not isinstance(name, str) or not name:
            raise ValueError(f"sources has the key {name!r}; name every source by a string.")
        if name == TARGET:
            raise ValueError(
                "sources has a domain called 'target', the mark of target rows; give that source "
                "another name, and pass the target's own rows as target=."
            )
    return {name: _rows_and_labels(data) for name, data in sources.items()}


def _rows_and_labels(data):
    """Read ``(X, y)`` or ``X``."""
    if not isinstance(data, tuple):
        return data, None
    if len(data) != 2:
        raise ValueError(
            f"a domain's data is a tuple of {len(data)}; pass (X, y), or X alone as an array, a "
            "DataFrame or a list."
        )
    return data


def _check_labels(name, y, *, n_rows):
    n_labels = _num_samples(y)
    if n_labels != n_rows:
        raise ValueError(
            f"the domain {name!r} has {n_rows} rows in X and {n_labels} labels in y; pass one "
            "label a row, a missing value (NaN or None) where there is none."
        )
    values = np.asarray(y)
    if values.dtype.kind in "OUT":
        text = _MISSING_AS_TEXT & {str(value) for value in values.ravel() if isinstance(value, str)}
        if text:
            raise ValueError(
                f"the labels of the domain {name!r} hold the strings {sorted(text)}, missing "
                "values that were turned into text; pass None or NaN there, or rename the class."
            )


def _kind(X):
    """Name the kind of container that rows are stacked as."""
    if sparse.issparse(X):
        return "sparse matrix"
    module = type(X).__module__.partition(".")[0]
    if module in ("pandas", "polars"):
        return f"{module} {type(X).__name__}"
    if (
        isinstance(X, list)
        and X
        and (isinstance(X[0], str | bytes | PathLike) or _is_picture(X[0]))
    ):
        return "list of files or images"
    return "array"


def _is_picture(row):
    return type(row).__module__.startswith("PIL.") or getattr(row, "ndim", 0) >= 2


def _stack_rows(rows):
    kinds = {name: _kind(X) for name, X in rows.items()}
    if len(set(kinds.values())) > 1:
        raise ValueError(
            f"the domains' rows come in different containers, {kinds}; pass all of one kind."
        )
    kind = kinds[TARGET]
    if kind == "list of files or images":
        return [row for X in rows.values() for row in X]
    if kind.endswith("DataFrame"):
        rows = _match_columns(rows)
    elif not kind.endswith("Series"):
        rows = {name: X if kind == "sparse matrix" else np.asarray(X) for name, X in rows.items()}
        shapes = {name: X.shape[1:] for name, X in rows.items()}
        if len(set(shapes.values())) > 1:
            raise ValueError(
                f"the domains' rows have different shapes, {shapes}; every domain needs the same "
                "features (images of differing sizes go into lists)."
            )
    return _concatenate(kind, list(rows.values()))


def _match_columns(rows):
    columns = list(rows[TARGET].columns)
    for name, X in rows.items():
        missing = [column for column in columns if column not in X.columns]
        extra = [column for column in X.columns if column not in columns]
        if missing or extra:
            raise ValueError(
                f"the columns of {name!r} are not the target's: missing {missing}, unknown "
                f"{extra}; pass the columns that all domains have."
            )
    return {name: X[columns] for name, X in rows.items()}


def _concatenate(kind, parts):
    if kind == "sparse matrix":
        return sparse.vstack(parts, format="csr")
    if kind.startswith("pandas"):
        import pandas as pd

        return pd.concat(parts)
    if kind.startswith("polars"):
        import polars as pl

        return pl.concat(parts, how="vertical_relaxed")
    return np.concatenate(parts)


def _stack_labels(labels, counts):
    """Concatenate the labels, with missing values for the domains that have none."""
    given = {name: y for name, y in labels.items() if y is not None and is_labelled(y).any()}
    if not given:
        return None
    labels = {name: given.get(name) for name in labels}
    if all(_is_nullable(y) for y in given.values()) and len({y.dtype for y in given.values()}) == 1:
        return _stack_nullable(labels, counts)
    arrays = {name: _plain_labels(y) for name, y in given.items()}
    kinds = {name: _KINDS.get(values.dtype.kind, "text") for name, values in arrays.items()}
    if len(set(kinds.values())) > 1:
        raise ValueError(f"the domains' labels are of different types, {kinds}; use one of them.")
    gaps = len(given) < len(labels) or not all(is_labelled(y).all() for y in arrays.values())
    if "numbers" not in kinds.values():
        dtype = object if gaps else np.result_type(*arrays.values())
    else:
        dtype = np.result_type(*arrays.values(), *([np.float64] if gaps else []))
    shape = next(iter(arrays.values())).shape[1:]
    filler = None if np.dtype(dtype).kind == "O" else np.nan
    return np.concatenate(
        [
            arrays[name].astype(dtype)
            if name in arrays
            else np.full((count, *shape), filler, dtype=dtype)
            for name, count in counts.items()
        ]
    )


def _plain_labels(y):
    """Give labels as an array whose missing values are NaN (numbers) or None (the rest)."""
    values = np.asarray(y)
    if values.dtype.kind != "O":
        return values
    labelled = is_labelled(values)
    alone = np.asarray(values[labelled].tolist())
    if alone.dtype.kind in "biuf" and alone.size:
        if labelled.all():
            return alone
        filled = np.full(values.shape, np.nan)
        filled[labelled] = alone
        return filled
    filled = values.copy()
    filled[~labelled] = None
    return filled


def _is_nullable(y):
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
    return pd.concat(parts, ignore_index=True).array
