"""The report of `store_features`: what there is now, what is missing, and what the time went to."""

from dataclasses import dataclass
from typing import NamedTuple

from sktransfer._messages import shortened, shown

# A report shows so many items and shards; the parts name all items.
MOST_EXAMPLES = 10

_WORK = {
    "read": "reading shards",
    "decode": "decoding",
    "network": "the network",
    "write": "writing",
}


class ShardFault(NamedTuple):
    """The reason why a shard has no part.

    Parameters
    ----------
    name : str
        The shard.
    reason : str
        Why it cannot be read, or how its processes died.
    """

    name: str
    reason: str


@dataclass(frozen=True)
class StoreReport:
    """What `store_features` has done; ``str(report)`` says it in sentences.

    Parameters
    ----------
    n_rows : int
        The rows in the parts of all shards.
    n_faults : int
        Those of them that have no features, because the item cannot be read or its features are
        not finite.
    n_made : int
        The parts that were made by this call.
    n_kept : int
        The parts that were there, and are those of the shards and of the extractor.
    n_tried : int
        The items that were read and run by this call, except for those that were lost with a
        process.
    set_aside : tuple of ShardFault
        The shards without a part, and the reasons.
    faults : tuple of (str, str)
        The names of the first items without features in the parts made, and the reasons.
    seconds : float
        The duration of the call.
    seconds_of : dict of str to float
        The seconds that all workers together spent on "read", "decode", "network" and "write". A
        worker counts the kind that it waits for: decoding beside the network costs nothing. "read"
        is the reading of tar and Parquet files, beside all else, too. "decode" is everything around
        the network: the files of lists are read in it, and the network is loaded.
    """

    n_rows: int
    n_faults: int
    n_made: int
    n_kept: int
    n_tried: int
    set_aside: tuple[ShardFault, ...]
    faults: tuple[tuple[str, str], ...]
    seconds: float
    seconds_of: dict[str, float]

    def __str__(self):
        n_parts = self.n_made + self.n_kept
        sentences = [
            f"{_count(self.n_rows, 'row')} in {_count(n_parts, 'part')}: {self.n_made} made in "
            f"{self.seconds:.1f} s, {self.n_kept} kept."
        ]
        if self.n_faults:
            share = 100 * self.n_faults / self.n_rows
            text = f"{_count(self.n_faults, 'row')} ({share:.2g} %) without features"
            sentences.append(f"{text}{_examples(self.faults, self.n_faults)}.")
        if self.set_aside:
            text = f"{_count(len(self.set_aside), 'shard')} set aside"
            sentences.append(f"{text}{_examples(self.set_aside, len(self.set_aside))}.")
        total = sum(self.seconds_of.values())
        if total:
            shares = [
                f"{100 * self.seconds_of[kind] / total:.0f} % for {work}"
                for kind, work in _WORK.items()
            ]
            sentences.append(f"The workers waited {', '.join(shares)}.")
        return " ".join(sentences)


class Tally:
    """The sums of receipts, of bounded size whatever their number."""

    def __init__(self):
        self._sums = dict.fromkeys(("n_rows", "n_faults", "n_made", "n_kept", "n_tried"), 0)
        self._seconds_of = dict.fromkeys(_WORK, 0.0)
        self._set_aside, self._faults = [], []

    @property
    def n_rows(self):
        """The rows so far."""
        return self._sums["n_rows"]

    def add(self, receipt):
        """Add the receipt of a part that was made or kept, or of a shard without one."""
        if receipt.reason is not None:
            self._set_aside.append(ShardFault(receipt.name, receipt.reason))
            return
        self._sums["n_made" if receipt.seconds else "n_kept"] += 1
        for name in ("n_rows", "n_faults", "n_tried"):
            self._sums[name] += getattr(receipt, name)
        for kind, seconds in receipt.seconds.items():
            self._seconds_of[kind] += seconds
        self._faults += receipt.examples[: MOST_EXAMPLES - len(self._faults)]

    def report(self, seconds):
        """Return the report; shards that were set aside in the order of their names."""
        return StoreReport(
            **self._sums,
            set_aside=tuple(sorted(self._set_aside)),
            faults=tuple(self._faults),
            seconds=seconds,
            seconds_of=self._seconds_of,
        )


def _count(n, noun):
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def _examples(pairs, n):
    shown_ones = [f"{shown(name)} ({shortened(reason)})" for name, reason in pairs[:MOST_EXAMPLES]]
    if not shown_ones:
        return ""
    more = f" and {n - len(shown_ones)} more" if n > len(shown_ones) else ""
    return f": {', '.join(shown_ones)}{more}"
