"""The base of the weighters: how much each source row counts for the target."""

from abc import ABCMeta, abstractmethod

import numpy as np
from scipy.sparse import csr_array, issparse
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted, validate_data

from sktransfer._base import refuse_sparse
from sktransfer._containers import text_columns_named
from sktransfer._domains import read_sample_domain
from sktransfer._kernels.density_ratio import effective_sample_size
from sktransfer._kernels.rows import order_of_rows
from sktransfer._magnitude import NUMERICAL_ERRORS, check_magnitude, numerical_error
from sktransfer._sklearn import _fit_context
from sktransfer._whole import whole_fit
from sktransfer.instance._effective_rows import warn_of_few_rows
from sktransfer.instance._tasks import _ReportsTasks


class _BaseWeighter(_ReportsTasks, BaseEstimator, metaclass=ABCMeta):
    """A weighter gives each source row a weight, and never reads a label.

    A concrete weighter writes `_fit_ratio`. It never sees ``sample_domain``: all sources are one
    pool for it. The rows reach it in float64 and in an order of their own, so that nothing it draws
    or rounds depends on the order in which the caller has them.
    """

    # Asked for by default, so that it flows through plain pipelines when metadata routing is on.
    __metadata_request__fit = {"sample_domain": True}

    # A transfer pipeline leaves it to the method what to do with rows that have no label.
    _reads_unlabelled_rows = True

    # Fewest source rows, of all sources together, and fewest target rows.
    _min_rows = 1

    # What fit learns beside the weights: None where there is no source.
    _learned = ()

    # What `validate_data` is to accept.
    _accept_sparse = "csr"

    # Whether rows may have missing values.
    _accept_nan = False

    # How the weights get less extreme: the start of a sentence.
    _spread = "Scale the features and keep fewer of them"

    # What a method does that makes sparse rows dense, where it is that for which they are refused.
    _densifies = None

    @abstractmethod
    def _fit_ratio(self, X_source, X_target):
        """Learn from (n_source, n_features) and (n_target, n_features) arrays, and give the ratio
        of the densities at the source rows, up to a factor: (n_source,), not negative."""

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None, *, sample_domain=None):
        """Learn the weights of the source rows.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows of all domains, float64 or float32.
        y : None
            Ignored; here for API consistency.
        sample_domain : array-like of shape (n_samples,), default=None
            ``"target"`` for a target row, else the name of the row's source domain (or integers:
            negative target, positive source). None: every row is a target row, of weight 1.

        Returns
        -------
        self : object
            The fitted weighter.

        Raises
        ------
        ValueError
            When there are too few rows, when no source row gets a weight above 0, or when a weight
            is not finite.
        """
        with whole_fit(self):
            self._begin_tasks(X, y)
            given_X, X = X, self._read_rows(X)
            domains = read_sample_domain(sample_domain, X.shape[0])
            ratio = None
            if domains.sources:
                is_target = domains.is_target
                self._check_counts(np.sum(~is_target), np.sum(is_target))
                X_source, X_target = (
                    X[rows].astype(np.float64) for rows in (~is_target, is_target)
                )
                order = order_of_rows(X_source)
                ratio = np.empty(len(order))
                try:
                    ratio[order] = self._fit_ratio(
                        X_source[order], X_target[order_of_rows(X_target)]
                    )
                except NUMERICAL_ERRORS as error:
                    raise numerical_error(error, self, X) from error
            self._store(domains, ratio, X.dtype)
            self._end_tasks(given_X, y)
        return self

    def _read_rows(self, X, **rules):
        """Give valid rows, sparse ones as a CSR array where the method takes them."""
        refuse_sparse(X, type(self).__name__, because=self._densifies)
        with text_columns_named(X, type(self).__name__):
            X = validate_data(
                self,
                X,
                dtype=[np.float64, np.float32],
                accept_sparse=self._accept_sparse,
                ensure_all_finite="allow-nan" if self._accept_nan else True,
                **rules,
            )
        check_magnitude(X, self)
        return csr_array(X) if issparse(X) else X

    def _store(self, domains, ratio, dtype):
        """Keep the weights: `ratio` over its mean on source rows, and 1 on target rows."""
        self.source_domains_ = domains.sources
        weights = np.ones(len(domains.codes))
        if ratio is None:
            self.effective_sample_size_ = 0.0
            for name in self._learned:
                setattr(self, name, None)
        else:
            self._scale = np.sort(ratio).mean()  # sorted: the rows' order costs no bit
            self._check_scale()
            weights[~domains.is_target] = ratio / self._scale
            self.effective_sample_size_ = effective_sample_size(ratio / self._scale)
            warn_of_few_rows(
                weights,
                domains,
                estimator_name=type(self).__name__,
                remedy=self._spread,
                stacklevel=4,
            )
        self.weights_ = weights.astype(dtype)

    def _check_counts(self, n_source, n_target):
        if min(n_source, n_target) < self._min_rows:
            raise ValueError(
                f"{type(self).__name__} needs at least {self._min_rows} source rows, of all "
                f"sources together, and as many target rows, but sample_domain names {n_source} "
                f"and {n_target}; add rows."
            )

    def _check_scale(self):
        if not np.isfinite(self._scale):
            raise ValueError(
                f"{type(self).__name__} finds weights of source rows that are not finite: their "
                f"mean is {self._scale:g}; check the rows for values that are far out, and, where "
                "it has an estimator, that its probabilities are numbers."
            )
        if self._scale <= 0:
            raise ValueError(
                f"{type(self).__name__} finds no source row near a target row: the mean of their "
                f"weights is {self._scale:g}, where it must be positive; check that both domains "
                "have the same features in the same units, or widen the kernel."
            )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = bool(self._accept_sparse)
        tags.input_tags.allow_nan = self._accept_nan
        return tags


class _BaseRatioWeighter(_BaseWeighter):
    """A weighter that learns the ratio as a function, and so weighs new source rows.

    A concrete weighter writes `_ratio`, and `_fit_ratio` beside it.
    """

    @abstractmethod
    def _ratio(self, X):
        """Give the ratio, on the scale of `_fit_ratio`, at float64 rows (n_samples, n_features)."""

    def weigh(self, X):
        """Weigh new source rows.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Source rows.

        Returns
        -------
        weights : ndarray of shape (n_samples,)
            On the scale of ``weights_``: the mean is 1 over the source rows of `fit`, not over
            these. All 1 where `fit` saw no source row.
        """
        check_is_fitted(self)
        X = self._read_rows(X, reset=False)
        if not self.source_domains_:
            return np.ones(X.shape[0], dtype=X.dtype)
        weights = self._ratio(X.astype(np.float64)) / self._scale
        return np.minimum(weights, np.finfo(X.dtype).max).astype(X.dtype)
