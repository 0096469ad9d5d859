"""TaskTrAdaBoost: its two phases against the paper, its limits, and which source it chooses."""

import re

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.ensemble import AdaBoostClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from sktransfer import TaskTrAdaBoostClassifier

STUMP = DecisionTreeClassifier(max_depth=1)


def make_domains(seed, *, n_source=120, n_target=12, n_classes=2, noise=0.1):
    """Rows of two sources and a target: "near" follows the target's rule, "far" another."""
    rng = np.random.default_rng(seed)
    domains = np.repeat(["far", "near", "target", "test"], [n_source, n_source, n_target, 500])
    X = rng.normal(size=(len(domains), 5))
    score = np.where(domains == "far", X[:, 3] - 2 * X[:, 4], X[:, 0] + X[:, 1] - X[:, 2])
    y = np.digitize(score, np.quantile(score, np.arange(1, n_classes) / n_classes))
    flipped = rng.random(len(y)) < noise
    y[flipped] = rng.integers(0, n_classes, flipped.sum())
    train = domains != "test"
    return X[train], y[train], domains[train], X[~train], y[~train]


def paper(X, y, domains, X_new, *, n_rounds, gamma):
    """Both phases of Yao and Doretto in labels -1 and 1 and exponentials, nothing shared."""
    y = 2.0 * y - 1
    pool, sources = [], []
    for name in sorted(set(domains) - {"target"}):
        rows = domains == name
        w = np.full(rows.sum(), 1 / rows.sum())
        for _ in range(n_rounds):
            w = w / w.sum()
            h = clone(STUMP).fit(X[rows], y[rows], sample_weight=len(w) * w)
            said = h.predict(X[rows])
            epsilon = w @ (said != y[rows])
            if epsilon >= 1 / 2:
                break
            alpha = np.log((1 - epsilon) / epsilon) / 2
            if alpha > gamma:
                pool.append(h)
                sources.append(name)
            w = w * np.exp(-alpha * y[rows] * said)
    target = domains == "target"
    w = np.full(target.sum(), 1 / target.sum())
    total, chosen = np.zeros(len(X_new)), []
    for _ in range(n_rounds):
        w = w / w.sum()
        errors = [w @ (h.predict(X[target]) != y[target]) for h in pool]
        best = next(k for k, error in enumerate(errors) if error < min(errors) + 1e-9)
        epsilon = errors[best]
        if epsilon >= 1 / 2 - 1e-12:
            break
        alpha = np.log((1 - epsilon) / epsilon) / 2
        chosen.append(sources[best])
        total += alpha * pool[best].predict(X_new)
        w = w * np.exp(-alpha * y[target] * pool[best].predict(X[target]))
    return total, chosen, sources


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("gamma", [0.0, 0.2])
def test_equals_the_paper(seed, gamma):
    X, y, domains, X_new, _ = make_domains(seed, n_target=41, noise=0.3)
    model = TaskTrAdaBoostClassifier(STUMP, n_estimators=8, threshold=gamma, random_state=0)
    model.fit(X, y, sample_domain=domains)
    total, chosen, sources = paper(X, y, domains, X_new, n_rounds=8, gamma=gamma)
    assert_array_equal(model.pool_sources_, sources)
    assert_array_equal(model.estimator_sources_, chosen)
    assert_allclose(
        model.decision_function(X_new) * model.estimator_weights_.sum() / 4,
        total,
        rtol=1e-6,
        atol=1e-7,
    )


def test_the_threshold_is_the_papers_gamma():
    X, y, domains, _, _ = make_domains(0, noise=0.3)
    model = TaskTrAdaBoostClassifier(STUMP, n_estimators=10, random_state=0)
    sizes = []
    for threshold in (0.0, 0.3, 0.6):
        model.set_params(threshold=threshold).fit(X, y, sample_domain=domains)
        sizes.append(len(model.pool_))
        for name in ("far", "near"):
            rows = domains == name
            alone = AdaBoostClassifier(STUMP, n_estimators=10, random_state=0)
            errors = alone.fit(X[rows], y[rows]).estimator_errors_[: len(alone.estimators_)]
            above = np.sum(np.log((1 - errors) / errors) / 2 > threshold)
            assert np.sum(model.pool_sources_ == name) == above
    assert sizes[0] > sizes[1] > sizes[2]


@pytest.mark.parametrize("n_classes", [2, 3])
def test_without_source_it_is_adaboost(n_classes):
    X, y, _, X_new, _ = make_domains(0, n_classes=n_classes)
    tree = DecisionTreeClassifier(max_depth=3, max_features=4)
    ours = TaskTrAdaBoostClassifier(tree, n_estimators=12, random_state=0).fit(X, y)
    theirs = AdaBoostClassifier(tree, n_estimators=12, random_state=0).fit(X, y)
    assert_allclose(ours.predict_proba(X_new), theirs.predict_proba(X_new), rtol=1e-10)
    assert set(ours.estimator_sources_) == {"target"}
    assert ours.pool_ == []
    assert ours.pool_sources_.shape == (0,)


