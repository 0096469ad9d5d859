"""Two-stage TrAdaBoost.R2: the schedule, the frozen weights, the choice of the step."""

import re

import numpy as np
import pytest
import scipy.sparse
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import bisect
from sklearn.base import clone
from sklearn.ensemble import AdaBoostRegressor
from sklearn.linear_model import Ridge
from sklearn.metrics import mean_squared_error
from sklearn.neighbors import KNeighborsRegressor
from sklearn.tree import DecisionTreeRegressor

from sktransfer import TrAdaBoostRegressor, TwoStageTrAdaBoostRegressor
from sktransfer.instance._folds import sorted_folds


def make_domains(seed, *, n_source=60, n_target=15, near=True):
    """Rows of a wave and a saddle; the source is near the target's rule, or nothing like it."""
    rng = np.random.default_rng(seed)
    X = rng.uniform(-1, 1, size=(n_source + n_target + 500, 3))
    y = np.sin(3 * X[:, 0]) + X[:, 1] * X[:, 2] + rng.normal(0, 0.1, len(X))
    y[:n_source] = 1.1 * y[:n_source] + 0.1 if near else rng.normal(0, 2, n_source)
    n_rows = n_source + n_target
    sample_domain = np.repeat(["s", "target"], [n_source, n_target])
    return X[:n_rows], y[:n_rows], sample_domain, X[n_rows:], y[n_rows:]


def second_stage(X, y, w, is_source, *, n_rounds):
    """AdaBoost.R2' in products of betas; the prediction as a function."""
    w, learners, betas = w / w.sum(), [], []
    frozen = w[is_source].sum()
    for _ in range(n_rounds):
        h = Ridge().fit(X, y, sample_weight=len(y) * w)
        e = np.abs(h.predict(X) - y)
        e = e / e.max()
        epsilon = (w * e).sum()
        if epsilon >= 1 / 2 and learners:
            break
        learners.append(h)
        if epsilon >= 1 / 2:  # the first round at chance: alone, whatever its vote
            betas.append(1 / np.e)
            break
        beta = epsilon / (1 - epsilon)
        betas.append(beta)
        w = np.where(is_source, w, w * beta ** (1 - e))
        w = np.where(is_source, w, w * (1 - frozen) / w[~is_source].sum())
    votes = np.log(1 / np.array(betas))

    def predict(X_new):
        said = np.array([h.predict(X_new) for h in learners])
        return np.array(
            [min(v for v in c if votes[c <= v].sum() >= votes.sum() / 2 - 1e-9) for c in said.T]
        )

    return predict


def paper(X, y, is_source, *, n_steps, n_folds, n_rounds):
    """The two stages with a ridge as the learner, as printed; nothing of ours but the folds."""
    n, m = is_source.sum(), (~is_source).sum()
    w = np.full(n + m, 1 / (n + m))
    models, errors, shares = [], [], []
    for t in range(1, n_steps + 1):
        rows = w > 0
        shares.append(w[~is_source].sum())
        models.append(second_stage(X[rows], y[rows], w[rows], is_source[rows], n_rounds=n_rounds))
        squares = 0
        for held_out in sorted_folds(X, y, ~is_source, n_folds=n_folds):
            v = w.copy()
            v[~is_source & ~held_out] *= m / (~is_source & ~held_out).sum()
            rows = (w > 0) & ~held_out
            fold = second_stage(X[rows], y[rows], v[rows], is_source[rows], n_rounds=n_rounds)
            squares += ((fold(X[held_out]) - y[held_out]) ** 2).sum()
        errors.append(np.sqrt(squares / m))
        if t == n_steps:
            break
        e = np.abs(Ridge().fit(X, y, sample_weight=(n + m) * w).predict(X) - y)
        e = e / e.max()
        share = m / (n + m) + t / (n_steps - 1) * (1 - m / (n + m))
        if share == 1:
            w = np.where(is_source, 0, w)
        else:

            def off(beta, w=w, e=e, share=share):
                source = (w * beta**e)[is_source].sum()
                return w[~is_source].sum() / (source + w[~is_source].sum()) - share

            w = np.where(is_source, w * bisect(off, 1e-300, 1, xtol=1e-300, rtol=1e-14) ** e, w)
        w = w / w.sum()
    return models[int(np.argmin(errors))], np.array(errors), np.array(shares)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("near", [True, False])
