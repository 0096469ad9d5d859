"""What is said about images that cannot be read: a reason for each, one sentence for all."""

import os
from typing import NamedTuple

from sktransfer._messages import shortened, shown

# A message lists as many faults as these limits allow, and says how many more there are.
LONGEST_LIST = 20
LONGEST_TEXT = 700


class Unreadable(ValueError):
    """An item is no image; the message is the reason."""


class Fault(NamedTuple):
    """What is wrong with one item of X.

    Parameters
    ----------
    position : int
        Its place in X, from 0.
    path : str or None
        Its path, if it is a path.
    reason : str
        Why it cannot be read.
    """

    position: int
    path: str | None
    reason: str

    def __str__(self):
        path = "" if self.path is None else f" {shown(self.path)}"
        return f"X[{self.position}]{path} ({self.reason})"


def find_fault(item, position, reason):
    """Return what is wrong with the item at a position."""
    path = os.fsdecode(item) if isinstance(item, (str, os.PathLike)) else None
    return Fault(position, path, shortened(reason))


def list_faults(faults, n_items):
    """Say in half a sentence which images cannot be read; of many, the first few."""
    listed = []
    for fault in map(str, faults[:LONGEST_LIST]):
        if listed and sum(map(len, listed)) + len(fault) > LONGEST_TEXT:
            break
        listed.append(fault)
    more = len(faults) - len(listed)
    text = ", ".join(listed) + (f" and {more} more" if more else "")
    return f"{len(faults)} of {n_items} images cannot be read: {text}"


def raise_faults(faults, n_items):
    """Raise one ValueError for all that cannot be read, if there is any."""
    if faults:
        raise ValueError(f"{list_faults(faults, n_items)}; repair or remove them.")
