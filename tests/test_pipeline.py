"""What a step of a transfer pipeline is given, and what it must not see."""

import pickle
import re

import numpy as np
import pytest
import sklearn
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.callback import ScoringMonitor
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import VotingClassifier
from sklearn.feature_selection import SelectKBest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler, TargetEncoder
from sklearn.utils.estimator_checks import check_estimator

from sktransfer import (
    CORALAligner,
    TargetFold,
    TrAdaBoostClassifier,
    TransferPipeline,
    WeightedTransferClassifier,
    make_transfer_pipeline,
)


class Witness(TransformerMixin, BaseEstimator):
    """Keeps what it is fitted with."""

    def fit(self, X, y=None, *, sample_domain=None):
        self.seen_ = X, y, sample_domain
        return self

    def transform(self, X, *, sample_domain=None):
        self.transformed_ = sample_domain
        return X


class SupervisedWitness(Witness):
    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags


class LastWitness(ClassifierMixin, BaseEstimator):
    """A classifier that keeps what it is fitted with, and does not take sample_domain."""

    def fit(self, X, y, sample_weight=None):
        self.seen_, self.classes_ = (X, y, sample_weight), np.unique(y)
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[0])


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 3))
    y = (X[:, 0] > 0).astype(int)
    sample_domain = np.repeat(["lab", "target"], [25, 15])
    X[:25] = 3 * X[:25] + 5
    return X, y, sample_domain


def _with_gaps(y, rows):
    y = y.astype(float)
    y[rows] = np.nan
    return y


def test_every_step_that_takes_sample_domain_gets_it_the_last_included(data):
    X, y, sample_domain = data
    last = TrAdaBoostClassifier(n_estimators=3, random_state=0)
    pipe = make_transfer_pipeline(Witness(), StandardScaler(), last).fit(
        X, y, sample_domain=sample_domain
    )
    assert pipe[0].seen_[2] is sample_domain
    assert pipe[0].transformed_ is sample_domain
    expected = clone(last).fit(StandardScaler().fit_transform(X), y, sample_domain=sample_domain)
    np.testing.assert_array_equal(pipe.predict(X), expected.predict(pipe[1].transform(X)))


def test_a_search_as_last_step_passes_sample_domain_on(data):
    X, y, sample_domain = data
    folds = KFold(2, shuffle=True, random_state=0)
    search = GridSearchCV(TrAdaBoostClassifier(n_estimators=3, random_state=0), {}, cv=folds)
    pipe = make_transfer_pipeline(StandardScaler(), search).fit(X, y, sample_domain=sample_domain)
    assert pipe[-1].best_estimator_.source_domains_ == ("lab",)


def test_a_final_classifier_is_fitted_on_labelled_rows_with_their_own_dtype(data):
    X, y, sample_domain = data
    gaps = np.arange(26, 40)
    weights = np.arange(40.0)
    pipe = make_transfer_pipeline(Witness(), LastWitness()).fit(
        X, _with_gaps(y, gaps), sample_domain=sample_domain, lastwitness__sample_weight=weights
    )
    X_seen, y_seen, weights_seen = pipe[-1].seen_
    np.testing.assert_array_equal(X_seen, X[:26])
    np.testing.assert_array_equal(weights_seen, weights[:26])
    assert y_seen.dtype == np.int64
    np.testing.assert_array_equal(y_seen, y[:26])
    assert len(pipe[0].seen_[0]) == 40, "a step that asks for no labels sees every row"


def test_a_final_regressor_keeps_floating_point_labels(data):
    X, y, sample_domain = data
    pipe = make_transfer_pipeline(StandardScaler(), DummyRegressor()).fit(
        X, _with_gaps(y, [30]), sample_domain=sample_domain
    )
    assert pipe.predict(X)[0] == pytest.approx(np.delete(y, 30).mean())


