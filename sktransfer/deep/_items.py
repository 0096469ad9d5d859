"""The user's input, read once: the interface for a kind of input (pictures, texts).

The `preprocessing` of a `Backbone` is an `InputDescription`. Its `read` turns X into `Items`, and
these yield the batches that the network takes. All else is the same for every kind of input: the
cache, the engines, the stages, the messages.
"""

import os
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from sktransfer._messages import shortened, shown

# Results of at least so many bytes lie in a file that is mapped into memory.
IN_MEMORY = 2**30

# A message lists as many faults as these limits allow, and says how many more there are.
LONGEST_LIST = 20
LONGEST_TEXT = 700


class Unreadable(ValueError):
    """An item cannot be read; the message is the reason."""


class Fault(NamedTuple):
    """The reason why one item of X cannot be read.

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


@dataclass(frozen=True)
class Run:
    """How items pass through a network; `device` and `precision` alone change features.

    Parameters
    ----------
    batch_size : int, default=64
        The number of items that run through the network at once.
    n_jobs : int or None, default=None
        The number of threads of the network, and of those that read items beside it.
    device, precision : str, default="auto" and "float32"
        As for `open_engine`.
    cache : "memory", str, os.PathLike or None, default="memory"
        As for `open_cache`.
    on_error : {"raise", "nan"}, default="raise"
        "nan" gives rows of NaN to items that cannot be read.
    as_bytes : bool, default=False
        Whether batches may be pixels of 8 bits, uint8, which the engine scales on its device.
    in_memory : int or None, default=2**30
        The size in bytes from which on the result lies in a temporary file that is mapped into
        memory, and is deleted with it; None: never.
    around_batch : callable, default=nullcontext
        Returns a context manager that is entered for each batch that the network computes.
    """

    batch_size: int = 64
    n_jobs: int | None = None
    device: str = "auto"
    precision: str = "float32"
    cache: object = "memory"
    on_error: str = "raise"
    as_bytes: bool = False
    in_memory: int | None = IN_MEMORY
    around_batch: Callable = field(default=nullcontext, compare=False)

    def of_engine(self):
        """Return the options of `open_engine`."""
        return {name: getattr(self, name) for name in ("n_jobs", "device", "precision")}


class InputDescription(ABC):
    """How an item becomes the input of a network: a frozen dataclass with a plain `repr`.

    The cache knows features by this `repr`, so it must hold all that changes the input.

    Attributes
    ----------
    kind : str
        The key in `KINDS` of the parameters that it reads.
    """

    kind = "item"

    @abstractmethod
    def read(self, X, estimator, *, reset, on_error="raise"):
        """Check X, and return its items.

        Parameters
        ----------
        X : object
            As the user passed it.
        estimator : estimator
            The one that X was given to. With ``reset=True`` it gets `n_features_in_` and
            `feature_names_in_`, if X has them. With ``reset=False`` it is fitted.
        reset : bool
            True in `fit`. The items are not ready for `batches` before `Items.learn`.
        on_error : {"raise", "nan"}, default="raise"
            "nan" accepts items that cannot be read.

        Returns
        -------
        items : Items

        Raises
        ------
        ValueError or TypeError
            If X is no sequence of such items.
        """

    def with_options(self, of_kind):
        """Return the description with the parameters of its kind that are not None."""
        return self

    def as_one_input(self):
        """Return a description with which each item is one input, for training."""
        return self

    def moved(self, old, new):
        """Return the description for a network that was at `old` and is at `new`."""
        return self

    def input_shape(self, items):
        """Return the shape of one item's input in an array that holds those of all items."""
        raise NotImplementedError

    def count_batches(self, n, batch_size):
        """Return the most batches that n items become; None if that is not known."""
        return None

    def mask(self, inputs):
        """Tell which positions of a batch are no padding, for `pool`.

        Parameters
        ----------
        inputs : ndarray or dict of str to ndarray
            A batch that `Items.batches` yielded, or some of its rows.

        Returns
        -------
        mask : ndarray of shape (n, n_positions) or None
            None if nothing is padded.
        """
        return None


