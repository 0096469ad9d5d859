"""DiscriminatorWeighter: the right way round, known ratios, out-of-fold weights, its sentences."""

import re

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils import get_tags

from sktransfer.exceptions import TransferWarning
from sktransfer.instance import DiscriminatorWeighter
from tests.shelf import make_gaussians


@pytest.mark.parametrize("cv", [None, 5])
@pytest.mark.parametrize("n_target", [300, 3000])
def test_the_weighted_source_moves_to_the_target(cv, n_target):
    rng = np.random.default_rng(0)
    X = np.r_[rng.normal(size=(1000, 1)), rng.normal(0.98, 1, size=(n_target, 1))]
    sample_domain = ["s"] * 1000 + ["target"] * n_target
    weighter = DiscriminatorWeighter(cv=cv, random_state=0).fit(X, sample_domain=sample_domain)
    assert_allclose(weighter.weights_[:1000] @ X[:1000, 0] / 1000, 0.98, atol=0.2)


@pytest.mark.parametrize("cv", [None, 5])
def test_the_ratio_of_two_gaussians(cv):
    X, sample_domain, ratio = make_gaussians()
    quadratic = make_pipeline(PolynomialFeatures(2), LogisticRegression())
    weighter = DiscriminatorWeighter(quadratic, cv=cv, random_state=0)
    weights = weighter.fit(X, sample_domain=sample_domain).weights_[:1000]
    assert np.corrcoef(weights, ratio)[0, 1] > 0.98
    assert_allclose(np.mean(np.abs(weights - ratio)), 0, atol=0.1)
    expected = ratio.sum() ** 2 / (ratio @ ratio)
    assert_allclose(weighter.effective_sample_size_, expected, rtol=0.1)


@pytest.mark.parametrize("n_target", [100, 2000])
def test_the_numbers_of_rows_are_taken_out(n_target):
    # Before any scaling the ratio has mean 1 over the source, as a ratio of densities has.
    X, sample_domain, _ = make_gaussians(800, n_target)
    weighter = DiscriminatorWeighter(LogisticRegression(C=1e6)).fit(X, sample_domain=sample_domain)
    assert_allclose(weighter._scale, 1, atol=0.15)


def test_in_sample_weights_are_the_classifiers_odds():
    X, sample_domain, _ = make_gaussians(60, 40)
    weighter = DiscriminatorWeighter().fit(X, sample_domain=sample_domain)
    p = weighter.estimator_.predict_proba(X[:60])[:, 1]
    odds = p / (1 - p)
    assert_allclose(weighter.weights_[:60], odds / odds.mean(), rtol=1e-12)
    assert_array_equal(weighter.estimator_.classes_, [False, True])
    assert_allclose(weighter.weigh(X[:60]), weighter.weights_[:60], rtol=1e-12)


class Witness(ClassifierMixin, BaseEstimator):
    """Give a row the target if it was seen in fit, and the source if not."""

    def fit(self, X, y):
        self.classes_, self.seen_ = np.unique(y), set(X[:, 0])
        return self

    def predict_proba(self, X):
        p = np.array([0.8 if x in self.seen_ else 0.4 for x in X[:, 0]])
        return np.c_[1 - p, p]


def test_out_of_fold_no_row_is_weighed_by_a_classifier_that_saw_it():
    X, sample_domain, _ = make_gaussians(60, 45)
    weighter = DiscriminatorWeighter(Witness(), cv=3, random_state=0)
    weighter.fit(X, sample_domain=sample_domain)
    assert_allclose(weighter._scale, (60 / 45) * (0.4 / 0.6), rtol=1e-12)
    assert_allclose(weighter.weights_, 1, rtol=1e-12)


def test_a_tree_that_learns_by_heart_needs_folds():
    X, sample_domain, ratio = make_gaussians()
    tree = DecisionTreeClassifier(min_samples_leaf=40, random_state=0)
    with pytest.warns(TransferWarning, match="set cv=5"):
        by_heart = DiscriminatorWeighter(DecisionTreeClassifier(), random_state=0).fit(
            X, sample_domain=sample_domain
        )
    honest = DiscriminatorWeighter(tree, cv=5, random_state=0).fit(X, sample_domain=sample_domain)
    assert_allclose(by_heart.weights_, 1)  # every source row is known as one: no odds at all
    assert np.corrcoef(honest.weights_[:1000], ratio)[0, 1] > 0.6


def test_the_same_rows_on_both_sides_weigh_one():
    X = np.random.default_rng(0).normal(size=(150, 2))
    both, sample_domain = np.r_[X, X], ["s"] * 150 + ["target"] * 150
    weighter = DiscriminatorWeighter().fit(both, sample_domain=sample_domain)
    assert_allclose(weighter.weights_, 1, atol=1e-6)


