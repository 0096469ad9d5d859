"""The shared abstract bases: each public method written once, with a hook for the method itself."""

from abc import ABCMeta, abstractmethod

import numpy as np
from scipy.sparse import issparse, vstack
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.callback import CallbackSupportMixin
from sklearn.utils.validation import (
    check_consistent_length,
    check_is_fitted,
    column_or_1d,
    validate_data,
)

from sktransfer._containers import text_columns_named
from sktransfer._dask import aligned, maps_blocks
from sktransfer._domains import TARGET, read_sample_domain
from sktransfer._kernels.arrays import rows_in_order, zero_row_like
from sktransfer._labels import hide_labels, read_labels
from sktransfer._lazy import is_dask, refuse_lazy
from sktransfer._magnitude import (
    NUMERICAL_ERRORS,
    check_magnitude,
    check_result,
    has_missing,
    numerical_error,
)
from sktransfer._needs import Needs
from sktransfer._onnx import WritesONNX
from sktransfer._progress import begin_fit
from sktransfer._sampled import _FitsSample
from sktransfer._sklearn import _fit_context, get_namespace_and_device
from sktransfer._whole import whole_fit


class _TransferEstimator(WritesONNX, CallbackSupportMixin, BaseEstimator, metaclass=ABCMeta):
    """An estimator whose `fit` takes ``sample_domain`` and reads what `_needs` states."""

    # Requested by default, so that metadata routing passes it through plain pipelines.
    __metadata_request__fit = {"sample_domain": True}

    _needs = Needs()

    @property
    def _reader(self):
        """The name of the estimator in errors about `X`."""
        return type(self).__name__

    def _read_rows(self, X, y="no_validation", **rules):
        """Return valid rows; `y` is looked at only if it is None."""
        needs, name = self._needs, self._reader
        refuse_lazy(name, X=X, y=y)
        if issparse(X) and not needs.sparse:
            why = f", because {needs.dense_because}" if needs.dense_because else ""
            raise TypeError(
                f"{name} takes only dense rows{why}, but X is a sparse {type(X).__name__}; pass "
                "X.toarray() if that fits into memory, or reduce X first, for example with "
                "TruncatedSVD."
            )
        with text_columns_named(X, name):
            X = validate_data(
                self,
                X,
                None if y is None else "no_validation",
                dtype=self._dtypes_for(X),
                accept_sparse="csr" if needs.sparse else False,
                ensure_all_finite="allow-nan",
                **rules,
            )
        if not needs.missing and has_missing(X):
            self._refuse_missing()
        if needs.squares:
            check_magnitude(X, self, returns_squares=needs.returns_squares)
        return X

    def _check_is_fitted(self):
        check_is_fitted(self)

    def _dtypes_for(self, X):
        """Return the dtypes of rows that are kept, those of the library of `X`."""
        xp = get_namespace_and_device(X)[0]
        if not (self._needs.array_api or isinstance(xp.empty(0), np.ndarray)):
            raise TypeError(
                f"{self._reader} computes by NumPy alone, but X is an array of "
                f"{xp.__name__.rpartition('.')[2]} and array_api_dispatch is on; pass X as an "
                "array of NumPy."
            )
        return [xp.float64, xp.float32]

    def _refuse_missing(self):
        raise ValueError(
            f"{self._reader} takes no missing values, but X contains NaN; put SimpleImputer() "
            "before it (after MomentAligner(), if the domains differ in scale), or leave out the "
            "rows that have missing values."
        )

    def __sklearn_tags__(self):
        tags, needs = super().__sklearn_tags__(), self._needs
        tags.input_tags.sparse = needs.sparse
        tags.input_tags.allow_nan = needs.missing
        tags.array_api_support = needs.array_api
        return tags


