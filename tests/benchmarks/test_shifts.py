"""The simulated shifts: each moves what its name says, and nothing else."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from benchmarks._shifts import N_COLUMNS, SHIFTS, simulate

MANY = {"n_source": 4000, "n_target": 4000, "seed": 0}


def source_accuracy(name):
    X_source, y_source, X_target, y_target = simulate(name, **MANY)
    return LogisticRegression().fit(X_source, y_source).score(X_target, y_target)


@pytest.mark.parametrize("name", SHIFTS)
def test_shapes_and_the_seed(name):
    drawn = simulate(name, n_source=30, n_target=20, seed=3)
    again = simulate(name, n_source=30, n_target=20, seed=[3])
    other = simulate(name, n_source=30, n_target=20, seed=4)
    assert [array.shape for array in drawn] == [(30, N_COLUMNS), (30,), (20, N_COLUMNS), (20,)]
    assert set(drawn[1]) == set(drawn[3]) == {0, 1}
    for one, same in zip(drawn, again, strict=True):
        np.testing.assert_array_equal(one, same)
    assert not np.array_equal(drawn[0], other[0])


@pytest.mark.parametrize(("name", "share"), [("label_75", 0.75), ("label_92", 0.92)])
def test_other_shares(name, share):
    X_source, y_source, X_target, y_target = simulate(name, **MANY)
    assert y_target.mean() == pytest.approx(share, abs=0.03)
    for label in (0, 1):
        np.testing.assert_allclose(
            X_source[y_source == label].mean(axis=0),
            X_target[y_target == label].mean(axis=0),
            atol=0.3,
        )


def test_turned_borders():
    same, quarter, half = map(source_accuracy, ("none", "concept_90", "flipped"))
    assert same > 0.8
    assert quarter == pytest.approx(0.5, abs=0.03)
    assert half == pytest.approx(1 - same, abs=0.03)


def test_a_map_of_the_rows_loses_no_class():
    for name in ("moments_2", "rotation_60"):
        _, _, X_target, y_target = simulate(name, **MANY)
        assert LogisticRegression().fit(X_target, y_target).score(X_target, y_target) > 0.8
        assert source_accuracy(name) < 0.75
