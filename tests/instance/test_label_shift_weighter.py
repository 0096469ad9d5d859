"""LabelShiftWeighter: the shares of the classes, by hand, by EM, and where they are known."""

import re

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.utils import get_tags

from sktransfer._kernels.label_shift import likely_shares, matching_weights
from sktransfer.instance import LabelShiftWeighter, WeightedTransferClassifier


def make_domains(seed=0, shares=(0.1, 0.6, 0.3), n_source=600, n_target=900):
    """Classes 'a', 'b' and 'c', of shares 1/2, 1/4 and 1/4 in the source."""
    rng = np.random.default_rng(seed)
    in_source = np.array([0, 0, 1, 2])[np.arange(n_source) % 4]
    codes = np.r_[in_source, rng.choice(3, size=n_target, p=shares)]
    centers = np.array([[0.0, 0.0], [2.5, 0.0], [0.0, 2.5]])
    X = centers[codes] + rng.normal(size=(len(codes), 2))
    y = np.array(["a", "b", "c"])[codes]
    return X, y, np.repeat(["s", "target"], [n_source, n_target])


def saerens(probabilities, source_shares, n_rounds):
    """The EM algorithm, as published."""
    shares = source_shares
    for _ in range(n_rounds):
        adjusted = probabilities * shares / source_shares
        shares = (adjusted / adjusted.sum(axis=1, keepdims=True)).mean(axis=0)
    return shares


def test_likely_shares_are_where_em_ends():
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet([0.5, 1, 1], size=200)
    source_shares = np.array([0.5, 0.3, 0.2])
    shares, gap = likely_shares(probabilities, source_shares, tol=1e-13, max_iter=100)
    assert gap <= 1e-13
    assert_allclose(shares, saerens(probabilities, source_shares, 3000), atol=1e-5)
    assert_allclose(shares.sum(), 1)


def test_certain_probabilities_are_counted():
    probabilities = np.repeat(np.eye(2), [30, 10], axis=0)
    shares, _ = likely_shares(probabilities, np.array([0.5, 0.5]), tol=1e-13, max_iter=100)
    assert_allclose(shares, [3 / 4, 1 / 4], rtol=1e-8)


def test_matching_weights_by_hand():
    # Sensitivity 0.8 and specificity 0.9, half ill; in the target a fifth is.
    confusion = np.array([[0.8, 0.1], [0.2, 0.9]]) / 2
    predicted = [0.2 * 0.8 + 0.8 * 0.1, 0.2 * 0.2 + 0.8 * 0.9]
    assert_allclose(matching_weights(confusion, np.array(predicted)), [0.2 / 0.5, 0.8 / 0.5])
    assert_allclose(matching_weights(confusion, np.array([0.0, 1.0]))[0], 0)


def test_too_few_steps_are_said():
    X, y, sample_domain = make_domains()
    pattern = (
        r"^LabelShiftWeighter stopped after max_iter=1 steps with an optimality gap of "
        r"\d\.\de[-+]\d\d, above tol=1e-10; increase max_iter\.$"
    )
    with pytest.warns(ConvergenceWarning, match=pattern) as found:
        weighter = LabelShiftWeighter(max_iter=1).fit(X, y, sample_domain=sample_domain)
    assert found[0].filename == __file__
    assert weighter.optimality_gap_ > 1e-10
    weighter.set_params(max_iter=200).fit(X, y, sample_domain=sample_domain)
    assert weighter.optimality_gap_ <= 1e-10
    weighter.set_params(method="bbse").fit(X, y, sample_domain=sample_domain)
    assert weighter.optimality_gap_ is None


@pytest.mark.parametrize("method", ["em", "bbse"])
def test_the_shares_of_the_target(method):
    X, y, sample_domain = make_domains()
    weighter = LabelShiftWeighter(method=method, random_state=0)
    weighter.fit(X, y, sample_domain=sample_domain)
    true = np.array([np.mean(y[600:] == k) for k in "abc"])
    assert_array_equal(weighter.classes_, ["a", "b", "c"])
    assert_allclose(weighter.source_shares_, [1 / 2, 1 / 4, 1 / 4])
    assert_allclose(weighter.target_shares_, true, atol=0.05)
    weights = weighter.weights_[:600]
    ratios = weighter.target_shares_ / weighter.source_shares_
    for k, ratio in zip("abc", ratios, strict=True):
        assert_allclose(weights[y[:600] == k], ratio, rtol=1e-9)
    expected = 600 / (weighter.target_shares_ @ ratios)
    assert_allclose(weighter.effective_sample_size_, expected, rtol=1e-9)


@pytest.mark.parametrize("method", ["em", "bbse"])
def test_labels_of_the_target_change_no_bit(method):
    X, y, sample_domain = make_domains()
    weighter = LabelShiftWeighter(method=method, random_state=0)
    expected = weighter.fit(X, y, sample_domain=sample_domain).weights_
    for garbled in (["c"] * 900, ["new"] * 900, [None] * 900):
        labels = np.r_[y[:600].astype(object), np.array(garbled, dtype=object)]
        assert_array_equal(weighter.fit(X, labels, sample_domain=sample_domain).weights_, expected)


