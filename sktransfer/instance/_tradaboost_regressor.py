"""TrAdaBoost.R2: boosting for regression in which misleading source rows lose weight."""

from numbers import Real

import numpy as np

from sktransfer._kernels import boosting
from sktransfer._random import generator
from sktransfer._sklearn import Interval
from sktransfer.instance._base_tradaboost_regressor import _BaseTrAdaBoostRegressor
from sktransfer.instance._rounds import Rounds, run_rounds


class TrAdaBoostRegressor(_BaseTrAdaBoostRegressor):
    """Boost a regressor on source and target rows, and down-weight misleading source rows.

    TrAdaBoost.R2 [1]_: AdaBoost.R2 [2]_ on rows of two kinds. In each round target rows gain weight
    by their error. Source rows lose weight by it, because they seem to follow another rule than the
    target. The error that controls the rounds is measured on target rows only, and only the last
    half of the rounds is used, by a weighted median. Without source rows it is AdaBoost.R2, and all
    rounds are used.

    It helps if target rows are few and part of the source rows follow the target's rule. It hurts
    if almost none does. It also hurts if there are so many source rows that their largest error
    dominates. Errors are relative to the largest, so one extreme source row makes all others look
    alike. The rounds end with the first whose adjusted error on the target is one half; look at
    ``len(model.estimators_)``. `TwoStageTrAdaBoostRegressor` is the paper's remedy. Compare with
    `estimator` fitted on all rows, and on target rows only.

    Parameters
    ----------
    estimator : regressor, default=None
        The base estimator of a round. Its `fit` takes `sample_weight`, unless `bootstrap` is True.
        The last step of a Pipeline may take it (if metadata routing is on, request it there). None
        is ``DecisionTreeRegressor(max_depth=3)``.
    n_estimators : int, default=50
        The maximum number of rounds, N in the formulas. A round without any mistake ends the
        rounds.
    learning_rate : float, default=1.0
        Multiplies ``ln beta_t``, which sets the step of the target's weights and the vote. The
        paper uses 1.0.
    loss : {"linear", "square", "exponential"}, default="linear"
        The function from an absolute error to an adjusted error between 0 and 1.
    bootstrap : bool, default=False
        Whether a round's estimator gets rows drawn by their weights, as many as there are, instead
        of the weights. It then needs no `sample_weight`. Without source rows this is
        ``sklearn.ensemble.AdaBoostRegressor``, number by number.
    negligible_weight : float, default=0.0
        In each round, the lightest source rows get weight 0 in the fit (in this fit only). Their
        total is at most this fraction of all weight, and a tree skips such rows. 0.0 is exact. Not
        used with `bootstrap`.
    random_state : int, RandomState instance or None, default=None
        Seeds every `random_state` inside the base estimator, with a new seed in each round, and the
        draws of `bootstrap`. None draws fresh entropy and keeps the seeds of `estimator`.

    Attributes
    ----------
    estimator_ : regressor
        The base estimator, which is cloned in each round.
    estimators_ : list of regressors
        The fitted base estimators of the rounds that were kept.
    estimator_weights_ : ndarray of shape (n_rounds,), dtype float64
        ``-learning_rate * ln beta_t``, the weight of each round in the median, also for the first
        half, which is not used. A round without error on the target counts as having error ``min(1
        / (2 m + 2), least e_t / 2)`` with m target rows. 1.0 if it is the only round.
    estimator_errors_ : ndarray of shape (n_rounds,), dtype float64
        The weighted mean of the adjusted errors of each round on the target rows.
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
    TwoStageTrAdaBoostRegressor : Source weights that decrease in steps, chosen on the target.
    sklearn.ensemble.AdaBoostRegressor : The method without transfer, for rows of one domain.

    Notes
    -----
    With n source rows, m target rows and N rounds, weights start at ``1/n`` and ``1/m`` (times
    `sample_weight`), as for `TrAdaBoostClassifier`. Round t does the following:

    - ``e_i = |y_i - h_t(x_i)| / max_j |y_j - h_t(x_j)|`` over all rows, its square, or
      ``1 - exp(-e_i)``;
    - ``e_t = sum(w e) / sum(w)`` over target rows; ``beta_t = e_t / (1 - e_t)``;
    - ``w *= beta_t ** -e`` on target rows; ``w *= beta ** e`` on source rows, with
      ``beta = 1 / (1 + sqrt(2 ln(n) / N))``;
    - ``e_t >= 1/2`` ends the rounds before this one. After ``e_t = 0`` they continue as long as
      source rows have errors. Without a source ``e_t = 0`` ends the rounds, as in AdaBoost.R2.

    ``predict`` is the median of the ``h_t``, weighted by ``-ln beta_t``, over ``t = ceil(T/2) ..
    T``, with T the rounds that were kept. A weight of k is k repetitions of the row. Rows of weight
    0 and rows without a label (NaN, None, ``pandas.NA``) are left out.

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
    The source contains two rules. The target's five rows show which of them applies:

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
