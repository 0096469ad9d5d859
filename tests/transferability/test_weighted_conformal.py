"""Conformal sets and intervals: coverage with the true ratio, and second implementations."""

from math import ceil

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array
from scipy.special import expit
from scipy.stats import norm
from sklearn.base import BaseEstimator
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression

from sktransfer import (
    DiscriminatorWeighter,
    GaussianWeighter,
    KMMWeighter,
    LabelShiftWeighter,
    TransferRidge,
    TransferWarning,
    WeightedConformalClassifier,
    WeightedConformalRegressor,
    make_transfer_pipeline,
    pack_domains,
)
from sktransfer.base import is_labelled

FEW = pytest.mark.filterwarnings("ignore:.*calibrates on.*effective:UserWarning")
UNLIMITED = pytest.mark.filterwarnings("ignore:.*(are infinite|hold every|holds the classes)")


class TrueRatio(BaseEstimator):
    """The ratio of the densities of the first feature, from N(0, 1) to N(`mean`, `scale`)."""

    def __init__(self, mean=1.0, scale=1.0):
        self.mean = mean
        self.scale = scale

    def fit(self, X, y=None, *, sample_domain=None):
        return self

    def weigh(self, X):
        return np.exp(norm.logpdf(X[:, 0], self.mean, self.scale) - norm.logpdf(X[:, 0]))


class TrueClassRatio(TrueRatio):
    """The ratio of the class proportions, 0.9 to 0.5 of class 1."""

    classes_, class_weights_ = np.array([0, 1]), np.array([0.2, 1.8])


class Line(LinearRegression):
    """Remembers the rows of its fit."""

    def fit(self, X, y):
        self.seen_ = X[:, 0]
        return super().fit(X, y)


def regression(n_source, n_target, rng, *, n_labelled=0, mean=1.0):
    """A curve with noise that grows to the right, where the target is."""
    X = (
        rng.normal(size=(n_source + n_target, 1))
        + mean * (np.arange(n_source + n_target) >= n_source)[:, None]
    )
    y = X[:, 0] ** 2 + np.exp(X[:, 0] / 2) * rng.normal(size=len(X))
    known = np.where(np.arange(len(X)) < n_source + n_labelled, y, np.nan)
    domains = np.where(np.arange(len(X)) < n_source, "lab", "target")
    return X, known, domains, y


def held_rows(model, X, y):
    return ~np.isin(X[:, 0], model.estimators_[0].seen_) & is_labelled(y)


def covers(intervals, y):
    return (intervals[:, 0] <= y) & (y <= intervals[:, 1])


def check_coverage(shares, level, effective):
    """The mean is the level, up to four standard errors, and not much above it."""
    error = 4 * np.std(shares) / np.sqrt(len(shares))
    assert level - error <= np.mean(shares) <= level + error + 2 / effective


@UNLIMITED
@FEW
@pytest.mark.parametrize("n_labelled", [0, 60])
def test_intervals_cover_with_the_true_ratio(n_labelled):
    rng, shares, plain, size = np.random.default_rng(0), [], [], []
    for seed in range(80):
        X, y, domains, truth = regression(200, 300, rng, n_labelled=n_labelled)
        model = WeightedConformalRegressor(LinearRegression(), TrueRatio(), random_state=seed)
        model.fit(X, y, sample_domain=domains)
        new = np.flatnonzero(~is_labelled(y))
        shares.append(covers(model.predict_interval(X[new]), truth[new]).mean())
        size.append(model.effective_sample_size_)
        model.fit(X[:200], y[:200])
        plain.append(covers(model.predict_interval(X[new]), truth[new]).mean())
    check_coverage(shares, 0.9, np.mean(size))
    assert np.mean(plain) < 0.85


