"""WeightedTransferRegressor: a regressor fitted on weighted source rows."""

from sklearn.base import RegressorMixin
from sklearn.linear_model import Ridge

from sktransfer._labels import read_numbers
from sktransfer._learner import check_learner
from sktransfer._scoring import _ScoresLabelsAlone
from sktransfer.instance._base_weighted_transfer import _BaseWeightedTransfer


class WeightedTransferRegressor(_ScoresLabelsAlone, RegressorMixin, _BaseWeightedTransfer):
    """Fit a regressor on weighted source rows and on labelled target rows.

    A weighter computes the weight of each source row for the target. Any regressor that takes
    `sample_weight` is then fitted on these rows and on the labelled target rows, which have weight
    1 [1]_. Without source rows it is the regressor itself. The weighter never sees labels of target
    rows.

    It helps under covariate shift if the regressor is too simple to be right everywhere: the
    weights decide which rows it should fit. It hurts if the rule from features to labels differs
    between the domains, which no weight can correct. If a few rows take all the weight, look at
    ``weighter_.effective_sample_size_``. Compare with the regressor fitted without weights: if the
    model is flexible enough, weights only add variance.

    Parameters
    ----------
    estimator : regressor, default=None
        The regressor. Its `fit` takes `sample_weight`. The last step of a Pipeline may take it (if
        metadata routing is on, request it there). A search over such an estimator is supported too:
        see Notes. None is ``Ridge()``.
    weighter : weighter, default=None
        Computes `weights_` in ``fit(X, y, sample_domain=...)``. None is ``ULSIFWeighter()``.
    random_state : int, RandomState instance or None, default=None
        Seeds every `random_state` inside the weighter and the regressor. None draws fresh entropy
        and keeps the existing seeds.

    Attributes
    ----------
    estimator_ : regressor
        Fitted on the labelled rows.
    weighter_ : weighter
        Fitted on all target rows and the labelled source rows. None without source rows, or if one
        of the two is missing among the rows of weight above 0.
    sample_weight_ : ndarray of shape (n_samples,), dtype float64
        The weight of each row in the fit of `estimator_`; 0 for a row without a label.
    source_domains_ : tuple of str
        The names of the source domains in `fit`. The weighter pools all source rows.
    n_features_in_ : int
        Number of features in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features. Defined only if all feature names of `X` are strings.

    Warns
    -----
    TransferWarning
        By `weighter`, if its weights leave few effective source rows.

    See Also
    --------
    ULSIFWeighter : The default weights, with the cases in which weights help and hurt.
    KMMWeighter : Weights without a model of the ratio.

    Notes
    -----
    If `estimator` is a search, the weights are passed to each of its fits and to its scores. Its
    folds contain the labelled rows of all domains, source rows included. This is importance
    weighted cross-validation if no target row has a label [2]_. The scores of a search over a
    Pipeline are weighted only if metadata routing is on and `score` requests the weights. To select
    by labelled target rows, search over this estimator with `TargetFold`.

    The fit of the weighter and that of the estimator are tasks for scikit-learn's callbacks,
    such as :class:`~sklearn.callback.ProgressBar`.

    References
    ----------
    .. [1] H. Shimodaira, "Improving predictive inference under covariate shift by weighting the
       log-likelihood function", Journal of Statistical Planning and Inference 90, 2000.
       https://doi.org/10.1016/S0378-3758(00)00115-4
    .. [2] M. Sugiyama, M. Krauledat and K.-R. Mueller, "Covariate shift adaptation by importance
       weighted cross validation", JMLR 8, 2007. https://jmlr.org/papers/v8/sugiyama07a.html

    Examples
    --------
    A line cannot follow a parabola everywhere. With weights, it fits the target's range:

    >>> import numpy as np
    >>> from sktransfer import GaussianWeighter, WeightedTransferRegressor
    >>> rng = np.random.default_rng(0)
    >>> X = np.concatenate([rng.normal(0, 1, size=(300, 1)), rng.normal(1.5, 0.3, size=(50, 1))])
    >>> y = X[:, 0] ** 2
    >>> y[300:] = np.nan  # no label on the target
    >>> sample_domain = ["everywhere"] * 300 + ["target"] * 50
    >>> model = WeightedTransferRegressor(weighter=GaussianWeighter())
    >>> model = model.fit(X, y, sample_domain=sample_domain)
    >>> bool(abs(model.predict([[1.5]])[0] - 1.5**2) < 0.2)
    True
    >>> plain = WeightedTransferRegressor().fit(X[:300], y[:300])
    >>> bool(abs(plain.predict([[1.5]])[0] - 1.5**2) < 0.2)
    False
    """

    def _default_learner(self):
        return Ridge()

    def _check_learner(self, estimator):
        check_learner(estimator, kind="regressor")

    def _read_labels(self, y, used):
        return read_numbers(y, used)
