"""TaskGraph: which task helps which."""

from numbers import Real
from typing import NamedTuple

import numpy as np
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge
from sklearn.utils import check_array, check_consistent_length

from sktransfer._domains import TARGET, read_tasks
from sktransfer._kernels.task_gains import FEWEST_ROWS, gains_of_sources, leave_one_out_losses
from sktransfer._labels import is_labelled, read_labels, read_numbers
from sktransfer._lazy import refuse_lazy
from sktransfer._magnitude import check_magnitude
from sktransfer._messages import listed, warn
from sktransfer._sklearn import (
    Interval,
    _check_feature_names,
    _check_n_features,
    validate_parameter_constraints,
)
from sktransfer._whole import whole_fit
from sktransfer.exceptions import TransferWarning


class TaskEdge(NamedTuple):
    """The measured transfer from one task to another, as `TaskGraph.edges` returns it."""

    source: object
    target: object
    gain: float
    low: float
    high: float


class TaskGraph:
    """Measure which task helps which, as a directed graph whose edges have intervals.

    For each ordered pair of tasks, ridge regression of the second starts from the model of the
    first. It shrinks the coefficients to those of the source, and not to 0. The gain of the edge is
    the R^2 of predictions of rows that were left out, minus that without the source. A negative
    gain is negative transfer. Such graphs are proposed in [1]_.

    It helps if there are many tasks and sources are to be chosen for each. It finds little if tasks
    have many rows: then they need no source, and gains are near 0. The gain is that of linear
    models, and the intercept of a source is not transferred. Only numbers are predicted; two
    classes can be passed as 0 and 1.

    Parameters
    ----------
    level : float, default=0.9
        The level of the interval of each edge. If a gain is 0, the edge counts as helpful in about
        ``(1 - level) / 2`` of cases at most, and as harmful likewise. That is so for each edge:
        among many edges some are wrong. Pass ``1 - 0.1 / n_edges`` if all are to hold together in
        90 % of cases (Bonferroni).

    Attributes
    ----------
    tasks_ : tuple
        The names of the tasks in `fit`, sorted; ``"target"`` is last.
    gains_ : ndarray of shape (n_tasks, n_tasks)
        The gain in R^2 of the task of the column if it starts from the task of the row. NaN on the
        diagonal, and from and to tasks with fewer than three labelled rows or equal labels.
    low_, high_ : ndarray of shape (n_tasks, n_tasks)
        The ends of the intervals.
    coef_ : ndarray of shape (n_tasks, n_features)
        The coefficients of each task alone. 0 for a task with fewer than three labelled rows or
        equal labels.
    n_features_in_ : int
        Number of features in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if `X` has them.

    See Also
    --------
    TaskGraphDisplay : Draws the graph.
    TransferRidge : Starts from chosen sources, and weighs them.

    Notes
    -----
    Leave-one-out errors have a closed form, and one factorization of a task serves all sources. The
    strength of the penalty is chosen by the same errors, for each model by itself. The interval is
    Student's with ``n - 1`` degrees of freedom and the standard error
    ``s sqrt(1 / n + 1 / (n - 1))`` of the differences on ``n`` rows. It takes the source's model as
    it is: its rows are not drawn again. With few rows the differences are far from normal.

    In [1]_ a new task is also mapped into the graph, and a function on the graph gives the
    parameters to transfer. That is not done here.

    References
    ----------
    .. [1] E. Eaton, M. desJardins, T. Lane, "Modeling Transfer Relationships Between Learning Tasks
       for Improved Inductive Transfer", ECML PKDD 2008.
       https://doi.org/10.1007/978-3-540-87479-9_39

    Examples
    --------
    Ann has many rows and Ben few, and both have the same rule. Cleo has the opposite one:

    >>> import numpy as np
    >>> from sktransfer import TaskGraph
    >>> rng = np.random.default_rng(0)
    >>> user = np.repeat(["ann", "ben", "cleo"], [200, 40, 200])
    >>> rule = rng.normal(size=40) * np.where(user == "cleo", -1, 1)[:, np.newaxis]
    >>> X = rng.normal(size=(440, 40))
    >>> y = np.sum(X * rule, axis=1) + rng.normal(size=440)
    >>> graph = TaskGraph().fit(X, y, sample_domain=user)
    >>> for edge in graph.edges():
    ...     print(f"{edge.source:4} -> {edge.target} {edge.gain:+.2f}, above {edge.low:+.2f}")
    ann  -> ben +0.14, above +0.05
    cleo -> ben -0.30, above -0.43
    """

    _parameter_constraints: dict = {"level": [Interval(Real, 0, 1, closed="neither")]}

    def __init__(self, *, level=0.9):
        self.level = level

    def fit(self, X, y, *, sample_domain=None):
        """Measure the transfer between all pairs of tasks.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows of all tasks, in columns of similar scale. They are computed with in float64.
        y : array-like of shape (n_samples,)
            Numbers. Missing values if a row has no label; these rows are left out.
        sample_domain : array-like of shape (n_samples,), default=None
            The task of each row: any hashable value names one. ``"target"``, or a negative number,
            is the target task, which need not have rows. None: every row is a target row.

        Returns
        -------
        self : object
            The fitted graph.

        Raises
        ------
        ValueError
            If no row has a label, or if `X`, `y` or `sample_domain` cannot be read.

        Warns
        -----
        TransferWarning
            If tasks have fewer than three labelled rows or equal labels, so that no transfer from
            or to them can be measured.
        """
        validate_parameter_constraints(
            self._parameter_constraints, {"level": self.level}, type(self).__name__
        )
        with whole_fit(self):
            vars(self).pop("feature_names_in_", None)
            X, y, used = self._read(X, y, reset=True)
            tasks = read_tasks(sample_domain, len(used))
            names = tasks.sources + ((TARGET,) if tasks.is_target.any() else ())
            codes = np.where(tasks.is_target, len(tasks.sources), tasks.codes)[used]
            rows = [np.flatnonzero(codes == k) for k in range(len(names))]
            measured = np.array([_is_measurable(y[part]) for part in rows])
            self.tasks_ = names
            self.coef_ = np.array([_coefficients(X[part], y[part]) for part in rows])
            found = [self._measure(X[part], y[part]) for part in rows]
            found = np.array(found).transpose(1, 2, 0)
            found[:, ~measured] = np.nan
            found[:, range(len(names)), range(len(names))] = np.nan
            self.gains_, self.low_, self.high_ = found
            self._warn_of(measured)
        return self

    def edges(self):
        """Return the edges whose interval does not hold 0, the largest gain first.

        Returns
        -------
        edges : list of named tuples
            Each has `source`, `target`, `gain`, `low` and `high`. A gain below 0 is harm.
        """
        self._check_fitted()
        sure = np.argwhere((self.low_ > 0) | (self.high_ < 0))
        edges = [
            TaskEdge(
                self.tasks_[source],
                self.tasks_[target],
                *(float(each[source, target]) for each in (self.gains_, self.low_, self.high_)),
            )
            for source, target in sure
        ]
        return sorted(edges, key=lambda edge: -edge.gain)

    def select_sources(self, X, y):
        """Return the tasks that help a new task, the largest gain first.

        Each is measured on the rows of the new task, as an edge of the graph. It is in the list if
        the interval of its gain is above 0. With few rows the list is often empty, though a source
        would help. The gains of those that were selected are too high on average, since luck was
        selected too (winner's curse): measure the final model on other rows.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows of the new task alone.
        y : array-like of shape (n_samples,)
            Their numbers. Missing values if a row has no label.

        Returns
        -------
        names : list
            Names from `tasks_`.

        Raises
        ------
        ValueError
            If fewer than three rows have a label, or if their labels are equal.
        """
        self._check_fitted()
        X, y, _ = self._read(X, y, reset=False)
        if not _is_measurable(y):
            raise ValueError(
                f"select_sources needs {FEWEST_ROWS} labelled rows whose labels are not all equal, "
                f"but y has {len(y)} labels with {len(np.unique(y))} different values; label more "
                "rows of the new task."
            )
        gain, low, _ = self._measure(X, y)
        return [self.tasks_[k] for k in np.argsort(-gain, kind="stable") if low[k] > 0]

    def _measure(self, X, y):
        """Return the gain, and the ends of its interval, from each task: shape (3, n_tasks)."""
        if not _is_measurable(y):
            return np.full((3, len(self.tasks_)), np.nan)
        alone, started, _ = leave_one_out_losses(X, y, X @ self.coef_.T)
        return np.array(gains_of_sources(y, alone, started, level=self.level))

    def _read(self, X, y, *, reset):
        """Return the rows that have a label, their labels, and the mask of them."""
        refuse_lazy(type(self).__name__, X=X, y=y)
        _check_feature_names(self, X, reset=reset)
        X = check_array(X, accept_sparse="csr", dtype=np.float64, estimator=self, input_name="X")
        _check_n_features(self, X, reset=reset)
        check_magnitude(X, self)
        check_consistent_length(X, y)
        used = is_labelled(y)
        if not used.any():
            raise ValueError(
                f"{type(self).__name__} needs rows that have a label, but none of the {len(used)} "
                "rows has one; pass y with the labels that there are."
            )
        return X[used], read_numbers(read_labels(y), used).astype(np.float64), used

    def _warn_of(self, measured):
        if not measured.all():
            names = [name for name, known in zip(self.tasks_, measured, strict=True) if not known]
            warn(
                f"{type(self).__name__} measures no transfer from or to {len(names)} of "
                f"{len(measured)} tasks, which have fewer than {FEWEST_ROWS} labelled rows, or "
                f"equal labels: {listed(names)}; label more of their rows.",
                TransferWarning,
            )

    def _check_fitted(self):
        if not hasattr(self, "gains_"):
            raise NotFittedError(f"This {type(self).__name__} is not fitted yet; call fit before.")

    def __repr__(self):
        if not hasattr(self, "gains_"):
            return f"{type(self).__name__}(level={self.level!r})"
        n_edges = np.isfinite(self.gains_).sum()
        return (
            f"{type(self).__name__} of {len(self.tasks_)} tasks: of {n_edges} edges "
            f"{np.sum(self.low_ > 0)} help and {np.sum(self.high_ < 0)} harm, "
            f"by intervals of {self.level:.10g}"
        )


def _coefficients(X, y):
    """Return the coefficients of ridge regression of one task, its strength by leave-one-out."""
    if not _is_measurable(y):
        return np.zeros(X.shape[1])
    *_, alpha = leave_one_out_losses(X, y, np.empty((len(y), 0)))
    return Ridge(alpha, tol=1e-10).fit(X, y).coef_  # the tolerance is for sparse rows


def _is_measurable(y):
    return len(y) >= FEWEST_ROWS and np.ptp(y) > 0
