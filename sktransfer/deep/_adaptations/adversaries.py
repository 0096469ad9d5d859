"""Adaptations that train a second network: a discriminator of the domains, or a second head."""

from dataclasses import dataclass
from typing import ClassVar

from sktransfer.deep._adaptations.description import Adaptation


class _Adversarial(Adaptation):
    """An adaptation with a second network of its own."""

    def _options(self, how):
        """The arguments of its penalty that all of them have."""
        return {"hidden": self.hidden_layer_sizes, "own_rate": self.rate, **how.drawn()}


@dataclass(frozen=True)
class DANN(_Adversarial):
    """Learn features by which a discriminator cannot tell the domains apart.

    The discriminator learns at full strength, and its gradient on the features is turned around.
    It is less steady than a distance, and class proportions that differ hurt it most.

    Parameters
    ----------
    hidden_layer_sizes : tuple of int, default=(100,)
        The hidden layers of the discriminator; () makes it linear.
    rate : float, default=10.0
        How much faster the discriminator learns than the head: a factor of `learning_rate`.

    Raises
    ------
    ValueError
        If fields are out of range; one message names all of them.

    References
    ----------
    Ganin et al. "Domain-adversarial training of neural networks". JMLR 17, 2016.
    https://jmlr.org/papers/v17/15-239.html

    Examples
    --------
    >>> from sktransfer.deep import DANN
    >>> DANN(hidden_layer_sizes=())
    DANN(hidden_layer_sizes=(), rate=10.0)
    """

    hidden_layer_sizes: tuple = (100,)
    rate: float = 10.0

    def _make_penalty(self, network, how):
        from sktransfer.deep._training.adversary import Adversary

        return Adversary(network.coef.shape[1], **self._options(how))


@dataclass(frozen=True)
class CDAN(_Adversarial):
    """Learn the same as `DANN`, with a discriminator of products of features and probabilities.

    No gradient passes through the probabilities. It helps if the predictions of target rows are
    right more often than not, because rows of one class are then compared with each other.

    Parameters
    ----------
    entropy : bool, default=False
        Whether rows weigh ``1 + exp(-H)`` in the discriminator's loss, for the entropy H of their
        probabilities, with a mean of 1 in each domain: CDAN+E.
    hidden_layer_sizes : tuple of int, default=(100,)
        The hidden layers of the discriminator.
    rate : float, default=10.0
        How much faster the discriminator learns than the head: a factor of `learning_rate`.
    max_products : int, default=4096
        More products are replaced by so many random ones.

    Raises
    ------
    ValueError
        If fields are out of range; one message names all of them.

    References
    ----------
    Long, Cao, Wang, Jordan. "Conditional adversarial domain adaptation". NeurIPS 2018.
    https://arxiv.org/abs/1705.10667

    Examples
    --------
    >>> from sktransfer.deep import CDAN
    >>> CDAN(entropy=True).entropy
    True
    """

    entropy: bool = False
    hidden_layer_sizes: tuple = (100,)
    rate: float = 10.0
    max_products: int = 4096

    _needs_classes: ClassVar[bool] = True
    _reads_classes: ClassVar[bool] = True

    def _make_penalty(self, network, how):
        from sktransfer.deep._training.adversary import ConditionalAdversary

        n_classes, n_features = network.coef.shape
        return ConditionalAdversary(
            n_features,
            n_classes,
            entropy=self.entropy,
            most_products=self.max_products,
            **self._options(how),
        )


@dataclass(frozen=True)
class ADDA(_Adversarial):
    """Train a network of the source, and then one of the target that looks like it.

    After the pretraining a copy of the network remains as it is, and labels are not learned any
    more. Features of target rows learn to look like the copy's of source rows, with inverted
    labels. Nothing holds the classes in their places then, so that long training loses them. The
    strength and the ramp are factors of the steps of the network.

    Parameters
    ----------
    pretraining : float, default=0.5
        The share of the training before the copy is made.
    hidden_layer_sizes : tuple of int, default=(100,)
        The hidden layers of the discriminator.
    rate : float, default=10.0
        How much faster the discriminator learns than the head: a factor of `learning_rate`.

    Raises
    ------
    ValueError
        If fields are out of range; one message names all of them.

    References
    ----------
    Tzeng, Hoffman, Saenko, Darrell. "Adversarial discriminative domain adaptation". CVPR 2017.
    https://arxiv.org/abs/1702.05464

    Examples
    --------
    >>> from sktransfer.deep import ADDA
    >>> ADDA(pretraining=0.8).pretraining
    0.8
    """

    pretraining: float = 0.5
    hidden_layer_sizes: tuple = (100,)
    rate: float = 10.0

    def _make_penalty(self, network, how):
        from sktransfer.deep._training.adversary import TwoEncoders

        return TwoEncoders(network, pretraining=self.pretraining, **self._options(how))


