"""The rows that guarded estimators compare candidates on."""

import os
from dataclasses import dataclass, replace
from numbers import Number

import numpy as np
from scipy.sparse import issparse
from sklearn.impute import SimpleImputer
from sklearn.utils.validation import check_consistent_length

from sktransfer._domains import TARGET, Domains
from sktransfer._kernels.rows import order_of_rows
from sktransfer._labels import hide_labels, is_labelled, read_labels
from sktransfer._magnitude import has_missing
from sktransfer._rows import named_columns
from sktransfer._sklearn import _safe_indexing

# Entries of X that are items (texts, files, encoded images), which no numeric method takes.
_ITEMS = (str, bytes, os.PathLike)


@dataclass(frozen=True, eq=False)
class GuardRows:
    """Rows of all domains with their labels.

    Parameters
    ----------
    X : array-like, sparse matrix, DataFrame or list of n_samples rows
        As candidates get them.
    y : ndarray of shape (n_samples,)
        Labels, missing if a row has none.
    domains : Domains
    labelled : ndarray of shape (n_samples,), dtype bool
    ranks : ndarray of shape (n_samples,), dtype int
        Places of the rows in an order of their own, so that draws do not depend on the order of
        the input.
    is_numeric : bool
        Whether X holds numbers, and no items.
    has_missing : bool
        Whether some of the numbers are missing.
    """

    X: object
    y: np.ndarray
    domains: Domains
    labelled: np.ndarray
    ranks: np.ndarray
    is_numeric: bool
    has_missing: bool

    @property
    def sample_domain(self):
        """The name of each row's domain."""
        return np.array([*self.domains.sources, TARGET])[self.domains.codes]

    @property
    def labelled_target(self):
        """Positions of the labelled target rows, in an order of their own."""
        return self._positions(self.domains.is_target & self.labelled)

    @property
    def unlabelled_target(self):
        """Positions of the target rows without a label, in an order of their own."""
        return self._positions(self.domains.is_target & ~self.labelled)

    def labelled_source(self, name=None):
        """Positions of the labelled rows of a source, or of all, in an order of their own."""
        if name is None:
            return self._positions(~self.domains.is_target & self.labelled)
        code = self.domains.sources.index(name)
        return self._positions((self.domains.codes == code) & self.labelled)

    def _positions(self, mask):
        positions = np.flatnonzero(mask)
        return positions[np.argsort(self.ranks[positions], kind="stable")]

    def rows_of(self, positions):
        """Return the rows of X at some positions."""
        return _safe_indexing(self.X, positions)

    def numbers_of(self, positions):
        """Return the rows of X at some positions in float64; a gap is the mean of its column."""
        X = self.rows_of(positions)
        X = X.astype(np.float64) if issparse(X) else np.asarray(X, dtype=np.float64)
        return SimpleImputer(keep_empty_features=True).fit_transform(X) if self.has_missing else X

    def without(self, positions):
        """Return all rows but those at some positions."""
        return self._take(np.setdiff1d(np.arange(len(self.y)), positions))

    def without_source(self, name):
        """Return all rows but those of one source."""
        return self.without(self.domains.rows(name))

    def _take(self, positions):
        codes = self.domains.codes[positions]
        kept = tuple(name for k, name in enumerate(self.domains.sources) if (codes == k).any())
        places = np.array([*(kept.index(n) if n in kept else -1 for n in self.domains.sources), -1])
        return replace(
            self,
            X=self.rows_of(positions),
            y=self.y[positions],
            domains=Domains(kept, places[codes]),
            labelled=self.labelled[positions],
            ranks=self.ranks[positions],
        )

    def with_target(self, name, labelled, others):
        """Return the rows of the other sources, and those of one source as target rows.

        Parameters
        ----------
        name : str
            The source that plays the target.
        labelled : ndarray of int
            Positions of its rows that keep their label.
        others : ndarray of int
            Positions of its rows that take part without one.
        """
        code = self.domains.sources.index(name)
        codes = self.domains.codes.copy()
        kept = np.flatnonzero((codes >= 0) & (codes != code))
        codes[codes == code] = -1
        known = self.labelled.copy()
        known[others] = False
        y = hide_labels(self.y, ~known) if len(others) else self.y
        changed = replace(self, y=y, domains=Domains(self.domains.sources, codes), labelled=known)
        return changed._take(np.sort(np.concatenate([kept, labelled, others])))


def guard_rows(X, valid_X, y, domains):
    """Return `GuardRows` of rows that were read.

    Parameters
    ----------
    X : array-like of n_samples rows
        As the caller passed them.
    valid_X : {ndarray, sparse matrix} of shape (n_samples, n_features), or None
        The numbers in them; None if they are items.
    y : ndarray of shape (n_samples,) or (n_samples, 1)
    domains : Domains
    """
    X, y = X if valid_X is None else named_columns(X, valid_X), np.ravel(y)
    X = X.tocsr() if issparse(X) else X
    ranks = np.arange(len(y))
    if valid_X is not None:
        ranks[order_of_rows(valid_X)] = np.arange(len(y))
    has_gaps = valid_X is not None and has_missing(valid_X)
    return GuardRows(X, y, domains, is_labelled(y), ranks, valid_X is not None, has_gaps)


def read_required_labels(y, domains, *, estimator_name):
    """Return labels as an array, or raise an error as `require_labels` does."""
    require_labels(y, domains, estimator_name=estimator_name)
    return read_labels(y)


def require_labels(y, domains, *, estimator_name):
    """Raise ValueError if there are no labels, or of another length; none is read.

    Parameters
    ----------
    y : array-like of shape (n_samples,) or None
    domains : Domains
    estimator_name : str
        The name of the method in the error.
    """
    if y is None:
        raise ValueError(
            f"{estimator_name} reads labels, but y is None; pass y with a label for each source "
            "row, and missing values if a target row has none."
        )
    check_consistent_length(domains.codes, y)


def holds_items(X):
    """Return whether X holds items, such as texts, files and images, instead of numbers.

    Parameters
    ----------
    X : array-like of n_samples rows
    """
    if issparse(X):
        return False
    if hasattr(X, "dtypes") and hasattr(X, "columns"):
        return not all(
            _is_numeric(dtype) or _holds_numbers(X, k) for k, dtype in enumerate(X.dtypes)
        )
    if isinstance(X, np.ndarray):
        if X.ndim > 2 or X.dtype.kind in "SU":
            return True
        return X.dtype.kind == "O" and X.size > 0 and isinstance(X.flat[0], _ITEMS)
    first = next(iter(X), None) if hasattr(X, "__len__") and len(X) else None
    return isinstance(first, _ITEMS) or getattr(first, "ndim", 0) > 1 or hasattr(first, "convert")


def _is_numeric(dtype):
    """Return whether a dtype of NumPy, pandas or polars is one of numbers or booleans."""
    if hasattr(dtype, "is_numeric"):
        return dtype.is_numeric() or str(dtype) == "Boolean"
    return getattr(dtype, "kind", "O") in "biuf"


def _holds_numbers(X, k):
    """Return whether all present values of a column of objects of a pandas frame are numbers."""
    if not hasattr(X, "iloc"):
        return False
    values = np.asarray(X.iloc[:, k].dropna(), dtype=object)
    return len(values) > 0 and all(isinstance(value, Number) for value in values)