def test_equals_the_paper(seed, near):
    X, y, sample_domain, X_new, _ = make_domains(seed, near=near)
    model = TwoStageTrAdaBoostRegressor(Ridge(), n_estimators=4, n_steps=5, n_folds=3)
    model.fit(X, y, sample_domain=sample_domain)
    predict, errors, shares = paper(X, y, sample_domain == "s", n_steps=5, n_folds=3, n_rounds=4)
    assert_allclose(model.step_shares_, shares, rtol=1e-9)
    assert_allclose(model.step_errors_, errors, rtol=1e-5)
    assert model.best_step_ == np.argmin(errors)
    assert_allclose(model.predict(X_new), predict(X_new), rtol=1e-5)


def test_the_shares_are_the_schedule():
    X, y, sample_domain, _, _ = make_domains(0)
    model = TwoStageTrAdaBoostRegressor(n_steps=4, random_state=0)
    model.fit(X, y, sample_domain=sample_domain)
    start = 15 / (60 + 15)
    expected = [start, start + 1 / 3 * (1 - start), start + 2 / 3 * (1 - start), 1]
    assert_allclose(model.step_shares_, expected, rtol=1e-9)


def test_source_weights_are_frozen_in_the_second_stage():
    X, y, sample_domain, _, _ = make_domains(0)
    is_source = sample_domain == "s"
    model = TwoStageTrAdaBoostRegressor(Ridge(), n_steps=3)
    model.fit(X, y, sample_domain=sample_domain)
    assert model.best_step_ < 2
    first, last = (
        clone(model).set_params(n_estimators=n).fit(X, y, sample_domain=sample_domain)
        for n in (1, 6)
    )
    assert first.best_step_ == last.best_step_
    assert_allclose(last.sample_weight_[is_source], first.sample_weight_[is_source], rtol=1e-6)
    target_ratio = last.sample_weight_[~is_source] / first.sample_weight_[~is_source]
    assert target_ratio.max() > 1.5 * target_ratio.min()


def test_the_last_step_is_boosting_on_the_target_alone():
    X, y, sample_domain, X_new, _ = make_domains(1, near=False)
    is_source = sample_domain == "s"
    y[is_source] += 9
    model = TwoStageTrAdaBoostRegressor(Ridge(), random_state=0)
    model.fit(X, y, sample_domain=sample_domain)
    assert model.best_step_ == 9
    assert_array_equal(model.sample_weight_[is_source], 0)
    alone = TrAdaBoostRegressor(Ridge(), n_estimators=10).fit(X[~is_source], y[~is_source])
    assert_allclose(model.predict(X_new), alone.predict(X_new), rtol=1e-8)


@pytest.mark.parametrize("loss", ["linear", "square", "exponential"])
@pytest.mark.parametrize("seed", range(3))
def test_without_source_it_is_adaboost(loss, seed):
    X, y, _, X_new, _ = make_domains(seed)
    tree = DecisionTreeRegressor(max_depth=3, max_features=2)
    settings = {"n_estimators": 10, "loss": loss, "random_state": seed}
    ours = TwoStageTrAdaBoostRegressor(tree, bootstrap=True, **settings).fit(X, y)
    theirs = AdaBoostRegressor(tree, **settings).fit(X, y)
    assert_array_equal(ours.predict(X_new), theirs.predict(X_new))
    assert ours.best_step_ is None
    assert ours.step_errors_.shape == ours.step_shares_.shape == (0,)
    weighted = TwoStageTrAdaBoostRegressor(tree, **settings).fit(X, y)
    plain = TrAdaBoostRegressor(tree, **settings).fit(X, y)
    assert_allclose(weighted.predict(X_new), plain.predict(X_new), rtol=1e-9)


