"""TrAdaBoost.R2: boosting for regression that trusts source rows less where they mislead."""

from numbers import Real

import numpy as np

from sktransfer._kernels import boosting
from sktransfer._random import generator
from sktransfer._sklearn import Interval
from sktransfer.instance._base_tradaboost_regressor import _BaseTrAdaBoostRegressor
from sktransfer.instance._rounds import Rounds, run_rounds


class TrAdaBoostRegressor(_BaseTrAdaBoostRegressor):
    """Boost a regressor on source and target rows, and drop the source rows that mislead.

    TrAdaBoost.R2 [1]_: AdaBoost.R2 [2]_ on rows of two kinds. In each round target rows gain weight
    by how far the learner is off on them, while source rows lose weight by it, because they seem to
    follow another rule than the target. The error that steers the rounds is measured on target
    rows alone, and only the last half of the rounds speaks, by a weighted median. With no source
    row it is AdaBoost.R2, and all rounds speak.

    It helps where target rows are few and part of the source rows follow the target's rule. It
    hurts where next to none does, and where source rows are so many that their worst error rules
    the scale of all: errors are relative to the greatest, so that one wild source row makes all
    others look alike. The rounds end with the first whose adjusted error on the target is one half;
    look at ``len(model.estimators_)``. `TwoStageTrAdaBoostRegressor` is the paper's own remedy.
    Compare with `estimator` fitted on all rows, and on target rows alone.

    Parameters
    ----------
    estimator : regressor, default=None
        The learner of a round. Its `fit` takes `sample_weight`, unless `bootstrap` is True; a
        Pipeline's last step does (when metadata routing is on, request it there). None is
        ``DecisionTreeRegressor(max_depth=3)``.
    n_estimators : int, default=50
        The most rounds, N in the formulas. A round without any mistake ends the rounds.
    learning_rate : float, default=1.0
        Multiplies ``ln beta_t``: the step of the target's weights, and the vote. 1.0 is the paper.
    loss : {"linear", "square", "exponential"}, default="linear"
        How an absolute error becomes an adjusted error between 0 and 1.
    bootstrap : bool, default=False
        Whether a round's learner gets rows drawn by their weights, as many as there are, instead of
        the weights. It then needs no `sample_weight`; without a source row this is
        ``sklearn.ensemble.AdaBoostRegressor``, number by number.
    negligible_weight : float, default=0.0
        In each round, the lightest source rows that hold no more than this share of all weight get
        weight 0 in the fit of the learner (and only there): a tree skips such rows. 0.0 is exact.
        Not used with `bootstrap`.
    random_state : int, RandomState instance or None, default=None
        Seeds every `random_state` inside the learner, again in each round, and the draws of
        `bootstrap`. None draws fresh entropy and keeps the seeds that `estimator` has.

    Attributes
    ----------
    estimator_ : regressor
        The learner that is cloned in each round.
    estimators_ : list of regressors
        The learners of the rounds that were kept.
    estimator_weights_ : ndarray of shape (n_rounds,), dtype float64
        ``-learning_rate * ln beta_t``, the weight of each round in the median, also of those in the
        first half, which do not speak. A round without error on the target counts as one of
        error ``min(1 / (2 m + 2), least e_t / 2)`` with m target rows. 1.0 for the only round.
    estimator_errors_ : ndarray of shape (n_rounds,), dtype float64
        The weighted mean of the adjusted errors of each round on the target rows.
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
    TwoStageTrAdaBoostRegressor : Source weights that go down in steps, chosen on the target.
    sklearn.ensemble.AdaBoostRegressor : The plain method, for rows of one domain.

    Notes
    -----
    With n source rows, m target rows and N rounds, weights start at ``1/n`` and ``1/m`` (times
    `sample_weight`), as for `TrAdaBoostClassifier`, and round t does

    - ``e_i = |y_i - h_t(x_i)| / max_j |y_j - h_t(x_j)|`` over all rows, its square, or
      ``1 - exp(-e_i)``;
    - ``e_t = sum(w e) / sum(w)`` over target rows; ``beta_t = e_t / (1 - e_t)``;
    - ``w *= beta_t ** -e`` on target rows; ``w *= beta ** e`` on source rows, with
      ``beta = 1 / (1 + sqrt(2 ln(n) / N))``;
    - ``e_t >= 1/2`` ends the rounds before this one. After ``e_t = 0`` they go on, as long as
      source rows have errors. Without a source ``e_t = 0`` ends the rounds, as in AdaBoost.R2.

    ``predict`` is the median of the ``h_t``, weighted by ``-ln beta_t``, over
    ``t = ceil(T/2) .. T``, with T the rounds that were kept. A row's weight is k for k repetitions
    of it; rows of weight 0 and rows without a label (NaN, None, ``pandas.NA``) are left out.

    Each round is a task for scikit-learn's callbacks, such as
    :class:`~sklearn.callback.ProgressBar`, and a callback may stop the fit after it.

    References
    ----------
    .. [1] D. Pardoe, P. Stone, "Boosting for Regression Transfer", ICML 2010.
       https://www.cs.utexas.edu/~pstone/Papers/bib2html/b2hd-ICML10-pardoe.html
    .. [2] H. Drucker, "Improving Regressors using Boosting Techniques", ICML 1997.
       https://dl.acm.org/doi/10.5555/645526.657132

    Examples
    --------
    The source holds two rules. The target's five rows tell which of them to believe:

    >>> import numpy as np
    >>> from sktransfer import TrAdaBoostRegressor
    >>> X = np.concatenate([np.linspace(0, 1, 40), np.linspace(0, 1, 5)])[:, None]
    >>> y = np.where(np.arange(45) % 2, 3.0, 1.0) * X[:, 0]  # odd rows: 3 x, even rows: x
    >>> y[40:] = 3 * X[40:, 0]
    >>> sample_domain = ["two shops"] * 40 + ["target"] * 5
    >>> model = TrAdaBoostRegressor(random_state=0).fit(X, y, sample_domain=sample_domain)
    >>> model.predict([[0.75]]).round(2)
    array([2.25])
    >>> TrAdaBoostRegressor(random_state=0).fit(X, y).predict([[0.75]]).round(2)  # one pool
    array([1.74])
    """

    _last_half_votes = True

    _parameter_constraints: dict = {
        **_BaseTrAdaBoostRegressor._parameter_constraints,
        "negligible_weight": [Interval(Real, 0, 1, closed="left")],
    }

    def __init__(
        self,
        estimator=None,
        *,
        n_estimators=50,
        learning_rate=1.0,
        loss="linear",
        bootstrap=False,
        negligible_weight=0.0,
        random_state=None,
    ):
        self.estimator = estimator
        self.n_estimators = n_estimators
        self.learning_rate = learning_rate
        self.loss = loss
        self.bootstrap = bootstrap
        self.negligible_weight = negligible_weight
        self.random_state = random_state

    def _boost(self, X, y, sample_weight, codes):
        is_source = codes >= 0
        rng = generator(self.random_state)
        beta = boosting.source_beta(sample_weight[is_source].sum(), n_rounds=self.n_estimators)

        def reweigh(weights, errors, vote):
            return boosting.reweight(
                weights, errors, is_source, log_source_beta=np.log(beta), vote=vote
            )

        learners = self._clones(self.n_estimators, rng)
        kept = Rounds()
        run_rounds(
            self._round(X, y, sample_weight, is_source, learners=learners, rng=rng),
            boosting.initial_weights(sample_weight, is_source),
            is_source,
            kept=kept,
            numbers=self._rounds(kept, self.n_estimators),
            n_classes=2,
            learning_rate=self.learning_rate,
            reweigh=reweigh,
            n_target=sample_weight[~is_source].sum() if self._has_source else None,
            goes_on=self._only_last_half(),
        )
        return self._keep(kept, sample_weight)
