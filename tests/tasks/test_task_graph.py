"""TaskGraph finds which task helps which, whatever the order of rows and the names of tasks."""

import pickle

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array
from sklearn.exceptions import NotFittedError

from sktransfer import TaskGraph
from sktransfer._kernels.task_gains import gains_of_sources, leave_one_out_losses
from sktransfer.exceptions import TransferWarning

# Signs of the rule of each task; "other" has a rule of its own.
SIGNS = {"big": 1, "same": 1, "flipped": -1, "large flipped": -1, "other": 0}
SIZES = {"big": 200, "same": 40, "flipped": 40, "large flipped": 200, "other": 200}


def make_tasks(seed=0, n_features=40):
    rng = np.random.default_rng(seed)
    task = np.repeat(list(SIZES), list(SIZES.values()))
    rule, other = rng.normal(size=(2, n_features))
    X = rng.normal(size=(len(task), n_features))
    signs = np.array([SIGNS[name] for name in task])
    y = np.where(signs == 0, X @ other, signs * (X @ rule)) + rng.normal(size=len(task))
    return X, y, task


X, Y, TASK = make_tasks()
GRAPH = TaskGraph().fit(X, Y, sample_domain=TASK)


def signs_between(graph, source, target):
    at = graph.tasks_.index(source), graph.tasks_.index(target)
    return int(graph.low_[at] > 0) - int(graph.high_[at] < 0)


def assert_same(graph, expected, order=slice(None)):
    for name in ("gains_", "low_", "high_"):
        found = getattr(graph, name)[order][:, order]
        assert_allclose(found, getattr(expected, name), rtol=1e-6, atol=1e-9)


def test_tasks_help_those_of_their_rule_and_harm_the_opposite():
    assert GRAPH.tasks_ == ("big", "flipped", "large flipped", "other", "same")
    assert signs_between(GRAPH, "big", "same") == 1
    assert signs_between(GRAPH, "large flipped", "flipped") == 1
    assert signs_between(GRAPH, "big", "flipped") == -1
    assert signs_between(GRAPH, "large flipped", "same") == -1
    assert signs_between(GRAPH, "other", "big") == 0
    assert np.isnan(np.diag(GRAPH.gains_)).all()


def test_edges_are_those_whose_interval_does_not_hold_0():
    edges = GRAPH.edges()
    gains = [edge.gain for edge in edges]
    assert gains == sorted(gains, reverse=True)
    assert all(edge.low > 0 or edge.high < 0 for edge in edges)
    assert len(edges) == np.sum(GRAPH.low_ > 0) + np.sum(GRAPH.high_ < 0)
    best = edges[0]
    at = GRAPH.tasks_.index(best.source), GRAPH.tasks_.index(best.target)
    assert (best.gain, best.low) == (GRAPH.gains_[at], GRAPH.low_[at])
    assert repr(GRAPH).startswith("TaskGraph of 5 tasks: of 20 edges ")
    assert repr(TaskGraph(level=0.8)) == "TaskGraph(level=0.8)"


def test_an_edge_is_the_kernel_on_the_two_tasks():
    source, target = GRAPH.tasks_.index("big"), GRAPH.tasks_.index("same")
    rows = TASK == "same"
    output = X[rows] @ GRAPH.coef_[source]
    alone, started, _ = leave_one_out_losses(X[rows], Y[rows], output[:, None])
    found = [each[source, target] for each in (GRAPH.gains_, GRAPH.low_, GRAPH.high_)]
    expected = gains_of_sources(Y[rows], alone, started, level=0.9)
    assert_allclose(found, np.ravel(expected))


def test_the_order_of_rows_changes_nothing():
    order = np.random.default_rng(1).permutation(len(Y))
    assert_same(TaskGraph().fit(X[order], Y[order], sample_domain=TASK[order]), GRAPH)


def test_other_names_permute_the_graph():
    names = {"big": 5, "flipped": 4, "large flipped": 3, "other": 2, "same": -1}
    graph = TaskGraph().fit(X, Y, sample_domain=[names[name] for name in TASK])
    assert graph.tasks_ == (2, 3, 4, 5, "target")
    assert_same(graph, GRAPH, order=[3, 2, 1, 0, 4])


def test_units_of_labels_and_offsets_of_tasks_change_nothing():
    offsets = pd.Series(TASK).map({name: 10.0 * k for k, name in enumerate(SIZES)}).to_numpy()
    assert_same(TaskGraph().fit(X, 3 * Y + offsets, sample_domain=TASK), GRAPH)


def test_rotated_columns_change_nothing():
    axes = np.linalg.qr(np.random.default_rng(1).normal(size=(40, 40)))[0]
    assert_same(TaskGraph().fit(X @ axes, Y, sample_domain=TASK), GRAPH)


def test_sparse_rows_have_the_graph_of_dense_ones():
    assert_same(TaskGraph().fit(csr_array(X), Y, sample_domain=TASK), GRAPH)


def test_rows_without_a_label_are_left_out():
    rows, y = np.vstack([X, X[:30] + 1]), np.append(Y, np.full(30, np.nan))
    assert_same(TaskGraph().fit(rows, y, sample_domain=np.append(TASK, TASK[:30])), GRAPH)


