"""WeightedTransferClassifier: a classifier fitted on weighted source rows."""

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.utils.metaestimators import available_if

from sktransfer._labels import read_classes
from sktransfer._learner import check_learner
from sktransfer._scoring import _ScoresLabelsAlone
from sktransfer.instance._base_weighted_transfer import _BaseWeightedTransfer


def _estimator_has(method):
    """Tell whether the estimator, fitted or not, has `method`; the default has."""

    def check(self):
        estimator = getattr(self, "estimator_", self.estimator)
        return estimator is None or hasattr(estimator, method)

    return check


class WeightedTransferClassifier(_ScoresLabelsAlone, ClassifierMixin, _BaseWeightedTransfer):
    """Fit a classifier on source rows, weighted for the target, and on labelled target rows.

    A weighter says how much each source row counts for the target, and any classifier that takes
    `sample_weight` is then fitted on these rows and on the target rows that have labels, which
    weigh 1 [1]_. Without a source row it is the classifier itself. Labels of target rows never
    reach the weighter.

    It helps under covariate shift, where the classifier is too simple to be right everywhere: the
    weights tell it where to be right (and under label shift, with `LabelShiftWeighter`: they give
    each class the share that it has in the target). It hurts where the rule from
    features to labels differs between the domains, which no weight repairs; and where few rows take
    all the weight, look at ``weighter_.effective_sample_size_``. Compare with the classifier fitted
    without weights: where the model is flexible enough, weights only cost variance.

    Parameters
    ----------
    estimator : classifier, default=None
        Its `fit` takes `sample_weight`; a Pipeline's last step does (when metadata routing is on,
        request it there). A search over such a one is welcome too: see Notes. None is
        ``LogisticRegression()``.
    weighter : weighter, default=None
        Gives `weights_` to the rows in ``fit(X, y, sample_domain=...)``. None is
        ``ULSIFWeighter()``.
    random_state : int, RandomState instance or None, default=None
        Seeds every `random_state` inside the weighter and the classifier. None draws fresh entropy
        and keeps the seeds that they have.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes of all labelled rows: a class may come from one domain alone.
    estimator_ : classifier
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
    To the left the classes alternate, to the right, where the target is, they do not:

    >>> import numpy as np
    >>> from sktransfer import GaussianWeighter, WeightedTransferClassifier
    >>> X = np.array([[-3.0], [-2.0], [-1.0], [0.0], [1.0], [2.0], [3.0], [2.0], [2.5], [3.0]])
    >>> y = np.array(["b", "b", "b", "a", "a", "a", "b", None, None, None], dtype=object)
    >>> sample_domain = ["everywhere"] * 7 + ["target"] * 3
    >>> model = WeightedTransferClassifier(weighter=GaussianWeighter())
    >>> model.fit(X, y, sample_domain=sample_domain).predict([[1.5], [3.0]])
    array(['a', 'b'], dtype='<U1')
    """

    def _default_learner(self):
        return LogisticRegression()

    def _check_learner(self, estimator):
        check_learner(estimator)

    def _read_labels(self, y, used):
        labels = read_classes(y, used)
        self.classes_ = np.unique(labels)
        return labels

    @available_if(_estimator_has("predict_proba"))
    def predict_proba(self, X):
        """Give the probability of each class.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Target rows.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
            In the order of `classes_`.
        """
        return self._ask("predict_proba", X)

    @available_if(_estimator_has("decision_function"))
    def decision_function(self, X):
        """Give the decision function of `estimator_`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Target rows.

        Returns
        -------
        decision : ndarray of shape (n_samples,) or (n_samples, n_classes)
            In the order of `classes_`.
        """
        return self._ask("decision_function", X)
