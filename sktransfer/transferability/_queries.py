"""Rows whose labels decide between the candidates' mixture and no transfer."""

from dataclasses import dataclass, replace

import numpy as np

from sktransfer._kernels.queries import queried_interval, sequential_sign_test
from sktransfer._messages import listed, shown

KEPT, REJECTED, UNDECIDED = "kept", "rejected", "undecided"


@dataclass(frozen=True, eq=False)
class Questions:
    """Unlabelled target rows of a fit on which two models differ, in the order of asking.

    Parameters
    ----------
    positions : ndarray of shape (n_differ,), dtype int
        In X.
    new, old : ndarray of shape (n_differ, n_outputs)
        The answers of the challenger and of no transfer.
    n_rows : int
        All unlabelled target rows.
    n_offered : int, default=0
        How many of the rows were asked for.
    wins : dict of int -> int, default={}
        For each settled position, 1 if only the challenger is right, -1 if only no transfer is.
    looks : tuple of (int, int, int), default=()
        The labelled rows, wins and losses after each call.
    """

    positions: np.ndarray
    new: np.ndarray
    old: np.ndarray
    n_rows: int
    n_offered: int = 0
    wins: dict = None
    looks: tuple = ()

    def offered(self, n_more):
        """Return these questions with `n_more` offered, and the positions of these rows."""
        stop = min(self.n_offered + n_more, len(self.positions))
        return replace(self, n_offered=stop), self.positions[self.n_offered : stop].copy()

    def check(self, rows):
        """Return the places of rows among the questions, or raise ValueError."""
        rows = np.asarray(rows)
        if not rows.size and not self.n_offered:
            raise ValueError(
                "rows=[]: no row was offered, so there is nothing to settle; rows_to_label returns "
                "no row if all candidates predict the same as no transfer."
            )
        if rows.ndim != 1 or not len(rows) or rows.dtype.kind not in "iu":
            raise ValueError(
                f"rows={shown(rows.tolist())}: expected positions in X, as rows_to_label returned "
                "them."
            )
        offered = {
            row: place for place, row in enumerate(self.positions[: self.n_offered].tolist())
        }
        strange = [row for row in rows.tolist() if row not in offered]
        if strange:
            raise ValueError(
                f"rows holds {listed(strange)}, which rows_to_label has not offered since the fit; "
                "pass rows that it returned, because others are no random draw."
            )
        settled = self.wins or {}
        twice = [row for row in rows.tolist() if row in settled]
        twice += [row for row, count in zip(*np.unique(rows, return_counts=True)) if count > 1]
        if twice:
            raise ValueError(
                f"rows holds {listed(map(int, twice))} more than once, or settled before; pass "
                "each once."
            )
        return np.array([offered[row] for row in rows.tolist()])

    def settled(self, rows, wins):
        """Return these questions after some rows were labelled."""
        known = dict(self.wins or {}) | dict(zip(np.asarray(rows).tolist(), wins, strict=True))
        values = np.array(list(known.values()))
        look = len(values), int((values > 0).sum()), int((values < 0).sum())
        return replace(self, wins=known, looks=(*self.looks, look))

    def decision(self, *, rule, level):
        """Return whether the challenger is kept, rejected, or neither yet."""
        n_labelled, wins, losses = self.looks[-1]
        if n_labelled == len(self.positions) and rule == "sure":
            return KEPT if wins > losses else REJECTED
        if rule == "majority":
            return KEPT if wins >= losses else REJECTED
        found = sequential_sign_test(self.looks, alpha=1 - level)
        return {1: KEPT, -1: REJECTED, 0: UNDECIDED}[found]

    def interval(self, *, level):
        """Return the difference on all unlabelled target rows, and its interval."""
        n_labelled, wins, losses = self.looks[-1]
        difference, low, high = queried_interval(
            wins, losses, n_labelled, n_differ=len(self.positions), n_rows=self.n_rows, level=level
        )
        return difference, (low, high)


def questions(positions, new, old, judge, generator):
    """Return the `Questions` for unlabelled target rows, in a random order.

    Classes differ or not. Numbers nearly always do, so that the half of the rows that differ most
    is asked for.

    Parameters
    ----------
    positions : ndarray of int
        Of the unlabelled target rows, in an order of their own.
    new, old : ndarray of shape (n_rows, n_outputs)
        The answers of the challenger and of no transfer.
    judge : ClassJudge or NumberJudge
    generator : RandomState
    """
    distance = judge.distance(new, old)
    differ = np.flatnonzero(distance > judge.least_distance(distance))
    order = generator.permutation(differ)
    return Questions(positions[order], new[order], old[order], len(positions))
