"""Two-stage TrAdaBoost.R2: choose the weight of the source, then boost on the target."""

from numbers import Integral

import numpy as np

from sktransfer._kernels import boosting
from sktransfer._kernels.boosting_regression import (
    adjusted_errors,
    reweight_target,
    shrink_source,
    target_share,
    weighted_median,
)
from sktransfer._learner import check_learner
from sktransfer._random import generator
from sktransfer._sklearn import Interval, _safe_indexing
from sktransfer.instance._base_tradaboost_regressor import _BaseTrAdaBoostRegressor
from sktransfer.instance._folds import sorted_folds
from sktransfer.instance._rounds import Rounds, run_rounds


class TwoStageTrAdaBoostRegressor(_BaseTrAdaBoostRegressor):
    """Decrease the weight of misleading source rows in steps, and keep the best step.

    Two-stage TrAdaBoost.R2 [1]_. Stage one takes weight from source rows, more if an estimator has
    a larger error on them. Its steps lead from "all rows equal" to "target rows only". Stage two
    boosts at each step, with fixed source weights. Cross-validation over the target rows chooses
    the step. No row therefore loses weight merely because rounds pass, and the last step is the
    method without transfer. Without source rows it is AdaBoost.R2.

    It helps if target rows are few and the source, or part of it, nearly follows the target's rule.
    It hurts if target rows are too few for cross-validation to choose well (below ten or so):
    compare `step_errors_`. It costs ``n_steps * n_folds`` boosted ensembles.

    Parameters
    ----------
    estimator : regressor, default=None
        The base estimator of a round. Its `fit` takes `sample_weight`. The last step of a Pipeline
        may take it (if metadata routing is on, request it there). None is
        ``DecisionTreeRegressor(max_depth=3)``.
    n_estimators : int, default=10
        The maximum number of rounds of boosting at a step, N in the formulas.
    n_steps : int, default=10
        The number of steps from "all rows equal" to "target rows only", S in the formulas; at least
        2.
    n_folds : int, default=5
        The number of folds of the cross-validation, at most the number of target rows.
    learning_rate : float, default=1.0
        Multiplies ``ln beta_t`` in the rounds of boosting. The paper uses 1.0.
    loss : {"linear", "square", "exponential"}, default="linear"
        The function from an absolute error to an adjusted error between 0 and 1.
    bootstrap : bool, default=False
        Whether a round's estimator gets rows drawn by their weights instead of the weights. Without
        source rows this is ``sklearn.ensemble.AdaBoostRegressor``, number by number, and needs no
        `sample_weight`. With source rows, the steps pass weights in any case.
    random_state : int, RandomState instance or None, default=None
        Seeds every `random_state` inside the base estimators, and the draws of `bootstrap`. None
        draws fresh entropy and keeps the seeds of `estimator`.

    Attributes
    ----------
    estimator_ : regressor
        The base estimator, which is cloned in each round.
    estimators_ : list of regressors
        The fitted base estimators of the rounds of the best step.
    estimator_weights_ : ndarray of shape (n_rounds,), dtype float64
        ``-learning_rate * ln beta_t``, the weight of each round in the median. A last round without
        error counts as having error ``min(1 / (2 n + 2), least e_t / 2)`` with n rows of all
        domains. 1.0 if it is the only round.
    estimator_errors_ : ndarray of shape (n_rounds,), dtype float64
        The weighted mean of the adjusted errors of each round, over all rows.
    step_errors_ : ndarray of shape (n_steps,), dtype float64
        The root mean squared error on held-out target rows, for each step. Empty without a source.
    step_shares_ : ndarray of shape (n_steps,), dtype float64
        The total weight of the target rows, as a fraction of 1, at each step. Empty without a
        source.
    best_step_ : int or None
        The step that was kept, from 0: the first with the least error. None without a source.
    sample_weight_ : ndarray of shape (n_samples,), dtype float64
        The weights of the rows of `X` in the last round that was kept. Their sum is that of
        `sample_weight`; 0 for a row that was left out, and for source rows at the last step.
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
    TrAdaBoostRegressor : One run of rounds, in which source rows lose weight all the time.

    Notes
    -----
    With n source rows and m target rows, weights start at ``1/(n+m)`` (times `sample_weight`). Step
    t = 0 .. S-1 does the following:

    - AdaBoost.R2' from these weights: AdaBoost.R2 in which ``w *= beta_t ** (1 - e)`` applies to
      target rows only, whose total weight is kept. Its error is over all rows. Its cross-validation
      error is over folds of target rows, with all source rows always in training;
    - fit one estimator with these weights; ``w *= beta ** e`` on source rows with its adjusted
      errors e. Bisection finds the beta at which target rows have ``m/(n+m) + (t+1)/(S-1) (1 -
      m/(n+m))`` of the weight. At the last step source rows are left out.

    Target rows are assigned to the folds in the order of their labels. Each fold then spans their
    range, and the order of rows has no effect. The weight of held-out target rows is distributed
    over the target rows that remain in training.

    Each step, and then each round, is a task for scikit-learn's callbacks, such as
    :class:`~sklearn.callback.ProgressBar`, and a callback may stop the fit after a round.

    References
    ----------
    .. [1] D. Pardoe, P. Stone, "Boosting for Regression Transfer", ICML 2010.
       https://www.cs.utexas.edu/~pstone/Papers/bib2html/b2hd-ICML10-pardoe.html

    Examples
    --------
    A source that contradicts the target is dropped; one that agrees is kept:

    >>> import numpy as np
    >>> from sktransfer import TwoStageTrAdaBoostRegressor
    >>> rng = np.random.default_rng(0)
    >>> X = rng.uniform(size=(115, 1))
    >>> sample_domain = ["past"] * 100 + ["target"] * 15
    >>> model = TwoStageTrAdaBoostRegressor(random_state=0)
    >>> same = np.sin(6 * X[:, 0])
    >>> float(model.fit(X, same, sample_domain=sample_domain).sample_weight_[:100].sum()) > 0
    True
    >>> other = np.where(np.arange(115) < 100, 9 - same, same)
    >>> model = model.fit(X, other, sample_domain=sample_domain)
    >>> model.best_step_, float(model.sample_weight_[:100].sum())
    (9, 0.0)
    """

    _parameter_constraints: dict = {
        **_BaseTrAdaBoostRegressor._parameter_constraints,
        "n_steps": [Interval(Integral, 2, None, closed="left")],
        "n_folds": [Interval(Integral, 2, None, closed="left")],
    }

    def __init__(
        self,
        estimator=None,
        *,
        n_estimators=10,
        n_steps=10,
        n_folds=5,
        learning_rate=1.0,
        loss="linear",
        bootstrap=False,
        random_state=None,
    ):
        self.estimator = estimator
        self.n_estimators = n_estimators
        self.n_steps = n_steps
        self.n_folds = n_folds
        self.learning_rate = learning_rate
        self.loss = loss
        self.bootstrap = bootstrap
        self.random_state = random_state

    def _boost(self, X, y, sample_weight, codes):
        is_source = codes >= 0
        if is_source.any():
            check_learner(self.estimator_, kind="regressor")  # the steps pass weights
        rng = generator(self.random_state)
        weights = sample_weight / sample_weight.sum()
        self.best_step_, errors, shares = None, [], []
        if is_source.any():
            folds = sorted_folds(X, y, ~is_source, n_folds=self.n_folds)
            steps = list(self._steps(X, y, sample_weight, is_source, rng))
            errors = [
                self._held_out(X, y, weights, sample_weight, is_source, folds, rng)
                for weights in self._tasks("step", steps)
            ]
            shares = [w[~is_source].sum() for w in steps]
            self.best_step_ = int(np.argmin(errors))
            weights = steps[self.best_step_]
        self.step_errors_, self.step_shares_ = np.array(errors), np.array(shares)
        kept = weights > 0
        rounds = Rounds()
        numbers = self._rounds(rounds, self.n_estimators)
        self._second_stage(X, y, weights, sample_weight, is_source, rng, rounds, numbers)
        last = np.zeros(len(y))
        last[kept] = self._keep(rounds, sample_weight[kept])
        return last * (sample_weight.sum() / last.sum())

    def _steps(self, X, y, sample_weight, is_source, rng):
        """Yield the weights of each step."""
        weights = sample_weight / sample_weight.sum()
        n_source, n_target = sample_weight[is_source].sum(), sample_weight[~is_source].sum()
        X_fit, none = self._for_fits(X), np.zeros(len(y), dtype=bool)
        learners = self._clones(self.n_steps - 1, rng)
        for step, learner in enumerate(learners, start=1):
            yield weights
            given = boosting.steady_weights(weights, sample_weight)
            self._fit_learner(learner, X_fit, y, given, none)
            errors = adjusted_errors(learner.predict(X) - y, loss=self.loss)
            share = target_share(step, n_source=n_source, n_target=n_target, n_steps=self.n_steps)
            weights = shrink_source(weights, errors, is_source, share=share)
        yield weights

    def _second_stage(self, X, y, weights, sample_weight, is_source, rng, kept, numbers):
        """Run AdaBoost.R2 on the rows with a weight, with fixed source weights."""
        rows = weights > 0
        if not rows.all():
            X, y, weights, sample_weight, is_source = (
                _safe_indexing(X, rows),
                y[rows],
                weights[rows],
                sample_weight[rows],
                is_source[rows],
            )
        none = np.zeros(len(y), dtype=bool)
        learners = self._clones(self.n_estimators, rng)
        return run_rounds(
            self._round(X, y, sample_weight, none, learners=learners, rng=rng),
            weights / weights.sum(),
            none,
            kept=kept,
            numbers=numbers,
            n_classes=2,
            learning_rate=self.learning_rate,
            reweigh=lambda w, errors, vote: reweight_target(w, errors, is_source, vote=vote),
            n_target=sample_weight.sum() if self._has_source else None,
        )

    def _held_out(self, X, y, weights, sample_weight, is_source, folds, rng):
        """Root mean squared error of the second stage on the folds of target rows."""
        squares = 0.0
        for held_out in folds:
            train = ~held_out
            target = train & ~is_source
            filled = weights.copy()
            filled[target] *= weights[~is_source].sum() / weights[target].sum()
            rounds = self._second_stage(
                _safe_indexing(X, train),
                y[train],
                filled[train],
                sample_weight[train],
                is_source[train],
                rng,
                Rounds(),
                range(self.n_estimators),
            )
            X_out = _safe_indexing(X, held_out)
            said = np.array([learner.predict(X_out) for learner in rounds.learners])
            missed = weighted_median(said, np.array(rounds.votes)) - y[held_out]
            squares += (sample_weight[held_out] * missed.astype(np.float64) ** 2).sum()
        return np.sqrt(squares / sample_weight[~is_source].sum())
