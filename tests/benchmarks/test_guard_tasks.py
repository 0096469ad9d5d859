"""The real tasks of the guards' benchmarks: sizes, scale, and what is drawn."""

import numpy as np
import pytest

from benchmarks._data import DataError, find_data_home
from benchmarks._guard_tasks import Task, _project, draw_labelled, draw_source, load_tasks


class Halves:
    """A map that keeps the rows."""

    def fit_transform(self, X):
        return X.copy()


def test_domains_share_one_center_and_one_scale():
    rng = np.random.default_rng(0)
    domains = {
        "a": (rng.normal(3, 1, size=(20, 4)), np.array(["e", "p"] * 10)),
        "b": (rng.normal(5, 2, size=(30, 4)), np.array(["p", "e"] * 15)),
    }
    found = _project(domains, Halves())
    stacked = np.vstack([X for X, _ in found.values()])
    np.testing.assert_allclose(stacked.mean(axis=0), 0, atol=1e-12)
    assert np.sqrt(np.mean(np.sum(stacked**2, axis=1))) == pytest.approx(5.0)
    np.testing.assert_array_equal(found["a"][1], [0, 1] * 10)
    np.testing.assert_array_equal(found["b"][1], [1, 0] * 15)


def test_labelled_rows_and_the_rest():
    y = np.repeat([0, 1, 2], [5, 7, 9])
    labelled, rest = draw_labelled(y, 3, np.random.default_rng(0))
    np.testing.assert_array_equal(np.bincount(y[labelled]), [3, 3, 3])
    np.testing.assert_array_equal(np.sort(np.r_[labelled, rest]), np.arange(21))


def test_source_rows_keep_their_labels():
    X, y = draw_source(np.arange(10)[:, None], np.arange(10), np.random.default_rng(0), max_rows=4)
    assert len(set(y)) == 4
    np.testing.assert_array_equal(X[:, 0], y)


def test_a_class_needs_a_row_more_than_is_labelled():
    task = Task("made up", "a", "b", {"a": None, "b": (None, np.repeat([0, 1], [3, 9]))})
    assert task.can_label(2)
    assert not task.can_label(3)


def test_thirty_tasks():
    try:
        tasks = load_tasks(find_data_home())
    except DataError as error:
        pytest.skip(str(error))
    counts = {}
    for task in tasks:
        counts[task.data] = counts.get(task.data, 0) + 1
    assert counts == {"office": 12, "digits": 2, "amazon": 12, "newsgroups": 2, "mushroom": 2}
