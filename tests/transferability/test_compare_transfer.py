"""compare_transfer: the same folds for all, what each model is fitted on, and what is compared."""

import math
import re

import numpy as np
import pandas as pd
import pytest
from joblib import parallel_config
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, make_scorer
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from sktransfer import (
    CORALAligner,
    DomainAugmenter,
    MomentAligner,
    RepeatedTargetFold,
    TargetFold,
    TrAdaBoostClassifier,
    TransferWarning,
    compare_transfer,
    make_transfer_pipeline,
    paired_interval,
)
from sktransfer._named_estimators import named_estimators
from sktransfer.transferability._baselines import TargetOnly

CV = RepeatedTargetFold(2, n_repeats=2, random_state=0)
PIPE = make_transfer_pipeline(StandardScaler(), CORALAligner(), LogisticRegression())
PLAIN = make_transfer_pipeline(StandardScaler(), LogisticRegression())


def make_domains(seed=0, *, sources=("amazon", "webcam"), n_target=24, n_unlabelled=5):
    """Rows of two classes; the last source follows the opposite rule, the target is moved."""
    rng = np.random.default_rng(seed)
    domain = np.repeat([*sources, "target"], [40] * len(sources) + [n_target + n_unlabelled])
    X = rng.normal(size=(len(domain), 3))
    y = (X[:, 0] + 0.5 * rng.normal(size=len(domain)) > 0).astype(float)
    y[domain == sources[-1]] = 1 - y[domain == sources[-1]]
    X[domain == "target"] = X[domain == "target"] * [2, 1, 1] + [1, 0, 0]
    y[len(y) - n_unlabelled :] = np.nan
    return X, y, domain


X, Y, DOMAIN = make_domains()


def compare(pipelines=PIPE, X=X, y=Y, domain=DOMAIN, **options):
    options = {"cv": CV, "by_source": False} | options
    return compare_transfer(pipelines, X, y, sample_domain=domain, **options)


def numbers(comparison):
    """Every number of a comparison but the times."""
    frame = comparison.to_frame().drop(columns="seconds")
    gains = [
        (s.alone, s.without, s.gain.value, s.gain.low, s.gain.high) for s in comparison.sources
    ]
    return np.concatenate([frame.to_numpy().ravel(), np.ravel(gains)])


def test_the_scores_are_those_of_cross_validation():
    comparison = compare({"coral": PIPE})
    params = {"sample_domain": DOMAIN}
    expected = cross_val_score(
        PIPE, X, Y, cv=CV, groups=DOMAIN, params=params
    )  # 24 rows: folds of one size
    scores = {model.name: model.score for model in comparison.models}
    assert scores["coral"] == pytest.approx(expected.mean())
    target = (DOMAIN == "target") & ~np.isnan(Y)
    parts = {"target only": [], "source only": [], "pooled": []}
    for train, test in CV.split(X, Y, DOMAIN):
        train = train[~np.isnan(Y[train])]
        unlabelled_too = DOMAIN == "target"
        unlabelled_too[test] = False
        rows = {
            "target only": (train[target[train]], np.flatnonzero(unlabelled_too)),
            "source only": (train[~target[train]], train[~target[train]]),
            "pooled": (train, np.setdiff1d(np.arange(len(Y)), test)),
        }
        for name, (labelled, scaled) in rows.items():
            scaler = StandardScaler().fit(X[scaled])
            model = LogisticRegression().fit(scaler.transform(X[labelled]), Y[labelled])
            parts[name].append(model.score(scaler.transform(X[test]), Y[test]))
    for name, values in parts.items():
        assert scores[name] == pytest.approx(np.mean(values)), name


def test_all_models_are_fitted_on_the_same_folds():
    seen = []

    class Spy(ClassifierMixin, BaseEstimator):
        def fit(self, X, y, *, sample_domain=None):
            seen.append(frozenset(X[:, 3].astype(int)))
            self.classes_ = np.unique(y)
            return self

        def predict(self, X):
            return np.full(len(X), self.classes_[0])

    numbered = np.column_stack([X, np.arange(len(X))])
    compare({"one": Spy(), "two": Spy()}, X=numbered)
    labelled = np.flatnonzero(~np.isnan(Y))
    splits = [frozenset(np.intersect1d(train, labelled)) for train, _ in CV.split(X, Y, DOMAIN)]
    assert {rows: seen.count(rows) for rows in splits} == dict.fromkeys(splits, 2 + 1)  # and pooled


