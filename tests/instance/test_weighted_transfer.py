"""WeightedTransferClassifier and -Regressor: what they fit, on which rows, with which weights."""

import re

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.compose import make_column_transformer
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
)
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.utils import get_tags

from sktransfer import TargetFold, TrAdaBoostClassifier, make_transfer_pipeline
from sktransfer.instance import (
    DiscriminatorWeighter,
    GaussianWeighter,
    KLIEPWeighter,
    KMMWeighter,
    NearestNeighborWeighter,
    ULSIFWeighter,
    WeightedTransferClassifier,
    WeightedTransferRegressor,
)

WEIGHTERS = [
    DiscriminatorWeighter(),
    GaussianWeighter(),
    KLIEPWeighter(),
    KMMWeighter(),
    NearestNeighborWeighter(),
    ULSIFWeighter(),
]


def make_domains(seed=0, n_source=200, n_target=80):
    """Rows of one rule, sign(x_0^2 - x_1 - 1), seen at two places."""
    rng = np.random.default_rng(seed)
    source = rng.normal(size=(n_source, 2))
    target = rng.normal([1.0, 0.3], 0.6, size=(n_target, 2))
    X = np.r_[source, target]
    y = (X[:, 0] ** 2 - X[:, 1] > 0.7).astype(int)
    return X, y, np.repeat(["s", "target"], [n_source, n_target])


class Spy(ClassifierMixin, BaseEstimator):
    """Keep what arrives."""

    def fit(self, X, y, sample_weight=None):
        self.classes_, self.X_, self.y_, self.weights_ = np.unique(y), X, y, sample_weight
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[0])


def test_it_is_the_estimator_fitted_with_the_weights():
    X, y, sample_domain = make_domains()
    model = WeightedTransferClassifier(weighter=GaussianWeighter())
    model.fit(X, y, sample_domain=sample_domain)
    weights = GaussianWeighter().fit(X, sample_domain=sample_domain).weights_
    expected = LogisticRegression().fit(X, y, weights)
    assert_allclose(model.sample_weight_, weights)
    assert_allclose(model.predict_proba(X), expected.predict_proba(X))
    assert_allclose(model.decision_function(X), expected.decision_function(X))
    assert_array_equal(model.predict(X), expected.predict(X))


def test_only_labelled_rows_reach_the_estimator_and_all_target_rows_the_weighter():
    X, y, sample_domain = make_domains()
    labels = y.astype(float)
    labels[[0, 7, 200, 210]] = np.nan
    model = WeightedTransferClassifier(Spy(), GaussianWeighter())
    model.fit(X, labels, sample_domain=sample_domain)
    used = np.isfinite(labels)
    assert_array_equal(model.estimator_.X_, X[used])
    assert_array_equal(model.estimator_.y_, y[used])
    assert model.estimator_.y_.dtype.kind == "i"
    seen = used | (sample_domain == "target")
    weights = GaussianWeighter().fit(X[seen], sample_domain=sample_domain[seen]).weights_
    assert_allclose(model.weighter_.weights_, weights)
    assert_allclose(model.estimator_.weights_, weights[used[seen]])
    assert_array_equal(model.sample_weight_[~used], 0)


def test_the_users_weights_multiply_and_zero_leaves_out():
    X, y, sample_domain = make_domains()
    given = np.random.default_rng(0).integers(0, 4, len(X)).astype(float)
    model = WeightedTransferClassifier(Spy(), GaussianWeighter())
    model.fit(X, y, given, sample_domain=sample_domain)
    keep = given > 0
    weights = GaussianWeighter().fit(X[keep], sample_domain=sample_domain[keep]).weights_
    assert_array_equal(model.estimator_.X_, X[keep])
    assert_allclose(model.estimator_.weights_, given[keep] * weights)


class Curious(GaussianWeighter):
    """Keep the labels that arrive."""

    def fit(self, X, y=None, *, sample_domain=None):
        self.y_ = y
        return super().fit(X, y, sample_domain=sample_domain)


def test_the_weighter_sees_no_label_of_a_target_row():
    X, y, sample_domain = make_domains()
    model = WeightedTransferClassifier(weighter=Curious()).fit(X, y, sample_domain=sample_domain)
    assert all(label is None for label in model.weighter_.y_[200:])
    assert_array_equal(model.weighter_.y_[:200], y[:200])


