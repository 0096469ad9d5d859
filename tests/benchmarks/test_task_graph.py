"""The benchmark of task graphs, on few draws."""

import numpy as np
import pytest

from benchmarks.task_graph import make_pair, shares
from sktransfer import TaskGraph


def test_opposite_tasks_have_opposite_rules():
    X, y, task = make_pair(2000, 3, "opposite", draw=0)
    rules = [np.linalg.lstsq(X[task == k], y[task == k], rcond=None)[0] for k in (0, 1)]
    np.testing.assert_allclose(rules[0], -rules[1], atol=0.3)


def test_shares_count_edges():
    X, y, task = make_pair(40, 40, "opposite", draw=1)
    graph = TaskGraph().fit(X, y, sample_domain=task)
    gain, helps, harms = shares([graph, graph])
    assert gain == pytest.approx(np.mean([graph.gains_[0, 1], graph.gains_[1, 0]]))
    assert helps == 50 * np.sum(graph.low_ > 0)
    assert harms == 50 * np.sum(graph.high_ < 0) > 0