def test_a_pipeline_equal_to_the_best_baseline_does_not_differ():
    comparison = compare({"same": TargetOnly(PLAIN), "pooled, too": PLAIN})
    same, pooled = comparison.pipelines
    assert comparison.best_baseline.name == "target only"
    assert same.score == comparison.best_baseline.score
    assert same.difference.value == 0
    assert same.difference.low < 0 < same.difference.high
    assert same.difference.verdict == "undecided"
    for model, name in ((same, "target only"), (pooled, "pooled")):
        to_itself = model.to_baselines[name]
        expected = paired_interval(np.zeros(comparison.n_rows))
        assert (to_itself.value, to_itself.low, to_itself.high) == expected


def test_garbled_labels_of_sources_change_target_only_by_no_bit():
    garbled = np.where(DOMAIN == "target", Y, np.random.default_rng(0).permutation(Y))
    garbled = np.where(np.isnan(garbled) & (DOMAIN != "target"), 0, garbled)
    before, after = compare(), compare(y=garbled)
    assert before.models[0].score == after.models[0].score
    assert before.models[0].standard_error == after.models[0].standard_error
    assert before.models[1].score != after.models[1].score


def test_names_of_domains_and_the_order_of_source_rows_change_nothing():
    before = numbers(compare(by_source=True))
    renamed = np.array([{"amazon": "1", "webcam": "2"}.get(name, name) for name in DOMAIN])
    assert_allclose(numbers(compare(domain=renamed, by_source=True)), before)
    order = np.random.default_rng(0).permutation(np.flatnonzero(DOMAIN != "target"))
    order = np.r_[order, np.flatnonzero(DOMAIN == "target")]
    moved = compare(X=X[order], y=Y[order], domain=DOMAIN[order], by_source=True)
    assert_allclose(numbers(moved), before)


def test_jobs_and_a_second_run_change_nothing():
    before = numbers(compare())
    assert_array_equal(numbers(compare()), before)
    with parallel_config("threading"):
        assert_array_equal(numbers(compare(n_jobs=2)), before)


def test_a_source_is_left_out_or_alone():
    comparison = compare({"coral": PIPE}, by_source=True)
    sources = {each.source: each for each in comparison.sources}
    for name, other in (("amazon", "webcam"), ("webcam", "amazon")):
        kept = other != DOMAIN
        alone = compare({"coral": PIPE}, X=X[kept], y=Y[kept], domain=DOMAIN[kept])
        assert sources[name].alone == alone.pipelines[0].score
        assert sources[other].without == alone.pipelines[0].score  # of two sources
        gain = comparison.pipelines[0].score - sources[other].without
        assert sources[other].gain.value == pytest.approx(gain)
    assert sources["webcam"].gain.value < 0 < sources["amazon"].gain.value
    assert compare(by_source=False).sources == ()
    assert alone.sources == ()


def test_of_three_sources_each_is_left_out():
    X, y, domain = make_domains(sources=("a", "b", "c"))
    comparison = compare({"both": PLAIN}, X, y, domain, by_source=True)
    kept = domain != "b"
    without = compare({"both": PLAIN}, X[kept], y[kept], domain[kept])
    assert comparison.sources[1].source == "b"
    assert comparison.sources[1].without == without.pipelines[0].score


def test_the_gap_is_the_score_of_the_same_pipeline_without_a_source():
    boosted = TrAdaBoostClassifier(n_estimators=3, random_state=0)
    model = compare({"boosted": boosted}).pipelines[0]
    target = DOMAIN == "target"
    scores = cross_val_score(boosted, X[target], Y[target], cv=CV, groups=DOMAIN[target])
    assert model.gap.value == pytest.approx(scores.mean() - model.score)
    assert model.gap.low <= model.gap.value <= model.gap.high


