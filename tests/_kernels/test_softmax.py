"""A logistic regression pulled to another, and recalibrated scores."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import sparse
from scipy.optimize import approx_fprime
from scipy.special import log_softmax
from sklearn.linear_model import LogisticRegression

from sktransfer._kernels.softmax import pulled_softmax, recalibration

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 4))


@pytest.mark.parametrize("n_classes", [2, 3])
def test_pulled_to_nothing_it_is_a_penalized_regression_with_a_column_of_ones(n_classes):
    codes = (X[:, 0] + RNG.normal(size=60) > 0).astype(int) + (X[:, 1] > 1) * (n_classes - 2)
    coef, intercept = pulled_softmax(X, codes, np.zeros((n_classes, 4)), np.zeros(n_classes), C=0.5)
    ones = np.column_stack([X, np.ones(60)])
    model = LogisticRegression(C=0.5, fit_intercept=False, tol=1e-10, max_iter=1000)
    expected = model.fit(ones, codes).predict_log_proba(ones)
    found = log_softmax(X @ coef.T + intercept, axis=1)
    assert_allclose(found, expected, atol=1e-4)


def test_a_strong_pull_leaves_the_given_model_and_sparse_rows_are_the_same():
    codes, coef, intercept = np.arange(60) % 3, RNG.normal(size=(3, 4)), RNG.normal(size=3)
    W, b = pulled_softmax(X, codes, coef, intercept, C=1e-9)
    assert_allclose(W, coef, atol=1e-6)
    assert_allclose(b, intercept, atol=1e-6)
    dense = pulled_softmax(X, codes, coef, intercept, C=1.0)
    from_sparse = pulled_softmax(sparse.csr_array(X), codes, coef, intercept, C=1.0)
    for one, other in zip(dense, from_sparse, strict=True):
        assert_allclose(one, other, atol=1e-6)


def _loss(parameters, logits, codes):
    Z = parameters[0] * logits + parameters[1:]
    fit = -log_softmax(Z, axis=1)[np.arange(len(codes)), codes].sum()
    return fit + ((parameters[0] - 1) ** 2 + (parameters[1:] ** 2).sum()) / 2


def test_recalibration_is_at_the_minimum_of_its_loss():
    logits = RNG.normal(size=(40, 3))
    codes = (logits + RNG.normal(size=(40, 3))).argmax(axis=1)
    scale, shifts = recalibration(logits, codes)
    gradient = approx_fprime(np.r_[scale, shifts], _loss, 1e-6, logits, codes)
    assert np.abs(gradient).max() < 1e-3


def test_recalibration_turns_exchanged_classes_around():
    z = RNG.normal(size=50) * 3
    logits = np.column_stack([-z, z])
    scale, _ = recalibration(logits, (z < 0).astype(int))
    assert scale < -0.5
    assert recalibration(logits, (z > 0).astype(int))[0] > 0.5
