"""MultiSourceTrAdaBoost: in each round the source that helps the target most is boosted with it."""

from dataclasses import replace
from numbers import Real

import numpy as np

from sktransfer._domains import TARGET
from sktransfer._kernels import boosting
from sktransfer._random import generator
from sktransfer._sklearn import Interval, _safe_indexing
from sktransfer.instance._base_tradaboost_classifier import _BaseTrAdaBoostClassifier


class MultiSourceTrAdaBoostClassifier(_BaseTrAdaBoostClassifier):
    """Boost on target rows and, in each round, on the source that helps them most.

    MultiSourceTrAdaBoost [1]_. In each round one candidate learner a source is fitted, on the rows
    of that source and of the target; the candidate that errs least on the target rows is kept. A
    target row that it gets wrong gains weight, and a row of any source that it gets wrong loses
    weight. All rounds vote. With no source row it is AdaBoost.

    It helps where sources differ in how near they are to the target, and it is not known which is
    near: a source that misleads is not chosen, where `TrAdaBoostClassifier` pools all. It hurts
    where target rows are so few that their error cannot tell sources apart (a candidate without
    error on them ends the rounds, be it by luck), and where sources are many and small, so that
    only together they would teach. It costs as many fits a round as there are sources.

    Parameters
    ----------
    estimator : classifier, default=None
        The learner of a round. Its `fit` takes `sample_weight`; a Pipeline's last step does (when
        metadata routing is on, request it there). None is a
        ``DecisionTreeClassifier`` of depth 3, or of depth ``ceil(log2(K)) + 1`` for more than four
        classes: a shallow tree has fewer leaves than classes.
    n_estimators : int, default=50
        The most rounds, M in the formulas. An error of 0 on target rows ends the rounds.
    learning_rate : float, default=1.0
        Multiplies ``ln beta_t``: the step of the target's weights, and the vote. 1.0 is the paper.
    negligible_weight : float, default=0.0
        In each fit, the lightest source rows that hold no more than this share of all its weight
        get weight 0 (and only there): a tree skips such rows. 0.0 is exact.
    random_state : int, RandomState instance or None, default=None
        Seeds every `random_state` inside the learner, again for each candidate. None draws fresh
        entropy and keeps the seeds that `estimator` has.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes of all training rows: a class may come from one domain alone.
    estimator_ : classifier
        The learner that is cloned for each candidate.
    estimators_ : list of classifiers
        The learners of the rounds that were kept; they speak of the same labels as `classes_`.
    estimator_sources_ : ndarray of shape (n_rounds,), dtype str
        The source whose candidate each round kept; ``"target"`` where there is no source.
    estimator_weights_ : ndarray of shape (n_rounds,), dtype float64
        ``-learning_rate * ln beta_t``, the weight of each round's vote, twice the paper's alpha_t.
        A last round without error counts as one of error ``min(1 / (2 m + 2), least e_t / 2)``
        with m target rows, so that no other round outvotes it. 1.0 for the only round.
    estimator_errors_ : ndarray of shape (n_rounds,), dtype float64
        The weighted error of each round on the target rows.
    candidate_errors_ : ndarray of shape (n_rounds, n_sources), dtype float64
        The weighted error of each candidate on the target rows, in the order of `source_domains_`;
        of a single column where there is no source.
    sample_weight_ : ndarray of shape (n_samples,), dtype float64
        The weights of the rows of `X` in the last round that was kept: which source rows survived.
        Their sum is that of `sample_weight`; 0 for a row that was left out.
    source_domains_ : tuple of str
        The names of the source domains in `fit`.
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
    TrAdaBoostClassifier : All source rows in one pool.
    TaskTrAdaBoostClassifier : Learners of the sources, chosen for the target: much quicker.

    Notes
    -----
    With K classes, M rounds and ``n_S`` source rows in all, all rows weigh the same at the start
    (times `sample_weight`), and round t does

    - fit ``h_k`` on source k and the target, for each k; keep ``h_t``, the one of least
      ``e_t = sum(w [h_k != c]) / sum(w)`` over target rows (of equals, the first by name);
    - ``beta_t = e_t / ((1 - e_t) (K - 1))``, ``beta = 1 / (1 + sqrt(2 ln(n_S) / M))``;
    - ``w *= beta_t ** -[h_t != c]`` on target rows, ``w *= beta ** [h_t != c]`` on the rows of all
      sources;
    - an error of 0 ends the rounds after this one, an error of ``1 - 1/K`` or more before it.

    These are [1]_'s ``exp(alpha_t |h - y|)`` and ``exp(-alpha_S |h - y|)`` with labels -1 and 1,
    ``alpha_t = -ln(beta_t) / 2`` and ``alpha_S = -ln(beta) / 2``. More than two classes are an
    extension, that of `TrAdaBoostClassifier`. The paper leaves the weights at the start open. Were
    the few target rows to weigh as much as a source, as in TrAdaBoost, every candidate would follow
    them, most of all the one whose source has nothing to say there, and the least error on the
    target would choose the unrelated source. With one source of as many rows as the target it is
    TrAdaBoost in which all rounds vote. A weight of k is k repetitions of the row; rows of weight 0
    and rows without a label (NaN, None, ``pandas.NA``) are left out.

    Each round is a task for scikit-learn's callbacks, such as
    :class:`~sklearn.callback.ProgressBar`, and a callback may stop the fit after it.

    References
    ----------
    .. [1] Y. Yao, G. Doretto, "Boosting for Transfer Learning with Multiple Sources", CVPR 2010.
       https://doi.org/10.1109/CVPR.2010.5539857

    Examples
    --------
    >>> import numpy as np
    >>> from sktransfer import MultiSourceTrAdaBoostClassifier
    >>> X = np.tile(np.arange(10.0), 3)[:, None]
    >>> y = np.concatenate([np.arange(10) > 5, np.arange(10) < 5, np.arange(10) > 4])
    >>> sample_domain = ["near"] * 10 + ["contrary"] * 10 + ["target"] * 10
    >>> model = MultiSourceTrAdaBoostClassifier(random_state=0)
    >>> model.fit(X, y, sample_domain=sample_domain).estimator_sources_[0]
    np.str_('near')
    """

    _parameter_constraints: dict = {
        **_BaseTrAdaBoostClassifier._parameter_constraints,
        "negligible_weight": [Interval(Real, 0, 1, closed="left")],
    }

    def __init__(
        self,
        estimator=None,
        *,
        n_estimators=50,
        learning_rate=1.0,
        negligible_weight=0.0,
        random_state=None,
    ):
        self.estimator = estimator
        self.n_estimators = n_estimators
        self.learning_rate = learning_rate
        self.negligible_weight = negligible_weight
        self.random_state = random_state

    @property
    def _needs(self):
        return replace(super()._needs, every_source=True)

    def _boost(self, X, y, sample_weight, codes):
        is_source = codes >= 0
        names = np.array(self.source_domains_ or (TARGET,))
        parts = [
            _Part(X, self._for_fits, is_source, rows)
            for rows in ((codes == k) | ~is_source for k in range(len(names)))
        ]
        learners = self._clones(self.n_estimators * len(parts), generator(self.random_state))
        chosen, candidates = [], []
        X_target = _safe_indexing(X, ~is_source)

        def fit_round(weights):
            fitted = [self._fit_part(next(learners), p, y, weights, sample_weight) for p in parts]
            given = self._scale(weights, sample_weight)
            missed = [learner.predict(X_target) != y[~is_source] for learner in fitted]
            errors = [np.average(each, weights=given[~is_source]) for each in missed]
            candidates.append(errors)
            chosen.append(boosting.first_least(errors))
            learner = fitted[chosen[-1]]
            return learner, learner.predict(X) != y, given

        weights = boosting.initial_weights(sample_weight, np.zeros(len(y), dtype=bool))
        kept = self._run_transfer(fit_round, weights, is_source, sample_weight)
        n_rounds = len(kept.learners)
        self.estimator_sources_ = names[chosen[:n_rounds]]
        self.candidate_errors_ = np.array(candidates[:n_rounds])
        return self._keep(kept, sample_weight)

    def _fit_part(self, learner, part, y, weights, sample_weight):
        """Fit a candidate on its rows, with weights that sum to what these count."""
        own = weights[part.rows]
        total = 1.0 if part.is_whole else own.sum()  # so that one source is TrAdaBoost, bit by bit
        given = self._scale(own / total, sample_weight[part.rows])
        return self._fit_learner(learner, part.X, y[part.rows], given, part.is_source)


class _Part:
    """The rows of one source and of the target, as a learner is fitted on them."""

    def __init__(self, X, convert, is_source, rows):
        self.rows, self.is_whole = rows, rows.all()
        self.X = convert(X if self.is_whole else _safe_indexing(X, rows))
        self.is_source = is_source[rows]
