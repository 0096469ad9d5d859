"""KMMWeighter: weights that match the mean of the source to the target's in feature space."""

from numbers import Integral, Real

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from sktransfer._kernels import kmm
from sktransfer._kernels.density_ratio import median_distance, squared_distances
from sktransfer._kernels.kmm_in_use import matching_of_rows_in_use
from sktransfer._kernels.rows import spread_rows
from sktransfer._messages import warn
from sktransfer._sklearn import Interval, StrOptions
from sktransfer.instance._base_weighter import _BaseWeighter

MOST_EXACT_ROWS = 10_000  # 0.8 GB
AUTO_COMPONENTS = 300
MEDIAN_ROWS = 500  # of each domain, for the default width
TINY = 1e-100  # a smaller similarity of the domains is none


class KMMWeighter(_BaseWeighter):
    """Weight source rows such that their mean in a kernel's feature space is that of the target.

    Kernel mean matching (KMM) finds the weights directly by a quadratic program, without a model of
    the densities or of their ratio. With a Gaussian kernel, no other statistic of the two domains
    can then be far apart either. The program is solved to its exact optimum, with a certificate
    (`kkt_gap_`). No label is read.

    It helps under covariate shift: the rule from features to labels is the same. The source must
    have at least a few rows everywhere that the target has. It hurts if the rule differs, or if
    part of the target lies outside the source. It hurts with many features: each row is then close
    only to itself, and a few rows take all the weight (look at `effective_sample_size_`, and
    decrease `bound`). It gives no weights to rows that `fit` has not seen, except after a fit of a
    collection of Dask. It does not select `width`: compare several values, or use `ULSIFWeighter`.
    Scale the features first, because one width is used for all.

    Parameters
    ----------
    width : float or None, default=None
        The width (sigma) of the Gaussian kernel, in the units of the features. None: the median
        distance between source and target rows (between 500 of each, if there are more).
    bound : float, default=1000.0
        The largest weight, B in the paper, before the scaling to mean 1.
    sum_slack : float or None, default=None
        The tolerance of the mean of the weights around 1, epsilon in the paper, before the scaling.
        0 fixes it at 1. None is the paper's ``(sqrt(n) - 1) / sqrt(n)`` with n source rows.
    ridge : float, default=1e-3
        Added to the diagonal of the kernel matrix, whose diagonal is 1. It makes the optimum unique
        and spreads weight over similar rows.
    n_components : int, None or "auto", default="auto"
        None: the exact kernel matrix. A number: its Nystroem approximation with this rank, with the
        true diagonal. "auto": the exact optimum, without the whole matrix if there are more than 10
        000 source rows. If more than 10 000 rows get a weight above 0, it is rank 300.
    tol : float, default=1e-8
        Stop when no entry of the projected gradient is larger, relative to the gradient at 0.
    max_iter : int, default=500
        The maximum number of iterations: pivots, and Newton steps after them.

    Attributes
    ----------
    weights_ : ndarray of shape (n_samples,)
        1 on target rows. The mean is 1 over the source rows, pooled over all sources. It has the
        dtype of `X`.
    effective_sample_size_ : float
        ``(sum w)^2 / sum w^2`` over the source rows; 0 if there are none.
    kkt_gap_ : float
        An upper bound of the distance of the objective to its minimum, over ``w^T K w / 2``; 0 only
        at the optimum. It, `width_` and `mean_` are None without source rows. If the kernel is
        approximated, the bound is for the approximated objective.
    n_components_ : int or None
        The rank of the approximation of the kernel; None if it was not approximated.
    width_ : float
        The width that was used.
    mean_ : float
        Mean of the optimal weights, before the scaling to 1.
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
        If `max_iter` steps leave a `kkt_gap_` above 100 times `tol`.

    See Also
    --------
    ULSIFWeighter : A ratio that also weights new rows, and selects its width.

    Notes
    -----
    Over n source and m target rows, minimize ``w^T K w / 2 - kappa^T w`` under ``0 <= w <= bound``
    and ``|mean(w) - 1| <= sum_slack``, with ``K_ij = k(x_i, x_j) + ridge [i = j]`` and ``kappa_i =
    (n / m) sum_j k(x_i, x_j^t)``. The exact matrix takes memory ``8 n^2`` bytes (0.2 GB for 5000
    source rows) and time ``n^2`` for each of some tens of steps. "auto" with more rows, of which u
    get a weight above 0, takes memory ``8 u^2`` bytes. Its time is ``n u`` for each of a few
    iterations. u is small with many features and narrow kernels. Nystroem with r components takes
    memory ``24 n r`` bytes and time ``n r^2``. Target rows are processed in blocks, in time ``n
    m``.

    Sparse input is supported and stays sparse, but blocks of the kernel are dense.

    `fit` also takes an array or a data frame of Dask. It learns from a sample of at most 10,000
    source rows and 10,000 target rows, drawn by a hash of their values, and `weigh` returns lazy
    weights. A row has the weight of the nearest source row of the sample. A `TransferWarning` names
    its error if it is above 0.1. See :doc:`/guide/laptop_to_cluster`.

    References
    ----------
    J. Huang, A. J. Smola, A. Gretton, K. M. Borgwardt and B. Schoelkopf, "Correcting sample
    selection bias by unlabeled data", NIPS 2006.
    https://papers.nips.cc/paper/2006/hash/a2186aa7c086b46ad4e8bf81e2a3a19b-Abstract.html

    Examples
    --------
    The target has the two kinds of rows in other proportions, one to three:

    >>> from sktransfer import KMMWeighter
    >>> X = [[0.0], [0.0], [9.0], [9.0], [0.0], [9.0], [9.0], [9.0]]
    >>> sample_domain = ["survey"] * 4 + ["target"] * 4
    >>> weighter = KMMWeighter(width=1.0, ridge=1e-9).fit(X, sample_domain=sample_domain)
    >>> weighter.weights_.round(3)
    array([0.5, 0.5, 1.5, 1.5, 1. , 1. , 1. , 1. ])
    """

    _parameter_constraints: dict = {
        "width": [Interval(Real, 0, None, closed="neither"), None],
        "bound": [Interval(Real, 0, None, closed="neither")],
        "sum_slack": [Interval(Real, 0, 1, closed="left"), None],
        "ridge": [Interval(Real, 0, None, closed="neither")],
        "n_components": [
            Interval(Integral, 1, None, closed="left"),
            StrOptions({"auto"}),
            None,
        ],
        "tol": [Interval(Real, 0, None, closed="neither")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
    }

    _spread = "Scale the features, lower bound or increase width"
    _learned = ("kkt_gap_", "width_", "mean_", "n_components_")

    def __init__(
        self,
        *,
        width=None,
        bound=1000.0,
        sum_slack=None,
        ridge=1e-3,
        n_components="auto",
        tol=1e-8,
        max_iter=500,
    ):
        self.width = width
        self.bound = bound
        self.sum_slack = sum_slack
        self.ridge = ridge
        self.n_components = n_components
        self.tol = tol
        self.max_iter = max_iter

    def _fit_ratio(self, X_source, X_target):
        n_source = X_source.shape[0]
        slack = 1 - 1 / np.sqrt(n_source) if self.sum_slack is None else self.sum_slack
        if self.bound < 1 - slack:
            raise ValueError(
                f"bound={self.bound!r} holds the mean weight below 1 - sum_slack, which is "
                f"{1 - slack:g} for {n_source} source rows; increase bound or sum_slack."
            )
        self.width_ = self.width
        if self.width is None:
            some = spread_rows(X_source, MEDIAN_ROWS), spread_rows(X_target, MEDIAN_ROWS)
            self.width_ = median_distance(squared_distances(*some))
        kappa = kmm.mean_similarities(X_source, X_target, width=self.width_)
        if kappa.max() < TINY:
            return np.zeros(n_source)  # nothing is near the target: the base says so
        w, self.kkt_gap_ = self._solve(
            X_source,
            kappa,
            bound=self.bound,
            lower=n_source * (1 - slack),
            upper=n_source * (1 + slack),
            tol=self.tol,
            max_iter=self.max_iter,
        )
        self._warn_of_gap()
        self.mean_ = float(w.mean())
        return w

    def _solve(self, X, kappa, **rules):
        """Return weights and gap, of the exact program or of an approximation."""
        kernel = {"width": self.width_, "ridge": self.ridge}
        self.n_components_ = None if self.n_components == "auto" else self.n_components
        if self.n_components == "auto" and X.shape[0] > MOST_EXACT_ROWS:
            found = matching_of_rows_in_use(X, kappa, most_rows=MOST_EXACT_ROWS, **kernel, **rules)
            if found is not None:
                return found
            self.n_components_ = AUTO_COMPONENTS
        exact = self.n_components_ is None
        build = kmm.dense_kernel if exact else kmm.low_rank_kernel
        landmarks = spread_rows(X, kmm.LANDMARKS if exact else self.n_components_)
        return kmm.kernel_mean_matching(build(X, landmarks, **kernel), kappa, **rules)

    def _warn_of_gap(self):
        if self.kkt_gap_ > 100 * self.tol:
            warn(
                f"KMMWeighter stopped after max_iter={self.max_iter} steps with a gap of "
                f"{self.kkt_gap_:.1e} to the optimum, for tol={self.tol}; increase max_iter.",
                ConvergenceWarning,
            )
