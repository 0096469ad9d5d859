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
from sktransfer._domains import TARGET, hide_labels, read_labels, read_sample_domain
from sktransfer._kernels.arrays import rows_in_order
from sktransfer._magnitude import (
    NUMERICAL_ERRORS,
    check_magnitude,
    check_result,
    has_missing,
    numerical_error,
)
from sktransfer._progress import begin_fit
from sktransfer._sklearn import _fit_context, get_namespace_and_device
from sktransfer._whole import whole_fit


def refuse_sparse(X, name, *, because):
    """Raise TypeError on sparse rows, where a method takes none `because` of what it does."""
    if because is not None and issparse(X):
        raise TypeError(
            f"{name} {because}, which makes sparse rows dense, so that it takes dense ones alone, "
            f"but X is a sparse {type(X).__name__}; reduce X first, with TruncatedSVD for instance,"
            " or pass X.toarray() where that fits into memory."
        )


def refuse_missing(X, estimator, *, first):
    """Raise ValueError if `X` has missing values; `first` says which steps to put before."""
    if has_missing(X):
        raise ValueError(
            f"{type(estimator).__name__} takes no missing values, but X contains NaN; put {first} "
            "before it, or leave out the rows that have missing values."
        )


class _BaseAligner(CallbackSupportMixin, TransformerMixin, BaseEstimator, metaclass=ABCMeta):
    """A transformer that gives each domain a map into one space in which the domains agree.

    A concrete aligner writes `_fit_domains`, which learns the maps, and `_transform_domain`, which
    applies one. It never sees ``sample_domain``. Labels of source rows reach only one that says so
    by `_reads_source_labels`, and labels of target rows only one that says `_reads_target_labels`.
    """

    # Asked for by default, so that it flows through plain pipelines when metadata routing is on.
    __metadata_request__fit = {"sample_domain": True}
    __metadata_request__transform = {"sample_domain": True}

    # What `validate_data` is to accept; sparse rows may then be mapped to sparse ones.
    _accept_sparse = False

    # Whether rows may have missing values (NaN), which the statistics then ignore.
    _accept_nan = False

    # What a method does that makes sparse rows dense, where it is that for which they are refused.
    _densifies = None

    # Whether arrays of other libraries are mapped by these, under scikit-learn's dispatch.
    _array_api_support = False

    # Whether the method computes squares of X.
    _squares_rows = True

    # Whether mapped rows have the square of the unit of X.
    _returns_squares = False

    # How many times, at most, `_fit_domains` enters `fit_step`: subtasks for callbacks.
    _n_fit_steps = 0

    # Fewest rows of a domain that the method's statistics need, when there is a source at all.
    _min_domain_rows = 1

    # Fewest rows that it can be fitted on when there is no source.
    _min_rows = 1

    # Whether `_fit_domains` takes the labels of source rows, where there are such rows.
    _reads_source_labels = False

    # Whether it takes those of target rows with them: semisupervised, by a parameter that says so.
    _reads_target_labels = False

    @abstractmethod
    def _fit_domains(self, sources, X_target):
        """Learn from `sources`, a dict name -> (n_source, n_features) array (empty: the plain
        method), and `X_target`, (n_target, n_features).

        One that reads source labels gets them third: the labels of all these rows, source by source
        and the target's last, where those of the target are missing; None without a source.
        """

    @abstractmethod
    def _transform_domain(self, X, name):
        """Map the rows `X` of the domain `name`, ``"target"`` or a source that fit has seen."""

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, *, sample_domain=None):
        """Learn the map of each domain.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows of all domains, float64 or float32; with missing values (NaN) if the class says so.
        y : array-like of shape (n_samples,), default=None
            Labels of source rows, where the class says that it reads them (and of target rows,
            where it says so); else ignored.
        sample_domain : array-like of shape (n_samples,), default=None
            ``"target"`` for a target row, else the name of the row's source domain (or integers:
            negative target, positive source). None: every row is a target row.

        Returns
        -------
        self : object
            The fitted aligner.
        """
        with whole_fit(self):
            X = self._validate(X, ensure_min_samples=self._min_rows)
            domains = read_sample_domain(sample_domain, X.shape[0])
            if domains.sources:
                domains.check_rows(self._min_domain_rows, estimator_name=type(self).__name__)
            sources = {
                name: self._take(X, domains.rows(name)) for name in (*domains.sources, TARGET)
            }
            X_target = sources.pop(TARGET)
            self.source_domains_ = domains.sources
            labels = (self._source_labels(y, domains),) if self._reads_source_labels else ()
            end_fit = begin_fit(self, X, y, n_steps=self._n_fit_steps)
            try:
                with np.errstate(over="ignore", invalid="ignore"):  # transform checks its result
                    self._fit_domains(sources, X_target, *labels)
            except NUMERICAL_ERRORS as error:
                raise numerical_error(error, self, X) from error
            end_fit()
        return self

    def _validate(self, X, **options):
        """Give valid rows, whose values the method can square and sum."""
        refuse_sparse(X, type(self).__name__, because=self._densifies)
        with text_columns_named(X, type(self).__name__):
            X = validate_data(
                self,
                X,
                dtype=self._dtypes_for(X),
                accept_sparse=self._accept_sparse,
                ensure_all_finite="allow-nan",
                **options,
            )
        if not self._accept_nan:
            refuse_missing(X, self, first="MomentAligner() and then SimpleImputer()")
        if self._squares_rows:
            check_magnitude(X, self, returns_squares=self._returns_squares)
        return X

    def _dtypes_for(self, X):
        """The dtypes of rows to keep; where arrays of other libraries are welcome, theirs."""
        xp = get_namespace_and_device(X)[0]
        if not (self._array_api_support or isinstance(xp.empty(0), np.ndarray)):
            raise TypeError(
                f"{type(self).__name__} computes by NumPy alone, but X is an array of "
                f"{xp.__name__.rpartition('.')[2]} and array_api_dispatch is on; pass X as an "
                "array of NumPy."
            )
        return [xp.float64, xp.float32]

    @staticmethod
    def _take(X, rows):
        """Give some rows, in an array of their own."""
        return X[rows]

    def _source_labels(self, y, domains):
        """Give the labels of all rows, those of one source after another and the target's last.

        Target labels are hidden here, once for all aligners but one that says that it reads them.
        """
        if not domains.sources:
            return None
        if y is None:
            read = "are read too, where they are not missing"
            read = read if self._reads_target_labels else "are not read"
            raise ValueError(
                f"{type(self).__name__} reads the labels of source rows, but y is None; pass y "
                f"with a label for each source row (the labels of target rows {read})."
            )
        check_consistent_length(domains.codes, y)
        hide = not self._reads_target_labels
        y = column_or_1d(hide_labels(y, domains.is_target) if hide else read_labels(y))
        return y[np.concatenate([domains.rows(name) for name in (*domains.sources, TARGET)])]

    def transform(self, X, *, sample_domain=None):
        """Map each row by the map of its domain.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows, of any domain that `fit` has seen.
        sample_domain : array-like of shape (n_samples,), default=None
            The domain of each row, as in `fit`. None: every row is a target row, as new data are.

        Returns
        -------
        X_mapped : ndarray of shape (n_samples, n_features_out)
            The mapped rows, of the dtype of `X`.
        """
        check_is_fitted(self)
        X = self._validate(X, reset=False)
        domains = read_sample_domain(sample_domain, X.shape[0], require_target=False)
        domains.check_known(self.source_domains_, estimator_name=type(self).__name__)
        with np.errstate(over="ignore", invalid="ignore"):
            mapped = self._transform_rows(X, domains)
        check_result(mapped, X, self)
        return mapped

    def _transform_rows(self, X, domains):
        """Map the rows of each domain, and return all of them in the order of `X`."""
        if not domains.sources:
            return self._transform_domain(X, TARGET)
        parts = {
            name: self._transform_domain(self._take(X, domains.rows(name)), name)
            for name in (*domains.sources, TARGET)
        }
        if issparse(parts[TARGET]):
            order = np.concatenate([domains.rows(name) for name in parts])
            return vstack(list(parts.values()), format="csr")[np.argsort(order)]
        return rows_in_order(list(parts.values()), [domains.rows(name) for name in parts])

    def fit_transform(self, X, y=None, *, sample_domain=None):
        """Fit and map the same rows: ``fit(X, y, sample_domain=d).transform(X, sample_domain=d)``.

        scikit-learn's own ``fit_transform`` would drop `sample_domain` before `transform`, and
        every source row would be mapped as a target row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows of all domains.
        y : array-like of shape (n_samples,), default=None
            As in `fit`.
        sample_domain : array-like of shape (n_samples,), default=None
            The domain of each row, as in `fit`.

        Returns
        -------
        X_mapped : ndarray of shape (n_samples, n_features_out)
            The mapped rows.
        """
        return self.fit(X, y, sample_domain=sample_domain).transform(X, sample_domain=sample_domain)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = bool(self._accept_sparse)
        tags.input_tags.allow_nan = self._accept_nan
        tags.array_api_support = self._array_api_support
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
