"""Our classifiers and regressors score labels that were objects because of gaps elsewhere."""

import re

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import cross_val_score

from sktransfer import (
    MultiSourceTrAdaBoostClassifier,
    MultiViewTrAdaBoostClassifier,
    TargetFold,
    TaskTrAdaBoostClassifier,
    TrAdaBoostClassifier,
    TrAdaBoostRegressor,
    TwoStageTrAdaBoostRegressor,
    WeightedTransferClassifier,
    WeightedTransferRegressor,
)

CLASSIFIERS = [
    MultiSourceTrAdaBoostClassifier(n_estimators=3, random_state=0),
    MultiViewTrAdaBoostClassifier(n_estimators=3, random_state=0),
    TaskTrAdaBoostClassifier(n_estimators=3, random_state=0),
    TrAdaBoostClassifier(n_estimators=3, random_state=0),
    WeightedTransferClassifier(random_state=0),
]
REGRESSORS = [
    TrAdaBoostRegressor(n_estimators=3, random_state=0),
    TwoStageTrAdaBoostRegressor(n_estimators=2, n_steps=2, n_folds=2, random_state=0),
    WeightedTransferRegressor(random_state=0),
]


def name_of(model):
    return type(model).__name__


def make_domains():
    X = np.random.default_rng(0).normal(size=(60, 2))
    gaps = np.arange(60) % 7 == 0
    return X, X[:, 0] + 0.3 * X[:, 1], gaps, np.repeat(["s", "target"], 30)


@pytest.mark.parametrize("classes", [[0, 1], [True, False], ["no", "yes"], [0.0, 1.0]])
@pytest.mark.parametrize("model", CLASSIFIERS, ids=name_of)
def test_classes_with_gaps_are_scored_as_the_same_without_gaps_are(model, classes):
    X, y, gaps, sample_domain = make_domains()
    codes = (y > 0).astype(int)
    objects = np.array(classes, dtype=object)[codes]
    objects[gaps] = None
    floats = np.where(gaps, np.nan, codes)
    splits = list(TargetFold(3).split(X, floats, sample_domain))
    settings = {"cv": splits, "params": {"sample_domain": sample_domain}}
    scores = cross_val_score(model, X, objects, **settings)
    expected = cross_val_score(model, X, floats, **settings)
    assert_allclose(scores, expected)
    fitted = model.fit(X, objects, sample_domain=sample_domain)
    weights = np.arange(1.0, 61.0)
    assert fitted.score(X[~gaps], objects[~gaps], weights[~gaps]) == accuracy_score(
        codes[~gaps],
        np.array(fitted.predict(X[~gaps]) == classes[1]).astype(int),
        sample_weight=weights[~gaps],
    )


@pytest.mark.parametrize("model", REGRESSORS, ids=name_of)
def test_numbers_with_gaps_are_scored(model):
    X, y, gaps, sample_domain = make_domains()
    objects = y.astype(object)
    objects[gaps] = None
    model.fit(X, objects, sample_domain=sample_domain)
    expected = r2_score(y[~gaps], model.predict(X[~gaps]))
    assert_allclose(model.score(X[~gaps], objects[~gaps]), expected)


@pytest.mark.parametrize("missing", [None, np.nan])
@pytest.mark.parametrize("model", [CLASSIFIERS[2], REGRESSORS[2]], ids=name_of)
def test_rows_without_a_label_have_no_score(model, missing):
    X, y, _, sample_domain = make_domains()
    y = (y > 0).astype(object)
    model.fit(X, y, sample_domain=sample_domain)
    y[:4] = missing
    message = (
        "y holds no label for 4 of 60 rows, which cannot be scored; pass labelled rows alone, as "
        "cross-validation by TargetFold does."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        model.score(X, y)
