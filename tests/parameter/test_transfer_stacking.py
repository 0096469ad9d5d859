"""Stacking on source models: rows next to their outputs, and the rest that they leave."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.compose import make_column_transformer
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from sktransfer import TransferStackingClassifier, TransferStackingRegressor, TransferWarning
from sktransfer._kernels.offset_logistic import log_loss, responses
from sktransfer.utils.estimator_checks import transfer_checks
from tests.shelf import whole

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3))
NUMBERS = np.sin(2 * X[:, 0]) + X[:, 1]
THREE = np.array(["a", "b", "c"])[np.argsort(np.argsort(NUMBERS)) // 20]
TWO = NUMBERS > 0
X_SOURCE = RNG.normal(size=(200, 3))
RULE = np.sin(2 * X_SOURCE[:, 0])
FOREST = RandomForestRegressor(10, random_state=0).fit(X_SOURCE, RULE)
LINEAR = Ridge().fit(X_SOURCE, RULE)
JUDGE = RandomForestClassifier(10, random_state=0).fit(X_SOURCE, RULE > 0)
JUDGE_OF_THREE = RandomForestClassifier(10, random_state=0).fit(
    X_SOURCE, np.array(["a", "b", "c"])[np.digitize(RULE, [-0.5, 0.5])]
)


@pytest.mark.parametrize("mode", ["outputs", "residual"])
def test_without_a_source_it_is_the_estimator(mode):
    tree = DecisionTreeRegressor(max_depth=3, random_state=0)
    model = TransferStackingRegressor(tree, mode=mode).fit(X, NUMBERS)
    assert_array_equal(model.predict(X), tree.fit(X, NUMBERS).predict(X))
    if mode == "outputs":
        plain = DecisionTreeClassifier(max_depth=3, random_state=0)
        model = TransferStackingClassifier(plain).fit(X, THREE)
        assert_array_equal(model.predict_proba(X), plain.fit(X, THREE).predict_proba(X))


def test_outputs_of_sources_are_more_columns():
    tree = DecisionTreeRegressor(max_depth=3, random_state=0)
    model = TransferStackingRegressor(tree, [FOREST, LINEAR]).fit(X, NUMBERS)
    rows = np.column_stack([X, FOREST.predict(X), LINEAR.predict(X)])
    assert_array_equal(model.predict(X), tree.fit(rows, NUMBERS).predict(rows))
    assert np.isnan(model.source_weights_).all()
    plain = LogisticRegression()
    judge = TransferStackingClassifier(plain, [JUDGE]).fit(X, TWO)
    rows = np.column_stack([X, 2 * JUDGE.predict_proba(X)[:, 1] - 1])
    assert_allclose(judge.predict_proba(X), plain.fit(rows, TWO).predict_proba(rows))
    several = TransferStackingClassifier(plain, [JUDGE_OF_THREE]).fit(X, THREE)
    assert several.estimator_.n_features_in_ == 3 + 3


def test_numbers_that_the_sources_leave_are_learned():
    tree = DecisionTreeRegressor(max_depth=3, random_state=0)
    model = TransferStackingRegressor(tree, [FOREST, LINEAR], mode="residual", beta=[0.8, 0])
    model.fit(X, NUMBERS)
    base = 0.8 * FOREST.predict(X)
    assert_allclose(model.predict(X), base + tree.fit(X, NUMBERS - base).predict(X))


def test_a_source_that_says_the_opposite_gets_the_weight_zero():
    opposite = RandomForestRegressor(10, random_state=0).fit(X_SOURCE, -RULE)
    flipped = LogisticRegression().fit(X_SOURCE, RULE < 0)
    numbers = TransferStackingRegressor(source=opposite, mode="residual").fit(X, NUMBERS)
    classes = TransferStackingClassifier(source=flipped, mode="residual").fit(X, TWO)
    assert numbers.source_weights_ == classes.source_weights_ == 0
    signed = TransferStackingRegressor(source=opposite, mode="residual", positive=False)
    assert signed.fit(X, NUMBERS).source_weights_ < 0


@pytest.mark.parametrize("n_columns", [1, 3])
def test_least_squares_of_responses_bound_the_loss_from_above(n_columns):
    rng = np.random.default_rng(1)
    offset = 3 * rng.normal(size=(500, n_columns))
    places = rng.integers(max(n_columns, 2), size=500)
    codes = np.eye(max(n_columns, 2))[places][:, -n_columns:]
    step = 3 * rng.normal(size=(500, n_columns))
    curvature = 0.25 if n_columns == 1 else 0.5
    z = responses(codes, offset)
    bound = log_loss(offset, codes) + curvature / 2 * np.sum((z - step) ** 2 - z**2, axis=1)
    assert (log_loss(offset + step, codes) <= bound + 1e-12).all()
    near = 1e-6 * step  # it touches the loss, value and slope, at no step
    bound = log_loss(offset, codes) + curvature / 2 * np.sum((z - near) ** 2 - z**2, axis=1)
    assert_allclose(log_loss(offset + near, codes), bound, atol=1e-9)


@pytest.mark.parametrize(("y", "source"), [(TWO, JUDGE), (THREE, JUDGE_OF_THREE)])
def test_a_correction_is_a_step_from_the_log_odds_of_the_source(y, source):
    model = TransferStackingClassifier(LinearRegression(), source, mode="residual", beta=1.5)
    model.fit(X, y)
    scores = 1.5 * (2 * source.predict_proba(X) - 1)
    scores = scores[:, 1:] if len(source.classes_) == 2 else scores
    codes = (y[:, None] == model.classes_)[:, -scores.shape[1] :].astype(float)
    corrected = scores + LinearRegression().fit(X, responses(codes, scores)).predict(X)
    odds = np.log(model.predict_proba(X))
    odds = odds[:, 1:] - odds[:, :1]
    expected = corrected if corrected.shape[1] == 1 else corrected[:, 1:] - corrected[:, :1]
    assert_allclose(odds, expected, atol=1e-9)
    assert log_loss(corrected, codes).mean() < log_loss(scores, codes).mean()
    assert_array_equal(model.predict(X), model.classes_[model.predict_proba(X).argmax(axis=1)])


def test_a_class_of_the_source_alone_keeps_its_score():
    rows = THREE != "a"
    model = TransferStackingClassifier(source=JUDGE_OF_THREE, mode="residual", beta=5.0)
    model.fit(X[rows], THREE[rows])
    source = 5 * (2 * JUDGE_OF_THREE.predict_proba(X) - 1)
    change = np.log(model.predict_proba(X)) - source
    corrections = [part.predict(X) for part in model.estimator_]
    assert_allclose(change[:, 1] - change[:, 0], corrections[0])
    assert_allclose(change[:, 2] - change[:, 0], corrections[1])
    outputs = TransferStackingClassifier(source=JUDGE_OF_THREE).fit(X[rows], THREE[rows])
    assert_array_equal(outputs.predict_proba(X)[:, 0], np.zeros(60))


@pytest.mark.parametrize("mode", ["outputs", "residual"])
def test_rows_of_one_class_leave_the_source_as_it_is_and_warn(mode):
    rows = THREE == "b"
    with pytest.warns(TransferWarning, match=r"gets the weight 1"):
        model = TransferStackingClassifier(source=JUDGE_OF_THREE, mode=mode).fit(
            X[rows], THREE[rows]
        )
    assert model.estimator_ is None
    assert_array_equal(model.predict(X), JUDGE_OF_THREE.predict(X))


def test_one_row_of_numbers_warns_if_weights_are_to_be_chosen():
    with pytest.warns(TransferWarning, match=r"gets the weight 1"):
        model = TransferStackingRegressor(source=FOREST, mode="residual").fit(X[:1], NUMBERS[:1])
    rest = NUMBERS[0] - FOREST.predict(X[:1])
    assert_allclose(model.predict(X), FOREST.predict(X) + rest)


def test_a_classifier_cannot_learn_numbers():
    message = (
        "mode='residual' fits numbers, the classes that the sources leave, but "
        "estimator=LogisticRegression() is a classifier; pass a regressor, for example "
        "HistGradientBoostingRegressor(), or mode='outputs'."
    )
    with pytest.raises(ValueError, match=whole(message)):
        TransferStackingClassifier(LogisticRegression(), JUDGE, mode="residual").fit(X, TWO)
    with pytest.raises(ValueError, match=r"is a classifier; pass a regressor"):
        TransferStackingRegressor(LogisticRegression(), FOREST).fit(X, NUMBERS)


def test_probabilities_are_there_if_the_classifier_has_them():
    assert not hasattr(TransferStackingClassifier(LinearSVC()), "predict_proba")
    model = TransferStackingClassifier(LinearSVC(), JUDGE).fit(X, TWO)
    assert not hasattr(model, "predict_proba")
    assert model.score(X, TWO) > 0.8


def test_boosted_trees_take_missing_values_and_linear_models_sparse_rows():
    gaps = X.copy()
    gaps[::5, 2] = np.nan
    boosted = HistGradientBoostingRegressor(max_iter=20, min_samples_leaf=3)
    source = HistGradientBoostingRegressor(max_iter=20).fit(X_SOURCE, RULE)
    for mode in ("outputs", "residual"):
        model = TransferStackingRegressor(boosted, source, mode=mode).fit(gaps, NUMBERS)
        assert model.score(gaps, NUMBERS) > 0.6
    judge = HistGradientBoostingClassifier(max_iter=20).fit(X_SOURCE, RULE > 0)
    plain = HistGradientBoostingClassifier(max_iter=20, min_samples_leaf=3)
    assert TransferStackingClassifier(plain, judge).fit(gaps, TWO).score(gaps, TWO) > 0.8
    rows, model = sparse.csr_array(X), TransferStackingRegressor(source=FOREST)
    dense = model.fit(X, NUMBERS).predict(X)
    assert_allclose(model.fit(rows, NUMBERS).predict(rows), dense, rtol=1e-6)


def test_columns_are_selected_by_name_for_the_rest():
    frame = pd.DataFrame(X, columns=list("abc"))
    scaled = make_pipeline(make_column_transformer((StandardScaler(), ["b"])), Ridge())
    model = TransferStackingRegressor(scaled, LINEAR, mode="residual").fit(frame, NUMBERS)
    rest = NUMBERS - model.source_weights_[0] * LINEAR.predict(X)
    assert_allclose(
        model.predict(frame) - model.source_weights_[0] * LINEAR.predict(X),
        scaled.fit(frame, rest).predict(frame),
    )


# Checks that give the estimator of classifiers: a constant one, which is no constant next to a
# source, and a tree of classes, which learns no numbers.
NOT_OF_THE_REST = {
    TransferStackingClassifier: (
        "check_nested_params_reach_the_inner_estimator",
        "check_seeds_of_parts_are_kept",
    ),
    TransferStackingRegressor: ("check_nested_params_reach_the_inner_estimator",),
}


@pytest.mark.filterwarnings("ignore::sktransfer.exceptions.TransferWarning")
@pytest.mark.parametrize("kind", NOT_OF_THE_REST)
def test_the_contract_holds_for_the_rest_too(kind):
    model = kind(mode="residual")
    for check in transfer_checks(model):
        if check.__name__ not in NOT_OF_THE_REST[kind]:
            check(model)


def test_a_seed_reaches_the_regressors_of_classes():
    forest = RandomForestRegressor(3)
    model = TransferStackingClassifier(forest, mode="residual", random_state=0)
    assert_array_equal(model.fit(X, TWO).predict_proba(X), model.fit(X, TWO).predict_proba(X))
    kept = TransferStackingClassifier(forest.set_params(random_state=7), mode="residual")
    assert kept.fit(X, TWO).estimator_[0].random_state == 7
