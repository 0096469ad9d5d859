"""The three maps that match covariances: their definitions, laws, limits and low-rank forms."""

import pickle
import tracemalloc

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sktransfer._kernels import coral
from sktransfer._kernels.coral import coral_maps, moments, numerical_rank

KINDS = ["coral", "monge", "cholesky"]

# Rows of the source, rows of the target, features: each form of each domain, and both sides of the
# place at which the two domains together have as many rows as there are features.
SHAPES = [
    (60, 50, 7),
    (9, 11, 40),
    (9, 90, 40),
    (90, 9, 40),
    (25, 30, 40),
    (12, 28, 40),
    (3, 2, 300),
]


def make_domains(n_source, n_target, n_features, seed=0):
    rng = np.random.default_rng(seed)
    mixing = rng.normal(size=(2, n_features, n_features)) / np.sqrt(n_features)
    X_source = rng.normal(size=(n_source, n_features)) @ mixing[0] + rng.normal(size=n_features)
    X_target = 2 * rng.normal(size=(n_target, n_features)) @ mixing[1] - rng.normal(size=n_features)
    return X_source, X_target


def make_wide_domains(n_source, n_target, n_features):
    rng = np.random.default_rng(0)
    return rng.normal(size=(n_source, n_features)), rng.normal(size=(n_target, n_features))


def fit_map(X_source, X_target, *, ridge, kind):
    (fitted,) = coral_maps([moments(X_source)], moments(X_target), ridge=ridge, kind=kind)
    return fitted


def matrix_of(fitted):
    """The matrix A of a map: what it makes of the unit vectors, counted from its source's mean."""
    unit = np.eye(len(fitted.mean_source))
    return fitted(unit + fitted.mean_source) - fitted.mean_target


def covariance(X, ridge=0.0):
    return np.cov(X, rowvar=False) + ridge * np.eye(X.shape[1])


def power(matrix, exponent):
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * values**exponent) @ vectors.T


def by_definition(C_source, C_target, kind):
    """The matrix A as the formulas have it, all arrays in full."""
    if kind == "coral":
        return power(C_source, -0.5) @ power(C_target, 0.5)
    if kind == "monge":
        half = power(C_source, 0.5)
        return power(C_source, -0.5) @ power(half @ C_target @ half, 0.5) @ power(C_source, -0.5)
    return np.linalg.inv(np.linalg.cholesky(C_source)).T @ np.linalg.cholesky(C_target).T


def squared_move(A, C):
    """The mean of ``|x A - x|^2`` over rows x of mean zero and covariance C."""
    step = A - np.eye(len(A))
    return np.trace(step.T @ C @ step)


@pytest.mark.parametrize("kind", KINDS)
def test_without_ridge_the_mapped_rows_have_the_mean_and_covariance_of_the_target(kind):
    X_source, X_target = make_domains(60, 50, 7)
    mapped = fit_map(X_source, X_target, ridge=0.0, kind=kind)(X_source)
    assert_allclose(mapped.mean(axis=0), X_target.mean(axis=0), atol=1e-12)
    assert_allclose(covariance(mapped), covariance(X_target), atol=1e-12)


@pytest.mark.parametrize("ridge", [1e-3, 1.0, 30.0])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", KINDS)
def test_the_map_carries_one_ridged_covariance_to_the_other_in_every_form(kind, shape, ridge):
    X_source, X_target = make_domains(*shape)
    fitted = fit_map(X_source, X_target, ridge=ridge, kind=kind)
    A = matrix_of(fitted)
    assert_allclose(A.T @ covariance(X_source, ridge) @ A, covariance(X_target, ridge), atol=1e-10)
    assert_allclose(
        fitted(X_source).mean(axis=0), X_target.mean(axis=0), atol=1e-12, err_msg="the means"
    )


@pytest.mark.parametrize("ridge", [1e-2, 1.0])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", KINDS)
def test_every_form_equals_the_definition(kind, shape, ridge):
    X_source, X_target = make_domains(*shape)
    A = matrix_of(fit_map(X_source, X_target, ridge=ridge, kind=kind))
    expected = by_definition(covariance(X_source, ridge), covariance(X_target, ridge), kind)
    assert_allclose(A, expected, atol=1e-8)


@pytest.mark.parametrize("shape", [(60, 50, 7), (9, 11, 40)])
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_between_the_square_roots_is_orthogonal(kind, shape):
    X_source, X_target = make_domains(*shape)
    C_source, C_target = covariance(X_source, 1.0), covariance(X_target, 1.0)
    A = matrix_of(fit_map(X_source, X_target, ridge=1.0, kind=kind))
    Q = power(C_source, 0.5) @ A @ power(C_target, -0.5)
    assert_allclose(Q.T @ Q, np.eye(len(Q)), atol=1e-12)
    if kind == "coral":
        assert_allclose(Q, np.eye(len(Q)), atol=1e-12)


