"""Adaptation by an adversary that tells the domains apart. Importing this module imports torch."""

import math

import torch
from torch.nn import functional as F

from sktransfer._kernels.discrepancy import softmax
from sktransfer.deep._training.penalty import Penalty
from sktransfer.deep._training.schedule import ramp_factor

# Hidden units of the discriminator.
_N_HIDDEN = 100

# Products of features and probabilities, above which random ones of this number take their place.
_MOST_PRODUCTS = 4096

# How much the step before counts in the average of the discriminator's accuracy, and what is won.
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


class Adversary(Penalty):
    """A discriminator of the domains: it learns at full strength, and the network against it.

    The loss is the mean of ``-log d`` over labelled rows and that of ``-log(1 - d)`` over the
    others; 2 log 2 if nothing can be told. `strength` and `ramp` act on the network alone [1]_.
    With `conditional` the discriminator sees the products of features and probabilities, through
    which no gradient reaches the latter [2]_.

    .. [1] Ganin et al. "Domain-adversarial training of neural networks". JMLR 17, 2016, footnote 6.
       https://jmlr.org/papers/v17/15-239.html
    .. [2] Long, Cao, Wang, Jordan. "Conditional adversarial domain adaptation". NeurIPS 2018.
       https://arxiv.org/abs/1705.10667
    """

    def __init__(self, n_features, n_outputs, *, conditional, strength, ramp, generator):
        super().__init__()
        self.conditional, self.strength, self.ramp = conditional, strength, ramp
        n_inputs = n_features * n_outputs if conditional else n_features
        if conditional and n_inputs > _MOST_PRODUCTS:
            n_inputs = _MOST_PRODUCTS
            for name, n in (("of_features", n_features), ("of_outputs", n_outputs)):
                drawn = torch.randn(n, n_inputs, generator=generator)
                self.register_buffer(name, drawn / n_inputs**0.25)
        self.hidden = _drawn(n_inputs, _N_HIDDEN, generator)
        self.hidden_bias = torch.nn.Parameter(torch.zeros(_N_HIDDEN))
        self.last = _drawn(_N_HIDDEN, 1, generator)
        self.last_bias = torch.nn.Parameter(torch.zeros(1))
        self.register_buffer("accuracy", torch.tensor(0.5))

    def of_tensors(self, labelled, unlabelled, progress):
        """The loss of the discriminator; its gradient on the features is turned around."""
        seen = self.see(labelled, unlabelled)
        factor = self.strength * ramp_factor(progress, self.ramp)
        hidden = torch.relu(_Reversed.apply(seen, factor) @ self.hidden + self.hidden_bias)
        logits = (hidden @ self.last + self.last_bias)[:, 0]
        first, second = logits.split(len(logits) // 2)
        with torch.no_grad():
            right = (first > 0).float().mean() + (second < 0).float().mean()
            self.accuracy.lerp_(right / 2, 1.0 - _MEMORY)
        return F.softplus(-first).mean() + F.softplus(second).mean()

    def see(self, labelled, unlabelled):
        """What the discriminator sees of both minibatches, one after the other."""
        features = torch.cat([labelled.features, unlabelled.features])
        if not self.conditional:
            return features
        probability = softmax(torch.cat([labelled.outputs, unlabelled.outputs]).detach())
        if hasattr(self, "of_features"):
            return (features @ self.of_features) * (probability @ self.of_outputs)
        return (probability[:, :, None] * features[:, None, :]).flatten(1)

    def doubt(self):
        """Why the result cannot be trusted: the discriminator has won."""
        if self.accuracy < _WON:
            return ""
        return (
            f"The discriminator tells the domains apart in {float(self.accuracy):.1%} of the rows "
            "at the end, so that the features are not alike: raise strength or max_epochs, or use "
            "another adaptation."
        )


def _drawn(n_inputs, n_outputs, generator):
    """Weights with the variance 2 / (n_inputs + n_outputs)."""
    drawn = torch.randn(n_inputs, n_outputs, generator=generator)
    return torch.nn.Parameter(drawn * math.sqrt(2.0 / (n_inputs + n_outputs)))
