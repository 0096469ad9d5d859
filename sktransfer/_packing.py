"""From one data set a domain to ``X, y, sample_domain``, and back."""

from collections import Counter
from collections.abc import Mapping
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse
from sklearn.utils.validation import check_consistent_length

from sktransfer._containers import take as take_rows
from sktransfer._domains import TARGET, read_sample_domain
from sktransfer._labels import has_label, is_labelled, labels_alone
from sktransfer._lazy import refuse_lazy
from sktransfer._messages import cause, shown
from sktransfer._packing_labels import is_nullable, read_domain_labels, stack_labels
from sktransfer._sklearn import _num_samples, _safe_indexing

# A kind of container that rows are stacked as.
_FILES = "list of files or images"


def pack_domains(
    sources: Mapping[str, Any], target: Any, *, columns: str = "same"
) -> tuple[Any, Any, np.ndarray]:
    """Stack the data of several domains into ``X, y, sample_domain``.

    Parameters
    ----------
    sources : dict of str -> (X, y) or X
        The data of each source domain, under the name that `sample_domain` will carry. A tuple of
        two is read as rows and labels, anything else as rows without labels. Labels have the shape
        (n,) or, as one column, (n, 1), or (n, n_columns) with gaps in any column.
    target : (X, y) or X
        The data of the target domain, likewise.
    columns : {"same", "shared", "union"}, default="same"
        The columns of data frames that are kept, by name. "same": all domains must have the same.
        "shared": those that all domains have. "union": those that any domain has, with missing
        values if a domain lacks one; `ColumnBridge` predicts these. Columns that the target has
        come first, in its order.

    Returns
    -------
    X : ndarray, sparse matrix, DataFrame, Series or list of n_samples rows
        All rows, the sources in the order of the dict, then the target. Of the kind that was given:
        arrays of any number of axes, sparse matrices (as CSR), DataFrames (columns are matched by
        name, in the target's order; a category column has the categories of all domains), lists of
        paths, bytes or images.
    y : ndarray or Series of shape (n_samples,) or (n_samples, n_columns), or None
        All labels, and a missing value for a row that has none: NaN for numbers and booleans (which
        come back as floating point), NaT for dates, None for strings. Labels of one of pandas'
        nullable types (``"Int64"``, ``"string"`` and those of Arrow) come back as a Series of that
        type, with ``pandas.NA``. None if no domain has labels.
    sample_domain : ndarray of str of shape (n_samples,)
        ``"target"``, or the name of the row's source.

    Raises
    ------
    ValueError
        If a source is called ``"target"``, or if labels hold missing values written as text or
        whole numbers that floating point would round. If the domains do not fit together (kinds of
        container, columns, ordered categories, shapes, lengths).

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
    labels = {}
    for name, (X, y) in domains.items():
        refuse_lazy("pack_domains", X=X, y=y)
        counts[name] = _num_samples(X)
        labels[name] = None if y is None else read_domain_labels(name, y, n_rows=counts[name])
    rows = _stack_rows({name: X for name, (X, _) in domains.items()}, columns)
    labels = stack_labels(labels, counts)
    return rows, labels, np.repeat(np.array(list(counts)), list(counts.values()))


def unpack_domains(X: Any, y: Any, sample_domain: ArrayLike) -> tuple[dict[str, Any], Any]:
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
        The rows and labels of each source, sorted by name; the rows alone if none has a label.
    target : (X, y) or X
        Those of the target.

    Notes
    -----
    Labels that became floating point to hold another domain's gaps are returned as integers if all
    labels of a domain are whole numbers. Booleans that did so are returned as 0 and 1.

    Examples
    --------
    >>> sources, target = unpack_domains([[0.0], [2.0]], [1, 0], ["lab", "target"])
    >>> sources
    {'lab': ([[0.0]], array([1]))}
    """
    refuse_lazy("unpack_domains", X=X, y=y)
    X = X.tocsr() if sparse.issparse(X) else X
    domains = read_sample_domain(sample_domain, _num_samples(X))
    if y is not None:
        check_consistent_length(X, y)
        labelled, is_partly = is_labelled(y), has_label(y)

    def take(name):
        indices = domains.rows(name)
        rows = _safe_indexing(X, indices)
        if y is None or not is_partly[indices].any():
            return rows
        if labelled[indices].all() and not is_nullable(y):
            return rows, labels_alone(y, np.isin(np.arange(len(labelled)), indices), discrete=True)
        return rows, take_rows(y, indices)

    return {name: take(name) for name in domains.sources}, take(TARGET)


