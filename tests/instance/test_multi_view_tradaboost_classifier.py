"""MultiViewTrAdaBoost: its definition, its limit of one view, and how views are given."""

import re
from math import log, sqrt

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier

from sktransfer import MultiSourceTrAdaBoostClassifier, MultiViewTrAdaBoostClassifier

VIEWS = [[0, 1], [2, 3, 4], [1, 5]]


def make_domains(seed, *, n_classes=2, n_target=40):
    """Rows of two sources and a target; each of six columns says something about the class."""
    rng = np.random.default_rng(seed)
    domains = np.repeat(["far", "near", "target", "test"], [60, 60, n_target, 400])
    y = rng.integers(0, n_classes, len(domains))
    shown = np.where(domains == "far", n_classes - 1 - y, y)
    X = rng.normal(size=(len(y), 6)) + 0.8 * shown[:, None]
    train = domains != "test"
    return X[train], y[train], domains[train], X[~train], y[~train]


def second(X, y, domains, X_new, *, views, n_rounds):
    """The formulas of the docstring for two classes, row by row, nothing shared."""
    names = sorted(set(domains) - {"target"})
    n = len(y)
    w = [1 / n] * n
    beta = 1 / (1 + sqrt(2 * log(sum(domains != "target")) / n_rounds))
    votes, chosen, errors = np.zeros((len(X_new), 2)), [], []
    for _ in range(n_rounds):
        best = None
        for name in names:
            rows = [i for i in range(n) if domains[i] in (name, "target")]
            fitted = []
            for view in views:
                given = np.array([w[i] for i in rows])
                model = GaussianNB()
                model.fit(X[rows][:, view], y[rows], sample_weight=len(rows) * given / given.sum())
                fitted.append(model)
            degree = []
            for i in range(n):
                h = 0  # the mean vote for class 1
                for model, view in zip(fitted, views, strict=True):
                    h += model.predict(X[[i]][:, view])[0] / len(views)
                degree.append(abs(h - y[i]))
            target = [i for i in range(n) if domains[i] == "target"]
            error = sum(w[i] * degree[i] for i in target) / sum(w[i] for i in target)
            if best is None or error < best[0] - 1e-9:
                best = error, name, fitted, degree
        error, name, fitted, degree = best
        assert 0 < error < 1 / 2
        beta_t = error / (1 - error)
        for i in range(n):
            w[i] *= beta_t ** -degree[i] if domains[i] == "target" else beta ** degree[i]
        for model, view in zip(fitted, views, strict=True):
            for row, label in enumerate(model.predict(X_new[:, view])):
                votes[row, label] -= log(beta_t) / len(views)
        chosen.append(name)
        errors.append(error)
    return votes, chosen, errors


@pytest.mark.parametrize("seed", range(2))
def test_equals_its_definition_written_again(seed):
    X, y, domains, X_new, _ = make_domains(seed)
    model = MultiViewTrAdaBoostClassifier(GaussianNB(), views=VIEWS, n_estimators=4)
    model.fit(X, y, sample_domain=domains)
    votes, chosen, errors = second(X, y, domains, X_new, views=VIEWS, n_rounds=4)
    assert_array_equal(model.estimator_sources_, chosen)
    assert_allclose(model.estimator_errors_, errors, rtol=1e-6)
    shares = (votes[:, 1] - votes[:, 0]) / votes.sum(axis=1)
    assert_allclose(model.decision_function(X_new), 2 * shares, rtol=1e-6, atol=1e-9)


def as_frame(X):
    return pd.DataFrame(X, columns=list("abcdef"))


@pytest.mark.parametrize("container", [np.asarray, as_frame, scipy.sparse.csr_array])
@pytest.mark.parametrize("views", [None, [slice(None)]])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_with_one_view_of_all_columns_it_is_multi_source_tradaboost(n_classes, views, container):
    X, y, domains, X_new, _ = make_domains(0, n_classes=n_classes)
    X, X_new = container(X), container(X_new)
    tree = DecisionTreeClassifier(max_depth=2, max_features=3)
    common = {"n_estimators": 8, "negligible_weight": 0.02, "random_state": 0}
    ours = MultiViewTrAdaBoostClassifier(tree, views=views, **common)
    theirs = MultiSourceTrAdaBoostClassifier(tree, **common)
    for model in (ours, theirs):
        model.fit(X, y, sample_domain=domains)
    for name in ("estimator_errors_", "estimator_weights_", "candidate_errors_", "sample_weight_"):
        assert_array_equal(getattr(ours, name), getattr(theirs, name))
    assert_array_equal(ours.estimator_sources_, theirs.estimator_sources_)
    assert_array_equal(ours.predict_proba(X_new), theirs.predict_proba(X_new))
    for one, other in zip(
        ours.staged_predict_proba(X_new), theirs.staged_predict_proba(X_new), strict=True
    ):
        assert_array_equal(one, other)