def test_a_middle_step_that_needs_labels_is_fitted_on_labelled_rows_and_maps_all(data):
    X, y, sample_domain = data
    pipe = make_transfer_pipeline(SupervisedWitness(), Witness(), LastWitness()).fit(
        X, _with_gaps(y, np.arange(30, 40)), sample_domain=sample_domain
    )
    X_seen, y_seen, domain_seen = pipe[0].seen_
    np.testing.assert_array_equal(X_seen, X[:30])
    assert y_seen.dtype == np.int64
    np.testing.assert_array_equal(domain_seen, sample_domain[:30])
    assert len(pipe[1].seen_[0]) == 40


def test_discriminant_analysis_in_the_middle_equals_its_fit_on_the_labelled_rows(data):
    X, y, sample_domain = data
    pipe = make_transfer_pipeline(LinearDiscriminantAnalysis(), LogisticRegression()).fit(
        X, _with_gaps(y, np.arange(30, 40)), sample_domain=sample_domain
    )
    alone = LinearDiscriminantAnalysis().fit(X[:30], y[:30])
    np.testing.assert_array_equal(pipe[:1].transform(X), alone.transform(X))


def test_a_final_transformer_sees_every_row(data):
    X, y, sample_domain = data
    pipe = make_transfer_pipeline(StandardScaler(), Witness())
    pipe.fit(X, _with_gaps(y, [30]), sample_domain=sample_domain)
    assert len(pipe[-1].seen_[0]) == 40


def test_ignored_target_labels_reach_no_step(data):
    X, y, sample_domain = data
    is_target = sample_domain == "target"
    pipe = make_transfer_pipeline(
        Witness(), SupervisedWitness(), LastWitness(), target_labels="ignore"
    ).fit(X, y, sample_domain=sample_domain)
    assert [label is None for label in pipe[0].seen_[1]] == is_target.tolist()
    np.testing.assert_array_equal(pipe[1].seen_[1], y[~is_target])
    np.testing.assert_array_equal(pipe[2].seen_[1], y[~is_target])
    assert pipe[2].seen_[1].dtype == y.dtype


def test_garbled_target_labels_change_nothing_where_they_are_ignored(data):
    X, y, sample_domain = data
    pipe = make_transfer_pipeline(CORALAligner(), LogisticRegression(), target_labels="ignore")
    garbled = np.where(sample_domain == "target", 1 - y, y)
    np.testing.assert_array_equal(
        clone(pipe).fit(X, y, sample_domain=sample_domain).predict_proba(X),
        clone(pipe).fit(X, garbled, sample_domain=sample_domain).predict_proba(X),
    )


@pytest.mark.parametrize("sample_domain", [None, np.repeat("target", 40)])
def test_ignoring_target_labels_without_source_rows_is_an_error(data, sample_domain):
    X, y, _ = data
    pipe = make_transfer_pipeline(LogisticRegression(), target_labels="ignore")
    message = (
        "target_labels='ignore' would hide the label of every row, since sample_domain names no "
        "source; pass sample_domain with source rows, or target_labels='use'."
    )
    with pytest.raises(ValueError, match=re.escape(message)):
        pipe.fit(X, y, sample_domain=sample_domain)


def test_no_labelled_row_is_an_error_that_names_the_step(data):
    X, y, sample_domain = data
    with pytest.raises(ValueError, match="LogisticRegression needs labels, but no row has one"):
        make_transfer_pipeline(LogisticRegression()).fit(
            X, np.full(40, np.nan), sample_domain=sample_domain
        )


def test_without_sample_domain_it_is_scikit_learns_pipeline(data):
    X, y, _ = data
    ours = make_transfer_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)
    theirs = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)
    np.testing.assert_array_equal(ours.predict_proba(X), theirs.predict_proba(X))
    assert isinstance(ours, Pipeline)
    assert ours.score(X, y) == theirs.score(X, y)
    assert list(ours.named_steps) == list(theirs.named_steps)


