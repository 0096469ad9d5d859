"""Domains reach every part of a step that asks for them, or a warning says which they miss."""

import warnings

import numpy as np
import pytest
import sklearn
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    BaggingRegressor,
    StackingClassifier,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.feature_selection import RFE, SelectFromModel, SelectKBest, SequentialFeatureSelector
from sklearn.frozen import FrozenEstimator
from sklearn.impute import IterativeImputer
from sklearn.linear_model import (
    LogisticRegression,
    MultiTaskLasso,
    RANSACRegressor,
    Ridge,
    RidgeCV,
)
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    KFold,
    TunedThresholdClassifierCV,
)
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier, OutputCodeClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier, RegressorChain
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.semi_supervised import SelfTrainingClassifier

from sktransfer import (
    CORALAligner,
    TrAdaBoostClassifier,
    TrAdaBoostRegressor,
    TransferWarning,
    WeightedTransferClassifier,
    make_transfer_pipeline,
)

# Rows are few here, so that weights are of a few effective rows.
pytestmark = pytest.mark.filterwarnings("ignore:The weights of .* few effective rows")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(90, 3))
CODES = np.digitize(X[:, 0], [-0.4, 0.4])
HALVES = (CODES > 0).astype(int)
NUMBERS = X[:, 0] + 0.1 * RNG.normal(size=90)
PAIRS = np.column_stack([HALVES, 1 - HALVES])
SAMPLE_DOMAIN = np.where(np.arange(90) % 9 < 5, "lab", "target")
X[SAMPLE_DOMAIN == "lab"] = 2 * X[SAMPLE_DOMAIN == "lab"] + 1
FOLDS = KFold(2, shuffle=True, random_state=0)


def booster():
    return TrAdaBoostClassifier(n_estimators=2, random_state=0)


def boosted_numbers():
    return TrAdaBoostRegressor(n_estimators=2, random_state=0)


def aligned(last):
    return make_transfer_pipeline(CORALAligner(), last)


COMPOSITIONS = {
    "vote": (VotingClassifier([("a", booster()), ("b", LogisticRegression())]), CODES),
    "vote with RidgeCV": (
        VotingRegressor([("a", boosted_numbers()), ("b", RidgeCV())]),
        NUMBERS,
    ),
    "calibration": (CalibratedClassifierCV(booster(), cv=FOLDS), CODES),
    "calibration of a plain pipeline": (
        CalibratedClassifierCV(make_pipeline(CORALAligner(), LogisticRegression()), cv=FOLDS),
        CODES,
    ),
    "one versus rest": (OneVsRestClassifier(booster()), CODES),
    "one versus one": (OneVsOneClassifier(booster()), CODES),
    "output codes": (OutputCodeClassifier(booster(), random_state=0), CODES),
    "bagging": (BaggingClassifier(booster(), 2, random_state=0), CODES),
    "bagging of numbers": (BaggingRegressor(boosted_numbers(), 2, random_state=0), NUMBERS),
    "tuned threshold": (TunedThresholdClassifierCV(booster(), cv=FOLDS), HALVES),
    "fixed threshold": (FixedThresholdClassifier(booster()), HALVES),
    "self-training": (SelfTrainingClassifier(booster()), CODES),
    "chain": (ClassifierChain(booster()), PAIRS),
    "chain of numbers": (RegressorChain(boosted_numbers()), PAIRS + 0.5 * X[:, 1:]),
    "outputs": (MultiOutputClassifier(booster()), PAIRS),
    "transformed target": (TransformedTargetRegressor(boosted_numbers()), NUMBERS),
    "consensus": (RANSACRegressor(boosted_numbers(), min_samples=60, random_state=0), NUMBERS),
    "elimination": (
        RFE(
            WeightedTransferClassifier(random_state=0),
            importance_getter=lambda e: np.ones(e.n_features_in_),
        ),
        CODES,
    ),
    "search": (GridSearchCV(booster(), {"n_estimators": [1, 2]}, cv=FOLDS), CODES),
    "search around one versus rest": (
        GridSearchCV(OneVsRestClassifier(booster()), {"estimator__n_estimators": [1, 2]}, cv=FOLDS),
        CODES,
    ),
    "bagging of a transfer pipeline": (
        BaggingClassifier(aligned(LogisticRegression()), 2, random_state=0),
        CODES,
    ),
    "one versus rest of a search of a vote": (
        OneVsRestClassifier(
            GridSearchCV(
                VotingClassifier([("a", aligned(LogisticRegression()))], voting="soft"),
                {},
                cv=FOLDS,
            )
        ),
        CODES,
    ),
    "vote of transfer pipelines with steps that route nothing": (
        VotingClassifier([("a", aligned(AdaBoostClassifier(n_estimators=2, random_state=0)))]),
        CODES,
    ),
    "stack with a transfer pipeline on top": (
        StackingClassifier(
            [("a", booster())], make_transfer_pipeline(LogisticRegression()), cv=FOLDS
        ),
        CODES,
    ),
}


