"""Multi-task feature learning: its limit, its choice, and the directions that it finds."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.linear_model import Ridge

from sktransfer import (
    MultiTaskFeatureClassifier,
    MultiTaskFeatureRegressor,
    RegularizedMultiTaskRegressor,
    TransferWarning,
)

RNG = np.random.default_rng(0)
BASIS = np.linalg.qr(RNG.normal(size=(12, 2)))[0].T
RULES = 2 * RNG.normal(size=(30, 2)) @ BASIS
TASK = np.repeat(np.arange(30), 8)
X, X_NEW = RNG.normal(size=(2, 240, 12)) + 1
Y, Y_NEW = (np.sum(rows * RULES[TASK], axis=1) + 3 for rows in (X, X_NEW))
Y = Y + 0.5 * RNG.normal(size=240)


def test_one_task_is_ridge_regression():
    model = MultiTaskFeatureRegressor(alpha=2.0, tol=1e-12, max_iter=5000).fit(X, Y)
    plain = Ridge(alpha=2.0).fit(X, Y)
    assert_allclose(model.coef_[0], plain.coef_, rtol=1e-2, atol=1e-3)
    assert_allclose(model.predict(X), plain.predict(X), atol=1e-2)


def test_directions_that_tasks_share_are_found():
    model = MultiTaskFeatureRegressor().fit(X, Y, sample_domain=TASK)
    leading = np.linalg.eigh(model.metric_)[1][:, -2:]
    assert np.linalg.svd(BASIS @ leading, compute_uv=False).min() > 0.98
    near = RegularizedMultiTaskRegressor().fit(X, Y, sample_domain=TASK)
    scores = [fitted.score(X_NEW, Y_NEW, sample_domain=TASK) for fitted in (model, near)]
    assert scores[0] > scores[1] + 0.1


def test_the_objective_never_rises():
    model = MultiTaskFeatureRegressor(alpha=5.0).fit(X, Y, sample_domain=TASK)
    assert model.n_iter_ > 5
    assert np.diff(model.objectives_).max() < 1e-9 * model.objectives_[0]


def test_the_chosen_strength_is_nearly_the_best_on_new_rows():
    chosen = MultiTaskFeatureRegressor().fit(X, Y, sample_domain=TASK)
    scores = []
    for factor in (1e-2, 1e-1, 1, 1e1, 1e2):
        model = MultiTaskFeatureRegressor(alpha=factor * chosen.alpha_)
        model.fit(X, Y, sample_domain=TASK)
        scores.append(model.score(X_NEW, Y_NEW, sample_domain=TASK))
    assert scores[2] > max(scores) - 0.03


def test_rows_of_no_known_task_get_the_mean_of_all_tasks():
    y = np.where(TASK == 4, np.nan, Y)
    model = MultiTaskFeatureRegressor(alpha=5.0).fit(X, y, sample_domain=TASK)
    known = np.arange(30) != 4
    expected = X @ model.coef_[known].mean(axis=0) + model.intercept_[known].mean()
    assert_allclose(model.predict(X), expected)
    assert_allclose(model.predict(X, sample_domain=np.full(240, 4)), expected)


def test_a_classifier_is_the_regressor_of_codes():
    labels = np.where(Y > 3, "high", "low")
    model = MultiTaskFeatureClassifier().fit(X, labels, sample_domain=TASK)
    codes = np.where(Y > 3, -1.0, 1.0)
    expected = MultiTaskFeatureRegressor().fit(X, codes, sample_domain=TASK)
    scores = model.decision_function(X, sample_domain=TASK)
    assert_allclose(scores, expected.predict(X, sample_domain=TASK))
    three = np.digitize(Y, [1, 5])
    model = MultiTaskFeatureClassifier(alpha=5.0).fit(X, three, sample_domain=TASK)
    assert model.coef_.shape == (30, 3, 12)
    assert model.score(X, three, sample_domain=TASK) > 0.7


def test_too_few_steps_give_a_warning():
    model = MultiTaskFeatureRegressor(alpha=1.0, max_iter=2, tol=1e-9)
    with pytest.warns(TransferWarning, match=r"did not reach tol=1e-09 in 2 steps; increase"):
        model.fit(X, Y, sample_domain=TASK)
