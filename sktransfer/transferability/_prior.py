"""The weights that candidates have before they are scored."""

import numpy as np

from sktransfer._messages import shown


def read_prior(settings, names):
    """Return the weights that candidates have before they are scored.

    A list of one candidate is not weighed: it has all of it.
    """
    given, prior = settings.prior, np.ones(len(names))
    if isinstance(settings.candidates, list | tuple | dict) and len(settings.candidates) == 1:
        prior[0] = 0
    if given is None:
        return prior
    values = [given.get(name, 0) for name in names] if isinstance(given, dict) else given
    unknown = set(given) - set(names) if isinstance(given, dict) else ()
    try:
        prior = np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        prior = np.empty(0)
    valid = prior.shape == (len(names),) and np.isfinite(prior).all() and (prior >= 0).all()
    if unknown or not valid or not prior.sum():
        raise ValueError(
            f"prior={shown(given)}: expected a number of 0 or more for each of the candidates "
            f"{shown(names)}, one of them above 0, as a list in this order or a dict."
        )
    return prior


def described(weights, names, decision):
    """Return the name of the candidate that has all weight, or else the decision."""
    return f"{names[int(weights.argmax())]} alone" if weights.max() == 1 else decision
