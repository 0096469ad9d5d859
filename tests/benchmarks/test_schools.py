"""The benchmark of schools, on schools made here."""

import numpy as np
from numpy.testing import assert_allclose
from sklearn.linear_model import RidgeCV

from benchmarks.schools import ALPHAS, METHODS, explained, split


def _schools():
    rng = np.random.default_rng(0)
    rules = rng.normal(size=3) + 0.3 * rng.normal(size=(6, 3))
    schools = [(rng.normal(size=(20, 3)), 10 * rng.normal(), rule) for rule in rules]
    return [(X, X @ rule + level) for X, level, rule in schools]


def test_three_quarters_of_each_school_are_training_rows():
    train, test = split(_schools(), 0)
    assert np.bincount(train[2]).tolist() == [15] * 6
    assert np.bincount(test[2]).tolist() == [5] * 6
    assert_allclose(train[0].mean(axis=0), 0, atol=1e-12)


def test_methods_predict_every_test_row_and_offsets_help():
    train, test = split(_schools(), 0)
    scores = {
        name: explained(method(train, test), test[1])
        for name, method in METHODS.items()
        if "ridge regression of each" not in name
    }
    pooled, offsets = (scores[name] for name in [*METHODS][:3:2])
    assert offsets > pooled + 20
    assert scores["RegularizedMultiTaskRegressor"] > offsets


def test_a_school_alone_is_its_own_model():
    train, test = split(_schools(), 1)
    found = METHODS["ridge regression of each school"](train, test)
    rows, new = train[2] == 4, test[2] == 4
    expected = RidgeCV(ALPHAS).fit(train[0][rows], train[1][rows]).predict(test[0][new])
    assert_allclose(found[new], expected)
