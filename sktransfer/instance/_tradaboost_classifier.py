"""TrAdaBoost: boosting in which misclassified source rows lose weight."""

from numbers import Real

from sktransfer._kernels import boosting
from sktransfer._random import generator
from sktransfer._sklearn import Interval, StrOptions
from sktransfer.instance._base_tradaboost_classifier import _BaseTrAdaBoostClassifier


class TrAdaBoostClassifier(_BaseTrAdaBoostClassifier):
    """Boost a classifier on source and target rows, and down-weight misleading source rows.

    AdaBoost, changed for rows of another domain [1]_: in each round a misclassified target row
    gains weight, as in AdaBoost. A misclassified source row loses weight, because it seems to
    follow another rule than the target. The error that controls the rounds is measured on target
    rows only, and only the last half of the rounds votes. Without source rows it is AdaBoost, and
    all rounds vote.

    It helps if labelled target rows are few and part of the source rows follow the target's rule.
    It hurts if almost no source row does. It hurts if the target rows are so few that the base
    estimator fits them at once. Errors of 0 then say little about the source rows. It hurts if
    target labels are noisy, because their rows accumulate weight, as in AdaBoost. If the source
    keeps the base estimator from beating chance on the reweighted target rows, the rounds end: look
    at ``len(model.estimators_)``. Compare with `estimator` fitted on all rows, and on target rows
    only.

    Parameters
    ----------
    estimator : classifier, default=None
        The base estimator of a round. Its `fit` takes `sample_weight`. The last step of a Pipeline
        may take it (if metadata routing is on, request it there). None is a
        ``DecisionTreeClassifier`` of depth 3, or of depth ``ceil(log2(K)) + 1`` for more than four
        classes, because a shallow tree has fewer leaves than classes.
    n_estimators : int, default=50
        The maximum number of rounds, N in the formulas. A round without any mistake ends the
        rounds.
    learning_rate : float, default=1.0
        Multiplies ``ln beta_t``, which sets the step of the target's weights and the vote. The
        paper uses 1.0.
    algorithm : {"auto", "dai2007", "samme"}, default="auto"
        "dai2007" is the paper's, for two classes. "samme" works for any number of classes, and is
        the same with two. "auto" chooses by the classes of the training rows.
    negligible_weight : float, default=0.0
        In each round, the lightest source rows get weight 0 in the fit (in this fit only). Their
        total is at most this fraction of all weight, and a tree skips such rows. Source rows lose
        weight in each round, so 1e-4 often makes trees cheaper by half or more. The thresholds of a
        tree may then differ between two neighboring rows. 0.0 is exact.
    random_state : int, RandomState instance or None, default=None
        Seeds every `random_state` inside the base estimator, with a new seed in each round. None
        draws fresh entropy and keeps the seeds of `estimator`.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes of all training rows. A class may occur in only one domain.
    estimator_ : classifier
        The base estimator, which is cloned in each round.
    estimators_ : list of classifiers
        The fitted base estimators of the rounds that were kept; their labels are those of
        `classes_`.
    estimator_weights_ : ndarray of shape (n_rounds,), dtype float64
        ``-learning_rate * ln beta_t``, the weight of each round's vote, also for the first half,
        which does not vote. A round without error on the target counts as having error ``min(1 / (2
        m + 2), least e_t / 2)`` with m target rows. A round with errors then does not outvote it.
        1.0 if it is the only round.
    estimator_errors_ : ndarray of shape (n_rounds,), dtype float64
        The weighted error of each round on the target rows.
    sample_weight_ : ndarray of shape (n_samples,), dtype float64
        The weights of the rows of `X` in the last round that was kept, which show the remaining
        source rows. Their sum is that of `sample_weight`; 0 for a row that was left out.
    source_domains_ : tuple of str
        The names of the source domains in `fit`. This method pools all source rows.
    n_features_in_ : int
        Number of features in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features. Defined only if all feature names of `X` are strings.

    Warns
    -----
    TransferWarning
        If the first round is no better than chance: the ensemble is then that one estimator.

    See Also
    --------
    sklearn.ensemble.AdaBoostClassifier : The method without transfer, for rows of one domain.

    Notes
    -----
    With K classes, n source rows, m target rows and N rounds, weights start at ``1/n`` and ``1/m``
    (times `sample_weight`). Round t does the following:

    - ``e_t = sum(w [h_t != c]) / sum(w)`` over target rows; ``beta_t = e_t / ((1 - e_t) (K - 1))``;
    - ``w *= beta_t ** -[h_t != c]`` on target rows; ``w *= beta ** [h_t != c]`` on source rows,
      with ``beta = 1 / (1 + sqrt(2 ln(n) / N))``;
    - an error of ``1 - 1/K`` or more ends the rounds before this one. After an error of 0 they
      continue as long as source rows are misclassified, whose weights then still decrease. Without
      a source an error of 0 ends the rounds and votes 1.0, as in AdaBoost.

    ``predict`` is ``argmax_k sum_t -ln(beta_t) [h_t = k]`` over ``t = ceil(T/2) .. T``, with T the
    rounds that were kept. K = 2 is the algorithm of [1]_, except that an exact tie goes to the
    first class, as in scikit-learn. Without source rows it is AdaBoost-SAMME [2]_. Multi-class
    TrAdaBoost [3]_ uses the same ``beta_t``. Its additional factor on source rows is left out,
    because with it K = 2 would not be [1]_.

    The base estimator gets weights that sum to the total of `sample_weight`, or to the number of
    rows. A regularized estimator is then regularized as much as without boosting. A weight of k is
    k repetitions of the row, in n and m too. Rows of weight 0 and rows without a label (NaN, None,
    ``pandas.NA``) are left out.

    Each round is a task for scikit-learn's callbacks, such as
    :class:`~sklearn.callback.ProgressBar`, and a callback may stop the fit after it.

    References
    ----------
    .. [1] W. Dai, Q. Yang, G.-R. Xue, Y. Yu, "Boosting for Transfer Learning", ICML 2007.
       https://doi.org/10.1145/1273496.1273521
    .. [2] J. Zhu, H. Zou, S. Rosset, T. Hastie, "Multi-class AdaBoost", Statistics and Its
       Interface 2, 2009. https://doi.org/10.4310/SII.2009.v2.n3.a8
    .. [3] H. He, K. Khoshelham, C. Fraser, "A multiclass TrAdaBoost transfer learning algorithm for
       the classification of mobile lidar data", ISPRS Journal of Photogrammetry and Remote
       Sensing 166, 2020. https://doi.org/10.1016/j.isprsjprs.2020.05.010

    Examples
    --------
    >>> import numpy as np
    >>> from sktransfer import TrAdaBoostClassifier
    >>> X = np.array([[0.0], [1.0], [2.0], [3.0], [4.0], [0.0], [1.0], [2.0], [3.0], [4.0]])
    >>> y = np.array(["no", "no", "yes", "yes", "yes", "no", "no", "no", "no", "yes"])
    >>> sample_domain = ["last year"] * 5 + ["target"] * 5
    >>> model = TrAdaBoostClassifier(random_state=0).fit(X, y, sample_domain=sample_domain)
    >>> model.predict([[2.0], [3.0], [4.0]])
    array(['no', 'no', 'yes'], dtype='<U3')
    """

    _last_half_votes = True

    _parameter_constraints: dict = {
        **_BaseTrAdaBoostClassifier._parameter_constraints,
        "algorithm": [StrOptions({"auto", "dai2007", "samme"})],
        "negligible_weight": [Interval(Real, 0, 1, closed="left")],
    }

    def __init__(
        self,
        estimator=None,
        *,
        n_estimators=50,
        learning_rate=1.0,
        algorithm="auto",
        negligible_weight=0.0,
        random_state=None,
    ):
        self.estimator = estimator
        self.n_estimators = n_estimators
        self.learning_rate = learning_rate
        self.algorithm = algorithm
        self.negligible_weight = negligible_weight
        self.random_state = random_state

    def _read_labels(self, y, used):
        labels = super()._read_labels(y, used)
        if self.algorithm == "dai2007" and len(self.classes_) > 2:
            raise ValueError(
                "Only binary classification is supported by algorithm='dai2007', but y has "
                f"{len(self.classes_)} classes; pass algorithm='samme' or 'auto'."
            )
        return labels

    def _boost(self, X, y, sample_weight, codes):
        is_source = codes >= 0
        learners = self._clones(self.n_estimators, generator(self.random_state))
        X_fit = self._for_fits(X)

        def fit_round(weights):
            given = self._scale(weights, sample_weight)
            learner = self._fit_learner(next(learners), X_fit, y, given, is_source)
            return learner, learner.predict(X) != y, given

        weights = boosting.initial_weights(sample_weight, is_source)
        rounds = self._run_transfer(fit_round, weights, is_source, sample_weight)
        return self._keep(rounds, sample_weight)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = self.algorithm != "dai2007"
        return tags
