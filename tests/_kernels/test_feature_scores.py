"""Scores of features: definitions written out, second implementations, limits, invariances."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import minimize_scalar
from scipy.stats import entropy, multivariate_normal, spearmanr
from sklearn.covariance import ledoit_wolf

from sktransfer._kernels.feature_scores import (
    bhattacharyya_overlap,
    coding_rate_difference,
    correlation_of_distances,
    evidence_per_row,
    log_expected_prediction,
    negative_conditional_entropy,
    principal_rows,
    shrunk_h_score,
    standardized,
)

SHAPES = pytest.mark.parametrize("shape", [(20, 4), (12, 30)])
SCORES = {
    "h_score": shrunk_h_score,
    "transrate": lambda X, codes: coding_rate_difference(X, codes, distortion=1e-2),
    "gbc": lambda X, codes: bhattacharyya_overlap(X, codes, spherical=True),
    "logme": lambda X, codes: evidence_per_row(X, np.eye(codes.max() + 1)[codes]).mean(),
}


def make_rows(shape, seed=0, apart=1.0):
    rng = np.random.default_rng(seed)
    codes = np.arange(shape[0]) % 3
    X = rng.normal(size=shape) * rng.uniform(0.5, 2, size=shape[1])
    X[:, :2] += apart * np.eye(3)[codes][:, :2]
    return X, codes


@SHAPES
def test_evidence_is_the_largest_density_of_the_regression(shape):
    X, codes = make_rows(shape)
    y = np.eye(3)[codes][:, 0]

    def negative(parameters):
        noise, ratio = np.exp(parameters)
        covariance = noise * (np.eye(len(X)) + ratio * X @ X.T)
        return -multivariate_normal(np.zeros(len(X)), covariance).logpdf(y)

    def best_noise(log_ratio):
        return minimize_scalar(
            lambda log_noise: negative((log_noise, log_ratio)), bounds=(-12, 4), method="bounded"
        ).fun

    best = min(
        minimize_scalar(best_noise, bounds=(low, low + 5), method="bounded").fun
        for low in (-12, -7, -2, 3)
    )
    assert_allclose(evidence_per_row(X, y[:, None])[0], -best / len(X), rtol=1e-6)


def test_evidence_without_features_is_that_of_noise():
    y = np.array([[1.0], [0.0], [1.0]])
    expected = -0.5 * (np.log(2 * np.pi * 2 / 3) + 1)
    assert_allclose(evidence_per_row(np.zeros((3, 2)), y), [expected])


@SHAPES
def test_h_score_is_the_trace_with_the_covariance_of_scikit_learn(shape):
    X, codes = make_rows(shape)
    covariance, shrinkage = ledoit_wolf(X)
    means = np.array([X[codes == code].mean(axis=0) for code in range(3)])[codes]
    between = np.cov(means.T, bias=True)
    expected = (1 - shrinkage) * np.trace(np.linalg.solve(covariance, between))
    assert_allclose(shrunk_h_score(X, codes), expected, rtol=1e-8)


def test_h_score_of_separated_classes_is_nearly_their_number_minus_one():
    X, codes = make_rows((3000, 4), apart=1000)
    assert_allclose(shrunk_h_score(X, codes), 2, atol=0.01)
    assert shrunk_h_score(np.ones((6, 2)), np.arange(6) % 3) == 0


@SHAPES
def test_transrate_is_a_difference_of_determinants(shape):
    X, codes = make_rows(shape)
    Z = X - X.mean(axis=0)
    Z /= np.sqrt(np.mean(np.sum(Z**2, axis=1)))

    def rate(rows):
        return np.linalg.slogdet(np.eye(Z.shape[1]) + rows.T @ rows / (len(rows) * 0.1))[1] / 2

    expected = rate(Z) - sum(np.mean(codes == c) * rate(Z[codes == c]) for c in range(3))
    assert_allclose(coding_rate_difference(X, codes, distortion=0.1), expected, rtol=1e-8)


@pytest.mark.parametrize("spherical", [True, False])
def test_overlap_of_two_classes_is_by_the_distance_written_out(spherical):
    X, codes = make_rows((20, 4))
    X, codes = X[codes < 2], codes[codes < 2]
    first, second = X[codes == 0], X[codes == 1]
    covariances = [np.diag(rows.var(axis=0)) for rows in (first, second)]
    if spherical:
        covariances = [np.eye(4) * np.trace(c) / 4 for c in covariances]
    middle = sum(covariances) / 2
    apart = first.mean(axis=0) - second.mean(axis=0)
    a, b, m = (np.linalg.slogdet(c)[1] for c in (*covariances, middle))
    distance = apart @ np.linalg.solve(middle, apart) / 8 + (m - (a + b) / 2) / 2
    found = bhattacharyya_overlap(X, codes, spherical=spherical)
    assert_allclose(found, -2 * np.exp(-distance), rtol=1e-9)


def test_overlap_is_that_of_equal_classes_or_of_classes_that_are_far_apart():
    X = np.tile([[0.0, 1.0], [1.0, 0.0], [2.0, 5.0]], (3, 1))
    codes = np.repeat([0, 1, 2], 3)
    assert_allclose(bhattacharyya_overlap(X, codes, spherical=True), -6)
    assert_allclose(
        bhattacharyya_overlap(X + 1e4 * codes[:, None], codes, spherical=True), 0, atol=1e-9
    )
    assert np.isfinite(bhattacharyya_overlap(X[:3], np.arange(3), spherical=False))


def test_parc_is_the_rank_correlation_of_two_matrices():
    X, codes = make_rows((20, 6))
    pairs = np.triu_indices(20, k=1)
    features, classes = (1 - np.corrcoef(rows)[pairs] for rows in (X, np.eye(3)[codes]))
    classes = np.round(classes, 9)  # so that equal distances are equal
    assert_allclose(correlation_of_distances(X, codes), spearmanr(features, classes).statistic)
    assert correlation_of_distances(np.ones((6, 2)), np.arange(6) % 3) == 0


@SHAPES
@pytest.mark.parametrize("name", SCORES)
def test_scores_do_not_depend_on_the_axes_or_the_order_of_the_rows(name, shape):
    X, codes = make_rows(shape)
    rng = np.random.default_rng(1)
    turn = np.linalg.qr(rng.normal(size=(shape[1], shape[1])))[0]
    order = rng.permutation(len(X))
    found = SCORES[name](X, codes)
    assert_allclose(SCORES[name](X @ turn, codes), found, rtol=1e-7)
    assert_allclose(SCORES[name](X[order], codes[order]), found, rtol=1e-7)
    assert_allclose(SCORES[name](3 * X, codes), found, rtol=1e-6)


@pytest.mark.parametrize("name", SCORES)
def test_scores_prefer_classes_that_are_apart(name):
    near, far = make_rows((60, 5), apart=0.0), make_rows((60, 5), apart=4.0)
    assert SCORES[name](*far) > SCORES[name](*near)


def test_leep_is_a_mean_log_written_out():
    probabilities = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]])
    codes = np.array([0, 0, 1])
    joint = np.array([[0.9 + 0.6, 0.1 + 0.4], [0.2, 0.8]]) / 3
    given = joint / joint.sum(axis=0)
    rows = [given[y] @ p for y, p in zip(codes, probabilities, strict=True)]
    assert_allclose(log_expected_prediction(probabilities, codes), np.mean(np.log(rows)))


def test_leep_of_certain_outputs_is_nce_which_is_an_entropy():
    source, codes = np.array([0, 0, 1, 1, 1, 3]), np.array([0, 1, 1, 1, 0, 1])
    found = negative_conditional_entropy(source, codes)
    expected = -(2 * entropy([1, 1]) + 3 * entropy([2, 1])) / 6
    assert_allclose(found, expected)
    assert_allclose(log_expected_prediction(np.eye(4)[source], codes), expected)
    assert negative_conditional_entropy(codes, codes) == 0


def test_columns_and_components():
    X, _ = make_rows((20, 4))
    X[:, 3] = 7.0
    found = standardized(X)
    assert_allclose(found.mean(axis=0), 0, atol=1e-12)
    assert_allclose(found.std(axis=0), [1, 1, 1, 0])
    rows = principal_rows(X, 2)
    assert_allclose(np.sum(rows**2, axis=0), np.linalg.svd(X - X.mean(axis=0))[1][:2] ** 2)
