"""Collections of Dask, block by block: reductions of their rows, and mapped rows.

Dask is imported only inside of functions, which are called only with its collections.
An estimator goes into a graph once, and each task refers to it.
"""

from copy import copy
from functools import partial, reduce, wraps

import numpy as np
from scipy.sparse import csr_array, issparse
from sklearn.utils.validation import check_consistent_length, check_is_fitted, column_or_1d

from sktransfer._containers import as_array
from sktransfer._domains import TARGET, read_sample_domain
from sktransfer._kernels.row_hashes import merged_samples, sample_of
from sktransfer._labels import hide_labels, is_labelled, read_labels
from sktransfer._lazy import is_dask, refuse_lazy
from sktransfer._progress import detached

FAN_IN = 8  # how many results one task combines


def maps_blocks(cls):
    """Decorate a class of transformers: `transform` of a collection of Dask is one of Dask.

    It is applied when the class is complete, because scikit-learn wraps `transform` then.
    """
    for name in ("transform", "fit_transform"):
        if name in vars(cls):
            setattr(cls, name, _blockwise(vars(cls)[name]))
    return cls


def _blockwise(method):
    @wraps(method)
    def mapped(self, X, *args, **kwargs):
        if not is_dask(X):
            return method(self, X, *args, **kwargs)
        if method.__name__ == "fit_transform":
            given = {name: value for name, value in kwargs.items() if name == "sample_domain"}
            return self.fit(X, *args, **kwargs).transform(X, **given)
        return transform_blocks(self, X, *args, **kwargs)

    return mapped


def reduce_blocks(function, combine, X, sample_domain, y=None, *, estimator):
    """Combine what a function finds in each block of rows, in a tree.

    Parameters
    ----------
    function : callable
        Called on a worker as ``function(estimator, block, domains, labels)``, without the last if
        `y` is None. `domains` is None if `sample_domain` is.
    combine : callable
        Combines two results into one.
    X : dask Array or DataFrame
    sample_domain, y : dask Array or Series, array-like of shape (n_samples,), or None
    estimator : estimator
        Not changed.

    Returns
    -------
    result : object
    """
    from dask import compute, delayed

    X, *others = aligned(X, sample_domain, y, reader=type(estimator).__name__)
    blocks = np.ravel(X.to_delayed())
    marks = [
        [None] * len(blocks) if each is None else np.ravel(each.to_delayed())
        for each in (others[:1] if y is None else others)
    ]
    held, found = delayed(detached(estimator), traverse=False), delayed(function, pure=False)
    parts = [found(held, block, *mine) for block, *mine in zip(blocks, *marks, strict=True)]
    combined = delayed(reduce, pure=False)
    while len(parts) > 1:
        parts = [combined(combine, parts[k : k + FAN_IN]) for k in range(0, len(parts), FAN_IN)]
    return compute(parts[0])[0]


def sample_blocks(X, sample_domain, y=None, *, n_rows, seed, estimator, labelled=False):
    """Draw distinct rows of each domain; the blocks do not matter.

    Parameters
    ----------
    X, sample_domain, y : as for `reduce_blocks`
    n_rows : int
        At most, of each.
    seed : int
    estimator : estimator
        It reads the rows.
    labelled : bool, default=False
        Whether to leave out source rows without a label. A source may then have a sample of none.

    Returns
    -------
    samples : dict of str to Sample
        Of each domain that has rows, by its name; with float64 rows.
    """
    draw = partial(_samples_of, n_rows=n_rows, seed=seed, labelled=labelled)
    combine = partial(_merged_by_domain, n_rows=n_rows)
    return reduce_blocks(draw, combine, X, sample_domain, y, estimator=estimator)


