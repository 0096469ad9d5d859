"""Adaptation by an adversary that separates the domains. Importing this module imports torch."""

import copy

import torch

from sktransfer._kernels.adversarial import (
    domain_confusion,
    domain_loss,
    inverted_loss,
    one_hot,
    soft_label_loss,
)
from sktransfer._kernels.discrepancy import certainty_weight, softmax
from sktransfer.deep._training.discriminator import Record, SmallNetwork, reverse
from sktransfer.deep._training.penalty import Penalty
from sktransfer.deep._training.schedule import ramp_factor

# How much the soft labels of the steps before count.
_MEMORY = 0.99


class Adversary(Penalty):
    """A discriminator of the domains: it learns at full strength, and the network against it.

    The loss is the mean of ``-log d`` over source rows and that of ``-log(1 - d)`` over target
    rows. `strength` and `ramp` act on the network alone [1]_.

    .. [1] Ganin et al. "Domain-adversarial training of neural networks". JMLR 17, 2016, footnote 6.
       https://jmlr.org/papers/v17/15-239.html
    """

    def __init__(self, n_inputs, *, hidden, generator, n_outputs=1, **options):
        super().__init__(**options)
        self.discriminator = SmallNetwork((n_inputs, *hidden, n_outputs), generator)
        self.record = Record()

    def of_tensors(self, source, target, progress):
        """The loss of the discriminator; its gradient on the features is turned around."""
        seen = reverse(self.see(source, target), self.factor(progress))
        logits = self.discriminator(seen)[:, 0].split([len(source.features), len(target.features)])
        self.record.see(*logits)
        return domain_loss(*logits, **self.weights(source, target))

    def see(self, source, target):
        """Return the discriminator's input of both minibatches, one after the other."""
        return torch.cat([source.features, target.features])

    def weights(self, source, target):
        """The weights of the rows, as for `domain_loss`."""
        return {}

    def doubt(self):
        """Why the result cannot be trusted: the discriminator has won."""
        return self.record.doubt()


class ConditionalAdversary(Adversary):
    """The same with a discriminator of the products of features and probabilities [1]_.

    No gradient passes through the probabilities. With `entropy` certain rows weigh more, with a
    mean of 1 in each domain. Above `most_products` there are so many random ones.

    .. [1] Long, Cao, Wang, Jordan. "Conditional adversarial domain adaptation". NeurIPS 2018.
       https://arxiv.org/abs/1705.10667
    """

    def __init__(self, n_features, n_classes, *, entropy, most_products, generator, **options):
        n_inputs = min(n_features * n_classes, most_products)
        super().__init__(n_inputs, generator=generator, **options)
        self.entropy = entropy
        if n_features * n_classes > most_products:
            for name, n in (("of_features", n_features), ("of_outputs", n_classes)):
                drawn = torch.randn(n, n_inputs, generator=generator)
                self.register_buffer(name, drawn / n_inputs**0.25)

    def see(self, source, target):
        """The products of features and probabilities."""
        features = super().see(source, target)
        probability = softmax(torch.cat([source.outputs, target.outputs]).detach())
        if hasattr(self, "of_features"):
            return (features @ self.of_features) * (probability @ self.of_outputs)
        return (probability[:, :, None] * features[:, None, :]).flatten(1)

    def weights(self, source, target):
        """With `entropy` those of certain rows are larger."""
        if not self.entropy:
            return {}
        found = [certainty_weight(softmax(part.outputs.detach())) for part in (source, target)]
        return dict(zip(("weight_source", "weight_target"), found, strict=True))


