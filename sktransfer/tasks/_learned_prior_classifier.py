"""LearnedPriorClassifier: logistic regression of many tasks, and a prior for the next one."""

import numpy as np
from scipy.special import expit

from sktransfer._kernels.learned_prior import ClassRows, Prior, laplace_posteriors
from sktransfer._labels import labels_alone, read_classes
from sktransfer._messages import listed
from sktransfer.tasks._base_learned_prior import _BaseLearnedPrior
from sktransfer.tasks._base_tasks import _TaskClassifier

# Steps to the mode of a task end at this gain of log density; the next step of EM goes on.
_LEAST_GAIN = 1e-4


class LearnedPriorClassifier(_TaskClassifier, _BaseLearnedPrior):
    """Learn a normal prior over the coefficients of tasks, and with it each task and new ones.

    Each task is a logistic regression. The prior of its coefficients is learned from all tasks by
    EM, with normal approximations of their posteriors about the modes (Laplace). `adapt` gives the
    posterior of a new task from its rows: a model for one user, for example.

    It helps if there are many tasks, more than features, with few rows each, and a further task
    will have fewer still. A task need not have rows of each class. It hurts if there are few tasks,
    from which no covariance is learned, or if tasks are far from linear.

    Parameters
    ----------
    n_clusters : int, default=1
        With more than 1 the prior is a mixture, and each task belongs to a cluster with some
        probability [1]_. Unrelated tasks then do not disturb each other.
    rank : int, default=None
        The number of directions in which tasks may differ freely. In all others their variance is
        the same. None: no restriction.
    fit_intercept : bool, default=True
        Whether tasks have intercepts, which are coefficients as others.
    max_iter : int, default=200
        The most steps of EM.
    tol : float, default=1e-4
        EM ends when the approximate log marginal likelihood of a row changes by less.
    random_state : int, RandomState instance or None, default=None
        Draws the first clusters, if there is more than one.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes of all labelled rows.
    tasks_ : tuple
        The names of the tasks, sorted, and ``"target"`` last if it has rows.
    coef_ : ndarray of shape (n_tasks, n_features) or (n_tasks, n_classes, n_features)
        The coefficients of each task, in the order of `tasks_`. With two classes, those of the
        second.
    intercept_ : ndarray of shape (n_tasks,) or (n_tasks, n_classes)
        The intercepts of each task.
    prior_coef_ : ndarray of shape (n_features,) or (n_classes, n_features)
        The mean of the prior of coefficients.
    prior_intercept_ : float or ndarray of shape (n_classes,)
        The mean of the prior of intercepts.
    responsibilities_ : ndarray of shape (n_tasks, n_clusters) or (n_tasks, n_classes, n_clusters)
        The probability of each cluster for each task.
    n_iter_ : int
        The most steps of EM.
    objectives_ : list of ndarray
        For each class, or the second of two, the approximate log marginal likelihood and that of a
        weak prior, before each step and at the end. Empty if the estimator is adapted.
    n_features_in_ : int
        Number of features in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if `X` has them.

    See Also
    --------
    LearnedPriorRegressor : The same for numbers, in closed form.
    RegularizedMultiTaskClassifier : One strength instead of a covariance; any kernel.

    Notes
    -----
    With more than two classes each has a logistic regression against all others, and a prior of its
    own. Probabilities are means over the posterior. Those of a score of mean m and standard
    deviation s are ``expit(m / sqrt(1 + pi s^2 / 8))``, divided by their sum over classes.
    `decision_function` has their log-odds.

    `partial_fit` takes the posterior so far as the prior, so that it is near the result of all rows
    at once, and not equal to it.

    References
    ----------
    .. [1] B. Bakker, T. Heskes, "Task Clustering and Gating for Bayesian Multitask Learning",
       JMLR 4, 2003. https://www.jmlr.org/papers/v4/bakker03a.html

    Examples
    --------
    Three hundred users of ten rows each, and a new one with eight:

    >>> import numpy as np
    >>> from sktransfer import LearnedPriorClassifier
    >>> rng = np.random.default_rng(0)
    >>> rules = rng.normal(size=4) + [3.0, 0.1, 0.1, 0.1] * rng.normal(size=(301, 4))
    >>> user = np.repeat(np.arange(300), 10)
    >>> X = rng.normal(size=(3000, 4))
    >>> y = np.sum(X * rules[user], axis=1) + rng.logistic(size=3000) > 0
    >>> model = LearnedPriorClassifier().fit(X, y, sample_domain=user)
    >>> X_user, X_new = rng.normal(size=(8, 4)), rng.normal(size=(500, 4))
    >>> adapted = model.adapt(X_user, X_user @ rules[300] > 0)
    >>> before, after = (m.score(X_new, X_new @ rules[300] > 0) for m in (model, adapted))
    >>> print(f"{before:.2f}, {after:.2f}")
    0.59, 0.99
    """

    __metadata_request__predict_proba = {"sample_domain": True}

    def _scale_numbers(self, rows):
        n_outputs = rows.numbers.shape[1]
        self._number_mean, self._number_scale = np.zeros(n_outputs), np.ones(n_outputs)
        return (rows.numbers + 1) / 2

    def _summary(self, Z, codes, numbers, weights, n_tasks):
        order = np.argsort(codes, kind="stable")
        starts = np.searchsorted(codes[order], np.arange(n_tasks))
        return ClassRows(Z[order], numbers[order], weights[order], starts)

    def _posteriors_of(self, summary):
        modes = None

        def posteriors_of(prior):
            nonlocal modes
            fits = modes is not None and len(modes) == len(prior.shares)
            start = modes if fits else None
            found = laplace_posteriors(prior, summary, start, least_gain=_LEAST_GAIN)
            modes = found.means
            return found

        return posteriors_of, None

    def _numbers_of(self, values, used):
        labels = labels_alone(values, used, discrete=True)
        same_type = labels.ndim == 1 and labels.dtype.kind == self.classes_.dtype.kind
        if not (same_type and np.isin(labels, self.classes_).all()):  # which is quick to see
            labels = read_classes(values, used)
        unknown = np.setdiff1d(labels, self.classes_)
        if len(unknown):
            raise ValueError(
                f"y holds the classes {listed(unknown.tolist())}, but {type(self).__name__}.fit "
                f"has seen {listed(self.classes_.tolist())}; fit with rows of all classes."
            )
        numbers = (labels[:, None] == self.classes_).astype(float)
        return numbers[:, 1:] if len(self.classes_) == 2 else numbers

    def _updated(self, prior, evidence, Z, numbers):
        """Take the posterior so far, which is the evidence, for the prior."""
        before = prior if evidence is None else evidence
        if not len(Z):
            return before, before.as_posteriors()
        rows = ClassRows(Z, numbers, np.ones(len(Z)), np.zeros(1, dtype=int))
        found = laplace_posteriors(before, rows)
        after = Prior(found.responsibilities[:, 0], found.means[:, 0], found.covariances[:, 0])
        return after, found

    def _outputs(self, X, codes):
        """Return the scores whose probabilities are means over the posterior."""
        return super()._outputs(X, codes) / np.sqrt(1 + np.pi / 8 * self._variances(X, codes))

    def _write_outputs(self, graph, task):
        Z, scale, parts = self._write_scaled(graph), self._number_scale, []
        for covariances in self._covariances:
            moved = graph.add("MatMul", Z, covariances[task])
            parts.append(graph.sum_of_columns(graph.add("Mul", moved, Z)))
        variances = graph.add("Concat", *parts, axis=1)
        spread = graph.affine(np.diag(np.pi / 8 * scale**2), np.ones(len(scale)), rows=variances)
        return graph.add("Div", super()._write_outputs(graph, task), graph.add("Sqrt", spread))

    def _write_decisions(self, graph):
        return super()._write_onnx(graph)

    def _write_onnx(self, graph):
        scores = super()._write_onnx(graph)
        chances = graph.add("Sigmoid", scores)
        total = graph.sum_of_columns(chances)
        return graph.best_label(scores, self.classes_), graph.add("Div", chances, total)

    def predict_proba(self, X, *, sample_domain=None):
        """Return the probability of each class.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows of any tasks that `fit` has seen.
        sample_domain : array-like of shape (n_samples,), default=None
            The task of each row, as in `decision_function`.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
            In the order of `classes_`.
        """
        chances = expit(self._answers(X, sample_domain))
        if len(self.classes_) == 2:
            return np.hstack([1 - chances, chances])
        return chances / chances.sum(axis=1, keepdims=True)
