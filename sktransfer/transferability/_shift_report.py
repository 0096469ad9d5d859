"""ShiftReport: the numbers of a diagnosis of shift, and their interpretation."""

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from sktransfer._messages import listed

NONE, SHARES, COLUMNS, MORE = "none", "class proportions", "rows or scales", "more than scales"

METHODS = {
    NONE: (),
    SHARES: ("LabelShiftWeighter",),
    COLUMNS: ("DiscriminatorWeighter", "ULSIFWeighter", "MomentAligner"),
    MORE: ("CORALAligner", "SubspaceAligner", "OptimalTransportAligner"),
}

FEW_ROWS = 500  # from here on a simulated change of class proportions is seen nearly always
SMALL_AUC = 0.6


class ColumnShift(NamedTuple):
    """How far one column moved.

    Parameters
    ----------
    name : str
        Of the column; "... is missing" if the column marks missing values.
    distance : float
        Between the distributions of the domains (Kolmogorov-Smirnov), 0 to 1.
    p_value : float
        Adjusted for the number of columns (Benjamini-Hochberg).
    moved : bool
        Whether the p-value is at most the level. Of all such columns, on average at most that share
        did not move.
    """

    name: str
    distance: float
    p_value: float
    moved: bool


class ClassShare(NamedTuple):
    """The share of one class in the source and in the target.

    Parameters
    ----------
    label : object
        The class.
    source : float
        Its share of the labelled source rows.
    target : float
        Its estimated share of the target rows.
    low, high : float
        The interval of the estimate. Each end fails with the probability `level` of the report.
    """

    label: Any
    source: float
    target: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class ShiftReport:
    """The numbers of a diagnosis of shift, and the sentence that they support.

    `ShiftDiagnosis` and `diagnose_shift` make one. ``print(report)`` shows all of it.

    A guarded estimator makes one too, in ``shift_``: with the tests alone that it decides by.

    A p-value above `level` does not show that nothing moved, only that so few rows do not show it.
    With thousands of rows every small difference has a p-value near 0: then look at `auc`.

    Parameters
    ----------
    source : str or None
        The name of the source; None if several sources are taken together.
    n_source, n_target : int
        Rows of the source and of the target.
    level : float
        The level of the tests.
    p_shift : float or None
        Whether the rows differ at all, by a permutation test of a ridge regression of the domain on
        rows and squares. None, as all that follows, if there is no source row.
    auc : float or None
        How well that regression separates held-out rows of the domains: about 0.5 for equal
        domains, 1 for disjoint ones.
    p_mmd : float or None
        A second test: the maximum mean discrepancy, by permutations. The sentence does not use it.
    columns : tuple of ColumnShift
        How far each column moved.
    p_after_shares : float or None
        Whether a difference is left if source rows are drawn with the class proportions of the
        target. None without labels of source rows.
    shares : tuple of ClassShare or None
        The class proportions. None if a difference is left after them, as no interval holds then.
    p_after_moments : float or None
        Whether a difference is left if each column gets the target's mean and standard deviation.
    effective_sample_size : float or None
        The number of equal weights that are worth the weights of source rows under covariate shift.
    family : str or None
        The kind of shift: "none", "class proportions", "rows or scales" or "more than scales". None
        if the tests for it were not made.
    methods : tuple of str
        Estimators of this package that fit the family, to be compared with no transfer.
    n_labelled : int
        Labelled target rows, of classes that the source has.
    p_source_holds : float or None
        Whether the labels of target rows may come from the calibrated model of the source, in other
        class proportions. None without labels of both domains. No other number reads these labels.
    notes : tuple of str
        The results that were not computed, and the reasons.
    sources : tuple of ShiftReport
        One for each source if there are several. Each is tested by itself. Of ten sources that did
        not move, one or more are rejected by chance in 40 % of cases at the level 0.05.

    See Also
    --------
    ShiftDiagnosis : Makes the report.
    ShiftDisplay : Draws it.
    """

    source: str | None
    n_source: int
    n_target: int
    level: float
    p_shift: float | None = None
    auc: float | None = None
    p_mmd: float | None = None
    columns: tuple = ()
    p_after_shares: float | None = None
    shares: tuple | None = None
    p_after_moments: float | None = None
    effective_sample_size: float | None = None
    family: str | None = None
    methods: tuple = ()
    n_labelled: int = 0
    p_source_holds: float | None = None
    notes: tuple = ()
    sources: tuple = ()

    def with_sources(self, reports):
        """Return a copy that holds the reports of the single sources."""
        return replace(self, sources=tuple(reports))

    @property
    def sentence(self):
        """The findings, their limits, and the methods that fit: a few plain sentences."""
        if self.p_shift is None:
            return "There is no source row, so there is nothing to compare."
        return " ".join([self._found(), *self._of_the_rule()])

    def _found(self):
        test = f"p = {self.p_shift:.2g}, AUC {self.auc:.2f}"
        if self.family == NONE:
            holds = self.p_source_holds is None or self.p_source_holds > self.level
            advice = "; use the source rows as they are" if holds else ""
            return f"No shift is seen ({test}){self._doubt()}{advice}."
        start = f"The domains differ ({test})"
        start += ", though by little" if self.auc < SMALL_AUC else ""
        if self.family is None:
            return f"{start}. The kind of shift was not examined: diagnose_shift does that."
        methods = ", ".join(self.methods)
        if self.family == SHARES:
            return (
                f"{start}. Other class proportions explain it: no difference is seen after them "
                f"(p = {self.p_after_shares:.2g}).{self._most_moved_share()} Try {methods}."
            )
        start += f"{self._not_by_shares()}. "
        if self.family == COLUMNS:
            return (
                f"{start}Other means and scales of the columns explain it (p = "
                f"{self.p_after_moments:.2g}). Other rows on the same scales would look alike, and "
                "want the opposite remedy: without target labels no test can distinguish the two. "
                f"Try {methods} on labelled target rows."
            )
        return (
            f"{start}Means and scales of the columns do not explain it (p = "
            f"{self.p_after_moments:.2g}): how the columns go together, or their shapes, differ "
            f"too. Try {methods}."
        )

    def _doubt(self):
        fewest = min(self.n_source, self.n_target)
        if fewest >= FEW_ROWS:
            return ""
        return f", but {fewest} rows of a domain often do not show other class proportions"

    def _not_by_shares(self):
        if self.p_after_shares is None:
            return ", and the source labels do not say whether class proportions explain it"
        if self.p_after_shares > self.level:
            return ", and the estimated class proportions do not"
        return f", and other class proportions do not explain it (p = {self.p_after_shares:.2g})"

    def _most_moved_share(self):
        if self.shares is None:
            return ""
        share = max(self.shares, key=lambda share: abs(share.target - share.source))
        return (
            f" Class {share.label!r} is {share.source:.0%} of the source rows and about "
            f"{share.target:.0%} of the target rows ({share.low:.0%} to {share.high:.0%})."
        )

    def _of_the_rule(self):
        """Yield the sentence on target labels."""
        if self.p_source_holds is None:
            yield "Without classes of rows of both domains a rule that changed is not seen."
        elif self.p_source_holds > self.level:
            yield (
                f"The source's model is not refuted by {self.n_labelled} target labels "
                f"(p = {self.p_source_holds:.2g})."
            )
        else:
            yield (
                f"The source's model does not hold on {self.n_labelled} target labels (p = "
                f"{self.p_source_holds:.2g}): learn from these labels, for example with "
                "DomainAugmenter or TrAdaBoostClassifier."
            )

    def __str__(self):
        return "\n".join(self._lines())

    def _lines(self):
        """Yield the lines of the printed report."""
        name = "All source rows" if self.source is None else f"Source {self.source!r}"
        yield f"{name} ({self.n_source}) against target rows ({self.n_target}), level {self.level}"
        if self.p_shift is not None:
            yield from (f"  {what:<30}{value}" for what, value in self._numbers())
        yield from (f"  Note: {note}" for note in self.notes)
        yield self.sentence
        for report in self.sources:
            yield ""
            yield from report._lines()

    def _numbers(self):
        """Yield the name and the text of each number."""
        yield "rows and squares", f"p = {self.p_shift:.2g}, AUC {self.auc:.2f}"
        if self.p_mmd is not None:
            yield "mean discrepancy (MMD)", f"p = {self.p_mmd:.2g}"
        if self.columns:
            yield "columns that moved", self._moved_columns()
        if self.p_after_shares is not None:
            yield "left after class proportions", f"p = {self.p_after_shares:.2g}"
        for share in self.shares or ():
            yield (
                f"  share of {share.label!r}",
                f"{share.source:.2f} -> {share.target:.2f} ({share.low:.2f} to {share.high:.2f})",
            )
        if self.p_after_moments is not None:
            yield "left after means and scales", f"p = {self.p_after_moments:.2g}"
        if self.effective_sample_size is not None:
            size = f"{self.effective_sample_size:.0f} of {self.n_source}"
            yield "effective source rows", size
        if self.p_source_holds is not None:
            yield (
                "source's model holds",
                f"p = {self.p_source_holds:.2g} ({self.n_labelled} labels)",
            )

    def _moved_columns(self):
        moved = sorted((c for c in self.columns if c.moved), key=lambda c: -c.distance)
        names = listed([f"{c.name} {c.distance:.2f}" for c in moved], limit=60).replace("'", "")
        return f"{len(moved)} of {len(self.columns)}" + f": {names}" * bool(moved)