@pytest.mark.parametrize("weighter", WEIGHTERS, ids=lambda weighter: type(weighter).__name__)
def test_weights_help_a_line_to_follow_a_parabola_where_the_target_is(weighter):
    rng = np.random.default_rng(0)
    X = np.r_[rng.normal(size=(400, 1)), rng.normal(1.2, 0.4, size=(100, 1))]
    y = X[:, 0] ** 2
    labels = np.where(np.arange(500) < 400, y, np.nan)
    sample_domain = ["s"] * 400 + ["target"] * 100
    model = WeightedTransferRegressor(LinearRegression(), weighter, random_state=0)
    model.fit(X, labels, sample_domain=sample_domain)
    plain = LinearRegression().fit(X[:400], y[:400])
    error, before = (np.mean((each.predict(X[400:]) - y[400:]) ** 2) for each in (model, plain))
    assert error < before / 1.5


def test_without_sources_it_is_the_estimator():
    X, y, _ = make_domains()
    model = WeightedTransferClassifier().fit(X, y)
    assert_allclose(model.predict_proba(X), LogisticRegression().fit(X, y).predict_proba(X))
    assert model.weighter_ is None
    regressor = WeightedTransferRegressor().fit(X, X[:, 0])
    assert_allclose(regressor.predict(X), Ridge().fit(X, X[:, 0]).predict(X))


def test_a_pipeline_gets_its_weights_at_its_last_step():
    X, y, sample_domain = make_domains()
    model = WeightedTransferClassifier(make_pipeline(StandardScaler(), Spy()), GaussianWeighter())
    model.fit(X, y, sample_domain=sample_domain)
    assert_array_equal(model.estimator_[-1].weights_, model.sample_weight_)


def test_methods_are_those_of_the_estimator():
    X, y, _ = make_domains()
    assert not hasattr(WeightedTransferClassifier(LinearSVC()), "predict_proba")
    assert not hasattr(WeightedTransferClassifier(LinearSVC()).fit(X, y), "predict_proba")
    assert hasattr(WeightedTransferClassifier(LinearSVC()), "decision_function")
    assert not hasattr(WeightedTransferRegressor(), "predict_proba")


def test_inner_parameters_can_be_searched_on_target_rows():
    X, y, sample_domain = make_domains()
    search = GridSearchCV(
        WeightedTransferClassifier(weighter=KMMWeighter()),
        {"weighter__width": [0.5, 2.0], "estimator": [LogisticRegression(C=0.1), Ridge()][:1]},
        cv=TargetFold(2),
    )
    search.fit(X, y, groups=sample_domain, sample_domain=sample_domain)
    assert search.best_estimator_.weighter_.width_ in (0.5, 2.0)


def test_in_a_transfer_pipeline_it_gets_the_domains():
    X, y, sample_domain = make_domains()
    pipe = make_transfer_pipeline(
        StandardScaler(), WeightedTransferClassifier(weighter=GaussianWeighter())
    )
    pipe.fit(X, y, sample_domain=sample_domain)
    scaled = StandardScaler().fit_transform(X)
    weights = GaussianWeighter().fit(scaled, sample_domain=sample_domain).weights_
    assert_allclose(pipe[-1].sample_weight_, weights)


def test_another_seed_gives_other_numbers():
    X, y, sample_domain = make_domains()
    model = WeightedTransferClassifier(
        RandomForestClassifier(n_estimators=5), ULSIFWeighter(n_centers=5), random_state=3
    )
    one = model.fit(X, y, sample_domain=sample_domain).predict_proba(X)
    other = clone(model).set_params(random_state=4).fit(X, y, sample_domain=sample_domain)
    assert np.abs(other.predict_proba(X) - one).max() > 0


