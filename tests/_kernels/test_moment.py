"""Means and standard deviations matched: the definition, its limits and its laws."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sktransfer._kernels.coral import coral_maps, moments
from sktransfer._kernels.moment import moment_map, standard_deviation


def make_domains(n_source=30, n_target=20, n_features=4, seed=0):
    rng = np.random.default_rng(seed)
    X_source = rng.normal(size=(n_source, n_features)) * [1, 2, 30, 0.4] + [0, 5, -7, 100]
    return X_source, 3 * rng.normal(size=(n_target, n_features)) - 1


def test_means_and_standard_deviations_are_the_targets():
    X_source, X_target = make_domains()
    mapped = moment_map(X_source, X_target, scale=True)(X_source)
    assert_allclose(mapped.mean(axis=0), X_target.mean(axis=0), atol=1e-12)
    assert_allclose(mapped.std(axis=0, ddof=1), X_target.std(axis=0, ddof=1), rtol=1e-12)


def test_without_scale_the_rows_are_only_shifted():
    X_source, X_target = make_domains()
    mapped = moment_map(X_source, X_target, scale=False)(X_source)
    shift = X_target.mean(axis=0) - X_source.mean(axis=0)
    assert_allclose(mapped, X_source + shift, atol=1e-12)


def test_a_case_by_hand():
    X_source = np.array([[1.0], [2.0], [6.0]])
    X_target = np.array([[10.0], [14.0]])
    # Means 3 and 12; variances (4 + 1 + 9) / 2 = 7 and (4 + 4) / 1 = 8.
    expected = (X_source - 3) * np.sqrt(8 / 7) + 12
    assert_allclose(moment_map(X_source, X_target, scale=True)(X_source), expected)


@pytest.mark.parametrize("feature", range(4))
def test_on_one_feature_it_is_coral_without_ridge(feature):
    X_source, X_target = (X[:, [feature]] for X in make_domains())
    (by_coral,) = coral_maps([moments(X_source)], moments(X_target), ridge=0.0, kind="coral")
    mapped = moment_map(X_source, X_target, scale=True)(X_source)
    assert_allclose(mapped, by_coral(X_source), rtol=1e-10)


def test_a_domain_onto_itself_is_the_identity():
    X, _ = make_domains()
    assert_allclose(moment_map(X, X, scale=True)(X), X, rtol=1e-14)


def test_gains_and_offsets_of_single_features_are_undone_exactly():
    X, _ = make_domains()
    gain, offset = np.array([2.0, 0.5, 10.0, 1.0]), np.array([1.0, -3.0, 0.0, 7.0])
    seen = X * gain + offset
    assert_allclose(moment_map(seen, X, scale=True)(seen), X, atol=1e-10)


@pytest.mark.parametrize("value", [0.0, 0.1, 1e8 + 0.1])
def test_a_feature_that_is_constant_in_the_source_becomes_the_targets_mean(value):
    X_source, X_target = make_domains()
    X_source[:, 1] = value
    mapped = moment_map(X_source, X_target, scale=True)(X_source)
    assert_allclose(mapped[:, 1], X_target[:, 1].mean(), rtol=1e-6)
    new = moment_map(X_source, X_target, scale=True)(X_source + 1)
    assert_allclose(new[:, 1], X_target[:, 1].mean() + 1, rtol=1e-6)


def test_a_feature_that_is_constant_in_the_target_becomes_constant():
    X_source, X_target = make_domains()
    X_target[:, 2] = 0.1
    mapped = moment_map(X_source, X_target, scale=True)(X_source)
    assert_allclose(mapped[:, 2], 0.1, rtol=1e-12)


def test_the_mean_of_equal_numbers_leaves_no_spread():
    X = np.full((1000, 1), 0.1)
    assert_array_equal(standard_deviation(X, X.mean(axis=0)), [0])
    small = 1e6 + np.array([[0.0], [1e-3]])
    assert_allclose(standard_deviation(small, small.mean(axis=0)), 1e-3 / np.sqrt(2), rtol=1e-6)


def test_single_precision_keeps_its_dtype_and_its_digits_at_a_large_mean():
    X_source, X_target = make_domains()
    single = (X_source + 1e4).astype(np.float32)
    mapped = moment_map(single, X_target.astype(np.float32), scale=True)(single)
    expected = moment_map(single.astype(float), X_target, scale=True)(single.astype(float))
    assert mapped.dtype == np.float32
    assert_allclose(mapped, expected, rtol=1e-4, atol=1e-4)