@UNLIMITED
@FEW
@pytest.mark.parametrize("score", ["lac", "aps"])
def test_sets_cover_with_the_true_ratio(score):
    rng, shares, size = np.random.default_rng(1), [], []
    for seed in range(60):
        X, y, domains, _ = regression(200, 300, rng)
        y = (rng.uniform(size=500) < expit(3 * np.cos(2 * X[:, 0]))).astype(float)
        known = np.where(domains == "target", np.nan, y)
        model = WeightedConformalClassifier(
            weighter=TrueRatio(), score_function=score, random_state=seed
        ).fit(X, known, sample_domain=domains)
        sets = model.predict_set(X[200:])
        shares.append(sets[np.arange(300), y[200:].astype(int)].mean())
        size.append(model.effective_sample_size_)
    # Of APS with two classes many scores are tied at 1, the sum of all: sets are too large.
    if score == "lac":
        check_coverage(shares, 0.9, np.mean(size))
    else:
        assert np.mean(shares) >= 0.9 - 4 * np.std(shares) / 60**0.5


@FEW
@pytest.mark.filterwarnings("ignore:LabelShiftWeighter")
@pytest.mark.parametrize("known", [True, False])
def test_sets_cover_under_label_shift(known):
    rng, shares, plain = np.random.default_rng(2), [], []
    for seed in range(60):
        y = np.r_[rng.uniform(size=400) < 0.5, rng.uniform(size=400) < 0.9].astype(float)
        x = rng.normal(size=800) * (1 + y) + 2.5 * y
        X = np.column_stack([x, x**2])  # in which the log-odds are linear
        hidden, domains = y.copy(), np.repeat(["lab", "target"], 400)
        hidden[400:] = np.nan
        weighter = TrueClassRatio() if known else LabelShiftWeighter()
        model = WeightedConformalClassifier(weighter=weighter, random_state=seed)
        for found, args in ((shares, {"sample_domain": domains}), (plain, {})):
            rows = slice(None) if args else slice(400)
            sets = model.fit(X[rows], hidden[rows], **args).predict_set(X[400:])
            found.append(sets[np.arange(400), y[400:].astype(int)].mean())
    tolerance = 0 if known else 0.02  # the ratio is estimated
    check_coverage(np.array(shares) + tolerance, 0.9, 80 if known else 20)
    assert abs(np.mean(plain) - 0.9) > 0.04


@pytest.mark.parametrize("n", [39, 60, 200])
def test_without_a_source_it_is_split_conformal_prediction(n):
    rng = np.random.default_rng(n)
    X, y, _, _ = regression(n, 0, rng)
    model = WeightedConformalRegressor(Line(), confidence_level=0.8, random_state=0).fit(X, y)
    held = held_rows(model, X, y)
    assert held.sum() == n // 2
    line = LinearRegression().fit(X[~held], y[~held])
    errors = np.sort(np.abs(y[held] - line.predict(X[held])))
    radius = errors[ceil(round((held.sum() + 1) * 0.8, 9)) - 1]
    X_new = rng.normal(size=(7, 1))
    expected = line.predict(X_new)[:, None] + [-radius, radius]
    assert_array_equal(model.predict_interval(X_new), expected)
    assert_array_equal(model.predict(X_new), line.predict(X_new))
    assert model.weighters_ is None


def test_equal_weights_of_source_rows_are_split_conformal_prediction_too():
    X, y, domains, _ = regression(200, 50, np.random.default_rng(3))
    model = WeightedConformalRegressor(Line(), TrueRatio(mean=0.0), random_state=0)
    model.fit(X, y, sample_domain=domains)
    held = held_rows(model, X, y)
    errors = np.sort(np.abs(y[held] - model.predict(X[held])))
    radius = errors[ceil(round((held.sum() + 1) * 0.9, 9)) - 1]
    low, high = model.predict_interval(X).T
    assert_allclose([model.predict(X) - low, high - model.predict(X)], np.full((2, 250), radius))