def _read_sources(sources):
    if not isinstance(sources, dict) or not sources:
        found = f"a {type(sources).__name__}" if not isinstance(sources, dict) else "empty"
        raise ValueError(
            f"sources is {found}, expected a dict with at least one source; pass "
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
    if isinstance(data, list) and _is_pair(data):
        raise ValueError(
            "a domain's data is a list that looks like rows and their labels; pass a tuple (X, y)."
        )
    if not isinstance(data, tuple):
        return data, None
    if len(data) != 2:
        raise ValueError(
            f"a domain's data is a tuple of {len(data)}; pass (X, y), or X alone as an array, a "
            "DataFrame or a list."
        )
    return data


def _is_pair(data):
    """Tell a list of rows and their labels from a list of two rows, or of two images."""
    if len(data) != 2 or _n_axes(data[1]) != 1:
        return False
    rows, labels = data
    return _n_axes(rows) >= 2 or (_are_files(rows) and not any(map(_is_file, labels)))


def _n_axes(part):
    if isinstance(part, list | tuple):
        return 1 + (_n_axes(part[0]) if part else 0)
    return getattr(part, "ndim", 0)


def kind_of(X):
    """Name the kind of container that rows are stacked as."""
    if sparse.issparse(X):
        return "sparse matrix"
    module = type(X).__module__.partition(".")[0]
    if module in ("pandas", "polars"):
        return f"{module} {type(X).__name__}"
    if isinstance(X, list) and X and (_is_file(X[0]) or _is_picture(X[0])):
        return _FILES
    return "array"


def _are_files(rows):
    return isinstance(rows, list) and all(_is_file(row) or _is_picture(row) for row in rows)


def _is_file(row):
    return isinstance(row, str | bytes | PathLike)


def _is_picture(row):
    return type(row).__module__.startswith("PIL.") or getattr(row, "ndim", 0) >= 2


def _stack_rows(rows, columns):
    if columns not in ("same", "shared", "union"):
        raise ValueError(f"columns={columns!r}: expected 'same', 'shared' or 'union'.")
    kinds = {name: kind_of(X) for name, X in rows.items()}
    if len(set(kinds.values())) > 1:
        raise ValueError(
            f"the domains' rows come in different containers, {kinds}; pass all of one kind."
        )
    kind = kinds[TARGET]
    if columns != "same" and not kind.endswith("DataFrame"):
        raise ValueError(
            f"columns={columns!r} matches columns by name, but the rows of the domains come as "
            f"{kind}; pass data frames, or columns='same'."
        )
    if kind == _FILES:
        return [row for X in rows.values() for row in X]
    if kind.endswith("DataFrame"):
        rows = _match_columns(rows, columns)
    elif not kind.endswith("Series"):
        rows = {name: X if kind == "sparse matrix" else np.asarray(X) for name, X in rows.items()}
        shapes = {name: X.shape[1:] for name, X in rows.items()}
        if len(set(shapes.values())) > 1:
            raise ValueError(
                f"the domains' rows have different shapes, {shapes}; every domain needs the same "
                "features (images of differing sizes go into lists)."
            )
    return concatenate(kind, list(rows.values()))


def _match_columns(rows, columns):
    for name, X in rows.items():
        repeated = [column for column, count in Counter(X.columns).items() if count > 1]
        if repeated:
            raise ValueError(
                f"the columns of {name!r} hold the names {repeated} more than once, so that columns"
                " cannot be matched by name; rename them."
            )
    if columns == "union":
        return _with_all_columns(rows)
    of_target = list(rows[TARGET].columns)
    if columns == "shared":
        kept = [each for each in of_target if all(each in X.columns for X in rows.values())]
        if not kept:
            raise ValueError(
                "columns='shared': no column is in all domains; rename those that mean the same."
            )
        return {name: X[kept] for name, X in rows.items()}
    for name, X in rows.items():
        missing = [column for column in of_target if column not in X.columns]
        extra = [column for column in X.columns if column not in of_target]
        if missing or extra:
            raise ValueError(
                f"the columns of {name!r} are not the target's: missing {missing}, unknown "
                f"{extra}; pass columns='shared' or 'union', or rename columns."
            )
    return {name: X[of_target] for name, X in rows.items()}


def _with_all_columns(rows):
    """Give each domain the columns of all, with missing values in those that it lacks."""
    examples = {}
    for X in (rows[TARGET], *rows.values()):
        for column in X.columns:
            examples.setdefault(column, X[column])
    complete = {}
    for name, X in rows.items():
        lacking = [column for column in examples if column not in X.columns]
        for column in lacking:
            X = _with_missing(X, column, examples[column])
        complete[name] = X[list(examples)]
    return complete


def _with_missing(X, column, example):
    """Return a frame with one more column, of missing values of the type of an example."""
    if type(X).__module__.partition(".")[0] == "polars":
        import polars as pl

        return X.with_columns(pl.lit(None, dtype=example.dtype).alias(column))
    import pandas as pd

    is_number = isinstance(example.dtype, np.dtype) and example.dtype.kind in "biuf"
    dtype = np.float64 if is_number else example.dtype
    return X.assign(**{column: pd.Series([None] * len(X), index=X.index, dtype=dtype)})


def concatenate(kind, parts):
    """Stack rows that all are in containers of one `kind`, as `kind_of` names it."""
    if kind == "sparse matrix":
        return sparse.vstack(parts, format="csr")
    if kind.startswith("pandas"):
        return _concatenate_pandas(parts)
    if kind.startswith("polars"):
        return _concatenate_polars(parts)
    return np.concatenate(parts)


def _concatenate_pandas(parts):
    """Stack frames or Series; a category column gets the categories of all parts."""
    import pandas as pd

    if parts[0].ndim == 1:
        return pd.concat(_with_common_categories(parts))
    for name, dtype in parts[-1].dtypes.items():
        if isinstance(dtype, pd.CategoricalDtype):
            pieces = _with_common_categories([part[name] for part in parts])
            parts = [part.assign(**{name: piece}) for part, piece in zip(parts, pieces)]
    return pd.concat(parts)


def _concatenate_polars(parts):
    """Stack frames or Series; an Enum gets the categories of all parts."""
    import polars as pl

    if isinstance(parts[0], pl.Series):
        frames = [part.to_frame() for part in parts]
        frames = [frame.rename({frame.columns[0]: frames[0].columns[0]}) for frame in frames]
        return _concatenate_polars(frames).to_series()
    for name in parts[-1].columns:
        types = [part.schema[name] for part in parts]
        if all(isinstance(type_, pl.Enum) for type_ in types):
            dtype = pl.Enum(list(dict.fromkeys(c for type_ in types for c in type_.categories)))
            parts = [part.with_columns(pl.col(name).cast(dtype)) for part in parts]
    try:
        return pl.concat(parts, how="vertical_relaxed")
    except pl.exceptions.PolarsError as error:
        raise ValueError(
            f"the domains' columns are of types that do not fit together ({cause(error)}); give "
            "each column the same type in all domains."
        ) from error


def _with_common_categories(pieces):
    """Return Series of the last one's type of category, with the categories of all of them."""
    import pandas as pd

    types = [piece.dtype for piece in pieces]
    if not isinstance(types[-1], pd.CategoricalDtype) or all(type_ == types[-1] for type_ in types):
        return pieces
    pieces = [piece.astype("category") for piece in pieces]
    if any(piece.cat.ordered for piece in pieces):
        raise ValueError(
            f"the column {pieces[-1].name!r} has ordered categories, which are not the same in all "
            f"domains; give it one type before, such as {shown(types[-1])}."
        )
    common = pd.api.types.union_categoricals(pieces).dtype
    return [piece.astype(common) for piece in pieces]
