"""SSTCA: the problem as it is written, solved densely, its limits and the graph by hand."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.linalg import eigh
from scipy.sparse import csr_array
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.neighbors import kneighbors_graph

from sktransfer._kernels.components import (
    DenseKernel,
    LinearKernel,
    domain_contrasts,
    transfer_components,
    unit_contrasts,
)
from sktransfer._kernels.supervised_components import (
    indicators,
    laplacian,
    supervised_components,
)

KERNELS = {
    "linear, fewer features than rows": lambda X: (LinearKernel(X), X @ X.T),
    "linear, dense": lambda X: (DenseKernel(X @ X.T), X @ X.T),
    "rbf": lambda X: (DenseKernel(rbf_kernel(X)), rbf_kernel(X)),
}


def make_problem(seed=0, n_rows=60):
    rng = np.random.default_rng(seed)
    codes, classes = np.resize([0, -1], n_rows), np.resize([0, 0, 1, 1, -1, 2], n_rows)
    X = (
        rng.normal(size=(n_rows, 5))
        + 2 * (codes == 0)[:, None]
        + classes[:, None] * [1, 0, 0, 0, 1]
    )
    N = laplacian(kneighbors_graph(X, 4, mode="distance"))
    return X, unit_contrasts(domain_contrasts(codes)), indicators(classes), N


@pytest.mark.parametrize(("dependence", "locality"), [(0.0, 0.0), (0.5, 1.0), (1.0, 30.0)])
@pytest.mark.parametrize("name", KERNELS)
def test_components_are_those_of_the_definition(name, dependence, locality):
    X, E, Y, N = make_problem()
    kernel, K = KERNELS[name](X)
    A, phi = supervised_components(
        kernel, E, Y, N, dependence=dependence, locality=locality, ridge=0.5, n_components=2
    )
    H = np.eye(len(K)) - 1 / len(K)
    left = K @ (E @ E.T + locality * N.toarray()) @ K + 0.5 * np.eye(len(K))
    right = K @ H @ (dependence * Y @ Y.T + (1 - dependence) * np.eye(len(K))) @ H @ K
    inverse, expected = eigh((right + right.T) / 2, (left + left.T) / 2)
    expected = (expected / np.linalg.norm(expected, axis=0))[:, ::-1][:, :2]
    assert_allclose(phi, 1 / inverse[::-1][:2], rtol=1e-7)
    assert_allclose(np.abs(np.sum(A * expected, axis=0)), 1, atol=1e-7)
    assert_allclose(np.linalg.norm(A, axis=0), 1)
    assert (A[np.argmax(np.abs(A), axis=0), np.arange(2)] > 0).all()


@pytest.mark.parametrize("name", KERNELS)
def test_without_labels_and_neighbours_it_is_transfer_component_analysis(name):
    X, E, Y, N = make_problem()
    kernel, _ = KERNELS[name](X)
    rules = {"ridge": 1.0, "n_components": 3}
    ours = supervised_components(kernel, E, Y, N, dependence=0, locality=0, **rules)
    for one, other in zip(ours, transfer_components(kernel, E, **rules), strict=True):
        assert_allclose(one, other, rtol=1e-7, atol=1e-8)


def test_with_all_for_the_labels_there_are_fewer_components_than_classes():
    X, E, Y, N = make_problem()
    A, _ = supervised_components(
        LinearKernel(X), E, Y, N, dependence=1, locality=0, ridge=1.0, n_components=5
    )
    assert A.shape[1] <= Y.shape[1] < 5


def in_sixty_digits(X, E, Y, N, *, dependence, locality, ridge, n_components):
    """Components and phi of the definition, in the arithmetic of mpmath."""
    mp = pytest.importorskip("mpmath", reason="mpmath is not installed").mp
    with mp.workdps(60):
        X, E, Y, N = (mp.matrix(values.tolist()) for values in (X, E, Y, N.toarray()))
        n_rows = X.rows
        H, K = mp.eye(n_rows) - mp.ones(n_rows) / n_rows, X * X.T
        for i in range(n_rows):  # the rows of N, and the columns of E, sum to 0 but for rounding
            N[i, i] -= sum(N[i, :])
        left = K * (H * E * E.T * H + locality * N) * K + ridge * mp.eye(n_rows)
        right = dependence * Y * Y.T + (1 - dependence) * mp.eye(n_rows)
        root = mp.inverse(mp.cholesky((left + left.T) / 2))
        quotient = root * (K * H * right * H * K) * root.T
        inverse, A = mp.eigsy((quotient + quotient.T) / 2)
        columns = [root.T * A[:, n_rows - 1 - k] for k in range(n_components)]
        phi = [float(1 / inverse[n_rows - 1 - k]) for k in range(n_components)]
        return np.array([list(map(float, one / mp.norm(one))) for one in columns]).T, np.array(phi)


@pytest.mark.parametrize("offset", [1e2, 1e6, 1e8])
@pytest.mark.parametrize(("dependence", "locality"), [(0.0, 0.0), (0.5, 1.0), (1.0, 30.0)])
def test_an_offset_of_the_features_takes_no_digits(dependence, locality, offset):
    X, E, Y, N = make_problem(n_rows=14)
    X = X[:, :4] + offset
    rules = {
        "dependence": dependence,
        "locality": locality,
        "ridge": 1.0,
        "n_components": 2,
    }
    A, phi = supervised_components(LinearKernel(X), E, Y, N, **rules)
    expected, phi_expected = in_sixty_digits(X, E, Y, N, **rules)
    assert_allclose(phi, phi_expected, rtol=1e-10)
    assert_allclose(A * np.sign(np.sum(A * expected, axis=0)), expected, atol=1e-10)


def test_indicators_by_hand():
    expected = [[1, 0], [0, 0], [0, 1], [0, 1]]
    assert_allclose(indicators(np.array([0, -1, 1, 1])), expected, atol=0)


def test_the_laplacian_by_hand():
    # 0 - 1 at distance 1, 2 names 1 at distance 3: the median distance is 1.
    distances = csr_array(np.array([[0.0, 1, 0], [1, 0, 0], [0, 3, 0]]))
    near, far = np.exp(-1 / 2), np.exp(-9 / 2)
    expected = np.array([[near, -near, 0], [-near, near + far, -far], [0, -far, far]])
    assert_allclose(
        laplacian(distances).toarray(), expected / np.linalg.norm(expected), rtol=1e-12, atol=1e-15
    )


def test_the_laplacian_measures_how_far_neighbours_are_drawn_apart():
    X, *_, N = make_problem()
    W = -N.toarray()
    np.fill_diagonal(W, 0)
    z = np.random.default_rng(1).normal(size=len(X))
    assert_allclose(z @ (N @ z), np.sum(W * (z[:, None] - z) ** 2) / 2, rtol=1e-10)
    assert_allclose(np.linalg.norm(N.toarray()), 1)
    assert (W >= 0).all()


def test_rows_that_are_all_equal_are_joined_with_full_weight():
    N = laplacian(kneighbors_graph(np.zeros((4, 2)), 3, mode="distance"))
    expected = 4 * np.eye(4) - 1
    assert_allclose(N.toarray(), expected / np.linalg.norm(expected), atol=1e-12)
