"""Tests of two samples: the level, second implementations, limits and invariances."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array
from sklearn.gaussian_process.kernels import RBF
from sklearn.linear_model import Ridge
from sklearn.metrics import roc_auc_score

from sktransfer._kernels.two_samples import (
    RIDGE,
    WIDTHS,
    auc,
    c2st,
    fourier_features,
    mmd_test,
    out_of_fold_auc,
    p_after_shares,
    permutation_p_value,
    redrawn_rows,
    rows_and_squares,
    standardized,
)


def rng_of(seed=0):
    return np.random.RandomState(seed)


def make_samples(n_a=40, n_b=30, n_features=4, offset=0.0, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n_a, n_features)), rng.normal(size=(n_b, n_features)) + offset


@pytest.mark.parametrize("test", [c2st, mmd_test])
def test_the_level_is_held(test):
    """Of 400 samples without a shift the test rejects 5 % on average: a binomial number."""
    rejected = 0
    for seed in range(400):
        X_a, X_b = make_samples(30, 20, 3, seed=seed)
        result = test(X_a, X_b, n_permutations=19, generator=rng_of(seed))
        rejected += result.p_value <= 0.05
    # The standard deviation is sqrt(400 * .05 * .95) = 4.4: three of them on each side.
    assert 20 - 13 <= rejected <= 20 + 13


def test_one_factorization_gives_the_p_value_of_a_regression_a_permutation():
    X_a, X_b = make_samples(offset=0.4)
    features = standardized(rows_and_squares(np.concatenate([X_a, X_b])))
    p_value = permutation_p_value(
        features, len(X_a), ridge=RIDGE, n_permutations=30, generator=rng_of(3)
    )
    rng, is_b = rng_of(3), np.arange(70) >= 40
    names = [is_b, *(rng.permutation(is_b) for _ in range(30))]
    ridge = Ridge(alpha=RIDGE * 70)
    explained = [ridge.fit(features, z).predict(features) @ (z - z.mean()) for z in names]
    n_as_large = sum(value >= explained[0] for value in explained[1:])
    assert 0 < n_as_large < 30
    assert p_value == (1 + n_as_large) / 31


def test_the_folds_auc_is_that_of_regressions_without_the_left_out_rows():
    X_a, X_b = make_samples(offset=0.5)
    features = standardized(rows_and_squares(np.concatenate([X_a, X_b])))
    found = out_of_fold_auc(features, len(X_a), ridge=RIDGE, generator=rng_of(1))
    rng, is_b = rng_of(1), np.arange(70) >= 40
    folds = np.concatenate([rng.permutation(40) % 5, rng.permutation(30) % 5])
    scores = np.empty(70)
    for fold in range(5):
        out = folds == fold
        ridge = Ridge(alpha=RIDGE * np.sum(~out), fit_intercept=False)
        scores[out] = ridge.fit(features[~out], is_b[~out] - 30 / 70).predict(features[out])
    assert_allclose(found, roc_auc_score(is_b, scores))


def test_the_discrepancy_approaches_that_of_the_kernels():
    X_a, X_b = make_samples(60, 50, 3, offset=0.7)
    X = standardized(np.concatenate([X_a, X_b]))
    size = mmd_test(X_a, X_b, n_permutations=1, n_frequencies=20000, generator=rng_of(0)).size
    few = X[rng_of(0).permutation(len(X))]  # no more rows than the median is taken from
    median = np.median(np.linalg.norm(few[:, None] - few, axis=2)[np.triu_indices(110, 1)])
    K = np.mean([RBF(width * median)(X) for width in WIDTHS], axis=0)
    z = np.r_[np.full(60, 1 / 60), np.full(50, -1 / 50)]
    assert_allclose(size, z @ K @ z, rtol=0.05)


def test_rows_of_fourier_features_have_length_one():
    X, _ = make_samples()
    features = fourier_features(X, n_frequencies=7, generator=rng_of())
    assert features.shape == (40, 42)
    assert_allclose((features**2).sum(axis=1), 1)


@pytest.mark.parametrize("test", [c2st, mmd_test])
def test_two_equal_samples_have_the_largest_p_value(test):
    X, _ = make_samples()
    assert test(X, X, generator=rng_of()).p_value == 1


@pytest.mark.parametrize("test", [c2st, mmd_test])
def test_samples_that_never_overlap_have_the_smallest_p_value(test):
    X_a, X_b = make_samples(offset=20)
    assert test(X_a, X_b, generator=rng_of()).p_value == 1 / 100


def test_samples_that_never_overlap_have_an_auc_of_one():
    X_a, X_b = make_samples(offset=20)
    assert c2st(X_a, X_b, generator=rng_of()).size == 1


def test_a_change_of_scale_is_found_by_the_squares():
    X_a, X_b = make_samples(100, 100)
    found = c2st(X_a, 3 * X_b, generator=rng_of())
    assert found.p_value == 1 / 100
    assert found.size > 0.8


def test_units_of_the_columns_do_not_matter():
    X_a, X_b = make_samples(offset=0.3)
    scale, offset = np.array([1e3, 1e-3, 1, 7]), np.array([0, 5, -7, 1])
    plain = c2st(X_a, X_b, generator=rng_of())
    scaled = c2st(X_a * scale + offset, X_b * scale + offset, generator=rng_of())
    assert scaled.p_value == plain.p_value
    assert_allclose(scaled.size, plain.size)


def test_constant_and_binary_columns_do_no_harm():
    X_a, X_b = make_samples(offset=0.3)
    plain = c2st(X_a, X_b, generator=rng_of())
    X_a, X_b = (np.c_[X, np.full(len(X), 0.1)] for X in (X_a, X_b))
    assert c2st(X_a, X_b, generator=rng_of()) == plain
    signs = np.resize([1.0, -1.0], 70)  # their squares are constant
    assert not standardized(rows_and_squares(signs[:, None]))[:, 1].any()


@pytest.mark.parametrize("n_features", [6, 50])
@pytest.mark.parametrize("test", [c2st, mmd_test])
def test_sparse_rows_give_the_result_of_dense_ones(test, n_features):
    X_a, X_b = (np.maximum(X, 0) for X in make_samples(n_features=n_features, offset=0.2))
    dense = test(X_a, X_b, generator=rng_of())
    sparse = test(csr_array(X_a), csr_array(X_b), generator=rng_of())
    assert sparse.p_value == dense.p_value
    assert_allclose(sparse.size, dense.size)


def test_many_columns_are_replaced_by_their_main_axes():
    """A rotation of the columns then changes nothing."""
    X_a, X_b = make_samples(n_features=50, offset=0.4)
    rotation = np.linalg.qr(np.random.default_rng(1).normal(size=(50, 50)))[0]
    plain = c2st(X_a, X_b, generator=rng_of())
    assert plain.p_value == 1 / 100
    rotated = c2st(X_a @ rotation, X_b @ rotation, generator=rng_of())
    assert rotated.p_value == plain.p_value
    assert_allclose(rotated.size, plain.size)


def test_auc_counts_ties_as_one_half():
    is_b = np.array([False, True, False, True])
    # Pairs of b and a: 2 > 1, 2 > 0, 1 = 1, 1 > 0.
    assert auc(np.array([1, 2, 0, 1]), is_b) == (1 + 1 + 0.5 + 1) / 4


def test_redrawn_rows_have_the_wanted_shares_and_none_comes_twice():
    codes = np.repeat([0, 1], [60, 40])
    rows = redrawn_rows(codes, np.array([0.2, 0.8]), generator=rng_of())
    assert len(np.unique(rows)) == len(rows) == 50
    assert_array_equal(np.bincount(codes[rows]), [10, 40])


def test_fewer_rows_are_drawn_if_a_class_has_too_few():
    codes = np.repeat([0, 1], [90, 10])
    rows = redrawn_rows(codes, np.array([0.5, 0.5]), generator=rng_of())
    assert_array_equal(np.bincount(codes[rows]), [10, 10])


def test_other_shares_leave_nothing_and_an_offset_leaves_something():
    rng = np.random.default_rng(0)
    codes, target_codes = rng.integers(2, size=400), np.repeat([0, 1], [30, 170])
    X_source = rng.normal(size=(400, 3)) + 3 * codes[:, None]
    X_target = rng.normal(size=(200, 3)) + 3 * target_codes[:, None]
    shares = np.array([0.15, 0.85])
    assert c2st(X_source, X_target, generator=rng_of()).p_value == 1 / 100
    assert p_after_shares(X_source, codes, X_target, shares, generator=rng_of()) > 0.05
    moved = p_after_shares(X_source, codes, X_target + 1, shares, generator=rng_of())
    assert moved == 1 / 100
