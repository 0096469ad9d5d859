"""Biased ridge regression: its closed form, the choice of weights and penalty, its limits."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import sparse
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import Ridge, RidgeClassifier

from sktransfer import TransferRidge, TransferRidgeClassifier, TransferWarning

RNG = np.random.default_rng(0)
X = RNG.normal(size=(25, 8))
Y = X @ np.arange(8.0) + RNG.normal(size=25)
X_SOURCE = RNG.normal(size=(100, 8))
SOURCE = Ridge().fit(X_SOURCE, X_SOURCE @ (np.arange(8.0) + RNG.normal(size=8)) + 2)
OPPOSITE = Ridge().fit(X_SOURCE, -SOURCE.predict(X_SOURCE))


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("weighted", [True, False])
def test_without_a_source_it_is_ridge_to_the_bit(fit_intercept, weighted):
    weight = RNG.uniform(0.5, 2, size=25) if weighted else None
    plain = Ridge(fit_intercept=fit_intercept).fit(X, Y, sample_weight=weight)
    model = TransferRidge(fit_intercept=fit_intercept).fit(X, Y, sample_weight=weight)
    assert_allclose(model.coef_, plain.coef_, rtol=1e-14)
    assert_allclose(model.intercept_, plain.intercept_, rtol=1e-14, atol=1e-14)
    assert model.source_weights_.shape == (0,)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_without_a_source_it_is_the_ridge_classifier(n_classes):
    y = np.digitize(Y, np.quantile(Y, np.arange(1, n_classes) / n_classes))
    plain, model = RidgeClassifier().fit(X, y), TransferRidgeClassifier().fit(X, y)
    assert_allclose(np.ravel(model.coef_), np.ravel(plain.coef_), rtol=1e-10, atol=1e-12)
    assert_allclose(model.decision_function(X), plain.decision_function(X), atol=1e-12)
    assert (model.predict(X) == plain.predict(X)).all()


def test_closed_form_of_biased_ridge():
    alpha, beta = 3.0, 0.7
    bias = beta * SOURCE.coef_
    rest = Y - beta * SOURCE.predict(X)
    expected = bias + np.linalg.solve(X.T @ X + alpha * np.eye(8), X.T @ rest)
    model = TransferRidge(SOURCE, alpha=alpha, beta=beta, fit_intercept=False).fit(X, Y)
    assert_allclose(model.coef_, expected)
    assert_allclose(model.intercept_, beta * SOURCE.intercept_)
    assert_allclose(model.source_weights_, [beta])


def test_a_great_penalty_gives_the_weighted_source_but_for_the_intercept():
    model = TransferRidge(SOURCE, alpha=1e12, beta=1.0).fit(X, Y)
    assert_allclose(model.coef_, SOURCE.coef_, rtol=1e-6)
    assert_allclose(model.predict(X).mean(), Y.mean())


def test_weight_zero_is_ridge():
    model = TransferRidge([SOURCE, OPPOSITE], alpha=1.0, beta=0).fit(X, Y)
    assert_allclose(model.coef_, Ridge().fit(X, Y).coef_)


def test_an_opposite_source_has_weight_zero_unless_weights_may_be_negative():
    model = TransferRidge(OPPOSITE, alpha=10.0).fit(X, Y)
    assert model.source_weights_ == 0
    assert_allclose(model.coef_, Ridge(10.0).fit(X, Y).coef_)
    free = TransferRidge(OPPOSITE, alpha=10.0, positive=False).fit(X, Y)
    assert free.source_weights_ < -0.5


def test_of_two_sources_the_related_one_gets_the_weight():
    found = TransferRidge([OPPOSITE, SOURCE], alpha=10.0).fit(X, Y).source_weights_
    assert found[0] < 0.2
    assert found[1] > 0.8


def test_sparse_rows_give_the_same():
    X_sparse = np.where(np.abs(X) < 0.7, 0, X)
    dense = TransferRidge(SOURCE).fit(X_sparse, Y)
    model = TransferRidge(SOURCE).fit(sparse.csr_array(X_sparse), Y)
    assert_allclose(model.alpha_, dense.alpha_)
    assert_allclose(model.coef_, dense.coef_, atol=1e-3)  # Ridge iterates on sparse rows
    assert_allclose(model.predict(sparse.csr_array(X_sparse)), dense.predict(X_sparse), atol=1e-2)


def test_a_forest_is_corrected_and_asked_again_in_predict():
    forest = RandomForestRegressor(10, random_state=0).fit(X_SOURCE, SOURCE.predict(X_SOURCE))
    model = TransferRidge(forest, alpha=2.0, beta=0.5).fit(X, Y)
    rest = Ridge(alpha=2.0).fit(X, Y - 0.5 * forest.predict(X))
    assert_allclose(model.predict(X), rest.predict(X) + 0.5 * forest.predict(X))


def test_one_row_chooses_nothing_and_warns():
    with pytest.warns(TransferWarning, match=r"cannot choose the weight of a source, because"):
        model = TransferRidge(SOURCE).fit(X[:1], Y[:1])
    assert_allclose(model.coef_, SOURCE.coef_)
    assert_allclose(model.predict(X[:1]), Y[:1])


def test_a_wrong_number_of_weights_is_refused():
    with pytest.raises(ValueError, match=r"beta=\[1, 2\] has the shape \(2,\), but there are 1"):
        TransferRidge(SOURCE, beta=[1, 2]).fit(X, Y)


def _made_task(seed, *, flip):
    """30 rows of 30 columns, whose rule a source knows up to a change of 0.2 a coefficient."""
    rng = np.random.default_rng(seed)
    rule = rng.normal(size=30)
    X_source, X_target, X_new = (rng.normal(size=(n, 30)) for n in (1000, 30, 1000))
    source_rule = flip * (rule + 0.2 * rng.normal(size=30))
    source = RidgeClassifier().fit(X_source, X_source @ source_rule > 0)
    return source, X_target, X_target @ rule > 0, X_new, X_new @ rule > 0


def test_a_related_source_gains_much_and_a_flipped_one_loses_little():
    gains = {1: [], -1: []}
    for flip, seed in [(flip, seed) for flip in gains for seed in range(20)]:
        source, X_target, y, X_new, y_new = _made_task(seed, flip=flip)
        plain = RidgeClassifier().fit(X_target, y).score(X_new, y_new)
        gains[flip].append(TransferRidgeClassifier(source).fit(X_target, y).score(X_new, y_new))
        gains[flip][-1] -= plain
    assert np.mean(gains[1]) > 0.17
    assert np.mean(gains[-1]) > -0.01
