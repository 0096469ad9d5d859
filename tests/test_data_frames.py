"""Data frames with text columns: a learner encodes them, or one sentence says what to do."""

import re
from inspect import isclass, signature

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder

import sktransfer
from sktransfer import (
    MultiSourceTrAdaBoostClassifier,
    MultiViewTrAdaBoostClassifier,
    TaskTrAdaBoostClassifier,
    TrAdaBoostClassifier,
    TrAdaBoostRegressor,
    TwoStageTrAdaBoostRegressor,
    WeightedTransferClassifier,
    WeightedTransferRegressor,
    make_transfer_pipeline,
)

BOOSTERS = [
    MultiSourceTrAdaBoostClassifier(n_estimators=2, random_state=0),
    MultiViewTrAdaBoostClassifier(n_estimators=2, random_state=0),
    TaskTrAdaBoostClassifier(n_estimators=2, random_state=0),
    TrAdaBoostClassifier(n_estimators=2, random_state=0),
    TrAdaBoostRegressor(n_estimators=2, random_state=0),
    TwoStageTrAdaBoostRegressor(n_estimators=2, n_steps=2, n_folds=2, random_state=0),
]
PUBLIC = [getattr(sktransfer, name) for name in sktransfer.__all__]
OF_NUMBERS = [
    item()
    for item in PUBLIC
    if isclass(item)
    and issubclass(item, BaseEstimator)
    and not issubclass(item, Pipeline)
    and "sample_domain" in signature(item.fit).parameters
    and "backbone" not in item().get_params()  # such a column may hold images
]


def name_of(model):
    return type(model).__name__


def make_frame():
    rng = np.random.default_rng(0)
    ward = rng.choice(["u", "v"], 60)
    X = pd.DataFrame({"n": rng.normal(size=60), "ward": ward}, index=np.arange(60)[::-1])
    y = ((X["n"] > 0) ^ (ward == "v")).to_numpy().astype(int)
    return X, y, np.where(np.arange(60) < 40, np.where(np.arange(60) % 2, "s", "t"), "target")


def encoder():
    return make_column_transformer((OneHotEncoder(), ["ward"]), remainder="passthrough")


@pytest.mark.filterwarnings("ignore::sktransfer.TransferWarning")  # no good learners
@pytest.mark.parametrize("booster", BOOSTERS, ids=name_of)
def test_a_learner_that_encodes_columns_by_name_learns_as_from_encoded_rows(booster):
    X, y, sample_domain = make_frame()
    y = y.astype(float)
    y[::7] = np.nan
    learner = LinearRegression() if "Regressor" in name_of(booster) else LogisticRegression()
    booster.set_params(estimator=make_pipeline(encoder(), learner))
    found = booster.fit(X, y, sample_domain=sample_domain).predict(X)
    assert booster.feature_names_in_.tolist() == ["n", "ward"]
    encoded = encoder().fit_transform(X)
    booster.set_params(estimator=learner)
    expected = booster.fit(encoded, y, sample_domain=sample_domain).predict(encoded)
    np.testing.assert_allclose(found, expected)


@pytest.mark.parametrize("model", OF_NUMBERS, ids=name_of)
def test_text_where_numbers_are_needed_is_refused_with_the_names_of_its_columns(model):
    X, y, sample_domain = make_frame()
    message = (
        " computes with numbers, but the columns ['ward'] of X hold text; encode them in an earlier"
        " step of a transfer pipeline, by OneHotEncoder in a ColumnTransformer for instance."
    )
    pattern = rf"^{name_of(model)}(\(.*\))?{re.escape(message)}$"
    with pytest.raises(ValueError, match=pattern):
        model.fit(X, y, sample_domain=sample_domain)
    category = X.astype({"ward": "category"})
    with pytest.raises(ValueError, match=pattern):
        model.fit(category, y, sample_domain=sample_domain)


@pytest.mark.parametrize("model", [WeightedTransferClassifier(), WeightedTransferRegressor()])
def test_the_advice_of_the_message_works(model):
    X, y, sample_domain = make_frame()
    pipe = make_transfer_pipeline(encoder(), model).fit(X, y, sample_domain=sample_domain)
    assert pipe.predict(X).shape == y.shape
