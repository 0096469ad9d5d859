"""The report of a guarded estimator: one row a candidate, and a sentence."""

from dataclasses import dataclass

import numpy as np

from sktransfer._kernels.intervals import paired_interval
from sktransfer._messages import shortened
from sktransfer.transferability._queries import UNDECIDED

COLUMNS = (
    "name",
    "weight",
    "score",
    "loss",
    "difference",
    "low",
    "high",
    "changed",
    "rehearsed",
    "seconds",
)


@dataclass(frozen=True, kw_only=True)
class ReportLine:
    """The figures of a candidate; None for a figure that could not be computed.

    Parameters
    ----------
    name : str
    weight : float
    score, loss : float or None
        Accuracy and log-loss out of fold, R2 and mean squared error of a regressor.
    difference, low, high : float or None
        To no transfer, out of fold, and the ends of its interval. For a classifier that of the
        accuracy. For a regressor the share of rows that are predicted more nearly, less the share
        of those that are predicted less nearly.
    changed : float or None
        The share of the unlabelled target rows whose prediction is not that of no transfer.
    rehearsed : float or None
        The mean loss in rehearsals on sources.
    seconds : float
        That its fits and predictions took.
    """

    name: str
    weight: float
    score: float | None = None
    loss: float | None = None
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    changed: float | None = None
    rehearsed: float | None = None
    seconds: float = 0.0


@dataclass(frozen=True, kw_only=True)
class GuardReport:
    """A table of the candidates, and a sentence that says whether transfer is used.

    Parameters
    ----------
    lines : tuple of ReportLine
    left_out : dict of str -> str
        The reason for each candidate that could not take part.
    sentence : str
    queried : tuple of (int, int, int), or None
        The labels that `settle` has seen, and on how many of these rows transfer alone was right,
        and no transfer alone.
    score_name, loss_name : str
        The names of the score and the loss.
    """

    lines: tuple
    left_out: dict
    sentence: str
    queried: tuple | None
    score_name: str
    loss_name: str

    def to_frame(self):
        """Return the table as a DataFrame of pandas, the names as index."""
        import pandas as pd

        data = {column: [getattr(each, column) for each in self.lines] for column in COLUMNS}
        return pd.DataFrame(data).set_index("name").astype(float)  # NaN for None

    def __str__(self):
        used = [c for c in COLUMNS if any(getattr(each, c) is not None for each in self.lines)]
        titles = {"name": "candidate", "score": self.score_name, "loss": self.loss_name}
        rows = [[titles.get(column, column) for column in used]]
        rows += [[_text(column, getattr(each, column)) for column in used] for each in self.lines]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        table = [
            "  ".join(
                cell.ljust(width) if column == "name" else cell.rjust(width)
                for column, cell, width in zip(used, row, widths, strict=True)
            ).rstrip()
            for row in rows
        ]
        notes = [f"left out: {name}, as {why}" for name, why in self.left_out.items()]
        return "\n".join([*table, *(shortened(note, limit=160) for note in notes), self.sentence])


def _text(column, value):
    if value is None:
        return "-"
    if column == "name":
        return value
    digits = {"weight": "{:.2f}", "seconds": "{:.2f}", "loss": "{:.3g}", "rehearsed": "{:.3g}"}
    signed = column in ("difference", "low", "high")
    return digits.get(column, "{:+.3f}" if signed else "{:.3f}").format(value)


def sentence_with_labels(outcome, judge, *, used, weight, level):
    """Return the sentence of a fit with target labels.

    Parameters
    ----------
    outcome : Outcome
    judge : ClassJudge or NumberJudge
    used : bool
        Whether transfer is used.
    weight : float
        The weight of all candidates but no transfer.
    level : float
    """
    share = f"{100 * weight:.0f} % of the weight"
    start = f"Transfer is used ({share})." if used else f"Transfer is not used ({share})."
    if len(outcome.names) == 1:
        return "No transfer was possible: the model is that of target rows alone."
    if outcome.interval is None:
        return (
            f"{start} {judge.too_few} target rows alone cannot be scored, so no interval says "
            "whether it helps; label more rows."
        )
    n_rows = outcome.n_rows
    said = (
        f"too few to judge, as no interval from {n_rows} excludes 0; label more rows"
        if never_excludes_zero(n_rows, level=level)
        else verdict(outcome.interval)
    )
    return (
        f"{start} {judge.compared(outcome.difference, 'target rows alone')} out of fold; "
        f"{interval_text(outcome.interval, level)} from {n_rows} row{'s' * (n_rows > 1)}: {said}."
    )


def sentence_without_labels(outcome, questions, judge, *, changed):
    """Return the sentence of a fit without target labels.

    Parameters
    ----------
    outcome : Outcome
    questions : Questions
    judge : ClassJudge or NumberJudge
    changed : float
        The share of target rows whose prediction differs from that of the source model.
    """
    start = f"No target label was used; decision: {outcome.decision}."
    if len(outcome.names) == 1:
        return (
            f"{start} No candidate could be fitted, so there is nothing to compare: pass "
            "candidates that read these rows, such as pipelines that begin as the estimator does."
        )
    if not changed and not len(questions.positions):
        return (
            f"{start} Every target row is predicted as by the source alone, and there is no row "
            "whose label decides."
        )
    return (
        f"{start} The predictions of {100 * changed:.1f} % of the target rows differ from those of "
        f"the source alone, and {judge.limit}. Whether transfer helps is not known: label "
        "rows_to_label(20) and pass them to settle."
    )


def sentence_of_queries(questions, decision, judge, *, level, baseline):
    """Return the sentence after labels of queried rows.

    Parameters
    ----------
    questions : Questions
    decision : str
    judge : ClassJudge or NumberJudge
    level : float
    baseline : str
        The meaning of "no transfer".
    """
    n_labelled, wins, losses = questions.looks[-1]
    difference, interval = questions.interval(level=level)
    n_ties = n_labelled - wins - losses
    more = "; label more rows" if decision == UNDECIDED else ""
    ties = f"; on {n_ties} {judge.tie}" if n_ties else ""
    all_known = n_labelled == len(questions.positions)
    sure = judge.exact if all_known else interval_text(interval, level)
    return (
        f"Transfer is {decision}{more}. Of {n_labelled} labelled rows on which it differs from "
        f"{baseline} alone, transfer wins {wins} and loses {losses}{ties}. "
        f"{judge.compared(difference, baseline + ' alone')} on the unlabelled target rows; "
        f"{sure}."
    )


def interval_text(interval, level):
    """Return an interval in the units of the difference."""
    low, high = (100 * end for end in interval)
    return f"{100 * level:.3g} % interval {low:.1f} to {high:.1f}"


def verdict(interval):
    """Return whether an interval shows a difference."""
    low, high = interval
    if low > 0:
        return "shown to help"
    return "shown to hurt" if high < 0 else "it contains 0, so no improvement is shown"


def never_excludes_zero(n_rows, *, level):
    """Return whether the interval contains 0 even if every row is a win."""
    return paired_interval(np.ones(n_rows), level=level)[1] <= 0
