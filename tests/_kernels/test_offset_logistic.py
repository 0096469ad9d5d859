"""Logistic regression with an offset, and its leave-one-out scores against fits without the row."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import sparse
from scipy.special import expit, softmax
from sklearn.linear_model import LogisticRegression

from sktransfer._kernels.offset_logistic import (
    choose_by_leave_one_out,
    choose_weights,
    fit_with_offset,
    leave_one_out_scores,
    log_loss,
)

N_COLUMNS = pytest.mark.parametrize("n_columns", [1, 3])
INTERCEPT = pytest.mark.parametrize("fit_intercept", [True, False])
EXACT = {"tol": 1e-10, "max_iter": 10_000}


def _data(n_columns, n_rows=40, n_features=5, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, n_features))
    rule = rng.normal(size=(n_features, max(n_columns, 2)))
    y = (X @ rule + rng.gumbel(size=(n_rows, max(n_columns, 2)))).argmax(axis=1)
    codes = (y[:, None] == np.arange(max(n_columns, 2))).astype(float)[:, -n_columns:]
    outputs = X @ (rule[None, :, -n_columns:] + rng.normal(size=(2, n_features, n_columns)))
    return X, y, codes, outputs, rng.uniform(0.5, 2, size=n_rows)


def _fit(X, codes, offset, weight, *, penalty=1.0, fit_intercept=True):
    start = np.zeros((X.shape[1] + 1, codes.shape[1]))
    found, _, converged = fit_with_offset(
        X,
        codes,
        offset,
        weight,
        penalty=penalty,
        fit_intercept=fit_intercept,
        start=start,
        **EXACT,
    )
    assert converged
    return found


@N_COLUMNS
@INTERCEPT
def test_without_an_offset_it_is_scikit_learns_fit(n_columns, fit_intercept):
    X, y, codes, _, weight = _data(n_columns)
    found = _fit(X, codes, np.zeros(codes.shape), weight, penalty=2.0, fit_intercept=fit_intercept)
    plain = LogisticRegression(C=0.5, fit_intercept=fit_intercept, **EXACT)
    plain.fit(X, y, sample_weight=weight)
    assert_allclose(found[:-1].T, plain.coef_, atol=1e-6)
    assert_allclose(found[-1], np.ravel(plain.intercept_) * fit_intercept, atol=1e-6)


@N_COLUMNS
def test_the_gradient_of_the_definition_is_zero(n_columns):
    X, _, codes, outputs, weight = _data(n_columns)
    found = _fit(X, codes, outputs[0], weight, penalty=0.5)
    scores = X @ found[:-1] + found[-1] + outputs[0]
    p = expit(scores) if n_columns == 1 else softmax(scores, axis=1)
    slopes = weight[:, None] * (p - codes)
    assert_allclose(X.T @ slopes + 0.5 * found[:-1], 0, atol=1e-6)
    assert_allclose(slopes.sum(axis=0), 0, atol=1e-6)


def test_sparse_rows_give_the_same():
    X, _, codes, outputs, weight = _data(3)
    X[np.abs(X) < 0.5] = 0
    dense = _fit(X, codes, outputs[0], weight)
    assert_allclose(_fit(sparse.csr_array(X), codes, outputs[0], weight), dense, atol=1e-8)


@N_COLUMNS
@INTERCEPT
def test_leave_one_out_scores_are_near_those_of_fits_without_the_row(n_columns, fit_intercept):
    X, _, codes, outputs, weight = _data(n_columns, n_rows=60)
    beta, options = np.array([0.4, 0.3]), {"penalty": 3.0, "fit_intercept": fit_intercept}

    def refitted(beta):
        offset, scores = np.tensordot(beta, outputs, axes=1), []
        for row in range(len(X)):
            rest = np.delete(np.arange(len(X)), row)
            found = _fit(X[rest], codes[rest], offset[rest], weight[rest], **options)
            scores.append(X[row] @ found[:-1] + found[-1] + offset[row])
        return np.array(scores)

    offset = np.tensordot(beta, outputs, axes=1)
    found = _fit(X, codes, offset, weight, **options)
    scores = X @ found[:-1] + found[-1] + offset
    near, slopes = leave_one_out_scores(X, scores, codes, outputs, weight, **options)
    exact = refitted(beta)
    assert np.abs(near - exact).mean() < 0.1 * np.abs(scores - exact).mean() + 0.02
    step = np.array([0.01, 0])
    moved = (refitted(beta + step) - exact) / 0.01
    likeness = np.corrcoef(moved.ravel(), slopes[0].ravel())[0, 1]
    assert likeness > (0.98 if n_columns == 1 else 0.85)  # several columns are taken as separate


def test_chosen_weights_have_the_least_loss_of_a_grid():
    _, _, codes, outputs, weight = _data(1)
    zero = np.zeros(2)
    found = choose_weights(
        np.zeros(codes.shape), outputs, codes, outputs, weight, beta=zero, positive=True
    )
    sizes = 0.2 * np.mean(outputs**2, axis=(1, 2))

    def loss(beta):
        scores = np.tensordot(beta, outputs, axes=1)
        return weight @ log_loss(scores, codes) + 0.5 * sizes @ (beta - 0.5) ** 2

    grid = [np.array([a, b]) for a in np.linspace(0, 2, 21) for b in np.linspace(0, 2, 21)]
    assert loss(found) <= min(map(loss, grid))


def test_weights_stay_finite_on_rows_that_can_be_separated():
    codes = np.array([[0.0], [1.0]])
    outputs = np.array([[[-1.0], [1.0]]])
    found = choose_weights(
        np.zeros((2, 1)), outputs, codes, outputs, np.ones(2), beta=np.zeros(1), positive=True
    )
    # Each row has the loss log(1 + exp(-b)); the penalty is 0.2 / 2 (b - 1)^2.
    assert_allclose(2 / (1 + np.exp(found)), 0.2 * (found - 1), rtol=1e-4)


def test_the_choice_prefers_the_source_that_agrees():
    X, _, codes, outputs, weight = _data(1, n_rows=200)
    options = {"positive": True, "fit_intercept": True, "tol": 1e-6, "max_iter": 1000}
    good = 4 * codes - 2 + np.random.default_rng(1).normal(size=codes.shape)
    _, beta = choose_by_leave_one_out(
        X, codes, np.stack([good, -good]), weight, penalties=[1.0, 10.0], beta=None, **options
    )
    assert beta[0] > 0.5
    assert beta[1] == 0


def test_two_columns_are_the_binary_problem():
    X, _, codes, outputs, weight = _data(1)
    scores = outputs[0]
    options = {"sample_weight": weight, "fit_intercept": True}
    one, slopes = leave_one_out_scores(X, scores, codes, outputs, penalty=1.0, **options)
    both = [np.concatenate([-a, a], axis=-1) / 2 for a in (scores, outputs)]
    two, slopes_of_two = leave_one_out_scores(
        X, both[0], np.hstack([1 - codes, codes]), both[1], penalty=2.0, **options
    )
    assert_allclose(two[:, 1] - two[:, 0], one[:, 0])
    assert_allclose(slopes_of_two[:, :, 1] - slopes_of_two[:, :, 0], slopes[:, :, 0])
