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
    """Weigh source rows by the ratio of densities under which the target rows are most likely.

    The Kullback-Leibler importance estimation procedure (KLIEP) models the ratio of the target's
    density to the source's as a sum of Gaussians around target rows, and makes the source, weighted
    by it, as near to the target as it can in Kullback-Leibler divergence. The problem is convex and
    is solved to its optimum, with a bound on what is left (`optimality_gap_`). The width is chosen
    by the likelihood of target rows left out. No label is read.

    It helps under covariate shift: the rule from features to labels is the same, and the source has
    rows, if few, wherever the target has. It hurts where the rule differs, where the target lies
    where no source row is, and where a target row is an outlier: a likelihood cannot overlook it,
    and wide Gaussians follow. A flexible, well specified model needs no weights, and pays for them
    in variance: look at `effective_sample_size_`. Scale the features first: one width serves all.

    Parameters
    ----------
    width : float, array-like of floats or None, default=None
        Width (sigma) of the Gaussians, in the units of the features; of several,
        cross-validation chooses. None: seven, from an eighth to twice the median distance of rows
        to centres.
    n_centers : int, default=100
        The most Gaussians. Their centres are drawn from the target rows.
    cv : int, default=5
        Folds of target rows, at most one a row, for the choice of the width.
    tol : float, default=1e-8
        How far from its maximum the mean log-likelihood may be.
    max_iter : int, default=200
        The most Newton steps.
    random_state : int, RandomState instance or None, default=None
        Draws the centres, if there are more target rows than `n_centers`, and the folds. Rows are
        sorted by their first column before, so that another order of the rows draws the same, but
        another order of the columns draws others. None draws fresh entropy.

    Attributes
    ----------
    weights_ : ndarray of shape (n_samples,)
        1 on target rows. The mean is 1 over the source rows, those of all sources together. Of the
        dtype of `X`.
    effective_sample_size_ : float
        ``(sum w)^2 / sum w^2`` over the source rows; 0 where there are none.
    width_ : float
        The chosen width. It and the four below are None without source rows.
    scores_ : ndarray of shape (n_widths,)
        Mean log-likelihood of the target rows left out; the largest is chosen. NaN for a single
        width, ``-inf`` for one that is too narrow: somewhere the likelihood is 0 or unbounded.
    optimality_gap_ : float
        No less than the distance of the mean log-likelihood to its maximum; see Notes.
    centers_ : ndarray of shape (n_centers_used, n_features)
        The centres.
    coef_ : ndarray of shape (n_centers_used,)
        How much each Gaussian has in the ratio; not negative, most of them 0.
    source_domains_ : tuple of str
        The names of the source domains in `fit`. All source rows are one pool for this method.
    n_features_in_ : int
        Number of features in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, where `X` has them.

    Warns
    -----
    TransferWarning
        If the effective sample is below 10 source rows or below 5 % of them; of fewer than 40 rows,
        below a quarter. Several sources are also judged one by one.
    ConvergenceWarning
        When `max_iter` steps leave a gap above `tol`.

    See Also
    --------
    ULSIFWeighter : The same model in closed form, quicker.

    Notes
    -----
    Maximise ``J = mean_t log r(x)`` with ``r(x) = sum_l coef_l k(x, c_l)`` under ``coef >= 0`` and
    ``mean_s r(x) = 1``. With ``b_l = mean_s k(x, c_l)`` and ``g_l = mean_t(k(x, c_l) / r(x)) /
    b_l``, the maximum is where no ``g_l`` is above 1; elsewhere ``J`` is at most ``max_l g_l - 1``
    below it, which is the gap. The Newton steps work on the centres in use, so their cost is in
    target rows times these squared. Memory grows with rows times centres. The fits that choose the
    width are in single precision and to 3e-4; the last one is in double, to `tol`.

    Sparse rows are welcome; `centers_` are then sparse too.

    Each candidate width is a task for scikit-learn's callbacks, such as
    :class:`~sklearn.callback.ProgressBar`.

    References
    ----------
    M. Sugiyama, S. Nakajima, H. Kashima, P. von Buenau and M. Kawanabe, "Direct importance
    estimation with model selection and its application to covariate shift adaptation", NIPS 2007.
    https://proceedings.neurips.cc/paper/2007/hash/be83ab3ecd0db773eb2dc1b0a17836a1-Abstract.html

    Examples
    --------
    The target lies to the right of the source; source rows there count for more:

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
        """Keep the width of the largest score, or raise ValueError where every one is -inf.

        Give a fit for it to begin with. From narrow to wide: each begins where the one before
        ended, and needs fewer centres.
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
        """Mean log-likelihood of the target rows, each under the fit without its fold, and a fit.

        NaN where `folds` is None; -inf where the likelihood has no maximum. The rows of a fold
        stand together, and twice, so that those of all others are a slice. Single precision is
        enough for fits to `TOL_OF_FOLDS`.
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