@dataclass(frozen=True)
class DomainConfusion(_Adversarial):
    """Confuse a discriminator, and learn soft labels: transfer across domains and tasks.

    The network learns that the discriminator gives both domains equal probabilities. With
    ``supervised=True`` target rows with a label also learn the mean probabilities of the source
    rows of their class, which show the classes that are alike.

    Parameters
    ----------
    confusion : float, default=0.01
        The factor of the first loss.
    soft_labels : float, default=0.1
        The factor of the second loss.
    temperature : float, default=2.0
        Logits are divided by it for soft labels.
    hidden_layer_sizes : tuple of int, default=(100,)
        The hidden layers of the discriminator.
    rate : float, default=10.0
        How much faster the discriminator learns than the head: a factor of `learning_rate`.

    Raises
    ------
    ValueError
        If fields are out of range; one message names all of them.

    References
    ----------
    Tzeng, Hoffman, Darrell, Saenko. "Simultaneous deep transfer across domains and tasks". ICCV
    2015. https://arxiv.org/abs/1510.02192

    Examples
    --------
    >>> from sktransfer.deep import DomainConfusion
    >>> DomainConfusion(soft_labels=1.0).soft_labels
    1.0
    """

    confusion: float = 0.01
    soft_labels: float = 0.1
    temperature: float = 2.0
    hidden_layer_sizes: tuple = (100,)
    rate: float = 10.0

    _needs_classes: ClassVar[bool] = True
    _reads_classes: ClassVar[bool] = True

    def _make_penalty(self, network, how):
        from sktransfer.deep._training.adversary import Confusion

        n_classes, n_features = network.coef.shape
        return Confusion(
            n_features,
            n_classes,
            confusion=self.confusion,
            soft_labels=self.soft_labels,
            temperature=self.temperature,
            **self._options(how),
        )


@dataclass(frozen=True)
class MDD(_Adversarial):
    """Learn features by which a second head cannot disagree with the first in the target alone.

    The second head learns to agree with the first in the source and to disagree in the target. Its
    gradient on the features is turned around. For numbers the disagreement is the absolute
    difference: disparity discrepancy, the adaptation that is made for regression.

    Parameters
    ----------
    margin : float or None, default=None
        The weight of the agreement in the source. None: 4 for classes and 1 for numbers.
    reversal : float, default=0.1
        The factor of the gradient that is turned around.
    hidden_layer_sizes : tuple of int, default=(100,)
        The hidden layers of the second head.
    rate : float, default=10.0
        How much faster the second head learns than the first: a factor of `learning_rate`.

    Raises
    ------
    ValueError
        If fields are out of range; one message names all of them.

    References
    ----------
    Zhang, Liu, Long, Jordan. "Bridging theory and algorithm for domain adaptation". ICML 2019.
    https://arxiv.org/abs/1904.05801

    Examples
    --------
    >>> from sktransfer.deep import MDD
    >>> MDD(margin=2.0).margin
    2.0
    """

    margin: float | None = None
    reversal: float = 0.1
    hidden_layer_sizes: tuple = (100,)
    rate: float = 10.0

    _reads_classes: ClassVar[bool] = True

    def _make_penalty(self, network, how):
        from sktransfer.deep._training.disparity import ClassDisparity, TargetDisparity

        kind, margin = (ClassDisparity, 4.0) if how.classes else (TargetDisparity, 1.0)
        n_outputs, n_features = network.coef.shape
        return kind(
            n_features,
            n_outputs,
            margin=margin if self.margin is None else self.margin,
            reversal=self.reversal,
            **self._options(how),
        )
