"""The base of the descriptions of adaptations: checks of their fields, and their penalty."""

from dataclasses import dataclass, fields
from numbers import Integral, Real
from typing import ClassVar, NamedTuple

from sktransfer._messages import shown


class How(NamedTuple):
    """The input of a penalty beside the network: parameters of an estimator, and a seed.

    `classes` says whether the outputs of the network are logits of classes.
    """

    strength: float
    ramp: float | None
    seed: int
    classes: bool

    def options(self):
        """The arguments that every penalty takes."""
        return {"strength": self.strength, "ramp": self.ramp}

    def drawn(self):
        """The same for a penalty whose weights are drawn."""
        import torch

        return {**self.options(), "generator": torch.Generator().manual_seed(self.seed)}


def _is_sizes(value):
    return isinstance(value, tuple) and all(isinstance(n, Integral) and n > 0 for n in value)


_POSITIVE = (lambda value: isinstance(value, Real) and value > 0, "a number above 0")
_NOT_NEGATIVE = (lambda value: isinstance(value, Real) and value >= 0, "a number of 0 or more")

# By the name of a field: a test of its value, and the expectation in words.
_EXPECTED = {
    "temperature": _POSITIVE,
    "margin": (lambda value: value is None or _POSITIVE[0](value), "a number above 0, or None"),
    "rate": _POSITIVE,
    "reversal": _NOT_NEGATIVE,
    "confusion": _NOT_NEGATIVE,
    "soft_labels": _NOT_NEGATIVE,
    "pretraining": (
        lambda value: isinstance(value, Real) and 0 <= value < 1,
        "a number from 0 to 1, less than 1",
    ),
    "hidden_layer_sizes": (_is_sizes, "a tuple of whole numbers from 1 on, as in (100,)"),
    "entropy": (lambda value: isinstance(value, bool), "True or False"),
    "max_products": (
        lambda value: isinstance(value, Integral) and value > 0,
        "a whole number from 1 on",
    ),
}


@dataclass(frozen=True)
class Adaptation:
    """A method with its own parameters, which the names of methods leave at their defaults."""

    # Whether it reads classes, so that a regressor cannot use it.
    _needs_classes: ClassVar[bool] = False

    # Whether it reads them if there are some, so that several columns have a penalty each.
    _reads_classes: ClassVar[bool] = False

    def __post_init__(self):
        faults = [
            f"{field.name}={shown(getattr(self, field.name))} must be {words}"
            for field in fields(self)
            for holds, words in [_EXPECTED[field.name]]
            if not holds(getattr(self, field.name))
        ]
        if faults:
            name = type(self).__name__
            raise ValueError(f"This {name} cannot be used: {'; '.join(faults)}.")

    def _make_penalty(self, network, how):
        """Return the `Penalty` of a network, as a `How` says."""
        raise NotImplementedError
