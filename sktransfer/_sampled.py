"""The base of the estimators that learn from a sample of a collection of Dask: they are no sums."""

import warnings
from copy import copy
from typing import NamedTuple

import numpy as np
from scipy.sparse import issparse

from sktransfer._dask import no_rows, sample_blocks
from sktransfer._domains import TARGET, read_sample_domain
from sktransfer._kernels.half_samples import error_of_columns, error_of_components
from sktransfer._kernels.row_hashes import repeated
from sktransfer._kernels.rows import stacked
from sktransfer._memory import memory_of_machine
from sktransfer._messages import listed, warn
from sktransfer._random import generator
from sktransfer.exceptions import TransferWarning

N_SAMPLED = 10_000  # rows of each domain
N_COMPARED = 1_000  # of them, for the error
LARGEST_ERROR = 0.1  # without a warning


class _FitsSample:
    """Learn from a sample of the rows of each domain, if they are a collection of Dask.

    Two more fits, on the halves of the sample, measure the error of the fit. A class that learns
    from sums over rows has a `_fit_blocks` of its own.
    """

    _fits_blocks = True

    # Learned from a sample alone.
    _of_sample = ("sample_sizes_", "sample_error_")

    # The unit of the error, and estimators that use all rows, for the warning.
    _error_unit = "standard deviation of the mapped rows"
    _by_sums = "CORALAligner or SubspaceAligner"

    # Whether another fit may rotate mapped rows.
    _has_free_axes = False

    def _sample_size(self, n_features):
        """Return the most rows of a domain that a fit can take."""
        return N_SAMPLED

    def _groups(self, sources):
        """Return the domains that have one sample together, as lists of names."""
        return [*([name] for name in sources), [TARGET]]

    def _fit_blocks(self, X, y, sample_domain):
        dtype = self._begin_blocks(X)
        n_rows = self._sample_size(self.n_features_in_)
        rules = {"n_rows": n_rows, "seed": self._seed_of_sample()}
        sources, groups = self._sample(X, y, sample_domain, **rules)
        for name in self._of_sample:
            vars(self).pop(name, None)
        drawn = [group.repeated(n_rows) for group in groups]
        self._fit_drawn(*_together(drawn, dtype))
        names = np.concatenate([group.names for group in drawn])
        self.source_domains_ = sources
        self.sample_sizes_ = {name: int(np.sum(names == name)) for name in (*sources, TARGET)}
        self.sample_error_ = self._error_of_sample(groups, n_rows, dtype)
        self._warn_of_error(groups)

    def _begin_blocks(self, X):
        """Read the columns, and return the dtype of valid rows."""
        least = self._needs.min_features
        empty = self._read_rows(no_rows(X), ensure_min_samples=0, ensure_min_features=least)
        if not issparse(empty):
            self._check_memory(self._sample_size(empty.shape[1]), empty.shape[1])
        return empty.dtype

    def _seed_of_sample(self):
        seed = self.get_params(deep=False).get("random_state", 0)
        return generator(seed).randint(2**31 - 1)

    def _sample(self, X, y, sample_domain, **rules):
        """Return the names of the sources, and a `_Group` of rows for each group of domains.

        The rules are those of `sample_blocks`.
        """
        samples = sample_blocks(X, sample_domain, y, estimator=self, **rules)
        sources = tuple(sorted(set(samples) - {TARGET}))
        if TARGET not in samples:
            raise ValueError(
                f"{type(self).__name__}: sample_domain has no target row, only the sources "
                f"{listed(sources)}; write {TARGET!r} for the rows of the target."
            )
        return sources, [
            _joined({name: samples[name] for name in names}, rules["n_rows"])
            for names in self._groups(sources)
        ]

    def _fit_drawn(self, X, y, domains):
        """Fit valid rows in memory."""
        if not domains.sources and X.shape[0] < self._needs.min_rows:
            raise ValueError(
                f"{type(self).__name__} needs at least {self._needs.min_rows} rows, but X has "
                f"{X.shape[0]}; add rows."
            )
        labels = self._checked_labels(y, domains)
        self.source_domains_ = domains.sources
        self._fit_valid(X, labels, domains)

    def _error_of_sample(self, groups, n_rows, dtype):
        """Return the error by the fits on the two halves of the sample; 0 if it has all rows."""
        if all(group.is_whole for group in groups):
            return 0.0
        halves = [copy(self), copy(self)]
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                for k, half in enumerate(halves):
                    drawn = [group.half(k, n_rows) for group in groups]
                    half._fit_drawn(*_together(drawn, dtype))
        except ValueError:  # too few rows in a half, of a class for example
            return np.inf
        some, _, domains = _together([group.spread(N_COMPARED) for group in groups], dtype)
        with np.errstate(over="ignore", invalid="ignore"):
            return self._difference(*halves, some, domains)

    def _difference(self, first, second, X, domains):
        """Return the error of the fit on a sample by those on its halves, at the rows `X`."""
        mapped = [half._map_rows(X, domains) for half in (first, second)]
        mapped = [part.toarray() if issparse(part) else part for part in mapped]
        mapped = [part.astype(np.float64, copy=False) for part in mapped]
        if self._has_free_axes:
            return error_of_components(*mapped)
        parts = [domains.rows(name) for name in (*domains.sources, TARGET)]
        return max(error_of_columns(*(part[rows] for part in mapped)) for rows in parts)

    def _warn_of_error(self, groups):
        if self.sample_error_ <= LARGEST_ERROR:
            return
        used = [
            f"{len(group.counts)} of {group.n_seen} rows of {listed(sorted(set(group.names)))}"
            for group in groups
            if not group.is_whole
        ]
        warn(
            f"{type(self).__name__} was fitted on a sample, {'; '.join(used[:4])}. Two halves of "
            f"it differ so much that the error of the fit is about {self.sample_error_:.2g} of the "
            f"{self._error_unit}. Reduce the features first, or use {self._by_sums}, which learn "
            "from all rows.",
            TransferWarning,
        )

    def _check_memory(self, n_rows, n_features):
        """Raise MemoryError if samples of two domains, twice each, do not fit into memory."""
        needed, there = 4 * 8 * n_rows * n_features, memory_of_machine()
        if needed > there:
            raise MemoryError(
                f"{type(self).__name__} fits a lazy collection on a sample of {n_rows} rows of "
                f"each domain, which takes {needed / 2**30:.1f} GiB for {n_features} columns, more "
                f"than the {there / 2**30:.1f} GiB of this machine; reduce the columns first."
            )


