"""Views: groups of columns, given by names, positions or slices."""

from numbers import Integral

import numpy as np

from sktransfer._messages import shown


def read_views(views, *, n_features, names=None):
    """Return the columns of each view.

    Parameters
    ----------
    views : list of (list of str, list of int or slice), or None
        None: one view of all columns.
    n_features : int
        Number of columns.
    names : ndarray of shape (n_features,), dtype object, default=None
        Their names, if they have any.

    Returns
    -------
    columns : list of ndarray of shape (n_columns,), dtype intp

    Raises
    ------
    ValueError
        If there is no view, or if two views have the same columns. If a view is empty, names a
        column twice or names none that exists.
    """
    if views is None:
        return [np.arange(n_features)]
    if not len(views):
        raise ValueError("views=[] has no view; list at least one, or pass None for all columns.")
    columns = [_columns(view, place, n_features, names) for place, view in enumerate(views)]
    first = {}
    for place, view in enumerate(columns):
        same = first.setdefault(frozenset(view), place)
        if same != place:
            raise ValueError(
                f"views[{place}] has the same columns as views[{same}]; leave one out."
            )
    return columns


def _columns(view, place, n_features, names):
    """Return the columns of one view."""
    if isinstance(view, slice):
        found = list(range(n_features)[view])
    elif isinstance(view, str) or not np.iterable(view):
        raise ValueError(
            f"views[{place}]={shown(view)} is no view; pass a list of names or positions of "
            "columns, or a slice."
        )
    else:
        found = [_column(key, place, n_features, names) for key in view]
    if not found:
        raise ValueError(f"views[{place}]={shown(view)} has no column; X has {n_features}.")
    if len(set(found)) < len(found):
        raise ValueError(f"views[{place}]={shown(view)} has a column twice; list each once.")
    return np.array(found, dtype=np.intp)


def _column(key, place, n_features, names):
    """Return the position of one column."""
    if isinstance(key, str):
        if names is None:
            raise ValueError(
                f"views[{place}] names the column {key!r}, and X has no names; pass a data frame "
                "whose names are strings, or positions."
            )
        if key not in names:
            raise ValueError(f"views[{place}] names {key!r}, which is no column of X.")
        return int(np.flatnonzero(names == key)[0])
    if not isinstance(key, Integral) or isinstance(key, bool | np.bool_):
        raise ValueError(
            f"views[{place}] has {key!r}, which is no column; pass names or positions of columns."
        )
    if not -n_features <= key < n_features:
        raise ValueError(f"views[{place}] has the position {key}, and X has {n_features} columns.")
    return int(key) % n_features