class _BaseRowsEstimator(_TransferEstimator):
    """An estimator that is fitted on all rows, with or without a label.

    A concrete one writes `_fit_rows`. Labels that `_needs` does not name never reach it.
    """

    # How many times, at most, `_fit_rows` reports a subtask to callbacks. None: unknown.
    _n_fit_steps = 0

    # Whether `_fit_blocks(X, y, sample_domain)` fits a collection of Dask. The last two are None or
    # collections in the blocks of `X`; `y` is None if it is not read.
    _fits_blocks = False

    # Learned only in a fit on a sample.
    _of_sample = ()

    @abstractmethod
    def _fit_rows(self, X, y, domains):
        """Learn from valid rows.

        `y` is None without a source, and for a method that reads no labels. Otherwise it is an
        array of shape (n_samples,) in which the labels of target rows are missing, unless the
        method reads them too. `domains` is a `Domains`.
        """

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None, *, sample_domain=None):
        """Learn from the rows of all domains.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows of all domains, float64 or float32. They may be sparse, have missing values (NaN),
            or be a collection of Dask, if the class says so.
        y : array-like of shape (n_samples,), default=None
            Labels, if the class says that it reads them. Otherwise they are ignored, and those of
            target rows are always hidden from a method that is not said to read them.
        sample_domain : array-like of shape (n_samples,), default=None
            ``"target"`` for a target row, else the name of the row's source domain (or integers:
            negative target, positive source). None: every row is a target row, and
            nothing is transferred.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        self._read_and_fit(X, y, sample_domain)
        return self

    def _read_and_fit(self, X, y, sample_domain):
        """Fit, and return the valid rows and their domains, or those of Dask as they are."""
        needs = self._needs
        with whole_fit(self):
            if is_dask(X) and self._fits_blocks:
                y = y if needs.source_labels else None
                X, sample_domain, y = aligned(X, sample_domain, y, reader=self._reader)
                end_fit = begin_fit(self, X, y, n_steps=None)
                self._fit_blocks(X, y, sample_domain)
                end_fit()
                return X, sample_domain
            rows = self._read_rows(
                X, y, ensure_min_samples=needs.min_rows, ensure_min_features=needs.min_features
            )
            domains = read_sample_domain(sample_domain, rows.shape[0])
            labels = self._checked_labels(y, domains)
            self.source_domains_ = domains.sources
            for name in self._of_sample:
                vars(self).pop(name, None)
            end_fit = begin_fit(self, X, y, n_steps=self._n_fit_steps)
            self._fit_valid(rows, labels, domains)
            end_fit()
        return rows, domains

    def _fit_valid(self, X, y, domains):
        try:
            with np.errstate(over="ignore", invalid="ignore"):  # results are checked
                self._fit_rows(X, y, domains)
        except NUMERICAL_ERRORS as error:
            raise numerical_error(error, self, X) from error

    def _checked_labels(self, y, domains):
        """Return the labels that are read, or None; raise ValueError if a domain has few rows."""
        if domains.sources:
            self._check_counts(domains)
        return self._source_labels(y, domains) if self._needs.source_labels else None

    def _check_counts(self, domains):
        domains.check_rows(self._needs.min_domain_rows, estimator_name=type(self).__name__)

    def _source_labels(self, y, domains):
        """Return the labels of all rows, those of the target hidden if they are not to be read."""
        if y is not None:
            check_consistent_length(domains.codes, y)
        if not domains.sources or (y is None and self._needs.labels_optional):
            return None
        hide = not self._needs.target_labels
        if y is None:
            read = "are not read" if hide else "are read too, if they are not missing"
            raise ValueError(
                f"{type(self).__name__} reads the labels of source rows, but y is None; pass y "
                f"with a label for each source row (the labels of target rows {read})."
            )
        return column_or_1d(hide_labels(y, domains.is_target) if hide else read_labels(y))


@maps_blocks
class _BaseTransformer(TransformerMixin, _FitsSample, _BaseRowsEstimator):
    """A transformer that knows the domain of each row. A concrete one writes `_map_rows` too."""

    __metadata_request__transform = {"sample_domain": True}

    @abstractmethod
    def _map_rows(self, X, domains):
        """Map valid rows, at least one."""

    def transform(self, X, *, sample_domain=None):
        """Map each row.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows of domains that `fit` has seen; there may be none. An array or a data frame of
            Dask is mapped lazily.
        sample_domain : array-like of shape (n_samples,), default=None
            The domain of each row, as in `fit`. None: every row is a target row, as new data are.

        Returns
        -------
        X_mapped : {ndarray, sparse matrix} of shape (n_samples, n_features_out)
            The mapped rows, of the dtype of `X`.
        """
        self._check_is_fitted()
        X = self._read_rows(X, reset=False, ensure_min_samples=0)
        domains = read_sample_domain(sample_domain, X.shape[0], require_target=False)
        domains.check_known(self.source_domains_, estimator_name=type(self).__name__)
        if not X.shape[0]:
            return self._checked_map(zero_row_like(X), read_sample_domain(None, 1))[:0]
        return self._checked_map(X, domains)

    @_fit_context(prefer_skip_nested_validation=False)
    def fit_transform(self, X, y=None, *, sample_domain=None):
        """Fit and map the same rows, each with its domain.

        The result is that of ``fit(X, y, sample_domain=d).transform(X, sample_domain=d)``.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows of all domains.
        y : array-like of shape (n_samples,), default=None
            As in `fit`.
        sample_domain : array-like of shape (n_samples,), default=None
            The domain of each row, as in `fit`.

        Returns
        -------
        X_mapped : {ndarray, sparse matrix} of shape (n_samples, n_features_out)
            The mapped rows.
        """
        return self._checked_map(*self._read_and_fit(X, y, sample_domain))

    def _checked_map(self, X, domains):
        with np.errstate(over="ignore", invalid="ignore"):
            mapped = self._map_rows(X, domains)
        check_result(mapped, X, self)
        return mapped

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


class _BaseAligner(_BaseTransformer):
    """A transformer that gives each domain a map into one space in which the domains agree.

    A concrete aligner writes `_fit_domains`, which learns the maps, and `_transform_domain`, which
    applies one. It never sees ``sample_domain``.
    """

    @abstractmethod
    def _fit_domains(self, sources, X_target):
        """Learn from `sources`, a dict name -> (n_source, n_features) array (empty: the plain
        method), and `X_target`, (n_target, n_features).

        One that reads source labels gets them third: the labels of all these rows, source by source
        and the target's last. Those of the target are missing. None without a source.
        """

    @abstractmethod
    def _transform_domain(self, X, name):
        """Map the rows `X` of the domain `name`, ``"target"`` or a source that fit has seen."""

    def _fit_rows(self, X, y, domains):
        rows = {name: domains.rows(name) for name in (*domains.sources, TARGET)}
        sources = {name: self._take(X, indices) for name, indices in rows.items()}
        X_target = sources.pop(TARGET)
        labels = ()
        if self._needs.source_labels:
            labels = (None if y is None else y[np.concatenate(list(rows.values()))],)
        self._fit_domains(sources, X_target, *labels)

    @staticmethod
    def _take(X, rows):
        """Return some rows, in an array of their own."""
        return X[rows]

    def _map_rows(self, X, domains):
        if not domains.sources:
            return self._transform_domain(X, TARGET)
        rows = {name: domains.rows(name) for name in (*domains.sources, TARGET)}
        parts = [self._transform_domain(self._take(X, rows[name]), name) for name in rows]
        if issparse(parts[-1]):
            order = np.concatenate(list(rows.values()))
            return vstack(parts, format="csr")[np.argsort(order)]
        return rows_in_order(parts, list(rows.values()))
