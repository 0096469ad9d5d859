"""The result of comparing candidates: their weights, before and after labels were asked for."""

from dataclasses import dataclass, field

import numpy as np


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
