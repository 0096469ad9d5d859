"""The forest plot shows the numbers of a comparison."""

import numpy as np
import pytest

from sktransfer import CompareTransferDisplay
from sktransfer.transferability import (
    ComparedModel,
    ComparedSource,
    Difference,
    TransferComparison,
)

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    import matplotlib.pyplot as plt

    plt.close("all")


def make_comparison(interval=(-0.1, 0.3)):
    to_baselines = {"target only": Difference(0.1, *interval), "pooled": Difference(0.2, 0.0, 0.4)}
    return TransferComparison(
        score_name="accuracy",
        level=0.9,
        n_rows=20,
        n_fits=30,
        models=(
            ComparedModel("target only", 0.8, 0.1, 0.01),
            ComparedModel("pooled", 0.7, 0.1, 0.01),
            ComparedModel("coral", 0.9, 0.1, 0.02, Difference(0.1, *interval), to_baselines),
        ),
        sources=(ComparedSource("coral", "lab", 0.8, 0.7, Difference(0.2, -0.2, 0.6)),),
        estimator=None,
    )


def test_points_and_intervals_are_the_differences_from_top_to_bottom():
    display = CompareTransferDisplay.from_comparison(make_comparison())
    labels = [label.get_text() for label in display.ax_.get_yticklabels()]
    assert labels == ["coral, to the best baseline", "to target only", "to pooled", "gain of lab"]
    np.testing.assert_allclose(display.points_.get_offsets()[:, 0], [0.1, 0.1, 0.2, 0.2])
    ends = [segment[:, 0].tolist() for segment in display.intervals_.get_segments()]
    assert ends == [[-0.1, 0.3], [-0.1, 0.3], [0.0, 0.4], [-0.2, 0.6]]
    bottom, top = display.ax_.get_ylim()
    assert bottom > top
    assert "accuracy, intervals of 90 %" in display.ax_.get_xlabel()


def test_a_difference_without_an_interval_is_a_point():
    display = CompareTransferDisplay.from_comparison(make_comparison(interval=()))
    assert display.intervals_.get_segments()[0][:, 0].tolist() == [0.1, 0.1]


def test_a_given_axes_is_drawn_on_and_plot_returns_the_display():
    import matplotlib.pyplot as plt

    figure, ax = plt.subplots()
    display = CompareTransferDisplay(make_comparison())
    assert display.plot(ax=ax) is display
    assert display.ax_ is ax
    assert display.figure_ is figure
