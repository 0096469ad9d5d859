"""What adapts a network to rows without a label. Importing this module imports torch."""

from abc import ABC, abstractmethod

import torch

from sktransfer._kernels.discrepancy import (
    certainty_weight,
    class_confusion,
    coral_loss,
    dan_loss,
    jan_loss,
    mean_of_pairs,
    pair_distances,
    softmax,
)
from sktransfer.deep._training.schedule import ramp_factor

# The temperature of the probabilities of MCC.
_TEMPERATURE = 2.5


class Penalty(torch.nn.Module, ABC):
    """A loss of minibatches of two domains, which is added to that of the labels.

    Its parameters and buffers are part of the state of the training.
    """

    @abstractmethod
    def of_tensors(self, labelled, unlabelled, progress):
        """Return the loss, a scalar, of two `Seen` of the same number of rows each.

        `progress` is the share of the training that is done, from 0 to 1.
        """

    def weight(self, progress):
        """Return the factor of the loss."""
        return 1.0

    def doubt(self):
        """Return why the adaptation cannot be trusted, as a sentence; empty if nothing is known."""
        return ""


class Discrepancy(Penalty):
    """A distance of the domains, or a confusion of classes, that owns no parameter."""

    def __init__(self, loss, strength, ramp):
        super().__init__()
        self.loss, self.strength, self.ramp = loss, strength, ramp

    def of_tensors(self, labelled, unlabelled, progress):
        """The loss, without its strength."""
        return self.loss(labelled, unlabelled)

    def weight(self, progress):
        """The strength, risen by the ramp."""
        return self.strength * ramp_factor(progress, self.ramp)


def of_correlations(labelled, unlabelled):
    """The distance of the covariances of the features: "coral"."""
    return coral_loss(labelled.features, unlabelled.features)


def of_features(labelled, unlabelled):
    """The discrepancy of the features: "dan"."""
    squared = _pairs(labelled.features, unlabelled.features)
    return dan_loss(squared, len(labelled.features), scale=mean_of_pairs(squared.detach()))


def of_features_and_classes(labelled, unlabelled):
    """The discrepancy of features and probabilities together: "jan"."""
    squared = _pairs(labelled.features, unlabelled.features)
    of_probability = _pairs(softmax(labelled.outputs), softmax(unlabelled.outputs))
    scale = mean_of_pairs(squared.detach())
    return jan_loss(squared, of_probability, len(labelled.features), scale=scale)


def of_classes(labelled, unlabelled):
    """The confusion of classes in the rows without a label: "mcc"."""
    probability = softmax(unlabelled.outputs / _TEMPERATURE)
    return class_confusion(probability, weight=certainty_weight(probability.detach()))


def _pairs(first, second):
    return pair_distances(torch.cat([first, second]))


DISCREPANCIES = {
    "coral": of_correlations,
    "dan": of_features,
    "jan": of_features_and_classes,
    "mcc": of_classes,
}
