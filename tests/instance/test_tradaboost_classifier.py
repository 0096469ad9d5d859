"""TrAdaBoost: its definition, its limits, its invariances."""

from math import log, sqrt

import numpy as np
import pytest
import scipy.sparse
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.datasets import load_iris
from sklearn.ensemble import AdaBoostClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier

from sktransfer import TrAdaBoostClassifier
from sktransfer.exceptions import TransferWarning
from tests.shelf import make_two_rules

STUMP = DecisionTreeClassifier(max_depth=1)


class Scripted(ClassifierMixin, BaseEstimator):
    """A learner that answers from a script, one line a clone, and remembers its weights."""

    def __init__(self, lines=(), calls=None):
        self.lines = lines
        self.calls = calls

    def __sklearn_clone__(self):
        return self  # so that all rounds share the script

    def fit(self, X, y, sample_weight=None):
        self.classes_ = np.unique(y)
        self.calls.append(np.array(sample_weight))
        return self

    def predict(self, X):
        line = self.lines[min(len(self.calls), len(self.lines)) - 1]
        return np.asarray(line)[np.asarray(X)[:, 0].astype(int)]


class Spy(LogisticRegression):
    """A regularised learner that keeps the weights it was given."""

    def fit(self, X, y, sample_weight=None):
        self.given_ = np.array(sample_weight)
        return super().fit(X, y, sample_weight=sample_weight)


def test_three_rounds_by_hand():
    # Rows 0 and 1 are source, 2 to 6 target; all labels are 0, so that a 1 is a mistake.
    X, y = np.arange(8.0)[:, None], np.array([0, 0, 0, 0, 0, 0, 0, 1])
    sample_domain = ["s", "s"] + ["target"] * 6
    calls = []
    lines = [[1, 0, 1, 0, 0, 0, 0, 1], [1, 1, 0, 0, 0, 1, 0, 1], [0, 0, 0, 0, 0, 0, 0, 0]]
    model = TrAdaBoostClassifier(Scripted(lines, calls), n_estimators=3)
    model.fit(X, y, sample_domain=sample_domain)
    beta = 1 / (1 + sqrt(2 * log(2) / 3))
    first = np.array([1 / 2] * 2 + [1 / 6] * 6)
    beta_1 = (1 / 6) / (5 / 6)
    second = first * [beta, 1, 1 / beta_1, 1, 1, 1, 1, 1]
    error_2 = (1 / 6) / ((5 + 1 / beta_1) / 6)
    beta_2 = error_2 / (1 - error_2)
    third = second * [beta, beta, 1, 1, 1, 1 / beta_2, 1, 1]
    for given, expected in zip(calls, [first, second, third], strict=True):
        assert_allclose(given, 8 * expected / expected.sum(), rtol=1e-8)
    error_3 = third[7] / third[2:].sum()
    assert_allclose(model.estimator_errors_, [1 / 6, error_2, error_3], rtol=1e-8)
    assert_allclose(
        model.estimator_weights_, [-log(beta_1), -log(beta_2), log((1 - error_3) / error_3)]
    )
    assert_allclose(model.sample_weight_, calls[-1], rtol=1e-9)


def paper(X, y, is_source, X_new, *, learner, n_rounds):
    """TrAdaBoost as Dai et al. print it: labels 0 and 1, products of betas, nothing shared."""
    n, m = is_source.sum(), (~is_source).sum()
    w = np.where(is_source, 1 / n, 1 / m)
    beta = 1 / (1 + np.sqrt(2 * np.log(n) / n_rounds))
    product, half = np.ones(len(X_new)), 1.0
    for t in range(1, n_rounds + 1):
        h = clone(learner).fit(X, y, sample_weight=len(y) * w / w.sum())
        wrong = np.abs(h.predict(X) - y)
        epsilon = (w * wrong)[~is_source].sum() / w[~is_source].sum()
        assert 0 < epsilon < 1 / 2
        beta_t = epsilon / (1 - epsilon)
        if t >= np.ceil(n_rounds / 2):
            product *= beta_t ** -h.predict(X_new).astype(float)
            half *= beta_t**-0.5
        w = w * np.where(is_source, beta**wrong, beta_t**-wrong)
    return product / half