def test_fit_transform_equals_fit_and_then_transform_by_domain(data):
    X, y, sample_domain = data
    pipe = make_transfer_pipeline(StandardScaler(), CORALAligner())
    together = clone(pipe).fit_transform(X, y, sample_domain=sample_domain)
    fitted = clone(pipe).fit(X, y, sample_domain=sample_domain)
    np.testing.assert_array_equal(together, fitted.transform(X, sample_domain=sample_domain))
    np.testing.assert_array_equal(fitted.transform(X)[25:], together[25:])
    assert not np.allclose(fitted.transform(X)[:25], together[:25])


def test_answers_take_a_domain_too(data):
    X, y, sample_domain = data
    pipe = make_transfer_pipeline(CORALAligner(), LogisticRegression()).fit(
        X, y, sample_domain=sample_domain
    )
    mapped = pipe[:-1].transform(X, sample_domain=sample_domain)
    for method in ("predict", "predict_proba", "decision_function"):
        np.testing.assert_array_equal(
            getattr(pipe, method)(X, sample_domain=sample_domain),
            getattr(pipe[-1], method)(mapped),
        )
    assert pipe.score(X, y, sample_domain=sample_domain) == pipe[-1].score(mapped, y)


def test_a_slice_keeps_the_settings(data):
    pipe = make_transfer_pipeline(
        Witness(), StandardScaler(), LogisticRegression(), target_labels="ignore", verbose=True
    )
    assert pipe[:2].get_params(deep=False) | {"steps": 0} == pipe.get_params(deep=False) | {
        "steps": 0
    }
    assert isinstance(pipe[:2], type(pipe))


def test_clone_and_set_params_keep_target_labels():
    pipe = make_transfer_pipeline(LogisticRegression())
    assert clone(pipe.set_params(target_labels="ignore")).target_labels == "ignore"
    with pytest.raises(ValueError, match="The 'target_labels' parameter"):
        pipe.set_params(target_labels="drop").fit([[0.0], [1.0]], [0, 1])


def test_the_search_of_the_guide_scores_on_target_rows_alone(data):
    X, y, sample_domain = data
    pipe = make_transfer_pipeline(StandardScaler(), CORALAligner(), LogisticRegression())
    grid = {"coralaligner__ridge": [1e-3, 1.0]}
    search = GridSearchCV(pipe, grid, cv=TargetFold(5)).fit(
        X, y, groups=sample_domain, sample_domain=sample_domain
    )
    by_hand = []
    for train, test in TargetFold(5).split(X, y, sample_domain):
        assert (sample_domain[test] == "target").all()
        fitted = clone(pipe).set_params(coralaligner__ridge=1e-3)
        fitted.fit(X[train], y[train], sample_domain=sample_domain[train])
        by_hand.append(fitted.score(X[test], y[test]))
    assert search.cv_results_["mean_test_score"][0] == pytest.approx(np.mean(by_hand))


def test_metadata_routing_carries_groups_and_domains_at_once(data):
    X, y, sample_domain = data
    pipe = make_transfer_pipeline(CORALAligner(), LogisticRegression())
    with sklearn.config_context(enable_metadata_routing=True):
        routed = cross_val_score(
            pipe,
            X,
            y,
            cv=TargetFold(3),
            params={"groups": sample_domain, "sample_domain": sample_domain},
        )
        fitted = clone(pipe).fit(X, y, sample_domain=sample_domain)
    plain = cross_val_score(
        pipe, X, y, cv=TargetFold(3), groups=sample_domain, params={"sample_domain": sample_domain}
    )
    np.testing.assert_array_equal(routed, plain)
    expected = clone(pipe).fit(X, y, sample_domain=sample_domain)
    np.testing.assert_array_equal(fitted.predict_proba(X), expected.predict_proba(X))


def test_ignored_labels_let_ordinary_cross_validation_score_honestly(data):
    X, y, sample_domain = data
    pipe = make_transfer_pipeline(CORALAligner(), LogisticRegression(), target_labels="ignore")
    garbled = np.where(sample_domain == "target", 1 - y, y)
    scores = [
        cross_val_score(
            pipe,
            X,
            labels,
            cv=TargetFold(3),
            groups=sample_domain,
            params={"sample_domain": sample_domain},
        )
        for labels in (y, garbled)
    ]
    np.testing.assert_allclose(scores[0], 1 - scores[1])