@pytest.mark.filterwarnings("ignore:.*source rows in other fits")  # of the search in it
@pytest.mark.filterwarnings("ignore:y contains no unlabeled samples")
@pytest.mark.parametrize("name", COMPOSITIONS)
def test_a_composition_gets_what_metadata_routing_gives_it(name):
    step, y = COMPOSITIONS[name]
    pipe = make_transfer_pipeline(clone(step)).fit(X, y, sample_domain=SAMPLE_DOMAIN)
    assert not sklearn.get_config()["enable_metadata_routing"]
    with sklearn.config_context(enable_metadata_routing=True):
        expected = clone(step).fit(X, y, sample_domain=SAMPLE_DOMAIN)
    np.testing.assert_array_equal(pipe.predict(X), expected.predict(X))
    if name not in ("elimination", "stack with a transfer pipeline on top"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", TransferWarning)
            alone = clone(step).fit(X, y)
        assert (alone.predict(X) != pipe.predict(X)).any(), "the domains make a difference"


@pytest.mark.parametrize("around", [OneVsRestClassifier, lambda e: BaggingClassifier(e, 2)])
@pytest.mark.parametrize("method", [TrAdaBoostClassifier, WeightedTransferClassifier])
def test_weights_reach_a_pipeline_inside_of_a_method_inside_of_a_composition(around, method):
    inner = method(make_pipeline(StandardScaler(), LogisticRegression()))
    pipe = make_transfer_pipeline(around(inner)).fit(X, CODES, sample_domain=SAMPLE_DOMAIN)
    member = pipe[-1].estimators_[0]
    assert member.source_domains_ == ("lab",)
    assert len(np.unique(member.sample_weight_)) > 1


def test_a_selector_around_a_method_selects_by_it():
    sfs = SequentialFeatureSelector(booster(), n_features_to_select=1, cv=FOLDS)
    chosen = make_transfer_pipeline(sfs, LogisticRegression())
    chosen.fit(X, CODES, sample_domain=SAMPLE_DOMAIN)
    with sklearn.config_context(enable_metadata_routing=True):
        expected = clone(sfs).fit(X, CODES, sample_domain=SAMPLE_DOMAIN)
    np.testing.assert_array_equal(chosen[0].support_, expected.support_)


def test_a_frozen_transfer_pipeline_stays_as_it_is():
    inner = aligned(LogisticRegression()).fit(X, CODES, sample_domain=SAMPLE_DOMAIN)
    outer = make_transfer_pipeline(FrozenEstimator(inner))
    outer.fit(X[::2], CODES[::2], sample_domain=SAMPLE_DOMAIN[::2])
    for options in ({}, {"sample_domain": SAMPLE_DOMAIN}):
        np.testing.assert_array_equal(
            outer.predict_proba(X, **options), inner.predict_proba(X, **options)
        )
    mapped = make_transfer_pipeline(FrozenEstimator(inner[:-1]), LogisticRegression())
    mapped.fit(X, CODES, sample_domain=SAMPLE_DOMAIN)
    np.testing.assert_allclose(
        mapped.predict_proba(X), inner.predict_proba(X), err_msg="mapped by domain"
    )


class Witness(TransformerMixin, BaseEstimator):
    """Takes sample_domain, and requests nothing."""

    def fit(self, X, y=None, *, sample_domain=None):
        return self

    def transform(self, X):
        return X


MISSED = {
    "AdaBoost": (
        AdaBoostClassifier(booster(), n_estimators=2),
        r"does not reach TrAdaBoostClassifier inside of the step 'adaboostclassifier'.*"
        r"NotImplementedError: AdaBoostClassifier has not implemented metadata routing yet",
    ),
    "a vote with AdaBoost": (
        VotingClassifier([("a", booster()), ("b", AdaBoostClassifier())]),
        "does not reach TrAdaBoostClassifier inside of the step 'votingclassifier'.*NotImpl",
    ),
    "a selector in a plain pipeline": (
        make_pipeline(SelectFromModel(booster(), importance_getter=lambda e: X[0]), Ridge()),
        "does not reach TrAdaBoostClassifier inside of the step 'pipeline'.*Pipeline does not hand",
    ),
    "a plain pipeline whose last step has a faulty routing": (
        make_pipeline(CORALAligner(), MultiTaskLasso()),
        "does not reach CORALAligner inside of the step 'pipeline'.*make_transfer_pipeline",
    ),
    "a class that requests nothing": (
        make_pipeline(FeatureUnion([("a", Witness())]), LogisticRegression()),
        "does not reach Witness inside of the step 'pipeline'",
    ),
}


@pytest.mark.parametrize("name", MISSED)
def test_domains_that_do_not_reach_a_part_are_a_warning(name):
    step, sentence = MISSED[name]
    y = np.column_stack([NUMBERS, NUMBERS]) if "faulty" in name else CODES
    with pytest.warns(TransferWarning, match=sentence):
        make_transfer_pipeline(step).fit(X, y, sample_domain=SAMPLE_DOMAIN)
    make_transfer_pipeline(clone(step)).fit(X, y, sample_domain=["target"] * 90)


def test_the_parts_that_are_reached_are_not_in_the_warning():
    union = FeatureUnion([("aligned", CORALAligner()), ("seen", Witness())])
    with (
        pytest.warns(TransferWarning, match="does not reach Witness inside of the step 'feature"),
        pytest.raises(ValueError, match="not explicitly set as requested"),
    ):
        make_transfer_pipeline(union).fit(X, CODES, sample_domain=SAMPLE_DOMAIN)


def test_a_stack_that_hands_domains_to_its_final_estimator_says_what_to_do():
    stack = StackingClassifier([("a", booster())], LogisticRegression(), cv=FOLDS)
    with pytest.raises(TypeError, match=r"StackingClassifier hands sample_domain on.*=make_transf"):
        make_transfer_pipeline(stack).fit(X, CODES, sample_domain=SAMPLE_DOMAIN)


def test_other_parameters_beside_domains_need_a_request():
    weights = RNG.uniform(size=90)
    given = {"sample_domain": SAMPLE_DOMAIN, "votingclassifier__sample_weight": weights}
    vote = VotingClassifier([("a", booster())])
    with pytest.raises(ValueError, match="VotingClassifier takes sample_weight beside sample_doma"):
        make_transfer_pipeline(vote).fit(X, CODES, **given)
    with sklearn.config_context(enable_metadata_routing=True):
        asking = booster().set_fit_request(sample_weight=True)
    pipe = make_transfer_pipeline(VotingClassifier([("a", asking)])).fit(X, CODES, **given)
    expected = booster().fit(X, CODES, weights, sample_domain=SAMPLE_DOMAIN)
    np.testing.assert_array_equal(pipe.predict(X), expected.predict(X))
    search = GridSearchCV(booster(), {}, cv=FOLDS)
    pipe = make_transfer_pipeline(search).fit(
        X, CODES, sample_domain=SAMPLE_DOMAIN, gridsearchcv__sample_weight=weights
    )
    np.testing.assert_array_equal(pipe.predict(X), expected.predict(X))


@pytest.mark.parametrize("last", [RidgeCV(), AdaBoostClassifier(), MultiTaskLasso(), None])
def test_the_routing_of_a_transfer_pipeline_can_be_asked_for_with_any_step(last):
    routing = make_transfer_pipeline(CORALAligner(), last).get_metadata_routing()
    for method in ("fit", "transform", "score"):
        assert routing.consumes(method, {"sample_domain"}) == {"sample_domain"}


def _with_gaps(y):
    gaps = y.astype(float)
    gaps[::4] = np.nan
    return gaps


def test_an_imputer_that_predicts_features_is_fitted_on_every_row():
    holes = X.copy()
    holes[::7, 1] = np.nan
    imputer = IterativeImputer(Ridge(), random_state=0)
    pipe = make_transfer_pipeline(clone(imputer), LogisticRegression())
    pipe.fit(holes, _with_gaps(CODES), sample_domain=SAMPLE_DOMAIN)
    np.testing.assert_allclose(
        pipe[0].transform(holes), imputer.fit(holes).transform(holes), rtol=1e-6
    )


class Wrapped(TransformerMixin, BaseEstimator):
    """A composition of somebody else, which says nothing of its part."""

    def __init__(self, inner):
        self.inner = inner

    def fit(self, X, y=None):
        self.inner_ = clone(self.inner).fit(X, y)
        return self

    def transform(self, X):
        return self.inner_.transform(X)


class NeedsLabels(TransformerMixin, BaseEstimator):
    """Says that it learns from labels by its signature alone."""

    def fit(self, X, y):
        assert not np.isnan(y).any()
        self.n_ = len(y)
        return self

    def transform(self, X):
        return X


@pytest.mark.parametrize(
    "step",
    [
        Wrapped(SelectKBest(k=1)),
        Wrapped(Wrapped(SelectKBest(k=1))),
        GridSearchCV(make_pipeline(SelectKBest(k=1), StandardScaler()), {}, scoring=lambda *a: 0),
        ColumnTransformer([("some", Wrapped(SelectKBest(k=1)), [0, 1, 2])]),
        NeedsLabels(),
    ],
)
def test_a_middle_step_that_learns_from_labels_anywhere_gets_labelled_rows(step):
    labels = _with_gaps(CODES)
    pipe = make_transfer_pipeline(clone(step), LogisticRegression())
    pipe.fit(X, labels, sample_domain=SAMPLE_DOMAIN)
    seen = ~np.isnan(labels)
    expected = make_pipeline(clone(step), LogisticRegression()).fit(X[seen], CODES[seen])
    np.testing.assert_allclose(pipe.predict_proba(X), expected.predict_proba(X))


@pytest.mark.parametrize("search", [False, True])
def test_a_plain_pipeline_hands_rows_without_a_label_to_a_method_that_uses_them(search):
    labels = np.where(SAMPLE_DOMAIN == "target", np.nan, CODES)
    method = WeightedTransferClassifier(LogisticRegression(), random_state=0)
    step = make_pipeline(StandardScaler(), clone(method))
    pipe = make_transfer_pipeline(
        GridSearchCV(step, {}, cv=FOLDS, scoring=lambda *a: 0) if search else step
    )
    pipe.fit(X, labels, sample_domain=SAMPLE_DOMAIN)
    scaled = StandardScaler().fit_transform(X)
    expected = method.fit(scaled, labels, sample_domain=SAMPLE_DOMAIN)
    np.testing.assert_allclose(pipe.predict_proba(X), expected.predict_proba(scaled))


def test_what_a_plain_pipeline_selects_by_labels_gets_labelled_rows():
    labels = _with_gaps(CODES)
    step = make_pipeline(SelectKBest(k=2), WeightedTransferClassifier(LogisticRegression()))
    pipe = make_transfer_pipeline(step).fit(X, labels, sample_domain=SAMPLE_DOMAIN)
    assert len(pipe[-1][-1].sample_weight_) == np.isfinite(labels).sum()
