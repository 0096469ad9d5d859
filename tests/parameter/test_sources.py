"""How source models are read: by their coefficients or functions, their classes and columns."""

import pickle
import re

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import (
    LinearRegression,
    LogisticRegression,
    PoissonRegressor,
    Ridge,
    RidgeClassifier,
)
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, PolynomialFeatures, StandardScaler
from sklearn.svm import SVC

from sktransfer import TransferLogisticRegression, TransferRidge, TransferRidgeClassifier
from sktransfer.parameter._sources import SourceModel
from tests.shelf import whole

RNG = np.random.default_rng(0)
X = RNG.uniform(1, 3, size=(60, 4))
NUMBERS = X @ [1.0, -1.0, 0.5, 0.0]
THREE = np.array(["a", "b", "c"])[np.argsort(np.argsort(NUMBERS)) // 20]
TWO = np.isin(np.arange(60), np.argsort(NUMBERS)[30:])
CLASSIFIERS = pytest.mark.parametrize(
    "estimator", [TransferRidgeClassifier, TransferLogisticRegression]
)


@pytest.mark.parametrize(
    "steps",
    [
        (),
        (StandardScaler(),),
        (StandardScaler(with_std=False),),
        (StandardScaler(with_mean=False),),
        (MinMaxScaler(), "passthrough", MaxAbsScaler()),
    ],
)
@pytest.mark.parametrize("last", [Ridge(), LogisticRegression()])
def test_a_linear_model_after_scaling_is_read_by_its_coefficients(steps, last):
    discrete = isinstance(last, LogisticRegression)
    model = make_pipeline(*steps, last).fit(X, THREE if discrete else NUMBERS)
    source = SourceModel(model, np.array(["a", "b", "c"]) if discrete else None)
    coefficients, intercepts = source.linear_part()
    assert_allclose(X @ coefficients + intercepts, source.outputs(X, X), rtol=1e-10)


@pytest.mark.parametrize(
    "model",
    [
        PoissonRegressor(),
        make_pipeline(PolynomialFeatures(), LinearRegression()),
        make_pipeline(MinMaxScaler(clip=True), LinearRegression()),
    ],
)
def test_any_other_model_is_read_by_its_function(model):
    model.fit(X, np.abs(NUMBERS))
    source = SourceModel(model, None)
    assert source.linear_part() is None
    assert_allclose(source.outputs(X, X)[:, 0], model.predict(X))


def test_scores_of_classes_come_from_the_best_method_that_there_is():
    forest = RandomForestClassifier(5, random_state=0).fit(X, THREE)
    classes = forest.classes_
    assert_allclose(SourceModel(forest, classes).outputs(X, X), 2 * forest.predict_proba(X) - 1)
    boosted = HistGradientBoostingClassifier(max_iter=3).fit(X, THREE)
    assert_allclose(SourceModel(boosted, classes).outputs(X, X), boosted.decision_function(X))
    pairs = SVC(decision_function_shape="ovo").fit(X, THREE)  # three pairs, and three classes
    expected = np.where(pairs.predict(X)[:, None] == classes, 1, -1)
    assert_array_equal(SourceModel(pairs, classes).outputs(X, X), expected)


def test_classes_are_matched_by_label_and_unknown_ones_get_zero():
    model = LogisticRegression().fit(X, np.where(THREE == "a", "c", "b"))
    scores = model.decision_function(X)  # of "c" against "b"
    found = SourceModel(model, np.array(["a", "b", "c", "d"])).outputs(X, X)
    assert_allclose(found, np.column_stack([0 * scores, -scores, scores, 0 * scores]))
    two = SourceModel(model, np.array(["b", "c"])).outputs(X, X)
    assert_allclose(two[:, 0], scores)


def test_a_class_of_the_source_alone_can_be_predicted():
    y = np.repeat(["a", "b", "c"], 20)
    rows = RNG.normal(size=(60, 3)) + 4 * (y[:, None] == ["a", "b", "c"])
    source, seen = RidgeClassifier().fit(rows, y), np.flatnonzero(y != "c")[::2]
    model = TransferLogisticRegression(source).fit(rows[seen], y[seen])
    assert list(model.classes_) == ["a", "b", "c"]
    assert model.score(rows, y) > 0.9
    squared = TransferRidgeClassifier(source, beta=0.6).fit(rows[seen], y[seen])
    expected = 0.6 * source.decision_function(rows)[:, 2] - 0.4
    assert_allclose(squared.decision_function(rows)[:, 2], expected)


@CLASSIFIERS
def test_classes_of_another_type_are_refused(estimator):
    source = LogisticRegression().fit(X, THREE)
    with pytest.raises(ValueError, match=r"are 'a', 'b', 'c', and those in y are False, True"):
        estimator(source).fit(X, TWO)


def test_the_source_is_neither_fitted_nor_cloned_nor_changed():
    source = Ridge().fit(X, NUMBERS)
    before = pickle.dumps(source)
    model = TransferRidge(source)
    assert clone(model).source is source
    assert clone(make_pipeline(StandardScaler(), model))[-1].source is source
    fitted = model.fit(X[:10], NUMBERS[:10] + 1)
    assert fitted.sources_[0] is source
    assert pickle.dumps(source) == before
    several = TransferRidge([source, source])
    assert clone(several).source is several.source


def test_parameters_of_the_source_are_not_ours():
    model = TransferRidge(Ridge(), source_estimator=Ridge())
    names = model.get_params()
    assert "source" in names
    assert "source_estimator__alpha" in names
    assert not any(name.startswith("source__") for name in names)


def test_a_search_over_sources_takes_frozen_ones():
    source = Ridge().fit(X, NUMBERS)
    grid = {"source": [None, FrozenEstimator(source)]}
    search = GridSearchCV(TransferRidge(), grid, cv=3).fit(X[:12], NUMBERS[:12])
    assert search.best_params_["source"].estimator is source
    with pytest.raises(ValueError, match=re.escape("write FrozenEstimator(model)")):
        GridSearchCV(TransferRidge(), {"source": [source]}, cv=3, error_score="raise").fit(
            X, NUMBERS
        )


def test_a_fitted_estimator_can_be_pickled_with_its_source():
    source = make_pipeline(PolynomialFeatures(), Ridge()).fit(X, NUMBERS**2)
    model = TransferRidge(source).fit(X[:20], NUMBERS[:20] ** 2)
    assert_array_equal(pickle.loads(pickle.dumps(model)).predict(X), model.predict(X))


@pytest.mark.parametrize("method", [TransferRidge, TransferLogisticRegression])
def test_a_source_that_is_not_fitted_is_refused(method):
    source = Ridge() if method is TransferRidge else LogisticRegression()
    with pytest.raises(ValueError, match=r"is not fitted, and Transfer\w+ never fits a source"):
        method(source).fit(X, TWO)


def test_sources_of_the_other_kind_are_refused():
    classifier, regressor = LogisticRegression().fit(X, TWO), Ridge().fit(X, NUMBERS)
    with pytest.raises(ValueError, match=r"cannot be a source of TransferRidge; pass a regressor"):
        TransferRidge(classifier).fit(X, NUMBERS)
    with pytest.raises(ValueError, match=r"pass a classifier with classes_"):
        TransferRidgeClassifier(regressor).fit(X, TWO)


def test_other_columns_are_refused():
    source = Ridge().fit(X[:, :3], NUMBERS)
    message = (
        "source=Ridge() was fitted on 3 columns, but X has 4; pass the columns of the source in "
        "the same order, or a pipeline that selects them."
    )
    with pytest.raises(ValueError, match=whole(message)):
        TransferRidge(source).fit(X, NUMBERS)


def test_columns_of_other_names_are_refused_and_named_ones_reach_the_source():
    frame = pd.DataFrame(X, columns=list("abcd"))
    for source in (Ridge(), make_pipeline(PolynomialFeatures(), Ridge())):
        source.fit(frame, NUMBERS)
        model = TransferRidge(source).fit(frame[:20], NUMBERS[:20])
        assert_allclose(
            model.predict(frame), TransferRidge(source).fit(frame[:20], NUMBERS[:20]).predict(frame)
        )
        message = "column 0 is 'a' there and 'b' here"
        with pytest.raises(ValueError, match=message):
            TransferRidge(source).fit(frame[["b", "a", "c", "d"]], NUMBERS)


def test_given_models_and_source_rows_are_both_sources():
    source = Ridge().fit(X, NUMBERS)
    sample_domain = np.repeat(["north", "south", "target"], 20)
    model = TransferRidge([source]).fit(X, NUMBERS, sample_domain=sample_domain)
    north = Ridge().fit(X[:20], NUMBERS[:20])
    assert model.sources_[0] is source
    assert_allclose(model.sources_[1].coef_, north.coef_)
    assert model.source_weights_.shape == (3,)
    assert model.source_domains_ == ("north", "south")


def test_rows_of_sources_are_learned_by_the_source_estimator():
    sample_domain = np.repeat(["lab", "target"], 30)
    weight = RNG.integers(1, 3, size=60)
    forest = RandomForestClassifier(5, random_state=0)
    model = TransferRidgeClassifier(source_estimator=forest)
    model.fit(X, TWO, sample_weight=weight, sample_domain=sample_domain)
    expected = clone(forest).fit(X[:30], TWO[:30], sample_weight=weight[:30])
    assert_array_equal(model.sources_[0].predict_proba(X), expected.predict_proba(X))
    assert not hasattr(forest, "classes_")


def test_a_source_domain_of_one_class_is_refused():
    sample_domain = np.where(TWO, "lab", "target")
    sample_domain[np.flatnonzero(TWO)[:5]] = "target"
    with pytest.raises(
        ValueError, match=r"The source 'lab' in sample_domain has .* one class only"
    ):
        TransferRidgeClassifier().fit(X, TWO, sample_domain=sample_domain)


def test_two_columns_of_scores_are_read_as_half_their_difference():
    class Scores:
        classes_ = np.array([False, True])

        def decision_function(self, X):
            return np.array([[1.0, 4.0], [3.0, 1.0]])

    found = SourceModel(Scores(), np.array([False, True])).outputs(X[:2], X[:2])
    assert_allclose(found[:, 0], [(4 - 1) / 2, (1 - 3) / 2])
