"""Per domain: its weight in the objective, and the offset, mean and scale of its values."""

from collections.abc import Mapping
from numbers import Real
from typing import NamedTuple

import numpy as np

from sktransfer._domains import TARGET
from sktransfer._kernels.collective import LOSSES
from sktransfer._messages import listed, shown


class Standard(NamedTuple):
    """The mean and scale of the values of a domain, and the offset of its linear predictor."""

    mean: float
    scale: float
    offset: float

    def apply(self, values, loss):
        """Return centered and scaled values if the loss is squared, else the values."""
        return (values - self.mean) / self.scale if loss == "squared" else values

    def expect(self, eta, loss):
        """Return the expected values of linear predictors without offset."""
        if loss == "squared":
            return self.mean + self.scale * eta
        return LOSSES[loss].mean(self.offset + eta)


def read_standard(name, values, loss):
    """Return the `Standard` of the domain `name`, or raise an error if values do not suit."""
    mean = float(values.mean())
    if loss == "squared":
        return Standard(mean, float(values.std()) or 1.0, 0.0)
    allowed = np.isin(values, [0, 1]) if loss == "logistic" else values >= 0
    if not allowed.all():
        expected = "0 and 1" if loss == "logistic" else "counts, 0 or more"
        raise ValueError(
            f"loss={loss!r} expects values that are {expected}, but domain {name!r} has "
            f"{listed(np.unique(values[~allowed])[:3].tolist())}; take another loss, or other "
            "values."
        )
    if mean == 0 or (loss == "logistic" and mean == 1):
        raise ValueError(
            f"loss={loss!r} expects values that differ, but all {len(values)} values of domain "
            f"{name!r} are {values[0]:g}; add rows of the others, for example pairs that were not "
            "chosen as 0."
        )
    return Standard(mean, 1.0, float(LOSSES[loss].link(mean)))


def read_weights(alpha, sources):
    """Return the weight of each domain by its name."""
    names = (TARGET, *sources)
    if not isinstance(alpha, Mapping):
        return {name: alpha if name == TARGET else 1 - alpha for name in names}
    weights = {name: alpha.get(name) for name in names}
    valid = all(isinstance(each, Real) and 0 <= each < np.inf for each in weights.values())
    if not valid or not weights[TARGET] or set(alpha) - set(names):
        raise ValueError(
            f"alpha={shown(alpha)}: expected a weight of each of the domains {listed(names)}, 0 or "
            f"more, and above 0 for {TARGET!r}."
        )
    return weights
