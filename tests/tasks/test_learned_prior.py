"""A prior learned from many tasks: what it learns, new tasks, and clusters of tasks."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import expit
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression, RidgeCV

from sktransfer import LearnedPriorClassifier, LearnedPriorRegressor

MEAN = np.array([1.0, -1.0, 0.5, 2.0])
COVARIANCE = np.diag([1.0, 0.5, 0.05, 0.8])
COVARIANCE[0, 1] = COVARIANCE[1, 0] = 0.6


def make_users(n_users=400, n_rows=8, seed=0, noise=0.5):
    """Three columns, not centered, and an intercept last in the rules."""
    rng = np.random.default_rng(seed)
    rules = rng.multivariate_normal(MEAN, COVARIANCE, size=n_users)
    user = np.repeat(np.arange(n_users), n_rows)
    X = rng.normal(size=(len(user), 3)) * [1.0, 2.0, 0.5] + [0.0, 1.0, 0.0]
    y = np.sum(X * rules[user, :3], axis=1) + rules[user, 3]
    return X, y + noise * rng.normal(size=len(user)), user, rules


X, Y, USER, RULES = make_users()
MODEL = LearnedPriorRegressor(tol=1e-7).fit(X, Y, sample_domain=USER)
CLASSIFIER = LearnedPriorClassifier().fit(X, Y > 2, sample_domain=USER)


def _by_hand(X, y, mean, covariance, noise):
    Z = np.column_stack([X, np.ones(len(X))])
    gain = covariance @ Z.T @ np.linalg.inv(Z @ covariance @ Z.T + noise * np.eye(len(Z)))
    return mean + gain @ (y - Z @ mean), covariance - gain @ Z @ covariance


def test_the_prior_of_made_users_is_found():
    assert_allclose(MODEL.prior_coef_, MEAN[:3], atol=0.12)
    assert_allclose(MODEL.prior_intercept_, MEAN[3], atol=0.15)
    assert_allclose(MODEL.noise_variance_, 0.25, rtol=0.1)
    assert np.diff(MODEL.objectives_[0]).min() > -1e-8


def test_a_new_user_has_the_posterior_under_the_true_prior():
    rows, y, _, rules = make_users(n_users=40, n_rows=6, seed=5)
    errors = []
    for user in range(40):
        part = slice(6 * user, 6 * user + 6)
        adapted = MODEL.adapt(rows[part], y[part])
        best = _by_hand(rows[part], y[part], MEAN, COVARIANCE, 0.25)[0]
        found = np.append(adapted.coef_[0], adapted.intercept_[0])
        errors.append([np.sum((w - rules[user]) ** 2) for w in (found, best)])
    found, best = np.mean(errors, axis=0)
    assert found < 1.1 * best


def test_a_known_user_is_as_one_that_is_adapted_to():
    adapted = MODEL.adapt(X[:8], Y[:8])
    assert_allclose(adapted.coef_[0], MODEL.coef_[0])
    found, std = adapted.predict(X[:8], return_std=True)
    expected, spread = MODEL.predict(X[:8], sample_domain=USER[:8], return_std=True)
    assert_allclose(found, expected)
    assert_allclose(std, spread)


def test_the_standard_deviation_covers_new_labels():
    rows, y, user, _ = make_users(n_users=60, n_rows=10, seed=7)
    covered = []
    for name in range(60):
        part = np.flatnonzero(user == name)
        adapted = MODEL.adapt(rows[part[:4]], y[part[:4]])
        found, std = adapted.predict(rows[part[4:]], return_std=True)
        covered.append(np.abs(found - y[part[4:]]) < 1.645 * std)
    assert 0.85 < np.mean(covered) < 0.95
    mean, std = MODEL.predict(rows, return_std=True)  # users without a row
    assert 0.85 < np.mean(np.abs(mean - y) < 1.645 * std) < 0.97


@pytest.mark.parametrize("n_clusters", [1, 2])
def test_rows_in_parts_are_rows_at_once(n_clusters):
    model = clone(MODEL).set_params(n_clusters=n_clusters, random_state=0, max_iter=20)
    model.fit(X, Y, sample_domain=USER)
    whole = model.adapt(X[:8], Y[:8])
    parts = model.adapt(X[:3], Y[:3]).partial_fit(X[3:4], Y[3:4]).partial_fit(X[4:8], Y[4:8])
    assert_allclose(parts.predict(X), whole.predict(X), rtol=1e-10)
    assert_allclose(parts.responsibilities_, whole.responsibilities_, rtol=1e-9)


def test_the_original_does_not_change_and_cannot_learn_in_parts():
    before = pickle.dumps(MODEL)
    adapted = MODEL.adapt(X[:8], Y[:8])
    adapted.partial_fit(X[8:16], Y[8:16])
    assert pickle.dumps(MODEL) == before
    assert not hasattr(MODEL, "partial_fit")
    assert not hasattr(adapted.fit(X, Y, sample_domain=USER), "partial_fit")


def test_an_adapted_estimator_is_small():
    for model, labels in ((MODEL, Y), (CLASSIFIER, Y > 2)):
        adapted = model.adapt(X[:8], labels[:8])
        assert len(pickle.dumps(adapted)) < 6000
        assert adapted.tasks_ == ("target",)
        assert_array_equal(pickle.loads(pickle.dumps(adapted)).predict(X), adapted.predict(X))


def test_rows_without_a_label_teach_nothing():
    gaps = np.where(np.arange(8) < 3, Y[:8], np.nan)
    expected = MODEL.adapt(X[:3], Y[:3])
    assert_allclose(MODEL.adapt(X[:8], gaps).predict(X), expected.predict(X))
    assert_allclose(MODEL.adapt(X[:8], np.full(8, np.nan)).predict(X), MODEL.predict(X))
    nothing = CLASSIFIER.adapt(X[:2], [None, None])
    assert_allclose(nothing.predict_proba(X), CLASSIFIER.predict_proba(X))


def test_a_task_without_a_label_has_the_prior():
    y = np.where(USER == 3, np.nan, Y)
    model = clone(MODEL).fit(X, y, sample_domain=USER)
    assert_allclose(model.coef_[3], model.prior_coef_)
    others = USER != 3
    without = clone(MODEL).fit(X[others], Y[others], sample_domain=USER[others])
    assert_allclose(model.prior_coef_, without.prior_coef_, rtol=1e-6)


def test_clusters_of_unrelated_tasks_are_told_apart():
    rng = np.random.default_rng(2)
    group = np.arange(60) % 2
    rules = np.array([[3.0, 0.0], [-3.0, 1.0]])[group] + 0.2 * rng.normal(size=(60, 2))
    user = np.repeat(np.arange(60), 4)
    rows = rng.normal(size=(240, 2))
    y = np.sum(rows * rules[user], axis=1) + 0.3 * rng.normal(size=240)
    model = LearnedPriorRegressor(n_clusters=2, random_state=0).fit(rows, y, sample_domain=user)
    found = model.responsibilities_.argmax(axis=1)
    assert_array_equal(found == found[0], group == group[0])
    one = LearnedPriorRegressor().fit(rows, y, sample_domain=user)
    rule, new, errors = [-3.1, 0.9], rng.normal(size=(200, 2)), []
    for few in rng.normal(size=(50, 1, 2)):
        adapted = [fitted.adapt(few, few @ rule).predict(new) for fitted in (model, one)]
        errors.append([np.mean((found - new @ rule) ** 2) for found in adapted])
    mixture, single = np.mean(errors, axis=0)
    assert mixture < 0.95 * single
    certain = model.adapt(new[:5], new[:5] @ rule).responsibilities_
    assert certain.max() > 0.99


def test_adapting_is_better_than_pooling_and_than_the_user_alone():
    pooled = RidgeCV().fit(X, Y)
    rows, y, _, _ = make_users(n_users=40, n_rows=105, seed=9)
    scores = []
    for user in range(40):
        few, new = slice(105 * user, 105 * user + 5), slice(105 * user + 5, 105 * user + 105)
        models = MODEL.adapt(rows[few], y[few]), pooled, RidgeCV().fit(rows[few], y[few])
        scores.append([np.mean((model.predict(rows[new]) - y[new]) ** 2) for model in models])
    adapted, together, single = np.mean(scores, axis=0)
    assert adapted < 0.7 * min(together, single)


def test_probabilities_of_a_new_user_are_those_of_the_rule():
    rows, y, _, _ = make_users(n_users=40, n_rows=60, seed=11)
    losses = []
    pooled = LogisticRegression().fit(X, Y > 2)
    for user in range(40):
        few, new = slice(60 * user, 60 * user + 10), slice(60 * user + 10, 60 * user + 60)
        adapted = CLASSIFIER.adapt(rows[few], y[few] > 2)
        truth = (y[new] > 2).astype(int)
        models = adapted, pooled
        chances = [model.predict_proba(rows[new])[np.arange(50), truth] for model in models]
        losses.append([-np.log(np.maximum(chance, 1e-12)).mean() for chance in chances])
    adapted, together = np.mean(losses, axis=0)
    assert adapted < 0.8 * together


def test_probabilities_are_means_over_the_posterior():
    new = X[:6]
    adapted = CLASSIFIER.adapt(X[8:12], Y[8:12] > 2)
    rng, Z = np.random.default_rng(3), adapted._scaled(new)
    drawn = rng.multivariate_normal(adapted._means[0, 0], adapted._covariances[0, 0], size=50_000)
    expected = expit(drawn @ Z.T).mean(axis=0)
    assert_allclose(adapted.predict_proba(new)[:, 1], expected, atol=0.015)
    scores = new @ adapted.coef_[0] + adapted.intercept_[0]
    assert np.abs(expit(scores) - expected).max() > 0.03


def test_classes_in_parts_are_near_those_at_once():
    whole = CLASSIFIER.adapt(X[:8], Y[:8] > 2)
    parts = CLASSIFIER.adapt(X[:4], Y[:4] > 2).partial_fit(X[4:8], Y[4:8] > 2)
    assert_allclose(parts.predict_proba(X), whole.predict_proba(X), atol=0.15)
    before = np.abs(CLASSIFIER.predict_proba(X) - whole.predict_proba(X)).mean()
    after = np.abs(parts.predict_proba(X) - whole.predict_proba(X)).mean()
    assert after < 0.5 * before


def test_three_classes_have_three_priors():
    labels = np.array(["low", "middle", "high"])[np.digitize(Y, [0, 4])]
    model = LearnedPriorClassifier(max_iter=20).fit(X, labels, sample_domain=USER)
    assert model.coef_.shape == (400, 3, 3)
    assert model.prior_intercept_.shape == (3,)
    assert model.responsibilities_.shape == (400, 3, 1)
    chances = model.predict_proba(X, sample_domain=USER)
    assert_allclose(chances.sum(axis=1), 1)
    assert model.score(X, labels, sample_domain=USER) > 0.85
    adapted = model.adapt(X[:8], labels[:8])
    assert adapted.coef_.shape == (1, 3, 3)
    assert adapted.score(X[:8], labels[:8]) > 0.6


def test_a_new_class_is_refused():
    labels = np.where(Y > 2, "b", "c")
    model = LearnedPriorClassifier(max_iter=2).fit(X, labels, sample_domain=USER)
    with pytest.raises(ValueError, match=r"y holds the classes 'a', but LearnedPriorClassifier"):
        model.adapt(X[:2], ["a", "b"])
