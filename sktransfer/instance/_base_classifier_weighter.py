"""The base of the weighters that pass the rows to a classifier."""

from sklearn.base import MetaEstimatorMixin
from sklearn.linear_model import LogisticRegression

from sktransfer._needs import Needs
from sktransfer._random import seeded_clones
from sktransfer._sklearn import get_tags
from sktransfer.instance._base_weighter import _BaseRatioWeighter


class _BaseClassifierWeighter(MetaEstimatorMixin, _BaseRatioWeighter):
    """Accepts the rows that its parameter `estimator` accepts, such as sparse ones and missing
    values."""

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
