"""MultiViewTrAdaBoost: boosting of several sources with one base estimator for each view."""

from itertools import islice

import numpy as np

from sktransfer._kernels import boosting, boosting_votes
from sktransfer._sklearn import _safe_indexing
from sktransfer.instance._multi_source_tradaboost_classifier import MultiSourceTrAdaBoostClassifier
from sktransfer.instance._views import read_views


class MultiViewTrAdaBoostClassifier(MultiSourceTrAdaBoostClassifier):
    """Boost several sources with one base estimator for each view, a group of columns.

    In the spirit of multi-view transfer with AdaBoost [1]_ [2]_. In each round one candidate is
    fitted for each source: one base estimator for each view, on the rows of that source and of the
    target. The candidate with the least error on the target rows is kept. A row on which all views
    are wrong changes its weight fully, and a row on which they disagree only in part. All views of
    all rounds vote. With one view it is `MultiSourceTrAdaBoostClassifier`.

    It helps if target rows are few, each view says something about the class by itself, and views
    make different mistakes. Sensors that fail one at a time are an example. It hurts if the rule
    needs columns of different views together. It also hurts if one view says nothing about the
    class, because it has as many votes as each other view. With more target rows compare with a
    forest of these rows alone. A round costs one fit per source and view.

    Parameters
    ----------
    estimator : classifier, default=None
        The base estimator of a view in a round. Its `fit` takes `sample_weight`. The last step of a
        Pipeline may take it (if metadata routing is on, request it there). None is a
        ``DecisionTreeClassifier`` of depth 3, or of depth ``ceil(log2(K)) + 1`` for more than four
        classes.
    views : list of views, default=None
        Each view is a list of column names (`X` is then a data frame), a list of column positions,
        or a slice of positions. Views may share columns, and a column may be in no view. None: one
        view of all columns.
    n_estimators : int, default=50
        The maximum number of rounds, M in the formulas. An error of 0 on target rows ends the
        rounds.
    learning_rate : float, default=1.0
        Multiplies ``ln beta_t``, which sets the step of the target's weights and the vote.
    negligible_weight : float, default=0.0
        In each fit, and in this fit only, the lightest source rows get weight 0. Their total is at
        most this fraction of all weight, and a tree skips such rows. 0.0 is exact.
    random_state : int, RandomState instance or None, default=None
        Seeds every `random_state` inside the base estimator, with a new seed for each view of each
        candidate. None draws fresh entropy and keeps the seeds of `estimator`.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes of all training rows. A class may occur in only one domain.
    views_ : list of ndarray of shape (n_columns,), dtype int
        The positions of the columns of each view.
    estimator_ : classifier
        The base estimator, which is cloned for each view of each candidate.
    estimators_ : list of lists of classifiers
        For each round that was kept, the fitted base estimators of the views.
    estimator_sources_ : ndarray of shape (n_rounds,), dtype str
        The source whose candidate each round kept; ``"target"`` if there is no source.
    estimator_weights_ : ndarray of shape (n_rounds,), dtype float64
        ``-learning_rate * ln beta_t``, the weight of each round's vote, which its views share
        equally. A last round without error counts as in `MultiSourceTrAdaBoostClassifier`.
    estimator_errors_ : ndarray of shape (n_rounds,), dtype float64
        The error of each round on the weighted target rows, the mean error of its views.
    candidate_errors_ : ndarray of shape (n_rounds, n_sources), dtype float64
        The same for each candidate, in the order of `source_domains_`; one column if there is no
        source.
    sample_weight_ : ndarray of shape (n_samples,), dtype float64
        The weights of the rows of `X` in the last round that was kept. Their sum is that of
        `sample_weight`; 0 for a row that was left out.
    source_domains_ : tuple of str
        The names of the source domains in `fit`.
    n_features_in_ : int
        Number of features in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features. Defined only if all feature names of `X` are strings.

    Raises
    ------
    ValueError
        If `views` is empty, or if two views have the same columns. If a view is empty, has a column
        twice or has one that `X` lacks. If a view has names and `X` has none.

    Warns
    -----
    TransferWarning
        If the first round is no better than chance: the ensemble is then that one round.

    See Also
    --------
    MultiSourceTrAdaBoostClassifier : One view of all columns.
    TrAdaBoostClassifier : Pools all source rows.

    Notes
    -----
    With K classes, V views, M rounds and ``n_S`` source rows in all, all rows start with the same
    weight (times `sample_weight`). Round t does the following:

    - fit ``h_kv`` on the columns of view v, source k and the target, for each k and v;
    - ``m_k(x) = mean_v [h_kv(x) != c]``, the share of views that are wrong; keep the candidate
      ``m_t`` of least ``e_t = sum(w m_k) / sum(w)`` over target rows (the first by name, among
      equals);
    - ``beta_t = e_t / ((1 - e_t) (K - 1))``, ``beta = 1 / (1 + sqrt(2 ln(n_S) / M))``;
    - ``w *= beta_t ** -m_t`` on target rows, ``w *= beta ** m_t`` on the rows of all sources;
    - an error of 0 ends the rounds after this one, an error of ``1 - 1/K`` or more before it.

    A class gets ``-ln beta_t / V`` from each view that chooses it.

    The papers' part is the setting: several sources, one learner for each view and round, and the
    agreement of the views in the weights. The formula of agreement is ours, and it was not compared
    with the papers'. It is the error ``|h - c|`` of AdaBoost and TrAdaBoost for a hypothesis h in
    [0, 1]. Here h is the mean vote of the views, in the rounds of
    `MultiSourceTrAdaBoostClassifier`.

    Each round is a task for scikit-learn's callbacks, and a callback may stop the fit after it.

    References
    ----------
    .. [1] Z. Xu, S. Sun, "Multi-view Transfer Learning with AdaBoost", ICTAI 2011.
    .. [2] Z. Xu, S. Sun, "Multi-source Transfer Learning with Multi-view AdaBoost", ICONIP 2012.

    Examples
    --------
    >>> import numpy as np
    >>> from sktransfer import MultiViewTrAdaBoostClassifier
    >>> X = np.tile(np.arange(10.0), (2, 3)).T
    >>> y = np.concatenate([np.arange(10) > 5, np.arange(10) < 5, np.arange(10) > 4])
    >>> sample_domain = ["near"] * 10 + ["contrary"] * 10 + ["target"] * 10
    >>> model = MultiViewTrAdaBoostClassifier(views=[[0], [1]], random_state=0)
    >>> model.fit(X, y, sample_domain=sample_domain).estimator_sources_[0]
    np.str_('near')
    >>> len(model.estimators_[0])
    2
    """

    _parameter_constraints: dict = {
        **MultiSourceTrAdaBoostClassifier._parameter_constraints,
        "views": [list, tuple, None],
    }

    def __init__(
        self,
        estimator=None,
        *,
        views=None,
        n_estimators=50,
        learning_rate=1.0,
        negligible_weight=0.0,
        random_state=None,
    ):
        super().__init__(
            estimator,
            n_estimators=n_estimators,
            learning_rate=learning_rate,
            negligible_weight=negligible_weight,
            random_state=random_state,
        )
        self.views = views

    def _learn(self, rows):
        self.views_ = read_views(
            self.views,
            n_features=self.n_features_in_,
            names=getattr(self, "feature_names_in_", None),
        )
        super()._learn(rows)

    @property
    def _n_learners(self):
        return len(self.views_)

    def _candidate_rows(self, X):
        return self._rows_to_predict(self._for_fits(X))

    def _rows_to_predict(self, X):
        """Return the rows of each view."""
        if self.views is None:
            return [X]
        return [_safe_indexing(X, columns, axis=1) for columns in self.views_]

    def _fit_candidate(self, learners, X, y, weights, is_source):
        """Fit the next clones, one for each view."""
        return [self._fit_learner(next(learners), view, y, weights, is_source) for view in X]

    def _mistakes(self, candidate, X, y):
        """Return for each row the share of views that are wrong."""
        pairs = zip(candidate, X, strict=True)
        return boosting.mean_mistakes([learner.predict(view) != y for learner, view in pairs])

    def _vote_totals(self, X):
        return boosting_votes.vote_totals(*self._votes_of_views(X), n_classes=len(self.classes_))

    def _staged_vote_totals(self, X):
        n_views = len(self.views_)
        votes, weights = self._votes_of_views(X)
        totals = boosting_votes.staged_vote_totals(
            votes, weights, n_classes=len(self.classes_), transfer=False
        )
        return islice(totals, n_views - 1, None, n_views)

    def _voters(self):
        every = np.arange(self.n_features_in_)
        views = [None] if self.views is None else [every[columns] for columns in self.views_]
        for learners, weight in zip(self.estimators_, self.estimator_weights_, strict=True):
            for learner, columns in zip(learners, views, strict=True):
                yield learner, weight / len(views), columns

    def _votes_of_views(self, X):
        """Return the votes of all views, round by round, and their weights."""
        views = self._rows_to_predict(self._valid_new(X))
        votes = (
            np.searchsorted(self.classes_, learner.predict(view))
            for learners in self.estimators_
            for learner, view in zip(learners, views, strict=True)
        )
        return votes, np.repeat(self.estimator_weights_ / len(views), len(views))
