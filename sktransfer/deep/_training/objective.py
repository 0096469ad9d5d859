"""The objective of the minibatches of the second phase. Importing this module imports torch."""

import numpy as np

from sktransfer._kernels.contrastive import pair_loss
from sktransfer.deep._training.epoch_log import Unlogged
from sktransfer.deep._training.network import features_of
from sktransfer.deep._training.order import minibatches, minibatches_of_pairs


class LabelObjective:
    """The loss of the head's outputs; the head learns with the stages."""

    # The loss before the first epoch is that of the first phase.
    constant, n_before = "a constant prediction", 1

    # The parts of the rows of a minibatch that it reads.
    reads = ("outputs",)

    def __init__(self, loss, settings):
        self._loss, self._batch_size = loss, settings.batch_size
        self.of_a_constant = loss.of_a_constant

    def batches(self, y, generator):
        """Split the rows of an epoch."""
        return minibatches(len(y), self._batch_size, generator)

    def of_tensors(self, seen, y, weight):
        """The mean loss of a minibatch."""
        return (self._loss.of_tensors(seen.outputs, y) * weight).mean()

    def fit_head(self, network, inputs, rows, **about):
        """Do nothing: the head has learned already."""


class PairObjective:
    """The loss of pairs of rows [1]_; the head is fitted on the features after each epoch.

    .. [1] Tunstall, Reimers, Jo, Bates, Korat, Wasserblat, Pereg. "Efficient few-shot learning
       without prompts". 2022. https://arxiv.org/abs/2209.11055
    """

    # No loss of the first phase compares with that of the first epoch.
    constant, n_before, of_a_constant = "features of equal cosines", 0, 0.25

    reads = ("outputs", "pooled")

    def __init__(self, loss, settings):
        self._loss, self._settings = loss, settings

    def batches(self, y, generator):
        """Split the rows of an epoch."""
        return minibatches_of_pairs(y, self._settings.batch_size, generator)

    def of_tensors(self, seen, y, weight):
        """The loss of the pairs of a minibatch."""
        return pair_loss(seen.pooled, y, weight=weight)

    def fit_head(self, network, inputs, rows, *, ranks, mine):
        """Fit the head of the network; return its score on the rows, and whether it converged.

        `mine` are the rows that this rank runs, or None.
        """
        features = features_of(network.eval(), inputs, len(rows.y), ranks=ranks, rows=mine)
        if not np.isfinite(features).all():
            return np.nan, True
        rows = rows.select(np.arange(len(rows.y)), features)
        options = {"settings": self._settings, "log": Unlogged()}
        head, converged = ranks.agree(lambda: self._loss.fit_head(rows, None, **options))
        network.take_head(head)
        return self._loss.evaluate(head.outputs(features), rows)[1], converged


def make_objective(loss, settings):
    """Return the objective that the settings name, for a loss of labels."""
    contrastive = settings.objective == "contrastive"
    return (PairObjective if contrastive else LabelObjective)(loss, settings)
