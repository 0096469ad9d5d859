"""The fit of one round, and the weighted median, of the boosted regressors."""

from abc import abstractmethod

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.tree import DecisionTreeRegressor

from sktransfer._kernels import boosting
from sktransfer._kernels.boosting_regression import adjusted_errors, weighted_median
from sktransfer._kernels.boosting_votes import first_voter
from sktransfer._labels import read_numbers
from sktransfer._learner import check_learner, fit_learner
from sktransfer._scoring import _ScoresLabelsAlone
from sktransfer._sklearn import StrOptions, _safe_indexing
from sktransfer.instance._base_tradaboost import _BaseTrAdaBoost


class _BaseTrAdaBoostRegressor(_ScoresLabelsAlone, RegressorMixin, _BaseTrAdaBoost):
    """A weighted median of the rounds; a subclass implements `_boost`."""

    _parameter_constraints: dict = {
        **_BaseTrAdaBoost._parameter_constraints,
        "loss": [StrOptions({"linear", "square", "exponential"})],
        "bootstrap": ["boolean"],
    }

    @abstractmethod
    def _boost(self, X, y, sample_weight, codes):
        """Run the rounds, as in the base."""

    def _default_learner(self):
        return DecisionTreeRegressor(max_depth=3)

    def _check_learner(self, estimator):
        check_learner(estimator, kind="regressor", weighted=not self.bootstrap)

    def _read_labels(self, y, used):
        return read_numbers(y, used)

    def _round(self, X, y, sample_weight, is_source, *, learners, rng):
        """Return the function that fits one round with given weights."""
        X_fit = self._for_fits(X)

        def fit_round(weights):
            learner = next(learners)
            given = self._scale(weights, sample_weight)
            if self.bootstrap:
                drawn = rng.choice(len(y), size=len(y), replace=True, p=weights / weights.sum())
                fit_learner(learner, _safe_indexing(X, drawn), y[drawn])
            else:
                self._fit_learner(learner, X_fit, y, given, is_source)
            return learner, adjusted_errors(learner.predict(X) - y, loss=self.loss), given

        return fit_round

    def _scale(self, weights, sample_weight):
        """Scale `weights` from a sum of 1 to the total of `sample_weight`, stable for any base
        estimator."""
        if self.bootstrap:
            return weights * sample_weight.sum()
        return boosting.steady_weights(weights, sample_weight)

    _no_onnx = None

    def _write_onnx(self, graph):
        first = first_voter(len(self.estimators_), transfer=self._only_last_half())
        said = [graph.answers(learner)[-1] for learner in self.estimators_[first:]]
        weights = self.estimator_weights_[first:]
        values, order = graph.rising(graph.add("Concat", *said, axis=1), len(said))
        given = graph.add("Gather", weights, order, axis=0)
        shares = graph.add("CumSum", given, np.array(1))
        reached = graph.add("GreaterOrEqual", shares, np.float64(0.5 * weights.sum()))
        middle = graph.add("ArgMax", graph.cast(reached, np.int64), axis=1, keepdims=1)
        return graph.add("GatherElements", values, middle, axis=1)

    def predict(self, X):
        """Predict the weighted median of the rounds' predictions for each row.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Target rows.

        Returns
        -------
        y : ndarray of shape (n_samples,)
        """
        X = self._valid_new(X)
        first = first_voter(len(self.estimators_), transfer=self._only_last_half())
        said = np.array([learner.predict(X) for learner in self.estimators_[first:]])
        return weighted_median(said, self.estimator_weights_[first:])

    def staged_predict(self, X):
        """Predict as if the rounds had ended after 1, 2, ... of them.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Target rows.

        Yields
        ------
        y : ndarray of shape (n_samples,)
            The last one equals the result of `predict`.
        """
        X = self._valid_new(X)
        said = np.array([learner.predict(X) for learner in self.estimators_])
        for n_rounds in range(1, len(said) + 1):
            first = first_voter(n_rounds, transfer=self._only_last_half())
            yield weighted_median(said[first:n_rounds], self.estimator_weights_[first:n_rounds])
