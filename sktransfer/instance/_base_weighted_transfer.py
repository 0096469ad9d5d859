"""The base of the estimators with weighted source rows."""

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sktransfer._domains import TARGET
from sktransfer._labels import hide_labels
from sktransfer._learner import fit_with_weights
from sktransfer._needs import Needs
from sktransfer._random import generator, seeded_clones
from sktransfer._rows import lacking_rows, named_columns
from sktransfer._sklearn import HasMethods, get_tags
from sktransfer.instance._base_predictor import _BasePredictor
from sktransfer.instance._effective_rows import warn_of_few_rows
from sktransfer.instance._ulsif_weighter import ULSIFWeighter


class _BaseWeightedTransfer(_BasePredictor):
    """Fits an estimator on labelled rows of all domains, the source rows weighted."""

    _parameter_constraints: dict = {
        **_BasePredictor._parameter_constraints,
        "weighter": [HasMethods(["fit"]), None],
    }

    def __init__(self, estimator=None, weighter=None, *, random_state=None):
        self.estimator = estimator
        self.weighter = weighter
        self.random_state = random_state

    @property
    def _needs(self):
        tags = [get_tags(part).input_tags for part in (self._learner(), self._weighter())]
        return Needs(
            sparse=all(part.sparse for part in tags),
            missing=all(part.allow_nan for part in tags),
            source_labels=True,
            target_labels=True,
        )

    def _check_used(self, domains, used, sample_weight):
        if not used.any():
            lacking = lacking_rows(len(used), "rows", sample_weight)
            raise ValueError(
                f"{type(self).__name__} needs a row {lacking}; pass labels of source rows, at "
                "least."
            )

    def _learn(self, rows):
        rng = generator(self.random_state)
        weights = self._weigh(rows, rng)
        self.sample_weight_ = np.where(rows.used, rows.sample_weight * weights, 0)
        (self.estimator_,) = self._clones(self._learner(), rng)
        for _ in self._tasks("fit", [self.estimator_]):
            fit_with_weights(
                self.estimator_, rows.used_X(), rows.labels, self.sample_weight_[rows.used]
            )

    def _weigh(self, rows, rng):
        """Fit the weighter on all target rows and the labelled source rows; return all weights."""
        (self.weighter_,) = self._clones(self._weighter(), rng)
        is_target = rows.domains.is_target
        seen = np.where(is_target, rows.sample_weight > 0, rows.used)
        weights = np.ones(len(seen))
        if not ((seen & ~is_target).any() and (seen & is_target).any()):
            self.weighter_ = None
            return weights
        names = np.array([*rows.domains.sources, TARGET], dtype=object)
        hidden = hide_labels(np.ravel(rows.y), is_target)[seen]
        for _ in self._tasks("weigh", [self.weighter_]):
            self.weighter_.fit(rows.X[seen], hidden, sample_domain=names[rows.domains.codes][seen])
        weights[seen] = self.weighter_.weights_
        if not hasattr(self.weighter_, "effective_sample_size_"):  # ours have warned themselves
            warn_of_few_rows(
                np.where(seen, weights, 0),
                rows.domains,
                estimator_name=type(self.weighter_).__name__,
                remedy="Scale the features and keep fewer of them",
            )
        return weights

    _no_onnx = None

    def _write_onnx(self, graph):
        return graph.answers(self.estimator_)

    def predict(self, X):
        """Predict the label of each row.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Target rows.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            The predictions of `estimator_`.
        """
        return self._ask("predict", X)

    def _ask(self, method, X):
        check_is_fitted(self)
        valid_X = self._read_rows(X, reset=False)
        return getattr(self.estimator_, method)(named_columns(X, valid_X))

    def _refuse_missing(self):
        parts = {"estimator": self._learner(), "weighter": self._weighter()}
        refusing = [f"{k}={v!r}" for k, v in parts.items() if not get_tags(v).input_tags.allow_nan]
        raise ValueError(
            f"X contains NaN, which {' and '.join(refusing)} of {type(self).__name__} cannot "
            "take; impute the missing values first, or pass parts that take them, such as "
            "HistGradientBoosting and DiscriminatorWeighter(HistGradientBoostingClassifier())."
        )

    def _clones(self, part, rng):
        """Yield one clone of a part, with seeds drawn from `rng`."""
        return seeded_clones(part, 1, generator=rng, keep_seeds=self.random_state is None)

    def _weighter(self):
        """Return the weighter, not yet cloned."""
        return ULSIFWeighter() if self.weighter is None else self.weighter
