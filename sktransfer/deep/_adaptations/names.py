"""The names of adaptations, and how the parameter `adaptation` is read."""

from sktransfer._messages import shown
from sktransfer.deep._adaptations.adversaries import ADDA, CDAN, DANN, MDD, DomainConfusion
from sktransfer.deep._adaptations.discrepancies import CORAL, DAN, JAN, MCC

ADAPTATIONS = {
    "coral": CORAL,
    "dan": DAN,
    "jan": JAN,
    "mcc": MCC,
    "dann": DANN,
    "cdan": CDAN,
    "adda": ADDA,
    "confusion": DomainConfusion,
    "mdd": MDD,
}


def read_adaptation(adaptation, estimator, *, classes):
    """Return a name or a description as a description; None for None."""
    usable = {
        name: kind for name, kind in ADAPTATIONS.items() if classes or not kind._needs_classes
    }
    if adaptation is None or isinstance(adaptation, tuple(usable.values())):
        return adaptation
    if isinstance(adaptation, str) and adaptation in usable:
        return usable[adaptation]()
    kinds = ", ".join(kind.__name__ for kind in usable.values())
    raise ValueError(
        f"The 'adaptation' parameter of {type(estimator).__name__} must be one of "
        f"{shown(list(usable))}, a description of sktransfer.deep ({kinds}), as in DANN(), or "
        f"None. Got {shown(adaptation)} instead."
    )
