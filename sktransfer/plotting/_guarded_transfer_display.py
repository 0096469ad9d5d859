"""GuardedTransferDisplay: differences to no transfer with intervals, and the weights."""

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sktransfer.plotting._pyplot import pyplot_for


class GuardedTransferDisplay:
    """Draw the candidates of a guarded estimator next to no transfer.

    Make one with `from_estimator`; the constructor takes its results.

    To the left is a forest plot: for the mixture and each candidate the difference to no transfer,
    and its interval. An interval that crosses the line at 0 does not show whether transfer helps.
    A gray line is the share of unlabelled target rows whose prediction changes: no gain and no loss
    on these rows can exceed it. It is all that is known without labels. To the right are the
    weights.

    Parameters
    ----------
    report : object
        The ``report_`` of a guarded estimator.
    difference : float or None
        Of the mixture.
    interval : tuple of (float, float), or None
        Of `difference`.
    changed : float or None
        The share of unlabelled target rows that the mixture changes.
    level : float, default=0.9
        Of the intervals.

    Attributes
    ----------
    figure_ : matplotlib Figure
        Set by `plot`, as all attributes here.
    axes_ : ndarray of shape (2,), dtype object
        Hold the forest plot, and the weights.
    points_ : matplotlib PathCollection
        The differences that are known, from top to bottom.
    intervals_, limits_ : matplotlib LineCollection
        The intervals that are known, and the gray lines.
    bars_ : matplotlib BarContainer
        The weights.

    See Also
    --------
    GuardedTransferClassifier : The estimator to draw.

    Examples
    --------
    >>> import numpy as np
    >>> from sktransfer import GuardedTransferClassifier, GuardedTransferDisplay
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(80, 2))
    >>> y = X[:, 0] > 0
    >>> sample_domain = np.repeat(["lab", "target"], [60, 20])
    >>> guard = GuardedTransferClassifier(random_state=0).fit(X, y, sample_domain=sample_domain)
    >>> display = GuardedTransferDisplay.from_estimator(guard)
    >>> [label.get_text() for label in display.axes_[0].get_yticklabels()][:3]
    ['mixture', 'target (no transfer)', 'source']
    """

    def __init__(self, *, report, difference=None, interval=None, changed=None, level=0.9):
        self.report = report
        self.difference = difference
        self.interval = interval
        self.changed = changed
        self.level = level

    @classmethod
    def from_estimator(cls, guard, *, axes=None):
        """Draw a fitted guarded estimator, as it is after `fit` or after `settle`.

        Parameters
        ----------
        guard : GuardedTransferClassifier or GuardedTransferRegressor
            Fitted.
        axes : sequence of two matplotlib Axes, or None, default=None
            The axes of the forest plot and of the weights. None creates a figure.

        Returns
        -------
        display : GuardedTransferDisplay
        """
        check_is_fitted(guard)
        return cls(
            report=guard.report_,
            difference=guard.difference_,
            interval=guard.interval_,
            changed=guard.changed_,
            level=guard.level,
        ).plot(axes=axes)

    def plot(self, axes=None):
        """Draw the forest plot and the weights.

        Parameters
        ----------
        axes : sequence of two matplotlib Axes, or None, default=None
            The axes to draw on. None creates a figure.

        Returns
        -------
        display : GuardedTransferDisplay
            Itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        lines = self.report.lines
        self.axes_ = np.asarray(_new_axes(len(lines)) if axes is None else axes, dtype=object)
        self.figure_ = self.axes_[0].figure
        self._plot_forest(self.axes_[0], lines)
        self._plot_weights(self.axes_[1], lines)
        return self

    def _plot_forest(self, ax, lines):
        names = ["mixture", f"{lines[0].name} (no transfer)", *(line.name for line in lines[1:])]
        found = [(self.difference, self.interval, self.changed)]
        found += [
            (line.difference, None if line.low is None else (line.low, line.high), line.changed)
            for line in lines
        ]
        colors = np.where(np.arange(len(found)) == 0, "C0", "0.35")
        limits = [(place, each[2]) for place, each in enumerate(found) if each[2] is not None]
        intervals = [(place, each[1]) for place, each in enumerate(found) if each[1] is not None]
        points = [(place, each[0]) for place, each in enumerate(found) if each[0] is not None]
        ax.axvline(0, color="0.3", linewidth=1, zorder=0)
        self.limits_ = ax.hlines(
            [place for place, _ in limits],
            [-share for _, share in limits],
            [share for _, share in limits],
            color="0.85",
            linewidth=7,
            zorder=1,
        )
        self.intervals_ = ax.hlines(
            [place for place, _ in intervals],
            [low for _, (low, _) in intervals],
            [high for _, (_, high) in intervals],
            color=[colors[place] for place, _ in intervals],
        )
        self.points_ = ax.scatter(
            [value for _, value in points],
            [place for place, _ in points],
            color=[colors[place] for place, _ in points],
            zorder=3,
        )
        ax.set_yticks(range(len(names)), names)
        ax.set_ylim(len(names) - 0.4, -0.6)
        ax.set_xlabel(self._label())
        ax.spines[["left", "right", "top"]].set_visible(False)
        ax.tick_params(axis="y", length=0)

    def _label(self):
        score = "accuracy" if self.report.score_name == "accuracy" else "rows predicted more nearly"
        text = f"difference of {score} to no transfer"
        if self.interval is not None:
            text += f", {100 * self.level:.3g} % intervals"
        if self.report.queried is not None:
            n_labelled, wins, losses = self.report.queried
            text += f"\n{n_labelled} labels of rows that differ: {wins} wins, {losses} losses"
        return text

    def _plot_weights(self, ax, lines):
        places = np.arange(1, 1 + len(lines))
        self.bars_ = ax.barh(places, [line.weight for line in lines], color="C0", height=0.6)
        ax.set_ylim(len(lines) + 0.6, -0.6)
        ax.set_xlim(0, 1)
        ax.set_yticks([])
        ax.set_xlabel("weight")
        ax.spines[["right", "top"]].set_visible(False)


def _new_axes(n_lines):
    plt = pyplot_for("GuardedTransferDisplay")
    return plt.subplots(
        ncols=2, width_ratios=(3, 1), figsize=(7.2, 1.4 + 0.3 * n_lines), layout="constrained"
    )[1]
