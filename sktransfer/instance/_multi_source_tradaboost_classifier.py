"""MultiSourceTrAdaBoost: each round boosts the source that helps the target most."""

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

    MultiSourceTrAdaBoost [1]_. In each round one candidate is fitted for each source, on the rows
    of that source and of the target. The candidate with the least error on the target rows is kept.
    A target row that it misclassifies gains weight, and a source row that it misclassifies loses
    weight. All rounds vote. Without source rows it is AdaBoost.

    It helps if sources differ in their similarity to the target and it is not known which ones are
    similar. A misleading source is not chosen, while `TrAdaBoostClassifier` pools all sources. It
    hurts if target rows are so few that their error cannot distinguish sources: boosting stops as
    soon as the error reaches zero, even by chance. It also hurts if sources are many and small, so
    that only all of them together would be enough. A round costs one fit per source.

    Parameters
    ----------
    estimator : classifier, default=None
        The base estimator of a round. Its `fit` takes `sample_weight`. The last step of a Pipeline
        may take it (if metadata routing is on, request it there). None is a
        ``DecisionTreeClassifier`` of depth 3, or of depth ``ceil(log2(K)) + 1`` for more than four
        classes, because a shallow tree has fewer leaves than classes.
    n_estimators : int, default=50
        The maximum number of rounds, M in the formulas. An error of 0 on target rows ends the
        rounds.
    learning_rate : float, default=1.0
        Multiplies ``ln beta_t``, which sets the step of the target's weights and the vote. The
        paper uses 1.0.
    negligible_weight : float, default=0.0
        In each fit, and in this fit only, the lightest source rows get weight 0. Their total is at
        most this fraction of all weight, and a tree skips such rows. 0.0 is exact.
    random_state : int, RandomState instance or None, default=None
        Seeds every `random_state` inside the base estimator, with a new seed for each candidate.
        None draws fresh entropy and keeps the seeds of `estimator`.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes of all training rows. A class may occur in only one domain.
    estimator_ : classifier
        The base estimator, which is cloned for each candidate.
    estimators_ : list of classifiers
        The fitted base estimators of the rounds that were kept; their labels are those of
        `classes_`.
    estimator_sources_ : ndarray of shape (n_rounds,), dtype str
        The source whose candidate each round kept; ``"target"`` if there is no source.
    estimator_weights_ : ndarray of shape (n_rounds,), dtype float64
        ``-learning_rate * ln beta_t``, the weight of each round's vote, twice the paper's alpha_t.
        A last round without error counts as having error ``min(1 / (2 m + 2), least e_t / 2)`` with
        m target rows. No other round then outvotes it. 1.0 if it is the only round.
    estimator_errors_ : ndarray of shape (n_rounds,), dtype float64
        The weighted error of each round on the target rows.
    candidate_errors_ : ndarray of shape (n_rounds, n_sources), dtype float64
        The weighted error of each candidate on the target rows, in the order of `source_domains_`;
        one column if there is no source.
    sample_weight_ : ndarray of shape (n_samples,), dtype float64
        The weights of the rows of `X` in the last round that was kept, which show the remaining
        source rows. Their sum is that of `sample_weight`; 0 for a row that was left out.
    source_domains_ : tuple of str
        The names of the source domains in `fit`.
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
    TrAdaBoostClassifier : Pools all source rows.
    MultiViewTrAdaBoostClassifier : Fits one base estimator for each of several groups of columns.
    TaskTrAdaBoostClassifier : Chooses among estimators of the sources, which is much faster.

    Notes
    -----
    With K classes, M rounds and ``n_S`` source rows in all, all rows start with the same weight
    (times `sample_weight`). Round t does the following:

    - fit ``h_k`` on source k and the target, for each k; keep ``h_t``, the candidate of least ``e_t
      = sum(w [h_k != c]) / sum(w)`` over target rows (the first by name, among equals);
    - ``beta_t = e_t / ((1 - e_t) (K - 1))``, ``beta = 1 / (1 + sqrt(2 ln(n_S) / M))``;
    - ``w *= beta_t ** -[h_t != c]`` on target rows, ``w *= beta ** [h_t != c]`` on the rows of all
      sources;
    - an error of 0 ends the rounds after this one, an error of ``1 - 1/K`` or more before it.

    These are [1]_'s ``exp(alpha_t |h - y|)`` and ``exp(-alpha_S |h - y|)`` with labels -1 and 1,
    ``alpha_t = -ln(beta_t) / 2`` and ``alpha_S = -ln(beta) / 2``. The extension to more than two
    classes is that of `TrAdaBoostClassifier`. The paper does not specify the initial weights. If
    the few target rows together had the weight of a source, as in TrAdaBoost, every candidate would
    follow them. The candidate of an unrelated source would follow them most, and the least error on
    the target would choose that source. With one source of as many rows as the target it is
    TrAdaBoost in which all rounds vote. A weight of k is k repetitions of the row. Rows of weight 0
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
            _Part(X, self._candidate_rows, is_source, rows)
            for rows in ((codes == k) | ~is_source for k in range(len(names)))
        ]
        n_learners = self.n_estimators * len(parts) * self._n_learners
        learners = self._clones(n_learners, generator(self.random_state))
        chosen, candidates = [], []
        X_all = self._rows_to_predict(X)
        X_target = self._rows_to_predict(_safe_indexing(X, ~is_source))

        def fit_round(weights):
            fitted = [self._fit_part(learners, p, y, weights, sample_weight) for p in parts]
            given = self._scale(weights, sample_weight)
            missed = [self._mistakes(each, X_target, y[~is_source]) for each in fitted]
            errors = [np.average(each, weights=given[~is_source]) for each in missed]
            candidates.append(errors)
            chosen.append(boosting.first_least(errors))
            kept = fitted[chosen[-1]]
            return kept, self._mistakes(kept, X_all, y), given

        weights = boosting.initial_weights(sample_weight, np.zeros(len(y), dtype=bool))
        kept = self._run_transfer(fit_round, weights, is_source, sample_weight)
        n_rounds = len(kept.learners)
        self.estimator_sources_ = names[chosen[:n_rounds]]
        self.candidate_errors_ = np.array(candidates[:n_rounds])
        return self._keep(kept, sample_weight)

    def _fit_part(self, learners, part, y, weights, sample_weight):
        """Fit a candidate on its rows, with weights that sum to the total weight of these rows."""
        own = weights[part.rows]
        total = 1.0 if part.is_whole else own.sum()  # so that one source is TrAdaBoost, bit by bit
        given = self._scale(own / total, sample_weight[part.rows])
        return self._fit_candidate(learners, part.X, y[part.rows], given, part.is_source)

    # A candidate is one base estimator; with views it is one for each view.
    _n_learners = 1

    def _candidate_rows(self, X):
        """Return the rows on which a candidate is fitted, as `_fit_candidate` takes them."""
        return self._for_fits(X)

    def _rows_to_predict(self, X):
        """Return rows as `_mistakes` takes them."""
        return X

    def _fit_candidate(self, learners, X, y, weights, is_source):
        """Fit the next of the clones in `learners`."""
        return self._fit_learner(next(learners), X, y, weights, is_source)

    def _mistakes(self, candidate, X, y):
        """Return for each row whether the candidate is wrong, or the degree to which it is."""
        return candidate.predict(X) != y


class _Part:
    """The rows of one source and of the target, on which a candidate is fitted."""

    def __init__(self, X, convert, is_source, rows):
        self.rows, self.is_whole = rows, rows.all()
        self.X = convert(X if self.is_whole else _safe_indexing(X, rows))
        self.is_source = is_source[rows]