def test_the_last_stage_is_the_prediction():
    X, y, domains, X_new, _ = make_domains(0, n_classes=3)
    model = MultiViewTrAdaBoostClassifier(views=VIEWS, n_estimators=5, random_state=0)
    model.fit(X, y, sample_domain=domains)
    stages = list(model.staged_predict_proba(X_new))
    assert len(stages) == len(model.estimators_) > 1
    assert {len(learners) for learners in model.estimators_} == {3}
    assert_array_equal(stages[-1], model.predict_proba(X_new))


def test_the_order_of_views_and_the_columns_of_none_change_nothing():
    X, y, domains, X_new, _ = make_domains(1)
    model = MultiViewTrAdaBoostClassifier(GaussianNB(), views=[[0, 1], [2, 3]], n_estimators=6)
    expected = model.fit(X, y, sample_domain=domains).predict_proba(X_new)
    X[:, 4:], X_new[:, 4:] = 0, 1
    model.set_params(views=[[2, 3], [0, 1]]).fit(X, y, sample_domain=domains)
    assert_allclose(model.predict_proba(X_new), expected, rtol=1e-12)


@pytest.mark.parametrize("base", [GaussianNB(), DecisionTreeClassifier(max_depth=2)])
def test_names_positions_and_slices_are_the_same_views(base):
    X, y, domains, X_new, _ = make_domains(2)
    results = []
    for views in ([["a", "b"], ["d", "e", "f"]], [[0, -5], (3, 4, 5)], [slice(2), slice(3, None)]):
        model = MultiViewTrAdaBoostClassifier(base, views=views, n_estimators=4, random_state=0)
        model.fit(as_frame(X), y, sample_domain=domains)
        assert [list(view) for view in model.views_] == [[0, 1], [3, 4, 5]]
        results.append(model.predict_proba(as_frame(X_new)))
    for result in results[1:]:
        assert_array_equal(result, results[0])


def test_two_views_are_better_than_each_and_the_first_round_passes_over_the_contrary_source():
    scores, views = [], [[0, 1, 2], [3, 4, 5]]
    for seed in range(5):
        X, y, domains, X_new, y_new = make_domains(seed)
        model = MultiViewTrAdaBoostClassifier(GaussianNB(), n_estimators=10)
        for chosen in (views[:1], views[1:], views):
            model.set_params(views=chosen).fit(X, y, sample_domain=domains)
            scores.append(model.score(X_new, y_new))
        assert model.estimator_sources_[0] == "near"
    one, other, both = np.mean(np.reshape(scores, (5, 3)), axis=0)
    assert both > max(one, other) + 0.03


@pytest.mark.filterwarnings("ignore:.* kept a single round:sktransfer.exceptions.TransferWarning")
def test_a_rule_of_columns_of_two_views_is_lost_on_views():
    scores = []
    for seed in range(3):
        rng = np.random.default_rng(seed)
        X, X_new = rng.normal(size=(2, 500, 2))
        y, y_new = X.prod(axis=1) > 0, X_new.prod(axis=1) > 0
        domains = np.repeat(["source", "target"], [400, 100])
        for views in ([[0], [1]], None):
            model = MultiViewTrAdaBoostClassifier(views=views, n_estimators=5, random_state=0)
            model.fit(X, y, sample_domain=domains)
            scores.append(model.score(X_new, y_new))
    apart, together = np.mean(np.reshape(scores, (3, 2)), axis=0)
    assert apart < 0.6
    assert together > 0.8


SENTENCES = {
    "views=[] has no view; list at least one, or pass None for all columns.": [],
    "views[1]=[] has no column; X has 6.": [[0], []],
    "views[0]=slice(6, None, None) has no column; X has 6.": [slice(6, None)],
    "views[0]=[0, 1, -6] has a column twice; list each once.": [[0, 1, -6]],
    "views[1] has the same columns as views[0]; leave one out.": [[0, 1], [1, 0]],
    "views[0] has the position 6, and X has 6 columns.": [[6]],
    "views[0] names 'z', which is no column of X.": [["a", "z"]],
    "views[0]='ab' is no view; pass a list of names or positions of columns, or a slice.": ["ab"],
    "views[0]=3 is no view; pass a list of names or positions of columns, or a slice.": [3],
    "views[0] has 1.5, which is no column; pass names or positions of columns.": [[1.5]],
    "views[0] has True, which is no column; pass names or positions of columns.": [[True]],
}


@pytest.mark.parametrize("sentence", SENTENCES)
def test_views_that_are_none_are_refused(sentence):
    X, y, domains, _, _ = make_domains(0)
    model = MultiViewTrAdaBoostClassifier(views=SENTENCES[sentence])
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        model.fit(as_frame(X), y, sample_domain=domains)


def test_names_need_a_data_frame():
    X, y, domains, _, _ = make_domains(0)
    sentence = (
        "views[0] names the column 'a', and X has no names; pass a data frame whose names are "
        "strings, or positions."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        MultiViewTrAdaBoostClassifier(views=[["a"]]).fit(X, y, sample_domain=domains)
