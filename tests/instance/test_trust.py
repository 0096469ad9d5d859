"""What every weighter and every booster says when its result cannot be trusted."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator, clone, is_classifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

import sktransfer.instance as instance
from sktransfer._domains import read_sample_domain
from sktransfer._kernels.boosting import error_of_none, tree_depth, vote_weight
from sktransfer.exceptions import TransferWarning
from sktransfer.instance._effective_rows import fewest_rows, warn_of_few_rows

EVERY = [getattr(instance, name)() for name in instance.__all__]
WEIGHTERS = [e for e in EVERY if type(e).__name__.endswith("Weighter")]
BOOSTERS = [e for e in EVERY if "TrAdaBoost" in type(e).__name__]
WEIGHTED = [e for e in EVERY if type(e).__name__.startswith("WeightedTransfer")]
# All but the one whose rows of a class weigh the same: few rows would have to be a class.
RATIOS = [w for w in WEIGHTERS if not isinstance(w, instance.LabelShiftWeighter)]


def name(estimator):
    return type(estimator).__name__


def fitted(estimator, X, y, sample_domain):
    estimator = clone(estimator)
    if "random_state" in estimator.get_params(deep=False):
        estimator.set_params(random_state=0)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always", TransferWarning)
        estimator.fit(X, y, sample_domain=sample_domain)
    return estimator, [str(w.message) for w in seen if w.category is TransferWarning], seen


def apart(n_rows=200, distance=6.0):
    """One source row lies among the target rows, all others are far away."""
    rng = np.random.default_rng(0)
    X_source, X_target = rng.normal(size=(n_rows, 2)), rng.normal(size=(100, 2)) / 4
    X_source[1:] += distance
    y = np.arange(n_rows + 100) % 2
    return np.r_[X_source, X_target], y, np.repeat(["s", "target"], [n_rows, 100])


def together(n_rows=200):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_rows + 100, 2))
    y = (X[:, 0] > 0).astype(int)
    return X, y, np.repeat(["s", "target"], [n_rows, 100])


def test_there_are_weighters_and_boosters():
    assert len(WEIGHTERS) == 7
    assert len(BOOSTERS) == 6
    assert len(WEIGHTED) == 2


@pytest.mark.parametrize("weighter", RATIOS, ids=name)
def test_a_weighter_warns_exactly_if_few_rows_are_effective(weighter):
    data = apart()
    if isinstance(weighter, instance.NearestNeighborWeighter):
        weighter = clone(weighter).set_params(smoothing=0.0)
    got, messages, seen = fitted(weighter, *data)
    few = got.effective_sample_size_ < 10
    assert few or isinstance(weighter, instance.DiscriminatorWeighter | instance.GaussianWeighter)
    assert len(messages) == few
    if few:
        assert f"{got.effective_sample_size_:.3g} of the 200 source rows" in messages[0]
        assert name(weighter) in messages[0]
        assert len(messages[0]) < 1000
        assert seen[-1].filename == __file__


@pytest.mark.parametrize("weighter", WEIGHTERS, ids=name)
def test_no_weighter_warns_if_the_domains_are_alike(weighter):
    _, messages, _ = fitted(weighter, *together())
    assert messages == []


@pytest.mark.parametrize("weighted", WEIGHTED, ids=name)
@pytest.mark.parametrize("own", [False, True])
def test_weighted_transfer_warns_once(weighted, own):
    class Own(BaseEstimator):
        """A weighter of someone else, which says nothing itself."""

        def fit(self, X, y=None, *, sample_domain=None):
            self.weights_ = np.r_[1.0, np.full(len(X) - 1, 1e-9)]
            return self

    weighter = Own() if own else instance.ULSIFWeighter()
    _, messages, _ = fitted(clone(weighted).set_params(weighter=weighter), *apart())
    assert len(messages) == 1
    assert "few effective rows" in messages[0]
    assert name(weighter) in messages[0]


def test_each_of_several_sources_is_judged():
    X, y, sample_domain = together()
    X, y = np.r_[X, X[:2], X[:48] + 20], np.r_[y, y[:50]]
    sample_domain = np.r_[sample_domain, np.repeat("far", 50)]
    weighter = instance.NearestNeighborWeighter(smoothing=0.0)
    got, messages, _ = fitted(weighter, X, y, sample_domain)
    assert got.effective_sample_size_ > 12.5
    w = got.weights_[sample_domain == "far"].astype(float)
    size = w.sum() ** 2 / (w @ w)
    assert size < 10
    assert len(messages) == 1
    assert f"{size:.3g} of the 50 source rows of the source 'far'." in messages[0]
    # The same through WeightedTransferClassifier, which knows the names too.
    weighted = instance.WeightedTransferClassifier(weighter=weighter)
    _, messages, _ = fitted(weighted, X, y, sample_domain)
    assert "of the source 'far'" in messages[0]


def test_the_fewest_rows():
    assert [fewest_rows(n) for n in (2, 8, 20, 40, 200, 1000)] == [0.5, 2, 5, 10, 10, 50]
    domains = read_sample_domain(np.repeat(["s", "target"], [60, 5]), 65)
    for n_even, warns in ((9, True), (10, False)):
        weights = np.r_[np.ones(n_even), np.zeros(60 - n_even), np.ones(5)]
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            warn_of_few_rows(weights, domains, estimator_name="W", remedy="Widen")
        assert len(seen) == warns


@pytest.mark.parametrize("method", ["em", "bbse"])
def test_a_class_that_seems_absent_because_the_features_moved(method):
    rng = np.random.default_rng(0)
    y = np.arange(400) % 2
    X = rng.normal(size=(400, 3))
    X[:, 0] += 2 * y
    moved = X[::2] + [5, 0, 0]
    sample_domain = np.repeat(["s", "target"], [400, 200])
    labels = np.r_[y, y[::2]]
    weighter = instance.LabelShiftWeighter(method=method)
    got, messages, seen = fitted(weighter, np.r_[X, moved], labels, sample_domain)
    assert got.target_shares_.min() < 0.01
    (message,) = messages
    assert "classes [0]" in message
    assert "align the features first" in message
    assert seen[-1].filename == __file__


def test_a_class_that_is_rare_in_both_domains_is_not_absent():
    rng = np.random.default_rng(0)
    y = (np.arange(4000) % 125 == 0).astype(int)
    X = rng.normal(size=(4000, 1)) + 8 * y[:, None]
    sample_domain = np.repeat(["s", "target"], [2000, 2000])
    got, messages, _ = fitted(instance.LabelShiftWeighter(), X, y, sample_domain)
    assert got.target_shares_.min() < 0.01
    assert messages == []


def contrary():
    """Many source rows that contradict a few target rows: no first round beats chance."""
    X = np.tile(np.arange(8.0), 40)[:, None]
    y = np.r_[X[:312, 0] > 3, X[312:, 0] < 4].astype(int)
    return X, y, np.repeat(["s", "target"], [312, 8])


@pytest.mark.parametrize("booster", BOOSTERS, ids=name)
def test_a_booster_whose_first_round_is_at_chance_warns(booster):
    booster = clone(booster)
    if is_classifier(booster):
        # A tree of depth 0 predicts one class, which is half of the target rows.
        X, y, sample_domain = contrary()
        booster.set_params(estimator=DecisionTreeClassifier(max_depth=1, min_samples_leaf=310))
        if "flip" in booster.get_params():
            booster.set_params(flip=False, estimator=DecisionTreeClassifier(max_depth=1))
    else:
        X = np.r_[np.full(50, 1.0), np.full(10, 0.1)][:, None]
        y = np.r_[np.full(45, 1.0), np.full(5, 9.0), np.full(10, -9.0)]
        sample_domain = np.repeat(["s", "target"], [50, 10])
        booster.set_params(estimator=LinearRegression(fit_intercept=False))
    got, messages, seen = fitted(booster, X, y, sample_domain)
    assert len(got.estimators_) == 1
    assert got.estimator_errors_[0] >= 0.5
    (message,) = messages
    assert f"{name(booster)} kept a single round" in message
    assert f"{got.estimator_errors_[0]:.3g}" in message
    assert seen[-1].filename == __file__


@pytest.mark.parametrize("booster", BOOSTERS, ids=name)
def test_a_booster_that_learns_does_not_warn(booster):
    X, y, sample_domain = together()
    _, messages, _ = fitted(booster, X, y, sample_domain)
    assert messages == []


@pytest.mark.parametrize("booster", BOOSTERS, ids=name)
def test_a_single_class_is_no_round_at_chance(booster):
    X, y, sample_domain = together()
    _, messages, _ = fitted(booster, X, np.zeros(len(y)), sample_domain)
    assert not any("single round" in message for message in messages)


def test_the_error_of_no_mistake():
    assert_allclose(error_of_none([], n_rows=9), 1 / 20)
    assert_allclose(error_of_none([0.3, 0.0, 0.04], n_rows=9), 0.02)
    votes = [vote_weight(e, n_classes=3) for e in (0.04, error_of_none([0.3, 0.04], n_rows=9))]
    assert votes[1] > votes[0]
    assert 0 < error_of_none([], n_rows=0.1) < 0.5


@pytest.mark.parametrize("booster", BOOSTERS, ids=name)
def test_a_round_without_error_is_not_outvoted_by_one_that_errs(booster):
    rng = np.random.default_rng(1)
    found = 0
    for seed in range(6):
        X = rng.normal(size=(140, 2))
        rule = X @ [1, 0.5] > 0
        y = np.where(np.arange(140) < 120, X[:, 0] > 0, rule)
        y = y.astype(int) if is_classifier(booster) else y + 0.0
        sample_domain = np.repeat(["s", "target"], [120, 20])
        tree = DecisionTreeClassifier if is_classifier(booster) else DecisionTreeRegressor
        booster = clone(booster).set_params(estimator=tree(max_depth=2, random_state=seed))
        got, _, _ = fitted(booster, X, y, sample_domain)
        errs = got.estimator_errors_ > 0
        if errs.any() and not errs.all():
            found += 1
            assert got.estimator_weights_[~errs].min() > got.estimator_weights_[errs].max()
    assert found or not isinstance(
        booster, instance.TrAdaBoostClassifier | instance.MultiSourceTrAdaBoostClassifier
    )


def test_tradaboost_goes_on_after_a_round_without_error():
    # Half of the source rows follow the rule of the target. The others mislead a linear learner.
    rng = np.random.RandomState(0)
    X_source = np.r_[rng.normal(size=50) * 0.1, rng.normal(size=50) * 0.1 + 1][:, None]
    X_target = (rng.normal(size=110) * 0.1)[:, None]
    y_source = np.where(X_source[:, 0] < 0.5, X_source[:, 0] < 0, X_source[:, 0] < 1)
    y_target = X_target[:, 0] < 0
    X, y = np.r_[X_source, X_target[:10]], np.r_[y_source, y_target[:10]].astype(int)
    sample_domain = np.repeat(["s", "target"], [100, 10])
    model = instance.TrAdaBoostClassifier(
        LogisticRegression(C=np.inf), n_estimators=20, random_state=0
    ).fit(X, y, sample_domain=sample_domain)
    perfect = model.estimator_errors_ == 0
    assert perfect.sum() > 5
    assert model.score(X_target[10:], y_target[10:].astype(int)) > 0.9
    # Source rows keep losing weight: the last round holds less of it than the first perfect one.
    share = model.sample_weight_[:100].sum() / model.sample_weight_.sum()
    assert share < 0.5


@pytest.mark.parametrize("n_classes", [2, 4, 5, 8, 9, 20, 64])
def test_the_default_tree_has_a_leaf_for_each_class(n_classes):
    depth = tree_depth(n_classes)
    assert depth >= 3
    assert 2**depth >= n_classes
    assert depth == 3 or 2 ** (depth - 2) < n_classes  # and no more than one level above that


@pytest.mark.parametrize("booster", [b for b in BOOSTERS if is_classifier(b)], ids=name)
def test_twenty_classes_are_told_apart_by_default(booster):
    rng = np.random.default_rng(0)
    centers = 3 * rng.normal(size=(20, 6))
    y = np.tile(np.arange(20), 35)
    X = centers[y] + rng.normal(size=(700, 6)) / 2
    sample_domain = np.repeat(["s", "target"], [300, 100])
    model = clone(booster).set_params(n_estimators=10, random_state=0)
    model.fit(X[:400], y[:400], sample_domain=sample_domain)
    assert model.estimator_.max_depth == 6
    assert model.score(X[400:], y[400:]) > 0.8
    model.fit(X[:400], y[:400] % 2, sample_domain=sample_domain)  # the depth follows the labels
    assert model.estimator_.max_depth == 3


class Log:
    """A callback that writes down what it is told, and asks to stop after a number of tasks."""

    def __init__(self, stop_after=None):
        self.stop_after, self.open, self.names, self.scores = stop_after, 0, [], []

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        self.names.append("teardown")

    def on_fit_task_begin(self, estimator, context, *, X=None, y=None):
        self.open += 1
        self.names.append(context.task_name)

    def on_fit_task_end(self, estimator, context, *, X=None, y=None, fitted_estimator=None):
        self.open -= 1
        if context.task_name == "round":
            assert len(X) == len(y)
            self.scores.append(fitted_estimator.score(X, y))
        return len(self.names) - 1 == self.stop_after


TASKS = {
    "DiscriminatorWeighter": [],
    "GaussianWeighter": [],
    "KLIEPWeighter": ["width"] * 7,
    "KMMWeighter": [],
    "LabelShiftWeighter": [],
    "NearestNeighborWeighter": [],
    "ULSIFWeighter": ["width"] * 7,
    "WeightedTransferClassifier": ["weigh", "fit"],
    "WeightedTransferRegressor": ["weigh", "fit"],
    "MultiSourceTrAdaBoostClassifier": ["round"] * 3,
    "MultiViewTrAdaBoostClassifier": ["round"] * 3,
    "TaskTrAdaBoostClassifier": ["source", "round", "round", "round"],
    "TrAdaBoostClassifier": ["round"] * 3,
    "TrAdaBoostRegressor": ["round"] * 3,
    "TwoStageTrAdaBoostRegressor": ["step", "step", "round", "round", "round"],
}


def slow(estimator):
    """An estimator of few, known tasks."""
    estimator = clone(estimator)
    params = estimator.get_params(deep=False)
    stump = DecisionTreeClassifier if is_classifier(estimator) else DecisionTreeRegressor
    choices = {"n_estimators": 3, "n_steps": 2, "random_state": 0}
    estimator.set_params(**{k: v for k, v in choices.items() if k in params})
    if "n_estimators" in params:
        estimator.set_params(estimator=stump(max_depth=1), learning_rate=0.3)
    return estimator


@pytest.mark.parametrize("estimator", EVERY, ids=name)
def test_every_method_reports_its_tasks_and_learns_the_same(estimator):
    X, y, sample_domain = together()
    y = np.where(np.arange(len(y)) % 7 == 0, 1 - y, y)
    log = Log()
    watched = slow(estimator).set_callbacks(log).fit(X, y, sample_domain=sample_domain)
    assert log.names == ["fit", *TASKS[name(estimator)], "teardown"]
    assert log.open == 0
    plain = slow(estimator).fit(X, y, sample_domain=sample_domain)
    for attribute in ("weights_", "sample_weight_", "estimator_errors_"):
        if hasattr(plain, attribute):
            assert_array_equal(getattr(watched, attribute), getattr(plain, attribute))
    if log.scores:
        assert log.scores[-1] == plain.score(X, y)
    assert set(vars(watched)) - {"_skl_callbacks"} == set(vars(plain))


@pytest.mark.parametrize(
    "estimator", [e for e in EVERY if {"round", "width"} & set(TASKS[name(e)])], ids=name
)
def test_a_callback_stops_the_rounds_or_the_search(estimator):
    X, y, sample_domain = together()
    y = np.where(np.arange(len(y)) % 7 == 0, 1 - y, y)
    tasks = TASKS[name(estimator)]
    kind = tasks[-1]
    stop_after = tasks.index(kind) + 2
    got = slow(estimator).set_callbacks(Log(stop_after)).fit(X, y, sample_domain=sample_domain)
    if kind == "round":
        assert len(got.estimators_) == 2
        assert len(got.predict(X)) == len(X)
    else:
        assert np.isfinite(got.scores_).reshape(7, -1).all(axis=1).sum() == 2


def test_folds_are_tasks():
    X, y, sample_domain = together()
    for weighter in (
        instance.DiscriminatorWeighter(cv=3),
        instance.LabelShiftWeighter(method="bbse", cv=3),
    ):
        log = Log()
        weighter.set_callbacks(log).fit(X, y, sample_domain=sample_domain)
        assert log.names == ["fit", "fold", "fold", "fold", "teardown"]


def test_without_a_source_there_is_one_task():
    X, y, _ = together()
    for weighter in WEIGHTERS:
        log = Log()
        clone(weighter).set_callbacks(log).fit(X, y)
        assert log.names == ["fit", "teardown"]
