"""Denoising maps: the expectation against drawn corruptions, limits, a case by hand."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.linalg import LinAlgError
from scipy.sparse import csr_array

from sktransfer._kernels.denoising import block_map, deal, denoising_map


def make_words(n_rows=40, n_features=6, seed=0):
    rng = np.random.default_rng(seed)
    topics = rng.uniform(size=(n_rows, 2)) @ rng.uniform(size=(2, n_features))
    return (rng.uniform(size=(n_rows, n_features)) < topics).astype(float)


def by_definition(X, *, noise, ridge):
    """``W = P Q^-1`` of the published formulas, with the constant feature as the last row."""
    n_rows, n_features = X.shape
    S = np.c_[X, np.ones(n_rows)].T @ np.c_[X, np.ones(n_rows)]
    q = np.r_[np.full(n_features, 1 - noise), 1.0]
    Q = S * np.outer(q, q)
    np.fill_diagonal(Q, S.diagonal() * q)
    Q += np.diag(np.r_[np.full(n_features, ridge), 0.0])
    W = (S * q)[:n_features] @ np.linalg.inv(Q)
    return W[:, :-1].T, W[:, -1]


@pytest.mark.parametrize("noise", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("ridge", [1e-5, 1.0])
@pytest.mark.parametrize("make", [np.asarray, csr_array])
def test_the_map_is_the_published_one(make, ridge, noise):
    X = make_words()
    coef, intercept = denoising_map(make(X), noise=noise, ridge=ridge)
    expected = by_definition(X, noise=noise, ridge=ridge)
    assert_allclose(coef, expected[0], atol=1e-9)
    assert_allclose(intercept, expected[1], atol=1e-9)


def test_the_expectation_is_the_mean_over_corruptions():
    X, noise = make_words() + 0.2, 0.3
    draws = 4000
    rng = np.random.default_rng(1)
    kept = rng.uniform(size=(draws, *X.shape)) >= noise
    corrupted = np.concatenate([(X * kept).reshape(-1, X.shape[1])], axis=0)
    design = np.c_[corrupted, np.ones(len(corrupted))]
    drawn = np.linalg.lstsq(design, np.tile(X, (draws, 1)), rcond=None)[0]
    coef, intercept = denoising_map(X, noise=noise, ridge=1e-9)
    # 40 x 4000 corrupted rows: errors of about 1 / sqrt(160 000), that is 0.0025.
    assert_allclose(coef, drawn[:-1], atol=0.012)
    assert_allclose(intercept, drawn[-1], atol=0.012)
    uncorrupted = np.linalg.lstsq(np.c_[X, np.ones(len(X))], X, rcond=None)[0]
    assert np.abs(uncorrupted[:-1] - coef).max() > 0.1


def test_two_rows_of_two_features_by_hand():
    X, p, r = np.array([[1.0, 1.0], [1.0, 0.0]]), 0.5, 0.25
    # Less the mean (1, 1/2), the rows are (0, 1/2) and (0, -1/2): C = [[0, 0], [0, 1/2]].
    # S_11 = 2, S_22 = 1.  Q = C / 4 + diag(S_ii / 4 + r) = diag(1/2 + r, 1/8 + 1/4 + r).
    # W = (C / 2) Q^-1: only W_22 = (1/4) / (3/8 + r) is not 0.
    w = (1 / 4) / (3 / 8 + r)
    coef, intercept = denoising_map(X, noise=p, ridge=r)
    assert_allclose(coef, [[0, 0], [0, w]], atol=1e-15)
    # b = mean - W E[x~] = (1, 1/2 - w / 4).
    assert_allclose(intercept, [1, 1 / 2 - w * (1 / 2) * (1 / 2)])


def test_without_noise_the_map_tends_to_the_identity_as_the_ridge_does_to_zero():
    X = make_words()
    errors = []
    for ridge in (1e-1, 1e-3, 1e-5):
        coef, intercept = denoising_map(X, noise=0.0, ridge=ridge)
        errors.append(np.abs(coef - np.eye(6)).max() + np.abs(intercept).max())
    assert errors[0] / errors[1] == pytest.approx(100, rel=0.1)
    assert errors[1] / errors[2] == pytest.approx(100, rel=0.1)
    assert errors[2] < 1e-4


def test_a_large_ridge_leaves_the_mean():
    X = make_words()
    coef, intercept = denoising_map(X, noise=0.5, ridge=1e12)
    assert_allclose(coef, 0, atol=1e-9)
    assert_allclose(intercept, X.mean(axis=0), atol=1e-9)


def test_features_that_tell_nothing_of_each_other_are_restored_from_themselves():
    X = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    # C = S = 4 I: W_ii = (1 - p) 4 / ((1 - p)^2 4 + p (1 - p) 4) = 1 whatever p is.
    for noise in (0.0, 0.3, 0.8):
        coef, intercept = denoising_map(X, noise=noise, ridge=1e-12)
        assert_allclose(coef, np.eye(2), atol=1e-10)
        assert_allclose(intercept, 0, atol=1e-10)


def test_a_feature_that_is_never_there_is_never_told():
    X = np.c_[make_words(), np.zeros(40)]
    coef, intercept = denoising_map(X, noise=0.5, ridge=1e-5)
    assert_allclose(coef[:, -1], 0, atol=1e-12)
    assert_allclose(coef[-1], 0, atol=1e-12)
    assert intercept[-1] == pytest.approx(0, abs=1e-12)
    assert_allclose(coef[:-1, :-1], denoising_map(X[:, :-1], noise=0.5, ridge=1e-5)[0])


@pytest.mark.parametrize("make", [np.asarray, csr_array])
def test_one_block_is_the_whole_map(make):
    X, targets = make_words(), np.array([1, 4])
    coef, intercept = block_map(make(X), targets, [np.arange(6)], noise=0.5, ridge=1e-3)
    expected = denoising_map(X, noise=0.5, ridge=1e-3)
    assert_allclose(coef, expected[0][:, targets], atol=1e-10)
    assert_allclose(intercept, expected[1][targets], atol=1e-10)


@pytest.mark.parametrize("make", [np.asarray, csr_array])
def test_blocks_answer_alone_and_are_averaged(make):
    X, targets = make_words(), np.array([0, 5])
    blocks = [np.array([0, 3, 5]), np.array([1, 2, 4])]
    coef, intercept = block_map(make(X), targets, blocks, noise=0.4, ridge=1e-3)
    answers = []
    for block in blocks:
        design = np.c_[X[:, block], np.ones(len(X))]
        q = np.array([0.6, 0.6, 0.6, 1.0])
        S = design.T @ design
        Q = S * np.outer(q, q)
        np.fill_diagonal(Q, S.diagonal() * q)
        Q += np.diag([1e-3, 1e-3, 1e-3, 0])
        W = np.linalg.solve(Q, (X[:, targets].T @ design * q).T)
        answers.append(design @ W)
    assert_allclose(X @ coef + intercept, np.mean(answers, axis=0), atol=1e-10)


def test_features_are_dealt_out_by_frequency():
    blocks = deal(np.array([5, 9, 1, 7, 3]), 2)
    # By frequency they are 1, 3, 0, 4, 2: the first, third and fifth, and the others.
    assert [block.tolist() for block in blocks] == [[0, 1, 2], [3, 4]]
    assert [block.tolist() for block in deal(np.array([4, 3, 2, 1]), 3)] == [[0, 3], [1], [2]]
    blocks = deal(np.ones(10), 3)
    assert_array_equal(np.sort(np.concatenate(blocks)), np.arange(10))
    assert sorted(map(len, blocks)) == [3, 3, 4]


def test_a_matrix_that_is_not_definite_is_an_error():
    X = np.repeat(make_words(n_features=1), 2, axis=1)
    with pytest.raises(LinAlgError, match="not positive definite"):
        denoising_map(X, noise=0.0, ridge=1e-300)