@pytest.mark.parametrize("seed", [2, 3, 5, 6, 7, 11, 14, 16, 17, 18])  # every error below 1/2
@pytest.mark.parametrize("n_rounds", [4, 5])
def test_equals_the_paper_as_printed(seed, n_rounds):
    X, y, sample_domain, X_new = make_two_rules(seed)
    learner = GaussianNB()
    model = TrAdaBoostClassifier(learner, n_estimators=n_rounds)
    model.fit(X, y, sample_domain=sample_domain)
    ratio = paper(X, y, sample_domain == "s", X_new, learner=learner, n_rounds=n_rounds)
    assert_array_equal(model.predict(X_new), (ratio >= 1).astype(int))
    # ln(ratio) is half the difference of the votes; the margin is twice that of their shares.
    votes = model.estimator_weights_[(n_rounds + 1) // 2 - 1 :].sum()
    assert_allclose(model.decision_function(X_new) * votes / 4, np.log(ratio), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("n_classes", [2, 3, 5])
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("learning_rate", [1.0, 0.3])
def test_without_source_it_is_adaboost(n_classes, seed, learning_rate):
    X, y, _, X_new = make_two_rules(seed, n_classes=n_classes)
    tree = DecisionTreeClassifier(max_depth=3, max_features=4)
    settings = {"n_estimators": 15, "learning_rate": learning_rate, "random_state": seed}
    ours = TrAdaBoostClassifier(tree, **settings).fit(X, y)
    theirs = AdaBoostClassifier(tree, **settings).fit(X, y)
    for rows in (X, X_new):
        assert_array_equal(ours.predict(rows), theirs.predict(rows))
        assert_allclose(ours.predict_proba(rows), theirs.predict_proba(rows), rtol=1e-10)
        assert_allclose(ours.decision_function(rows), theirs.decision_function(rows), atol=1e-10)
        for one, other in zip(ours.staged_predict(rows), theirs.staged_predict(rows), strict=True):
            assert_array_equal(one, other)
    kept = len(ours.estimators_)
    assert_allclose(ours.estimator_errors_, theirs.estimator_errors_[:kept], rtol=1e-12)
    assert_allclose(ours.estimator_weights_, theirs.estimator_weights_[:kept], rtol=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_without_source_and_with_weights_it_is_adaboost(seed):
    X, y = load_iris(return_X_y=True)
    X, X_new, y, _ = train_test_split(X, y, random_state=seed)
    sample_weight = np.random.default_rng(seed).random(len(y))
    tree = DecisionTreeClassifier(max_depth=3)
    ours = TrAdaBoostClassifier(tree, random_state=seed).fit(X, y, sample_weight)
    theirs = AdaBoostClassifier(tree, random_state=seed).fit(X, y, sample_weight)
    assert_array_equal(ours.predict(X_new), theirs.predict(X_new))


@pytest.mark.parametrize("seed", range(4))
def test_samme_with_two_classes_is_dai2007(seed):
    X, y, sample_domain, X_new = make_two_rules(seed)
    models = [
        TrAdaBoostClassifier(STUMP, algorithm=algorithm, n_estimators=9, random_state=0)
        for algorithm in ("dai2007", "samme", "auto")
    ]
    paper_, *others = [
        m.fit(X, y, sample_domain=sample_domain).predict_proba(X_new) for m in models
    ]
    for other in others:
        assert_array_equal(other, paper_)


def test_one_source_row_never_loses_weight_by_itself():
    # beta = 1, so the ratio of its weight to that of a target row without an error does not change.
    X, y, sample_domain, _ = make_two_rules(0, n_source=1)
    sample_domain[0] = "s"
    model = TrAdaBoostClassifier(STUMP, n_estimators=6, random_state=0)
    model.fit(X, y, sample_domain=sample_domain)
    wrong = np.array([learner.predict(X) != y for learner in model.estimators_[:-1]])
    never_wrong = np.flatnonzero(~wrong.any(axis=0) & (sample_domain == "target"))
    ratio = model.sample_weight_[0] / model.sample_weight_[never_wrong]
    assert_allclose(ratio, 60 / 1, rtol=1e-6)


def test_a_source_that_copies_the_target_weighs_less_and_less_where_it_is_wrong():
    X, y, _, _ = make_two_rules(0, n_source=0, n_target=80)
    model = TrAdaBoostClassifier(STUMP, n_estimators=7, random_state=0)
    model.fit(np.r_[X, X], np.r_[y, y], sample_domain=["s"] * 80 + ["target"] * 80)
    wrong = sum((learner.predict(X) != y) for learner in model.estimators_[:-1])
    source, target = model.sample_weight_[:80], model.sample_weight_[80:]
    assert_allclose(source[wrong == 0], target[wrong == 0], rtol=1e-9)
    assert (source[wrong > 0] < target[wrong > 0]).all()
    assert (wrong > 0).any()


def test_source_rows_of_another_rule_are_the_ones_that_lose():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(500, 2))
    y = (X[:, 0] > 0).astype(int)
    misleading = np.arange(500) < 150
    y[misleading] = 1 - y[misleading]
    y[400:440] = rng.integers(0, 2, 40)  # some noise, so that no round is without error
    sample_domain = np.repeat(["s", "target"], [400, 100])
    model = TrAdaBoostClassifier(n_estimators=10, random_state=0)
    weights = model.fit(X, y, sample_domain=sample_domain).sample_weight_
    assert weights[:150].mean() < weights[150:400].mean() / 4


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_rows_means_nothing(n_classes, seed):
    X, y, sample_domain, X_new = make_two_rules(seed, n_classes=n_classes)
    X = X.round(1)  # equal splits in plenty
    order = np.random.default_rng(seed).permutation(len(y))
    model = TrAdaBoostClassifier(n_estimators=15, random_state=0)
    one = model.fit(X, y, sample_domain=sample_domain).predict_proba(X_new)
    weights = model.sample_weight_
    other = model.fit(X[order], y[order], sample_domain=sample_domain[order]).predict_proba(X_new)
    assert_allclose(other, one, rtol=1e-9)
    assert_allclose(model.sample_weight_, weights[order], rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("container", [np.asarray, scipy.sparse.csr_array])
@pytest.mark.parametrize("seed", range(5))
def test_a_weight_is_a_number_of_repetitions(seed, container):
    X, y, sample_domain, X_new = make_two_rules(seed)
    X = X.round(1)
    repeats = np.random.default_rng(seed).integers(0, 4, len(y))
    rows = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(y)), repeats))
    model = TrAdaBoostClassifier(n_estimators=15, random_state=0)
    weighted = model.fit(container(X), y, repeats, sample_domain=sample_domain)
    weighted = weighted.predict_proba(container(X_new))
    repeated = model.fit(container(X[rows]), y[rows], sample_domain=sample_domain[rows])
    assert_allclose(repeated.predict_proba(container(X_new)), weighted, rtol=1e-9)


