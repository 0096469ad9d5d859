"""Rankings of candidates for transfer: a row each, and a sentence."""

from dataclasses import dataclass

from sktransfer._messages import shortened
from sktransfer.transferability._comparison import Difference
from sktransfer.transferability._guard_report import interval_text

# The p-value up to which a candidate is better than chance.
CHANCE = 0.05


@dataclass(frozen=True, kw_only=True)
class RankedCandidate:
    """A candidate of a ranking; None for a figure that was not computed.

    Parameters
    ----------
    name : str
    n_features : int or None
        Columns of its features.
    leep, nce : float or None
        Of the outputs of a fitted classifier, as `leep_score` and `nce_score`.
    skill : float or None
        1 minus the leave-one-out error of a ridge regression over that of the mean label.
    p_value : float or None
        The share of other orders of the labels with as large a skill for some candidate. Below 0.05
        the candidate is better than chance, also as the best of all.
    score, loss : float or None
        Accuracy and log-loss out of fold, R2 and mean squared error of numbers. None for candidates
        that are not on the short list.
    difference : Difference or None
        To the preferred candidate, out of fold, with its interval. It is a difference of accuracies
        or, for numbers, the share of rows predicted more nearly less that of rows predicted less
        nearly.
    weight : float
        The weight of the candidate in an average of predictions; 0 off the short list.
    seconds : float
        Of its features and its probes; those of the features of a network are shared by its stages.
    """

    name: str
    n_features: int | None = None
    leep: float | None = None
    nce: float | None = None
    skill: float | None = None
    p_value: float | None = None
    score: float | None = None
    loss: float | None = None
    difference: Difference | None = None
    weight: float = 0.0
    seconds: float = 0.0


@dataclass(frozen=True, kw_only=True, repr=False)
class _BaseRanking:
    """Candidates, the best first."""

    candidates: tuple
    preferred: str
    n_rows: int
    level: float
    score_name: str
    loss_name: str
    sentence: str

    @property
    def best(self) -> str:
        """The name of the candidate of the largest weight."""
        return self.candidates[0].name

    @property
    def weights(self) -> dict:
        """The weight of each candidate that has one, by name; they sum to 1."""
        return {each.name: each.weight for each in self.candidates if each.weight > 0}

    def to_frame(self):
        """Return the table as a DataFrame of pandas, the names as index."""
        import pandas as pd

        rows = []
        for each in self.candidates:
            row = {name: value for name, value in vars(each).items() if name != "difference"}
            value, low, high = (
                (each.difference.value, each.difference.low, each.difference.high)
                if each.difference
                else (None, None, None)
            )
            rows.append(row | {"difference": value, "low": low, "high": high})
        return pd.DataFrame(rows).set_index("name").astype(float)  # NaN for None

    def __str__(self):
        titles = {"name": "candidate", "n_features": "features", "p_value": "p"}
        titles |= {"leep": "LEEP", "nce": "NCE"}
        titles |= {"score": self.score_name, "loss": self.loss_name}
        titles |= {"difference": f"to {self.preferred}"}
        columns = [
            column
            for column in _FORMATS
            if any(getattr(each, column) is not None for each in self.candidates)
        ]
        rows = [[titles.get(column, column) for column in columns]]
        rows += [
            [_text(column, getattr(each, column)) for column in columns] for each in self.candidates
        ]
        widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
        lines = [
            "  ".join(
                cell.ljust(width) if column == "name" else cell.rjust(width)
                for column, cell, width in zip(columns, row, widths, strict=True)
            ).rstrip()
            for row in rows
        ]
        return "\n".join([*lines, self.sentence])

    __repr__ = __str__


_FORMATS = {
    "name": "{}",
    "n_features": "{}",
    "leep": "{:.3f}",
    "nce": "{:.3f}",
    "skill": "{:.3f}",
    "p_value": "{:.2f}",
    "score": "{:.3f}",
    "loss": "{:.3g}",
    "difference": "{}",
    "weight": "{:.2f}",
    "seconds": "{:.2f}",
}


def _text(column, value):
    if value is None:
        return "-"
    return shortened(_FORMATS[column].format(value), limit=60)


class BackboneRanking(_BaseRanking):
    """Networks and stages by how well their features predict the labels, the best first.

    `rank_backbones` makes one. ``print(ranking)`` shows a table that ends in a sentence.

    Parameters
    ----------
    candidates : tuple of RankedCandidate
        By weight, then by skill.
    preferred : str
        The candidate with half of the prior weight.
    n_rows : int
        Labelled rows that candidates were scored on; 0 if no score was possible.
    level : float
        The level of the intervals.
    score_name, loss_name : str
        The names of the score and of the loss.
    sentence : str
        The result in words.
    """


class SourceRanking(_BaseRanking):
    """Source domains by how much their rows help on labelled target rows, the best first.

    `rank_sources` makes one. ``print(ranking)`` shows a table that ends in a sentence.

    Parameters
    ----------
    candidates : tuple of RankedCandidate
        By weight.
    preferred : str
        The candidate with half of the prior weight: no source.
    n_rows : int
        Labelled target rows that candidates were scored on; 0 if no score was possible.
    level : float
        The level of the intervals.
    score_name, loss_name : str
        The names of the score and of the loss.
    sentence : str
        The result in words.
    """


def sorted_candidates(candidates):
    """Return candidates by weight, then by skill; ties keep their order."""

    def key(each):
        return -each.weight, -(each.skill if each.skill is not None else 0.0)

    return tuple(sorted(candidates, key=key))


def sentence_of(candidates, preferred, judge, *, n_rows, level, noun):
    """Return the result in words.

    Parameters
    ----------
    candidates : tuple of RankedCandidate
        Sorted.
    preferred : str
    judge : ClassJudge or NumberJudge
    n_rows : int
    level : float
    noun : str
        A candidate in words.
    """
    best = candidates[0]
    if not n_rows:
        return (
            f"{judge.too_few} no {noun} can be scored, so {preferred} is kept unseen; label more "
            "rows."
        )
    p_values = [each.p_value for each in candidates if each.p_value is not None]
    if p_values and min(p_values) > CHANCE:
        return (
            f"No {noun} is better than chance (p = {min(p_values):.2f} for the best of "
            f"{len(p_values)} on {n_rows} rows): label more rows, or use other features."
        )
    share = f"{100 * best.weight:.0f} % of the weight"
    if best.name == preferred:
        rivals = [each for each in candidates if each.difference is not None]
        if not rivals:
            return f"{preferred} is the only {noun}."
        other, start = rivals[0], f"Keep {preferred} ({share})."
        return f"{start} Next is {other.name}: {_against(other, preferred, judge, n_rows, level)}"
    return f"Use {best.name} ({share}): {_against(best, preferred, judge, n_rows, level)}"


def _against(each, preferred, judge, n_rows, level):
    interval = each.difference.low, each.difference.high
    compared = judge.compared(each.difference.value, preferred)
    compared = compared[0].lower() + compared[1:]
    is_shown = interval[0] > 0 or interval[1] < 0
    shown = "shown" if is_shown else "it contains 0, so no difference is shown"
    return f"{compared} out of fold; {interval_text(interval, level)} from {n_rows} rows: {shown}."
