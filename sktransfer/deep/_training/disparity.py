"""Adaptation by a second head that disagrees in the target. Importing this module imports torch."""

import torch

from sktransfer._kernels.adversarial import margin_disparity, one_hot, target_disparity
from sktransfer.deep._training.discriminator import SmallNetwork, reverse
from sktransfer.deep._training.penalty import Penalty


class _SecondHead(Penalty):
    """A second head, which learns at full strength, and the network against it."""

    def __init__(self, n_features, n_outputs, *, hidden, margin, reversal, generator, **options):
        super().__init__(**options)
        self.margin, self.reversal = margin, reversal
        self.other = SmallNetwork((n_features, *hidden, n_outputs), generator)

    def of_tensors(self, source, target, progress):
        """The loss of the second head; its gradient on the features is turned around."""
        factor = self.reversal * self.factor(progress)
        features = reverse(torch.cat([source.features, target.features]), factor)
        others = self.other(features).split([len(source.features), len(target.features)])
        return self.compare(*others, source.outputs.detach(), target.outputs.detach())


class ClassDisparity(_SecondHead):
    """The second head agrees on the class in the source, and not in the target."""

    def compare(self, other_source, other_target, source, target):
        """The loss for the classes that the first head predicts."""
        labels = [one_hot(part.argmax(dim=1), part.shape[1], part) for part in (source, target)]
        return margin_disparity(other_source, other_target, *labels, margin=self.margin)


class TargetDisparity(_SecondHead):
    """The second head predicts the same numbers in the source, and others in the target."""

    def compare(self, other_source, other_target, source, target):
        """The loss for the numbers that the first head predicts."""
        return target_disparity(other_source, other_target, source, target, margin=self.margin)
