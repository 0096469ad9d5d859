"""RegularizedMultiTaskRegressor: ridge regression of several related tasks."""

from sktransfer.tasks._base_regularized import _BaseRegularizedMultiTask
from sktransfer.tasks._base_tasks import _TaskRegressor


class RegularizedMultiTaskRegressor(_TaskRegressor, _BaseRegularizedMultiTask):
    """Fit a common function and a deviation for each task, both by ridge regression.

    The penalty of the deviations says how related the tasks are [1]_. If it is large, all tasks
    have one function. If that of the common function is large, each task is fitted alone. Both
    strengths are chosen by the marginal likelihood, which has a closed form.

    It helps if there are several tasks with too few rows each, whose functions are similar: pupils
    of schools, patients, machines, users. It hurts little if tasks are unrelated, because the
    chosen relatedness is then near 0. It hurts if the tasks fall into groups that differ much,
    since one strength holds for all of them.

    Parameters
    ----------
    alpha : float or "auto", default="auto"
        The strength of the penalty, as in :class:`~sklearn.linear_model.Ridge`. "auto": chosen.
    relatedness : float or "auto", default="auto"
        The share of the common function, from 0 to 1. With 1 all tasks have the same coefficients,
        with 0 each has its own, pulled toward 0. "auto": chosen.
    offset : float or "auto", default="auto"
        How far the intercepts of tasks may be from a common one: the constant c of the kernel. 0:
        all tasks have one intercept. "auto": chosen.
    kernel : str or callable, default="linear"
        A name known to :func:`~sklearn.metrics.pairwise.pairwise_kernels`, or a function of two
        rows. With "linear" each task has coefficients.
    kernel_params : dict, default=None
        Further arguments of the kernel, as ``{"gamma": 0.1}`` for "rbf". "linear" takes none.
    fit_intercept : bool, default=True
        Whether to fit intercepts. The common one is not penalized.

    Attributes
    ----------
    tasks_ : tuple
        The names of the tasks, sorted, and ``"target"`` last if it has rows.
    alpha_ : float
        The strength of the penalty.
    relatedness_ : float
        The relatedness; 1 if there is one task.
    offset_ : float
        The constant of offsets; 0 if there is one task, or no intercept.
    coef_ : ndarray of shape (n_tasks, n_features) or None
        The coefficients of each task, in the order of `tasks_`. None if the kernel is not linear.
    intercept_ : ndarray of shape (n_tasks,)
        The intercept of each task, with a linear kernel.
    common_coef_ : ndarray of shape (n_features,) or None
        The coefficients of the common function, with a linear kernel.
    common_intercept_ : float
        The intercept of the common function, with a linear kernel.
    n_features_in_ : int
        Number of features in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if `X` has them.

    See Also
    --------
    RegularizedMultiTaskClassifier : The same for classes.
    LearnedPriorRegressor : Learns in which directions tasks differ, and a model for a new task.
    DomainAugmenter : The same kernel for any linear model, with a given relatedness.

    Notes
    -----
    With centered rows, the relatedness r and `sample_weight` s it minimizes
    ``sum_i s_i (y_i - f_t(x_i))^2 + alpha (||w||^2 / r + sum_t (||v_t||^2 / (1 - r) + o_t^2 / c))``
    for ``f_t(x) = b + x w + x v_t + o_t``. One task is ridge regression with the same `alpha`. With
    another kernel, products of rows are its values.

    With a linear kernel the cost is that of an eigendecomposition of a matrix of the size of the
    features for each task. With another one, or if features are many, it is that of some two
    hundred Cholesky decompositions of a matrix of the size of the rows. It is one if the strengths
    are given.

    References
    ----------
    .. [1] T. Evgeniou, M. Pontil, "Regularized Multi-Task Learning", KDD 2004.
       https://doi.org/10.1145/1014052.1014067

    Examples
    --------
    Fifty tasks of six rows each:

    >>> import numpy as np
    >>> from sklearn.linear_model import RidgeCV
    >>> from sktransfer import RegularizedMultiTaskRegressor
    >>> rng = np.random.default_rng(0)
    >>> rules = rng.normal(size=5) + 0.3 * rng.normal(size=(50, 5))
    >>> task = np.repeat(np.arange(50), 6)
    >>> X, X_new = rng.normal(size=(2, 300, 5))
    >>> y, y_new = (np.sum(rows * rules[task], axis=1) for rows in (X, X_new))
    >>> y += rng.normal(size=300)
    >>> round(RidgeCV().fit(X, y).score(X_new, y_new), 2)
    0.58
    >>> model = RegularizedMultiTaskRegressor().fit(X, y, sample_domain=task)
    >>> round(model.score(X_new, y_new, sample_domain=task), 2)
    0.67
    """

    def _keep_linear(self, coefficients, offsets, mean):
        super()._keep_linear(coefficients, offsets, mean)
        self.common_intercept_ = float(self.common_intercept_)