@UNLIMITED
def test_sets_are_those_of_a_loop():
    rng = np.random.default_rng(4)
    X, y, domains, _ = regression(300, 60, rng, n_labelled=20)
    known = np.where(is_labelled(y), np.digitize(X[:, 0] + rng.normal(size=360), [0, 1]), np.nan)
    model = WeightedConformalClassifier(weighter=TrueRatio(), random_state=0)
    model.fit(X, known, sample_domain=domains)
    (fold,) = model._folds
    X_new = rng.normal(1, 1.5, size=(40, 1))
    ratio = TrueRatio().weigh(X_new)
    n_source, n_target = 150, 10
    expected = np.zeros((40, 3), dtype=bool)
    for row, p in enumerate(model.predict_proba(X_new)):
        weight = ratio[row] * 160 / (n_source + n_target * ratio[row])
        for k in range(3):
            tail = sum(w for s, w in zip(fold.scores, fold.weights, strict=True) if s >= 1 - p[k])
            expected[row, k] = (tail + weight) / (fold.weights.sum() + weight) > 0.1
    assert_array_equal(model.predict_set(X_new), expected)
    assert 0 < expected.mean() < 1


@UNLIMITED
def test_cross_fitted_intervals_are_those_of_a_loop():
    rng = np.random.default_rng(5)
    X, y, domains, _ = regression(60, 30, rng)
    model = WeightedConformalRegressor(LinearRegression(), TrueRatio(), cv=3, random_state=0)
    with pytest.warns(TransferWarning, match="effective"):
        model.fit(X, y, sample_domain=domains)
    assert len(model.calibration_weights_) == 60
    X_new = rng.normal(1, 1, size=(20, 1))
    found = model.predict_interval(X_new)
    for x, interval in zip(X_new, found, strict=True):
        weight = TrueRatio().weigh(x[None])[0]
        ends = [
            (fold.model.predict(x[None])[0] - s, fold.model.predict(x[None])[0] + s, w)
            for fold in model._folds
            for s, w in zip(fold.scores, fold.weights, strict=True)
        ]
        limit = 0.1 * (sum(w for _, _, w in ends) + weight)
        lows = [
            low for low, _, _ in ends if sum(w for e, _, w in ends if e <= low) + weight > limit
        ]
        highs = [
            high for _, high, _ in ends if sum(w for _, e, w in ends if e >= high) + weight > limit
        ]
        expected = [-np.inf, np.inf] if weight > limit else [min(lows), max(highs)]
        assert_allclose(interval, expected)
    assert np.isinf(found).any() or np.isfinite(found).all()


def test_every_row_is_held_out_by_one_fold():
    X, y, _, _ = regression(50, 0, np.random.default_rng(6))
    zero = DummyRegressor(strategy="constant", constant=0.0)
    model = WeightedConformalRegressor(zero, cv=5, confidence_level=0.5, random_state=0).fit(X, y)
    assert len(model.estimators_) == 5
    radius = np.sort(np.abs(y))[26 - 1]  # ceil(51 / 2)
    assert_allclose(model.predict_interval(X[:2]), [[-radius, radius]] * 2)


def test_target_rows_alone_calibrate_without_weights():
    X, y, domains, truth = regression(200, 300, np.random.default_rng(7), n_labelled=100)
    truth[200:] += 5  # another rule, which no weight corrects
    y = np.where(is_labelled(y), truth, np.nan)
    model = WeightedConformalRegressor(Line(), calibrate_on="target", random_state=0)
    model.fit(X, y, sample_domain=domains)
    held = held_rows(model, X, y)
    assert held[200:].sum() == held.sum() == 50
    assert model.weighters_ is None
    assert_array_equal(model.calibration_weights_, np.ones(50))
    assert covers(model.predict_interval(X[300:]), truth[300:]).mean() > 0.8


