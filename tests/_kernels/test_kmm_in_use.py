"""KMM by rows in use: the optimum over all rows, and what it says where there are too many."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sktransfer._kernels import kmm_in_use
from sktransfer._kernels.kmm import (
    certificate,
    dense_kernel,
    kernel_mean_matching,
    mean_similarities,
)
from sktransfer._kernels.kmm_in_use import matching_of_rows_in_use


@pytest.mark.parametrize(
    ("bound", "lower", "upper"),
    [(1000.0, 20.0, 500.0), (8.0, 20.0, 500.0), (1000.0, 450.0, 500.0), (8.0, 20.0, 100.0)],
)
def test_rows_in_use_lead_to_the_optimum_over_all_rows(bound, lower, upper, monkeypatch):
    monkeypatch.setattr(kmm_in_use, "FIRST_ROWS", 20)
    monkeypatch.setattr(kmm_in_use, "ENTERING", 10)
    rng = np.random.default_rng(0)
    X, X_target = rng.normal(size=(300, 6)), rng.normal(0.7, 0.8, size=(150, 6))
    kappa = mean_similarities(X, X_target, width=1.5)
    rules = {"tol": 1e-11, "max_iter": 300, "bound": bound, "lower": lower, "upper": upper}
    kernel = dense_kernel(X, X[::4], width=1.5, ridge=1e-2)
    expected, _ = kernel_mean_matching(kernel, kappa, **rules)
    w, gap = matching_of_rows_in_use(X, kappa, width=1.5, ridge=1e-2, most_rows=250, **rules)
    assert gap < 1e-8
    objective, least = (v @ kernel.matrix @ v / 2 - kappa @ v for v in (w, expected))
    assert_allclose(objective, least, rtol=1e-8)
    assert_allclose(w, expected, atol=0.01)
    gradient = kernel.matrix @ w - kappa
    limits = {"bound": bound, "lower": lower, "upper": upper}
    honest = certificate(w, gradient, **limits) / (w @ (gradient + kappa) / 2)
    assert_allclose(gap, honest, atol=1e-12)


def test_more_rows_in_use_than_memory_is_for():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 1))
    kappa = mean_similarities(X, X, width=0.1)
    rules = {"tol": 1e-8, "max_iter": 300, "bound": 9.0, "lower": 0.0, "upper": 600.0}
    kernel = {"width": 0.1, "ridge": 1.0}
    assert matching_of_rows_in_use(X, kappa, most_rows=200, **kernel, **rules) is None
