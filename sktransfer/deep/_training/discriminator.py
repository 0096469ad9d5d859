"""Small networks that a penalty trains against the network. Importing this module imports torch."""

import itertools
import math

import torch

# The weight of earlier steps in the average accuracy, and the accuracy of a perfect discriminator.
_MEMORY, _WON = 0.9, 0.99


class _Reversed(torch.autograd.Function):
    """The same values; the gradient is turned around, times a factor."""

    @staticmethod
    def forward(context, x, factor):
        context.factor = factor
        return x.view_as(x)

    @staticmethod
    def backward(context, gradient):
        return -context.factor * gradient, None


def reverse(x, factor):
    """Return `x`; its gradient is turned around, times a factor."""
    return _Reversed.apply(x, factor)


class SmallNetwork(torch.nn.Module):
    """Linear layers with rectifiers between them, drawn from a generator.

    `sizes` are the numbers of inputs, of hidden units and of outputs.
    """

    def __init__(self, sizes, generator):
        super().__init__()
        pairs = list(itertools.pairwise(sizes))
        self.weights = torch.nn.ParameterList(_drawn(*pair, generator) for pair in pairs)
        self.biases = torch.nn.ParameterList(torch.zeros(n_outputs) for _, n_outputs in pairs)

    def forward(self, x, *, fixed=False):
        """The outputs; with `fixed` the gradient passes to `x`, and not to the weights."""
        last = len(self.weights) - 1
        for place, (weights, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            if fixed:
                weights, bias = weights.detach(), bias.detach()
            x = x @ weights + bias
            x = x if place == last else torch.relu(x)
        return x


def _drawn(n_inputs, n_outputs, generator):
    """Weights with the variance 2 / (n_inputs + n_outputs)."""
    drawn = torch.randn(n_inputs, n_outputs, generator=generator)
    return torch.nn.Parameter(drawn * math.sqrt(2.0 / (n_inputs + n_outputs)))


class Record(torch.nn.Module):
    """The accuracy of a discriminator over the last steps."""

    def __init__(self):
        super().__init__()
        self.register_buffer("accuracy", torch.tensor(0.5))

    @torch.no_grad()
    def see(self, logit_source, logit_target):
        """Count the rows of each domain that are told right by the signs of their logits."""
        right = (logit_source > 0).float().mean() + (logit_target < 0).float().mean()
        self.accuracy.lerp_(right / 2, 1.0 - _MEMORY)

    def doubt(self):
        """Return a sentence if the discriminator has won, else nothing."""
        if self.accuracy < _WON:
            return ""
        return (
            f"The discriminator tells the domains apart in {float(self.accuracy):.1%} of the rows "
            "at the end, so that the features are not alike: raise strength or max_epochs, or use "
            "another adaptation."
        )
