"""The base of the weighters: the weight of each source row for the target."""

import warnings
from abc import abstractmethod
from functools import reduce

import numpy as np
from scipy.sparse import csr_array, issparse
from sklearn.metrics import pairwise_distances_argmin
from sklearn.utils.metaestimators import available_if

from sktransfer._base import _BaseRowsEstimator
from sktransfer._dask import reduce_blocks, weigh_blocks
from sktransfer._domains import TARGET, read_sample_domain
from sktransfer._kernels.density_ratio import effective_sample_size
from sktransfer._kernels.half_samples import error_of_weights
from sktransfer._kernels.normal_sums import merged_weights, weight_sums
from sktransfer._kernels.rows import order_of_rows
from sktransfer._lazy import is_dask
from sktransfer._messages import warn
from sktransfer._needs import Needs
from sktransfer._sampled import _FitsSample
from sktransfer.exceptions import TransferWarning
from sktransfer.instance._effective_rows import warn_of_few_rows, warn_of_sizes
from sktransfer.instance._overlap import doubt_by_distances
from sktransfer.instance._tasks import _ReportsTasks


class _BaseWeighter(_ReportsTasks, _FitsSample, _BaseRowsEstimator):
    """Gives each source row a weight, and never reads a label.

    A subclass implements `_fit_ratio`. It never sees ``sample_domain``: it pools all sources. It
    gets the rows in float64 and in an order of their own, so that no random draw and no rounding
    depends on the caller's order.
    """

    _needs = Needs(sparse=True)

    _no_onnx = "it weighs rows for the fit of a model; write that model"

    _n_fit_steps = None

    # Whether the ratio is known at rows that fit has not seen, by `_ratio`.
    _has_ratio = False

    _of_sample = (*_FitsSample._of_sample, "_nearest")
    _error_unit = "mean weight"
    _by_sums = "ULSIFWeighter or GaussianWeighter"

    # Learned in fit, beside the weights: None if there is no source.
    _learned = ()

    # A sentence if the domains do not overlap.
    _doubt = None

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
        X_source, X_target = X_source[order], X_target[order_of_rows(X_target)]
        self._doubt = self._doubt_of(X_source, X_target)
        ratio[order] = self._fit_ratio(X_source, X_target)
        return ratio

    def _doubt_of(self, X_source, X_target):
        """Return a sentence if the domains do not overlap, else None."""
        return doubt_by_distances(X_source, X_target)

    def _read_rows(self, X, y="no_validation", **rules):
        X = super()._read_rows(X, y, **rules)
        return csr_array(X) if issparse(X) else X

    def _store(self, domains, ratio, dtype):
        """Store the weights: `ratio` over its mean on source rows, and 1 on target rows."""
        self.source_domains_ = domains.sources
        weights = np.ones(len(domains.codes))
        if ratio is None:
            self._doubt = None
            self.effective_sample_size_ = 0.0
            for name in self._learned:
                setattr(self, name, None)
        else:
            self._scale = np.sort(ratio).mean()  # sorted: the rows' order costs no bit
            self._check_scale()
            weights[~domains.is_target] = ratio / self._scale
            self.effective_sample_size_ = effective_sample_size(ratio / self._scale)
            few = warn_of_few_rows(
                weights,
                domains,
                estimator_name=type(self).__name__,
                remedy=self._spread,
            )
            self._warn_of_doubt(few)
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

    def _fit_drawn(self, X, y, domains):
        with warnings.catch_warnings():  # the effective rows are judged by `_settle`, of all rows
            warnings.simplefilter("ignore", TransferWarning)
            super()._fit_drawn(X, y, domains)
        if domains.sources and not self._has_ratio:
            source = ~domains.is_target
            rows = X[source].astype(np.float64)
            # A common offset costs digits; and a few rows far out do not move a median.
            center = 0 if issparse(rows) else np.median(rows, axis=0)
            self._nearest = rows - center, center, self.weights_[source]
            self._scale = 1.0
        del self.weights_

    def _fit_blocks(self, X, y, sample_domain):
        super()._fit_blocks(X, y, sample_domain)
        if self.source_domains_:
            self._settle(X, sample_domain)

    def _groups(self, sources):
        return [list(sources), [TARGET]] if sources else [[TARGET]]

    def _difference(self, first, second, X, domains):
        X = X[~domains.is_target].astype(np.float64)
        if not X.shape[0]:
            return 0.0
        return error_of_weights(first._ratio(X), second._ratio(X))

    def _ratio(self, X):
        """Return the weight of the nearest row of a sample; see `_BaseRatioWeighter`."""
        rows, center, weights = self._nearest
        return weights[pairwise_distances_argmin(X - center, rows)].astype(np.float64)

    @available_if(lambda self: self._has_ratio or "sample_sizes_" in vars(self))
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
            these. All 1 if `fit` saw no source row. Lazy if `X` is a collection of Dask.

        Raises
        ------
        AttributeError
            If the method gives weights to the rows of `fit` alone, and `fit` saw no collection of
            Dask. After one, a row has the weight of the nearest source row of the sample.
        """
        if is_dask(X):
            return weigh_blocks(self, X)
        self._check_is_fitted()
        X = self._read_rows(X, reset=False, ensure_min_samples=0)
        if not self.source_domains_ or not X.shape[0]:
            return np.ones(X.shape[0], dtype=X.dtype)
        weights = self._ratio(X.astype(np.float64)) / self._scale
        return np.minimum(weights, np.finfo(X.dtype).max).astype(X.dtype)

    def _settle(self, X, sample_domain):
        """Scale the weights to mean 1 over the source rows of a collection of Dask."""
        self._scale = 1.0
        found = reduce_blocks(_weights_of, _merged_by_source, X, sample_domain, estimator=self)
        self._settle_by(found)

    def _settle_by(self, found):
        """Scale the weights by the `WeightSums` of each source."""
        total = reduce(merged_weights, found.values())
        self._scale_by(total)
        self._check_scale()
        self.effective_sample_size_ = total.effective_size
        several = found if len(found) > 1 else {}
        few = warn_of_sizes(
            {
                name: (part.n_samples, part.effective_size)
                for name, part in {None: total, **dict(sorted(several.items()))}.items()
            },
            estimator_name=type(self).__name__,
            remedy=self._spread,
        )
        self._warn_of_doubt(few)

    def _warn_of_doubt(self, few):
        if self._doubt and not few:  # few effective rows say it already
            warn(f"{type(self).__name__}: {self._doubt}", TransferWarning)

    def _scale_by(self, total):
        """Set the mean of the ratio from its `WeightSums`."""
        self._scale = float(np.exp(total.largest) * total.mean)

    def _log_ratio(self, X):
        """Return the logarithms of `_ratio`."""
        with np.errstate(divide="ignore"):
            return np.log(self._ratio(X))


class _BaseRatioWeighter(_BaseWeighter):
    """A weighter that learns the ratio as a function, and can therefore weight new source rows.

    A subclass implements `_ratio` in addition to `_fit_ratio`.
    """

    _has_ratio = True

    @abstractmethod
    def _ratio(self, X):
        """Return the ratio, on the scale of `_fit_ratio`, at float64 rows (n_samples,
        n_features)."""


def _weights_of(estimator, X, sample_domain):
    """Return the `WeightSums` of each source of a block, on a worker."""
    X = estimator._read_rows(X, reset=False, ensure_min_samples=0).astype(np.float64)
    domains = read_sample_domain(sample_domain, X.shape[0], require_target=False)
    return {
        name: weight_sums(estimator._log_ratio(X[domains.rows(name)])) for name in domains.sources
    }


def _merged_by_source(first, second):
    together = dict(first)
    for name, part in second.items():
        together[name] = merged_weights(together[name], part) if name in together else part
    return together
