"""MultiSourceTrAdaBoost: its definition, its limits, and which source it chooses."""

import re
from math import log, sqrt

import numpy as np
import pytest
import scipy.sparse
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.ensemble import AdaBoostClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.tree import DecisionTreeClassifier

from sktransfer import MultiSourceTrAdaBoostClassifier, TrAdaBoostClassifier


def make_domains(seed, *, n_source=80, n_target=30, n_classes=2, noise=0.1):
    """Rows of two sources and a target: "near" follows the target's rule, "far" another."""
    rng = np.random.default_rng(seed)
    domains = np.repeat(["far", "near", "target", "test"], [n_source, n_source, n_target, 500])
    X = rng.normal(size=(len(domains), 5))
    score = X[:, 0] + X[:, 1] + 0.7 * X[:, 2] * X[:, 3]
    other = X[:, 3] - 2 * X[:, 4]
    score = np.where(domains == "far", other, score)
    y = np.digitize(score, np.quantile(score, np.arange(1, n_classes) / n_classes))
    flipped = rng.random(len(y)) < noise
    y[flipped] = rng.integers(0, n_classes, flipped.sum())
    train = domains != "test"
    return X[train], y[train], domains[train], X[~train], y[~train]


class Scripted(ClassifierMixin, BaseEstimator):
    """A learner that answers from a script, one line a clone, and remembers rows and weights."""

    def __init__(self, lines=(), calls=None):
        self.lines = lines
        self.calls = calls

    def __sklearn_clone__(self):
        return Scripted(self.lines, self.calls)

    def fit(self, X, y, sample_weight=None):
        self.classes_ = np.unique(y)
        self.number_ = len(self.calls)
        self.calls.append((X[:, 0].astype(int), np.array(sample_weight)))
        return self

    def predict(self, X):
        return np.asarray(self.lines[self.number_])[np.asarray(X)[:, 0].astype(int)]


def test_two_rounds_by_hand():
    # Rows 0, 1 are source "a", row 2 source "b", rows 3 to 6 target. Labels are 0 but the last.
    X, y = np.arange(8.0)[:, None], np.array([0, 0, 0, 0, 0, 0, 0, 1])
    sample_domain = ["a", "a", "b", "target", "target", "target", "target", "target"]
    calls = []
    lines = [
        [0, 0, 0, 1, 1, 0, 0, 1],  # a: two target rows wrong
        [1, 0, 1, 1, 0, 0, 0, 1],  # b: one target row wrong: kept; wrong on rows 0 and 2
        [0, 0, 0, 0, 1, 0, 0, 1],  # a: wrong on row 4
        [0, 0, 0, 1, 0, 0, 0, 1],  # b: wrong on row 3, which has gained weight
    ]
    model = MultiSourceTrAdaBoostClassifier(Scripted(lines, calls), n_estimators=2)
    model.fit(X, y, sample_domain=sample_domain)
    alpha_s = log(1 + sqrt(2 * log(3) / 2)) / 2
    alpha_1 = log((1 - 1 / 5) / (1 / 5)) / 2
    first = np.ones(8)
    second = first * np.exp([-2 * alpha_s, 0, -2 * alpha_s, 2 * alpha_1, 0, 0, 0, 0])
    for (rows, given), weights, kept in zip(
        calls, [first, first, second, second], [[0, 1, 3, 4, 5, 6, 7], [2, 3, 4, 5, 6, 7]] * 2
    ):
        assert_array_equal(rows, kept)
        assert_allclose(given, len(kept) * weights[kept] / weights[kept].sum(), rtol=1e-8)
    target = second[3:] / second[3:].sum()
    assert_array_equal(model.estimator_sources_, ["b", "a"])
    assert_allclose(model.candidate_errors_, [[2 / 5, 1 / 5], [target[1], target[0]]], rtol=1e-8)
    assert_allclose(model.estimator_errors_, [1 / 5, target[1]], rtol=1e-8)
    expected = [2 * alpha_1, log((1 - target[1]) / target[1])]
    assert_allclose(model.estimator_weights_, expected, rtol=1e-7)
    assert_allclose(model.sample_weight_, 8 * second / second.sum(), rtol=1e-8)


