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
    """Return whether the estimator, fitted or not, has `method`; the default has."""

    def check(self):
        estimator = getattr(self, "estimator_", self.estimator)
        return estimator is None or hasattr(estimator, method)

    return check


class WeightedTransferClassifier(_ScoresLabelsAlone, ClassifierMixin, _BaseWeightedTransfer):
    """Fit a classifier on weighted source rows and on labelled target rows.

    A weighter computes the weight of each source row for the target. Any classifier that takes
    `sample_weight` is then fitted on these rows and on the labelled target rows, which have weight
    1 [1]_. Without source rows it is the classifier itself. The weighter never sees labels of
    target rows.

    It helps under covariate shift if the classifier is too simple to be right everywhere: the
    weights decide which rows it should fit. With `LabelShiftWeighter` it helps under label shift:
    each class gets its proportion in the target. It hurts if the rule from features to labels
    differs between the domains, which no weight can correct. If a few rows take all the weight,
    look at ``weighter_.effective_sample_size_``. Compare with the classifier fitted without
    weights: if the model is flexible enough, weights only add variance.

    Parameters
    ----------
    estimator : classifier, default=None
        The classifier. Its `fit` takes `sample_weight`. The last step of a Pipeline may take it (if
        metadata routing is on, request it there). A search over such an estimator is supported too:
        see Notes. None is ``LogisticRegression()``.
    weighter : weighter, default=None
        Computes `weights_` in ``fit(X, y, sample_domain=...)``. None is ``ULSIFWeighter()``.
    random_state : int, RandomState instance or None, default=None
        Seeds every `random_state` inside the weighter and the classifier. None draws fresh entropy
        and keeps the existing seeds.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes of all labelled rows. A class may occur in only one domain.
    estimator_ : classifier
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
    On the left the classes alternate. On the right, in the target's range, they do not:

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
        """Return the probability of each class.

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
        """Return the decision function of `estimator_`.

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
