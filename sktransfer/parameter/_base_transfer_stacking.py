"""The base of the estimators that learn from rows and the outputs of source models."""

from abc import abstractmethod

import numpy as np
from scipy.sparse import csr_array, hstack, issparse
from sklearn.utils.validation import check_is_fitted

from sktransfer._learner import check_learner, fit_learner, fit_with_weights
from sktransfer._needs import Needs
from sktransfer._random import generator, seeded_clones
from sktransfer._rows import named_columns
from sktransfer._sklearn import HasMethods, StrOptions, get_tags
from sktransfer.parameter._base_weighted_sources import _BaseWeightedSources


class _BaseTransferStacking(_BaseWeightedSources):
    """Fits an estimator on target rows and outputs of sources, or on the rest that these leave."""

    _parameter_constraints: dict = {
        **_BaseWeightedSources._parameter_constraints,
        "estimator": [HasMethods(["fit", "predict"]), None],
        "mode": [StrOptions({"outputs", "residual"})],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator=None,
        source=None,
        *,
        mode="outputs",
        beta="auto",
        positive=True,
        source_estimator=None,
        random_state=None,
    ):
        self.estimator = estimator
        self.source = source
        self.mode = mode
        self.beta = beta
        self.positive = positive
        self.source_estimator = source_estimator
        self.random_state = random_state

    @abstractmethod
    def _default_estimator(self):
        """Return the estimator for ``estimator=None``."""

    @abstractmethod
    def _kind_of_estimator(self):
        """Return "classifier" or "regressor"."""

    def _estimator(self):
        """Return the estimator, not yet cloned."""
        return self._default_estimator() if self.estimator is None else self.estimator

    @property
    def _needs(self):
        parts = [self._estimator()]
        parts += [] if self.source_estimator is None else [self.source_estimator]
        sparse, missing = True, True
        for tags in [get_tags(part).input_tags for part in parts]:
            sparse, missing = sparse and tags.sparse, missing and tags.allow_nan
        return Needs(
            sparse=sparse,
            missing=missing,
            source_labels=True,
            target_labels=True,
            every_source=True,
            unlabelled_rows="dropped",
        )

    def _seeded(self, part):
        """Return a clone with seeds of its own."""
        rng, keep = generator(self.random_state), self.random_state is None
        return next(seeded_clones(part, 1, generator=rng, keep_seeds=keep))

    def _plain(self, rows):
        return self._seeded(self._estimator())

    def _source_model(self, rows):
        given = self.source_estimator
        return self._plain(rows) if given is None else self._seeded(given)

    def _outputs_of(self, sources, X, given_X):
        """Return the outputs of sources, of shape (n_sources, n_rows, n_columns)."""
        return np.array([source.outputs(X, given_X) for source in sources])

    def _rows_for(self, X, given_X):
        """Return the rows that the fitted estimator answers, which have outputs of the sources."""
        if self.mode == "residual" or not self._sources:
            return named_columns(given_X, X)
        return beside(X, self._outputs_of(self._sources, X, given_X))

    def _fit_part(self, X, y, target):
        """Return the estimator, fitted on target rows."""
        estimator, weighted = self._plain(target), target.sample_weight is not None
        check_learner(estimator, kind=self._kind_of_estimator(), weighted=weighted)
        if weighted:
            return fit_with_weights(estimator, X, y, target.sample_weight)
        return fit_learner(estimator, X, y)

    def _weighted_sources(self, X, given_X):
        """Return the weighted sum of the outputs of the sources."""
        parts = [
            weight * source.outputs(X, given_X)
            for weight, source in zip(self.source_weights_, self._sources, strict=True)
            if weight
        ]
        return sum(parts, np.zeros((X.shape[0], 1)))

    @property
    def _no_onnx(self):
        refusals = (source.onnx_refusal() for source in self._sources)
        return next(filter(None, refusals), None)

    def _onnx_answers(self, graph):
        """Write the answers of the fitted estimator, as `_rows_for` gives it rows."""
        if self.mode == "residual" or not self._sources:
            return graph.answers(self.estimator_)
        outputs = [source.write_onnx(graph) for source in self._sources]
        rows = graph.add("Concat", graph.rows, *outputs, axis=1)
        return graph.answers(self.estimator_, rows=rows)

    def _read_new(self, X):
        """Return valid rows, and the same as the caller passed them if they have names."""
        check_is_fitted(self)
        rows = self._read_rows(X, reset=False)
        return rows, named_columns(X, rows)


def beside(X, outputs):
    """Return rows with the outputs of sources as more columns, source by source."""
    columns = np.concatenate(list(outputs), axis=1)
    if issparse(X):
        return csr_array(hstack([X, csr_array(columns)], format="csr"))
    return np.hstack([X, columns])
