"""The picture of a task graph shows its edges: arrows of few tasks, a matrix of many."""

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from sktransfer import TaskGraph, TaskGraphDisplay

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    import matplotlib.pyplot as plt

    plt.close("all")


def make_display(n_tasks=3):
    gains = np.full((n_tasks, n_tasks), 0.01)
    gains[0, 1], gains[2, 0] = 0.4, -0.2
    np.fill_diagonal(gains, np.nan)
    return TaskGraphDisplay([f"t{k}" for k in range(n_tasks)], gains, gains - 0.1, gains + 0.1)


def test_arrows_are_the_edges_whose_interval_does_not_hold_0():
    display = make_display().plot()
    assert set(display.arrows_) == {(0, 1), (2, 0)}
    helps, harms = display.arrows_[0, 1], display.arrows_[2, 0]
    assert (helps.get_linestyle(), harms.get_linestyle()) == ("-", "--")
    assert helps.get_edgecolor() != harms.get_edgecolor()
    assert (helps.get_linewidth(), harms.get_linewidth()) == (3.0, 1.75)
    assert [text.get_text() for text in display.ax_.texts] == ["t0", "t1", "t2"]
    assert display.ax_.get_title() == "1 edge helps, 1 harms"
    assert display.image_ is None


def test_many_tasks_are_a_matrix():
    display = make_display(13).plot()
    shown = display.image_.get_array()
    assert not display.arrows_
    assert np.argwhere(~np.ma.getmaskarray(shown)).tolist() == [[0, 1], [2, 0]]
    assert shown[0, 1] == 0.4
    assert display.image_.get_clim() == (-0.4, 0.4)
    assert display.ax_.get_yticklabels()[2].get_text() == "t2"


def test_no_edge_is_drawn_too():
    for n_tasks in (1, 13):
        unknown = np.full((n_tasks, n_tasks), np.nan)
        display = TaskGraphDisplay(range(n_tasks), unknown, unknown, unknown).plot()
        display.figure_.canvas.draw()
        assert display.ax_.get_title() == "0 edges help, 0 harm"


def test_a_fitted_graph_is_drawn_on_axes_of_the_user():
    import matplotlib.pyplot as plt

    rng = np.random.default_rng(0)
    X, y, task = rng.normal(size=(40, 3)), rng.normal(size=40), np.repeat(["a", "b"], 20)
    graph = TaskGraph().fit(X, y, sample_domain=task)
    ax = plt.figure().add_subplot()
    display = TaskGraphDisplay.from_estimator(graph, ax=ax)
    assert display.ax_ is ax
    assert display.tasks == ("a", "b")
    assert len(display.arrows_) == len(graph.edges())
    with pytest.raises(NotFittedError):
        TaskGraphDisplay.from_estimator(TaskGraph())
