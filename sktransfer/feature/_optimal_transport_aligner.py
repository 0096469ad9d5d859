"""OptimalTransportAligner: move the source rows onto the target's at the least total cost."""

from numbers import Integral, Real

import numpy as np
from sklearn.base import OneToOneFeatureMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import pairwise_distances

from sktransfer._base import _BaseAligner
from sktransfer._kernels.density_ratio import squared_distances
from sktransfer._kernels.transport import (
    class_regularized,
    displacement_map,
    exact,
    monge_maps,
    sinkhorn,
)
from sktransfer._labels import class_codes
from sktransfer._messages import warn
from sktransfer._needs import Needs
from sktransfer._progress import fit_step
from sktransfer._random import generator
from sktransfer._sklearn import Interval, StrOptions
from sktransfer.feature._plan_limits import check_memory, check_pot


class OptimalTransportAligner(OneToOneFeatureMixin, _BaseAligner):
    """Move the source rows onto the target's with the least total of squared distances.

    A plan defines how much of the mass of each source row goes to each target row. All rows of a
    domain have the same mass. A source row then moves to the weighted mean of the target rows that
    receive its mass (its barycenter). Each source is moved separately. Target rows are not changed,
    so a model trained on the moved source rows applies to target rows directly, new ones included.
    With ``supervised=True`` the labels of source rows are read, never those of target rows.

    It helps if each class moved by less than the distance between the classes, even along curves:
    no form of the map is assumed. It hurts if class proportions differ, because all mass must
    arrive, and rows of one class are then sent to another. It hurts if rows are few for their
    number of features, because distances are then uninformative, and if outliers of the target
    attract mass. A large `regularization` moves all rows to the mean of the target. Scale the
    features first, as for any method that uses distances.

    Parameters
    ----------
    method : {"entropic", "exact", "linear"}, default="entropic"
        - "entropic": the plan of least cost with a penalty that spreads the mass, by Sinkhorn's
          iterations.
        - "exact": the plan of least cost, by the network simplex of POT, which ``pip install
          "sktransfer[ot]"`` installs. If both domains have the same number of rows, each source row
          moves onto one target row.
        - "linear": no plan, but the symmetric linear map that would be exact if both domains were
          Gaussian.
    regularization : float, default=0.05
        With "entropic": the penalty, greater than 0, in units of the scaled cost. Near 0 it
        approaches "exact" and takes many more iterations. If it is very large, every source row
        moves to the mean of the target.
    supervised : bool, default=False
        With "entropic": whether to read the labels of the source rows, and to keep target rows from
        receiving mass of several classes.
    class_regularization : float, default=0.1
        If `supervised`: the cost of a target row that receives mass of several classes, in units of
        the scaled cost. It multiplies the sum of the square roots of the class proportions of that
        mass, which is 1 for one class and ``n_classes ** 0.5`` for equal proportions.
    metric : {"sqeuclidean", "euclidean", "cityblock", "cosine"} or callable, default="sqeuclidean"
        The cost of moving one row to another, in a plan. A callable takes two rows.
    cost_scale : {"mean", "median", "max"} or None, default="mean"
        The divisor of the costs of a plan, so that the penalties have no unit. It is this statistic
        of the costs between centered rows (each domain by its own mean), so an offset between the
        domains has no effect. With "cosine" or a callable, it is the statistic of the costs
        themselves. None: no division.
    ridge : float, default=1e-3
        With "linear": added to the diagonal of both covariances, greater than 0, in squared units
        of the features.
    max_samples : int or None, default=5000
        The maximum number of rows of a domain for which a plan is computed. From a larger domain
        this number is drawn, and the other rows move as new rows do. None: all rows, which a
        collection of Dask does not allow.
    max_iter : int, default=1000
        With "entropic": the maximum number of Sinkhorn iterations.
    tol : float, default=1e-7
        With "entropic": the iterations end when at most this fraction of the mass is in the wrong
        place.
    random_state : int, RandomState instance or None, default=None
        Draws the rows of domains with more than `max_samples`.

    Attributes
    ----------
    maps_ : dict of str to callable
        The map of each source domain by name: ``maps_["amazon"](X)`` maps an array of shape
        (n_samples, n_features) to the target's space. Empty if `fit` saw no source.
    n_iter_ : int
        The largest number of iterations over the sources; 1 if there are no sources.
    sample_sizes_ : dict of str to int
        After a fit of a collection of Dask alone: the number of rows of each domain in the sample.
    sample_error_ : float
        After such a fit: its estimated error, in standard deviations of the mapped rows. 0 if the
        sample holds all rows.
    source_domains_ : tuple of str
        The names of the source domains, sorted.
    n_features_in_ : int
        The number of features that `fit` saw.
    feature_names_in_ : ndarray of shape (n_features_in_,), dtype object
        The names of the features. Defined only if all feature names of `X` are strings.

    Warns
    -----
    ConvergenceWarning
        If `max_iter` iterations were not enough.

    See Also
    --------
    CORALAligner : Its ``map="monge"`` is the method "linear" here.

    Notes
    -----
    A plan covers the rows that it was computed for. A new source row moves by the same vector as
    its nearest neighbor among those; equal source rows move alike. The map of "linear" applies to
    any row.

    For a plan of n source rows and m target rows, "entropic" holds two (n, m) matrices of float64,
    and three if `supervised`. "exact" holds about four. That is 64, 96 and 128 MB for 2 x 2000
    rows, and 400, 600 and 800 MB for 2 x 5000. If the machine has less memory, `fit` raises an
    error before it starts. An iteration of "entropic" costs n times m; `supervised` takes up to ten
    times as many iterations. Computed in float64; the output keeps the dtype of the input.

    The fitted aligner keeps the rows of a plan and the movement of each of them, not the plan. With
    ``sample_domain=None`` every row is a target row and the aligner is the identity.

    The plan of each source is a task for scikit-learn's callbacks, such as
    :class:`~sklearn.callback.ProgressBar`.

    `fit` also takes an array or a data frame of Dask. It learns from a sample of at most
    `max_samples` rows of each domain, drawn by a hash of their values, and `transform` maps one
    lazily. A `TransferWarning` names its error if it is above 0.1. See
    :doc:`/guide/laptop_to_cluster`.

    References
    ----------
    N. Courty, R. Flamary, D. Tuia and A. Rakotomamonjy, "Optimal transport for domain adaptation",
    IEEE Transactions on Pattern Analysis and Machine Intelligence 2017.
    https://arxiv.org/abs/1507.00504

    M. Cuturi, "Sinkhorn distances: lightspeed computation of optimal transport", NIPS 2013.
    https://arxiv.org/abs/1306.0895

    S. Ferradans, N. Papadakis, G. Peyre and J.-F. Aujol, "Regularized discrete optimal transport",
    SIAM Journal on Imaging Sciences 2014. https://arxiv.org/abs/1307.5551

    Examples
    --------
    The sensor drifted, more at higher readings; the order of the rows is unchanged:

    >>> import numpy as np
    >>> from sktransfer import OptimalTransportAligner
    >>> X = np.array([[1.0], [2.0], [3.0], [1.0], [4.0], [9.0]])
    >>> sample_domain = ["old", "old", "old", "target", "target", "target"]
    >>> aligner = OptimalTransportAligner(regularization=0.01)
    >>> aligner.fit_transform(X, sample_domain=sample_domain).ravel().round(3)
    array([1., 4., 9., 1., 4., 9.])

    A new row of the old sensor moves by the same vector as the nearest row, here by 2:

    >>> aligner.transform([[2.25]], sample_domain=["old"]).round(3)
    array([[4.25]])
    """

    _parameter_constraints: dict = {
        "method": [StrOptions({"entropic", "exact", "linear"})],
        "regularization": [Interval(Real, 0, None, closed="neither")],
        "supervised": ["boolean"],
        "class_regularization": [Interval(Real, 0, None, closed="left")],
        "metric": [StrOptions({"sqeuclidean", "euclidean", "cityblock", "cosine"}), callable],
        "cost_scale": [StrOptions({"mean", "median", "max"}), None],
        "ridge": [Interval(Real, 0, None, closed="neither")],
        "max_samples": [Interval(Integral, 1, None, closed="left"), None],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "random_state": ["random_state"],
    }

    _no_onnx = None

    def __init__(
        self,
        *,
        method="entropic",
        regularization=0.05,
        supervised=False,
        class_regularization=0.1,
        metric="sqeuclidean",
        cost_scale="mean",
        ridge=1e-3,
        max_samples=5000,
        max_iter=1000,
        tol=1e-7,
        random_state=None,
    ):
        self.method = method
        self.regularization = regularization
        self.supervised = supervised
        self.class_regularization = class_regularization
        self.metric = metric
        self.cost_scale = cost_scale
        self.ridge = ridge
        self.max_samples = max_samples
        self.max_iter = max_iter
        self.tol = tol
        self.random_state = random_state

    @property
    def _needs(self):
        return Needs(
            source_labels=self.supervised,
            min_domain_rows=2 if self.method == "linear" else 1,  # a covariance divides by n - 1
        )

    @property
    def _n_fit_steps(self):
        return 0 if self.method == "linear" else len(self.source_domains_)

    def _sample_size(self, n_features):
        if self.method == "linear":
            return super()._sample_size(n_features)
        if self.max_samples is None:
            raise ValueError(
                "max_samples=None asks for a plan of all rows, but X is a lazy collection, whose "
                "rows are not in memory; pass the number of rows of each domain, such as 5000."
            )
        return self.max_samples

    def _fit_domains(self, sources, X_target, labels=None):
        if self.supervised and self.method != "entropic":
            raise ValueError(
                f"supervised=True reads labels, of which method={self.method!r} makes no use; take "
                "method='entropic', or supervised=False."
            )
        self.maps_, self.n_iter_ = {}, 1
        if self.method == "linear" and sources:
            maps = monge_maps(list(sources.values()), X_target, ridge=self.ridge)
            self.maps_ = dict(zip(sources, maps, strict=True))
        elif sources:
            self._fit_plans(sources, X_target, self._classes(sources, labels))

    def _fit_plans(self, sources, X_target, classes):
        if self.method == "exact":
            check_pot()
        rng = generator(self.random_state)
        picked = {name: self._pick(len(X), rng) for name, X in sources.items()}
        X_target = X_target[self._pick(len(X_target), rng)].astype(np.float64)
        check_memory(
            max(map(len, picked.values())),
            len(X_target),
            n_matrices=4 if self.method == "exact" else 3 if self.supervised else 2,
            max_samples=self.max_samples,
        )
        for name, X in sources.items():
            with fit_step(self, f"plan of {name}"):
                rows = X[picked[name]].astype(np.float64)
                plan = self._plan(rows, X_target, name, classes[name][picked[name]])
                self.maps_[name] = displacement_map(rows, X_target, plan)

    def _pick(self, n_rows, rng):
        """Return the positions of the rows that a plan is computed for, in their order."""
        if self.max_samples is None or n_rows <= self.max_samples:
            return np.arange(n_rows)
        return np.sort(rng.choice(n_rows, self.max_samples, replace=False))

    def _plan(self, X, X_target, name, classes):
        cost = self._cost(X, X_target)
        if self.method == "exact":
            return exact(cost)
        options = {
            "regularization": self.regularization,
            "max_iter": self.max_iter,
            "tol": self.tol,
        }
        if (classes >= 0).any():
            options["class_regularization"] = self.class_regularization
            found = class_regularized(cost, classes, **options)
        else:
            found = sinkhorn(cost, **options)
        self.n_iter_ = max(self.n_iter_, found.n_iter)
        if found.error > self.tol:
            warn(
                f"OptimalTransportAligner stopped after max_iter={self.max_iter} iterations with "
                f"{found.error:.1e} of the mass of {name!r} in the wrong place, above "
                f"tol={self.tol}; increase max_iter or regularization={self.regularization}.",
                ConvergenceWarning,
            )
        return found.plan

    def _cost(self, X, X_target):
        """Return the cost over its scale, which is the statistic of centered rows.

        The squared distances themselves are those of centered rows: an offset adds one number per
        row and one per column, which change no plan.
        """
        centred = X - X.mean(axis=0), X_target - X_target.mean(axis=0)
        if self.metric == "sqeuclidean":
            cost = squared_distances(*centred, center=np.zeros(X.shape[1]))
        else:
            cost = pairwise_distances(X, X_target, metric=self.metric)
        if self.cost_scale is not None:
            feels_offset = self.metric in ("euclidean", "cityblock")
            spread = pairwise_distances(*centred, metric=self.metric) if feels_offset else cost
            scale = getattr(np, self.cost_scale)(spread)
            cost /= scale if scale > 0 else 1.0
        return cost

    def _classes(self, sources, labels):
        """Return a dict: name -> class codes of a source's rows, -1 without a label."""
        sizes = [len(X) for X in sources.values()]
        codes = np.full(sum(sizes), -1)
        if self.supervised:
            _, codes = class_codes(
                labels[: len(codes)],
                reader="OptimalTransportAligner(supervised=True)",
                instead="take supervised=False",
            )
        return dict(zip(sources, np.split(codes, np.cumsum(sizes)[:-1]), strict=True))

    def _write_onnx(self, graph):
        name = graph.domain
        if name not in self.maps_:
            return graph.given
        if self.method != "linear":
            raise TypeError(
                f"OptimalTransportAligner(method={self.method!r}) cannot be written as ONNX for "
                f"domain={name!r}, because a row of a source moves as the nearest row of fit does."
            )
        return graph.by_map(self.maps_[name])

    def _transform_domain(self, X, name):
        return self.maps_[name](X) if name in self.maps_ else X.copy()
