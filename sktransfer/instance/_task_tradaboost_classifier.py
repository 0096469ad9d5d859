"""TaskTrAdaBoost: boosting on the target over estimators that were boosted on the sources."""

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
    """Collect estimators by AdaBoost on each source, and choose among them by AdaBoost on the
    target.

    TaskTrAdaBoost [1]_. In the first phase AdaBoost runs on each source alone, and its estimators
    are collected, except those that barely beat chance there. In the second phase AdaBoost runs on
    the target rows. No estimator is fitted there: each round chooses the one of least weighted
    error among the collected ones, each at most once. With two classes, an estimator that is mostly
    wrong on the target is inverted, so that it votes for the other class. The target does not
    reweight source rows. Without source rows it is AdaBoost, and also if no estimator is collected
    (see `pool_`).

    It helps if target rows are very few: nothing is fitted to them, and they only choose and weight
    estimators. The second phase costs almost nothing. It hurts if the target's rule is no
    combination of the rules of the sources. It also hurts if a handful of target rows inverts
    estimators of an unrelated source by chance (see `flip`). If there are enough target rows to
    learn from, they should take part in the fits, as in `MultiSourceTrAdaBoostClassifier`.

    Parameters
    ----------
    estimator : classifier, default=None
        The base estimator of a round of the first phase. Its `fit` takes `sample_weight`. The last
        step of a Pipeline may take it (if metadata routing is on, request it there). None is a
        ``DecisionTreeClassifier`` of depth 3, or of depth ``ceil(log2(K)) + 1`` for more than four
        classes, because a shallow tree has fewer leaves than classes.
    n_estimators : int, default=50
        The maximum number of rounds, M in the paper, on each source and on the target. On the
        target there are no more rounds than collected estimators.
    threshold : float, default=0.0
        The paper's gamma: an estimator is collected if ``alpha = -ln(beta_t) / 2`` on its source is
        above it. 0.5 corresponds to an error of about 0.27, with two classes. An estimator without
        error is always collected.
    flip : bool, default=True
        With two classes: whether an estimator that errs on more than half of the weight of the
        target rows may be chosen and inverted. The paper does so. False: it is never chosen, which
        is safer with a dozen target rows and possibly unrelated sources.
    learning_rate : float, default=1.0
        Multiplies ``ln beta_t``, which sets the step of the weights and the vote. The paper uses
        1.0.
    random_state : int, RandomState instance or None, default=None
        Seeds every `random_state` inside the base estimator, with a new seed in each round. None
        draws fresh entropy and keeps the seeds of `estimator`.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes of all training rows. A class that no source has is never predicted.
    estimator_ : classifier
        The base estimator, which is cloned in each round of the first phase.
    estimators_ : list of classifiers
        The estimator that each round on the target chose; no estimator occurs twice.
    estimator_flipped_ : ndarray of shape (n_rounds,), dtype bool
        Whether each of them was inverted, so that it votes for the class that it does not predict.
        False with more than two classes, without `flip`, and if the result is plain AdaBoost.
    estimator_sources_ : ndarray of shape (n_rounds,), dtype str
        The source of each of them; ``"target"`` if the result is plain AdaBoost.
    estimator_weights_ : ndarray of shape (n_rounds,), dtype float64
        ``-learning_rate * ln beta_t``, the weight of each round's vote, twice the paper's alpha_t.
        A last round without error counts as having error ``min(1 / (2 m + 2), least e_t / 2)`` with
        m target rows. No other round then outvotes it. 1.0 if it is the only round.
    estimator_errors_ : ndarray of shape (n_rounds,), dtype float64
        The weighted error of each round on the target rows.
    pool_ : list of classifiers
        The estimators collected in the first phase; empty without a source, or if none is above
        `threshold`.
    pool_sources_ : ndarray of shape (n_pool,), dtype str
        The source of each collected estimator.
    sample_weight_ : ndarray of shape (n_samples,), dtype float64
        The weights of the target rows of `X` in the last round that was kept; 0 for source rows.
        Their sum is that of `sample_weight`.
    source_domains_ : tuple of str
        The names of the source domains in `fit`.
    n_features_in_ : int
        Number of features in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features. Defined only if all feature names of `X` are strings.

    Warns
    -----
    TransferWarning
        If the first round is no better than chance: the ensemble is then that one estimator. Also
        if no estimator was collected from the sources.

    See Also
    --------
    MultiSourceTrAdaBoostClassifier : Uses source rows and target rows in each fit.

    Notes
    -----
    With K classes, both phases start with equal weights (times `sample_weight`). A round computes
    ``e_t = sum(w [h_t != c]) / sum(w)``, ``beta_t = e_t / ((1 - e_t) (K - 1))`` and ``w *= beta_t
    ** -[h_t != c]``. For K = 2 this is the paper's ``w *= exp(-alpha_t y h_t)``, up to a common
    factor of all rows. In the second phase ``h_t`` is the estimator of least ``e_t`` among those
    left in the pool, from which it is then removed. With labels -1 and 1, an estimator of an error
    above 1/2 is replaced by ``-h``. Among equals, one that is not inverted comes first, then the
    first source by name and the first round. The phase ends if the pool is empty or no estimator
    beats chance on the weighted rows. The paper has two classes. With more, ``-h`` has no meaning,
    and no estimator is inverted. A source whose rows all have one class is left out. Rows of weight
    0 and rows without a label (NaN, None, ``pandas.NA``) are left out.

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
        """Run AdaBoost on rows of one domain, with a fit in each round."""
        learners = self._clones(self.n_estimators, rng)
        return self._adaboost(X, y, sample_weight, learners, watched=watched)

    def _collect(self, X, y, sample_weight, rows, rng):
        """Run the first phase on one source; return the estimators whose alpha is above
        `threshold`."""
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

        Returns the rounds, the positions chosen, and the estimators that are inverted.
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
