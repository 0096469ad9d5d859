"""CompareTransferDisplay: differences to no transfer, with their intervals."""

import numpy as np

from sktransfer.plotting._pyplot import pyplot_for


class CompareTransferDisplay:
    """Draw the differences of a comparison as a forest plot: a point and an interval each.

    Create it with `from_comparison`; the constructor takes the result of `compare_transfer`.

    For each pipeline there is the difference to the best baseline, then to each baseline, and the
    gain of each source if there are several. An interval that crosses the line at 0 does not show
    whether transfer helps.

    Parameters
    ----------
    comparison : TransferComparison
        The comparison to draw.

    Attributes
    ----------
    figure_ : matplotlib Figure
        Set by `plot`, as all attributes here.
    ax_ : matplotlib Axes
        Holds the plot.
    points_ : matplotlib PathCollection
        The differences, from top to bottom.
    intervals_ : matplotlib LineCollection
        Their intervals, in the same order; one that does not exist has no length.

    See Also
    --------
    compare_transfer : Makes the comparison.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sktransfer import CompareTransferDisplay, compare_transfer, make_transfer_pipeline
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(60, 2))
    >>> y = X[:, 0] > 0
    >>> sample_domain = np.repeat(["lab", "target"], [40, 20])
    >>> pipe = make_transfer_pipeline(LogisticRegression())
    >>> comparison = compare_transfer({"both": pipe}, X, y, sample_domain=sample_domain)
    >>> display = CompareTransferDisplay.from_comparison(comparison)
    >>> [label.get_text() for label in display.ax_.get_yticklabels()]
    ['both, to the best baseline', 'to target only', 'to source only', 'to pooled']
    """

    def __init__(self, comparison):
        self.comparison = comparison

    @classmethod
    def from_comparison(cls, comparison, *, ax=None):
        """Draw a comparison.

        Parameters
        ----------
        comparison : TransferComparison
            The result of `compare_transfer`.
        ax : matplotlib Axes or None, default=None
            The axes to draw on. None creates a figure.

        Returns
        -------
        display : CompareTransferDisplay
        """
        return cls(comparison).plot(ax=ax)

    def plot(self, ax=None):
        """Draw the points and intervals.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            The axes to draw on. None creates a figure.

        Returns
        -------
        display : CompareTransferDisplay
            Itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        labels, differences, colors, places = zip(*self._lines())
        value, low, high = np.array([(d.value, d.low, d.high) for d in differences]).T
        known = ~np.isnan(low)
        plt = pyplot_for(type(self).__name__)
        size = 6.4, 1.2 + 0.26 * places[-1]
        self.ax_ = ax or plt.subplots(figsize=size, layout="constrained")[1]
        self.figure_ = self.ax_.figure
        self.ax_.axvline(0, color="0.3", linewidth=1, zorder=0)
        self.intervals_ = self.ax_.hlines(
            places, np.where(known, low, value), np.where(known, high, value), color=colors
        )
        self.points_ = self.ax_.scatter(value, places, color=colors, zorder=3)
        self.ax_.set_yticks(places, labels)
        self.ax_.set_ylim(places[-1] + 0.6, -0.6)
        share = f"{100 * self.comparison.level:.3g} %"
        self.ax_.set_xlabel(f"difference of {self.comparison.score_name}, intervals of {share}")
        self.ax_.spines[["left", "right", "top"]].set_visible(False)
        self.ax_.tick_params(axis="y", length=0)
        return self

    def _lines(self):
        """Return the label, difference, color and place of each line, from top to bottom."""
        lines, place = [], 0.0
        for model in self.comparison.pipelines:
            group = [(f"{model.name}, to the best baseline", model.difference, "C0")]
            group += [(f"to {name}", each, "0.6") for name, each in model.to_baselines.items()]
            group += [
                (f"gain of {each.source}", each.gain, "C1")
                for each in self.comparison.sources
                if each.pipeline == model.name
            ]
            lines += [(*line, place + number) for number, line in enumerate(group)]
            place += len(group) + 0.6
        return lines