@pytest.mark.parametrize("shape", [(60, 50, 7), (9, 11, 40)])
def test_monge_is_symmetric_positive_and_moves_least(shape):
    X_source, X_target = make_domains(*shape)
    C_source, C_target = covariance(X_source, 1.0), covariance(X_target, 1.0)
    A = matrix_of(fit_map(X_source, X_target, ridge=1.0, kind="monge"))
    assert_allclose(A, A.T, atol=1e-12)
    assert np.linalg.eigvalsh(A).min() > 0
    least = squared_move(A, C_source)
    # The squared Wasserstein distance of the two Gaussians: tr Cs + tr Ct - 2 tr (..)^1/2.
    half = power(C_source, 0.5)
    bures = np.trace(C_source + C_target - 2 * power(half @ C_target @ half, 0.5))
    assert_allclose(least, bures, rtol=1e-10)
    rng = np.random.default_rng(1)
    for _ in range(100):
        Q, _ = np.linalg.qr(rng.normal(size=A.shape))
        other = power(C_source, -0.5) @ Q @ power(C_target, 0.5)
        assert squared_move(other, C_source) > least
    coral_matrix = matrix_of(fit_map(X_source, X_target, ridge=1.0, kind="coral"))
    assert squared_move(coral_matrix, C_source) > least


def test_the_cholesky_map_is_triangular():
    X_source, X_target = make_domains(9, 11, 40)
    A = matrix_of(fit_map(X_source, X_target, ridge=1.0, kind="cholesky"))
    assert_allclose(A, np.triu(A), atol=1e-13)
    assert (np.diag(A) > 0).all()


@pytest.mark.parametrize("shape", [(60, 50, 7), (9, 11, 40)])
@pytest.mark.parametrize("kind", KINDS)
def test_a_domain_onto_itself_is_the_identity(kind, shape):
    X, _ = make_domains(*shape)
    assert_allclose(fit_map(X, X, ridge=0.5, kind=kind)(X), X, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_a_translation_is_undone_exactly(kind):
    X, _ = make_domains(30, 2, 5)
    shift = np.array([3.0, -1.0, 0.0, 10.0, 0.5])
    assert_allclose(fit_map(X, X + shift, ridge=1.0, kind=kind)(X), X + shift, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_one_factor_for_all_features_is_undone_exactly(kind):
    X, _ = make_domains(30, 2, 5)
    assert_allclose(fit_map(X, 4 * X, ridge=0.0, kind=kind)(X), 4 * X, atol=1e-12)


@pytest.mark.parametrize("shape", [(60, 50, 7), (9, 11, 40)])
@pytest.mark.parametrize("kind", KINDS)
def test_the_unit_of_measurement_does_not_matter_if_the_ridge_follows_it(kind, shape):
    X_source, X_target = make_domains(*shape)
    mapped = fit_map(X_source, X_target, ridge=0.5, kind=kind)(X_source)
    in_other_unit = fit_map(10 * X_source, 10 * X_target, ridge=50.0, kind=kind)(10 * X_source)
    assert_allclose(in_other_unit, 10 * mapped, atol=1e-11)


@pytest.mark.parametrize("shape", [(60, 50, 7), (9, 11, 40)])
def test_coral_and_monge_turn_with_the_features_and_cholesky_does_not(shape):
    X_source, X_target = make_domains(*shape)
    rotation, _ = np.linalg.qr(np.random.default_rng(2).normal(size=(shape[2], shape[2])))
    gaps = {}
    for kind in KINDS:
        mapped = fit_map(X_source, X_target, ridge=1.0, kind=kind)(X_source)
        turned = fit_map(X_source @ rotation, X_target @ rotation, ridge=1.0, kind=kind)
        gaps[kind] = np.abs(turned(X_source @ rotation) - mapped @ rotation).max()
    assert gaps["coral"] < 1e-12
    assert gaps["monge"] < 1e-12
    assert gaps["cholesky"] > 1e-2


@pytest.mark.parametrize("kind", KINDS)
def test_a_single_feature_is_standardised_and_rescaled(kind):
    X_source = np.array([[1.0], [2.0], [6.0]])
    X_target = np.array([[10.0], [14.0]])
    # Means 3 and 12; variances (4 + 1 + 9) / 2 = 7 and (4 + 4) / 1 = 8.
    expected = (X_source - 3) * np.sqrt(8 / 7) + 12
    assert_allclose(fit_map(X_source, X_target, ridge=0.0, kind=kind)(X_source), expected)


@pytest.mark.parametrize("kind", KINDS)
def test_uncorrelated_features_by_hand(kind):
    # Source variances 2 and 8, target variances 18 and 0.5: the map scales by 3 and by 1/4.
    X_source = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 2.0], [0.0, -2.0]]) * np.sqrt(3)
    X_target = X_source * [3, 0.25]
    A = matrix_of(fit_map(X_source, X_target, ridge=0.0, kind=kind))
    assert_allclose(A, np.diag([3, 0.25]), atol=1e-14)


