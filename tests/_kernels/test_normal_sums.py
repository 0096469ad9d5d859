"""Densities and weights from sums, against their definitions."""

import functools

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sktransfer._kernels.density_ratio import common_scale, effective_sample_size, shrunk_normal
from sktransfer._kernels.normal_sums import (
    WeightSums,
    common_scale_of,
    merged_weights,
    shrunk_normal_of,
    weight_sums,
)
from sktransfer._kernels.streaming import sums


@pytest.mark.parametrize("n_features", [3, 40])
def test_densities_are_those_of_the_rows(n_features):
    rng = np.random.default_rng(0)
    source, target = rng.normal(3, 2, (30, n_features)), rng.normal(0, 5, (20, n_features))
    scale = common_scale_of(sums(source), sums(target))
    assert_allclose(scale, common_scale(source, target))
    found = shrunk_normal_of(sums(source), scale, shrinkage=0.2)
    expected = shrunk_normal(source / scale, shrinkage=0.2)
    assert type(found) is type(expected)
    assert_allclose(found.mean, expected.mean)
    assert_allclose(found.covariance, expected.covariance)


@pytest.mark.parametrize("shift", [0.0, 800.0, -800.0])
def test_weights_of_parts_are_those_of_all_rows_and_none_overflows(shift):
    logs = np.log([1.0, 2.0, 5.0, 0.5, 0.25, 4.0]) + shift
    logs[3] = -np.inf
    found = functools.reduce(merged_weights, map(weight_sums, np.split(logs, [1, 4])))
    weights = np.array([1.0, 2.0, 5.0, 0.0, 0.25, 4.0])
    assert found.n_samples == 6
    assert_allclose(found.largest, np.log(5) + shift)
    assert_allclose(found.mean, weights.mean() / 5)
    assert_allclose(found.effective_size, effective_sample_size(weights))


def test_weights_of_zero_have_no_effective_row():
    nothing = weight_sums(np.full(3, -np.inf))
    assert nothing == WeightSums(3, -np.inf, 0.0, 0.0)
    assert merged_weights(nothing, nothing).effective_size == 0.0
    some = merged_weights(nothing, weight_sums(np.zeros(2)))
    assert_allclose([some.mean, some.effective_size], [2 / 5, 2])