def test_a_near_source_helps_and_one_that_is_far_is_given_up():
    found = []
    for seed in range(5):
        row = []
        for near in (True, False):
            X, y, sample_domain, X_test, y_test = make_domains(
                seed, n_source=200, n_target=20, near=near
            )
            model = TwoStageTrAdaBoostRegressor(n_steps=6, random_state=0)
            model.fit(X, y, sample_domain=sample_domain)
            row += [model.best_step_, mean_squared_error(y_test, model.predict(X_test))]
            row.append(mean_squared_error(y_test, model.fit(X, y).predict(X_test)))
            model.fit(X[200:], y[200:])
            row.append(mean_squared_error(y_test, model.predict(X_test)))
        found.append(row)
    near_step, near, _, near_alone, far_step, far, far_pooled, _ = np.mean(found, axis=0)
    assert near < 0.75 * near_alone
    assert far < 0.75 * far_pooled
    assert far_step > near_step + 1.5


@pytest.mark.parametrize("container", [np.asarray, scipy.sparse.csr_array])
def test_the_order_of_rows_means_nothing(container):
    X, y, sample_domain, X_new, _ = make_domains(0)
    X, y = X.round(1), (4 * y).round()  # equal labels in plenty
    order = np.random.default_rng(0).permutation(len(y))
    model = TwoStageTrAdaBoostRegressor(n_steps=4, random_state=0)
    one = model.fit(container(X), y, sample_domain=sample_domain).predict(X_new)
    errors, weights = model.step_errors_, model.sample_weight_
    model.fit(container(X[order]), y[order], sample_domain=sample_domain[order])
    assert_allclose(model.step_errors_, errors, rtol=1e-9)
    assert_allclose(model.predict(X_new), one, rtol=1e-9)
    assert_allclose(model.sample_weight_, weights[order], rtol=1e-6, atol=1e-9)


def test_folds_hold_each_target_row_once_and_span_its_labels():
    X, y, sample_domain, _, _ = make_domains(0, n_target=17)
    is_target = sample_domain == "target"
    folds = sorted_folds(X, y, is_target, n_folds=5)
    assert_array_equal(np.sum(folds, axis=0), is_target)
    assert sorted(fold.sum() for fold in folds) == [3, 3, 3, 4, 4]
    ranks = np.argsort(np.argsort(y[is_target]))
    for fold in folds:
        assert_array_equal(np.diff(np.sort(ranks[fold[is_target]])), 5)
    assert len(sorted_folds(X, y, is_target, n_folds=40)) == 17


def test_all_source_rows_are_one_pool_and_missing_labels_are_left_out():
    X, y, sample_domain, X_new, _ = make_domains(0)
    model = TwoStageTrAdaBoostRegressor(n_steps=3, random_state=0)
    missing = np.arange(len(y)) % 7 == 0
    expected = model.fit(X[~missing], y[~missing], sample_domain=sample_domain[~missing])
    expected = expected.predict(X_new)
    two = np.where(np.arange(len(y)) % 2, "a", "b").astype(object)
    two[sample_domain == "target"] = "target"
    gaps = np.where(missing, np.nan, y)
    assert_array_equal(model.fit(X, gaps, sample_domain=two).predict(X_new), expected)
    assert model.source_domains_ == ("a", "b")
    assert_array_equal(model.sample_weight_[missing], 0)


def test_the_last_stage_is_the_prediction():
    X, y, sample_domain, X_new, _ = make_domains(0)
    model = TwoStageTrAdaBoostRegressor(n_steps=3, random_state=0)
    stages = list(model.fit(X, y, sample_domain=sample_domain).staged_predict(X_new))
    assert len(stages) == len(model.estimators_)
    assert_array_equal(stages[-1], model.predict(X_new))
    assert_array_equal(stages[0], model.estimators_[0].predict(X_new))


def test_a_single_target_row_cannot_choose_a_step():
    sentence = (
        "TwoStageTrAdaBoostRegressor chooses its step by cross-validation over target rows, and 1 "
        "target row has a label and a weight above 0; label two at least, or use "
        "TrAdaBoostRegressor."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        TwoStageTrAdaBoostRegressor().fit(
            np.arange(3.0)[:, None], [1.0, 2.0, 3.0], sample_domain=["s", "s", "target"]
        )


def test_with_a_source_the_learner_takes_weights_also_where_rows_are_drawn():
    X, y, domains = make_domains(0)[:3]
    model = TwoStageTrAdaBoostRegressor(KNeighborsRegressor(), bootstrap=True, random_state=0)
    with pytest.raises(ValueError, match="takes no sample_weight in fit"):
        model.fit(X, y, sample_domain=domains)
    assert len(model.fit(X, y).estimators_) > 1