def test_the_floor_bounds_the_weights():
    X = np.r_[np.arange(10.0), [50.0]][:, None]
    sample_domain = ["s"] * 10 + ["target"]
    weighter = DiscriminatorWeighter(DecisionTreeClassifier(), floor=0.1, random_state=0)
    with pytest.warns(TransferWarning, match="is 0.11, and 1 if domains overlap"):
        weighter.fit(X, sample_domain=sample_domain)
    assert_allclose(weighter._scale, 10 / 1 * 0.1 / 0.9)
    far, near = weighter.weigh([[50.0], [0.0]])
    assert_allclose(far / near, (0.9 / 0.1) ** 2)


def test_too_few_rows_for_the_folds():
    X, sample_domain, _ = make_gaussians(20, 3)
    message = (
        "cv=5 folds need as many rows of each kind, but sample_domain names 20 source rows and 3 "
        "target rows; lower cv."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        DiscriminatorWeighter(cv=5).fit(X, sample_domain=sample_domain)


def test_the_classifier_given_is_not_fitted_and_its_parameters_can_be_set():
    X, sample_domain, _ = make_gaussians(80, 60)
    inner = LogisticRegression()
    weighter = DiscriminatorWeighter(inner).set_params(estimator__C=1e-9)
    weighter.fit(X, sample_domain=sample_domain)
    assert not hasattr(inner, "coef_")
    assert_allclose(weighter.weights_, 1, atol=1e-5)
    assert weighter.fit(X).estimator_ is None


@pytest.mark.parametrize("floor", [0, 0.5])
def test_the_floor_is_above_zero(floor):
    X, sample_domain, _ = make_gaussians(20, 20)
    message = r"The 'floor' parameter .* in the range \(0.0, 0.5\)\. Got .* instead\."
    with pytest.raises(ValueError, match=message):
        DiscriminatorWeighter(floor=floor).fit(X, sample_domain=sample_domain)


class Unsure(LogisticRegression):
    """Answer what is no number."""

    def predict_proba(self, X):
        return np.full((len(X), 2), np.nan)


def test_weights_that_are_not_finite():
    X, sample_domain, _ = make_gaussians(20, 20)
    message = (
        "DiscriminatorWeighter finds weights of source rows that are not finite: their mean is nan;"
        " check the rows for extreme values and, if it has an estimator, that its "
        "probabilities are numbers."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        DiscriminatorWeighter(Unsure()).fit(X, sample_domain=sample_domain)


def test_missing_features_go_to_a_classifier_that_takes_them():
    X = np.random.default_rng(0).normal(size=(120, 2))
    X[::3, 0] = np.nan
    y, sample_domain = np.arange(120) % 2, np.repeat(["s", "target"], 60)
    X[:, 1] += 2 * y
    trees = HistGradientBoostingClassifier(max_iter=5, min_samples_leaf=2)
    weighter = DiscriminatorWeighter(trees, cv=3, random_state=0)
    assert get_tags(weighter).input_tags.allow_nan
    weights = weighter.fit(X, y, sample_domain=sample_domain).weights_
    order = np.random.default_rng(1).permutation(120)
    weighter.fit(X[order], y[order], sample_domain=sample_domain[order])
    assert_allclose(weighter.weights_, weights[order])
    assert not get_tags(DiscriminatorWeighter()).input_tags.allow_nan
    with pytest.raises(ValueError, match="DiscriminatorWeighter takes no missing values"):
        DiscriminatorWeighter().fit(X, y, sample_domain=sample_domain)


@pytest.mark.parametrize("deviation", [0.5, 0.7])
@pytest.mark.parametrize("n_features", [1, 3])
def test_the_default_knows_a_target_of_another_width(deviation, n_features):
    rng = np.random.default_rng(0)
    source = rng.normal(size=(500, n_features))
    target = rng.normal(size=(500, n_features)) * deviation
    X, sample_domain = np.r_[source, target], np.repeat(["s", "target"], [500, 500])
    weights = DiscriminatorWeighter(random_state=0).fit(X, sample_domain=sample_domain).weights_
    squares = (source**2).sum(axis=1)
    truth = np.exp(squares / 2 - squares / (2 * deviation**2))
    assert np.corrcoef(weights[:500], truth)[0, 1] > 0.9
    linear = DiscriminatorWeighter(LogisticRegression()).fit(X, sample_domain=sample_domain)
    assert abs(np.corrcoef(linear.weights_[:500], truth)[0, 1]) < 0.5


def test_the_default_does_not_depend_on_units_or_an_offset():
    rng = np.random.default_rng(0)
    X, sample_domain = rng.normal(size=(160, 3)), np.repeat(["s", "target"], [100, 60])
    X[100:] *= 0.7
    expected = DiscriminatorWeighter(random_state=0).fit(X, sample_domain=sample_domain)
    moved = DiscriminatorWeighter(random_state=0).fit(
        X * [1e-3, 1, 1e4] + [5, 0, -1e4], sample_domain=sample_domain
    )
    assert_allclose(moved.weights_, expected.weights_, rtol=1e-2)
