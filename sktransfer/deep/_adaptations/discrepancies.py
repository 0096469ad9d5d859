"""Adaptations by a number that is computed of a minibatch, without weights of their own."""

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from sktransfer.deep._adaptations.description import Adaptation


@dataclass(frozen=True)
class CORAL(Adaptation):
    r"""Make the covariances of the features alike: Deep CORAL.

    The loss is :math:`\|C_s - C_t\|_F^2 / (4 d^2)` of d features. It is the cheapest and steadiest
    of all, and sees neither means nor classes. Its factor must be raised for wide networks: try
    strengths from 1 to 100.

    References
    ----------
    Sun, Saenko. "Deep CORAL: correlation alignment for deep domain adaptation". ECCV Workshops
    2016. https://arxiv.org/abs/1607.01719

    Examples
    --------
    >>> from sktransfer.deep import CORAL
    >>> CORAL()
    CORAL()
    """

    def _make_penalty(self, network, how):
        from sktransfer.deep._training.penalty import Discrepancy, of_correlations

        return Discrepancy(of_correlations, **how.options())


@dataclass(frozen=True)
class DAN(Adaptation):
    r"""Lower the squared maximum mean discrepancy of the features, by five kernels.

    The kernel is :math:`\sum_{i=-2}^{2} \exp(-\|f - f'\|^2 / (2^i b))`, with the mean squared
    distance b of the minibatch, through which no gradient passes. It is a safe choice. Class
    proportions that differ hurt it.

    References
    ----------
    Long, Cao, Wang, Jordan. "Learning transferable features with deep adaptation networks". ICML
    2015. https://arxiv.org/abs/1502.02791

    Examples
    --------
    >>> from sktransfer.deep import DAN
    >>> DAN()
    DAN()
    """

    def _make_penalty(self, network, how):
        from sktransfer.deep._training.penalty import Discrepancy, of_features

        return Discrepancy(of_features, **how.options())


@dataclass(frozen=True)
class JAN(Adaptation):
    r"""Lower the discrepancy of features and probabilities together.

    The kernel is that of `DAN` times :math:`\exp(-\|p - p'\|^2 / 1.68)` of probabilities p. Rows
    that are predicted alike are brought together, so that it helps if the predictions are right
    more often than not.

    References
    ----------
    Long, Zhu, Wang, Jordan. "Deep transfer learning with joint adaptation networks". ICML 2017.
    https://arxiv.org/abs/1605.06636

    Examples
    --------
    >>> from sktransfer.deep import JAN
    >>> JAN()
    JAN()
    """

    _needs_classes: ClassVar[bool] = True
    _reads_classes: ClassVar[bool] = True

    def _make_penalty(self, network, how):
        from sktransfer.deep._training.penalty import Discrepancy, of_features_and_classes

        return Discrepancy(of_features_and_classes, **how.options())


@dataclass(frozen=True)
class MCC(Adaptation):
    """Lower the confusion of classes in the predictions of target rows.

    It compares no domains, so that class proportions may differ. With two classes it collapses
    into one most easily. Its paper has no ramp.

    Parameters
    ----------
    temperature : float, default=2.5
        Logits are divided by it.

    Raises
    ------
    ValueError
        If the field is out of range.

    References
    ----------
    Jin, Wang, Long, Wang. "Minimum class confusion for versatile domain adaptation". ECCV 2020.
    https://arxiv.org/abs/1912.03699

    Examples
    --------
    >>> from sktransfer.deep import MCC
    >>> MCC(temperature=2.0)
    MCC(temperature=2.0)
    """

    temperature: float = 2.5

    _needs_classes: ClassVar[bool] = True
    _reads_classes: ClassVar[bool] = True

    def _make_penalty(self, network, how):
        from sktransfer.deep._training.penalty import Discrepancy, of_classes

        loss = partial(of_classes, temperature=self.temperature)
        return Discrepancy(loss, **how.options())
