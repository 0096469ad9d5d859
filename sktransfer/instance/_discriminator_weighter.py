"""DiscriminatorWeighter: the odds of a row to come from the target, by a classifier."""

from numbers import Integral, Real

import numpy as np
from sklearn.model_selection import StratifiedKFold

from sktransfer._kernels.density_ratio import ratio_of_odds
from sktransfer._kernels.rows import stacked
from sktransfer._random import generator
from sktransfer._sklearn import HasMethods, Interval
from sktransfer.instance._base_classifier_weighter import _BaseClassifierWeighter
from sktransfer.instance._kernel_logistic import KernelLogisticRegression
from sktransfer.instance._overlap import doubt_by_ratios


class DiscriminatorWeighter(_BaseClassifierWeighter):
    """Weight source rows by a classifier's odds that they come from the target.

    Any probabilistic classifier that separates target rows from source rows contains the ratio of
    the two densities, by Bayes' rule: ``p_target(x) / p_source(x) = (n_source / n_target) p(target
    | x) / p(source | x)``. The labels of `y` are not read.

    It helps under covariate shift, also with many features, because densities are then hard to
    model but a classifier is not. It hurts if the rule from features to labels differs between the
    domains. It also hurts if the classifier separates the domains too well, because they hardly
    overlap or because it overfits. A few rows then take all the weight (look at
    `effective_sample_size_`). Against overfitting, as of trees, `cv` weights each row by a
    classifier that has not seen it. Wrong probabilities give wrong weights: use a
    ``CalibratedClassifierCV`` if the classifier is not calibrated.

    Parameters
    ----------
    estimator : classifier, default=None
        A classifier with `predict_proba`. None is a logistic regression on Gaussian kernels around
        300 rows drawn at random. Each feature is in units of its standard deviation, and the width
        is ``sqrt(n_features)``. Its log-ratio is smooth. ``LogisticRegression()`` is better if the
        log-ratio is linear.
    cv : int or None, default=None
        The number of folds, stratified by domain, for out-of-fold weights of the training rows.
        None: the weights come from the classifier of all rows.
    floor : float, default=1e-6
        The lower bound of both probabilities, which bounds the weights. Between 0 and 0.5, both
        excluded.
    random_state : int, RandomState instance or None, default=None
        Draws the folds and seeds every `random_state` inside the classifier, also that of the
        default. None draws fresh entropy and keeps the seeds of `estimator`.

    Attributes
    ----------
    weights_ : ndarray of shape (n_samples,)
        1 on target rows. The mean is 1 over the source rows, pooled over all sources. It has the
        dtype of `X`.
    effective_sample_size_ : float
        ``(sum w)^2 / sum w^2`` over the source rows; 0 if there are none.
    estimator_ : classifier
        Fitted on all rows; its class True is the target. It weights new rows. None without source
        rows.
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
        If the effective sample is below 10 source rows or below 5 % of them (below a quarter, if
        there are fewer than 40 rows). Several sources are also judged one by one. Or if the
        classifier separates the domains, so that the mean of its ratio is below 0.2 instead of 1:
        source rows are then all alike improbable, and get equal weights.

    See Also
    --------
    ULSIFWeighter : A ratio without a classifier, in closed form.

    Notes
    -----
    Sparse rows and missing values (NaN) are passed to the classifier. They are refused if its tags
    say that it does not accept them.

    Each fold is a task for scikit-learn's callbacks, such as
    :class:`~sklearn.callback.ProgressBar`.

    `fit` also takes an array or a data frame of Dask. It learns from a sample of at most 10,000
    source rows and 10,000 target rows, drawn by a hash of their values, and `weigh` returns lazy
    weights. A `TransferWarning` names its error if it is above 0.1. See
    :doc:`/guide/laptop_to_cluster`.

    References
    ----------
    S. Bickel, M. Brueckner and T. Scheffer, "Discriminative learning under covariate shift", JMLR
    10, 2009. https://jmlr.org/papers/v10/bickel09a.html

    Examples
    --------
    The target lies to the right of the source, and so does the weighted source:

    >>> import numpy as np
    >>> from sktransfer import DiscriminatorWeighter
    >>> X = np.array([[-1.0], [0.0], [1.0], [2.0], [1.0], [2.0], [3.0]])
    >>> sample_domain = ["survey"] * 4 + ["target"] * 3
    >>> weighter = DiscriminatorWeighter().fit(X, sample_domain=sample_domain)
    >>> source = weighter.weights_[:4]
    >>> bool(source @ X[:4, 0] / 4 > X[:4].mean())
    True
    >>> left, right = weighter.weigh([[0.0], [2.0]])
    >>> bool(left < 1 < right)
    True
    """

    _parameter_constraints: dict = {
        "estimator": [HasMethods(["fit", "predict_proba"]), None],
        "cv": [Interval(Integral, 2, None, closed="left"), None],
        "floor": [Interval(Real, 0, 0.5, closed="neither")],
        "random_state": ["random_state"],
    }

    _spread = "Raise floor, regularise the estimator, or keep fewer features"
    _learned = ("estimator_",)

    def __init__(self, estimator=None, *, cv=None, floor=1e-6, random_state=None):
        self.estimator = estimator
        self.cv = cv
        self.floor = floor
        self.random_state = random_state

    def _learner(self):
        return KernelLogisticRegression() if self.estimator is None else self.estimator

    def _fit_ratio(self, X_source, X_target):
        n_source, n_target = self._counts = X_source.shape[0], X_target.shape[0]
        n_folds = self.cv or 0
        if min(n_source, n_target) < n_folds:
            raise ValueError(
                f"cv={self.cv!r} folds need as many rows of each kind, but sample_domain names "
                f"{n_source} source rows and {n_target} target rows; lower cv."
            )
        rng = generator(self.random_state)
        X = stacked([X_source, X_target])
        is_target = np.arange(X.shape[0]) >= n_source
        self.estimator_, *others = self._clones(1 + n_folds, rng)
        self.estimator_.fit(X, is_target)
        ratio, folds = (np.empty(X.shape[0]) if others else self._ratio(X)), []
        if others:
            folds = StratifiedKFold(n_folds, shuffle=True, random_state=rng).split(X, is_target)
        for other, (train, out) in self._tasks("fold", zip(others, folds, strict=True)):
            other.fit(X[train], is_target[train])
            n_seen = np.sum(is_target[train])
            ratio[out] = self._odds(other, X[out], len(train) - n_seen, n_seen)
        self._doubt = doubt_by_ratios(ratio[:n_source], ratio[n_source:])
        return ratio[:n_source]

    def _doubt_of(self, X_source, X_target):
        return None  # set by `_fit_ratio`: rows may have missing values

    def _odds(self, learner, X, n_source, n_target):
        p_target = learner.predict_proba(X)[:, 1]
        return ratio_of_odds(p_target, n_source=n_source, n_target=n_target, floor=self.floor)

    def _ratio(self, X):
        return self._odds(self.estimator_, X, *self._counts)
