"""The base of the estimators that learn a prior over the coefficients of tasks."""

from abc import abstractmethod
from copy import copy
from numbers import Integral, Real

import numpy as np
from sklearn.cluster import KMeans
from sklearn.utils import check_consistent_length
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from sktransfer._domains import TARGET
from sktransfer._kernels.learned_prior import first_prior, learn, split_prior
from sktransfer._kernels.multi_task import rows_by_task
from sktransfer._labels import is_labelled, read_labels
from sktransfer._random import generator
from sktransfer._sklearn import Interval
from sktransfer.tasks._base_tasks import _BaseTasks

# The steps of EM with one cluster before tasks are split into several.
_STEPS_BEFORE_SPLIT = 20


def _is_adapted(estimator):
    return getattr(estimator, "_evidence", None) is not None


class _BaseLearnedPrior(_BaseTasks):
    """Learns a normal prior over coefficients from all tasks, and the posterior of each.

    A concrete one writes `_scale_numbers`, `_summary`, `_posteriors_of`, `_numbers_of` and
    `_updated`.
    """

    _parameter_constraints: dict = {
        "n_clusters": [Interval(Integral, 1, None, closed="left")],
        "rank": [Interval(Integral, 0, None, closed="left"), None],
        "fit_intercept": ["boolean"],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        *,
        n_clusters=1,
        rank=None,
        fit_intercept=True,
        max_iter=200,
        tol=1e-4,
        random_state=None,
    ):
        self.n_clusters = n_clusters
        self.rank = rank
        self.fit_intercept = fit_intercept
        self.max_iter = max_iter
        self.tol = tol
        self.random_state = random_state

    @abstractmethod
    def _scale_numbers(self, rows):
        """Keep the scale of the numbers to predict, and return them scaled."""

    @abstractmethod
    def _summary(self, Z, codes, numbers, weights, n_tasks):
        """Return the statistics of the posteriors of tasks, for one output."""

    @abstractmethod
    def _posteriors_of(self, summary):
        """Return a function from a prior to the posteriors of tasks, and the sums for its noise."""

    @abstractmethod
    def _numbers_of(self, values, used):
        """Return the scaled numbers of further labels, those of the rows in the mask `used`."""

    @abstractmethod
    def _updated(self, prior, evidence, Z, numbers):
        """Return the evidence and the posterior of one task after further rows."""

    def _learn(self, rows):
        self._evidence = None
        weight = rows.sample_weight
        shares = weight / weight.sum()
        self._mean = shares @ rows.X if self.fit_intercept else np.zeros(rows.X.shape[1])
        variance = shares @ (rows.X - self._mean) ** 2
        self._scale = np.where(variance > 0, np.sqrt(variance), 1.0)
        numbers, Z = self._scale_numbers(rows), self._scaled(rows.X)
        tasks, codes = np.unique(rows.codes, return_inverse=True)
        # The place of each task among those with rows. The prior comes after them.
        places = np.full(rows.n_tasks + 1, len(tasks))
        places[tasks] = np.arange(len(tasks))
        self._priors, self.objectives_, found = [], [], []
        for column in numbers.T:
            summary = self._summary(Z, codes, column, weight, len(tasks))
            prior, posteriors, objectives = self._learn_prior(summary, Z.shape[1], weight.sum())
            self._priors.append(prior)
            self.objectives_.append(np.array(objectives))
            found.append(posteriors)
        self.n_iter_ = max(map(len, self.objectives_)) - 1
        self._keep(found, places)

    def _learn_prior(self, summary, n_columns, weight):
        """Run EM, with one cluster first."""
        posteriors_of, statistics = self._posteriors_of(summary)
        settings = {
            "statistics": statistics,
            "rank": self.rank,
            "weight": weight,
            "tol": self.tol,
        }
        steps = _STEPS_BEFORE_SPLIT if self.n_clusters > 1 else self.max_iter
        found = learn(first_prior(n_columns), posteriors_of, max_iter=steps, **settings)
        means = found[1].means[0]
        n_clusters = min(self.n_clusters, len(np.unique(means, axis=0)))
        if n_clusters == 1:
            return found
        groups = KMeans(n_clusters, n_init=10, random_state=generator(self.random_state))
        prior = split_prior(found[0], groups.fit_predict(means), means)
        return learn(prior, posteriors_of, max_iter=self.max_iter, **settings)

    def _keep(self, posteriors, places):
        """Keep the posteriors of tasks, and the prior last, also in the units of the rows.

        `places` has the place of each task, and of the prior, among the tasks of the posteriors.
        """
        own = [found.moments() for found in posteriors]
        common = [prior.moments() for prior in self._priors]
        self._means, self._covariances = (
            np.array(
                [np.concatenate([a[k], b[k]])[places] for a, b in zip(own, common, strict=True)]
            )
            for k in range(2)
        )
        chances = np.array(
            [
                np.vstack([found.responsibilities.T, prior.shares])[places[:-1]]
                for found, prior in zip(posteriors, self._priors, strict=True)
            ]
        )
        scale = self._number_scale[:, None]
        coefficients = self._means[:, :, : len(self._scale)] / self._scale * scale[:, :, None]
        intercepts = self._number_mean[:, None] - coefficients @ self._mean
        if self.fit_intercept:
            intercepts = intercepts + self._means[:, :, -1] * scale
        if len(scale) == 1:
            coefficients, intercepts, chances = coefficients[0], intercepts[0], chances[0]
        else:
            coefficients, intercepts = coefficients.swapaxes(0, 1), intercepts.T
            chances = chances.swapaxes(0, 1)
        self.coef_, self.prior_coef_ = coefficients[:-1], coefficients[-1]
        self.intercept_, self.prior_intercept_ = intercepts[:-1], intercepts[-1]
        self.responsibilities_ = chances

    def _scaled(self, X):
        """Return rows in the units of the prior, with a column of ones last."""
        Z = (X - self._mean) / self._scale
        return np.column_stack([Z, np.ones(len(Z))]) if self.fit_intercept else Z

    def _outputs(self, X, codes):
        Z = self._scaled(X)
        scores = np.empty((len(Z), len(self._means)))
        for task, rows in rows_by_task(codes):
            scores[rows] = Z[rows] @ self._means[:, task].T
        return scores * self._number_scale + self._number_mean

    def _write_scaled(self, graph):
        """Write the nodes of `_scaled`."""
        n_features = len(self._scale)
        shape = n_features, n_features + self.fit_intercept
        ones = np.zeros(shape[1])
        ones[n_features:] = 1
        rows = graph.add("Sub", graph.rows, self._mean)
        return graph.affine(np.eye(*shape) / self._scale[:, None], ones, rows=rows)

    def _write_outputs(self, graph, task):
        scores = graph.add("MatMul", self._write_scaled(graph), self._means[:, task].T)
        scaled = graph.add("Mul", scores, self._number_scale)
        return graph.add("Add", scaled, self._number_mean)

    def _variances(self, X, codes):
        """Return the posterior variance of the result of `_outputs`."""
        Z = self._scaled(X)
        variances = np.empty((len(Z), len(self._means)))
        for task, rows in rows_by_task(codes):
            for k, covariances in enumerate(self._covariances):
                variances[rows, k] = np.sum(Z[rows] @ covariances[task] * Z[rows], axis=1)
        return variances * self._number_scale**2

    def adapt(self, X, y):
        """Return an estimator for a new task, from its rows and the learned prior.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows of the new task.
        y : array-like of shape (n_samples,)
            Their labels. Missing values if a row has no label.

        Returns
        -------
        adapted : object
            An estimator of this class whose only task is the new one, as its target. It keeps the
            prior, but not the tasks of `fit`, and has `partial_fit`. This estimator does not
            change.
        """
        check_is_fitted(self)
        adapted = copy(self)
        adapted.tasks_, adapted._places, adapted._target = (TARGET,), {TARGET: 0}, 0
        adapted._evidence = [None] * len(self._priors)
        adapted.objectives_ = []
        return adapted._take(X, y)

    @available_if(_is_adapted)
    def partial_fit(self, X, y):
        """Learn from further rows of the task that the estimator was adapted to.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.
        y : array-like of shape (n_samples,)
            Their labels. Missing values if a row has no label.

        Returns
        -------
        self : object
            The estimator.
        """
        return self._take(X, y)

    def _take(self, X, y):
        rows = self._read_rows(X, y, reset=False)
        check_consistent_length(rows, y)
        values = read_labels(y)
        used = is_labelled(values)
        if used.any():
            Z, numbers = self._scaled(rows[used]), self._numbers_of(values, used)
        else:
            Z, numbers = self._scaled(rows[:0]), np.empty((0, len(self._priors)))
        found = [
            self._updated(prior, evidence, Z, column)
            for prior, evidence, column in zip(self._priors, self._evidence, numbers.T, strict=True)
        ]
        self._evidence = [evidence for evidence, _ in found]
        self._keep([posteriors for _, posteriors in found], np.arange(2))
        return self
