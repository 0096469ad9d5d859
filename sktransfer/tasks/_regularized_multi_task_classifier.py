"""RegularizedMultiTaskClassifier: a ridge classifier of several related tasks."""

from sktransfer.tasks._base_regularized import _BaseRegularizedMultiTask
from sktransfer.tasks._base_tasks import _TaskClassifier


class RegularizedMultiTaskClassifier(_TaskClassifier, _BaseRegularizedMultiTask):
    """Fit a common score and a deviation for each task, both by a ridge classifier.

    It is `RegularizedMultiTaskRegressor` on codes of classes, 1 for the class of a row and -1 for
    others [1]_. All
    strengths are chosen by the marginal likelihood of these codes, the same for all classes.

    It helps if there are several tasks with too few rows each, whose classes are told apart in
    similar ways. A task need not have rows of each class. It hurts if the tasks fall into groups
    that differ much, since one strength holds for all of them.

    Parameters
    ----------
    alpha : float or "auto", default="auto"
        The strength of the penalty, as in :class:`~sklearn.linear_model.RidgeClassifier`. "auto":
        chosen.
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
    classes_ : ndarray of shape (n_classes,)
        The classes of all labelled rows.
    tasks_ : tuple
        The names of the tasks, sorted, and ``"target"`` last if it has rows.
    alpha_ : float
        The strength of the penalty.
    relatedness_ : float
        The relatedness; 1 if there is one task.
    offset_ : float
        The constant of offsets; 0 if there is one task, or no intercept.
    coef_ : ndarray of shape (n_tasks, n_features) or (n_tasks, n_classes, n_features), or None
        The coefficients of each task, in the order of `tasks_`. None if the kernel is not linear.
    intercept_ : ndarray of shape (n_tasks,) or (n_tasks, n_classes)
        The intercepts of each task, with a linear kernel.
    common_coef_ : ndarray of shape (n_features,) or (n_classes, n_features), or None
        The coefficients of the common function, with a linear kernel.
    common_intercept_ : float or ndarray of shape (n_classes,)
        The intercepts of the common function, with a linear kernel.
    n_features_in_ : int
        Number of features in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if `X` has them.

    See Also
    --------
    RegularizedMultiTaskRegressor : The formula and the cost.
    LearnedPriorClassifier : Gives probabilities, and a model for a new task.

    Notes
    -----
    The loss is the square, so that the marginal likelihood has a closed form. The paper has the
    hinge loss of a support vector machine.

    References
    ----------
    .. [1] T. Evgeniou, M. Pontil, "Regularized Multi-Task Learning", KDD 2004.
       https://doi.org/10.1145/1014052.1014067

    Examples
    --------
    Fifty tasks of ten rows each:

    >>> import numpy as np
    >>> from sklearn.linear_model import RidgeClassifierCV
    >>> from sktransfer import RegularizedMultiTaskClassifier
    >>> rng = np.random.default_rng(0)
    >>> rules = rng.normal(size=5) + 0.8 * rng.normal(size=(50, 5))
    >>> task = np.repeat(np.arange(50), 10)
    >>> X, X_new = rng.normal(size=(2, 500, 5))
    >>> y, y_new = (np.sum(rows * rules[task], axis=1) > 0 for rows in (X, X_new))
    >>> round(RidgeClassifierCV().fit(X, y).score(X_new, y_new), 2)
    0.65
    >>> model = RegularizedMultiTaskClassifier().fit(X, y, sample_domain=task)
    >>> round(model.score(X_new, y_new, sample_domain=task), 2)
    0.85
    """
