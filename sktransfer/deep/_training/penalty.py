"""The penalties that adapt a network to a target domain. Importing this module imports torch."""

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


class Penalty(torch.nn.Module, ABC):
    """A loss of minibatches of two domains, which is added to that of the labels.

    Its parameters and buffers are part of the state of the training. `strength` and `ramp` act on
    the network. The penalty's own parameters learn at `own_rate` times the rate of the head.
    """

    # The parts of the rows of a minibatch that it reads.
    reads = ("features", "outputs")

    def __init__(self, strength=1.0, ramp=None, own_rate=1.0):
        super().__init__()
        self.strength, self.ramp, self.own_rate = strength, ramp, own_rate

    @abstractmethod
    def of_tensors(self, source, target, progress):
        """Return the loss, a scalar, of two `Seen` of the same number of rows each.

        `progress` is the share of the training that is done, from 0 to 1. None: there is no loss
        yet.
        """

    def factor(self, progress):
        """The strength, risen by the ramp."""
        return self.strength * ramp_factor(progress, self.ramp)

    def weight(self, progress):
        """Return the factor of the loss."""
        return 1.0

    def rate(self, progress):
        """Return the factor of the rates of the network's steps, the head included."""
        return 1.0

    def learns_task(self, progress):
        """Return whether the network learns the labels now."""
        return True

    def doubt(self):
        """Return why the adaptation cannot be trusted, as a sentence; empty if nothing is known."""
        return ""


class Discrepancy(Penalty):
    """A distance of the domains, or a confusion of classes, that owns no parameter."""

    def __init__(self, loss, strength, ramp):
        super().__init__(strength, ramp)
        self.loss = loss

    def of_tensors(self, source, target, progress):
        """The loss, without its strength."""
        return self.loss(source, target)

    def weight(self, progress):
        """The strength, risen by the ramp."""
        return self.factor(progress)


def of_correlations(source, target):
    """The distance of the covariances of the features: "coral"."""
    return coral_loss(source.features, target.features)


def of_features(source, target):
    """The discrepancy of the features: "dan"."""
    squared = _pairs(source.features, target.features)
    return dan_loss(squared, len(source.features), scale=mean_of_pairs(squared.detach()))


def of_features_and_classes(source, target):
    """The discrepancy of features and probabilities together: "jan"."""
    squared = _pairs(source.features, target.features)
    of_probability = _pairs(softmax(source.outputs), softmax(target.outputs))
    scale = mean_of_pairs(squared.detach())
    return jan_loss(squared, of_probability, len(source.features), scale=scale)


def of_classes(source, target, *, temperature):
    """The confusion of classes in the target rows: "mcc"."""
    probability = softmax(target.outputs / temperature)
    return class_confusion(probability, weight=certainty_weight(probability.detach()))


def _pairs(first, second):
    return pair_distances(torch.cat([first, second]))
