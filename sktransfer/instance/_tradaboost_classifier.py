"""TrAdaBoost: boosting that trusts target rows more, and mistaken source rows less, each round."""

from numbers import Integral, Real

import numpy as np
from scipy.sparse import issparse
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin
from sklearn.tree import BaseDecisionTree, DecisionTreeClassifier
from sklearn.utils import check_consistent_length
from sklearn.utils.validation import check_is_fitted, validate_data

from sktransfer._domains import is_labelled, read_sample_domain
from sktransfer._kernels import boosting
from sktransfer._sklearn import (
    HasMethods,
    Interval,
    StrOptions,
    _check_sample_weight,
    _fit_context,
    get_tags,
)
from sktransfer.instance._learner import check_learner, seeded_clones, weight_parameter
from sktransfer.instance._rows import check_rows, read_classes


class TrAdaBoostClassifier(MetaEstimatorMixin, ClassifierMixin, BaseEstimator):
    """Boost a classifier on source and target rows, and drop the source rows that mislead.

    AdaBoost, with a twist for rows of another domain [1]_: in each round a target row that the
    learner gets wrong gains weight, as in AdaBoost, while a source row that it gets wrong loses
    weight, because it seems to follow another rule than the target. The error that steers the
    rounds is measured on target rows alone, and only the last half of the rounds votes. With no
    source row it is AdaBoost, and all rounds vote.

    It helps where labelled target rows are few and part of the source rows follow the target's
    rule. It hurts where next to no source row does, where the target rows are so few that the
    learner fits them all at once (the rounds end with the first error of 0, and little is learnt
    about the source), and where target labels are noisy: their rows collect the weight, as in
    AdaBoost. A learner that the source keeps from beating chance on the reweighted target rows
    ends the rounds too: look at ``len(model.estimators_)``. Compare with `estimator` fitted on all
    rows, and on target rows alone.

    Parameters
    ----------
    estimator : classifier, default=None
        The learner of a round. Its `fit` takes `sample_weight`; a Pipeline's last step does (when
        metadata routing is on, request it there). None is ``DecisionTreeClassifier(max_depth=3)``.
    n_estimators : int, default=50
        The most rounds, N in the formulas. An error of 0 on target rows ends the rounds.
    learning_rate : float, default=1.0
        Multiplies ``ln beta_t``: the step of the target's weights, and the vote. 1.0 is the paper.
    algorithm : {"auto", "dai2007", "samme"}, default="auto"
        "dai2007" is the paper's and takes two classes; "samme" takes any number, and with two is
        the same. "auto" chooses by the classes of the training rows.
    random_state : int, RandomState instance or None, default=None
        Seeds every `random_state` inside the learner, anew each round. None draws fresh entropy.

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
        half, which do not vote. 1.0 for a round without error, and for a first round
        no better than chance.
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
    - an error of 0 ends the rounds after this one, an error of ``1 - 1/K`` or more before it.

    ``predict`` is ``argmax_k sum_t -ln(beta_t) [h_t = k]`` over ``t = ceil(T/2) .. T``, with T the
    rounds that were kept. K = 2 is the algorithm of [1]_ (but for an exact tie, which goes to the
    first class, as everywhere in scikit-learn); no source row is AdaBoost-SAMME [2]_. Multi-class
    TrAdaBoost [3]_ takes the same ``beta_t``; its additional factor on source rows is left out,
    because with it K = 2 would not be [1]_.

    The learner gets weights that sum to the total of `sample_weight`, or to the number of rows: a
    regularised learner is then neither more nor less regularised than without boosting. A weight of
    k is k repetitions of the row, in n and m too, and rows of weight 0 are left out; so are
    rows without a label (NaN, None, ``pandas.NA``).

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

    # Asked for by default, so that it flows through plain pipelines when metadata routing is on.
    __metadata_request__fit = {"sample_domain": True}

    # A transfer pipeline leaves it to the method what to do with rows that have no label.
    _reads_unlabelled_rows = True

    _parameter_constraints: dict = {
        "estimator": [HasMethods(["fit", "predict"]), None],
        "n_estimators": [Interval(Integral, 1, None, closed="left")],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "algorithm": [StrOptions({"auto", "dai2007", "samme"})],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator=None,
        *,
        n_estimators=50,
        learning_rate=1.0,
        algorithm="auto",
        random_state=None,
    ):
        self.estimator = estimator
        self.n_estimators = n_estimators
        self.learning_rate = learning_rate
        self.algorithm = algorithm
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, sample_weight=None, *, sample_domain=None):
        """Boost the learner on the labelled rows.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows of all domains.
        y : array-like of shape (n_samples,)
            Classes of any type. A row whose label is missing is left out.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative: how often each row counts. None is once.
        sample_domain : array-like of shape (n_samples,), default=None
            ``"target"`` for a target row, else the name of the row's source domain (or integers:
            negative target, positive source). None: every row is a target row.

        Returns
        -------
        self : object
            The fitted classifier.

        Raises
        ------
        ValueError
            When no target row has a label (and a weight above 0), when "dai2007" meets more than
            two classes, or when `estimator` takes no `sample_weight`.
        """
        self.estimator_ = self._learner()
        check_learner(self.estimator_)
        X = validate_data(self, X, None if y is None else "no_validation", **self._input_rules())
        check_consistent_length(X, y)
        y = y if hasattr(y, "__getitem__") else np.asarray(y)
        sample_weight = _check_sample_weight(
            sample_weight, X, dtype=np.float64, ensure_non_negative=True
        )
        domains = read_sample_domain(sample_domain, X.shape[0])
        used = is_labelled(y) & (sample_weight > 0)
        check_rows(domains, used, sample_weight)
        y = read_classes(y, used)
        self.classes_ = _classes_for(self.algorithm, y)
        self.source_domains_ = domains.sources
        self._has_source = not domains.is_target[used].all()
        self.sample_weight_ = np.zeros(len(used))
        self.sample_weight_[used] = self._boost(
            X if used.all() else X[used], y, sample_weight[used], ~domains.is_target[used]
        )
        return self

    def predict(self, X):
        """Predict the class of each row.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Target rows.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            Classes.
        """
        totals = self._vote_totals(X)
        return self.classes_[totals.argmax(axis=1)]

    def predict_proba(self, X):
        """Give the probability of each class, as AdaBoost does: ordered, but not calibrated.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Target rows.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
            In the order of `classes_`.
        """
        return boosting.vote_probabilities(self._vote_totals(X))

    def decision_function(self, X):
        """Give the margin of each class in the vote.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Target rows.

        Returns
        -------
        margins : ndarray of shape (n_samples,) or (n_samples, n_classes)
            Two classes: from -2 (all votes for the first class) to 2. More: from ``-1 / (K - 1)``
            (no vote for the class) to 1 (all votes), in the order of `classes_`.
        """
        margins = boosting.vote_margins(self._vote_totals(X))
        return margins[:, 1] - margins[:, 0] if len(self.classes_) == 2 else margins

    def staged_predict(self, X):
        """Predict as if the rounds had ended after 1, 2, ... of them.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Target rows.

        Yields
        ------
        y : ndarray of shape (n_samples,)
            The last one is what `predict` gives.
        """
        for totals in self._staged_vote_totals(X):
            yield self.classes_[totals.argmax(axis=1)]

    def staged_predict_proba(self, X):
        """Give the probabilities as if the rounds had ended after 1, 2, ... of them.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Target rows.

        Yields
        ------
        probabilities : ndarray of shape (n_samples, n_classes)
            The last one is what `predict_proba` gives.
        """
        for totals in self._staged_vote_totals(X):
            yield boosting.vote_probabilities(totals)

    def _vote_totals(self, X):
        """Weight of the rounds that chose each class, of the rounds that vote."""
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, **self._input_rules())
        first = boosting.first_voter(len(self.estimators_), transfer=self._has_source)
        return boosting.vote_totals(
            self._votes(X, first), self.estimator_weights_[first:], n_classes=len(self.classes_)
        )

    def _staged_vote_totals(self, X):
        """Yield the weights of the rounds that chose each class, stage after stage."""
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, **self._input_rules())
        yield from boosting.staged_vote_totals(
            self._votes(X, 0),
            self.estimator_weights_,
            n_classes=len(self.classes_),
            transfer=self._has_source,
        )

    def _votes(self, X, first):
        """Yield the position in `classes_` of the class that each round chose."""
        for learner in self.estimators_[first:]:
            yield np.searchsorted(self.classes_, learner.predict(X))

    def _boost(self, X, y, sample_weight, is_source):
        """Run the rounds; give the weights of the rows in the last one that is kept."""
        n_classes, n_source = len(self.classes_), sample_weight[is_source].sum()
        log_source_beta = np.log(boosting.source_beta(n_source, n_rounds=self.n_estimators))
        fit_parameter = weight_parameter(self.estimator_)
        X_fit = X.tocsc() if issparse(X) and _is_tree(self.estimator_) else X  # once for all rounds
        weights = boosting.initial_weights(sample_weight, is_source)
        self.estimators_, errors, votes = [], [], []
        for learner in seeded_clones(
            self.estimator_, self.n_estimators, random_state=self.random_state
        ):
            given = self._scale(weights, sample_weight)
            learner.fit(X_fit, y, **{fit_parameter: given})
            mistakes = learner.predict(X) != y
            error = boosting.target_error(given, mistakes, is_source)
            at_chance = boosting.is_no_better_than_chance(error, n_classes=n_classes)
            if at_chance and self.estimators_:
                break
            self.estimators_.append(learner)
            errors.append(error)
            last_given = given
            if at_chance or error == 0:  # -ln(beta_t) is of no use: no vote at all, or infinite
                votes.append(1.0)
                break
            vote = self.learning_rate * boosting.vote_weight(error, n_classes=n_classes)
            votes.append(vote)
            weights = boosting.reweight(
                weights, mistakes, is_source, log_source_beta=log_source_beta, vote=vote
            )
        self.estimator_errors_, self.estimator_weights_ = np.array(errors), np.array(votes)
        return last_given * (sample_weight.sum() / last_given.sum())

    def _scale(self, weights, sample_weight):
        """Scale `weights` from a sum of 1 to what the learner gets: the total of `sample_weight`.

        A tree sees no scale, so without source rows it gets the power of two next to that total:
        this changes no bit, and the tree is AdaBoost's own, down to the ties between splits.
        """
        if self._has_source:
            return boosting.steady_weights(weights, sample_weight)
        total = sample_weight.sum()
        if type(self.estimator_) is DecisionTreeClassifier:
            total = 2.0 ** np.rint(np.log2(total))
        return total * weights

    def _learner(self):
        """The learner, not yet cloned."""
        return DecisionTreeClassifier(max_depth=3) if self.estimator is None else self.estimator

    def _input_rules(self):
        """How `X` is validated: once, to what trees want, and for others as it comes."""
        learner = self._learner()
        return {
            "accept_sparse": "csr",
            "dtype": np.float32 if _is_tree(learner) else None,
            "ensure_all_finite": "allow-nan" if get_tags(learner).input_tags.allow_nan else True,
        }

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        learner_tags = get_tags(self._learner())
        tags.input_tags.sparse = learner_tags.input_tags.sparse
        tags.input_tags.allow_nan = learner_tags.input_tags.allow_nan
        tags.classifier_tags.multi_class = self.algorithm != "dai2007"
        return tags


def _is_tree(estimator):
    """Tell whether the learner turns `X` into 32-bit floating point (and into columns to fit)."""
    return isinstance(estimator, BaseDecisionTree)


def _classes_for(algorithm, y):
    """Give the classes of `y`, or raise ValueError when the algorithm does not take so many."""
    classes = np.unique(y)
    if algorithm == "dai2007" and len(classes) > 2:
        raise ValueError(
            "Only binary classification is supported by algorithm='dai2007', but y has "
            f"{len(classes)} classes; pass algorithm='samme' or 'auto'."
        )
    return classes
