"""The base of the boosting methods: reading of rows, and fits of the base estimator."""

from abc import abstractmethod
from numbers import Integral, Real

import numpy as np
from scipy.sparse import issparse
from sklearn.tree import BaseDecisionTree
from sklearn.utils.validation import check_is_fitted

from sktransfer._kernels import boosting
from sktransfer._learner import fit_with_weights
from sktransfer._magnitude import to_single
from sktransfer._messages import shown, warn
from sktransfer._needs import Needs
from sktransfer._random import seeded_clones
from sktransfer._rows import check_sources, check_target_rows, named_columns
from sktransfer._sklearn import Interval, _safe_indexing, get_tags
from sktransfer.exceptions import TransferWarning
from sktransfer.instance._base_predictor import _BasePredictor


class _BaseTrAdaBoost(_BasePredictor):
    """Boosts a base estimator on labelled rows of all domains.

    A subclass implements `_boost`. The bases of classifiers and regressors implement the
    predictions.
    """

    # Whether only the last half of the rounds votes if there is a source.
    _last_half_votes = False

    _parameter_constraints: dict = {
        **_BasePredictor._parameter_constraints,
        "n_estimators": [Interval(Integral, 1, None, closed="left")],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
    }

    @property
    def _needs(self):
        tags = get_tags(self._learner()).input_tags
        return Needs(
            sparse=tags.sparse,
            missing=tags.allow_nan,
            squares=False,
            source_labels=True,
            target_labels=True,
            unlabelled_rows="dropped",
        )

    @abstractmethod
    def _boost(self, X, y, sample_weight, codes):
        """Run the rounds on labelled rows, store their results, return the rows' last weights.

        `codes` is -1 for a target row, otherwise the position of its source in `source_domains_`.
        """

    def _check_used(self, domains, used, sample_weight):
        name = type(self).__name__
        check_target_rows(domains, used, estimator_name=name, weights=sample_weight)
        _warn_of_small_weights(sample_weight[used & ~domains.is_target])
        if self._needs.every_source:
            check_sources(domains, used, estimator_name=name)

    def _learn(self, rows):
        used = rows.used
        self.estimator_ = self._learner()  # the default depends on the classes
        self._has_source = not rows.domains.is_target[used].all()
        self._rounds_data = {"X": rows.used_X, "y": lambda: rows.labels}
        X = self._for_learner(rows.given_X, rows.X)
        self.sample_weight_ = np.zeros(len(used))
        self.sample_weight_[used] = self._boost(
            X if used.all() else _safe_indexing(X, used),
            rows.labels,
            rows.sample_weight[used],
            rows.domains.codes[used],
        )
        del self._rounds_data

    def _rounds(self, kept, n_rounds, **others):
        """Yield the numbers of the rounds, each as a task after which a callback may stop."""
        return self._tasks(
            "round",
            range(n_rounds),
            may_stop=True,
            data=self._rounds_data,
            attributes=lambda: kept.attributes() | {name: give() for name, give in others.items()},
        )

    def _fit_learner(self, learner, X, y, weights, is_source):
        """Fit with weights; nearly zero weights of source rows are set to 0."""
        share = getattr(self, "negligible_weight", 0)
        if share and is_source.any():
            weights = boosting.without_negligible(weights, is_source, share=share)
        return fit_with_weights(learner, X, y, weights)

    def _clones(self, n_clones, rng):
        """Yield clones of the base estimator, with seeds drawn from `rng`."""
        keep_seeds = self.random_state is None
        return seeded_clones(self.estimator_, n_clones, generator=rng, keep_seeds=keep_seeds)

    def _for_fits(self, X):
        """Return `X` in the format that a tree needs: converted once for all rounds."""
        return X.tocsc() if issparse(X) and _is_tree(self.estimator_) else X

    def _keep(self, rounds, sample_weight):
        """Store the rounds; return the last weights, which sum to that of `sample_weight`."""
        vars(self).update(rounds.attributes())
        if rounds.chance is not None:
            warn(
                f"{type(self).__name__} kept a single round: its error on the weighted target rows "
                f"is {rounds.errors[0]:.3g}, not below {rounds.chance:.3g}, that of chance. The "
                "ensemble is its learner, fitted once. Label more target rows, pass an estimator "
                "that fits them better, or another booster; compare with the estimator fitted on "
                "target rows alone.",
                TransferWarning,
            )
        return rounds.given * (sample_weight.sum() / rounds.given.sum())

    def _valid_new(self, X):
        """Return valid rows to predict, in the format of the base estimator."""
        check_is_fitted(self)
        return self._for_learner(X, self._read_rows(X, reset=False))

    @property
    def _reader(self):
        return f"{type(self).__name__}(estimator={shown(self._learner())})"

    def _read_rows(self, X, y="no_validation", **rules):
        X = super()._read_rows(X, y, **rules)
        return to_single(X, self) if _is_tree(self._learner()) else X

    def _dtypes_for(self, X):
        return [np.float32, np.float64] if _is_tree(self._learner()) else None

    def _for_learner(self, given_X, X):
        """Return the rows for the base estimator: numbers for a tree, otherwise also a data
        frame."""
        return X if _is_tree(self._learner()) else named_columns(given_X, X)

    def _only_last_half(self):
        """Return whether only the last half of the rounds votes."""
        return self._last_half_votes and self._has_source


def _is_tree(estimator):
    """Return whether the base estimator converts `X` to 32-bit floats (and to columns in `fit`)."""
    return isinstance(estimator, BaseDecisionTree)


def _warn_of_small_weights(source_weight):
    """Warn if the weights of source rows are no numbers of repetitions."""
    if len(source_weight) > 1 and source_weight.sum() <= 1:
        warn(
            f"sample_weight sums to {source_weight.sum():g} over {len(source_weight)} source rows, "
            "but it counts repetitions, and of one row or less none ever loses weight; multiply "
            "sample_weight so that it sums to the number of rows.",
            UserWarning,
        )