def test_memory_caches_middle_steps_and_changes_no_answer(data, tmp_path):
    X, y, sample_domain = data
    labels = _with_gaps(y, [30, 31])
    plain = make_transfer_pipeline(
        LinearDiscriminantAnalysis(), CORALAligner(), LogisticRegression()
    )
    cached = clone(plain).set_params(memory=str(tmp_path))
    expected = plain.fit(X, labels, sample_domain=sample_domain).predict_proba(X)
    for _ in range(2):
        got = clone(cached).fit(X, labels, sample_domain=sample_domain).predict_proba(X)
        np.testing.assert_array_equal(got, expected)
    other = np.where(np.arange(40) < 10, "barn", sample_domain)
    moved = clone(cached).fit(X, labels, sample_domain=other)
    assert moved[1].source_domains_ == ("barn", "lab"), "the cache must be keyed by the domains"


def test_callbacks_work_as_in_pipeline(data):
    X, y, sample_domain = data
    tasks = []

    class Log:
        def setup(self, estimator, context):
            tasks.append("setup")

        def on_fit_task_begin(self, estimator, context, **kwargs):
            tasks.append(context.task_name)

        def on_fit_task_end(self, estimator, context, **kwargs):
            tasks.append("end")

        def teardown(self, estimator, context):
            tasks.append("teardown")

    def run(pipe, **params):
        tasks.clear()
        pipe.set_callbacks(Log()).fit(X, y, **params)
        return list(tasks)

    ours = run(make_transfer_pipeline(StandardScaler(), Ridge()), sample_domain=sample_domain)
    assert ours == run(make_pipeline(StandardScaler(), Ridge()))
    assert ours[0] == "setup"
    assert ours[-1] == "teardown"


def test_scoring_monitor_is_accepted(data):
    X, y, sample_domain = data
    monitor = ScoringMonitor(scoring="accuracy")
    last = LogisticRegression().set_callbacks(monitor)
    make_transfer_pipeline(StandardScaler(), last).fit(X, y, sample_domain=sample_domain)


def test_passthrough_and_none_steps_are_skipped(data):
    X, y, sample_domain = data
    pipe = make_transfer_pipeline("passthrough", Witness(), None)
    np.testing.assert_array_equal(pipe.fit_transform(X, y, sample_domain=sample_domain), X)


def test_verbose_prints_each_step(data, capsys):
    X, y, _ = data
    make_transfer_pipeline(StandardScaler(), Ridge(), verbose=True).fit(X, y)
    printed = capsys.readouterr().out
    assert "(step 1 of 2) Processing standardscaler" in printed
    assert "(step 2 of 2) Processing ridge" in printed


def test_pandas_and_nested_pipelines_carry_domains(data):
    pd = pytest.importorskip("pandas")
    X, y, sample_domain = data
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    inner = make_transfer_pipeline(StandardScaler(), CORALAligner())
    nested = make_transfer_pipeline(inner, LogisticRegression())
    flat = make_transfer_pipeline(StandardScaler(), CORALAligner(), LogisticRegression())
    nested.fit(frame, pd.Series(y), sample_domain=pd.Series(sample_domain))
    flat.fit(X, y, sample_domain=sample_domain)
    np.testing.assert_allclose(nested.predict_proba(frame), flat.predict_proba(X))


