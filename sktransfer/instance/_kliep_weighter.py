"""KLIEPWeighter: the ratio of the densities by maximum likelihood."""

from numbers import Integral, Real

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from sktransfer._kernels.density_ratio import (
    WIDTH_FACTORS,
    gaussian,
    median_distance,
    squared_distances,
)
from sktransfer._kernels.kliep import in_single, likelihoods, proportions
from sktransfer._kernels.rows import draw_rows
from sktransfer._messages import warn
from sktransfer._needs import Needs
from sktransfer._random import generator
from sktransfer._sklearn import Interval
from sktransfer.instance._base_weighter import _BaseRatioWeighter
from sktransfer.instance._candidates import candidates, check_candidates

TOL_OF_FOLDS = 3e-4  # in log-likelihood: enough to choose between widths


class KLIEPWeighter(_BaseRatioWeighter):
    """Weight source rows by the density ratio under which the target rows are most likely.

    The Kullback-Leibler importance estimation procedure (KLIEP) models the ratio of the target's
    density to the source's as a sum of Gaussians around target rows. It minimizes the
    Kullback-Leibler divergence between the target and the weighted source. The problem is convex
    and is solved to its optimum, with a bound on the remaining gap (`optimality_gap_`). The width
    is chosen by the likelihood of held-out target rows. No label is read.

    It helps under covariate shift: the rule from features to labels is the same. The source must
    have at least a few rows everywhere that the target has. It hurts if the rule differs, or if
    part of the target lies outside the source. It hurts if a target row is an outlier: a likelihood
    cannot ignore it, and wide Gaussians follow. A flexible, well specified model needs no weights,
    and they only add variance: look at `effective_sample_size_`. Scale the features first, because
    one width is used for all.

    Parameters
    ----------
    width : float, array-like of floats or None, default=None
        The width (sigma) of the Gaussians, in the units of the features. Cross-validation chooses
        among several. None: seven widths, from an eighth to twice the median distance of rows to
        centers.
    n_centers : int, default=100
        The maximum number of Gaussians. Their centers are drawn from the target rows.
    cv : int, default=5
        The number of folds of target rows for the choice of the width, at most one per row.
    tol : float, default=1e-8
        The tolerance of the mean log-likelihood, as a distance from its maximum.
    max_iter : int, default=200
        The maximum number of Newton steps.
    random_state : int, RandomState instance or None, default=None
        Draws the centers, if there are more target rows than `n_centers`, and the folds. Rows are
        sorted by their first column before, so the order of the rows has no effect. The order of
        the columns has one. None draws fresh entropy.

    Attributes
    ----------
    weights_ : ndarray of shape (n_samples,)
        1 on target rows. The mean is 1 over the source rows, pooled over all sources. It has the
        dtype of `X`.
    effective_sample_size_ : float
        ``(sum w)^2 / sum w^2`` over the source rows; 0 if there are none.
    width_ : float
        The chosen width. It and the next four are None without source rows.
    scores_ : ndarray of shape (n_widths,)
        The mean log-likelihood of held-out target rows; the width with the largest is chosen. NaN
        for a single width. ``-inf`` for a width that is too narrow, so that the likelihood is 0 or
        unbounded at some row.
    optimality_gap_ : float
        An upper bound of the distance of the mean log-likelihood to its maximum; see Notes.
    centers_ : ndarray of shape (n_centers_used, n_features)
        The centers.
    coef_ : ndarray of shape (n_centers_used,)
        The coefficient of each Gaussian in the ratio; not negative, most of them 0.
    sample_sizes_ : dict of str to int
        After a fit of a collection of Dask alone: the number of rows of each domain in the sample.
    sample_error_ : float
        After such a fit: its estimated error, in units of the mean weight. 0 if the sample holds
        all rows.
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
    ConvergenceWarning
        If `max_iter` steps leave a gap above `tol`.

    See Also
    --------
    ULSIFWeighter : The same model in closed form, faster.

    Notes
    -----
    Maximize ``J = mean_t log r(x)`` with ``r(x) = sum_l coef_l k(x, c_l)`` under ``coef >= 0`` and
    ``mean_s r(x) = 1``. Let ``b_l = mean_s k(x, c_l)`` and ``g_l = mean_t(k(x, c_l) / r(x)) /
    b_l``. At the maximum no ``g_l`` is above 1. At any other point ``J`` is at most ``max_l g_l -
    1`` below the maximum, which is the reported gap. The Newton steps use only the active centers,
    so their cost is the number of target rows times the square of these. Memory grows with rows
    times centers. The fits that choose the width use single precision and a tolerance of 3e-4; the
    last one uses double precision and `tol`.

    Sparse input is supported; `centers_` are then sparse too.

    Each candidate width is a task for scikit-learn's callbacks, such as
    :class:`~sklearn.callback.ProgressBar`.

    `fit` also takes an array or a data frame of Dask. It learns from a sample of at most 10,000
    source rows and 10,000 target rows, drawn by a hash of their values, and `weigh` returns lazy
    weights. A `TransferWarning` names its error if it is above 0.1. See
    :doc:`/guide/laptop_to_cluster`.

    References
    ----------
    M. Sugiyama, S. Nakajima, H. Kashima, P. von Buenau and M. Kawanabe, "Direct importance
    estimation with model selection and its application to covariate shift adaptation", NIPS 2007.
    https://proceedings.neurips.cc/paper/2007/hash/be83ab3ecd0db773eb2dc1b0a17836a1-Abstract.html

    Examples
    --------
    The target lies to the right of the source, so source rows there get more weight:

    >>> import numpy as np
    >>> from sktransfer import KLIEPWeighter
    >>> rng = np.random.default_rng(0)
    >>> X = np.concatenate([rng.normal(0, 1, size=(200, 1)), rng.normal(1, 0.5, size=(100, 1))])
    >>> sample_domain = ["survey"] * 200 + ["target"] * 100
    >>> weighter = KLIEPWeighter(random_state=0).fit(X, sample_domain=sample_domain)
    >>> left, middle, right = weighter.weigh([[-1.0], [0.0], [1.0]])
    >>> bool(left < middle < right)
    True
    >>> bool(weighter.optimality_gap_ <= 1e-8)
    True
    """

    _parameter_constraints: dict = {
        "width": [Interval(Real, 0, None, closed="neither"), "array-like", None],
        "n_centers": [Interval(Integral, 1, None, closed="left")],
        "cv": [Interval(Integral, 2, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="neither")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
    }

    _needs = Needs(sparse=True, min_domain_rows=2)  # cross-validation leaves one
    _spread = "Scale the features, or increase width"
    _learned = ("width_", "scores_", "optimality_gap_", "centers_", "coef_")

    def __init__(
        self, *, width=None, n_centers=100, cv=5, tol=1e-8, max_iter=200, random_state=None
    ):
        self.width = width
        self.n_centers = n_centers
        self.cv = cv
        self.tol = tol
        self.max_iter = max_iter
        self.random_state = random_state

    def _fit_ratio(self, X_source, X_target):
        check_candidates(self, "width")
        rng = generator(self.random_state)
        self.centers_ = draw_rows(X_target, self.n_centers, generator=rng)
        squared = [squared_distances(X, self.centers_) for X in (X_source, X_target)]
        widths = candidates(self.width, median_distance(*squared) * WIDTH_FACTORS)
        folds = rng.permutation(np.arange(X_target.shape[0]) % self.cv)
        start = self._choose_width(squared, widths, folds if len(widths) > 1 else None)
        phi_source, phi_target = (gaussian(part, width=self.width_) for part in squared)
        source_mean = phi_source.mean(axis=0)
        A = likelihoods(phi_target, source_mean)
        rules = {"tol": self.tol, "max_iter": self.max_iter}
        u, self.optimality_gap_ = proportions(A, start=start, **rules)
        if self.optimality_gap_ > self.tol:
            warn(
                f"KLIEPWeighter stopped after max_iter={self.max_iter} steps with an optimality "
                f"gap of {self.optimality_gap_:.1e}, above tol={self.tol}; increase max_iter.",
                ConvergenceWarning,
            )
        self.coef_ = u / source_mean
        return phi_source @ self.coef_

    def _choose_width(self, squared, widths, folds):
        """Store the width of the largest score, or raise ValueError if every score is -inf.

        Return a fit to start from. Widths go from narrow to wide: each fit starts at the previous
        result and needs fewer centers.
        """
        self.scores_, start, starts = np.full(len(widths), -np.inf), None, {}
        order = np.argsort(widths, kind="stable")
        for k in self._tasks("width", order, may_stop=True):
            self.scores_[k], start = self._score(squared, widths[k], folds, start)
            starts[k] = start
        if (self.scores_ == -np.inf).all():
            raise ValueError(
                f"KLIEPWeighter finds no maximum of the likelihood for width={self.width!r}: a "
                "centre has no source row near it or a target row no centre; check that both "
                "domains have the same features in the same units, or pass a larger width."
            )
        best = np.argmax(self.scores_)
        self.width_ = float(widths[best])
        return starts[best]

    def _score(self, squared, width, folds, start):
        """Return the mean log-likelihood of held-out target rows, and a fit.

        NaN if `folds` is None; -inf if the likelihood has no maximum. The rows of a fold are
        contiguous and stored twice, so that those of all other folds are a slice. Single precision
        is enough for fits to `TOL_OF_FOLDS`.
        """
        phi_source, phi_target = (gaussian(part, width=width) for part in squared)
        A = likelihoods(phi_target, phi_source.mean(axis=0))
        if A is None or folds is None:
            return -np.inf if A is None else np.nan, start
        rules = {"tol": TOL_OF_FOLDS, "max_iter": self.max_iter}
        order, single = np.argsort(folds, kind="stable"), in_single(A)
        start, _ = proportions(single, start=start, **rules)
        twice, likelihood = single.T[:, np.r_[order, order]].T, np.empty(len(A))
        for out in np.split(np.arange(len(A)), np.flatnonzero(np.diff(folds[order])) + 1):
            others = twice[out[-1] + 1 : out[0] + len(A)]
            u, _ = proportions(others, start=start, **rules)
            likelihood[order[out]] = A[order[out]] @ u
        with np.errstate(divide="ignore"):
            return np.log(likelihood).mean(), start

    def _ratio(self, X):
        return gaussian(squared_distances(X, self.centers_), width=self.width_) @ self.coef_