def test_weights_of_one_are_no_weights():
    X, y, sample_domain, X_new = make_two_rules(0)
    model = TrAdaBoostClassifier(random_state=0)
    one = model.fit(X, y, sample_domain=sample_domain).predict_proba(X_new)
    other = model.fit(X, y, np.ones(len(y)), sample_domain=sample_domain).predict_proba(X_new)
    assert_array_equal(other, one)


def test_scales_of_columns_and_without_source_of_weights_mean_nothing():
    X, y, sample_domain, X_new = make_two_rules(0)
    model = TrAdaBoostClassifier(random_state=0)
    one = model.fit(X, y, sample_domain=sample_domain).predict_proba(X_new)
    scales = 2.0 ** np.array([-3, 5, 0, 1, 9, -7])
    model.fit(X * scales, y, sample_domain=sample_domain)
    assert_array_equal(model.predict_proba(X_new * scales), one)
    plain = model.fit(X, y).predict_proba(X_new)
    assert_allclose(model.fit(X, y, np.full(len(y), 0.25)).predict_proba(X_new), plain, rtol=1e-12)


@pytest.mark.parametrize("with_source", [True, False])
@pytest.mark.parametrize("weighted", [True, False])
def test_the_learner_gets_weights_that_sum_to_the_rows(with_source, weighted):
    X, y, sample_domain, _ = make_two_rules(0)
    sample_weight = np.random.default_rng(0).random(len(y)) + 0.5 if weighted else None
    model = TrAdaBoostClassifier(Spy(C=0.1), n_estimators=5)
    model.fit(X, y, sample_weight, sample_domain=sample_domain if with_source else None)
    total = sample_weight.sum() if weighted else len(y)
    assert len(model.estimators_) > 1
    for learner in model.estimators_:
        assert_allclose(learner.given_.sum(), total, rtol=1e-9)
    assert_allclose(model.sample_weight_.sum(), total, rtol=1e-9)
    assert_allclose(model.sample_weight_, model.estimators_[-1].given_, rtol=1e-9)


