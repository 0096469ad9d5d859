"""The comparison of three kinds of transfer: what each method is given to learn from."""

import numpy as np
import pytest

from benchmarks import three_kinds
from benchmarks.three_kinds import METHODS, draw, training_rows

SOURCE = np.full((4, 2), 7.0), np.array([1, 2, 1, 2])
TARGET = np.arange(12.0).reshape(6, 2), np.array([1, 2, 1, 2, 1, 2])
LABELLED = np.array([True, True, False, False, False, False])


def test_a_draw_has_as_many_rows_of_each_class():
    y = np.repeat([3, 1, 2], 10)
    mask = draw(y, 4, seed=0)
    assert np.unique(y[mask], return_counts=True)[1].tolist() == [4, 4, 4]
    assert (mask == draw(y, 4, seed=0)).all()
    assert (mask != draw(y, 4, seed=1)).any()


@pytest.mark.parametrize(
    ("data", "n_rows", "n_labels"),
    [
        ("target", 2, 2),
        ("source", 4, 4),
        ("pooled", 6, 6),
        ("domains", 6, 6),
        ("domains and unlabelled", 10, 6),
    ],
)
def test_no_label_beyond_the_drawn_ones_is_given(data, n_rows, n_labels):
    garbled = np.where(LABELLED, TARGET[1], 9)
    (X, y), keywords = training_rows(data, SOURCE, TARGET, LABELLED)
    (_, same), _ = training_rows(data, SOURCE, (TARGET[0], garbled), LABELLED)
    assert len(X) == len(y) == n_rows
    assert np.isfinite(y.astype(float)).sum() == n_labels
    assert np.array_equal(y.astype(float), same.astype(float), equal_nan=True)
    assert ("sample_domain" in keywords) == data.startswith("domains")


def test_a_quick_run_has_a_row_a_method(monkeypatch):
    rng = np.random.default_rng(0)
    y = np.arange(60) % 3 + 1
    made_up = {
        name: (rng.uniform(size=(60, 4)) + (y == 2)[:, None] * shift, y)
        for name, shift in [("mnist", 0.5), ("usps", 1.0)]
    }
    without_network = [method for method in METHODS if method.kind != "parameters"]
    monkeypatch.setattr(three_kinds, "METHODS", without_network)
    monkeypatch.setattr(three_kinds, "load_mnist_usps", lambda data_home: made_up)
    (table,) = three_kinds.run(None, quick=True)
    assert table.columns[2:4] == ("1 a class", "10 a class")
    assert [row[1] for row in table.rows] == [method.name for method in without_network]