def _samples_of(estimator, X, sample_domain, y=None, *, n_rows, seed, labelled):
    X = copy(estimator)._read_rows(X, ensure_min_samples=0).astype(np.float64)
    domains = read_sample_domain(sample_domain, X.shape[0], require_target=False)
    labels = None if y is None else block_labels(estimator, y, domains)
    found = {}
    for name in (*domains.sources, TARGET):
        rows = domains.rows(name)
        if not len(rows):
            continue
        if labelled and name != TARGET:
            rows = rows[is_labelled(labels)[rows]]
        mine = None if y is None else labels[rows]
        found[name] = sample_of(X[rows], n_rows, seed=seed, labels=mine)
    return found


def block_labels(estimator, y, domains):
    """Return the labels of a block as objects, those that the estimator does not read missing."""
    check_consistent_length(domains.codes, y)
    hide = not estimator._needs.target_labels
    labels = hide_labels(y, domains.is_target) if hide else read_labels(y)
    return column_or_1d(labels).astype(object)


def _merged_by_domain(first, second, *, n_rows):
    found = dict(first)
    for name, part in second.items():
        found[name] = merged_samples(found[name], part, n_rows=n_rows) if name in found else part
    return found


def transform_blocks(estimator, X, sample_domain=None):
    """Map rows of a collection when they are asked for.

    Parameters
    ----------
    estimator : transformer
        Fitted. It is copied: what `fit` changes later does not count.
    X : dask Array, DataFrame or Series
    sample_domain : dask Array or Series, array-like of shape (n_samples,), or None

    Returns
    -------
    mapped : dask Array or DataFrame
        An array of an array, with its chunks of rows; else a data frame with the index of `X` and
        the names of `get_feature_names_out`.
    """
    getattr(estimator, "_check_is_fitted", lambda: check_is_fitted(estimator))()
    X, domains, _ = aligned(X, sample_domain, reader=type(estimator).__name__)
    return _mapped_blocks(detached(estimator), "transform", X, domains)


def weigh_blocks(estimator, X):
    """Weigh source rows of a collection when they are asked for; see `transform_blocks`.

    Returns
    -------
    weights : dask Array of shape (n_samples,), or Series
    """
    estimator._check_is_fitted()
    return _mapped_blocks(
        detached(estimator), "weigh", _in_blocks(X, reader=type(estimator).__name__)
    )


def _mapped_blocks(estimator, method, X, domains=None):
    from dask import delayed

    held = delayed(estimator, traverse=False)
    empty = _rows(_called(estimator, method, no_rows(X)))
    if _is_frame(X):
        marks = () if domains is None else (domains,)
        return X.map_partitions(
            _frame,
            held,
            *marks,
            method=method,
            meta=_as_frame(estimator, empty, X._meta.index),
            enforce_metadata=False,
            align_dataframes=False,
        )
    import dask.array as da

    axes = "abcdefgh"[: X.ndim]
    out, widths = axes[:1] + "z" * (empty.ndim - 1), dict(zip("z", empty.shape[1:]))
    marks = () if domains is None else (domains, "a")
    return da.blockwise(
        _array,
        out,
        X,
        axes,
        *marks,
        held=held,
        method=method,
        new_axes=widths,
        concatenate=True,
        align_arrays=False,
        dtype=empty.dtype,
        meta=empty,
    )


def _array(X, domains=None, *, held, method):
    return _rows(_called(held, method, X, domains))


def _frame(X, held, domains=None, *, method):
    return _as_frame(held, _rows(_called(held, method, X, domains)), X.index)


def _called(estimator, method, X, domains=None):
    call = getattr(estimator, method)
    given = {} if domains is None else {"sample_domain": domains}
    if X.shape[0]:
        return call(X, **given)
    if hasattr(estimator, "steps"):
        for _, step in estimator.steps:
            X = X if step in (None, "passthrough") else _called(step, method, X)
        return X
    try:
        return call(X)
    except ValueError:  # transformers of scikit-learn refuse input without rows
        return call(_some_rows(X))[:0]


def _as_frame(estimator, rows, index):
    import pandas as pd

    if rows.ndim == 1:
        return pd.Series(rows, index=index)
    rows = rows.toarray() if issparse(rows) else rows
    return pd.DataFrame(rows, index=index, columns=estimator.get_feature_names_out())