@pytest.mark.parametrize("kind", KINDS)
def test_a_large_ridge_leaves_only_the_shift_of_the_mean(kind):
    X_source, X_target = make_domains(60, 50, 7)
    mapped = fit_map(X_source, X_target, ridge=1e9, kind=kind)(X_source)
    shifted = X_source - X_source.mean(axis=0) + X_target.mean(axis=0)
    assert_allclose(mapped, shifted, atol=1e-6)


def test_what_no_row_spans_is_left_alone():
    # The part of a new row that is orthogonal to all rows of both domains passes unchanged.
    X_source, X_target = make_domains(9, 11, 40)
    rows = np.concatenate([X_source - X_source.mean(axis=0), X_target - X_target.mean(axis=0)])
    outside = np.linalg.svd(rows)[2][-1]
    for kind in ["coral", "monge"]:
        A = matrix_of(fit_map(X_source, X_target, ridge=1.0, kind=kind))
        assert_allclose(outside @ A, outside, atol=1e-12)


@pytest.mark.parametrize("block", [1, 7, 40, 1000])
def test_the_size_of_the_blocks_changes_nothing(block, monkeypatch):
    X_source, X_target = make_domains(9, 11, 40)
    expected = fit_map(X_source, X_target, ridge=1.0, kind="cholesky")
    monkeypatch.setattr(coral, "BLOCK", block)
    fitted = fit_map(X_source, X_target, ridge=1.0, kind="cholesky")
    assert_allclose(fitted(X_source), expected(X_source), atol=1e-12)
    monkeypatch.undo()  # a map of other blocks, say from an older pickle, still works
    assert_allclose(fitted(X_source), expected(X_source), atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_few_rows_of_many_features_take_no_memory_of_features_squared(kind):
    X_source, X_target = make_wide_domains(20, 30, 4000)
    tracemalloc.start()
    mapped = fit_map(X_source, X_target, ridge=1.0, kind=kind)(X_source)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert mapped.shape == X_source.shape
    assert peak < 4000 * 4000 * 8 / 8, "an eighth of one full covariance matrix"


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", KINDS)
def test_float32_rows_give_float32_rows_near_those_of_float64(kind, shape):
    X_source, X_target = make_domains(*shape)
    expected = fit_map(X_source, X_target, ridge=1e-2, kind=kind)(X_source)
    singles = X_source.astype(np.float32), X_target.astype(np.float32)
    mapped = fit_map(*singles, ridge=1e-2, kind=kind)(singles[0])
    assert mapped.dtype == np.float32
    assert_allclose(mapped, expected, atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_every_source_has_the_map_that_it_would_have_alone(kind):
    X_one, X_target = make_domains(60, 50, 7)
    X_two, _ = make_domains(5, 50, 7, seed=3)
    together = coral_maps([moments(X_one), moments(X_two)], moments(X_target), ridge=1.0, kind=kind)
    for X, fitted in zip([X_one, X_two], together, strict=True):
        assert_array_equal(fitted(X), fit_map(X, X_target, ridge=1.0, kind=kind)(X))


@pytest.mark.parametrize("kind", KINDS)
def test_maps_can_be_pickled_and_leave_their_rows_alone(kind):
    X_source, X_target = make_domains(9, 11, 40)
    kept = X_source.copy()
    X_source.flags.writeable = X_target.flags.writeable = False
    fitted = fit_map(X_source, X_target, ridge=1.0, kind=kind)
    again = pickle.loads(pickle.dumps(fitted))
    assert_array_equal(again(X_source), fitted(X_source))
    assert_array_equal(X_source, kept)


@pytest.mark.parametrize("shape", [(30, 6), (5, 6), (6, 6)])
def test_moments_are_those_of_numpy_in_either_form(shape):
    X = np.random.default_rng(0).normal(size=shape)
    found = moments(X)
    dense = found.scatter if found.factor is None else found.factor.T @ found.factor
    assert (found.factor is None) == (shape[0] > shape[1])
    assert_allclose(dense, np.cov(X, rowvar=False), atol=1e-14)
    assert_allclose(found.mean, X.mean(axis=0))


@pytest.mark.parametrize(
    ("X", "ridge", "rank"),
    [
        (np.random.default_rng(0).normal(size=(30, 6)), 0.0, 6),
        (np.random.default_rng(0).normal(size=(30, 6)) * 1e6, 1e-30, 6),
        (np.random.default_rng(0).normal(size=(4, 6)), 0.0, 3),
        (np.random.default_rng(0).normal(size=(6, 6)), 0.0, 5),
        (np.random.default_rng(0).normal(size=(4, 6)), 1e-6, 6),
        (np.random.default_rng(0).normal(size=(4, 6)) * 1e6, 1e-6, 3),
        (np.random.default_rng(0).normal(size=(30, 3)) @ np.ones((3, 6)), 0.0, 1),
        (np.full((5, 3), 0.1), 0.0, 0),
        (np.zeros((5, 3)), 1e-300, 3),
    ],
)
def test_rank_with_and_without_a_ridge(X, ridge, rank):
    assert numerical_rank(moments(X), ridge=ridge) == rank
