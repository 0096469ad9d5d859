"""The forest plot and the weights are the numbers of the report."""

import numpy as np
import pytest

from sktransfer import GuardedTransferDisplay
from sktransfer.transferability._guard_report import GuardReport, ReportLine

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    import matplotlib.pyplot as plt

    plt.close("all")


def make_report(queried=None):
    return GuardReport(
        lines=(
            ReportLine(name="source", weight=0.5),
            ReportLine(name="coral", weight=0.3, difference=0.1, low=-0.1, high=0.3, changed=0.25),
            ReportLine(name="moments", weight=0.2),
        ),
        left_out={},
        sentence="Nothing is known.",
        queried=queried,
        score_name="accuracy",
        loss_name="log-loss",
    )


def test_points_intervals_limits_and_bars_are_the_numbers():
    display = GuardedTransferDisplay(
        report=make_report(), difference=0.05, interval=(-0.01, 0.11), changed=0.2
    ).plot()
    labels = [label.get_text() for label in display.axes_[0].get_yticklabels()]
    assert labels == ["mixture", "source (no transfer)", "coral", "moments"]
    np.testing.assert_allclose(display.points_.get_offsets(), [[0.05, 0], [0.1, 2]])
    ends = [segment.tolist() for segment in display.intervals_.get_segments()]
    assert ends == [[[-0.01, 0], [0.11, 0]], [[-0.1, 2], [0.3, 2]]]
    limits = [segment[:, 0].tolist() for segment in display.limits_.get_segments()]
    assert limits == [[-0.2, 0.2], [-0.25, 0.25]]
    assert [bar.get_width() for bar in display.bars_] == [0.5, 0.3, 0.2]
    assert "accuracy to no transfer, 90 % intervals" in display.axes_[0].get_xlabel()


def test_nothing_known_draws_no_point_and_queries_are_named():
    report = make_report(queried=(20, 12, 3))
    import matplotlib.pyplot as plt

    _, axes = plt.subplots(ncols=2)
    display = GuardedTransferDisplay(report=report)
    assert display.plot(axes=axes) is display
    assert display.axes_[0] is axes[0]
    assert len(display.points_.get_offsets()) == 1
    assert "20 labels of rows that differ: 12 wins, 3 losses" in axes[0].get_xlabel()
    assert "%" not in axes[0].get_xlabel()