def _rows(found):
    """Return an array, whatever `set_output` asks for."""
    return found.to_numpy() if hasattr(found, "columns") else found


def no_rows(X):
    """Return rows like those of a collection, but none of them."""
    if _is_frame(X):
        return X._meta
    shape = (0, *(int(n) for n in X.shape[1:]))
    return csr_array(shape, dtype=X.dtype) if issparse(X._meta) else np.empty(shape, dtype=X.dtype)


def _some_rows(X):
    """Return a few rows like those of which `X` has none."""
    if hasattr(X, "iloc"):
        from dask.dataframe.utils import meta_nonempty

        return meta_nonempty(X)
    shape = (1, *X.shape[1:])
    return csr_array(shape, dtype=X.dtype) if issparse(X) else np.zeros(shape, dtype=X.dtype)


def aligned(X, sample_domain, y=None, *, reader):
    """Return them in the same blocks of whole rows; what is not a collection becomes one.

    Raises
    ------
    TypeError
        If `X` is neither an array nor a data frame.
    ValueError
        If the numbers of rows or of blocks differ.
    """
    X = _in_blocks(X, reader=reader)
    return X, *(
        _like(X, values, name=name, reader=reader)
        for name, values in (("sample_domain", sample_domain), ("y", y))
    )


def _in_blocks(X, *, reader):
    """Return a collection of which each block holds whole rows; refuse others than arrays and
    frames."""
    import dask.array as da

    if isinstance(X, da.Array) and X.ndim:
        return X if X.ndim == 1 else X.rechunk(dict.fromkeys(range(1, X.ndim), -1))
    if not _is_frame(X):
        refuse_lazy(reader, X=X)
    return X


def _is_frame(values):
    """Tell whether a collection is a data frame or a series."""
    return type(values).__module__.startswith(("dask.dataframe", "dask_expr"))


def _like(X, values, *, name, reader):
    """Return labels or domains in the blocks of `X`, as a Series for a frame; None for None."""
    import dask.array as da

    is_frame = _is_frame(X)
    if values is None:
        return None
    if not is_dask(values):
        values = as_array(values, name=name)
        lengths = _lengths(X)
        _check_length(values.shape, sum(lengths), name)
        values = da.from_array(values, chunks=(lengths,))
    elif not is_frame and not _is_frame(values) and _are_known(X, values):
        _check_length(values.shape, X.shape[0], name)
        values = values.rechunk((X.chunks[0],))
    if _is_frame(values):
        values = values if is_frame else values.astype(object).to_dask_array()
    elif is_frame:
        import dask
        import dask.dataframe as dd

        with dask.config.set({"dataframe.convert-string": False}):  # numbers in it stay numbers
            values = dd.from_dask_array(values)
    n_blocks = [_n_blocks(each) for each in (X, values)]
    if n_blocks[0] != n_blocks[1]:
        raise ValueError(
            f"{reader}: X has {n_blocks[0]} blocks of rows and {name} has {n_blocks[1]}; "
            "repartition one like the other, or compute its chunk sizes."
        )
    return values


def _are_known(*arrays):
    return not np.isnan([n_rows for array in arrays for n_rows in array.chunks[0]]).any()


def _check_length(shape, n_rows, name):
    if shape != (n_rows,):
        raise ValueError(
            f"{name} has shape {shape}, but X has {n_rows} rows; pass one entry a row."
        )


def _n_blocks(values):
    return values.npartitions if _is_frame(values) else values.numblocks[0]


def _n_rows(block):
    return block.shape[0]


def _lengths(X):
    """Return the number of rows of each block; those that are not known are counted."""
    if _is_frame(X):
        return tuple(X.map_partitions(len, meta=(None, int)).compute())
    if not _are_known(X):
        from dask import compute, delayed

        return compute([delayed(_n_rows)(block) for block in np.ravel(X.to_delayed())])[0]
    return X.chunks[0]
