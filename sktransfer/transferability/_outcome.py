"""Weights of candidates before they are compared, and the result of comparing them."""

from dataclasses import dataclass, field

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


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The candidates, and the weights by which a guarded estimator predicts.

    Parameters
    ----------
    names : list of str
        Of the candidates, the one without transfer first.
    models : list of estimator
        Fitted on all rows.
    weights : ndarray of shape (n_candidates,)
        By which new rows are predicted.
    challenger : ndarray of shape (n_candidates,)
        The weights that queried labels keep or reject.
    decision : str
    lines : list of dict
        The figures of each candidate for the report.
    left_out : dict of str -> str
        The reason for each candidate that was left out.
    difference : float or None
        Of the challenger to no transfer.
    interval : tuple of float, or None
    n_rows : int
        The number of rows behind the interval.
    shift : object or None
        The tests of the domains.
    """

    names: list
    models: list
    weights: np.ndarray
    challenger: np.ndarray
    decision: str
    lines: list
    left_out: dict = field(default_factory=dict)
    difference: float | None = None
    interval: tuple | None = None
    n_rows: int = 0
    shift: object = None

    @property
    def no_transfer(self):
        """The weights of no transfer."""
        return (np.arange(len(self.names)) == 0).astype(float)
