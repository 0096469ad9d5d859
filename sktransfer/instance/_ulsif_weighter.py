"""ULSIFWeighter: the ratio of the densities by least squares, in closed form."""

from functools import partial, reduce
from numbers import Integral, Real

import numpy as np

from sktransfer._dask import no_rows, reduce_blocks, sample_blocks
from sktransfer._domains import TARGET, read_sample_domain
from sktransfer._kernels.density_ratio import (
    WIDTH_FACTORS,
    gaussian,
    median_distance,
    squared_distances,
    ulsif,
    ulsif_scores,
)
from sktransfer._kernels.ratio_sums import gaussian_sums, merged_gaussians, ulsif_of
from sktransfer._kernels.row_hashes import merged_samples
from sktransfer._kernels.rows import draw_rows
from sktransfer._needs import Needs
from sktransfer._random import generator
from sktransfer._sklearn import Interval
from sktransfer.instance._base_weighter import _BaseRatioWeighter
from sktransfer.instance._candidates import candidates, check_candidates
from sktransfer.instance._overlap import doubt_by_distances

N_SAMPLED = 10_000  # rows of each domain of a lazy collection, for the width and the ridge
RIDGES = 10.0 ** np.linspace(-3, 1, 9)


class ULSIFWeighter(_BaseRatioWeighter):
    """Weight source rows by a density ratio fitted by least squares in closed form.

    Unconstrained least-squares importance fitting (uLSIF) models the ratio of the target's density
    to the source's as a sum of Gaussians around target rows. It fits this sum to the ratio itself
    in squared error. Width and ridge are chosen by leave-one-out, which needs no refit. With
    `alpha` above 0 it is RuLSIF: the ratio to the mixture ``alpha p_target + (1 - alpha)
    p_source``. This ratio is at most ``1 / alpha``, which keeps a few rows from taking all the
    weight. No label is read.

    It helps under covariate shift: the rule from features to labels is the same. The source must
    have at least a few rows everywhere that the target has. It hurts if the rule differs. It hurts
    if part of the target lies outside the source: the few rows near it then take all the weight
    (look at `effective_sample_size_`). It also hurts with many features, because densities are then
    hard to estimate. A flexible, well specified model needs no weights, and they only add variance.
    Scale the features first, because one width is used for all.

    Parameters
    ----------
    alpha : float, default=0.0
        The proportion of the target in the denominator, in [0, 1). 0 is uLSIF, 0.1 the usual
        RuLSIF.
    width : float, array-like of floats or None, default=None
        The width (sigma) of the Gaussians, in the units of the features. Leave-one-out chooses
        among several. None: seven widths, from an eighth to twice the median distance of rows to
        centers.
    ridge : float, array-like of floats or None, default=None
        Added to the diagonal of the normal equations. Leave-one-out chooses among several. None:
        nine values, from 0.001 to 10.
    n_centers : int, default=100
        The maximum number of Gaussians. Their centers are drawn from the target rows.
    random_state : int, RandomState instance or None, default=None
        Draws the centers, if there are more target rows than `n_centers`. None draws fresh entropy.

    Attributes
    ----------
    weights_ : ndarray of shape (n_samples,)
        1 on target rows. The mean is 1 over the source rows, pooled over all sources. It has the
        dtype of `X`.
    effective_sample_size_ : float
        ``(sum w)^2 / sum w^2`` over the source rows; 0 if there are none.
    width_, ridge_ : float
        The chosen values. These, `centers_`, `coef_` and `scores_` are None without source rows.
    scores_ : ndarray of shape (n_widths, n_ridges)
        The leave-one-out scores; the smallest is chosen.
    centers_ : ndarray of shape (n_centers_used, n_features)
        The centers.
    coef_ : ndarray of shape (n_centers_used,)
        The coefficient of each Gaussian in the ratio; not negative.
    source_domains_ : tuple of str
        The names of the source domains in `fit`. This method pools all source rows.
    n_features_in_ : int
        Number of features in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features. Defined only if all feature names of `X` are strings.

    Warns
    -----
    TransferWarning
        If the effective sample is below 10 source rows or below 5 % of them (a quarter, if there
        are fewer than 40 rows). Several sources are also judged one by one. Or if the
        domains do not overlap: the nearest source row and target row are farther apart than half of
        the rows in each domain.

    See Also
    --------
    KLIEPWeighter : The same model, fitted by likelihood.
    KMMWeighter : Weights of the rows, without a model of the ratio.

    Notes
    -----
    With ``phi`` the Gaussians at a row, ``H = alpha mean_t(phi phi^T) + (1 - alpha) mean_s(phi
    phi^T)`` and ``h = mean_t(phi)``, the coefficients are ``max(0, (H + ridge I)^-1 h)``. The
    leave-one-out scores are those of these coefficients, including the clipping at 0. A source row
    and a target row are left out together, in random pairs, as many as the smaller domain has rows.
    Memory grows with rows times centers. Time grows with rows times centers squared times widths,
    and with pairs times centers squared times widths and ridges.

    `fit` also takes an array or a data frame of Dask, block by block in three passes, and `weigh`
    returns lazy weights of one. The first pass draws at most 10,000 distinct rows of the source and
    as many of the target. It draws by a hash of their values and the seed, so that blocks do not
    matter. They give the centers, the width and the ridge. The second pass finds the coefficients
    by sums over all rows, and the third their scale. There are no ``weights_`` then.

    Sparse input is supported; `centers_` are then sparse too.

    Each candidate width is a task for scikit-learn's callbacks, such as
    :class:`~sklearn.callback.ProgressBar`.

    References
    ----------
    T. Kanamori, S. Hido and M. Sugiyama, "A least-squares approach to direct importance
    estimation", JMLR 10, 2009. https://jmlr.org/papers/v10/kanamori09a.html

    M. Yamada, T. Suzuki, T. Kanamori, H. Hachiya and M. Sugiyama, "Relative density-ratio
    estimation for robust distribution comparison", NIPS 2011. https://arxiv.org/abs/1106.4729

    Examples
    --------
    The target lies to the right of the source, so source rows there get more weight:

    >>> import numpy as np
    >>> from sktransfer import ULSIFWeighter
    >>> rng = np.random.default_rng(0)
    >>> X = np.concatenate([rng.normal(0, 1, size=(200, 1)), rng.normal(1, 0.5, size=(100, 1))])
    >>> sample_domain = ["survey"] * 200 + ["target"] * 100
    >>> weighter = ULSIFWeighter(random_state=0).fit(X, sample_domain=sample_domain)
    >>> left, middle, right = weighter.weigh([[-1.0], [0.0], [1.0]])
    >>> bool(left < middle < right)
    True
    >>> source = weighter.weights_[:200]
    >>> round(float(source.mean()), 6)
    1.0
    >>> bool((source * X[:200, 0]).mean() > 0.8)
    True
    """

    _parameter_constraints: dict = {
        "alpha": [Interval(Real, 0, 1, closed="left")],
        "width": [Interval(Real, 0, None, closed="neither"), "array-like", None],
        "ridge": [Interval(Real, 0, None, closed="neither"), "array-like", None],
        "n_centers": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
    }

    _needs = Needs(sparse=True, min_domain_rows=2)  # leave-one-out leaves one
    _spread = "Scale the features, set alpha=0.1 or increase width"
    _fits_blocks = True
    _learned = ("width_", "ridge_", "scores_", "centers_", "coef_")

    def __init__(self, *, alpha=0.0, width=None, ridge=None, n_centers=100, random_state=None):
        self.alpha = alpha
        self.width = width
        self.ridge = ridge
        self.n_centers = n_centers
        self.random_state = random_state

    def _fit_ratio(self, X_source, X_target):
        check_candidates(self, "width", "ridge")
        rng = generator(self.random_state)
        self.centers_ = draw_rows(X_target, self.n_centers, generator=rng)
        squared = [squared_distances(X, self.centers_) for X in (X_source, X_target)]
        self._choose(squared, rng)
        phi_source, phi_target = (gaussian(part, width=self.width_) for part in squared)
        self.coef_ = ulsif(phi_source, phi_target, alpha=self.alpha, ridge=self.ridge_)
        return phi_source @ self.coef_

    def _choose(self, squared, rng):
        """Choose the width and the ridge by the distances of rows of both domains to centers."""
        widths = self.width
        if widths is None:
            widths = median_distance(*squared) * WIDTH_FACTORS
        widths, ridges = candidates(widths, None), candidates(self.ridge, RIDGES)
        shuffled = [rng.permutation(part) for part in squared]  # the pairs are the first rows
        self.scores_ = np.full((len(widths), len(ridges)), np.inf)
        for k, width in self._tasks("width", enumerate(widths), may_stop=True):
            self.scores_[k] = self._scores(shuffled, width, ridges)
        best = np.unravel_index(np.argmin(self.scores_), self.scores_.shape)
        self.width_, self.ridge_ = float(widths[best[0]]), float(ridges[best[1]])

    def _fit_blocks(self, X, y, sample_domain):
        check_candidates(self, "width", "ridge")
        self._read_rows(no_rows(X), ensure_min_samples=0)
        for name in ("weights_", *self._learned):
            vars(self).pop(name, None)
        rng = generator(self.random_state)
        n_rows, seed = max(self.n_centers, N_SAMPLED), rng.randint(2**31 - 1)
        samples = sample_blocks(X, sample_domain, n_rows=n_rows, seed=seed, estimator=self)
        self.source_domains_ = tuple(sorted(set(samples) - {TARGET}))
        sources = [samples[name] for name in self.source_domains_]
        parts = [[samples[TARGET]] if TARGET in samples else [], sources]
        merge = partial(merged_samples, n_rows=n_rows)
        X_target, X_source = (reduce(merge, part).rows if part else None for part in parts)
        self._check_blocks(X_source, X_target)
        if not self.source_domains_:
            vars(self).update(dict.fromkeys(self._learned), effective_sample_size_=0.0)
            return
        self._doubt = doubt_by_distances(X_source, X_target)
        self.centers_ = X_target[: self.n_centers]
        self._choose([squared_distances(X, self.centers_) for X in (X_source, X_target)], rng)
        found = reduce_blocks(_sums_of, _merged, X, sample_domain, estimator=self)
        self.coef_ = ulsif_of(*found, alpha=self.alpha, ridge=self.ridge_)
        self._settle(X, sample_domain)

    def _check_blocks(self, *rows):
        """Raise ValueError if the source or the target has too few rows, or None."""
        n_source, n_target = (0 if part is None else part.shape[0] for part in rows)
        needed = self._needs.min_domain_rows if self.source_domains_ else 1
        if n_target < needed or (self.source_domains_ and n_source < needed):
            raise ValueError(
                f"{type(self).__name__} needs at least {needed} different source rows, of all "
                f"sources together, and as many target rows, but sample_domain names {n_source} "
                f"and {n_target}; add rows."
            )

    def _scores(self, squared, width, ridges):
        phi_source, phi_target = (gaussian(part, width=width) for part in squared)
        return ulsif_scores(phi_source, phi_target, alpha=self.alpha, ridges=ridges)

    def _features(self, X):
        return gaussian(squared_distances(X, self.centers_), width=self.width_)

    def _ratio(self, X):
        return self._features(X) @ self.coef_


def _sums_of(estimator, X, sample_domain):
    """Return the `GaussianSums` of the source rows and of the target rows of a block."""
    X = estimator._read_rows(X, reset=False, ensure_min_samples=0).astype(np.float64)
    is_target = read_sample_domain(sample_domain, X.shape[0], require_target=False).is_target
    return [gaussian_sums(estimator._features(X[rows])) for rows in (~is_target, is_target)]


def _merged(first, second):
    return [merged_gaussians(*pair) for pair in zip(first, second, strict=True)]
