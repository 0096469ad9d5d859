"""MultiTaskFeatureClassifier: classifiers of tasks that share a few directions of features."""

from sktransfer.tasks._base_multi_task_feature import _BaseMultiTaskFeature
from sktransfer.tasks._base_tasks import _TaskClassifier


class MultiTaskFeatureClassifier(_TaskClassifier, _BaseMultiTaskFeature):
    """Fit all tasks by ridge classifiers in a metric that is learned from them.

    It is `MultiTaskFeatureRegressor` on codes of classes, 1 for the class of a row and -1 for
    others [1]_. All classes share the metric.

    It helps if there are several tasks of too few rows, whose coefficients lie near a few
    directions. It does not use a common mean: if tasks are alike, `RegularizedMultiTaskClassifier`
    is better. It hurts if tasks use different features.

    Parameters
    ----------
    alpha : float or "auto", default="auto"
        The strength of the penalty. "auto" is chosen by 5-fold cross-validation within tasks, among
        13 values, by the squared error of codes.
    fit_intercept : bool, default=True
        Whether rows and codes are centered, and each task has an offset, which is a coefficient as
        others.
    max_iter : int, default=1000
        The most steps of the alternation.
    tol : float, default=1e-5
        The relative change of the objective at which it ends.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes of all labelled rows.
    tasks_ : tuple
        The names of the tasks, sorted, and ``"target"`` last if it has rows.
    alpha_ : float
        The strength of the penalty.
    coef_ : ndarray of shape (n_tasks, n_features) or (n_tasks, n_classes, n_features)
        The coefficients of each task, in the order of `tasks_`.
    intercept_ : ndarray of shape (n_tasks,) or (n_tasks, n_classes)
        The intercepts of each task.
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
    MultiTaskFeatureRegressor : The formula and the cost.

    References
    ----------
    .. [1] A. Argyriou, T. Evgeniou, M. Pontil, "Convex Multi-Task Feature Learning", Machine
       Learning 73, 2008. https://doi.org/10.1007/s10994-007-5040-8

    Examples
    --------
    >>> import numpy as np
    >>> from sktransfer import MultiTaskFeatureClassifier
    >>> rng = np.random.default_rng(0)
    >>> rules = rng.normal(size=(40, 2)) @ rng.normal(size=(2, 20))
    >>> task = np.repeat(np.arange(40), 20)
    >>> X, X_new = rng.normal(size=(2, 800, 20))
    >>> y, y_new = (np.sum(rows * rules[task], axis=1) > 0 for rows in (X, X_new))
    >>> model = MultiTaskFeatureClassifier().fit(X, y, sample_domain=task)
    >>> round(model.score(X_new, y_new, sample_domain=task), 2)
    0.89
    """
