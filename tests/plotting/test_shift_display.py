"""The picture of a diagnosis shows the numbers of its report."""

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from sktransfer import ShiftDiagnosis, ShiftDisplay
from sktransfer.transferability import ClassShare, ColumnShift, ShiftReport

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    import matplotlib.pyplot as plt

    plt.close("all")


def make_report(
    *, n_columns=3, shares=(("a", 0.5, 0.2, 0.1, 0.3), ("b", 0.5, 0.8, 0.7, 0.9)), **more
):
    columns = [ColumnShift(f"c{k}", k / n_columns, 0.5 - k / 5, k > 0) for k in range(n_columns)]
    return ShiftReport(
        source="lab",
        n_source=90,
        n_target=80,
        level=0.05,
        p_shift=0.01,
        auc=0.7,
        p_mmd=0.02,
        columns=tuple(columns),
        p_after_shares=0.4 if shares else 0.01,
        shares=tuple(ClassShare(*share) for share in shares) if shares else None,
        p_after_moments=0.01,
        effective_sample_size=40.0,
        family="class proportions" if shares else "more than scales",
        methods=("LabelShiftWeighter",),
        **more,
    )


def labels_of(ax):
    return [label.get_text() for label in ax.get_yticklabels()]


def test_bars_are_the_distances_of_the_columns_and_pale_if_they_may_be_chance():
    display = ShiftDisplay.from_report(make_report())
    assert labels_of(display.column_ax_) == ["c0", "c1", "c2"]
    assert [bar.get_width() for bar in display.column_ax_.patches] == [0, 1 / 3, 2 / 3]
    colors = [bar.get_facecolor() for bar in display.column_ax_.patches]
    assert colors[0] != colors[1] == colors[2]
    assert display.column_ax_.get_title() == "2 of 3 columns moved"


def test_of_many_columns_the_farthest_are_drawn():
    display = ShiftDisplay.from_report(make_report(n_columns=40))
    assert labels_of(display.column_ax_) == [f"c{k}" for k in range(28, 40)]
    assert display.column_ax_.get_title() == "39 of 40 columns moved"


def test_intervals_of_the_shares():
    display = ShiftDisplay.from_report(make_report())
    assert labels_of(display.share_ax_) == ["a", "b"]
    segments = display.share_ax_.collections[0].get_segments()
    np.testing.assert_allclose([segment[:, 0] for segment in segments], [[0.1, 0.3], [0.7, 0.9]])


def test_a_sentence_instead_of_shares_that_do_not_hold():
    display = ShiftDisplay.from_report(make_report(shares=None))
    assert display.share_ax_.texts[0].get_text() == "not stated:\na difference is left after them"


def test_the_p_values_that_there_are():
    display = ShiftDisplay.from_report(make_report(p_source_holds=0.3, n_labelled=9))
    assert labels_of(display.test_ax_) == [
        "source's model holds",
        "after means and scales",
        "after class proportions",
        "any shift (AUC 0.70)",
    ]
    np.testing.assert_allclose(
        display.test_ax_.collections[0].get_offsets()[:, 0], [0.3, 0.01, 0.4, 0.01]
    )


def test_one_of_several_sources():
    rng = np.random.default_rng(0)
    X, sample_domain = rng.normal(size=(90, 2)), np.repeat(["a", "b", "target"], 30)
    diagnosis = ShiftDiagnosis(random_state=0).fit(X, sample_domain=sample_domain)
    assert ShiftDisplay.from_estimator(diagnosis).report is diagnosis.report_
    assert ShiftDisplay.from_estimator(diagnosis, source="b").report.source == "b"
    with pytest.raises(ValueError, match=r"source='c': expected one of \['a', 'b'\], or None"):
        ShiftDisplay.from_estimator(diagnosis, source="c")
    with pytest.raises(NotFittedError):
        ShiftDisplay.from_estimator(ShiftDiagnosis())


def test_no_source_is_nothing_to_draw():
    report = ShiftReport(source=None, n_source=0, n_target=9, level=0.05)
    with pytest.raises(ValueError, match="report has nothing to draw: There is no source row"):
        ShiftDisplay.from_report(report)


def test_a_figure_of_the_user_is_drawn_in():
    import matplotlib.pyplot as plt

    figure = plt.figure()
    assert ShiftDisplay.from_report(make_report(), figure=figure).figure_ is figure
