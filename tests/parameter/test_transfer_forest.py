"""Forests made of the trees of sources: which models they read, and the plain forest."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.ensemble import (
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.frozen import FrozenEstimator
from sklearn.tree import DecisionTreeClassifier

from sktransfer import TransferForestClassifier, TransferForestRegressor, TransferWarning
from tests.shelf import whole

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 4))
NUMBERS = np.sin(3 * X[:, 0]) + X[:, 1]
THREE = np.array(["a", "b", "c"])[np.digitize(NUMBERS, [-0.5, 0.5])]
X_SOURCE = RNG.normal(size=(200, 4))
RULE = np.sin(3 * X_SOURCE[:, 0]) + X_SOURCE[:, 1] - 0.3
FOREST = RandomForestClassifier(6, random_state=0).fit(
    X_SOURCE, np.array(["a", "b", "c"])[np.digitize(RULE, [-0.5, 0.5])]
)
OF_NUMBERS = ExtraTreesRegressor(6, random_state=0).fit(X_SOURCE, RULE)
X_NEW = RNG.normal(size=(100, 4))


def test_without_a_source_it_is_a_forest_without_bootstrap():
    order = np.lexsort([np.unique(THREE, return_inverse=True)[1], *X.T])
    plain = RandomForestClassifier(8, bootstrap=False, random_state=0).fit(X[order], THREE[order])
    model = TransferForestClassifier(n_estimators=8, random_state=0).fit(X, THREE)
    assert_allclose(model.predict_proba(X_NEW), plain.predict_proba(X_NEW))
    order = np.lexsort([NUMBERS, *X.T])
    params = {"bootstrap": False, "max_features": 1 / 3, "random_state": 0}
    plain = RandomForestRegressor(8, **params).fit(X[order], NUMBERS[order])
    model = TransferForestRegressor(n_estimators=8, random_state=0).fit(X, NUMBERS)
    assert_allclose(model.predict(X_NEW), plain.predict(X_NEW))


def test_mix_is_the_union_of_both():
    found = {
        method: TransferForestClassifier(FOREST, method=method, random_state=0).fit(X, THREE)
        for method in ("ser", "strut", "mix")
    }
    said = {method: model.predict_proba(X_NEW) for method, model in found.items()}
    assert [len(model.trees_) for model in found.values()] == [6, 6, 12]
    assert_allclose(said["mix"], (said["ser"] + said["strut"]) / 2)
    assert np.abs(said["ser"] - said["strut"]).max() > 0.1


def test_strut_draws_nothing():
    first = TransferForestRegressor(OF_NUMBERS, method="strut").fit(X, NUMBERS)
    second = TransferForestRegressor(OF_NUMBERS, method="strut", random_state=3).fit(X, NUMBERS)
    assert_array_equal(first.predict(X_NEW), second.predict(X_NEW))


def test_trees_of_all_sources_are_changed():
    tree = DecisionTreeClassifier(random_state=0).fit(X_SOURCE, RULE > 0)
    sources = [tree, FrozenEstimator(RandomForestClassifier(3).fit(X_SOURCE, RULE > 0))]
    sample_domain = np.repeat(["lab", "target"], 30)
    model = TransferForestClassifier(sources, method="ser", n_estimators=5)
    model.fit(X, NUMBERS > 0, sample_domain=sample_domain)
    assert len(model.trees_) == 1 + 3 + 5
    assert model.score(X[30:], NUMBERS[30:] > 0) > 0.9


def test_classes_are_matched_by_label():
    """A class that no target row has stays where no target row is; a new one is added."""
    rows = THREE != "a"
    y = np.where(THREE[rows] == "b", "d", "c")
    model = TransferForestClassifier(FOREST, method="ser", random_state=0)
    with pytest.warns(TransferWarning, match="share 1 of 4 classes: only the source has 'a', 'b'"):
        model.fit(X[rows], y)
    assert list(model.classes_) == ["a", "b", "c", "d"]
    shares = model.predict_proba(X_NEW)
    assert_allclose(shares.sum(axis=1), 1)
    assert (shares.max(axis=0) > 0).all()
    strut = TransferForestClassifier(FOREST, method="strut")
    with pytest.warns(TransferWarning, match="share 1 of 4 classes"):
        strut.fit(X[rows], y)
    assert_array_equal(strut.predict_proba(X_NEW)[:, :2], np.zeros((100, 2)))


def test_rows_of_one_label_leave_the_source_as_it_is_and_warn():
    rows = THREE == "b"
    with pytest.warns(TransferWarning, match=rf"target rows \({rows.sum()}\) have one label"):
        model = TransferForestClassifier(FOREST).fit(X[rows], THREE[rows])
    assert_allclose(model.predict_proba(X_NEW), FOREST.predict_proba(X_NEW))
    with pytest.warns(TransferWarning, match=r"target rows \(1\) have one label"):
        model = TransferForestRegressor(OF_NUMBERS).fit(X[:1], NUMBERS[:1])
    assert_allclose(model.predict(X_NEW), OF_NUMBERS.predict(X_NEW))


def test_other_models_are_refused():
    boosted = GradientBoostingClassifier(n_estimators=2).fit(X_SOURCE, RULE > 0)
    message = (
        f"source={boosted!r} is no tree and no forest; pass a fitted DecisionTree, ExtraTree, "
        "RandomForest or ExtraTrees model of scikit-learn, or use TransferStackingClassifier or "
        "TransferStackingRegressor."
    )
    with pytest.raises(ValueError, match=whole(message)):
        TransferForestClassifier(boosted).fit(X, NUMBERS > 0)
    with pytest.raises(ValueError, match=r"is no tree and no forest"):
        TransferForestClassifier(source_estimator=boosted).fit(
            X, NUMBERS > 0, sample_domain=np.repeat(["lab", "target"], 30)
        )
    two = RandomForestRegressor(2).fit(X_SOURCE, np.column_stack([RULE, RULE]))
    with pytest.raises(ValueError, match=r"predicts 2 outputs; pass a model of one"):
        TransferForestRegressor(two).fit(X, NUMBERS)
