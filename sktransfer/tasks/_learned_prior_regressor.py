"""LearnedPriorRegressor: linear regression of many tasks, and a prior for the next one."""

import numpy as np

from sktransfer._kernels.learned_prior import Statistics, gaussian_posteriors
from sktransfer._kernels.multi_task import task_products
from sktransfer._labels import read_numbers
from sktransfer.tasks._base_learned_prior import _BaseLearnedPrior
from sktransfer.tasks._base_tasks import _TaskRegressor


class LearnedPriorRegressor(_TaskRegressor, _BaseLearnedPrior):
    """Learn a normal prior over the coefficients of tasks, and with it each task and new ones.

    The prior has a mean, which all tasks share, and a covariance, which says in which directions
    tasks differ. Both, and the noise, are learned from all tasks by EM [1]_. `adapt` gives the
    posterior of a new task from its rows, in closed form: a model for one user, for example.

    It helps if there are many tasks, more than features, with few rows each, and a further task
    will have fewer still. It hurts if there are few tasks: a covariance is not learned from five
    of them, so take `RegularizedMultiTaskRegressor`, which learns one strength. It also hurts if
    rules are not linear in the columns.

    Parameters
    ----------
    n_clusters : int, default=1
        With more than 1 the prior is a mixture, and each task belongs to a cluster with some
        probability [2]_. Unrelated tasks then do not disturb each other.
    rank : int, default=None
        The number of directions in which tasks may differ freely. In all others their variance is
        the same. None: no restriction.
    fit_intercept : bool, default=True
        Whether tasks have intercepts, which are coefficients as others.
    max_iter : int, default=200
        The most steps of EM.
    tol : float, default=1e-4
        EM ends when the log marginal likelihood of a row changes by less.
    random_state : int, RandomState instance or None, default=None
        Draws the first clusters, if there is more than one.

    Attributes
    ----------
    tasks_ : tuple
        The names of the tasks, sorted, and ``"target"`` last if it has rows.
    coef_ : ndarray of shape (n_tasks, n_features)
        The posterior mean of the coefficients of each task, in the order of `tasks_`.
    intercept_ : ndarray of shape (n_tasks,)
        That of the intercepts.
    prior_coef_ : ndarray of shape (n_features,)
        The mean of the prior of coefficients.
    prior_intercept_ : float
        The mean of the prior of intercepts.
    responsibilities_ : ndarray of shape (n_tasks, n_clusters)
        The probability of each cluster for each task.
    noise_variance_ : float
        The variance of the noise.
    n_iter_ : int
        The number of steps of EM.
    objectives_ : list of ndarray
        One array with the log marginal likelihood and that of a weak prior, before each step and at
        the end. Empty if the estimator is adapted.
    n_features_in_ : int
        Number of features in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if `X` has them.

    See Also
    --------
    LearnedPriorClassifier : The same for classes.
    RegularizedMultiTaskRegressor : One strength instead of a covariance; any kernel.

    Notes
    -----
    Columns and labels are scaled to variance 1 inside. A weak prior keeps the covariance regular:
    it counts as one further task. With one task there is nothing to learn about others, and the
    result is close to ridge regression.

    A step of EM takes ``n_tasks * n_features ** 3`` operations. An adapted estimator holds a few
    matrices of the size of the features.

    References
    ----------
    .. [1] N. M. Laird, J. H. Ware, "Random-Effects Models for Longitudinal Data", Biometrics 38,
       1982. https://doi.org/10.2307/2529876
    .. [2] B. Bakker, T. Heskes, "Task Clustering and Gating for Bayesian Multitask Learning",
       JMLR 4, 2003. https://www.jmlr.org/papers/v4/bakker03a.html

    Examples
    --------
    Two hundred users of eight rows each, and a new one with four:

    >>> import numpy as np
    >>> from sktransfer import LearnedPriorRegressor
    >>> rng = np.random.default_rng(0)
    >>> spread = [1.0, 1.0, 0.1, 0.1, 0.1]
    >>> rules = rng.normal(size=5) + spread * rng.normal(size=(201, 5))
    >>> user = np.repeat(np.arange(200), 8)
    >>> X = rng.normal(size=(1600, 5))
    >>> y = np.sum(X * rules[user], axis=1) + 0.5 * rng.normal(size=1600)
    >>> model = LearnedPriorRegressor().fit(X, y, sample_domain=user)
    >>> X_user, X_new = rng.normal(size=(4, 5)), rng.normal(size=(500, 5))
    >>> adapted = model.adapt(X_user, X_user @ rules[200])
    >>> before, after = (m.score(X_new, X_new @ rules[200]) for m in (model, adapted))
    >>> print(f"{before:.2f}, {after:.2f}")
    0.59, 0.98
    >>> prediction, std = adapted.predict(X_new[:2], return_std=True)
    >>> std.round(2)
    array([0.53, 0.71])
    """

    def _scale_numbers(self, rows):
        shares = rows.sample_weight / rows.sample_weight.sum()
        mean = shares @ rows.numbers if self.fit_intercept else np.zeros(1)
        scale = np.sqrt(shares @ (rows.numbers - mean) ** 2)
        self._number_mean, self._number_scale = mean, np.where(scale > 0, scale, 1.0)
        return (rows.numbers - mean) / self._number_scale

    def _summary(self, Z, codes, numbers, weights, n_tasks):
        grams, moments = task_products(Z, codes, numbers[:, None], weights, n_tasks=n_tasks)
        squares = np.bincount(codes, weights * numbers**2, minlength=n_tasks)
        counts = np.bincount(codes, weights, minlength=n_tasks)
        return Statistics(grams, moments[:, :, 0], squares, counts)

    def _posteriors_of(self, summary):
        return lambda prior: gaussian_posteriors(prior, summary), summary

    def _numbers_of(self, values, used):
        numbers = read_numbers(values, used).astype(np.float64)[:, None]
        return (numbers - self._number_mean) / self._number_scale

    def _updated(self, prior, evidence, Z, numbers):
        parts = Z.T @ Z, numbers @ Z, numbers @ numbers, len(Z)
        added = Statistics(*(np.asarray(part)[None] for part in parts))
        evidence = added if evidence is None else evidence + added
        return evidence, gaussian_posteriors(prior, evidence)

    def _keep(self, posteriors, places):
        super()._keep(posteriors, places)
        self.prior_intercept_ = float(self.prior_intercept_)
        self.noise_variance_ = float(self._priors[0].noise * self._number_scale[0] ** 2)

    def predict(self, X, *, sample_domain=None, return_std=False):
        """Predict the number of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows of any tasks that `fit` has seen.
        sample_domain : array-like of shape (n_samples,), default=None
            The task of each row. None: every row is a target row, and gets the mean of the prior if
            `fit` had no target row.
        return_std : bool, default=False
            Whether to return the standard deviation of a new label, with its noise.

        Returns
        -------
        y : ndarray of shape (n_samples,)
        std : ndarray of shape (n_samples,)
            If `return_std` is True.
        """
        y = super().predict(X, sample_domain=sample_domain)
        if not return_std:
            return y
        variances = self._variances(*self._rows_and_tasks(X, sample_domain))[:, 0]
        return y, np.sqrt(variances + self.noise_variance_)
