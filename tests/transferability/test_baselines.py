"""Models without transfer: each is its estimator on some of the rows."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.naive_bayes import MultinomialNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sktransfer import CORALAligner, TrAdaBoostClassifier, make_transfer_pipeline
from sktransfer.transferability._baselines import (
    Pooled,
    SourceOnly,
    TargetOnly,
    class_probabilities,
)
from tests.shelf import make_two_rules

X, Y, DOMAIN, X_NEW = make_two_rules(0, n_classes=3)
IS_TARGET = DOMAIN == "target"
EVERY = [TargetOnly, SourceOnly, Pooled]
ROWS = {TargetOnly: IS_TARGET, SourceOnly: ~IS_TARGET, Pooled: np.full(len(Y), True)}


@pytest.mark.parametrize("Baseline", EVERY)
def test_it_is_the_estimator_on_the_chosen_labelled_rows(Baseline):
    y = Y.astype(float)
    y[::7] = np.nan
    rows = ROWS[Baseline] & ~np.isnan(y)
    model = Baseline(LogisticRegression()).fit(X, y, sample_domain=DOMAIN)
    expected = LogisticRegression().fit(X[rows], y[rows])
    assert_array_equal(model.predict(X_NEW), expected.predict(X_NEW))
    assert_array_equal(model.predict_proba(X_NEW), expected.predict_proba(X_NEW))
    assert_array_equal(model.decision_function(X_NEW), expected.decision_function(X_NEW))
    assert_array_equal(model.classes_, [0, 1, 2])


@pytest.mark.parametrize("Baseline", EVERY)
def test_an_aligner_has_nothing_to_align(Baseline):
    pipe = make_transfer_pipeline(StandardScaler(), CORALAligner(), LogisticRegression())
    plain = make_pipeline(StandardScaler(), LogisticRegression())
    rows = ROWS[Baseline]
    model = Baseline(pipe).fit(X, Y, sample_domain=DOMAIN)
    assert_allclose(model.predict_proba(X_NEW), plain.fit(X[rows], Y[rows]).predict_proba(X_NEW))


def test_a_scaler_in_a_transfer_pipeline_sees_the_unlabelled_rows_of_the_domain():
    y = np.where(np.arange(len(Y)) % 3 == 0, Y, np.nan)
    pipe = make_transfer_pipeline(StandardScaler(), LogisticRegression())
    model = TargetOnly(pipe).fit(X, y, sample_domain=DOMAIN)
    assert_allclose(model.estimator_[0].mean_, X[IS_TARGET].mean(axis=0))


@pytest.mark.parametrize(("Baseline", "other"), [(TargetOnly, ~IS_TARGET), (SourceOnly, IS_TARGET)])
def test_the_other_rows_change_no_bit(Baseline, other):
    before = Baseline(LogisticRegression()).fit(X, Y, sample_domain=DOMAIN)
    X_other, y_other = X.copy(), Y.copy()
    X_other[other] = 1e3
    y_other[other] = 7
    after = Baseline(LogisticRegression()).fit(X_other, y_other, sample_domain=DOMAIN)
    assert_array_equal(before.predict_proba(X_NEW), after.predict_proba(X_NEW))
    assert_array_equal(before.classes_, after.classes_)


@pytest.mark.parametrize("named", [False, True])
def test_a_share_of_the_weight(named):
    learner = (
        make_pipeline(StandardScaler(), LogisticRegression()) if named else LogisticRegression()
    )
    name = "logisticregression__sample_weight" if named else "sample_weight"
    y = Y.astype(float)
    y[-10:] = np.nan
    used = ~np.isnan(y)
    n_target, n_source = (IS_TARGET & used).sum(), (~IS_TARGET & used).sum()
    weights = np.where(IS_TARGET, 0.8 / n_target, 0.2 / n_source) * (n_target + n_source)
    model = Pooled(learner, target_share=0.8).fit(X, y, sample_domain=DOMAIN)
    expected = clone(learner).fit(X[used], y[used], **{name: weights[used]})
    assert_allclose(model.predict_proba(X_NEW), expected.predict_proba(X_NEW))
    assert weights[used].mean() == pytest.approx(1)


def test_the_share_that_rows_have_anyway_changes_nothing():
    learner = LogisticRegression(tol=1e-8, max_iter=1000)
    plain = Pooled(learner).fit(X, Y, sample_domain=DOMAIN)
    weighted = Pooled(learner, target_share=IS_TARGET.mean()).fit(X, Y, sample_domain=DOMAIN)
    assert_allclose(weighted.predict_proba(X_NEW), plain.predict_proba(X_NEW), atol=1e-6)


def test_weights_of_rows_are_cut_and_multiplied():
    given = np.random.default_rng(0).uniform(1, 2, len(Y))
    model = TargetOnly(LogisticRegression()).fit(X, Y, sample_domain=DOMAIN, sample_weight=given)
    expected = LogisticRegression().fit(X[IS_TARGET], Y[IS_TARGET], given[IS_TARGET])
    assert_array_equal(model.predict_proba(X_NEW), expected.predict_proba(X_NEW))
    share = np.where(IS_TARGET, 0.5 / IS_TARGET.sum(), 0.5 / (~IS_TARGET).sum()) * len(Y)
    model = Pooled(LogisticRegression(), target_share=0.5)
    model.fit(X, Y, sample_domain=DOMAIN, sample_weight=given)
    expected = LogisticRegression().fit(X, Y, share * given)
    assert_allclose(model.predict_proba(X_NEW), expected.predict_proba(X_NEW))


@pytest.mark.parametrize(
    "rows",
    [
        csr_array(np.abs(X)),
        pd.DataFrame(X).add_prefix("f").assign(text="a"),
        list("ab" * (len(Y) // 2)),
    ],
    ids=["sparse", "frame", "texts"],
)
def test_rows_of_any_kind(rows):
    learner = {
        csr_array: MultinomialNB(),
        pd.DataFrame: HistGradientBoostingClassifier(max_iter=2),
        list: make_pipeline(CountVectorizer(analyzer="char"), MultinomialNB()),
    }[type(rows)]
    if isinstance(rows, pd.DataFrame):
        rows = rows.assign(text=rows["text"].astype("category"))
        rows.iloc[3, 0] = np.nan
    for Baseline in EVERY:
        model = Baseline(learner).fit(rows, Y.astype(str), sample_domain=DOMAIN)
        assert set(model.predict(rows)) <= {"0", "1", "2"}


def test_one_class_among_the_rows_is_a_constant_model():
    y = np.where(IS_TARGET, 2, Y)
    model = TargetOnly(LogisticRegression()).fit(X, y, sample_domain=DOMAIN)
    assert set(model.predict(X_NEW)) == {2}
    assert_array_equal(model.classes_, [2])
    aligned = class_probabilities(model, X_NEW, np.array([0, 1, 2]))
    assert_array_equal(aligned, np.tile([0.0, 0.0, 1.0], (len(X_NEW), 1)))


def test_numbers_and_kinds():
    model = SourceOnly(Ridge()).fit(X, Y + 0.5, sample_domain=DOMAIN)
    expected = Ridge().fit(X[~IS_TARGET], Y[~IS_TARGET] + 0.5)
    assert_array_equal(model.predict(X_NEW), expected.predict(X_NEW))
    assert is_regressor(model)
    assert not hasattr(model, "predict_proba")
    assert is_classifier(TargetOnly(LogisticRegression()))


def test_boosting_without_a_source_is_boosting_on_the_chosen_rows():
    learner = TrAdaBoostClassifier(n_estimators=3, random_state=0)
    y = Y == 0
    model = TargetOnly(learner).fit(X, y, sample_domain=DOMAIN)
    expected = clone(learner).fit(X[IS_TARGET], y[IS_TARGET])
    assert_array_equal(model.predict(X_NEW), expected.predict(X_NEW))


def test_no_label_among_the_rows_is_an_error():
    y = np.where(IS_TARGET, np.nan, Y)
    with pytest.raises(ValueError, match="TargetOnly is fitted on labelled target rows, but y has"):
        TargetOnly(LogisticRegression()).fit(X, y, sample_domain=DOMAIN)


def test_an_estimator_without_weights_cannot_share_them():
    with pytest.raises(ValueError, match="takes no sample_weight"):
        Pooled(KNeighborsClassifier(), target_share=0.5).fit(X, Y, sample_domain=DOMAIN)