@pytest.mark.filterwarnings("ignore:The weights of:sktransfer.exceptions.TransferWarning")
def test_a_method_of_ours_gets_the_rows_without_a_label_too(data):
    X, y, sample_domain = data
    is_target = sample_domain == "target"
    labels = _with_gaps(y, np.flatnonzero(is_target))
    last = WeightedTransferClassifier(LogisticRegression(), random_state=0)
    expected = clone(last).fit(X, labels, sample_domain=sample_domain).predict_proba(X)
    pipe = make_transfer_pipeline(clone(last)).fit(X, labels, sample_domain=sample_domain)
    np.testing.assert_array_equal(pipe.predict_proba(X), expected)
    ignoring = make_transfer_pipeline(clone(last), target_labels="ignore")
    ignoring.fit(X, y, sample_domain=sample_domain)
    np.testing.assert_array_equal(ignoring.predict_proba(X), expected)


def test_a_pipeline_inside_sorts_labelled_rows_out_by_itself(data):
    X, y, sample_domain = data
    labels = _with_gaps(y, np.flatnonzero(sample_domain == "target"))
    inner = make_transfer_pipeline(CORALAligner(), LogisticRegression())
    nested = make_transfer_pipeline(StandardScaler(), inner)
    flat = make_transfer_pipeline(StandardScaler(), CORALAligner(), LogisticRegression())
    np.testing.assert_array_equal(
        nested.fit(X, labels, sample_domain=sample_domain).predict_proba(X),
        flat.fit(X, labels, sample_domain=sample_domain).predict_proba(X),
    )


def test_third_party_predictors_get_labelled_rows_only_though_they_take_domains(data):
    class TakesDomain(LastWitness):
        def fit(self, X, y, *, sample_domain=None):
            super().fit(X, y)
            self.domain_ = sample_domain
            return self

    X, y, sample_domain = data
    pipe = make_transfer_pipeline(TakesDomain()).fit(
        X, _with_gaps(y, [30, 31]), sample_domain=sample_domain
    )
    assert len(pipe[-1].seen_[0]) == 38
    np.testing.assert_array_equal(pipe[-1].domain_, np.delete(sample_domain, [30, 31]))


def test_a_selector_by_labels_is_fitted_on_labelled_rows(data):
    X, y, sample_domain = data
    pipe = make_transfer_pipeline(SelectKBest(k=1), LogisticRegression()).fit(
        X, _with_gaps(y, np.arange(30, 40)), sample_domain=sample_domain
    )
    np.testing.assert_array_equal(pipe[0].scores_, SelectKBest(k=1).fit(X[:30], y[:30]).scores_)


def test_labels_of_another_length_are_refused(data):
    X, y, sample_domain = data
    labels = _with_gaps(y, [30])[:-1]
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        make_transfer_pipeline(LogisticRegression()).fit(X, labels, sample_domain=sample_domain)


def test_with_routing_on_domains_flow_though_no_step_asks_for_them(data):
    X, y, sample_domain = data
    pipe = make_transfer_pipeline(LogisticRegression(), target_labels="ignore")
    params = {"groups": sample_domain, "sample_domain": sample_domain}
    with sklearn.config_context(enable_metadata_routing=True):
        routed = cross_val_score(pipe, X, y, cv=TargetFold(3), params=params)
    plain = cross_val_score(
        pipe,
        X,
        y,
        cv=TargetFold(3),
        groups=sample_domain,
        params={"sample_domain": sample_domain},
    )
    np.testing.assert_array_equal(routed, plain)


def _equal_to_the_pipeline_by_itself(composed, by_itself, data, *, of_sources=True):
    X, y, sample_domain = data
    by_itself = make_transfer_pipeline(*by_itself).fit(X, y, sample_domain=sample_domain)
    composed = make_transfer_pipeline(*composed).fit(X, y, sample_domain=sample_domain)
    assert not sklearn.get_config()["enable_metadata_routing"]
    for options in [{}, {"sample_domain": sample_domain}][: 1 + of_sources]:
        expected = by_itself.predict_proba(X, **options)
        np.testing.assert_allclose(composed.predict_proba(X, **options), expected)


