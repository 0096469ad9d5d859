"""What is left after moments: nothing of an offset or a scale, something of correlations."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sktransfer._kernels.after_moments import N_FREQUENCIES, p_after_moments
from sktransfer._kernels.two_samples import fourier_features, standardized


def make_rows(n_rows, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, 4))
    X[:, 1] += X[:, 0]
    return X


def p_value(X_source, X_target, seed=0):
    return p_after_moments([X_source], X_target, generator=np.random.RandomState(seed))


def test_offsets_and_scales_leave_nothing():
    moved = make_rows(150, 1) * [2, 0.3, 1, 5] + [0, 1, -4, 2]
    assert p_value(make_rows(150), moved) > 0.05


def test_the_level_is_near_the_nominal_one():
    """Of 150 moved samples the test rejects 7.5 on average, and about 5 more for few rows."""
    rejected = sum(
        p_value(make_rows(60, 2 * k), 3 * make_rows(60, 2 * k + 1) + 1, k) <= 0.05
        for k in range(150)
    )
    assert rejected <= 22


def test_the_p_value_is_that_of_regressions_on_rows_and_squares():
    X_source, X_target = make_rows(40), make_rows(30, 1) + 1
    rng = np.random.RandomState(0)
    mapped = (X_source - X_source.mean(axis=0)) / X_source.std(axis=0, ddof=1)
    mapped = mapped * X_target.std(axis=0, ddof=1) + X_target.mean(axis=0)
    X = standardized(np.concatenate([mapped, X_target]))
    basis = np.c_[np.ones(70), X, X**2]

    def residual(columns):
        return columns - basis @ np.linalg.lstsq(basis, columns)[0]

    waves = fourier_features(X, n_frequencies=N_FREQUENCIES, generator=rng)
    pairs = [X[:, j] * X[:, k] for j in range(4) for k in range(j + 1, 4)]
    features = standardized(residual(np.c_[np.array(pairs).T, waves]))
    is_b = np.arange(70) >= 40
    names = [is_b, *(rng.permutation(is_b) for _ in range(99))]
    lengths = [residual(z.astype(float)) for z in names]
    statistics = [np.sum((features.T @ z) ** 2) / (z @ z) for z in lengths]
    expected = (1 + sum(value >= statistics[0] for value in statistics[1:])) / 100
    assert 0.05 < expected < 0.95
    assert_allclose(p_value(X_source, X_target), expected)


def test_each_source_has_moments_of_its_own():
    X, X_target = make_rows(200), make_rows(150, 1)
    generator = np.random.RandomState(0)
    sources = [X[:100] * 3 + 1, X[100:] - 5]
    assert p_after_moments(sources, X_target, generator=generator) > 0.05
    assert p_value(np.concatenate(sources), X_target) == 1 / 100


def test_other_correlations_are_left():
    rng = np.random.default_rng(1)
    X_target = rng.normal(size=(150, 4)) * make_rows(150).std(axis=0)
    assert p_value(make_rows(150), X_target) == 1 / 100


def test_another_shape_is_left():
    rng = np.random.default_rng(1)
    assert p_value(rng.normal(size=(300, 2)), rng.choice([-1.0, 1.0], size=(300, 2))) == 1 / 100


@pytest.mark.parametrize("column", [np.zeros(150), np.resize([0.0, 1.0], 150)])
def test_constant_and_binary_columns_do_no_harm(column):
    X_source, X_target = np.c_[make_rows(150), column], np.c_[make_rows(150, 1), column]
    assert p_value(X_source, X_target) > 0.05


def test_units_do_not_matter():
    X_source, X_target = make_rows(80), make_rows(90, 1) + 1
    scale = np.array([1e3, 1, 1e-3, 8])
    assert_array_equal(p_value(X_source * scale, X_target * scale), p_value(X_source, X_target))
