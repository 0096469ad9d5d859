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
from sktransfer.exceptions import TransferWarning

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
    total, chosen, left = np.zeros(len(X_new)), [], list(range(len(pool)))
    for _ in range(min(n_rounds, len(pool))):
        w = w / w.sum()
        signs = dict.fromkeys(left, 1.0)
        errors = {k: w @ (pool[k].predict(X[target]) != y[target]) for k in left}
        for k in left:
            if errors[k] > 1 / 2:
                signs[k], errors[k] = -1.0, 1 - errors[k]
        least = min(errors.values()) + 1e-9
        best = min((k for k in left if errors[k] < least), key=lambda k: -signs[k])
        epsilon = errors[best]
        if epsilon >= 1 / 2 - 1e-12:
            break
        left.remove(best)
        alpha = np.log((1 - epsilon) / epsilon) / 2
        chosen.append((best, signs[best]))
        total += alpha * signs[best] * pool[best].predict(X_new)
        w = w * np.exp(-alpha * y[target] * signs[best] * pool[best].predict(X[target]))
    return total, chosen, sources


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("gamma", [0.0, 0.2])
def test_equals_the_paper(seed, gamma):
    X, y, domains, X_new, _ = make_domains(seed, n_target=41, noise=0.3)
    model = TaskTrAdaBoostClassifier(STUMP, n_estimators=8, threshold=gamma, random_state=0)
    model.fit(X, y, sample_domain=domains)
    total, chosen, sources = paper(X, y, domains, X_new, n_rounds=8, gamma=gamma)
    positions, signs = zip(*chosen)
    assert_array_equal(model.pool_sources_, sources)
    assert_array_equal(model.estimator_sources_, np.array(sources)[list(positions)])
    assert_array_equal(model.estimator_flipped_, np.array(signs) < 0)
    assert_allclose(
        model.decision_function(X_new) * model.estimator_weights_.sum() / 4,
        total,
        rtol=1e-6,
        atol=1e-7,
    )


def test_a_learner_of_the_contrary_rule_is_turned_round():
    # One stump at 4.5, which says "high"; the target's rule is the contrary but for the row 9:
    # its error there is 4 / 5, turned round 1 / 5, and its vote ln((4 / 5) / (1 / 5)) = ln 4.
    X = np.concatenate([np.arange(10.0), [0.0, 1.0, 7.0, 8.0, 9.0]])[:, None]
    y = np.array(["low"] * 5 + ["high"] * 5 + ["high", "high", "low", "low", "high"])
    domains = np.repeat(["mirror", "target"], [10, 5])
    model = TaskTrAdaBoostClassifier(STUMP, random_state=0).fit(X, y, sample_domain=domains)
    assert_array_equal(model.estimator_flipped_, [True])
    assert_array_equal(model.estimator_sources_, ["mirror"])
    assert_allclose(model.estimator_errors_, [1 / 5])
    assert_allclose(model.estimator_weights_, [np.log(4)])
    assert_array_equal(model.predict([[2.0], [6.0]]), ["high", "low"])
    assert_array_equal(model.estimators_[0].predict([[2.0], [6.0]]), ["low", "high"])
    assert_array_equal(next(model.staged_predict([[2.0], [6.0]])), ["high", "low"])


def test_of_equals_the_learner_that_is_not_turned_round_is_chosen():
    # "contrary" comes first by name and is wrong on every target row, "right" on none.
    X = np.tile(np.arange(10.0), 2)[:, None]
    y = np.concatenate([np.arange(10) < 5, np.arange(10) >= 5])
    domains = np.repeat(["contrary", "right"], 10)
    X, y = np.concatenate([X, [[1.0], [8.0]]]), np.concatenate([y, [False, True]])
    domains = np.concatenate([domains, ["target"] * 2])
    model = TaskTrAdaBoostClassifier(STUMP, random_state=0).fit(X, y, sample_domain=domains)
    assert_array_equal(model.estimator_sources_, ["right"])
    assert_array_equal(model.estimator_flipped_, [False])


@pytest.mark.parametrize(("n_classes", "flip"), [(3, True), (2, False)])
def test_where_no_learner_is_turned_round(n_classes, flip):
    X, y, domains, _, _ = make_domains(0, n_target=40, n_classes=n_classes, noise=0.3)
    model = TaskTrAdaBoostClassifier(n_estimators=10, flip=flip, random_state=0)
    model.fit(X, y, sample_domain=domains)
    assert len(model.estimators_) > 2
    assert not model.estimator_flipped_.any()


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
    with pytest.warns(TransferWarning, match=r"no learner from the sources .* threshold=50"):
        found = model.fit(X, y, sample_domain=domains).predict_proba(X_new)
    assert model.pool_ == []
    alone = model.fit(X[target], y[target]).predict_proba(X_new)
    assert_allclose(found, alone, rtol=1e-8)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_learner_that_was_chosen_leaves_the_pool(n_classes):
    X, y, domains, _, _ = make_domains(1, n_target=60, n_classes=n_classes, noise=0.3)
    model = TaskTrAdaBoostClassifier(STUMP, n_estimators=12, learning_rate=0.5, random_state=0)
    model.fit(X, y, sample_domain=domains)
    assert len(model.estimators_) > 3
    assert len({id(learner) for learner in model.estimators_}) == len(model.estimators_)


def test_the_rounds_end_with_the_pool():
    X, y, domains, _, _ = make_domains(1, n_target=61, noise=0.3)
    model = TaskTrAdaBoostClassifier(STUMP, n_estimators=2, random_state=0)
    pool = model.fit(X, y, sample_domain=domains).pool_
    # Two rounds a source leave a pool that is smaller than the number asked for.
    model.set_params(threshold=sorted_alphas(model, X, y, domains)[-2])
    model.fit(X, y, sample_domain=domains)
    assert len(pool) == 4
    assert len(model.pool_) == len(model.estimators_) == 1


def sorted_alphas(model, X, y, domains):
    """The alphas of the learners of the first phase, each source by itself."""
    alphas = []
    for name in ("far", "near"):
        rows = domains == name
        alone = clone(model).fit(X[rows], y[rows])
        alphas += list(np.log((1 - alone.estimator_errors_) / alone.estimator_errors_) / 2)
    return sorted(alphas)


def test_the_related_source_has_the_say_and_helps():
    # Turned round by the luck of twelve rows, learners of the unrelated source get a say too.
    scores, shares = [], []
    for seed in range(8):
        X, y, domains, X_test, y_test = make_domains(seed)
        target = domains == "target"
        alone = TaskTrAdaBoostClassifier(n_estimators=20, random_state=0)
        scores.append([alone.fit(X[target], y[target]).score(X_test, y_test)])
        shares.append([])
        for flip in (True, False):
            model = TaskTrAdaBoostClassifier(n_estimators=20, flip=flip, random_state=0)
            model.fit(X, y, sample_domain=domains)
            near = model.estimator_sources_ == "near"
            shares[-1].append(model.estimator_weights_[near].sum() / model.estimator_weights_.sum())
            scores[-1].append(model.score(X_test, y_test))
    alone, flipped, unflipped = np.mean(scores, axis=0)
    assert unflipped > flipped > alone + 0.05
    share, unflipped_share = np.mean(shares, axis=0)
    assert share > 0.6
    assert unflipped_share > 0.7


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