def test_the_gap_of_a_pipeline_without_target_labels_is_to_the_source_model():
    pipe = make_transfer_pipeline(MomentAligner(), LogisticRegression(), target_labels="ignore")
    comparison = compare({"moments": pipe})
    scores = {model.name: model.score for model in comparison.models}
    gap = comparison.pipelines[0].gap
    assert gap.value == pytest.approx(scores["source only"] - scores["moments"])


def test_the_gap_is_missing_if_there_is_no_fit_without_a_source():
    class NeedsSource(LogisticRegression):
        def fit(self, X, y, *, sample_domain=None):
            if set(sample_domain) == {"target"}:
                raise ValueError("no source")
            return super().fit(X, y)

    comparison = compare({"needy": NeedsSource()}, estimator=LogisticRegression())
    assert comparison.pipelines[0].gap is None
    assert math.isnan(comparison.to_frame().loc["needy", "gap"])


def test_the_baselines_are_fitted_without_the_steps_that_map_domains():
    pipe = make_transfer_pipeline(DomainAugmenter(), StandardScaler(), CORALAligner(), Ridge())
    comparison = compare(pipe)
    assert [type(step) for _, step in comparison.estimator.steps] == [StandardScaler, Ridge]
    assert comparison.score_name == "neg_mean_squared_error"
    given = LogisticRegression(C=0.1)
    assert compare(estimator=given).estimator is given


def test_numbers_have_an_interval_of_squared_errors():
    comparison = compare({"ridge": make_transfer_pipeline(MomentAligner(), Ridge())})
    model = comparison.pipelines[0]
    assert model.score < 0
    assert model.difference.low <= model.difference.value <= model.difference.high


def test_a_score_without_rows_has_no_interval():
    comparison = compare({"coral": PIPE}, scoring="roc_auc")
    params = {"sample_domain": DOMAIN}
    scores = cross_val_score(PIPE, X, Y, cv=CV, groups=DOMAIN, params=params, scoring="roc_auc")
    model = comparison.pipelines[0]
    assert model.score == pytest.approx(scores.mean())
    # Nadeau and Bengio: four folds; 12 rows are tested and 12 trained on.
    assert model.standard_error == pytest.approx(scores.std(ddof=1) * (1 / 4 + 12 / 12) ** 0.5)
    assert math.isnan(model.difference.low)
    assert model.difference.verdict == "unknown"
    assert "roc_auc has no value for a single row" in str(comparison)
    own = compare({"coral": PIPE}, scoring=make_scorer(accuracy_score))
    assert math.isnan(own.pipelines[0].difference.low)


def test_folds_by_default():
    comparison = compare(cv=None)
    fewest = min(np.sum(Y[DOMAIN == "target"] == label) for label in (0, 1))
    assert comparison.n_fits == 3 * min(fewest, 10)
    assert compare(cv=2).n_fits == 6
    assert compare(cv=TargetFold(4)).n_fits == 4


def test_one_row_of_a_class_gives_a_warning_and_no_interval():
    y = np.where((DOMAIN == "target") & (Y == 1), np.nan, Y)
    y[np.flatnonzero((DOMAIN == "target") & (Y == 1))[0]] = 1
    with pytest.warns(TransferWarning, match=r"1 of 2 classes have one labelled target row \(1\)"):
        comparison = compare(y=y)
    assert math.isnan(comparison.pipelines[0].difference.low)
    assert "No interval: a class has one labelled target row." in str(comparison)


@pytest.mark.parametrize("kind", ["texts", "sparse", "frame"])
def test_rows_and_labels_of_any_kind(kind):
    words = ["".join("abc"[k] * int(1 + 3 * abs(row[k])) for k in range(3)) for row in X]
    counts = make_pipeline(CountVectorizer(analyzer="char"), MultinomialNB())
    rows, model = {
        "texts": (words, counts),
        "sparse": (csr_array(np.abs(X)), MultinomialNB()),
        "frame": (pd.DataFrame(X, columns=list("abc")), PIPE),
    }[kind]
    labels = np.array([None if np.isnan(label) else f"class {label:.0f}" for label in Y])
    for scoring in ("accuracy", "neg_log_loss", "neg_brier_score"):
        comparison = compare({"it": model}, rows, labels, scoring=scoring)
        assert np.isfinite(comparison.pipelines[0].difference.low)


