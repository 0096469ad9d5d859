"""WeightedTransferRegressor: a regressor fitted on weighted source rows."""

from sklearn.base import RegressorMixin
from sklearn.linear_model import Ridge

from sktransfer._labels import read_numbers
from sktransfer._learner import check_learner
from sktransfer._scoring import _ScoresLabelsAlone
from sktransfer.instance._base_weighted_transfer import _BaseWeightedTransfer


class WeightedTransferRegressor(_ScoresLabelsAlone, RegressorMixin, _BaseWeightedTransfer):
    """Fit a regressor on source rows, weighted for the target, and on labelled target rows.

    A weighter says how much each source row counts for the target, and any regressor that takes
    `sample_weight` is then fitted on these rows and on the target rows that have labels, which
    weigh 1 [1]_. Without a source row it is the regressor itself. Labels of target rows never reach
    the weighter.

    It helps under covariate shift, where the regressor is too simple
    to be right everywhere: the weights tell it where to be right. It hurts where the rule from
    features to labels differs between the domains, which no weight repairs; and where few rows take
    all the weight, look at ``weighter_.effective_sample_size_``. Compare with the regressor fitted
    without weights: where the model is flexible enough, weights only cost variance.

    Parameters
    ----------
    estimator : regressor, default=None
        Its `fit` takes `sample_weight`; a Pipeline's last step does (when metadata routing is on,
        request it there). A search over such a one is welcome too: see Notes. None is
        ``Ridge()``.
    weighter : weighter, default=None
        Gives `weights_` to the rows in ``fit(X, y, sample_domain=...)``. None is
        ``ULSIFWeighter()``.
    random_state : int, RandomState instance or None, default=None
        Seeds every `random_state` inside the weighter and the regressor. None draws fresh entropy
        and keeps the seeds that they have.

    Attributes
    ----------
    estimator_ : regressor
        Fitted on the labelled rows.
    weighter_ : weighter
        Fitted on all target rows and the labelled source rows. None without source rows, or where
        one of the two is missing among the rows of weight above 0.
    sample_weight_ : ndarray of shape (n_samples,), dtype float64
        The weight of each row in the fit of `estimator_`; 0 for a row without a label.
    source_domains_ : tuple of str
        The names of the source domains in `fit`. All source rows are one pool for the weighter.
    n_features_in_ : int
        Number of features in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, where `X` has them.

    Warns
    -----
    TransferWarning
        By `weighter`, if its weights leave few effective source rows.

    See Also
    --------
    ULSIFWeighter : The weights, and where weights help and hurt.
    KMMWeighter : Other weights.

    Notes
    -----
    A search as `estimator` passes the weights on to each of its fits, and to its scores: its folds
    are of the labelled rows of all domains, source rows among them, which is what importance
    weighted cross-validation does where no target row has a label [2]_. The scores of a search over
    a Pipeline are weighted only where metadata routing is on and `score` requests the weights. To
    choose by target rows that have labels, search over this estimator, with `TargetFold`.

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
    A line cannot follow a parabola everywhere. Weighted, it follows it where the target is:

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