@pytest.mark.parametrize("inner", [make_pipeline, make_transfer_pipeline])
def test_domains_reach_an_aligner_inside_of_what_scikit_learn_composes(inner, data):
    """Only some columns are aligned, or the parts of a union; no switch is on before or after."""
    aligner = inner(StandardScaler(), CORALAligner())
    last = LogisticRegression()
    expected = (StandardScaler(), CORALAligner(), last)
    _equal_to_the_pipeline_by_itself((aligner, last), expected, data)
    n_columns = data[0].shape[1]
    columns = ColumnTransformer([("all", aligner, list(range(n_columns)))])
    _equal_to_the_pipeline_by_itself((columns, last), expected, data)
    _equal_to_the_pipeline_by_itself((FeatureUnion([("only", aligner)]), last), expected, data)


def test_of_some_columns_only_those_are_aligned(data):
    X, y, sample_domain = data
    columns = ColumnTransformer([("first", CORALAligner(), [0, 1])], remainder="passthrough")
    pipe = make_transfer_pipeline(columns, LogisticRegression())
    pipe.fit(X, y, sample_domain=sample_domain)
    mapped = pipe[:-1].transform(X, sample_domain=sample_domain)
    expected = CORALAligner().fit_transform(X[:, :2], sample_domain=sample_domain)
    np.testing.assert_allclose(mapped[:, :2], expected)
    np.testing.assert_array_equal(mapped[:, 2:], X[:, 2:])
    assert not np.allclose(mapped[sample_domain != "target", :2], X[sample_domain != "target", :2])


def test_a_vote_and_a_search_hand_domains_to_their_parts(data):
    X, y, sample_domain = data
    inner = make_transfer_pipeline(CORALAligner(), LogisticRegression())
    expected = (CORALAligner(), LogisticRegression())
    vote = VotingClassifier([("a", inner), ("b", inner)], voting="soft")
    _equal_to_the_pipeline_by_itself((vote,), expected, data, of_sources=False)
    plain = make_pipeline(CORALAligner(), LogisticRegression())
    folds = KFold(2, shuffle=True, random_state=0)
    search = GridSearchCV(plain, {"logisticregression__C": [1.0]}, cv=folds)
    _equal_to_the_pipeline_by_itself((search,), expected, data, of_sources=False)


NOISE = np.random.default_rng(0)
CODES = NOISE.integers(0, 200, 400).astype(str)[:, np.newaxis]  # many codes, and labels that
COINS = NOISE.integers(0, 2, 400).astype(float)  # have nothing to do with them


@pytest.mark.parametrize("within", ["alone", "columns", "plain pipeline"])
def test_codes_of_targets_stay_cross_fitted_where_a_label_is_missing(within):
    """A TargetEncoder's fit_transform keeps a row's own label out of its code; transform cannot."""
    sample_domain = np.repeat(["lab", "target"], [300, 100])
    encoder = TargetEncoder(cv=KFold(5, shuffle=True, random_state=0))
    step = {
        "alone": encoder,
        "columns": ColumnTransformer([("codes", encoder, [0])]),
        "plain pipeline": make_pipeline(encoder, StandardScaler()),
    }[within]
    y = COINS.copy()
    y[[5, 380]] = np.nan
    pipe = make_transfer_pipeline(step, LogisticRegression())
    coef = pipe.fit(CODES, y, sample_domain=sample_domain)[-1].coef_
    seen = ~np.isnan(y)
    plain = make_pipeline(clone(step), LogisticRegression()).fit(
        CODES[seen], COINS[seen].astype(int)
    )
    np.testing.assert_allclose(coef, plain[-1].coef_)
    assert abs(plain[:-1].transform(CODES[seen])[:, 0] @ (COINS[seen] - 0.5)) > 5, "would tell"