class _Group(NamedTuple):
    """Distinct rows of some domains in the order of their hashes, which is random."""

    hashes: np.ndarray
    X: np.ndarray
    names: np.ndarray
    labels: np.ndarray | None
    counts: np.ndarray
    n_seen: int

    @property
    def is_whole(self):
        """Whether each row that was seen is here, or one that is equal to it."""
        return self.n_seen == self.counts.sum()

    def repeated(self, n_rows):
        """Return the rows as often as they were counted, or `n_rows` of them in proportion."""
        return self._taken(repeated(self.counts, n_rows))

    def half(self, k, n_rows):
        """Return every other row, repeated; all rows if they are the whole."""
        if self.is_whole:
            return self.repeated(n_rows)
        return self._taken(slice(k, None, 2)).repeated(n_rows // 2)

    def spread(self, n_rows):
        """Return at most `n_rows` of the rows."""
        step = -(-len(self.counts) // n_rows)
        return self._taken(slice(None, None, step))

    def _taken(self, rows):
        labels = None if self.labels is None else self.labels[rows]
        arrays = (values[rows] for values in (self.hashes, self.X, self.names))
        return _Group(*arrays, labels, self.counts[rows], self.n_seen)


def _joined(samples, n_rows):
    """Return the `_Group` of the samples of some domains."""
    hashes = np.concatenate([sample.hashes for sample in samples.values()])
    first = np.argsort(hashes, kind="stable")[:n_rows]
    names = np.repeat(
        np.array(list(samples), dtype=object), [len(sample.hashes) for sample in samples.values()]
    )
    labels = [sample.labels for sample in samples.values()]
    return _Group(
        hashes[first],
        stacked([sample.rows for sample in samples.values()])[first],
        names[first],
        None if labels[0] is None else np.concatenate(labels)[first],
        np.concatenate([sample.counts for sample in samples.values()])[first],
        sum(sample.n_seen for sample in samples.values()),
    )


def _together(groups, dtype):
    """Return the rows of all groups, their labels and their `Domains`."""
    X = stacked([group.X for group in groups]).astype(dtype, copy=False)
    names = np.concatenate([group.names for group in groups])
    labels = [group.labels for group in groups]
    y = None if labels[0] is None else np.concatenate(labels)
    has_sources = (names != TARGET).any()
    return X, y, read_sample_domain(names if has_sources else None, len(names))
