"""Maps between instruments: definitions, limits, and leaving out by doing it."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.linalg import eigh, sqrtm
from sklearn.linear_model import Ridge

from sktransfer._kernels.standardization import (
    RIDGES,
    direct_map,
    left_out,
    piecewise_map,
    weighting,
)

RNG = np.random.default_rng(0)
S = RNG.normal(size=(9, 12)) + 5
T = S @ (np.eye(12) + 0.1 * RNG.normal(size=(12, 12))) + RNG.normal(size=12)
NEW = RNG.normal(size=(4, 12)) + 5


def unit(Q):
    """The mean eigenvalue of the Gram matrix."""
    return (Q**2).sum() / len(Q)


@pytest.mark.parametrize("ridge", [0.01, 3.0])
def test_the_direct_map_adds_a_ridge_regression_of_the_differences(ridge):
    penalty = ridge * unit(S - S.mean(axis=0))
    expected = NEW + Ridge(penalty).fit(S, T - S).predict(NEW)
    assert_allclose(direct_map(S, T, ridge=ridge)(NEW), expected)


@pytest.mark.parametrize("ridge", [0.01, 3.0])
def test_a_column_of_the_piecewise_map_is_a_regression_on_its_window(ridge):
    mapped = piecewise_map(S, T, window=2, ridge=ridge)(NEW)
    for column, window in ((0, slice(0, 3)), (5, slice(3, 8)), (11, slice(9, 12))):
        near = S[:, window]
        model = Ridge(ridge * unit(near - near.mean(axis=0)))
        model.fit(near, (T - S)[:, column])
        assert_allclose(mapped[:, column], NEW[:, column] + model.predict(NEW[:, window]))


def test_a_window_of_all_columns_is_the_direct_map():
    wide, direct = piecewise_map(S, T, window=12), direct_map(S, T)
    assert wide.ridge == direct.ridge
    assert_allclose(wide(NEW), direct(NEW))


def test_a_window_of_one_column_without_penalty_is_a_slope_for_each():
    mapped = piecewise_map(S, T, window=0, ridge=1e-12)(NEW)
    for column in range(12):
        line = np.polyfit(S[:, column], T[:, column], 1)
        assert_allclose(mapped[:, column], np.polyval(line, NEW[:, column]), rtol=1e-6)


def test_a_large_ridge_and_few_pairs_shift_alone():
    shift = (T - S).mean(axis=0)
    assert_allclose(direct_map(S, T, ridge=1e12)(NEW), NEW + shift, rtol=1e-9)
    assert_allclose(direct_map(S[:2], T[:2])(NEW), NEW + (T - S)[:2].mean(axis=0))
    equal = np.repeat(S[:1], 5, axis=0)
    assert_allclose(piecewise_map(equal, T[:5], window=1)(NEW), NEW + (T[:5] - S[0]).mean(axis=0))


def test_a_linear_map_is_found_from_pairs_that_span_the_rows():
    many = RNG.normal(size=(40, 12))
    found = direct_map(many, many @ np.diag(np.arange(12)) + 1, ridge=1e-10)
    assert_allclose(found(NEW), NEW @ np.diag(np.arange(12)) + 1, atol=1e-6)


def test_the_error_of_pairs_left_out_is_that_of_fits_without_them():
    Q, E = S - S.mean(axis=0), T - S - (T - S).mean(axis=0)
    penalty = 0.3 * unit(Q)
    expected = 0
    for k in range(9):
        rest = np.arange(9) != k
        # The means are those of the rest, and the penalty that of all.
        model = Ridge(penalty).fit(S[rest], (T - S)[rest])
        expected += ((model.predict(S[[k]]) - (T - S)[k]) ** 2).sum()
    assert_allclose(left_out(*eigh(Q @ Q.T), E, 0.3), expected)
    errors = [left_out(*eigh(Q @ Q.T), E, ridge) for ridge in RIDGES]
    assert direct_map(S, T).ridge == RIDGES[np.argmin(errors)]


@pytest.mark.parametrize("ridge", [0.01, 2.0])
def test_the_weighting_is_the_root_of_its_definition(ridge):
    D = T - S
    C = D.T @ D / 9
    inner = np.eye(12) + C / (ridge * np.trace(C) / 12)
    assert_allclose(weighting(D, ridge=ridge)(NEW), NEW @ np.linalg.inv(sqrtm(inner).real))


def test_the_weighting_removes_differences_and_leaves_what_is_orthogonal_to_them():
    D = (T - S)[:3]
    fitted = weighting(D, ridge=1e-14)
    assert_allclose(fitted(T[:3]), fitted(S[:3]), atol=1e-5)
    rest = NEW - NEW @ np.linalg.pinv(D) @ D
    assert_allclose(fitted(rest), rest, atol=1e-10)
    assert_allclose(weighting(np.zeros((3, 12)), ridge=1e-4)(NEW), NEW)