def test_rows_mapped_in_two_parts_come_back_in_order(data):
    """Frames keep their index, sparse rows stay sparse."""
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"code": CODES[:, 0], "x": np.arange(400.0)}, index=np.arange(400) + 7)
    columns = ColumnTransformer(
        [("codes", TargetEncoder(cv=KFold(5, shuffle=True, random_state=0)), ["code"])],
        remainder="passthrough",
        verbose_feature_names_out=False,
    ).set_output(transform="pandas")
    y = COINS.copy()
    y[::3] = np.nan
    pipe = make_transfer_pipeline(columns, StandardScaler().set_output(transform="pandas"))
    mapped = pipe.fit_transform(frame, y)
    np.testing.assert_array_equal(mapped.index, frame.index)
    assert (np.diff(mapped["x"]) > 0).all()


def test_rows_without_a_label_are_mapped_with_their_domain_too(data):
    X, y, sample_domain = data
    labels = y.astype(float)
    labels[::4] = np.nan
    assert {"lab", "target"} <= {*sample_domain[::4]}
    columns = ColumnTransformer(
        [("align", CORALAligner(), [0, 1]), ("best", SelectKBest(k=1), [2])]
    )
    pipe = make_transfer_pipeline(columns, StandardScaler())
    mapped = pipe.fit_transform(X, labels, sample_domain=sample_domain)
    np.testing.assert_allclose(mapped, pipe.transform(X, sample_domain=sample_domain))


def test_steps_inside_of_a_container_that_read_labels_are_fitted_on_labelled_rows(data):
    X, y, sample_domain = data
    labels = y.astype(float)
    labels[::4] = np.nan
    seen = ~np.isnan(labels)
    union = FeatureUnion([("best", SelectKBest(k=1)), ("scaled", StandardScaler())])
    pipe = make_transfer_pipeline(union, LogisticRegression())
    pipe.fit(X, labels, sample_domain=sample_domain)
    plain = make_pipeline(clone(union), LogisticRegression()).fit(X[seen], y[seen])
    np.testing.assert_allclose(pipe.predict_proba(X), plain.predict_proba(X))
    hidden = make_transfer_pipeline(clone(union), LogisticRegression(), target_labels="ignore")
    hidden.fit(X, y, sample_domain=sample_domain)
    source = sample_domain != "target"
    plain.fit(X[source], y[source])
    np.testing.assert_allclose(hidden.predict_proba(X), plain.predict_proba(X))


def test_a_booster_of_pipelines_calibrated_in_a_pipeline_gets_its_weights(data):
    X, y, sample_domain = data
    booster = TrAdaBoostClassifier(
        make_pipeline(StandardScaler(), LogisticRegression()), n_estimators=3
    )
    folds = KFold(3, shuffle=True, random_state=0)
    inner = CalibratedClassifierCV(booster, cv=folds).fit(X, y, sample_domain=sample_domain)
    pipe = make_transfer_pipeline(CalibratedClassifierCV(clone(booster), cv=folds))
    pipe.fit(X, y, sample_domain=sample_domain)
    np.testing.assert_allclose(pipe.predict_proba(X), inner.predict_proba(X))


def test_a_fit_without_domains_warns_where_a_step_asks_for_them(data):
    X, y, _ = data
    pipe = make_transfer_pipeline(StandardScaler(), CORALAligner(), LogisticRegression())
    with pytest.warns(UserWarning, match="every row counts as a target row and CORALAligner trans"):
        pipe.fit(X, y)
    pipe.fit(X, y, sample_domain=["target"] * len(X))
    make_transfer_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)


def test_fit_predict_and_log_probabilities_carry_domains(data):
    X, y, sample_domain = data
    pipe = make_transfer_pipeline(CORALAligner(), KMeans(2, random_state=0))
    found = pipe.fit_predict(X, sample_domain=sample_domain)
    aligned = CORALAligner().fit_transform(X, sample_domain=sample_domain)
    np.testing.assert_array_equal(found, KMeans(2, random_state=0).fit_predict(aligned))
    classify = make_transfer_pipeline(CORALAligner(), LogisticRegression())
    classify.fit(X, y, sample_domain=sample_domain)
    np.testing.assert_allclose(
        np.exp(classify.predict_log_proba(X, sample_domain=sample_domain)),
        classify.predict_proba(X, sample_domain=sample_domain),
    )


