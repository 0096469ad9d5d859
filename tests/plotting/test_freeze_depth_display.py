"""What is drawn is what the search found."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sktransfer import FineTuneClassifier, FreezeDepthDisplay

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")

RESULTS = {
    "param_freeze_depth": np.ma.array(["all", 1, 0, 1], dtype=object),
    "param_learning_rate": np.ma.array([0.1, 0.1, 0.1, 0.2], dtype=object),
    "mean_fit_time": np.array([0.5, 2.0, 4.0, 3.0]),
    "split0_test_score": np.array([0.70, 0.80, 0.90, 0.82]),
    "split1_test_score": np.array([0.74, 0.82, 0.94, 0.90]),
}


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    import matplotlib.pyplot as plt

    plt.close("all")


def test_the_curves_hold_the_means_in_the_order_of_the_depths_all_last():
    display = FreezeDepthDisplay.from_cv_results(RESULTS)
    assert display.freeze_depths == [0, 1, "all"]
    # Depth 1 was tried twice; the better of (.81, .86) is drawn, with its own time.
    np.testing.assert_allclose(display.score_line_.get_ydata(), [0.92, 0.86, 0.72])
    np.testing.assert_allclose(display.cost_line_.get_ydata(), [4.0, 3.0, 0.5])
    assert [label.get_text() for label in display.ax_.get_xticklabels()] == ["0", "1", "all"]


def test_the_band_is_one_standard_deviation_of_the_splits():
    display = FreezeDepthDisplay.from_cv_results(RESULTS)
    corners = display.score_band_.get_paths()[0].vertices
    at_zero = corners[corners[:, 0] == 0, 1]
    # Scores .90 and .94: mean .92, standard deviation .02.
    assert at_zero.min() == pytest.approx(0.90)
    assert at_zero.max() == pytest.approx(0.94)


def test_the_tenth_split_comes_after_the_ninth():
    results = {"param_freeze_depth": [0]} | {
        f"split{k}_test_score": [float(k)] for k in reversed(range(11))
    }
    display = FreezeDepthDisplay.from_cv_results(results)
    assert display.test_scores.tolist() == [list(map(float, range(11)))]
    assert display.cost_ax_ is None


def test_a_given_axes_is_drawn_on_and_plot_returns_the_display():
    import matplotlib.pyplot as plt

    figure, ax = plt.subplots()
    display = FreezeDepthDisplay(freeze_depths=[0], test_scores=np.array([[0.5, 0.7]]))
    assert display.plot(ax=ax) is display
    assert display.ax_ is ax
    assert display.figure_ is figure
    assert display.cost_line_ is None


def test_from_estimator_equals_the_search_by_hand():
    X, y = load_digits(n_class=3, return_X_y=True)
    X, y = X[:60], y[:60]
    pipe = make_pipeline(
        FunctionTransformer(), FineTuneClassifier(max_epochs=1, random_state=0, value_range=(0, 16))
    )
    name = "finetuneclassifier__freeze_depth"
    display = FreezeDepthDisplay.from_estimator(
        pipe, X, y, freeze_depths=["all", 3], param_name=name, cv=2, scoring="accuracy"
    )
    search = GridSearchCV(pipe, {name: [3, "all"]}, cv=2, scoring="accuracy", refit=False)
    expected = search.fit(X, y).cv_results_["mean_test_score"]
    assert display.freeze_depths == [3, "all"]
    np.testing.assert_array_equal(display.score_line_.get_ydata(), expected)
    assert display.ax_.get_ylabel() == "accuracy"


def test_a_metric_that_is_not_there_names_those_that_are():
    with pytest.raises(ValueError, match=r"metric='f1' .* expected one of \['score'\]"):
        FreezeDepthDisplay.from_cv_results(RESULTS, metric="f1")


def test_a_search_without_freeze_depth_names_what_it_varied():
    results = {"param_C": [1.0], "split0_test_score": [0.5]}
    with pytest.raises(ValueError, match=r"param_name=None is not clear: .* \['C'\]"):
        FreezeDepthDisplay.from_cv_results(results)
