"""Rows of a user, an item and a value, as the recommenders of this package read them."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import issparse

from sktransfer._containers import as_array, is_present, present_cells
from sktransfer._domains import TARGET, Domains, read_sample_domain
from sktransfer._magnitude import check_magnitude
from sktransfer._messages import listed, shown

_ROWS = "rows of a user, an item and a value, such as a data frame with these three columns"


class Entities:
    """The distinct labels of users or of items, sorted, and the place of each."""

    def __init__(self, *labels):
        self.labels = _distinct([label for each in labels for label in each.tolist()])
        self._places = {label: place for place, label in enumerate(self.labels.tolist())}

    def __len__(self):
        return len(self.labels)

    def places(self, labels):
        """Return the place of each label, -1 for one that is not here."""
        return np.array([self._places.get(label, -1) for label in labels.tolist()], dtype=np.intp)


def _distinct(labels):
    """Return the distinct labels, sorted, in an array of their type, or of objects."""
    distinct = set(labels)
    try:
        ordered = sorted(distinct)
    except TypeError:  # of several types
        ordered = sorted(distinct, key=lambda label: (type(label).__name__, repr(label)))
    array = np.empty(len(ordered), dtype=object)
    array[:] = ordered
    kinds = {type(label) for label in ordered}
    return np.array(ordered) if len(kinds) == 1 and kinds <= {str, int, float, bool} else array


@dataclass(frozen=True)
class Ratings:
    """The rows that have a value, in an order that does not depend on that of the user."""

    users: np.ndarray
    items: np.ndarray
    values: np.ndarray
    domains: Domains

    def of(self, name):
        """Return the users, items and values of a domain."""
        rows = self.domains.rows(name)
        return self.users[rows], self.items[rows], self.values[rows]


def read_ratings(X, sample_domain, owner):
    """Return the `Ratings` of rows that have a value, or raise an error that names `owner`."""
    users, items, values = read_columns(X, owner, with_values=True)
    domains = read_sample_domain(sample_domain, len(values))
    used = np.flatnonzero(~np.isnan(values))
    counts = np.bincount(domains.codes[used] + 1, minlength=len(domains.sources) + 1)
    empty = [
        name for name, count in zip((TARGET, *domains.sources), counts, strict=True) if not count
    ]
    if empty:
        raise ValueError(
            f"{type(owner).__name__} needs rows that have a value in each domain, but those of "
            f"{listed(empty)} have none; pass values, or leave such a source out."
        )
    keys = Entities(users).places(users), Entities(items).places(items)
    used = used[np.lexsort((values[used], *(key[used] for key in keys), domains.codes[used]))]
    kept = Domains(domains.sources, domains.codes[used])
    return Ratings(users[used], items[used], values[used], kept)


def read_columns(X, owner, *, with_values):
    """Return the columns of users, of items, and of values if they are asked for.

    A missing value is NaN; a missing user or item is an error.
    """
    columns = _columns(X, owner)
    allowed = (3,) if with_values else (2, 3)
    if len(columns) not in allowed:
        expected = _ROWS if with_values else "rows of a user and an item"
        raise ValueError(
            f"X has {len(columns)} columns, but {type(owner).__name__} expects {expected}; select "
            "these columns, in this order."
        )
    for kind, column in zip(("user", "item"), columns, strict=False):
        n_missing = len(column) - is_present(column).sum()
        if n_missing:
            raise ValueError(
                f"X has {n_missing} rows without {kind}; leave these rows out, or name the {kind}."
            )
    if not with_values:
        return columns[:2]
    return *columns[:2], _numbers(columns[2], "the third column of X", owner)


def _columns(X, owner, name="X", expected=_ROWS):
    """Return the columns of a table as arrays, each of its own type."""
    if issparse(X):
        raise TypeError(
            f"{type(owner).__name__} expects {expected}, but {name} is a sparse "
            f"{type(X).__name__}; pass the rows, columns and data of {name}.tocoo() as columns."
        )
    if isinstance(X, str | bytes) or not hasattr(X, "__len__"):
        raise TypeError(f"{name}={shown(X)}: {type(owner).__name__} expects {expected}.")
    if hasattr(X, "columns"):
        columns = [as_array(X[label], name=name) for label in list(X.columns)]
    else:
        array = X if isinstance(X, np.ndarray) else np.array(X, dtype=object)
        if array.ndim != 2:
            raise ValueError(
                f"{name} has shape {array.shape}, but {type(owner).__name__} expects {expected}."
            )
        columns = [as_array(column, name=name) for column in array.T]
    if not columns or not len(columns[0]):
        raise ValueError(f"{name} has no rows, but {type(owner).__name__} expects {expected}.")
    return columns


def _numbers(column, place, owner):
    """Return a column as floating-point numbers, missing values as NaN."""
    present = present_cells(column)
    values = np.full(len(column), np.nan)
    try:
        values[present] = column[present].astype(np.float64)
    except (TypeError, ValueError):
        raise ValueError(
            f"{type(owner).__name__} computes with numbers, but {place} holds "
            f"{shown(column[present][:3].tolist())}; pass numbers there."
        ) from None
    n_infinite = np.isinf(values).sum()
    if n_infinite:
        raise ValueError(f"{place} has {n_infinite} infinite values; correct or remove these rows.")
    check_magnitude(values, owner)
    return values


class SideColumns:
    """Numbers that describe users or items, scaled, with a first column of ones."""

    def __init__(self, frame, name, owner):
        self.labels, columns = read_side(frame, name, owner)
        self._mean = _nan_mean(columns)
        scale = np.sqrt(_nan_mean((columns - self._mean) ** 2))
        self._scale = np.where(scale > 0, scale, 1.0)
        self._rows = self._scaled(columns)
        self._entities = Entities(self.labels)
        self._rows = self._rows[np.argsort(self._entities.places(self.labels))]

    def rows(self, labels, frame=None, name="", owner=None):
        """Return the features of each label, and the mask of those that are described.

        `frame` describes further labels. Labels without a description get a 1 and zeros.
        """
        found = np.zeros((len(labels), self._rows.shape[1]))
        found[:, 0] = 1
        known = np.zeros(len(labels), dtype=bool)
        sources = [(self._entities, self._rows)]
        if frame is not None:
            more, columns = read_side(frame, name, owner)
            if columns.shape[1] != len(self._mean):
                raise ValueError(
                    f"{name} has {columns.shape[1]} columns of numbers, but fit has seen "
                    f"{len(self._mean)}; pass the same columns."
                )
            entities = Entities(more)
            order = np.argsort(entities.places(more))
            sources.append((entities, self._scaled(columns)[order]))
        for entities, rows in sources:
            places = entities.places(labels)
            found[places >= 0] = rows[places[places >= 0]]
            known |= places >= 0
        return found, known

    def _scaled(self, columns):
        scaled = np.nan_to_num((columns - self._mean) / self._scale)
        return np.column_stack([np.ones(len(columns)), scaled])


def _nan_mean(columns):
    present = ~np.isnan(columns)
    return np.where(present, columns, 0).sum(axis=0) / np.maximum(present.sum(axis=0), 1)


def read_side(frame, name, owner):
    """Return the labels of a frame, its first column, and its other columns as numbers."""
    expected = f"a data frame whose first column holds {name} and whose others hold numbers"
    labels, *others = _columns(frame, owner, name, expected)
    if not others or not is_present(labels).all():
        raise ValueError(f"{name} has missing labels or no columns of numbers; pass {expected}.")
    entities = Entities(labels)
    repeated = entities.labels[np.bincount(entities.places(labels)) > 1]
    if len(repeated):
        raise ValueError(
            f"{name} describes {listed(repeated.tolist())} more than once; keep one row of each."
        )
    columns = [_numbers(column, f"a column of {name}", owner) for column in others]
    return labels, np.column_stack(columns)