def test_objects_that_hold_numbers_can_be_scored(data):
    X, y, sample_domain = data
    labels = y.astype(object)
    labels[30] = None
    splits = list(TargetFold(2).split(X, _with_gaps(y, [30]), sample_domain))
    search = GridSearchCV(
        make_transfer_pipeline(LogisticRegression()), {}, cv=splits, error_score="raise"
    )
    search.fit(X, labels, sample_domain=sample_domain)
    assert np.isfinite(search.best_score_)


def test_a_step_with_a_name_is_refused_in_a_sentence():
    with pytest.raises(TypeError, match=r"names them itself.*sktransfer.TransferPipeline"):
        make_transfer_pipeline(("scale", StandardScaler()), LogisticRegression())


@pytest.mark.filterwarnings("ignore")
def test_it_passes_the_checks_that_scikit_learns_pipeline_passes():
    fitted_in_place = "a pipeline replaces `steps` by fitted ones, as scikit-learn's does"
    pipe = TransferPipeline([("scale", StandardScaler()), ("predict", Ridge())])
    results = check_estimator(
        pipe,
        expected_failed_checks={
            "check_estimators_overwrite_params": fitted_in_place,
            "check_dont_overwrite_parameters": fitted_in_place,
        },
        on_skip=None,
    )
    xfailed = [result["check_name"] for result in results if result["status"] == "xfail"]
    assert len(xfailed) == 2


def test_it_is_pickled_cloned_and_printed_as_any_estimator(data):
    X, y, sample_domain = data
    pipe = TransferPipeline(
        [("align", CORALAligner()), ("classify", LogisticRegression())], target_labels="ignore"
    )
    assert repr(pipe).startswith("TransferPipeline(steps=[('align', CORALAligner())")
    assert "target_labels='ignore'" in repr(pipe)
    assert "CORALAligner" in pipe._repr_html_()
    again = clone(pipe).fit(X, y, sample_domain=sample_domain)
    read = pickle.loads(pickle.dumps(again))
    for options in ({}, {"sample_domain": sample_domain}):
        np.testing.assert_array_equal(
            read.predict_proba(X, **options), again.predict_proba(X, **options)
        )
    assert clone(read).target_labels == "ignore"
    assert not hasattr(pipe[-1], "coef_"), "the clone was fitted, not the original"


def test_transform_input_is_that_of_scikit_learns_pipeline(data):
    X, y, sample_domain = data
    pipe = make_transfer_pipeline(StandardScaler(), LogisticRegression(), transform_input=["X_val"])
    assert pipe.transform_input == pipe[:1].transform_input == ["X_val"]
    with pytest.raises(ValueError, match="`transform_input` parameter can only be set if metadata"):
        pipe.fit(X, y, sample_domain=sample_domain)


def test_domains_reach_a_last_step_that_fits_and_predicts(data):
    X, y, sample_domain = data
    inner = make_transfer_pipeline(CORALAligner(), KMeans(2, random_state=0))
    found = make_transfer_pipeline("passthrough", clone(inner)).fit_predict(
        X, sample_domain=sample_domain
    )
    np.testing.assert_array_equal(found, inner.fit_predict(X, sample_domain=sample_domain))


def test_rows_without_a_target_row_are_refused_with_the_usual_causes(data):
    X, y, sample_domain = data
    source = sample_domain == "lab"
    pipe = make_transfer_pipeline(CORALAligner(), LogisticRegression())
    with pytest.raises(
        ValueError, match=r"no target row.*TargetFold.*learning_curve takes the fir"
    ):
        pipe.fit(X[source], y[source], sample_domain=sample_domain[source])


def test_a_pipeline_without_steps_is_refused_as_by_scikit_learn(data):
    X, y, domains = data[:3]
    with pytest.raises(ValueError, match=r"The pipeline is empty\. Please add steps\."):
        TransferPipeline([]).fit(X, y, sample_domain=domains)