def test_infinite_intervals_are_named_with_their_share():
    X, y, domains, _ = regression(200, 50, np.random.default_rng(8))
    model = WeightedConformalRegressor(LinearRegression(), TrueRatio(), random_state=0)
    model.fit(X, y, sample_domain=domains)
    total = model.calibration_weights_.sum()
    X_new = np.linspace(0, 6, 50)[:, None]
    weights = TrueRatio().weigh(X_new)
    infinite = weights > 0.1 * (total + weights)
    assert 0 < infinite.sum() < 50
    share = f"{infinite.sum()} of 50 intervals .* \\({infinite.mean():.1%}\\)"
    with pytest.warns(TransferWarning, match=share):
        found = model.predict_interval(X_new)
    assert_array_equal(np.isinf(found), np.repeat(infinite[:, None], 2, axis=1))
    y = (X[:, 0] + np.random.default_rng(9).normal(size=250) > 0.5).astype(float)
    y[200:] = np.nan
    model = WeightedConformalClassifier(weighter=TrueRatio(), random_state=0)
    model.fit(X, y, sample_domain=domains)
    total = model.calibration_weights_.sum()
    full = weights > 0.1 * (total + weights)
    with pytest.warns(TransferWarning, match=f"{full.sum()} of 50 sets"):
        sets = model.predict_set(X_new)
    assert sets[full].all()


def test_a_class_of_the_target_alone_is_in_every_set_under_label_shift():
    rng = np.random.default_rng(10)
    X = rng.normal(size=(402, 2))
    y = np.array(["a", "b"], dtype=object)[(X[:, 0] > 0).astype(int)]
    y[300:] = None
    y[300:302] = "new", "a"
    domains = np.repeat(["lab", "target"], [300, 102])
    model = WeightedConformalClassifier(weighter=LabelShiftWeighter(), random_state=0)
    model.fit(X, y, sample_domain=domains)
    assert model.classes_.tolist() == ["a", "b", "new"]
    with pytest.warns(TransferWarning, match="holds the classes 'new'"):
        assert model.predict_set(X)[:, 2].all()


def test_few_effective_rows_are_named():
    X, y, domains, _ = regression(200, 50, np.random.default_rng(11))
    model = WeightedConformalRegressor(weighter=TrueRatio(mean=2.5), random_state=0)
    with pytest.warns(TransferWarning) as caught:
        model.fit(X, y, sample_domain=domains)
    (message,) = [str(each.message) for each in caught]
    assert f"100 rows that count as {model.effective_sample_size_:.3g} effective ones" in message
    weights = model.calibration_weights_
    assert_allclose(model.effective_sample_size_, weights.sum() ** 2 / np.sum(weights**2))


def test_a_weighter_that_cannot_weigh_new_rows_is_refused():
    X, y, domains, _ = regression(60, 30, np.random.default_rng(12))
    model = WeightedConformalRegressor(weighter=KMMWeighter())
    with pytest.raises(ValueError, match=r"weighter=KMMWeighter\(\) gives no weights to new rows"):
        model.fit(X, y, sample_domain=domains)


@pytest.mark.parametrize("level", [0, 1.0, "high", True])
def test_a_level_that_is_no_probability_is_refused(level):
    X, y, _, _ = regression(100, 0, np.random.default_rng(13))
    model = WeightedConformalRegressor(random_state=0).fit(X, y)
    with pytest.raises(ValueError, match=r"confidence_level=.*between 0 and 1"):
        model.predict_interval(X, confidence_level=level)
    narrow, wide = (model.predict_interval(X, confidence_level=c) for c in (0.5, 0.9))
    assert_array_equal(wide, model.predict_interval(X))
    assert (np.diff(narrow) < np.diff(wide)).all()


def test_too_few_labelled_target_rows_are_refused():
    X, y, domains, _ = regression(60, 30, np.random.default_rng(14), n_labelled=1)
    model = WeightedConformalRegressor(calibrate_on="target")
    with pytest.raises(ValueError, match=r"holds labelled target rows out .* there are 1"):
        model.fit(X, y, sample_domain=domains)


@FEW
def test_transfer_estimators_get_the_domains():
    X, y, domains, truth = regression(200, 300, np.random.default_rng(15), n_labelled=40)
    inner = WeightedConformalRegressor(TransferRidge(), calibrate_on="target", random_state=0)
    inner.fit(X, y, sample_domain=domains)
    assert inner.estimators_[0].source_domains_ == ("lab",)
    pipe = make_transfer_pipeline(WeightedConformalRegressor(random_state=0))
    pipe.fit(X, y, sample_domain=domains)
    assert pipe[-1].predict_interval(X).shape == (500, 2)


