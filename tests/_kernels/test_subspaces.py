"""Principal subspaces and what is made of two of them: definitions, limits, laws."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array
from sklearn.decomposition import PCA

from sktransfer._kernels.subspaces import (
    Subspace,
    alignment,
    flow_root,
    geodesic_flow,
    principal_subspace,
)

SHAPES = [(60, 7), (9, 40), (40, 40), (500, 450), (450, 500)]


def make_rows(n_samples, n_features, seed=0):
    rng = np.random.default_rng(seed)
    spread = np.linspace(3, 0.5, n_features)
    return rng.normal(size=(n_samples, n_features)) * spread + rng.normal(size=n_features)


def make_subspaces(n_features=9, n_axes=3, seed=0):
    rng = np.random.default_rng(seed)
    return [
        Subspace(
            rng.normal(size=n_features), np.linalg.qr(rng.normal(size=(n_features, n_axes)))[0]
        )
        for _ in range(2)
    ]


@pytest.mark.parametrize("shape", SHAPES)
def test_axes_are_those_of_principal_component_analysis(shape):
    X = make_rows(*shape)
    mean, axes = principal_subspace(X, 5)
    expected = PCA(5, svd_solver="full").fit(X)
    assert_allclose(mean, expected.mean_, atol=1e-12)
    cosines = np.sum(axes * expected.components_.T, axis=0)
    assert_allclose(np.abs(cosines), 1, atol=1e-9)
    assert_allclose(axes.T @ axes, np.eye(5), atol=1e-12)


@pytest.mark.parametrize("shape", [*SHAPES, (60, 40), (900, 450), (450, 900)])
@pytest.mark.parametrize("n_axes", [2, 6])
def test_axes_of_sparse_rows_are_those_of_dense_ones(shape, n_axes):
    rng = np.random.default_rng(0)
    X = (rng.normal(size=shape) * np.linspace(9, 0.5, shape[1]) + 1) * (rng.random(shape) < 0.3)
    X[:, :6] += rng.normal(size=(shape[0], 6)) * np.arange(90, 30, -10)
    found, expected = (principal_subspace(rows, n_axes) for rows in (csr_array(X), X))
    assert_allclose(found.mean, expected.mean, atol=1e-12)
    assert_allclose(found.axes, expected.axes, atol=1e-9)


def test_sparse_rows_that_do_not_vary_have_no_axes_but_one():
    assert principal_subspace(csr_array(np.ones((4, 30))), 2).n_axes == 1
    X = np.outer([1.0, 2.0, 0.0, 5.0], np.r_[np.ones(3), np.zeros(27)])
    assert principal_subspace(csr_array(X), 3).n_axes == 1


@pytest.mark.parametrize("shape", SHAPES)
def test_the_entry_of_largest_magnitude_of_each_axis_is_positive(shape):
    axes = principal_subspace(make_rows(*shape), 5).axes
    assert (axes[np.argmax(np.abs(axes), axis=0), np.arange(5)] > 0).all()


@pytest.mark.parametrize(
    ("shape", "wanted", "found"), [((60, 7), 20, 7), ((5, 40), 20, 4), ((2, 3), 2, 1)]
)
def test_as_many_axes_as_the_rows_allow(shape, wanted, found):
    assert principal_subspace(make_rows(*shape), wanted).n_axes == found


@pytest.mark.parametrize("n_samples", [4, 60])
def test_directions_in_which_nothing_varies_are_no_axes(n_samples):
    X = make_rows(n_samples, 2) @ np.random.default_rng(1).normal(size=(2, 12))
    assert principal_subspace(X, 10).n_axes == 2
    assert principal_subspace(np.ones((n_samples, 3)), 2).n_axes == 1


def test_alignment_is_its_definition():
    source, target = make_subspaces()
    X = make_rows(6, 9)
    expected = (X - source.mean) @ source.axes @ source.axes.T @ target.axes
    assert_allclose(alignment(source, target)(X), expected, atol=1e-12)


def test_alignment_turns_the_axes_as_near_to_the_targets_as_a_matrix_can():
    source, target = make_subspaces()
    M = source.axes.T @ target.axes
    least = np.linalg.norm(source.axes @ M - target.axes)
    rng = np.random.default_rng(1)
    for _ in range(50):
        other = M + 0.1 * rng.normal(size=M.shape)
        assert np.linalg.norm(source.axes @ other - target.axes) > least
    by_least_squares = np.linalg.lstsq(source.axes, target.axes)[0]
    assert_allclose(M, by_least_squares, atol=1e-12)


def test_alignment_does_not_depend_on_the_signs_or_rotation_of_the_sources_axes():
    source, target = make_subspaces()
    rotation = np.linalg.qr(np.random.default_rng(2).normal(size=(3, 3)))[0]
    turned = Subspace(source.mean, source.axes @ rotation)
    expected = alignment(source, target).matrix
    assert_allclose(alignment(turned, target).matrix, expected, atol=1e-12)


def test_alignment_of_orthogonal_subspaces_is_nothing_and_of_equal_ones_the_axes():
    identity = np.eye(6)
    first, second = Subspace(np.zeros(6), identity[:, :2]), Subspace(np.zeros(6), identity[:, 2:4])
    assert_array_equal(alignment(first, second).matrix, np.zeros((6, 2)))
    assert_array_equal(alignment(first, first).matrix, first.axes)


def test_single_precision_stays():
    source, target = make_subspaces()
    X = make_rows(6, 9)
    mapped = alignment(source, target)(X.astype(np.float32))
    assert mapped.dtype == np.float32
    assert_allclose(mapped, alignment(source, target)(X), rtol=1e-4, atol=1e-4)
    axes = principal_subspace(X.astype(np.float32), 3).axes
    assert axes.dtype == np.float64
    assert_allclose(axes, principal_subspace(X, 3).axes, atol=1e-5)


@pytest.mark.parametrize("offset", [1e6, 1e7])
def test_single_precision_far_from_the_origin_leaves_no_offset(offset):
    X = (make_rows(60, 7) + offset).astype(np.float32)
    for rows in (X[:25], X[25:]):
        space = principal_subspace(rows, 3)
        mapped = alignment(space, space)(rows)
        assert mapped.dtype == np.float32
        assert_allclose(mapped.mean(axis=0, dtype=np.float64), 0, atol=1e-3)


def by_integration(source, target, n_points=40):
    """``int_0^1 Phi(t) Phi(t)^T dt`` by Gauss-Legendre quadrature along the geodesic.

    ``Phi`` is written with the full complement R of the source, as in the paper:
    ``Phi(t) = Ps U1 cos(t angles) - R U2 sin(t angles)``.
    """
    Ps, Pt = source.axes, target.axes
    complement = np.linalg.svd(Ps)[0][:, Ps.shape[1] :]
    U1, cosines, V = np.linalg.svd(Ps.T @ Pt)
    angles = np.arccos(np.clip(cosines, -1, 1))
    U2 = -complement.T @ Pt @ V.T / np.sin(angles)
    G = np.zeros((len(Ps), len(Ps)))
    nodes, weights = np.polynomial.legendre.leggauss(n_points)
    for t, weight in zip((nodes + 1) / 2, weights / 2, strict=True):
        Phi = Ps @ U1 * np.cos(t * angles) - complement @ U2 * np.sin(t * angles)
        assert_allclose(Phi.T @ Phi, np.eye(len(angles)), atol=1e-10)
        G += weight * Phi @ Phi.T
    return G


def kernel_of(flow):
    return flow.basis @ flow.weights @ flow.basis.T


@pytest.mark.parametrize(("n_features", "n_axes"), [(9, 3), (9, 1), (40, 8), (9, 6)])
def test_the_flow_is_the_integral_along_the_geodesic(n_features, n_axes):
    source, target = make_subspaces(n_features, n_axes)
    flow = geodesic_flow(source, target)
    if 2 * n_axes <= n_features:  # else some angles are 0, and the integrand above divides by 0
        assert_allclose(kernel_of(flow), by_integration(source, target), atol=1e-12)
    root = flow_root([source], target, [flow])
    assert_allclose(root @ root.T, kernel_of(flow), atol=1e-12)
    assert root.shape == (n_features, min(2 * n_axes, n_features))


def test_the_flow_of_two_lines_in_the_plane_by_hand():
    angle = 1.1
    source = Subspace(np.zeros(2), np.array([[1.0], [0.0]]))
    target = Subspace(np.zeros(2), np.array([[np.cos(angle)], [np.sin(angle)]]))
    # The integrals of cos^2, cos sin and sin^2 of t * 1.1 over t from 0 to 1.
    cc = (1 + np.sin(2.2) / 2.2) / 2
    cs = np.sin(1.1) ** 2 / 2.2
    flow = geodesic_flow(source, target)
    assert_allclose(kernel_of(flow), [[cc, cs], [cs, 1 - cc]], atol=1e-14)
    assert_allclose(flow.angles, [1.1])


def test_the_flow_from_a_subspace_to_itself_is_its_projector():
    source, _ = make_subspaces()
    flow = geodesic_flow(source, source)
    assert_allclose(kernel_of(flow), source.axes @ source.axes.T, atol=1e-14)
    assert_allclose(flow_root([source], source, [flow]), source.axes, atol=1e-12)


def test_the_flow_back_is_the_same_kernel():
    source, target = make_subspaces()
    there, back = geodesic_flow(source, target), geodesic_flow(target, source)
    assert_allclose(kernel_of(there), kernel_of(back), atol=1e-13)


def test_the_flow_of_two_full_spaces_is_the_identity():
    source, target = make_subspaces(5, 5)
    flow = geodesic_flow(source, target)
    assert_allclose(kernel_of(flow), np.eye(5), atol=1e-13)
    assert flow_root([source], target, [flow]).shape == (5, 5)


def test_small_angles_lose_no_digits():
    angle = 1e-9
    source = Subspace(np.zeros(3), np.eye(3)[:, :1])
    target = Subspace(np.zeros(3), np.array([[np.cos(angle)], [np.sin(angle)], [0.0]]))
    flow = geodesic_flow(source, target)
    assert_allclose(flow.angles, [angle], rtol=1e-12)
    assert_allclose(kernel_of(flow)[0, 1], angle / 2, rtol=1e-12)


def test_the_flow_turns_with_the_features_and_not_with_the_axes():
    source, target = make_subspaces()
    rng = np.random.default_rng(3)
    turn = np.linalg.qr(rng.normal(size=(9, 9)))[0]
    within = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    G = kernel_of(geodesic_flow(source, target))
    turned = [Subspace(space.mean, turn @ space.axes @ within) for space in (source, target)]
    assert_allclose(kernel_of(geodesic_flow(*turned)), turn @ G @ turn.T, atol=1e-13)


def test_several_flows_are_averaged():
    (first, target), (second, _) = make_subspaces(seed=0), make_subspaces(seed=1)
    flows = [geodesic_flow(space, target) for space in (first, second)]
    root = flow_root([first, second], target, flows)
    expected = (kernel_of(flows[0]) + kernel_of(flows[1])) / 2
    assert_allclose(root @ root.T, expected, atol=1e-12)
    assert root.shape == (9, 9)
