"""Biased logistic regression: the plain method, its optimality, classes that no target row has."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from scipy.special import softmax
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from sktransfer import TransferLogisticRegression, TransferWarning

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 6))
RULE = RNG.normal(size=(6, 3))
Y = np.array(["a", "b", "c"])[(X @ RULE + RNG.gumbel(size=(60, 3))).argmax(axis=1)]
X_SOURCE = RNG.normal(size=(300, 6))
Y_SOURCE = np.array(["a", "b", "c"])[(X_SOURCE @ RULE).argmax(axis=1)]
SOURCE = LogisticRegression().fit(X_SOURCE, Y_SOURCE)
TWO = SOURCE.predict(X) == "a"
BINARY = LogisticRegression().fit(X_SOURCE, Y_SOURCE == "a")


@pytest.mark.parametrize("y", [Y, TWO], ids=["three", "two"])
@pytest.mark.parametrize("weighted", [True, False])
def test_without_a_source_it_is_logistic_regression_to_the_bit(y, weighted):
    weight = RNG.uniform(0.5, 2, size=60) if weighted else None
    plain = LogisticRegression(C=0.5).fit(X, y, sample_weight=weight)
    model = TransferLogisticRegression(C=0.5).fit(X, y, sample_weight=weight)
    assert_array_equal(model.coef_, plain.coef_)
    assert_array_equal(model.intercept_, plain.intercept_)
    assert_allclose(model.predict_proba(X), plain.predict_proba(X), rtol=1e-12)
    assert_allclose(model.predict_log_proba(X), plain.predict_log_proba(X), rtol=1e-10)
    assert_array_equal(model.predict(X), plain.predict(X))


@pytest.mark.parametrize(("y", "source"), [(Y, SOURCE), (TWO, BINARY)], ids=["three", "two"])
def test_weight_zero_is_logistic_regression(y, source):
    plain = LogisticRegression(tol=1e-9).fit(X, y)
    model = TransferLogisticRegression(source, C=1.0, beta=0, tol=1e-9).fit(X, y)
    assert_allclose(model.coef_, plain.coef_, atol=1e-6)
    assert_allclose(model.intercept_, plain.intercept_, atol=1e-6)


def test_the_gradient_of_the_definition_is_zero():
    model = TransferLogisticRegression(SOURCE, C=2.0, beta=0.8, tol=1e-10).fit(X, Y)
    errors = softmax(model.decision_function(X), axis=1) - (Y[:, None] == model.classes_)
    from_source = model.coef_ - 0.8 * SOURCE.coef_
    assert_allclose(errors.T @ X + from_source / 2.0, 0, atol=1e-6)
    assert_allclose(errors.sum(axis=0), 0, atol=1e-6)


def test_sparse_rows_give_the_same():
    rows = np.where(np.abs(X) < 0.5, 0, X)
    dense = TransferLogisticRegression(SOURCE, tol=1e-8).fit(rows, Y)
    model = TransferLogisticRegression(SOURCE, tol=1e-8).fit(sparse.csr_array(rows), Y)
    assert_allclose(model.coef_, dense.coef_, atol=1e-5)


def test_classes_without_a_target_row_keep_the_scores_of_the_source():
    rows = Y != "c"
    model = TransferLogisticRegression(SOURCE, C=1.0, beta=0.9).fit(X[rows], Y[rows])
    assert_allclose(model.coef_[2], 0.9 * SOURCE.coef_[2])
    assert_allclose(model.intercept_[2], 0.9 * SOURCE.intercept_[2])
    assert not np.allclose(model.coef_[0], 0.9 * SOURCE.coef_[0], atol=1e-2)


def test_target_rows_of_one_class_leave_the_source_as_it_is_and_warn():
    rows = Y == "a"
    with pytest.warns(TransferWarning, match=r"gets the weight 1"):
        model = TransferLogisticRegression(SOURCE).fit(X[rows], Y[rows])
    assert_allclose(model.predict_proba(X), SOURCE.predict_proba(X))


def test_a_flipped_source_has_weight_zero():
    flipped = LogisticRegression().fit(X_SOURCE, Y_SOURCE != "a")
    model = TransferLogisticRegression(flipped).fit(X, TWO)
    assert model.source_weights_ == 0
    assert model.C_ == 1
    assert_allclose(model.coef_, LogisticRegression().fit(X, TWO).coef_, atol=1e-2)
    both = TransferLogisticRegression([BINARY, flipped]).fit(X, TWO).source_weights_
    assert both[0] > both[1] + 0.5
    assert TransferLogisticRegression(flipped, positive=False).fit(X, TWO).source_weights_ < -0.1


def test_a_forest_can_be_the_source():
    forest = RandomForestClassifier(20, random_state=0).fit(X_SOURCE, Y_SOURCE)
    model = TransferLogisticRegression(forest, C=1e-9, beta=3.0).fit(X, Y)
    scores = 3 * (2 * forest.predict_proba(X) - 1) + model.intercept_
    assert_allclose(model.predict_proba(X), softmax(scores, axis=1), atol=1e-6)


def test_few_iterations_warn():
    with pytest.warns(ConvergenceWarning, match=r"did not converge in max_iter=1 "):
        TransferLogisticRegression(SOURCE, C=1e4, beta=0, max_iter=1).fit(X, Y)


def test_a_related_source_gains_and_a_flipped_one_loses_little():
    gains = {1: [], -1: []}
    for flip, seed in [(flip, seed) for flip in gains for seed in range(8)]:
        rng = np.random.default_rng(seed)
        rule = rng.normal(size=30)
        rows = [rng.normal(size=(n, 30)) for n in (1000, 30, 1000)]
        source_rule = flip * (rule + 0.2 * rng.normal(size=30))
        source = LogisticRegression().fit(rows[0], rows[0] @ source_rule > 0)
        y, y_new = rows[1] @ rule > 0, rows[2] @ rule > 0
        plain = LogisticRegression().fit(rows[1], y).score(rows[2], y_new)
        model = TransferLogisticRegression(source).fit(rows[1], y)
        gains[flip].append(model.score(rows[2], y_new) - plain)
    assert np.mean(gains[1]) > 0.15
    assert np.mean(gains[-1]) > -0.01