@UNLIMITED
@FEW
def test_sparse_rows_and_missing_values_reach_the_parts():
    X, y, domains, _ = regression(200, 100, np.random.default_rng(16))
    labels = np.where(domains == "target", np.nan, X[:, 0] > 0.3)
    model = WeightedConformalClassifier(weighter=DiscriminatorWeighter(LogisticRegression()))
    model.set_params(random_state=0)
    dense = model.fit(X, labels, sample_domain=domains).predict_set(X)
    sparse = model.fit(csr_array(X), labels, sample_domain=domains).predict_set(csr_array(X))
    assert (dense == sparse).mean() > 0.99
    X[::7] = np.nan
    trees = HistGradientBoostingClassifier(max_iter=5)
    model = WeightedConformalClassifier(trees, DiscriminatorWeighter(trees), random_state=0)
    assert model.fit(X, labels, sample_domain=domains).predict_set(X).shape == (300, 2)


@FEW
def test_data_frames_keep_their_columns():
    pd = pytest.importorskip("pandas")
    X, y, domains, _ = regression(200, 100, np.random.default_rng(17))
    frame = pd.DataFrame(X, columns=["width"])
    model = WeightedConformalRegressor(weighter=GaussianWeighter(), random_state=0)
    found = model.fit(frame, y, sample_domain=domains).predict_interval(frame)
    assert model.estimators_[0].feature_names_in_.tolist() == ["width"]
    assert_allclose(model.fit(X, y, sample_domain=domains).predict_interval(X), found)


@pytest.mark.filterwarnings("ignore:LabelShiftWeighter")
def test_packed_domains_and_text_labels():
    rng = np.random.default_rng(18)
    X_lab, X_field = rng.normal(size=(300, 2)), rng.normal(size=(200, 2))
    y_lab = np.where(X_lab[:, 0] + rng.normal(size=300) > 0, "ill", "well")
    X, y, domains = pack_domains({"lab": (X_lab, y_lab)}, target=X_field)
    model = WeightedConformalClassifier(weighter=LabelShiftWeighter(), cv=2, random_state=0)
    model.fit(X, y, sample_domain=domains)
    assert set(model.predict(X_field)) <= {"ill", "well"}
    assert len(model.weighters_) == len(model.estimators_) == 2
    assert model.predict_set(X_field).dtype == bool


class Recording(TrueRatio):
    """Remembers the labels of its fit."""

    def fit(self, X, y=None, *, sample_domain=None):
        self.y_, self.sample_domain_ = y, sample_domain
        return self


@UNLIMITED
@FEW
def test_no_weighter_sees_a_label_of_the_target():
    X, y, domains, _ = regression(200, 100, np.random.default_rng(19), n_labelled=40)
    model = WeightedConformalRegressor(weighter=Recording(), random_state=0)
    model.fit(X, y, sample_domain=domains)
    (weighter,) = model.weighters_
    seen = np.asarray(weighter.sample_domain_)
    assert not is_labelled(weighter.y_)[seen == "target"].any()
    assert is_labelled(weighter.y_)[seen == "lab"].all()
    assert (seen == "lab").sum() == 100
    assert (seen == "target").sum() == 80


@FEW
def test_training_keeps_a_row_of_each_class_and_domain():
    rng = np.random.default_rng(20)
    X = rng.normal(size=(90, 2))
    y = np.array(["a", "b"])[rng.integers(2, size=90)].astype(object)
    y[0], y[89] = "rare", "new"
    domains = np.array(["lab"] * 80 + ["clinic"] + ["target"] * 9)
    for seed in range(5):
        model = WeightedConformalClassifier(weighter=TrueRatio(), cv=2, random_state=seed)
        model.fit(X, y, sample_domain=domains)
        for inner in model.estimators_:
            assert inner.classes_.tolist() == ["a", "b", "new", "rare"]
