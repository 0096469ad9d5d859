"""ShiftDisplay: the numbers of a diagnosis of shift as a picture."""

import textwrap

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sktransfer.plotting._pyplot import pyplot_for

MOST_COLUMNS = 12


class ShiftDisplay:
    """Draw a `ShiftReport`: the columns that moved, the class proportions, and the tests.

    Make one with `from_estimator` or `from_report`; the constructor takes the report.

    The plot locates a shift: in few columns or in all, in the class proportions or not.
    Its title is the report's sentence. A long bar of a column is a large move, whether or not it is
    significant; a pale bar is one that may be chance.

    Parameters
    ----------
    report : ShiftReport
        Of one or of several sources.

    Attributes
    ----------
    figure_ : matplotlib Figure
        Set by `plot`, as all attributes here.
    column_ax_ : matplotlib Axes
        The distances of the columns, the largest twelve.
    share_ax_ : matplotlib Axes
        The class proportions of the source and, with intervals, of the target; a sentence if there
        are none.
    test_ax_ : matplotlib Axes
        The p-values, on a logarithmic axis, with the level.

    See Also
    --------
    ShiftDiagnosis : Makes the report.

    Examples
    --------
    >>> import numpy as np
    >>> from sktransfer import ShiftDisplay, diagnose_shift
    >>> X = np.random.default_rng(0).normal(size=(300, 2))
    >>> X[200:, 1] += 2
    >>> sample_domain = ["lab"] * 200 + ["target"] * 100
    >>> report = diagnose_shift(X, sample_domain=sample_domain, random_state=0)
    >>> display = ShiftDisplay.from_report(report)
    >>> [label.get_text() for label in display.column_ax_.get_yticklabels()]
    ['x0', 'x1']
    """

    def __init__(self, report):
        self.report = report

    @classmethod
    def from_estimator(cls, diagnosis, *, source=None, figure=None):
        """Draw the report of a fitted `ShiftDiagnosis`.

        Parameters
        ----------
        diagnosis : ShiftDiagnosis
            Fitted.
        source : str, default=None
            The source to draw, if there are several. None: all together.
        figure : matplotlib Figure or None, default=None
            The figure to draw on. None creates one.

        Returns
        -------
        display : ShiftDisplay
        """
        check_is_fitted(diagnosis)
        return cls.from_report(diagnosis.report_, source=source, figure=figure)

    @classmethod
    def from_report(cls, report, *, source=None, figure=None):
        """Draw a report.

        Parameters
        ----------
        report : ShiftReport
        source : str, default=None
            The source to draw, if the report has several. None: all together.
        figure : matplotlib Figure or None, default=None
            The figure to draw on. None creates one.

        Returns
        -------
        display : ShiftDisplay

        Raises
        ------
        ValueError
            If the report has no such source, or no source at all.
        """
        known = [each.source for each in (report, *report.sources) if each.source is not None]
        if source is not None:
            if source not in known:
                raise ValueError(f"source={source!r}: expected one of {known}, or None.")
            report = next(each for each in (report, *report.sources) if each.source == source)
        if report.p_shift is None:
            raise ValueError(f"report has nothing to draw: {report.sentence}")
        return cls(report).plot(figure=figure)

    def plot(self, figure=None):
        """Draw the report.

        Parameters
        ----------
        figure : matplotlib Figure or None, default=None
            The figure to draw on. None creates one.

        Returns
        -------
        display : ShiftDisplay
            Itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        plt = pyplot_for(type(self).__name__)
        self.figure_ = figure or plt.figure(figsize=(10, 4), layout="constrained")
        self.column_ax_, self.share_ax_, self.test_ax_ = self.figure_.subplots(1, 3)
        self.figure_.suptitle(
            textwrap.fill(self.report.sentence, 140), fontsize="small", ha="left", x=0.01
        )
        self._plot_columns()
        self._plot_shares()
        self._plot_tests()
        return self

    def _plot_columns(self):
        ax = self.column_ax_
        columns = sorted(self.report.columns, key=lambda column: column.distance)[-MOST_COLUMNS:]
        colors = ["C0" if column.moved else "lightgray" for column in columns]
        ax.barh([column.name for column in columns], [c.distance for c in columns], color=colors)
        ax.set_xlim(0, 1)
        ax.set_xlabel("distance of the distributions")
        n_moved = sum(column.moved for column in self.report.columns)
        ax.set_title(f"{n_moved} of {len(self.report.columns)} columns moved", fontsize="medium")

    def _plot_shares(self):
        ax, shares = self.share_ax_, self.report.shares
        ax.set_title("class proportions", fontsize="medium")
        if shares is None:
            ax.set_axis_off()
            why = (
                "a difference is left after them" if self.report.p_after_shares else "not computed"
            )
            ax.text(0.5, 0.5, f"not stated:\n{why}", ha="center", va="center")
            return
        places = np.arange(len(shares))
        target, low, high = np.array([(s.target, s.low, s.high) for s in shares]).T
        reach = np.maximum([target - low, high - target], 0)
        ax.plot([share.source for share in shares], places, "o", color="C1", label="source")
        ax.errorbar(target, places, xerr=reach, fmt="o", color="C0", capsize=4, label="target")
        ax.set_yticks(places, [str(share.label) for share in shares])
        ax.set_ylim(-0.7, len(shares) - 0.3)
        ax.set_xlim(0, 1)
        ax.set_xlabel(f"share of rows, {1 - 2 * self.report.level:.0%} interval")
        ax.legend(frameon=False)

    def _plot_tests(self):
        ax, report = self.test_ax_, self.report
        tests = {
            "source's model holds": report.p_source_holds,
            "after means and scales": report.p_after_moments,
            "after class proportions": report.p_after_shares,
            f"any shift (AUC {report.auc:.2f})": report.p_shift,
        }
        tests = {name: p for name, p in tests.items() if p is not None}
        colors = ["C3" if p <= report.level else "lightgray" for p in tests.values()]
        ax.scatter(tests.values(), range(len(tests)), color=colors, edgecolor="black", zorder=2)
        ax.set_yticks(range(len(tests)), tests)
        ax.set_ylim(-0.7, len(tests) - 0.3)
        ax.axvline(report.level, color="black", linestyle="--", linewidth=1)
        ax.set_xscale("log")
        ax.set_xlim(0.004, 1.3)
        ax.set_xlabel(f"p-value; dashed: the level {report.level:g}")
        ax.set_title("tests", fontsize="medium")
