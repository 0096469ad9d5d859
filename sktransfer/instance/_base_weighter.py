"""The base of the weighters: the weight of each source row for the target."""

from abc import abstractmethod

import numpy as np
from scipy.sparse import csr_array, issparse

from sktransfer._base import _BaseRowsEstimator
from sktransfer._kernels.density_ratio import effective_sample_size
from sktransfer._kernels.rows import order_of_rows
from sktransfer._needs import Needs
from sktransfer.instance._effective_rows import warn_of_few_rows
from sktransfer.instance._tasks import _ReportsTasks


class _BaseWeighter(_ReportsTasks, _BaseRowsEstimator):
    """Gives each source row a weight, and never reads a label.

    A subclass implements `_fit_ratio`. It never sees ``sample_domain``: it pools all sources. It
    gets the rows in float64 and in an order of their own, so that no random draw and no rounding
    depends on the caller's order.
    """

    _needs = Needs(sparse=True)

    _n_fit_steps = None

    # What fit learns beside the weights: None if there is no source.
    _learned = ()

    # How the weights get less extreme: the start of a sentence.
    _spread = "Scale the features and keep fewer of them"

    @abstractmethod
    def _fit_ratio(self, X_source, X_target):
        """Return the ratio of the densities at the source rows, up to a factor, not negative.

        The arguments are arrays of shape (n_source, n_features) and (n_target, n_features), and the
        result has shape (n_source,).
        """

    def _fit_rows(self, X, y, domains):
        ratio = self._source_ratio(X, y, domains) if domains.sources else None
        self._store(domains, ratio, X.dtype)

    def _source_ratio(self, X, y, domains):
        """Return the ratio at the source rows, in their order."""
        is_target = domains.is_target
        X_source, X_target = (X[rows].astype(np.float64) for rows in (~is_target, is_target))
        order = order_of_rows(X_source)
        ratio = np.empty(len(order))
        ratio[order] = self._fit_ratio(X_source[order], X_target[order_of_rows(X_target)])
        return ratio

    def _read_rows(self, X, y="no_validation", **rules):
        X = super()._read_rows(X, y, **rules)
        return csr_array(X) if issparse(X) else X

    def _store(self, domains, ratio, dtype):
        """Store the weights: `ratio` over its mean on source rows, and 1 on target rows."""
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
            )
        self.weights_ = weights.astype(dtype)

    def _check_counts(self, domains):
        n_target, fewest = np.count_nonzero(domains.is_target), self._needs.min_domain_rows
        n_source = len(domains.codes) - n_target
        if min(n_source, n_target) < fewest:
            raise ValueError(
                f"{type(self).__name__} needs at least {fewest} source rows, of all sources "
                f"together, and as many target rows, but sample_domain names {n_source} and "
                f"{n_target}; add rows."
            )

    def _check_scale(self):
        if not np.isfinite(self._scale):
            raise ValueError(
                f"{type(self).__name__} finds weights of source rows that are not finite: their "
                f"mean is {self._scale:g}; check the rows for extreme values and, if it has "
                "an estimator, that its probabilities are numbers."
            )
        if self._scale <= 0:
            raise ValueError(
                f"{type(self).__name__} finds no source row near a target row: the mean of their "
                f"weights is {self._scale:g}, but it must be positive; check that both domains "
                "have the same features in the same units, or widen the kernel."
            )


class _BaseRatioWeighter(_BaseWeighter):
    """A weighter that learns the ratio as a function, and can therefore weight new source rows.

    A subclass implements `_ratio` in addition to `_fit_ratio`.
    """

    @abstractmethod
    def _ratio(self, X):
        """Return the ratio, on the scale of `_fit_ratio`, at float64 rows (n_samples,
        n_features)."""

    def weigh(self, X):
        """Return the weights of new source rows.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Source rows.

        Returns
        -------
        weights : ndarray of shape (n_samples,)
            On the scale of ``weights_``: the mean is 1 over the source rows of `fit`, not over
            these. All 1 if `fit` saw no source row.
        """
        self._check_is_fitted()
        X = self._read_rows(X, reset=False)
        if not self.source_domains_:
            return np.ones(X.shape[0], dtype=X.dtype)
        weights = self._ratio(X.astype(np.float64)) / self._scale
        return np.minimum(weights, np.finfo(X.dtype).max).astype(X.dtype)
