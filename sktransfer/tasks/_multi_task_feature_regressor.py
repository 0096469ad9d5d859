"""MultiTaskFeatureRegressor: regressions of tasks that share a few directions of features."""

from sktransfer.tasks._base_multi_task_feature import _BaseMultiTaskFeature
from sktransfer.tasks._base_tasks import _TaskRegressor


class MultiTaskFeatureRegressor(_TaskRegressor, _BaseMultiTaskFeature):
    """Fit all tasks by ridge regression in a metric that is learned from them.

    The coefficients of tasks are pulled into few common directions, which are learned with them
    [1]_. The problem is convex: it is the sum of squared errors, and the square of the sum of
    singular values of the matrix of all coefficients.

    It helps if there are several tasks of too few rows, whose coefficients lie near a few
    directions, in any place of these. It does not use a common mean: if tasks are alike,
    `RegularizedMultiTaskRegressor` is better. It hurts if tasks use different features.

    Parameters
    ----------
    alpha : float or "auto", default="auto"
        The strength of the penalty. "auto" is chosen by 5-fold cross-validation within tasks, among
        13 values.
    fit_intercept : bool, default=True
        Whether rows and labels are centered, and each task has an offset, which is a coefficient as
        others.
    max_iter : int, default=1000
        The most steps of the alternation.
    tol : float, default=1e-5
        The relative change of the objective at which it ends.

    Attributes
    ----------
    tasks_ : tuple
        The names of the tasks, sorted, and ``"target"`` last if it has rows.
    alpha_ : float
        The strength of the penalty.
    coef_ : ndarray of shape (n_tasks, n_features)
        The coefficients of each task, in the order of `tasks_`.
    intercept_ : ndarray of shape (n_tasks,)
        The intercept of each task.
    metric_ : ndarray of shape (n_features, n_features)
        The learned metric: its leading eigenvectors are the common directions.
    objectives_ : ndarray of shape (n_iter_,)
        The objective after each step. It never rises.
    n_iter_ : int
        The number of steps.
    n_features_in_ : int
        Number of features in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if `X` has them.

    Warns
    -----
    TransferWarning
        If the alternation ends by `max_iter`.

    See Also
    --------
    MultiTaskFeatureClassifier : The same for classes.
    RegularizedMultiTaskRegressor : A common function, and deviations from it.

    Notes
    -----
    With centered rows and `sample_weight` s it minimizes, over all w_t and a matrix D of trace 1,
    ``sum_i s_i (y_i - x_i w_t)^2 + alpha sum_t w_t D^-1 w_t``. One task is ridge regression with
    the same `alpha`. Rows of no known task get the mean of the coefficients of tasks.

    A step takes ``n_tasks * n_features ** 3`` operations.

    References
    ----------
    .. [1] A. Argyriou, T. Evgeniou, M. Pontil, "Convex Multi-Task Feature Learning", Machine
       Learning 73, 2008. https://doi.org/10.1007/s10994-007-5040-8

    Examples
    --------
    Forty tasks of ten rows, whose coefficients lie in two of twenty directions:

    >>> import numpy as np
    >>> from sktransfer import MultiTaskFeatureRegressor, RegularizedMultiTaskRegressor
    >>> rng = np.random.default_rng(0)
    >>> rules = rng.normal(size=(40, 2)) @ rng.normal(size=(2, 20))
    >>> task = np.repeat(np.arange(40), 10)
    >>> X, X_new = rng.normal(size=(2, 400, 20))
    >>> y, y_new = (np.sum(rows * rules[task], axis=1) for rows in (X, X_new))
    >>> y += rng.normal(size=400)
    >>> for method in (RegularizedMultiTaskRegressor(), MultiTaskFeatureRegressor()):
    ...     model = method.fit(X, y, sample_domain=task)
    ...     print(f"{model.score(X_new, y_new, sample_domain=task):.2f}")
    0.42
    0.92
    """
