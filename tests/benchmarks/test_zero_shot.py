"""Zero-shot tables: the made classes, the strokes, and how errors are counted."""

import numpy as np
import pytest

from benchmarks.zero_shot import (
    SEGMENTS,
    STROKES,
    harmonic,
    make_classes,
    measure,
    nearest_after_ridge,
)


def test_rows_without_noise_are_linear_in_the_attributes():
    X, codes, descriptions = make_classes(0, class_noise=0, n_rows=400)
    means = np.array([X[codes == code].mean(axis=0) for code in range(50)])
    fitted = descriptions @ np.linalg.lstsq(descriptions, means)[0]
    assert np.abs(means - fitted).max() < 0.4  # noise of 400 rows
    hidden = make_classes(0, hidden=1.0, class_noise=0, n_rows=400)[0]
    assert np.abs(hidden.mean(axis=0)).max() < 0.1


def test_a_wrong_description_changes_no_row():
    plain, wrong = make_classes(0), make_classes(0, wrong=0.2)
    assert (plain[0] == wrong[0]).all()
    assert np.mean(plain[2] != wrong[2]) == pytest.approx(0.2, abs=0.05)


@pytest.mark.parametrize("table", [SEGMENTS, STROKES])
def test_no_two_digits_have_equal_strokes(table):
    assert list(table) == list(range(10))
    assert len(set(table.values())) == 10
    assert len({len(bits) for bits in table.values()}) == 1


def test_descriptions_that_are_the_rows_give_no_error_of_the_nearest_one():
    rng = np.random.default_rng(0)
    descriptions, codes = rng.normal(size=(12, 6)), np.repeat(np.arange(12), 9)
    X = descriptions[codes]
    seen = codes < 9
    found = nearest_after_ridge(X[seen], codes[seen], descriptions, X[~seen], [9, 10, 11])
    assert (found == codes[~seen]).all()
    results = measure(X, codes, descriptions, np.array([9, 10, 11]), shot_seed=0)
    assert results["PrototypeClassifier, 1 row of each new class"] == [100, 100, 100, 100]
    assert results["chance"][0] == pytest.approx(100 / 3)


def test_the_harmonic_mean():
    assert harmonic(50, 100) == pytest.approx(2 / (1 / 50 + 1 / 100))
    assert harmonic(0, 0) == harmonic(0, 100) == 0