@pytest.mark.parametrize("scoring", ["neg_log_loss", "neg_brier_score", "accuracy"])
def test_scores_of_rows_have_the_mean_of_scikit_learns(scoring):
    params = {"sample_domain": DOMAIN}
    expected = cross_val_score(PIPE, X, Y, cv=CV, groups=DOMAIN, params=params, scoring=scoring)
    comparison = compare({"coral": PIPE}, scoring=scoring)
    assert comparison.pipelines[0].score == pytest.approx(expected.mean())


def test_a_search_over_target_folds_is_a_pipeline_too():
    grid = {"logisticregression__C": [0.1, 1.0]}
    search = GridSearchCV(PIPE, grid, cv=TargetFold(2))
    comparison = compare({"search": search, "one": PIPE})
    assert comparison.pipelines[0].gap is not None


def test_one_estimator_a_list_and_a_dict():
    def names(pipelines):
        return list(named_estimators(pipelines, parameter="pipelines"))

    assert names(PIPE) == ["transferpipeline"]
    assert names([PIPE, PLAIN]) == ["transferpipeline-1", "transferpipeline-2"]
    assert names([("a", PIPE), PLAIN]) == ["a", "transferpipeline-2"]
    assert names({"a": PIPE, "b": PLAIN}) == ["a", "b"]
    assert [model.name for model in compare(PIPE).pipelines] == names(PIPE)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"pipelines": []}, r"pipelines=\[\]: expected an estimator, a list"),
        ({"pipelines": LogisticRegression}, "expected an estimator, a list"),
        (
            {"pipelines": {"pooled": PIPE}},
            r"'pooled' more than once \('target only', 'source only'",
        ),
        ({"pipelines": [("a", PIPE), ("a", PLAIN)]}, "the name 'a' more than once; pass"),
        ({"pipelines": [PIPE, Ridge()]}, "with a classifier, but 'ridge' of pipelines is not one"),
        ({"y": None}, "y is None; pass y"),
        ({"domain": None}, "sample_domain names no source"),
        ({"y": np.where(DOMAIN == "target", np.nan, Y)}, "there are 0 of 29 target rows"),
        ({"y": np.where(DOMAIN != "target", np.nan, Y)}, "no label for any of the 80 source rows"),
        ({"cv": [(np.arange(9), np.arange(70, 90))]}, "10 rows that are no labelled target rows"),
        ({"cv": [(np.arange(80), np.arange(80, 90))]}, "no labelled target row for training"),
        ({"level": 90}, "level=90: expected a number between 0 and 1"),
        ({"scoring": ["accuracy", "roc_auc"]}, "expected one score"),
        ({"scoring": "accurate"}, "'accurate'"),
        (
            {"pipelines": {"svm": LinearSVC()}, "scoring": "neg_log_loss"},
            "reads predict_proba, which is no method of 'estimator', 'svm'; pass",
        ),
    ],
)
def test_errors(changed, message):
    with pytest.raises(ValueError, match=message):
        compare(**changed)


def test_an_error_of_a_fit_names_the_model():
    pipe = make_transfer_pipeline(LogisticRegression(C=-1))
    with pytest.raises(ValueError, match="'C' parameter") as raised:
        compare({"wrong": pipe}, estimator=LogisticRegression())
    assert re.match(r"This is the fit of 'wrong' on \d+ rows", raised.value.__notes__[0])


def test_the_table_prints_every_model_and_a_sentence():
    text = str(compare({"coral": PIPE, "both": PLAIN}, by_source=True))
    first, heads, *_ = text.splitlines()
    assert first == "accuracy of 24 labelled target rows, 4 fits a model, intervals of 90 %"
    assert heads.split("  ")[-1] == "seconds"
    for name in ("target only", "source only", "pooled", "coral", "both", "amazon", "webcam"):
        assert re.search(rf"^{name}\b", text, flags=re.MULTILINE), name
    assert text.count("(best)") == 1
