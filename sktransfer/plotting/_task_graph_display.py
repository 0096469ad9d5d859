"""TaskGraphDisplay: which task helps which, as a graph or as a matrix."""

import numpy as np

from sktransfer.plotting._pyplot import pyplot_for

MOST_NODES = 12

HELP, HARM = "C0", "C3"


class TaskGraphDisplay:
    """Draw a `TaskGraph`: arrows for the edges whose interval does not hold 0.

    Create it with `from_estimator`; the constructor takes the names and the numbers. A solid arrow
    leads from a task to one that it helps, and a dashed one in another color to one that it harms.
    Wide arrows are large gains. More than twelve tasks are drawn as a matrix, in which a white cell
    is an edge whose sign is not known.

    Parameters
    ----------
    tasks : sequence
        The names of the tasks.
    gains, low, high : ndarray of shape (n_tasks, n_tasks)
        The gain of the task of the column from the task of the row, and the ends of its interval.

    Attributes
    ----------
    figure_ : matplotlib Figure
        Set by `plot`, as all attributes here.
    ax_ : matplotlib Axes
        Holds the graph or the matrix.
    arrows_ : dict of (int, int) -> matplotlib FancyArrowPatch
        The arrow of each edge, by the positions of its tasks. Empty if a matrix was drawn.
    image_ : matplotlib AxesImage or None
        The matrix, if one was drawn.

    See Also
    --------
    TaskGraph : Measures the edges.

    Examples
    --------
    >>> import numpy as np
    >>> from sktransfer import TaskGraphDisplay
    >>> gains = np.array([[np.nan, 0.3], [-0.2, np.nan]])
    >>> display = TaskGraphDisplay(["ann", "ben"], gains, gains - 0.1, gains + 0.1).plot()
    >>> display.ax_.get_title()
    '1 edge helps, 1 harms'
    """

    def __init__(self, tasks, gains, low, high):
        self.tasks = tasks
        self.gains = gains
        self.low = low
        self.high = high

    @classmethod
    def from_estimator(cls, graph, *, ax=None):
        """Draw a fitted `TaskGraph`.

        Parameters
        ----------
        graph : TaskGraph
            Fitted.
        ax : matplotlib Axes or None, default=None
            Where to draw. None creates a figure.

        Returns
        -------
        display : TaskGraphDisplay

        Raises
        ------
        NotFittedError
            If the graph is not fitted.
        """
        graph.edges()  # raises if it is not fitted
        return cls(graph.tasks_, graph.gains_, graph.low_, graph.high_).plot(ax=ax)

    def plot(self, ax=None):
        """Draw the graph.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where to draw. None creates a figure.

        Returns
        -------
        display : TaskGraphDisplay
            Itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        plt = pyplot_for(type(self).__name__)
        if ax is None:
            _, ax = plt.subplots(figsize=(6, 5), layout="constrained")
        self.ax_, self.figure_ = ax, ax.figure
        self.arrows_, self.image_ = {}, None
        sure = (self.low > 0) | (self.high < 0)
        if len(self.tasks) > MOST_NODES:
            self._plot_matrix(sure)
        else:
            self._plot_graph(sure)
        helps, harms = int(np.sum(self.low > 0)), int(np.sum(self.high < 0))
        edges = "1 edge helps" if helps == 1 else f"{helps} edges help"
        ax.set_title(f"{edges}, {harms} harm{'s' * (harms == 1)}", fontsize="medium")
        return self

    def _plot_graph(self, sure):
        from matplotlib.patches import FancyArrowPatch

        angles = np.pi / 2 - 2 * np.pi * np.arange(len(self.tasks)) / len(self.tasks)
        places = np.column_stack([np.cos(angles), np.sin(angles)])
        largest = np.abs(self.gains[sure]).max(initial=0)
        for source, target in np.argwhere(sure).tolist():
            gain = self.gains[source, target]
            arrow = FancyArrowPatch(
                places[source],
                places[target],
                arrowstyle="-|>",
                mutation_scale=14,
                shrinkA=16,
                shrinkB=16,
                connectionstyle="arc3,rad=0.15",  # two arrows between tasks lie side by side
                color=HELP if gain > 0 else HARM,
                linestyle="-" if gain > 0 else "--",
                linewidth=0.5 + 2.5 * abs(gain) / largest,
            )
            self.arrows_[source, target] = self.ax_.add_patch(arrow)
        for name, (x, y) in zip(self.tasks, places, strict=True):
            self.ax_.text(x, y, str(name), ha="center", va="center")
        self.ax_.set(xlim=(-1.35, 1.35), ylim=(-1.25, 1.25), aspect="equal")
        self.ax_.set_axis_off()

    def _plot_matrix(self, sure):
        reach = np.abs(self.gains[sure]).max(initial=0) or 1.0
        shown = np.where(sure, self.gains, np.nan)
        self.image_ = self.ax_.imshow(shown, cmap="RdBu", vmin=-reach, vmax=reach)
        self.ax_.set(xlabel="target task", ylabel="source task")
        if len(self.tasks) <= 3 * MOST_NODES:
            places, names = range(len(self.tasks)), [str(name) for name in self.tasks]
            self.ax_.set_xticks(places, names, rotation=90)
            self.ax_.set_yticks(places, names)
        self.figure_.colorbar(self.image_, ax=self.ax_, label="gain in R²")