def test_sources_of_a_new_task_are_those_of_its_column():
    new = TASK == "same"
    graph = TaskGraph().fit(X[~new], Y[~new], sample_domain=TASK[~new])
    helpful = [edge.source for edge in GRAPH.edges() if edge.target == "same" and edge.gain > 0]
    assert graph.select_sources(X[new], Y[new]) == helpful == ["big"]
    assert graph.select_sources(X[new][:4], Y[new][:4]) == []


def test_the_best_source_is_first():
    rng = np.random.default_rng(0)
    rule = rng.normal(size=40)
    rules = {"a": rule + 0.2 * rng.normal(size=40), "b": rule, "c": rng.normal(size=40)}
    task = np.repeat(list(rules), 200)
    rows = rng.normal(size=(640, 40))
    y = np.sum(rows[:600] * np.array([rules[name] for name in task]), axis=1)
    graph = TaskGraph().fit(rows[:600], y + rng.normal(size=600), sample_domain=task)
    y_new = rows[600:] @ rule + rng.normal(size=40)
    assert graph.select_sources(rows[600:], y_new) == ["b", "a"]


def test_a_wider_level_has_fewer_edges():
    strict = TaskGraph(level=1 - 0.1 / 20).fit(X, Y, sample_domain=TASK)
    assert_array_equal(strict.gains_, GRAPH.gains_)
    assert 0 < len(strict.edges()) < len(GRAPH.edges())


def test_few_edges_are_helpful_if_all_tasks_differ():
    rng = np.random.default_rng(0)
    n_tasks, task = 30, np.repeat(np.arange(30), 20)
    rows = rng.normal(size=(600, 15))
    y = np.sum(rows * rng.normal(size=(n_tasks, 15))[task], axis=1) + rng.normal(size=600)
    graph = TaskGraph().fit(rows, y, sample_domain=task)
    assert np.mean(graph.low_ > 0) < 0.05
    assert np.nanmean(graph.gains_) < 0


def test_tasks_that_cannot_be_measured_are_named():
    rows = np.vstack([X, X[:7]])
    y = np.append(Y, [1.0, 2.0, 5.0, 5.0, 5.0, 5.0, 5.0])
    task = np.append(TASK.astype(object), ["few"] * 2 + ["one label"] * 5)
    message = "measures no transfer from or to 2 of 7 tasks.*'few', 'one label'"
    with pytest.warns(TransferWarning, match=message):
        graph = TaskGraph().fit(rows, y, sample_domain=task)
    known = [graph.tasks_.index(name) for name in GRAPH.tasks_]
    assert_same(graph, GRAPH, order=known)
    assert np.isfinite(graph.gains_).sum() == 20


def test_one_task_has_no_edge():
    graph = TaskGraph().fit(X, Y)
    assert graph.tasks_ == ("target",)
    assert graph.edges() == []


def test_a_graph_is_pickled_and_leaves_its_input_alone():
    before = X.copy(), Y.copy()
    graph = pickle.loads(pickle.dumps(TaskGraph().fit(X, Y, sample_domain=TASK)))
    assert graph.edges() == GRAPH.edges()
    assert_array_equal(X, before[0])
    assert_array_equal(Y, before[1])


def test_columns_of_new_rows_are_those_of_the_fit():
    names = [f"c{k}" for k in range(40)]
    graph = TaskGraph().fit(pd.DataFrame(X, columns=names), Y, sample_domain=TASK)
    assert list(graph.feature_names_in_) == names
    with pytest.raises(ValueError, match="feature names should match"):
        graph.select_sources(pd.DataFrame(X[:9], columns=names[::-1]), Y[:9])
    with pytest.raises(ValueError, match="X has 3 features, but TaskGraph is expecting 40"):
        GRAPH.select_sources(X[:9, :3], Y[:9])


def test_errors():
    with pytest.raises(NotFittedError, match="TaskGraph is not fitted yet"):
        TaskGraph().edges()
    with pytest.raises(NotFittedError):
        TaskGraph().select_sources(X, Y)
    with pytest.raises(ValueError, match="The 'level' parameter of TaskGraph must be a float in"):
        TaskGraph(level=1.0).fit(X, Y)
    with pytest.raises(ValueError, match="none of the 680 rows has one"):
        TaskGraph().fit(X, np.full(680, np.nan))
    with pytest.raises(ValueError, match="a regressor reads numbers"):
        TaskGraph().fit(X, TASK, sample_domain=TASK)
    with pytest.raises(ValueError, match="contains NaN"):
        TaskGraph().fit(np.where(X > 3, np.nan, X), Y, sample_domain=TASK)
    with pytest.raises(ValueError, match="y has 2 labels with 2 different values; label more"):
        GRAPH.select_sources(X[:2], Y[:2])


def test_a_fit_that_fails_keeps_the_graph_before():
    graph = TaskGraph().fit(X, Y, sample_domain=TASK)
    with pytest.raises(ValueError, match="sample_domain has 3 entries"):
        graph.fit(X[:, :5], Y, sample_domain=TASK[:3])
    assert graph.n_features_in_ == 40
    assert_same(graph, GRAPH)