class Confusion(Adversary):
    """The network learns that the discriminator gives both domains equal probabilities [1]_.

    Target rows with a label that is read learn the soft label of their class as well. It is the
    mean of the probabilities of its source rows, over the last steps, at a temperature. The value
    of the loss is that of the discriminator.

    .. [1] Tzeng, Hoffman, Darrell, Saenko. "Simultaneous deep transfer across domains and tasks".
       ICCV 2015. https://arxiv.org/abs/1510.02192
    """

    def __init__(self, n_features, n_classes, *, confusion, soft_labels, temperature, **options):
        super().__init__(n_features, n_outputs=2, **options)
        self.confusion, self.soft_labels, self.temperature = confusion, soft_labels, temperature
        self.register_buffer("totals", torch.zeros(n_classes, n_classes))
        self.register_buffer("counts", torch.zeros(n_classes, 1))

    def of_tensors(self, source, target, progress):
        """The loss of the discriminator, with the gradient of the network's own losses."""
        features, n = self.see(source, target), len(source.features)
        logits = self.discriminator(features.detach())
        difference = (logits[:, 0] - logits[:, 1]).split([n, len(features) - n])
        self.record.see(*difference)
        self._remember(source)
        own = self.confusion * domain_confusion(self.discriminator(features, fixed=True))
        own = self.factor(progress) * (own + self.soft_labels * self._of_soft_labels(target))
        return domain_loss(*difference) + own - own.detach()

    @torch.no_grad()
    def _remember(self, source):
        labels = one_hot(source.y, len(self.totals), source.outputs)
        now = labels.T @ softmax(source.outputs / self.temperature)
        self.totals.mul_(_MEMORY).add_(now)
        self.counts.mul_(_MEMORY).add_(labels.sum(dim=0)[:, None])

    def _of_soft_labels(self, target):
        known = torch.zeros(0) if target.y is None else target.y >= 0
        if not known.any():
            return 0.0
        y = target.y[known]
        # A class that no source row has had is its own label.
        soft = self.totals / self.counts.clamp(min=1e-12)
        soft = torch.where(self.counts > 0, soft, torch.eye(len(soft), device=soft.device))
        return soft_label_loss(target.outputs[known], soft[y], temperature=self.temperature)


class TwoEncoders(Adversary):
    """Train a network of the source, then make that of the target like it [1]_.

    From the share `pretraining` of the training on, a copy of the network remains as it is, and the
    network's features of target rows are to look like the copy's of source rows. The discriminator
    separates these, and the network learns its loss with inverted labels. The head remains as it
    is. Nothing but this loss is learned then, and a factor of it would change no step of AdamW. The
    strength, and the ramp that begins there, are therefore factors of the rate. The value of the
    loss is that of the discriminator.

    .. [1] Tzeng, Hoffman, Saenko, Darrell. "Adversarial discriminative domain adaptation". CVPR
       2017. https://arxiv.org/abs/1702.05464
    """

    reads = ("inputs", "features", "outputs")

    def __init__(self, network, *, pretraining, **options):
        super().__init__(network.coef.shape[1], **options)
        self.pretraining = pretraining
        self.source_network = copy.deepcopy(network).requires_grad_(False)
        self.register_buffer("began", torch.tensor(False))
        self._network = [network]  # in a list it is no part of this module

    def of_tensors(self, source, target, progress):
        """The loss of the discriminator, with the gradient of inverted labels on target rows."""
        if progress < self.pretraining:
            return None
        if not self.began:
            self.source_network.load_state_dict(self._network[0].state_dict())
            self.began.fill_(True)
        with torch.no_grad():
            of_source = self.source_network.eval().see(source.inputs).features
        logits = [self.discriminator(part)[:, 0] for part in (of_source, target.features.detach())]
        self.record.see(*logits)
        fooled = self.discriminator(target.features, fixed=True)[:, 0]
        own = inverted_loss(fooled)
        return domain_loss(*logits) + own - own.detach()

    def learns_task(self, progress):
        """Whether the copy has not been made yet."""
        return progress < self.pretraining

    def rate(self, progress):
        """The factor of the rates of the network's steps."""
        if progress < self.pretraining:
            return 1.0
        since = (progress - self.pretraining) / (1.0 - self.pretraining)
        return self.strength * ramp_factor(since, self.ramp)
