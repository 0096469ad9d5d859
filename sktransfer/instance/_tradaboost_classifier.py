"""TrAdaBoost: boosting that trusts target rows more, and mistaken source rows less, each round."""

from numbers import Real

from sktransfer._kernels import boosting
from sktransfer._random import generator
from sktransfer._sklearn import Interval, StrOptions
from sktransfer.instance._base_tradaboost_classifier import _BaseTrAdaBoostClassifier


class TrAdaBoostClassifier(_BaseTrAdaBoostClassifier):
    """Boost a classifier on source and target rows, and drop the source rows that mislead.

    AdaBoost, with a twist for rows of another domain [1]_: in each round a target row that the
    learner gets wrong gains weight, as in AdaBoost, while a source row that it gets wrong loses
    weight, because it seems to follow another rule than the target. The error that steers the
    rounds is measured on target rows alone, and only the last half of the rounds votes. With no
    source row it is AdaBoost, and all rounds vote.

    It helps if labelled target rows are few and part of the source rows follow the target's rule.
    It hurts if next to no source row does, if the target rows are so few that the learner fits them
    at once (errors of 0 then say little about the source rows), and if target labels are noisy:
    their rows collect the weight, as in AdaBoost. A learner that the source keeps from beating
    chance on the reweighted target rows ends the rounds: look at ``len(model.estimators_)``.
    Compare with `estimator` fitted on all rows, and on target rows alone.

    Parameters
    ----------
    estimator : classifier, default=None
        The learner of a round. Its `fit` takes `sample_weight`; a Pipeline's last step does (when
        metadata routing is on, request it there). None is a
        ``DecisionTreeClassifier`` of depth 3, or of depth ``ceil(log2(K)) + 1`` for more than four
        classes: a shallow tree has fewer leaves than classes.
    n_estimators : int, default=50
        The most rounds, N in the formulas. A round without any mistake ends the rounds.
    learning_rate : float, default=1.0
        Multiplies ``ln beta_t``: the step of the target's weights, and the vote. 1.0 is the paper.
    algorithm : {"auto", "dai2007", "samme"}, default="auto"
        "dai2007" is the paper's and takes two classes; "samme" takes any number, and with two is
        the same. "auto" chooses by the classes of the training rows.
    negligible_weight : float, default=0.0
        In each round, the lightest source rows that hold no more than this share of all weight get
        weight 0 in the fit of the learner (and only there): a tree skips such rows. Source rows
        lose weight round after round, so that 1e-4 often makes trees cheaper by half or more; a
        tree then differs by where a threshold lies between two rows. 0.0 is exact.
    random_state : int, RandomState instance or None, default=None
        Seeds every `random_state` inside the learner, again in each round. None draws fresh entropy
        and keeps the seeds that `estimator` has.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes of all training rows: a class may come from one domain alone.
    estimator_ : classifier
        The learner that is cloned in each round.
    estimators_ : list of classifiers
        The learners of the rounds that were kept; they speak of the same labels as `classes_`.
    estimator_weights_ : ndarray of shape (n_rounds,), dtype float64
        ``-learning_rate * ln beta_t``, the weight of each round's vote, also of those in the first
        half, which do not vote. A round without error on the target counts as one of error
        ``min(1 / (2 m + 2), least e_t / 2)`` with m target rows, so that a round that errs does
        not outvote it. 1.0 for the only round.
    estimator_errors_ : ndarray of shape (n_rounds,), dtype float64
        The weighted error of each round on the target rows.
    sample_weight_ : ndarray of shape (n_samples,), dtype float64
        The weights of the rows of `X` in the last round that was kept: which source rows survived.
        Their sum is that of `sample_weight`; 0 for a row that was left out.
    source_domains_ : tuple of str
        The names of the source domains in `fit`. All source rows are one pool for this method.
    n_features_in_ : int
        Number of features in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, where `X` has them.

    Warns
    -----
    TransferWarning
        If the first round is no better than chance: the ensemble is that one learner.

    See Also
    --------
    sklearn.ensemble.AdaBoostClassifier : The plain method, for rows of one domain.

    Notes
    -----
    With K classes, n source rows, m target rows and N rounds, weights start at ``1/n`` and ``1/m``
    (times `sample_weight`), and round t does

    - ``e_t = sum(w [h_t != c]) / sum(w)`` over target rows; ``beta_t = e_t / ((1 - e_t) (K - 1))``;
    - ``w *= beta_t ** -[h_t != c]`` on target rows; ``w *= beta ** [h_t != c]`` on source rows,
      with ``beta = 1 / (1 + sqrt(2 ln(n) / N))``;
    - an error of ``1 - 1/K`` or more ends the rounds before this one. After an error of 0 they go
      on, as long as source rows are wrong: their weights still go down. Without a source an error
      of 0 ends the rounds and votes 1.0, as in AdaBoost.

    ``predict`` is ``argmax_k sum_t -ln(beta_t) [h_t = k]`` over ``t = ceil(T/2) .. T``, with T the
    rounds that were kept. K = 2 is the algorithm of [1]_ (but for an exact tie, which goes to the
    first class, as everywhere in scikit-learn); no source row is AdaBoost-SAMME [2]_. Multi-class
    TrAdaBoost [3]_ takes the same ``beta_t``; its additional factor on source rows is left out,
    because with it K = 2 would not be [1]_.

    The learner gets weights that sum to the total of `sample_weight`, or to the number of rows: a
    regularised learner is then neither more nor less regularised than without boosting. A weight of
    k is k repetitions of the row, in n and m too, and rows of weight 0 are left out; so are
    rows without a label (NaN, None, ``pandas.NA``).

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
