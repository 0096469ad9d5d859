"""TaskTrAdaBoost: boosting on the target over learners that were boosted on the sources."""

from dataclasses import replace
from numbers import Real

import numpy as np

from sktransfer._domains import TARGET
from sktransfer._kernels import boosting
from sktransfer._messages import shown, warn
from sktransfer._random import generator
from sktransfer._sklearn import Interval, _safe_indexing
from sktransfer.exceptions import TransferWarning
from sktransfer.instance._base_tradaboost_classifier import _BaseTrAdaBoostClassifier
from sktransfer.instance._rounds import Rounds


class TaskTrAdaBoostClassifier(_BaseTrAdaBoostClassifier):
    """Collect learners by AdaBoost on each source, and choose among them by AdaBoost on the target.

    TaskTrAdaBoost [1]_. In the first phase AdaBoost runs on each source alone, and its learners are
    collected, but for those that barely beat chance there. In the second phase AdaBoost runs on the
    target rows, and in each round the learner is not fitted, but chosen among the collected ones:
    that of the least weighted error, each once at most. With two classes, a learner that is mostly
    wrong on the target is turned round: it votes for the other class. Source rows themselves are
    not weighted by the target. With no source row it is AdaBoost, and so it is where no learner is
    collected (see `pool_`).

    It helps where target rows are very few: nothing is fitted to them, they only choose and weigh.
    The second phase costs next to nothing. It hurts where the target's rule is no combination of
    what the sources teach, where a handful of target rows turns learners of an unrelated source
    round by luck (see `flip`), and where target rows would be enough to learn
    from: then they should take part in the fits, as in `MultiSourceTrAdaBoostClassifier`.

    Parameters
    ----------
    estimator : classifier, default=None
        The learner of a round of the first phase. Its `fit` takes `sample_weight`; a Pipeline's
        last step does (when metadata routing is on, request it there). None is a
        ``DecisionTreeClassifier`` of depth 3, or of depth ``ceil(log2(K)) + 1`` for more than four
        classes: a shallow tree has fewer leaves than classes.
    n_estimators : int, default=50
        The most rounds, M in the paper: on each source, and on the target, where there are no more
        than learners were collected.
    threshold : float, default=0.0
        The paper's gamma: a learner is collected when ``alpha = -ln(beta_t) / 2`` on its source is
        above it. 0.5 stands for an error of about 0.27, with two classes. One without error is
        always collected.
    flip : bool, default=True
        With two classes: whether a learner that errs on more than half of the weight of the target
        rows may be chosen, turned round, as in the paper. False: such a learner is of no use, which
        is the safer choice for a dozen target rows and sources of which some are unrelated.
    learning_rate : float, default=1.0
        Multiplies ``ln beta_t``: the step of the weights, and the vote. 1.0 is the paper.
    random_state : int, RandomState instance or None, default=None
        Seeds every `random_state` inside the learner, again in each round. None draws fresh entropy
        and keeps the seeds that `estimator` has.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes of all training rows. One that no source has is never predicted.
    estimator_ : classifier
        The learner that is cloned in each round of the first phase.
    estimators_ : list of classifiers
        The learner that each round on the target chose, no learner twice.
    estimator_flipped_ : ndarray of shape (n_rounds,), dtype bool
        Whether each of them was turned round: its vote is for the class that it does not predict.
        False with more than two classes, without `flip`, and where it is plain AdaBoost.
    estimator_sources_ : ndarray of shape (n_rounds,), dtype str
        The source that each of them comes from; ``"target"`` where it is plain AdaBoost.
    estimator_weights_ : ndarray of shape (n_rounds,), dtype float64
        ``-learning_rate * ln beta_t``, the weight of each round's vote, twice the paper's alpha_t.
        A last round without error counts as one of error ``min(1 / (2 m + 2), least e_t / 2)``
        with m target rows, so that no other round outvotes it. 1.0 for the only round.
    estimator_errors_ : ndarray of shape (n_rounds,), dtype float64
        The weighted error of each round on the target rows.
    pool_ : list of classifiers
        What the first phase collected; empty without a source, or where nothing beat `threshold`.
    pool_sources_ : ndarray of shape (n_pool,), dtype str
        The source of each collected learner.
    sample_weight_ : ndarray of shape (n_samples,), dtype float64
        The weights of the target rows of `X` in the last round that was kept; 0 for source rows.
        Their sum is that of `sample_weight`.
    source_domains_ : tuple of str
        The names of the source domains in `fit`.
    n_features_in_ : int
        Number of features in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, where `X` has them.

    Warns
    -----
    TransferWarning
        If the first round is no better than chance: the ensemble is that one learner. Also if no
        learner was collected from the sources.

    See Also
    --------
    MultiSourceTrAdaBoostClassifier : Source rows and target rows in each fit.

    Notes
    -----
    With K classes, both phases start with equal weights (times `sample_weight`), and a round does
    ``e_t = sum(w [h_t != c]) / sum(w)``, ``beta_t = e_t / ((1 - e_t) (K - 1))`` and
    ``w *= beta_t ** -[h_t != c]``, which for K = 2 is the paper's ``w *= exp(-alpha_t y h_t)`` but
    for a factor common to all rows. In the second phase ``h_t`` is the learner of least ``e_t``
    among those left in the pool, which it then leaves; with labels -1 and 1, one of an error above
    1/2 stands there as ``-h``. Of equals, one that is not turned round comes first, then the first
    source by name and the first round. It ends with the pool, or where no learner beats chance on
    the weighted rows. More than two classes are an extension: there ``-h`` means nothing, and no
    learner is turned round. A source whose rows are all of one class tells no classes apart, and is
    left out. Rows of weight 0 and rows without a label (NaN, None, ``pandas.NA``) are left out.

    Each source, and then each round, is a task for scikit-learn's callbacks, such as
    :class:`~sklearn.callback.ProgressBar`, and a callback may stop the fit after a round.

    References
    ----------
    .. [1] Y. Yao, G. Doretto, "Boosting for Transfer Learning with Multiple Sources", CVPR 2010.
       https://doi.org/10.1109/CVPR.2010.5539857

    Examples
    --------
    >>> import numpy as np
    >>> from sktransfer import TaskTrAdaBoostClassifier
    >>> X = np.concatenate([np.arange(10.0), np.arange(10.0), [1.0, 5.0, 8.0]])[:, None]
    >>> y = np.concatenate([np.arange(10) > 5, np.arange(10) > 1, [False, False, True]])
    >>> sample_domain = ["near"] * 10 + ["far"] * 10 + ["target"] * 3
    >>> model = TaskTrAdaBoostClassifier(random_state=0).fit(X, y, sample_domain=sample_domain)
    >>> model.predict([[4.0], [7.0]]), model.estimator_sources_
    (array([False,  True]), array(['near'], dtype='<U4'))
    """

    _parameter_constraints: dict = {
        **_BaseTrAdaBoostClassifier._parameter_constraints,
        "threshold": [Interval(Real, 0, None, closed="left")],
        "flip": ["boolean"],
    }

    def __init__(
        self,
        estimator=None,
        *,
        n_estimators=50,
        threshold=0.0,
        flip=True,
        learning_rate=1.0,
        random_state=None,
    ):
        self.estimator = estimator
        self.n_estimators = n_estimators
        self.threshold = threshold
        self.flip = flip
        self.learning_rate = learning_rate
        self.random_state = random_state

    @property
    def _needs(self):
        return replace(super()._needs, every_source=True)

    def _boost(self, X, y, sample_weight, codes):
        rng = generator(self.random_state)
        self.pool_, sources = [], []
        for k, name in self._tasks("source", enumerate(self.source_domains_)):
            learners = self._collect(X, y, sample_weight, np.flatnonzero(codes == k), rng)
            self.pool_ += learners
            sources += [name] * len(learners)
        self.pool_sources_ = np.array(sources, dtype=str)
        is_target = codes < 0
        rows = _safe_indexing(X, is_target), y[is_target], sample_weight[is_target]
        if self.pool_:
            rounds, chosen, self.estimator_flipped_ = self._choose(*rows)
            self.estimator_sources_ = self.pool_sources_[chosen]
        else:
            self._warn_of_empty_pool()
            rounds = self._plain(*rows, rng, watched=True)
            self.estimator_flipped_ = np.zeros(len(rounds.learners), dtype=bool)
            self.estimator_sources_ = np.full(len(rounds.learners), TARGET)
        weights = np.zeros(len(y))
        weights[is_target] = self._keep(rounds, rows[2])
        return weights * (sample_weight.sum() / weights.sum())

    def _warn_of_empty_pool(self):
        if self.source_domains_:
            warn(
                "TaskTrAdaBoostClassifier collected no learner from the sources "
                f"{shown(list(self.source_domains_))}: none has alpha above "
                f"threshold={self.threshold!r}, or a source has one class alone. The model is "
                "AdaBoost on the target rows. Lower threshold, or pass an estimator that fits the "
                "sources better.",
                TransferWarning,
            )

    def _plain(self, X, y, sample_weight, rng, *, watched):
        """Run AdaBoost on rows of one domain, with learners fitted in each round."""
        learners = self._clones(self.n_estimators, rng)
        return self._adaboost(X, y, sample_weight, learners, watched=watched)

    def _collect(self, X, y, sample_weight, rows, rng):
        """Run the first phase on one source; give the learners whose alpha is above `threshold`."""
        if (y[rows] == y[rows[0]]).all():
            return []
        rounds = self._plain(
            _safe_indexing(X, rows), y[rows], sample_weight[rows], rng, watched=False
        )
        n_classes = len(self.classes_)
        return [
            learner
            for learner, error in zip(rounds.learners, rounds.errors, strict=True)
            if boosting.alpha(error, n_classes=n_classes) > self.threshold
        ]

    def _choose(self, X, y, sample_weight):
        """Run the second phase on the target.

        Gives the rounds, the positions chosen, and which of these learners are turned round.
        """
        n_pool = len(self.pool_)
        mistakes = np.array([learner.predict(X) != y for learner in self.pool_])
        if self.flip and len(self.classes_) == 2:
            mistakes = np.concatenate([mistakes, ~mistakes])
        left, chosen = np.arange(len(mistakes)), []

        def fit_round(weights):
            nonlocal left
            chosen.append(left[boosting.first_least(mistakes[left] @ weights)])
            position = chosen[-1] % n_pool
            left = left[left % n_pool != position]
            return self.pool_[position], mistakes[chosen[-1]], weights

        none = np.zeros(len(y), dtype=bool)
        weights = boosting.initial_weights(sample_weight, none)
        rounds = Rounds()

        def positions():
            return np.array(chosen[: len(rounds.learners)])

        numbers = self._rounds(
            rounds,
            min(self.n_estimators, n_pool),
            estimator_flipped_=lambda: positions() >= n_pool,
        )
        self._run(
            fit_round, weights, none, kept=rounds, numbers=numbers, n_target=sample_weight.sum()
        )
        return rounds, positions() % n_pool, positions() >= n_pool

    def _votes(self, X, first):
        flipped = self.estimator_flipped_[first:]
        for votes, is_flipped in zip(super()._votes(X, first), flipped, strict=True):
            yield 1 - votes if is_flipped else votes