def paper(X, y, domains, X_new, *, n_rounds):
    """Algorithm 1 of Yao and Doretto in labels -1 and 1 and exponentials, nothing shared."""
    y = 2.0 * y - 1
    names = sorted(set(domains) - {"target"})
    target = domains == "target"
    w = np.full(len(y), 1 / len(y))
    alpha_s = np.log(1 + np.sqrt(2 * np.log((~target).sum()) / n_rounds)) / 2
    total, chosen = np.zeros(len(X_new)), []
    for _ in range(n_rounds):
        candidates = []
        for name in names:
            rows = target | (domains == name)
            given = rows.sum() * w[rows] / w[rows].sum()
            h = GaussianNB().fit(X[rows], y[rows], sample_weight=given)
            wrong = h.predict(X[target]) != y[target]
            candidates.append((w[target] @ wrong / w[target].sum(), name, h))
        epsilon, name, h = min(candidates, key=lambda candidate: candidate[0])
        assert 0 < epsilon < 1 / 2
        alpha = np.log((1 - epsilon) / epsilon) / 2
        chosen.append(name)
        total += alpha * h.predict(X_new)
        w = w * np.exp(np.where(target, alpha, -alpha_s) * np.abs(h.predict(X) - y))
    return total, chosen


@pytest.mark.parametrize("seed", range(6))
def test_equals_the_paper(seed):
    X, y, domains, X_new, _ = make_domains(seed, noise=0.3)
    model = MultiSourceTrAdaBoostClassifier(GaussianNB(), n_estimators=3)
    model.fit(X, y, sample_domain=domains)
    total, chosen = paper(X, y, domains, X_new, n_rounds=3)
    assert_array_equal(model.estimator_sources_, chosen)
    assert_array_equal(model.predict(X_new), (total > 0).astype(int))
    share = model.decision_function(X_new) * model.estimator_weights_.sum() / 4
    assert_allclose(share, total, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("seed", range(3))
def test_without_source_it_is_adaboost(n_classes, seed):
    X, y, _, X_new, _ = make_domains(seed, n_classes=n_classes)
    tree = DecisionTreeClassifier(max_depth=3, max_features=4)
    ours = MultiSourceTrAdaBoostClassifier(tree, n_estimators=12, random_state=seed).fit(X, y)
    theirs = AdaBoostClassifier(tree, n_estimators=12, random_state=seed).fit(X, y)
    assert_allclose(ours.predict_proba(X_new), theirs.predict_proba(X_new), rtol=1e-10)
    for one, other in zip(ours.staged_predict(X_new), theirs.staged_predict(X_new), strict=True):
        assert_array_equal(one, other)
    assert set(ours.estimator_sources_) == {"target"}


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("seed", range(3))
def test_with_one_source_as_large_as_the_target_its_rounds_are_those_of_tradaboost(n_classes, seed):
    X, y, domains, X_new, _ = make_domains(
        seed, n_source=60, n_target=60, n_classes=n_classes, noise=0.3
    )
    X, y, domains = X[60:], y[60:], domains[60:]
    tree = DecisionTreeClassifier(max_depth=2, max_features=3)
    ours, one_pool = (
        kind(tree, n_estimators=10, random_state=seed).fit(X, y, sample_domain=domains)
        for kind in (MultiSourceTrAdaBoostClassifier, TrAdaBoostClassifier)
    )
    assert_array_equal(ours.estimator_errors_, one_pool.estimator_errors_)
    assert_array_equal(ours.sample_weight_, one_pool.sample_weight_)
    for one, other in zip(ours.estimators_, one_pool.estimators_, strict=True):
        assert_array_equal(one.predict(X_new), other.predict(X_new))
    votes = sum(
        vote * (learner.predict(X_new)[:, None] == ours.classes_)
        for vote, learner in zip(ours.estimator_weights_, ours.estimators_, strict=True)
    )
    assert_array_equal(ours.predict(X_new), votes.argmax(axis=1))  # all rounds, not the last half


def test_names_of_sources_change_nothing_but_the_names():
    X, y, domains, X_new, _ = make_domains(0)
    model = MultiSourceTrAdaBoostClassifier(n_estimators=8, random_state=0)
    one = model.fit(X, y, sample_domain=domains).predict_proba(X_new)
    sources = model.estimator_sources_
    renamed = {"far": "1st shop", "near": "2nd shop", "target": "target"}
    model.fit(X, y, sample_domain=[renamed[name] for name in domains])
    assert_array_equal(model.predict_proba(X_new), one)
    assert_array_equal(model.estimator_sources_, [renamed[name] for name in sources])
    assert model.source_domains_ == ("1st shop", "2nd shop")


@pytest.mark.filterwarnings("ignore:.* kept a single round:sktransfer.exceptions.TransferWarning")
def test_the_unrelated_source_is_passed_over_and_the_related_one_helps():
    scores, shares = [], []
    for seed in range(8):
        X, y, domains, X_test, y_test = make_domains(seed, n_source=200, noise=0.05)
        model = MultiSourceTrAdaBoostClassifier(n_estimators=20, random_state=0)
        transfer = model.fit(X, y, sample_domain=domains).score(X_test, y_test)
        shares.append(np.mean(model.estimator_sources_ == "near"))
        target = domains == "target"
        alone = model.fit(X[target], y[target]).score(X_test, y_test)
        far = domains != "near"
        misled = model.fit(X[far], y[far], sample_domain=domains[far]).score(X_test, y_test)
        scores.append((transfer, alone, misled))
    transfer, alone, misled = np.mean(scores, axis=0)
    assert transfer > alone + 0.03
    assert transfer > misled + 0.15
    assert np.mean(shares) > 0.55


def test_a_source_of_one_class_takes_part():
    X, y, domains, X_new, _ = make_domains(0)
    y[domains == "far"] = 1
    model = MultiSourceTrAdaBoostClassifier(LogisticRegression(), n_estimators=4)
    model.fit(X, y, sample_domain=domains)
    assert model.candidate_errors_.shape[1] == 2
    assert_array_equal(model.classes_, [0, 1])


@pytest.mark.parametrize("container", [np.asarray, scipy.sparse.csr_array])
def test_a_weight_is_a_number_of_repetitions_and_order_means_nothing(container):
    X, y, domains, X_new, _ = make_domains(0, noise=0.3)
    X = X.round(1)
    repeats = np.random.default_rng(0).integers(0, 4, len(y))
    rows = np.random.default_rng(0).permutation(np.repeat(np.arange(len(y)), repeats))
    model = MultiSourceTrAdaBoostClassifier(n_estimators=8, random_state=0)
    weighted = model.fit(container(X), y, repeats, sample_domain=domains)
    weighted = weighted.predict_proba(container(X_new))
    model.fit(container(X[rows]), y[rows], sample_domain=domains[rows])
    assert_allclose(model.predict_proba(container(X_new)), weighted, rtol=1e-9)


def test_every_candidate_has_a_seed_of_its_own():
    X, y, domains, X_new, _ = make_domains(0, noise=0.3)
    tree = DecisionTreeClassifier(max_depth=2, max_features=1, random_state=7)
    model = MultiSourceTrAdaBoostClassifier(tree, n_estimators=6, random_state=0)
    one = model.fit(X, y, sample_domain=domains).predict_proba(X_new)
    assert len({learner.random_state for learner in model.estimators_}) == len(model.estimators_)
    assert_array_equal(clone(model).fit(X, y, sample_domain=domains).predict_proba(X_new), one)
    model.set_params(random_state=1).fit(X, y, sample_domain=domains)
    assert (model.predict_proba(X_new) != one).any()


def test_a_source_without_a_label_is_refused():
    X, y, domains, _, _ = make_domains(0)
    y = y.astype(float)
    y[domains == "far"] = np.nan
    sentence = (
        "MultiSourceTrAdaBoostClassifier learns from each source, and no row of the sources "
        "['far'] in sample_domain has a label and a weight above 0; label some, or leave these "
        "rows out."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        MultiSourceTrAdaBoostClassifier().fit(X, y, sample_domain=domains)


def test_a_learner_without_sample_weight_is_refused():
    X, y, domains, _, _ = make_domains(0)
    with pytest.raises(ValueError, match=r"^estimator=KNeighborsClassifier\(\) takes no sample_w"):
        MultiSourceTrAdaBoostClassifier(KNeighborsClassifier()).fit(X, y, sample_domain=domains)