class Items(ABC):
    """A user's X, read once; a frozen dataclass for each kind of input.

    Attributes
    ----------
    noun : str
        The word that messages use, in the singular, as in "image".
    positions : ndarray or None
        The places of the items in the X of the user; None: 0, 1, 2 ...
    item_shape : tuple of int or None
        The shape of each item if X is one array, otherwise None.
    """

    noun = "item"
    positions = None
    item_shape = None

    @abstractmethod
    def __len__(self):
        """Return the number of items."""

    @abstractmethod
    def take(self, rows):
        """Return some of the items, by an array of row numbers."""

    @abstractmethod
    def learn(self, estimator, *, on_error="raise"):
        """Learn in `fit` how items are read; return the items, ready for `batches`.

        Parameters
        ----------
        estimator : estimator
            Its parameters are read. It gets the attributes that later calls of
            `InputDescription.read` need.
        on_error : {"raise", "nan"}, default="raise"
            "nan" ignores items that cannot be read.
        """

    @abstractmethod
    def digest(self):
        """Return a str in hexadecimal that is the same for the same items in the same order."""

    def whole_key(self):
        """Return bytes that depend on all items and how they are read, or None.

        With them a call is known as a whole: worth it if items are quicker hashed together than
        one by one. None: items are looked up one by one only.
        """
        return None

    @abstractmethod
    def find_unreadable(self, estimator):
        """Return a list of `Fault`: all items that an estimator, fitted or not, cannot read."""

    @abstractmethod
    def batches(self, inputs, run, faults, *, choose=None, view=None):
        """Read items, and yield the batches that a network takes.

        Parameters
        ----------
        inputs : InputDescription
            How an item becomes the input.
        run : Run
            ``batch_size`` is the largest number of items in a batch, ``n_jobs`` the number of
            threads. With ``on_error="raise"`` the first fault ends the batches, and the other
            items are still asked for their faults.
        faults : list
            A `Fault` is added for each item that cannot be read, with its row number.
        choose : callable or None, default=None
            ``choose(rows, digests, reading)`` returns a bool for each item: whether it is
            wanted. A digest is 16 bytes that depend on the content alone; `reading` is any
            value that defines how it is read. It may be called in threads, before the costly part.
        view : object or None, default=None
            A random view of the items, as `View`.

        Yields
        ------
        rows : list of int
            Not necessarily in order. An item that is too long for one input comes several times,
            next to each other in one batch; its features are averaged.
        batch : ndarray or dict of str to ndarray
            An item gives the same bits in any batch. Later batches use the memory again.
        """

    def fault(self, row, reason):
        """Return a `Fault` for a row."""
        return Fault(row, None, shortened(reason))

    def list_faults(self, faults):
        """Return half a sentence that names the items that cannot be read; of many, the first."""
        listed = []
        for fault in faults[:LONGEST_LIST]:
            if self.positions is not None:
                fault = fault._replace(position=int(self.positions[fault.position]))
            if listed and sum(map(len, listed)) + len(str(fault)) > LONGEST_TEXT:
                break
            listed.append(str(fault))
        more = len(faults) - len(listed)
        text = ", ".join(listed) + (f" and {more} more" if more else "")
        return f"{len(faults)} of {len(self)} {self.noun}s cannot be read: {text}"

    def raise_faults(self, faults):
        """Raise one ValueError for all that cannot be read, if there is any."""
        if faults:
            raise ValueError(f"{self.list_faults(faults)}; repair or remove them.")

    def list_rows(self, rows, most=10):
        """Return the places in X of some rows, as text; of many, the first few."""
        places = rows if self.positions is None else np.asarray(self.positions)[rows]
        more = f" and {len(rows) - most} more" if len(rows) > most else ""
        return ", ".join(f"X[{place}]" for place in places[:most]) + more


class ListedItems(Items):
    """Items whose dataclass holds each of them in the tuple `content`."""

    def __len__(self):
        return len(self.content)

    def take(self, rows):
        positions = rows if self.positions is None else self.positions[rows]
        return replace(self, content=tuple(self.content[row] for row in rows), positions=positions)


def path_of(item):
    """Return the path that an item is, or that its file system has for it, or None."""
    if isinstance(item, (str, os.PathLike)):
        return os.fsdecode(item)
    path = getattr(item, "path", None) if hasattr(item, "fs") else None
    return path if isinstance(path, str) else None
