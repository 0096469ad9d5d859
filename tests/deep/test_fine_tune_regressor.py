"""FineTuneRegressor: scikit-learn's checks, and what differs from the classifier."""

import pickle

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from sktransfer.deep import FineTuneRegressor, PretrainedFeatureExtractor

# Networks with random weights and few epochs seldom improve on the head alone.
pytestmark = pytest.mark.filterwarnings("ignore:Training the stages")

DIGITS, LABELS = load_digits(return_X_y=True)
X, X_NEW = DIGITS[:120], DIGITS[120:160]
INK = DIGITS.mean(axis=1)
PLACE = (DIGITS.reshape(-1, 8, 8) @ np.arange(8)).sum(axis=1) / DIGITS.sum(axis=1)
Y, Y_NEW = INK[:120], INK[120:160]
BOTH = np.stack([1e3 + 50 * INK, PLACE], axis=1)


@parametrize_with_checks([FineTuneRegressor()])
def test_scikit_learn_checks(estimator, check):
    check(estimator)


def make(network, **parameters):
    return FineTuneRegressor(
        network, **({"max_epochs": 3, "warmup_epochs": 0, "random_state": 0} | parameters)
    )


@pytest.fixture(scope="module", autouse=True)
def needs_torch():
    pytest.importorskip("torch", reason="the second phase trains with torch")


@pytest.mark.parametrize("weight_decay", [0.01, 1.0])
def test_frozen_regressor_is_ridge_on_the_extracted_features(network, weight_decay):
    regressor = FineTuneRegressor(network, weight_decay=weight_decay).fit(X, Y)
    ridge = Ridge(alpha=weight_decay * len(Y))
    other = make_pipeline(PretrainedFeatureExtractor(network), StandardScaler(), ridge).fit(X, Y)
    np.testing.assert_allclose(regressor.predict(X_NEW), other.predict(X_NEW), rtol=1e-4)
    np.testing.assert_allclose(regressor.head_.coef[0], other[-1].coef_, atol=1e-4)


@pytest.mark.parametrize("depth", ["all", 2])
def test_predictions_follow_the_units_of_y(depth, network):
    plain = make(network, freeze_depth=depth).fit(X, Y)
    scaled = make(network, freeze_depth=depth).fit(X, 1e4 - 100 * Y)
    expected = 1e4 - 100 * plain.predict(X_NEW)
    np.testing.assert_allclose(scaled.predict(X_NEW), expected, rtol=2e-4)
    assert plain.predict(X_NEW).dtype == np.float64


@pytest.mark.parametrize("depth", ["all", 2])
def test_outputs_of_a_frozen_network_do_not_touch_each_other(depth, network):
    many = make(network, freeze_depth=depth).fit(X, BOTH[:120])
    predicted = many.predict(X_NEW)
    assert predicted.shape == (40, 2)
    assert many.score(X_NEW, BOTH[120:160]) == pytest.approx(r2_score(BOTH[120:160], predicted))
    if depth == "all":
        for column in range(2):
            alone = make(network).fit(X, BOTH[:120, column])
            np.testing.assert_allclose(predicted[:, column], alone.predict(X_NEW), rtol=1e-6)


def test_predictions_have_the_dimensions_of_y(network):
    assert make(network).fit(X, Y).predict(X_NEW).shape == (40,)
    column = make(network).fit(X, Y[:, None])
    assert column.predict(X_NEW).shape == (40, 1)
    assert column.fit(X, Y).predict(X_NEW).shape == (40,)


def test_training_stages_finds_what_the_frozen_ones_lost(network):
    options = {"random_state": 0, "validation_fraction": 0, "max_epochs": 20}
    frozen, tuned = (
        make(network, freeze_depth=d, backbone_learning_rate=3e-3, **options).fit(X, PLACE[:120])
        for d in ("all", 2)
    )
    left = [1 - regressor.score(X, PLACE[:120]) for regressor in (frozen, tuned)]
    assert left[1] < 0.8 * left[0]


def test_history_is_in_standardised_units(network):
    first, second = (make(network, freeze_depth=2).fit(X, y).history_ for y in (Y, 5 + 1e3 * Y))
    assert first["phase"] == ["head"] + ["fine-tune"] * 3
    for name in ("train_loss", "train_score", "validation_loss", "validation_score"):
        np.testing.assert_allclose(first[name], second[name], rtol=1e-3)
    # Of standardised targets the loss is half of the variance that is left.
    frozen = make(network).fit(X, Y)
    assert frozen.history_["train_score"][-1] == pytest.approx(frozen.score(X, Y), abs=1e-6)
    assert frozen.history_["train_loss"][-1] == pytest.approx((1 - frozen.score(X, Y)) / 2)


def test_callbacks_see_predictions_in_the_units_of_y(network):
    from sklearn.callback import ScoringMonitor

    monitor = ScoringMonitor(scoring="neg_mean_absolute_error")
    y = 1e3 + 50 * Y
    regressor = make(network).set_callbacks(monitor).fit(X, y)
    scores = {row["task_name"]: row["neg_mean_absolute_error"] for row in monitor.get_logs().data}
    expected = -np.abs(regressor.predict(X) - y).mean()
    assert scores["head"] == pytest.approx(expected)
    assert scores["fit"] == pytest.approx(expected)


def test_from_scratch_has_one_phase(network):
    options = {"initialize": "random", "freeze_depth": 2, "max_epochs": 1}
    regressor = make(network, **options).fit(X, Y)
    assert set(regressor.history_["phase"]) == {"fine-tune"}
    assert np.isfinite(regressor.predict(X_NEW)).all()


def test_a_constant_target_is_predicted(network):
    for depth in ("all", 2):
        regressor = make(network, freeze_depth=depth, learning_rate=0).fit(X, np.full(120, 7.5))
        np.testing.assert_allclose(regressor.predict(X_NEW), 7.5, atol=1e-6)


def test_few_rows_hold_nothing_out(network):
    for n_rows, none in ((4, True), (12, False)):
        regressor = make(network, freeze_depth=3).fit(X[:n_rows], Y[:n_rows])
        assert np.isnan(regressor.history_["validation_loss"]).all() == none


def test_same_seed_same_numbers_and_pickles_keep_them(network):
    first, second = (make(network, freeze_depth=2).fit(X, BOTH[:120]) for _ in range(2))
    np.testing.assert_array_equal(first.predict(X_NEW), second.predict(X_NEW))
    other = pickle.loads(pickle.dumps(first))
    np.testing.assert_array_equal(first.predict(X_NEW), other.predict(X_NEW))


def test_a_search_over_depths_and_decay(network):
    grid = {"freeze_depth": [3, "all"], "weight_decay": [1e-3, 1.0]}
    search = GridSearchCV(make(network, max_epochs=1), grid, cv=2).fit(X, Y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_errors_say_what_to_do(network):
    y = Y.copy()
    y[3:6] = np.nan
    with pytest.raises(ValueError, match="3 of 120 labels in y are missing, and FineTuneRegressor"):
        make(network).fit(X, y)
    with pytest.raises(ValueError, match="Input y contains infinity"):
        make(network).fit(X, np.r_[np.inf, Y[1:]])
    with pytest.raises(ValueError, match=r"freeze_depth=9 does not fit the backbone"):
        make(network, freeze_depth=9).fit(X, Y)
    with pytest.raises(ValueError, match="not compatible with arrays of bytes/strings"):
        make(network).fit(X, np.array(["a", "b"] * 60))
    with pytest.raises(NotFittedError):
        make(network).predict(X)
