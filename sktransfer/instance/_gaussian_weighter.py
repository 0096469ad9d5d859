"""GaussianWeighter: the ratio of two normal densities."""

from functools import reduce
from numbers import Real

import numpy as np

from sktransfer._kernels.density_ratio import common_scale, shrunk_normal
from sktransfer._kernels.normal_sums import common_scale_of, shrunk_normal_of
from sktransfer._kernels.streaming import merged
from sktransfer._needs import Needs
from sktransfer._sklearn import Interval
from sktransfer._sums import _FitsBySums
from sktransfer.instance._base_weighter import _BaseRatioWeighter

LARGEST_LOG = 600.0  # of a ratio, for a row however far out: below the largest number


class GaussianWeighter(_FitsBySums, _BaseRatioWeighter):
    """Weight source rows by the ratio of two normal densities, one fitted to each domain.

    The simplest ratio that uses means and covariances: the log-ratio is a quadratic function of the
    features. No label is read.

    It helps under covariate shift if both domains are about normal, with enough rows for a
    covariance. It is fast and has almost nothing to tune. It hurts if they are not normal, and a
    mixture of classes often is not. It hurts if the target is wider than the source: the ratio then
    grows without bound, and outlying source rows take all the weight (look at
    `effective_sample_size_`). It also hurts if the rule from features to labels differs.

    Parameters
    ----------
    shrinkage : float, default=0.01
        The fraction, in [0, 1], of the mean variance in each covariance: ``(1 - shrinkage) C +
        shrinkage trace(C) / n_features I``. Each feature is in units of `scale_`, so the weights do
        not depend on the units of `X`. 0 is maximum likelihood. It requires more rows than features
        in the target and in the pooled sources.

    Attributes
    ----------
    weights_ : ndarray of shape (n_samples,)
        1 on target rows. The mean is 1 over the source rows, pooled over all sources. It has the
        dtype of `X`.
    effective_sample_size_ : float
        ``(sum w)^2 / sum w^2`` over the source rows; 0 if there are none.
    source_mean_, target_mean_ : ndarray of shape (n_features,)
        The means. These, the covariances and the scale are None without source rows.
    source_covariance_, target_covariance_ : ndarray of shape (n_features, n_features)
        The shrunk covariances, with ``n - 1``, in the units of `X`. With fewer rows than features
        they are computed on access.
    scale_ : ndarray of shape (n_features,)
        The spread of each feature, the same for both domains. It is the square root of the mean of
        its variances in the target and in the pooled sources. 1 if it is constant in each.
    source_domains_ : tuple of str
        The names of the source domains in `fit`. This method pools all source rows.
    n_features_in_ : int
        Number of features in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features. Defined only if all feature names of `X` are strings.

    Warns
    -----
    TransferWarning
        If the effective sample is below 10 source rows or below 5 % of them (below a quarter, if
        there are fewer than 40 rows). Several sources are also judged one by one. Or if the
        domains do not overlap: the nearest source row and target row are farther apart than half of
        the rows in each domain.

    See Also
    --------
    DiscriminatorWeighter : A log-ratio by a classifier, not by moments.
    ULSIFWeighter : A ratio without a parametric form.

    Notes
    -----
    The time of a fit grows with ``n d^2 + d^3`` for n rows and d features. If a domain has fewer
    rows than features, it grows with ``n^2 d``: its covariance is then stored as a factor of n rows
    and a diagonal.

    `partial_fit` takes the rows in batches, and `merge` joins parts that different machines have
    seen. Both continue only an earlier `partial_fit`, and keep sums alone. Then there are no
    ``weights_`` and no ``effective_sample_size_``, and `weigh` returns the ratio of the densities
    itself. Its mean is 1 under the source's density, and not exactly so over the source rows.

    `fit` also takes an array or a data frame of Dask, block by block in two passes, and `weigh`
    returns lazy weights of one. There are no ``weights_`` then, but `weigh` has their scale: the
    mean is 1 over the source rows of `fit`.

    Sparse input is not supported, because centering would make it dense. Reduce it first, with
    :class:`~sklearn.decomposition.TruncatedSVD` for instance, or pass ``X.toarray()``.

    References
    ----------
    H. Shimodaira, "Improving predictive inference under covariate shift by weighting the
    log-likelihood function", Journal of Statistical Planning and Inference 90, 2000.
    https://doi.org/10.1016/S0378-3758(00)00115-4

    Examples
    --------
    Two domains of equal variance, with means 0 and 1. The ratio grows by the same factor with each
    step to the right:

    >>> from sktransfer import GaussianWeighter
    >>> X = [[-1.0], [0.0], [1.0], [0.0], [1.0], [2.0]]
    >>> sample_domain = ["survey"] * 3 + ["target"] * 3
    >>> weighter = GaussianWeighter().fit(X, sample_domain=sample_domain)
    >>> weighter.weigh([[0.0], [1.0], [2.0]]).round(2)
    array([0.73, 2.  , 5.42])
    """

    _parameter_constraints: dict = {"shrinkage": [Interval(Real, 0, 1, closed="both")]}

    _needs = Needs(
        dense_because="it subtracts means",
        min_domain_rows=2,  # a covariance divides by n - 1
    )
    _learned = (
        "source_mean_",
        "target_mean_",
        "scale_",
        "_source",
        "_target",
    )

    _spread = "Increase shrinkage, or keep fewer features"

    def __init__(self, *, shrinkage=0.01):
        self.shrinkage = shrinkage

    @property
    def source_covariance_(self):
        """The shrunk covariance of the source, None without source rows."""
        return self._covariance(self._source)

    @property
    def target_covariance_(self):
        """The shrunk covariance of the target, None without source rows."""
        return self._covariance(self._target)

    def _covariance(self, density):
        """Return the covariance of the rows, given by `density` in units of `scale_`."""
        return None if density is None else density.covariance * self.scale_[:, None] * self.scale_

    def _store(self, domains, ratio, dtype):
        vars(self).pop("_sums", None)
        super()._store(domains, ratio, dtype)

    def _forget(self):
        super()._forget()
        for name in ("weights_", "effective_sample_size_"):
            vars(self).pop(name, None)

    def _fit_blocks(self, X, y, sample_domain):
        super()._fit_blocks(X, y, sample_domain)
        self.effective_sample_size_ = 0.0
        if self.source_domains_:
            self._settle(X, sample_domain)

    def _scale_by(self, total):
        self._largest, self._scale = total.largest, total.mean

    def _learn(self, sources, target):
        """Learn the densities; the weights are their ratio, of mean 1 under the source's."""
        for name in self._learned:
            setattr(self, name, None)
        if not sources:
            return
        source = reduce(merged, sources.values())
        scale = common_scale_of(source, target)
        self._source, self._target = (
            shrunk_normal_of(domain, scale, shrinkage=self.shrinkage) for domain in (source, target)
        )
        self.scale_, self.source_mean_, self.target_mean_ = scale, source.mean, target.mean
        self._check_ranks()
        self._largest, self._scale = 0.0, 1.0

    def _fit_ratio(self, X_source, X_target):
        self.scale_ = common_scale(X_source, X_target)
        self._source, self._target = (
            shrunk_normal(X / self.scale_, shrinkage=self.shrinkage) for X in (X_source, X_target)
        )
        self.source_mean_ = self._source.mean * self.scale_
        self.target_mean_ = self._target.mean * self.scale_
        self._check_ranks()
        self._largest = 0.0
        logs = self._log_ratio(X_source)
        self._largest = logs.max()  # so that the largest ratio is 1, however far the domains are
        return np.exp(logs - self._largest)

    def _check_ranks(self):
        densities = {"source": self._source, "target": self._target}
        ranks = {name: density.rank() for name, density in densities.items()}
        found = ", ".join(
            f"of the {name} it is {rank}"
            for name, rank in ranks.items()
            if rank < self.n_features_in_
        )
        if found:
            raise ValueError(
                f"GaussianWeighter(shrinkage={self.shrinkage!r}) needs covariances of rank "
                f"{self.n_features_in_}, the number of features: {found}; increase shrinkage, or "
                "keep fewer features, none of them constant."
            )

    def _log_ratio(self, X):
        scaled = X / self.scale_
        return self._target.log_density(scaled) - self._source.log_density(scaled)

    def _ratio(self, X):
        return np.exp(np.minimum(self._log_ratio(X) - self._largest, LARGEST_LOG))