def test_where_no_learner_is_collected_it_is_adaboost_on_the_target():
    X, y, domains, X_new, _ = make_domains(0, n_target=40)
    target = domains == "target"
    model = TaskTrAdaBoostClassifier(STUMP, n_estimators=5, threshold=50, random_state=0)
    found = model.fit(X, y, sample_domain=domains).predict_proba(X_new)
    assert model.pool_ == []
    alone = model.fit(X[target], y[target]).predict_proba(X_new)
    assert_allclose(found, alone, rtol=1e-8)


def test_each_round_halves_the_say_of_the_learner_that_it_chose():
    # After a round its learner errs on one half of the weight, so that another is chosen next.
    X, y, domains, _, _ = make_domains(1, n_target=60, noise=0.3)
    model = TaskTrAdaBoostClassifier(STUMP, n_estimators=12, random_state=0)
    model.fit(X, y, sample_domain=domains)
    assert len(model.estimators_) > 3
    for one, following in zip(model.estimators_, model.estimators_[1:]):
        assert one is not following


def test_the_unrelated_source_is_passed_over_and_the_related_one_helps():
    scores, shares = [], []
    for seed in range(8):
        X, y, domains, X_test, y_test = make_domains(seed)
        model = TaskTrAdaBoostClassifier(n_estimators=20, random_state=0)
        transfer = model.fit(X, y, sample_domain=domains).score(X_test, y_test)
        near = model.estimator_sources_ == "near"
        shares.append(model.estimator_weights_[near].sum() / model.estimator_weights_.sum())
        target = domains == "target"
        scores.append((transfer, model.fit(X[target], y[target]).score(X_test, y_test)))
    transfer, alone = np.mean(scores, axis=0)
    assert transfer > alone + 0.05
    assert np.mean(shares) > 0.7


def test_the_first_phase_does_not_look_at_the_target():
    X, y, domains, _, _ = make_domains(0)
    model = TaskTrAdaBoostClassifier(n_estimators=5, random_state=0)
    pool = model.fit(X, y, sample_domain=domains).pool_
    garbled = np.where(domains == "target", 1 - y, y)
    other = model.fit(X, garbled, sample_domain=domains).pool_
    for one, two in zip(pool, other, strict=True):
        assert_array_equal(one.predict(X), two.predict(X))


@pytest.mark.parametrize("learner", [LogisticRegression(), None])
def test_a_source_of_one_class_is_left_out(learner):
    X, y, domains, X_new, _ = make_domains(0)
    y[domains == "far"] = 1
    model = TaskTrAdaBoostClassifier(learner, n_estimators=4, random_state=0)
    found = model.fit(X, y, sample_domain=domains).predict_proba(X_new)
    assert set(model.pool_sources_) == {"near"}
    rows = domains != "far"
    model.fit(X[rows], y[rows], sample_domain=domains[rows])
    assert_array_equal(model.predict_proba(X_new), found)


def test_string_labels_and_a_class_that_only_the_target_has():
    X, y, domains, X_new, _ = make_domains(0, n_target=30)
    model = TaskTrAdaBoostClassifier(n_estimators=6, random_state=0)
    expected = model.fit(X, y, sample_domain=domains).predict(X_new)
    model.fit(X, np.array(["no", "yes"])[y], sample_domain=domains)
    assert_array_equal(model.predict(X_new), np.array(["no", "yes"])[expected])
    y[np.flatnonzero(domains == "target")[0]] = 2
    model.fit(X, y, sample_domain=domains)
    assert_array_equal(model.classes_, [0, 1, 2])
    assert (model.predict(X_new) < 2).all()


def test_weights_are_of_target_rows_and_the_last_stage_is_the_prediction():
    X, y, domains, X_new, _ = make_domains(0, n_target=40, noise=0.3)
    model = TaskTrAdaBoostClassifier(STUMP, n_estimators=6, random_state=0)
    model.fit(X, y, sample_domain=domains)
    assert_array_equal(model.sample_weight_[domains != "target"], 0)
    assert_allclose(model.sample_weight_.sum(), len(y))
    *_, last = stages = list(model.staged_predict_proba(X_new))
    assert_array_equal(last, model.predict_proba(X_new))
    assert len(stages) == len(model.estimators_)


def test_learners_of_the_pool_have_seeds_of_their_own():
    X, y, domains, X_new, _ = make_domains(0)
    tree = DecisionTreeClassifier(max_depth=2, max_features=1, random_state=7)
    model = TaskTrAdaBoostClassifier(tree, n_estimators=5, random_state=0)
    one = model.fit(X, y, sample_domain=domains).predict_proba(X_new)
    assert len({learner.random_state for learner in model.pool_}) == len(model.pool_) > 5
    assert_array_equal(clone(model).fit(X, y, sample_domain=domains).predict_proba(X_new), one)


def test_a_source_without_a_label_is_refused():
    X, y, domains, _, _ = make_domains(0)
    y = y.astype(object)
    y[domains == "near"] = None
    sentence = (
        "TaskTrAdaBoostClassifier learns from each source, and no row of the sources ['near'] in "
        "sample_domain has a label and a weight above 0; label some, or leave these rows out."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        TaskTrAdaBoostClassifier().fit(X, y, sample_domain=domains)