@pytest.mark.filterwarnings(
    "ignore:LabelShiftWeighter estimates:sktransfer.exceptions.TransferWarning"
)
def test_labels_of_the_source_count():
    X, y, sample_domain = make_domains()
    one = LabelShiftWeighter().fit(X, y, sample_domain=sample_domain).weights_
    turned = np.where(y == "a", "b", np.where(y == "b", "a", "c"))
    shuffled = np.random.default_rng(0).permutation(y)
    other = LabelShiftWeighter().fit(X, shuffled, sample_domain=sample_domain).weights_
    assert np.abs(other - one).max() > 0.1
    renamed = LabelShiftWeighter().fit(X, turned, sample_domain=sample_domain).weights_
    assert_allclose(renamed, one, rtol=1e-3)


@pytest.mark.parametrize("method", ["em", "bbse"])
def test_the_same_shares_weigh_one(method):
    X, y, _ = make_domains(n_target=0)
    both, labels, sample_domain = np.r_[X, X], np.r_[y, y], ["s"] * 600 + ["target"] * 600
    weighter = LabelShiftWeighter(method=method, cv=20, random_state=0)
    weighter.fit(both, labels, sample_domain=sample_domain)
    assert_allclose(weighter.weights_, 1, atol=0.03)


def test_new_rows_weigh_the_mean_of_their_classes():
    X, y, sample_domain = make_domains()
    labels = y.astype(object)
    labels[5] = None
    weighter = LabelShiftWeighter().fit(X, labels, sample_domain=sample_domain)
    expected = weighter.estimator_.predict_proba(X) @ weighter.class_weights_
    assert_allclose(weighter.weigh(X) / weighter.weigh(X)[0], expected / expected[0], rtol=1e-10)
    assert_allclose(weighter.weights_[5], weighter.weigh(X[[5]])[0], rtol=1e-10)
    assert_allclose(weighter.weights_[:600].mean(), 1)


def test_em_beats_no_weights_where_the_shares_differ():
    X, y, sample_domain = make_domains(shares=(0.9, 0.05, 0.05))
    labels = y.astype(object)
    labels[600:] = None
    model = WeightedTransferClassifier(LogisticRegression(), LabelShiftWeighter())
    model.fit(X, labels, sample_domain=sample_domain)
    plain = LogisticRegression().fit(X[:600], y[:600])
    assert model.score(X[600:], y[600:]) > plain.score(X[600:], y[600:]) + 0.03


def test_one_class_weighs_one():
    X, y, sample_domain = make_domains(n_source=90, n_target=60)
    only = LabelShiftWeighter().fit(X, ["a"] * 150, sample_domain=sample_domain)
    assert_array_equal(only.weights_, 1)
    assert_array_equal(only.weigh(X), 1)
    assert LabelShiftWeighter().fit(X, y).estimator_ is None


@pytest.mark.parametrize(
    ("labels", "params", "message"),
    [
        (
            np.full(150, np.nan),
            {},
            "LabelShiftWeighter needs labels of source rows, and none of the 90 source rows has "
            "one; pass them in y.",
        ),
        (
            np.arange(150) < 3,
            {"method": "bbse"},
            "cv=5 folds need as many source rows of each class, but class np.True_ has 3; lower cv,"
            " or take method='em'.",
        ),
        (
            np.arange(150) % 2,
            {"method": "bbse", "estimator": DummyClassifier()},
            "LabelShiftWeighter(method='bbse') needs a classifier that separates the classes, "
            "but the confusion matrix of DummyClassifier() is singular; pass another estimator, or "
            "take method='em'.",
        ),
    ],
)
def test_what_it_cannot_weigh(labels, params, message):
    X, _, sample_domain = make_domains(n_source=90, n_target=60)
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        LabelShiftWeighter(**params).fit(X, labels, sample_domain=sample_domain)


def test_missing_features_go_to_a_classifier_that_takes_them():
    X = np.random.default_rng(0).normal(size=(120, 2))
    X[::3, 0] = np.nan
    y, sample_domain = np.arange(120) % 2, np.repeat(["s", "target"], 60)
    X[:, 1] += 2 * y
    trees = HistGradientBoostingClassifier(max_iter=5, min_samples_leaf=2)
    weighter = LabelShiftWeighter(trees, method="bbse", cv=3, random_state=0)
    assert get_tags(weighter).input_tags.allow_nan
    weights = weighter.fit(X, y, sample_domain=sample_domain).weights_
    order = np.random.default_rng(1).permutation(120)
    weighter.fit(X[order], y[order], sample_domain=sample_domain[order])
    assert_allclose(weighter.weights_, weights[order])
    assert not get_tags(LabelShiftWeighter()).input_tags.allow_nan
    with pytest.raises(ValueError, match="LabelShiftWeighter takes no missing values"):
        LabelShiftWeighter().fit(X, y, sample_domain=sample_domain)
