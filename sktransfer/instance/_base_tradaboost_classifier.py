"""The vote of the boosted classifiers."""

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.tree import DecisionTreeClassifier

from sktransfer._kernels import boosting, boosting_votes
from sktransfer._labels import read_classes
from sktransfer._learner import check_learner
from sktransfer._scoring import _ScoresLabelsAlone
from sktransfer.instance._base_tradaboost import _BaseTrAdaBoost
from sktransfer.instance._rounds import Rounds, run_rounds


class _BaseTrAdaBoostClassifier(_ScoresLabelsAlone, ClassifierMixin, _BaseTrAdaBoost):
    """A weighted vote of the rounds; a subclass implements `_boost`."""

    def _default_learner(self):
        classes = getattr(self, "classes_", ())
        return DecisionTreeClassifier(max_depth=boosting.tree_depth(max(len(classes), 1)))

    def _check_learner(self, estimator):
        check_learner(estimator)

    def _read_labels(self, y, used):
        labels = read_classes(y, used)
        self.classes_ = np.unique(labels)
        return labels

    def _adaboost(self, X, y, sample_weight, learners, *, watched):
        """Run AdaBoost on rows of one domain; callbacks see the rounds if they are `watched`."""
        none = np.zeros(len(y), dtype=bool)

        def fit_round(weights):
            given = self._scale(weights, sample_weight)
            learner = self._fit_learner(next(learners), X, y, given, none)
            return learner, learner.predict(X) != y, given

        weights, kept = boosting.initial_weights(sample_weight, none), Rounds()
        numbers = self._rounds(kept, self.n_estimators) if watched else range(self.n_estimators)
        return self._run(fit_round, weights, none, kept=kept, numbers=numbers)

    def _run_transfer(self, fit_round, weights, is_source, sample_weight):
        """Run all rounds on rows of all domains; return the rounds that are kept."""
        kept = Rounds()
        return self._run(
            fit_round,
            weights,
            is_source,
            kept=kept,
            numbers=self._rounds(kept, self.n_estimators),
            n_source=sample_weight[is_source].sum(),
            n_target=sample_weight[~is_source].sum(),
        )

    def _run(self, fit_round, weights, is_source, *, kept, numbers, n_source=0, n_target=None):
        """Run rounds in which misclassified source rows lose weight at the rate of Hedge.

        `n_target` is as in `run_rounds`; it is not used without a source.
        """
        log_source_beta = np.log(boosting.source_beta(n_source, n_rounds=self.n_estimators))

        def reweigh(weights, mistakes, vote):
            return boosting.reweight(
                weights, mistakes, is_source, log_source_beta=log_source_beta, vote=vote
            )

        return run_rounds(
            fit_round,
            weights,
            is_source,
            kept=kept,
            numbers=numbers,
            n_target=n_target if self._has_source else None,
            goes_on=self._only_last_half(),
            n_classes=len(self.classes_),
            learning_rate=self.learning_rate,
            reweigh=reweigh,
        )

    def _scale(self, weights, sample_weight):
        """Scale `weights` from a sum of 1 to the total of `sample_weight`, for the base estimator.

        A tree is not affected by scale. Without source rows it gets the power of two nearest to
        that total. This changes no bit, and the tree is that of AdaBoost, including ties between
        splits.
        """
        if self._has_source:
            return boosting.steady_weights(weights, sample_weight)
        total = sample_weight.sum()
        if type(self.estimator_) is DecisionTreeClassifier:
            total = 2.0 ** np.rint(np.log2(total))
        return total * weights

    _no_onnx = None

    def _write_onnx(self, graph):
        totals = [
            graph.add("Mul", graph.votes(learner, self.classes_, columns=columns), weight)
            for learner, weight, columns in self._voters()
        ]
        totals = graph.sum(totals)
        n_classes = len(self.classes_)
        if n_classes == 1:
            return graph.add("Softmax", totals, axis=1)
        # The margins over K - 1, up to a constant of all classes.
        shares = graph.add("Div", totals, graph.sum_of_columns(totals))
        scores = graph.add("Mul", shares, np.float64(n_classes / (n_classes - 1) ** 2))
        return graph.add("Softmax", scores, axis=1)

    def _voters(self):
        """Yield each model that votes, its weight and its columns (None: all)."""
        first = boosting_votes.first_voter(len(self.estimators_), transfer=self._only_last_half())
        for learner, weight in zip(
            self.estimators_[first:], self.estimator_weights_[first:], strict=True
        ):
            yield learner, weight, None

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
        """Return the probability of each class, as AdaBoost does: ordered, but not calibrated.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Target rows.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
            In the order of `classes_`.
        """
        return boosting_votes.vote_probabilities(self._vote_totals(X))

    def decision_function(self, X):
        """Return the margin of each class in the vote.

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
        margins = boosting_votes.vote_margins(self._vote_totals(X))
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
            The last one equals the result of `predict`.
        """
        for totals in self._staged_vote_totals(X):
            yield self.classes_[totals.argmax(axis=1)]

    def staged_predict_proba(self, X):
        """Return the probabilities as if the rounds had ended after 1, 2, ... of them.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Target rows.

        Yields
        ------
        probabilities : ndarray of shape (n_samples, n_classes)
            The last one equals the result of `predict_proba`.
        """
        for totals in self._staged_vote_totals(X):
            yield boosting_votes.vote_probabilities(totals)

    def _vote_totals(self, X):
        """Return the total weight of the rounds that chose each class, among those that vote."""
        X = self._valid_new(X)
        first = boosting_votes.first_voter(len(self.estimators_), transfer=self._only_last_half())
        return boosting_votes.vote_totals(
            self._votes(X, first), self.estimator_weights_[first:], n_classes=len(self.classes_)
        )

    def _staged_vote_totals(self, X):
        """Yield the total weights of the rounds that chose each class, stage by stage."""
        X = self._valid_new(X)
        yield from boosting_votes.staged_vote_totals(
            self._votes(X, 0),
            self.estimator_weights_,
            n_classes=len(self.classes_),
            transfer=self._only_last_half(),
        )

    def _votes(self, X, first):
        """Yield the position in `classes_` of the class that each round chose."""
        for learner in self.estimators_[first:]:
            yield np.searchsorted(self.classes_, learner.predict(X))