def test_an_estimator_without_weights_is_refused():
    X, y, sample_domain = make_domains()
    message = (
        "estimator=KNeighborsClassifier() takes no sample_weight in fit, which is how it learns "
        "that some rows count more; pass a classifier that does (of a Pipeline, the last step)."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        WeightedTransferClassifier(KNeighborsClassifier()).fit(X, y, sample_domain=sample_domain)


def test_a_search_passes_the_weights_to_each_of_its_fits_and_scores():
    X, y, sample_domain = make_domains()
    grid = {"C": [1e-3, 1e-2, 1.0]}
    w = GaussianWeighter().fit(X, sample_domain=sample_domain).weights_
    folds = list(StratifiedKFold(3).split(X, y))
    model = WeightedTransferClassifier(
        GridSearchCV(LogisticRegression(), grid, cv=folds), GaussianWeighter()
    ).fit(X, y, sample_domain=sample_domain)
    for k, C in enumerate(grid["C"]):
        scores = [
            LogisticRegression(C=C).fit(X[train], y[train], w[train]).score(X[out], y[out], w[out])
            for train, out in folds
        ]
        assert_allclose(model.estimator_.cv_results_["mean_test_score"][k], np.mean(scores))
    best = LogisticRegression(**model.estimator_.best_params_).fit(X, y, w)
    assert_allclose(model.predict_proba(X), best.predict_proba(X))
    assert_array_equal(model.classes_, [0, 1])


def test_a_search_over_a_pipeline_in_a_pipeline():
    X, y, sample_domain = make_domains()
    inner = GridSearchCV(make_pipeline(StandardScaler(), Spy()), {}, cv=2)
    model = WeightedTransferClassifier(make_pipeline(StandardScaler(), inner), GaussianWeighter())
    model.fit(X, y, sample_domain=sample_domain)
    spy = model.estimator_[-1].best_estimator_[-1]
    assert_array_equal(spy.weights_, model.sample_weight_)
    boosted = TrAdaBoostClassifier(inner, n_estimators=1).fit(X, y, sample_domain=sample_domain)
    assert boosted.estimators_[0].best_estimator_[-1].weights_.shape == (len(X),)


@pytest.mark.parametrize("routing", [True, False])
def test_a_search_over_a_pipeline_weighs_its_scores_where_these_are_requested(routing):
    X, y, sample_domain = make_domains()
    folds = list(StratifiedKFold(2).split(X, y))
    with config_context(enable_metadata_routing=True):
        asking = LogisticRegression().set_fit_request(sample_weight=True)
        asking.set_score_request(sample_weight=True)
    search = GridSearchCV(make_pipeline(asking), {}, cv=folds)
    with config_context(enable_metadata_routing=routing):
        model = WeightedTransferClassifier(search, GaussianWeighter())
        model.fit(X, y, sample_domain=sample_domain)
    w = model.sample_weight_
    scores = [
        LogisticRegression()
        .fit(X[train], y[train], w[train])
        .score(X[out], y[out], w[out] if routing else None)
        for train, out in folds
    ]
    assert_allclose(model.estimator_.cv_results_["mean_test_score"], np.mean(scores))


def test_a_search_over_what_takes_no_weights_is_refused():
    X, y, sample_domain = make_domains()
    search = GridSearchCV(KNeighborsClassifier(), {})
    with pytest.raises(ValueError, match="takes no sample_weight in fit"):
        WeightedTransferClassifier(search).fit(X, y, sample_domain=sample_domain)
    with pytest.raises(ValueError, match="is a regressor; pass a classifier"):
        TrAdaBoostClassifier(GridSearchCV(Ridge(), {})).fit(X, y, sample_domain=sample_domain)


TREES = HistGradientBoostingClassifier(max_iter=5, min_samples_leaf=2)


def test_missing_features_pass_where_both_parts_take_them():
    X, y, sample_domain = make_domains()
    X[::9, 0] = np.nan
    model = WeightedTransferClassifier(TREES, DiscriminatorWeighter(TREES), random_state=0)
    assert get_tags(model).input_tags.allow_nan
    model.fit(X, y, sample_domain=sample_domain)
    fresh = WeightedTransferClassifier(TREES, DiscriminatorWeighter(TREES), random_state=0)
    filled = fresh.fit(np.nan_to_num(X, nan=99.0), y, sample_domain=sample_domain)
    assert model.predict_proba(X).shape == (280, 2)
    # To a tree that splits there, missing is to the side of the larger values, or of the others.
    assert (model.predict(X) == filled.predict(np.nan_to_num(X, nan=99.0))).mean() > 0.9
    regressor = WeightedTransferRegressor(
        HistGradientBoostingRegressor(max_iter=5), DiscriminatorWeighter(TREES), random_state=0
    )
    assert regressor.fit(X, X[:, 1], sample_domain=sample_domain).score(X, X[:, 1]) > 0.3


@pytest.mark.parametrize(
    ("estimator", "weighter", "refusing"),
    [
        (None, DiscriminatorWeighter(TREES), "estimator=LogisticRegression() of"),
        (TREES, None, "weighter=ULSIFWeighter() of"),
        (
            LogisticRegression(C=2),
            DiscriminatorWeighter(),
            "estimator=LogisticRegression(C=2) and weighter=DiscriminatorWeighter() of",
        ),
    ],
)
def test_missing_features_are_refused_where_a_part_refuses_them(estimator, weighter, refusing):
    X, y, sample_domain = make_domains()
    X[3, 0] = np.nan
    model = WeightedTransferClassifier(estimator, weighter)
    assert not get_tags(model).input_tags.allow_nan
    message = (
        f"X contains NaN, which {refusing} WeightedTransferClassifier cannot take; impute the "
        "missing values first, or pass parts that take them, such as HistGradientBoosting and "
        "DiscriminatorWeighter(HistGradientBoostingClassifier())."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        model.fit(X, y, sample_domain=sample_domain)
    with pytest.raises(ValueError, match=r"^X contains NaN, which"):
        model.fit(np.nan_to_num(X), y, sample_domain=sample_domain).predict(X)
    with pytest.raises(ValueError, match="infinity"):
        model.fit(np.where(np.isnan(X), np.inf, X), y, sample_domain=sample_domain)


def test_missing_features_in_sparse_rows_are_refused_too():
    X, y, sample_domain = make_domains()
    X[3, 0] = np.nan
    with pytest.raises(ValueError, match=r"^X contains NaN, which estimator=LogisticRegression"):
        WeightedTransferClassifier().fit(csr_array(X), y, sample_domain=sample_domain)


def test_no_label_at_all():
    X, _, sample_domain = make_domains()
    message = (
        "WeightedTransferRegressor needs a row that has a label, and none of the 280 rows has "
        "one; pass labels of source rows, at least."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        WeightedTransferRegressor().fit(X, np.full(280, np.nan), sample_domain=sample_domain)


def test_column_names_reach_the_estimator():
    pd = pytest.importorskip("pandas")
    X, y, sample_domain = make_domains()
    frame = pd.DataFrame(X, columns=["width", "height"], index=np.arange(len(X))[::-1])
    labels = np.where(np.arange(len(X)) % 5 > 0, y, np.nan)
    by_name = make_pipeline(
        make_column_transformer((StandardScaler(), ["height"])), LogisticRegression()
    )
    by_place = make_pipeline(make_column_transformer((StandardScaler(), [1])), LogisticRegression())
    named, placed = (
        WeightedTransferClassifier(estimator, GaussianWeighter()).fit(
            rows, labels, sample_domain=sample_domain
        )
        for estimator, rows in ((by_name, frame), (by_place, X))
    )
    assert list(named.estimator_.feature_names_in_) == ["width", "height"]
    assert_array_equal(named.weighter_.weights_, placed.weighter_.weights_)
    assert_allclose(named.predict_proba(frame), placed.predict_proba(X))
    assert_array_equal(named.predict(frame), placed.predict(X))
    assert not hasattr(placed.estimator_, "feature_names_in_")
    regressor = WeightedTransferRegressor().fit(frame, X[:, 0], sample_domain=sample_domain)
    assert list(regressor.estimator_.feature_names_in_) == ["width", "height"]
    assert_allclose(regressor.predict(frame), regressor.predict(frame[::-1])[::-1])


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (
            WeightedTransferClassifier(Ridge()),
            "estimator=Ridge() is a regressor; pass a classifier.",
        ),
        (
            WeightedTransferClassifier(make_pipeline(Ridge())),
            "estimator=Pipeline(steps=[('ridge', Ridge())]) is a regressor; pass a classifier.",
        ),
        (
            WeightedTransferRegressor(LogisticRegression()),
            "estimator=LogisticRegression() is a classifier; pass a regressor.",
        ),
    ],
)
def test_an_estimator_of_the_other_kind(model, message):
    X, y, sample_domain = make_domains()
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        model.fit(X, y, sample_domain=sample_domain)


@pytest.mark.parametrize("model", [WeightedTransferClassifier, WeightedTransferRegressor])
def test_sparse_rows_give_what_dense_ones_give(model):
    X, y, sample_domain = make_domains()
    X = np.where(np.abs(X) < 0.3, 0, X)
    dense = model(random_state=0).fit(X, y, sample_domain=sample_domain)
    sparse = model(random_state=0).fit(csr_array(X), y, sample_domain=sample_domain)
    assert_allclose(sparse.sample_weight_, dense.sample_weight_, rtol=1e-5)
    assert_allclose(sparse.predict(csr_array(X)), dense.predict(X), rtol=1e-4)


def test_sparse_rows_are_refused_where_a_part_refuses_them():
    X, y, sample_domain = make_domains()
    model = WeightedTransferClassifier(weighter=GaussianWeighter())
    assert not get_tags(model).input_tags.sparse
    with pytest.raises(TypeError, match=r"[Ss]parse"):
        model.fit(csr_array(X), y, sample_domain=sample_domain)