def test_sample_weight_of_a_tree_sums_to_the_rows():
    X, y, _, _ = make_two_rules(0)
    assert_allclose(TrAdaBoostClassifier().fit(X, y).sample_weight_.sum(), len(y), rtol=1e-9)


def test_an_error_of_zero_keeps_the_round_and_stops():
    X, y, sample_domain, _ = make_two_rules(0)
    X = np.c_[X, y]
    model = TrAdaBoostClassifier(random_state=0).fit(X, y, sample_domain=sample_domain)
    assert len(model.estimators_) == 1
    assert_array_equal(model.estimator_errors_, [0.0])
    assert_array_equal(model.estimator_weights_, [1.0])


def test_a_round_at_chance_stops_before_it():
    X, y = np.arange(4.0)[:, None], np.array([0, 1, 0, 1])
    calls = []
    lines = [[0, 1, 0, 0], [0, 0, 1, 0]]  # errors 1/4, then 1 - 1/K
    model = TrAdaBoostClassifier(Scripted(lines, calls), n_estimators=9).fit(X, y)
    assert len(calls) == 2
    assert_allclose(model.estimator_errors_, [1 / 4])


def test_a_first_round_at_chance_is_kept():
    X, y = np.arange(4.0)[:, None], np.array([0, 1, 0, 1])
    message = "kept a single round: its error .* is 0.5, not below 0.5"
    with pytest.warns(TransferWarning, match=message):
        model = TrAdaBoostClassifier(Scripted([[0, 0, 1, 1]], [])).fit(X, y)
    assert_array_equal(model.estimator_errors_, [1 / 2])
    assert_array_equal(model.estimator_weights_, [1.0])
    assert_array_equal(model.predict(X), [0, 0, 1, 1])


def test_chance_is_one_in_three_with_three_classes():
    # An error of 0.6 is worse than chance for two classes, and better for three.
    X, y = np.arange(5.0)[:, None], np.array([0, 0, 1, 2, 2])
    calls = []
    lines = [[0, 1, 0, 1, 2]] * 2
    model = TrAdaBoostClassifier(Scripted(lines, calls), n_estimators=1).fit(X, y)
    assert_allclose(model.estimator_weights_, [log(0.4 / 0.6) + log(2)], rtol=1e-12)


def test_learning_rate_multiplies_the_vote_and_not_beta():
    X, y, sample_domain, _ = make_two_rules(0)
    one, half = (
        TrAdaBoostClassifier(STUMP, n_estimators=2, learning_rate=rate, random_state=0).fit(
            X, y, sample_domain=sample_domain
        )
        for rate in (1.0, 0.5)
    )
    assert_allclose(half.estimator_weights_[0], one.estimator_weights_[0] / 2, rtol=1e-12)
    wrong = one.estimators_[0].predict(X) != y
    ratios = []
    for model in (one, half):
        weights = model.sample_weight_
        source = (
            weights[wrong & (sample_domain == "s")][0] / weights[~wrong & (sample_domain == "s")][0]
        )
        target = (
            weights[wrong & (sample_domain != "s")][0] / weights[~wrong & (sample_domain != "s")][0]
        )
        ratios.append((source, target))
    beta = 1 / (1 + sqrt(2 * log(120) / 2))
    assert_allclose([source for source, _ in ratios], [beta, beta], rtol=1e-6)
    assert_allclose(ratios[1][1] ** 2, ratios[0][1], rtol=1e-6)


@pytest.mark.parametrize("rate", [1e-9, 1e6])
def test_extreme_learning_rates_give_finite_numbers(rate):
    X, y, sample_domain, X_new = make_two_rules(0)
    model = TrAdaBoostClassifier(STUMP, learning_rate=rate, random_state=0)
    model.fit(X, y, sample_domain=sample_domain)
    assert np.isfinite(model.predict_proba(X_new)).all()
    assert np.isfinite(model.sample_weight_).all()
