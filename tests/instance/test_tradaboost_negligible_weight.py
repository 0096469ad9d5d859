"""Leaving negligible source rows out of the fits: exact at 0, bounded, and never a target row."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.tree import DecisionTreeClassifier

from sktransfer import (
    MultiSourceTrAdaBoostClassifier,
    TrAdaBoostClassifier,
    TrAdaBoostRegressor,
)


class Spy(DecisionTreeClassifier):
    """A tree that keeps the weights it was given."""

    def fit(self, X, y, sample_weight=None):
        self.given_ = np.array(sample_weight)
        return super().fit(X, y, sample_weight=sample_weight)


class LinearSpy(Ridge):
    """A regressor that keeps the weights it was given."""

    def fit(self, X, y, sample_weight=None):
        self.given_ = np.array(sample_weight)
        return super().fit(X, y, sample_weight=sample_weight)


def make_domains(seed):
    """Rows of two domains; a quarter of the source rows follows another rule."""
    X, y = make_classification(360, 6, n_informative=4, flip_y=0.1, random_state=seed)
    y[:75] = 1 - y[:75]
    X_new = np.random.default_rng(seed).normal(size=(300, 6)) * X.std(axis=0)
    return X, y, np.repeat(["s", "target"], [300, 60]), X_new


SPIES = [
    (TrAdaBoostClassifier, Spy(max_depth=2)),
    (MultiSourceTrAdaBoostClassifier, Spy(max_depth=2)),
    (TrAdaBoostRegressor, LinearSpy()),
]


@pytest.mark.parametrize(("kind", "learner"), SPIES)
@pytest.mark.parametrize("share", [1e-3, 0.2])
def test_what_is_left_out_holds_no_more_than_the_share(kind, learner, share):
    X, y, sample_domain, _ = make_domains(0)
    settings = {"n_estimators": 10, "random_state": 0}
    model = kind(learner, negligible_weight=share, **settings)
    model.fit(X, y, sample_domain=sample_domain)
    given = model.estimators_[-1].given_
    gone = given == 0
    assert gone.any() or share == 1e-3
    assert not gone[sample_domain == "target"].any()
    full = model.sample_weight_
    assert_allclose(given[~gone] / full[~gone], given[-1] / full[-1], rtol=1e-6)
    assert (full > 0).all()
    assert full[gone].sum() <= share * full.sum()
    left = full[(sample_domain == "s") & ~gone]
    if len(left):  # the next that are as light as each other would be too many
        assert full[gone].sum() + left[left == left.min()].sum() > share * full.sum()
        assert (full[gone] < left.min()).all()


@pytest.mark.parametrize(("kind", "learner"), SPIES)
def test_by_default_no_row_is_left_out(kind, learner):
    X, y, sample_domain, _ = make_domains(0)
    model = kind(learner, n_estimators=10, random_state=0).fit(X, y, sample_domain=sample_domain)
    for each in model.estimators_:
        assert (each.given_ > 0).all()


def test_a_tree_without_the_zero_rows_is_the_tree_without_these_rows():
    # Why a weight of 0 makes a tree cheaper, and why it must not change the vote of the others.
    X, y, sample_domain, X_new = make_domains(1)
    model = TrAdaBoostClassifier(Spy(max_depth=3), n_estimators=12, negligible_weight=0.05)
    model.set_params(random_state=0).fit(X, y, sample_domain=sample_domain)
    tree = model.estimators_[-1]
    left = tree.given_ > 0
    assert left.sum() < 0.9 * len(left)
    alone = DecisionTreeClassifier(max_depth=3, random_state=tree.random_state)
    alone.fit(X[left].astype(np.float32), y[left], sample_weight=tree.given_[left])
    assert_array_equal(tree.predict(X_new.astype(np.float32)), alone.predict(X_new))


@pytest.mark.parametrize("learner", [None, LogisticRegression()])
def test_next_to_no_weight_left_out_is_next_to_no_change(learner):
    X, y, sample_domain, X_new = make_domains(0)
    model = TrAdaBoostClassifier(learner, n_estimators=12, random_state=0)
    exact = model.fit(X, y, sample_domain=sample_domain)
    errors, said = exact.estimator_errors_, exact.predict(X_new)
    model.set_params(negligible_weight=1e-6).fit(X, y, sample_domain=sample_domain)
    assert_allclose(model.estimator_errors_, errors, rtol=1e-4, atol=1e-6)
    assert np.mean(model.predict(X_new) == said) > 0.98


def test_without_source_it_changes_nothing():
    X, y, _, X_new = make_domains(0)
    model = TrAdaBoostClassifier(n_estimators=12, random_state=0)
    expected = model.fit(X, y).predict_proba(X_new)
    model.set_params(negligible_weight=0.5).fit(X, y)
    assert_array_equal(model.predict_proba(X_new), expected)
