"""The base of the weighters that leave the rows to a classifier."""

from sklearn.base import MetaEstimatorMixin
from sklearn.linear_model import LogisticRegression

from sktransfer._needs import Needs
from sktransfer._random import seeded_clones
from sktransfer._sklearn import get_tags
from sktransfer.instance._base_weighter import _BaseRatioWeighter


class _BaseClassifierWeighter(MetaEstimatorMixin, _BaseRatioWeighter):
    """Takes the rows, sparse ones and missing values, that its parameter `estimator` takes."""

    @property
    def _needs(self):
        tags = get_tags(self._learner()).input_tags
        return Needs(sparse=tags.sparse, missing=tags.allow_nan)

    def _clones(self, n_clones, rng):
        """Yield clones of the classifier, with seeds that `rng` draws."""
        keep_seeds = self.random_state is None
        return seeded_clones(self._learner(), n_clones, generator=rng, keep_seeds=keep_seeds)

    def _learner(self):
        return LogisticRegression() if self.estimator is None else self.estimator
