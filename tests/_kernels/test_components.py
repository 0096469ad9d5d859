"""Components of kernels: the problem as it is written, solved densely, and its laws."""

import re
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.linalg import eigh
from sklearn.metrics.pairwise import rbf_kernel

from sktransfer._kernels import eigen
from sktransfer._kernels.components import (
    DenseKernel,
    LinearKernel,
    class_contrasts,
    domain_contrasts,
    joint_components,
    joint_contrasts,
    transfer_components,
    unit_contrasts,
)


def make_rows(n_rows=60, n_features=7, seed=0):
    """Rows, and their domains: two sources, 0 and 1, and the target, -1."""
    rng = np.random.default_rng(seed)
    codes = np.resize([0, 1, -1, -1], n_rows)
    X = rng.normal(size=(n_rows, n_features)) * np.linspace(2, 0.5, n_features)
    return X + 1 + 2 * (codes == 0)[:, None] * rng.normal(size=n_features), codes


def by_definition(K, E, *, ridge, costs=None):
    """All the components, from LAPACK's generalised problem, in increasing order of phi."""
    n_rows = len(K)
    H = np.eye(n_rows) - 1 / n_rows
    left = K @ E @ E.T @ K + ridge * np.diag(np.ones(n_rows) if costs is None else costs)
    right = K @ H @ K
    inverse, A = eigh((right + right.T) / 2, (left + left.T) / 2)
    return (A / np.linalg.norm(A, axis=0))[:, ::-1], 1 / inverse[::-1]


KERNELS = {
    "linear, fewer features than rows": lambda X: (LinearKernel(X), X @ X.T),
    "linear, dense": lambda X: (DenseKernel(X @ X.T), X @ X.T),
    "rbf": lambda X: (DenseKernel(rbf_kernel(X)), rbf_kernel(X)),
}


@pytest.mark.parametrize("with_costs", [False, True])
@pytest.mark.parametrize("ridge", [1e-2, 1.0, 100.0])
@pytest.mark.parametrize("name", KERNELS)
def test_components_are_those_of_the_definition(name, ridge, with_costs):
    X, codes = make_rows()
    kernel, K = KERNELS[name](X)
    costs = np.random.default_rng(1).uniform(0.5, 3, len(X)) if with_costs else None
    E = unit_contrasts(domain_contrasts(codes))
    components, phi = transfer_components(kernel, E, ridge=ridge, n_components=4, costs=costs)
    expected, phi_expected = by_definition(K, E, ridge=ridge, costs=costs)
    assert_allclose(phi, phi_expected[:4], rtol=1e-8)
    assert_allclose(np.abs(np.sum(components * expected[:, :4], axis=0)), 1, atol=1e-8)
    assert_allclose(np.linalg.norm(components, axis=0), 1)
    assert (components[np.argmax(np.abs(components), axis=0), np.arange(4)] > 0).all()


@pytest.mark.parametrize("name", KERNELS)
def test_lanczos_iterations_find_the_same(name, monkeypatch):
    X, codes = make_rows(n_rows=90, n_features=30)
    kernel, _ = KERNELS[name](X)
    E = unit_contrasts(domain_contrasts(codes))
    by_lapack = transfer_components(kernel, E, ridge=1.0, n_components=3)
    monkeypatch.setattr(eigen, "SMALL", 20)
    by_lanczos = transfer_components(kernel, E, ridge=1.0, n_components=3)
    for ours, theirs in zip(by_lanczos, by_lapack, strict=True):
        assert_allclose(ours, theirs, atol=1e-9)


@pytest.mark.parametrize("name", KERNELS)
def test_the_trace_is_the_best_that_any_components_reach(name):
    X, codes = make_rows()
    kernel, K = KERNELS[name](X)
    E = unit_contrasts(domain_contrasts(codes))
    H = np.eye(len(X)) - 1 / len(X)
    left, right = K @ E @ E.T @ K + np.eye(len(X)), K @ H @ K

    def trace(A):
        return np.trace(np.linalg.solve(A.T @ left @ A, A.T @ right @ A))

    components, phi = transfer_components(kernel, E, ridge=1.0, n_components=3)
    assert_allclose(trace(components), np.sum(1 / phi), rtol=1e-8)
    rng = np.random.default_rng(2)
    for size in (1e-2, 1.0):
        for _ in range(20):
            other = components + size * rng.normal(size=components.shape) / np.sqrt(len(X))
            assert trace(other) < trace(components)


def test_the_triangle_of_a_matrix_that_is_not_symmetric_is_not_the_problem():
    # A well-known slip: eigh of solve(left, right) reads one triangle of it, so that the contrast
    # between the domains hardly counts. The right components bring the means together.
    X, codes = make_rows()
    K = X @ X.T
    E = unit_contrasts(domain_contrasts(codes))
    H = np.eye(len(X)) - 1 / len(X)
    slip = np.linalg.eigh(np.linalg.solve(K @ E @ E.T @ K + np.eye(len(X)), K @ H @ K))[1][:, -2:]
    ours, _ = transfer_components(LinearKernel(X), E, ridge=1.0, n_components=2)

    def gap(A):
        Z = K @ A
        return np.linalg.norm(E.T @ Z) ** 2 / np.trace(Z.T @ H @ Z)

    assert gap(ours) < 1e-3 * gap(slip)


@pytest.mark.parametrize("name", KERNELS)
def test_without_a_contrast_they_are_the_principal_components_of_the_kernel(name):
    X, codes = make_rows()
    X = X - X.mean(axis=0)
    kernel, K = KERNELS[name](X)
    E = domain_contrasts(np.full(len(codes), -1))
    assert E.shape == (len(X), 0)
    components, phi = transfer_components(kernel, E, ridge=2.0, n_components=3)
    H = np.eye(len(X)) - 1 / len(X)
    values, vectors = np.linalg.eigh(K @ H @ K)
    assert_allclose(phi, 2.0 / values[::-1][:3], rtol=1e-9)
    assert_allclose(np.abs(np.sum(components * vectors[:, ::-1][:, :3], axis=0)), 1, atol=1e-9)


def test_a_vast_ridge_is_no_contrast():
    X, codes = make_rows()
    E = unit_contrasts(domain_contrasts(codes))
    vast, _ = transfer_components(LinearKernel(X), E, ridge=1e12, n_components=3)
    none, _ = transfer_components(LinearKernel(X), E[:, :0], ridge=1.0, n_components=3)
    assert_allclose(vast, none, atol=1e-7)


def test_a_tiny_ridge_leaves_no_difference_between_the_means():
    X, codes = make_rows()
    E = unit_contrasts(domain_contrasts(codes))
    components, _ = transfer_components(LinearKernel(X), E, ridge=1e-6, n_components=3)
    Z = X @ (X.T @ components)
    assert np.linalg.norm(E.T @ Z) < 1e-4 * Z.std()


def test_components_without_variance_are_none():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(30, 2)) @ rng.normal(size=(2, 6))
    E = unit_contrasts(domain_contrasts(np.resize([0, -1], 30)))
    for kernel in (LinearKernel(X), DenseKernel(X @ X.T)):
        components, phi = transfer_components(kernel, E, ridge=1.0, n_components=5)
        assert components.shape == (30, 2)
        assert np.isfinite(phi).all()


def in_sixty_digits(X, E, *, ridge, costs, n_components):
    """Components, phi and ``H K A`` of the definition, in the arithmetic of mpmath."""
    mp = pytest.importorskip("mpmath", reason="mpmath is not installed").mp
    with mp.workdps(60):
        X, E = mp.matrix(X.tolist()), mp.matrix(E.tolist())
        n_rows = X.rows
        H = mp.eye(n_rows) - mp.ones(n_rows) / n_rows
        K, embedded = X * X.T, X * (X.T * (H * E))  # the columns of E sum to 0 but for rounding
        left = embedded * embedded.T + ridge * mp.diag(costs.tolist())
        root = mp.inverse(mp.cholesky(left))
        inverse, A = mp.eigsy(root * (K * H * K) * root.T)
        columns = [root.T * A[:, n_rows - 1 - k] for k in range(n_components)]
        columns = [column / mp.norm(column) for column in columns]
        images = [H * (K * column) for column in columns]
        phi = [float(1 / inverse[n_rows - 1 - k]) for k in range(n_components)]
        in_rows = (
            np.array([list(map(float, one)) for one in many]).T for many in (columns, images)
        )
        return (*in_rows, np.array(phi))


def make_rows_far_off(kind, offset, *, with_classes):
    """Few rows of two domains, all of them or one of their features far from the origin."""
    X, codes = make_rows(n_rows=14, n_features=4)
    X = X * [1, 2, 0.5, 1]
    if kind == "every feature":
        X = X + offset
    elif kind == "features apart":
        X = X + offset * np.array([0.0, 1.0, -0.3, 1e-3])
    else:
        X[:, 2] += offset
    classes = np.random.default_rng(4).integers(2, size=len(X))
    domains, both = unit_contrasts(domain_contrasts(codes)), joint_contrasts(codes, classes, mu=0.5)
    return X, both if with_classes else domains


@pytest.mark.parametrize("with_classes", [False, True])
@pytest.mark.parametrize("with_costs", [False, True])
@pytest.mark.parametrize("offset", [1e2, 1e6, 1e8])
@pytest.mark.parametrize("kind", ["every feature", "features apart", "one feature"])
def test_an_offset_of_the_features_takes_no_digits(kind, offset, with_costs, with_classes):
    X, E = make_rows_far_off(kind, offset, with_classes=with_classes)
    costs = np.random.default_rng(1).uniform(0.5, 30, len(X)) if with_costs else np.ones(len(X))
    expected, image, phi = in_sixty_digits(X, E, ridge=0.3, costs=costs, n_components=3)
    kernel = LinearKernel(X)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        components, found = transfer_components(
            kernel, E, ridge=0.3, n_components=3, costs=costs if with_costs else None
        )
    assert_allclose(found, phi, rtol=1e-11)
    signs = np.sign(np.sum(components * expected, axis=0))
    assert_allclose(components * signs, expected, atol=1e-11)
    for mapped in (X @ (X.T @ components), kernel.embed(components)):  # the former by the aligners
        mapped = (mapped - mapped.mean(axis=0)) * signs
        assert (np.abs(mapped - image).max(axis=0) < 1e-6 * np.abs(image).max(axis=0)).all()


@pytest.mark.parametrize("with_costs", [False, True])
@pytest.mark.parametrize("scale", [1e3, 1e6])
def test_a_feature_of_large_scale_leaves_the_others_their_digits(scale, with_costs):
    X, codes = make_rows(n_rows=14, n_features=4)
    X = X * [1, scale, 1, 1]
    E = unit_contrasts(domain_contrasts(codes))
    costs = np.random.default_rng(1).uniform(0.5, 30, len(X)) if with_costs else np.ones(len(X))
    rules = {"ridge": 1.0, "n_components": 3, "costs": costs}
    expected, _, phi = in_sixty_digits(X, E, **rules)
    components, found = transfer_components(LinearKernel(X), E, **rules)
    signs = np.sign(np.sum(components * expected, axis=0))
    assert_allclose(found, phi, rtol=1e-11)
    assert_allclose(components * signs, expected, atol=1e-11)


@pytest.mark.parametrize("with_contrast", [True, False])
def test_components_that_rounding_has_taken_are_missed_aloud(with_contrast):
    X, codes = make_rows(n_rows=14, n_features=4)
    X = (X - X.mean(axis=0)) * [1, 1e9, 1, 1]
    E = unit_contrasts(domain_contrasts(codes if with_contrast else np.full(14, -1)))
    kernel = LinearKernel(X)
    assert kernel.rank == 4
    message = (
        "n_components=3 is clipped to 1, though the rows vary in 4 directions, because the "
        "columns that vary most leave the others no digits; bring the features to a common scale "
        "first, with StandardScaler for instance."
    )
    with pytest.warns(UserWarning, match=f"^{re.escape(message)}$"):
        components, phi = transfer_components(kernel, E, ridge=1.0, n_components=3)
    assert components.shape == (14, 1)
    assert (phi > 0).all()
    if not with_contrast:  # the remaining feature has that scale
        along = X[:, 1] @ components[:, 0] / np.linalg.norm(X[:, 1])
        assert_allclose(np.abs(along), 1, rtol=1e-12)


@pytest.mark.parametrize("offset", [0.0, 3.0, 1e8])
def test_the_rank_is_that_of_the_centred_rows_but_for_rounding(offset):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(30, 6)) * [1, 1e3, 1, 1, 1, 1e-3] + offset
    assert LinearKernel(X).rank == 6
    X[:, 2] = offset
    assert LinearKernel(X).rank == 5
    X[:, 3] = X[:, 1]
    X[:, 4] = 0.3 * X[:, 0] + 0.7 * X[:, 5]  # rounds
    assert LinearKernel(X).rank == 3
    assert LinearKernel(X[:3]).rank == 2
    assert LinearKernel(np.full((5, 2), 0.1)).rank == 0


@pytest.mark.parametrize("with_costs", [False, True])
def test_nearly_dependent_features_are_no_trouble(with_costs):
    X, codes = make_rows()
    X[:, 3] = X[:, 1] + 1e-5 * X[:, 3]
    X[:, 5] = X[:, 0] - 2 * X[:, 2]
    costs = np.random.default_rng(1).uniform(0.5, 3, len(X)) if with_costs else None
    E = unit_contrasts(domain_contrasts(codes))
    components, phi = transfer_components(
        LinearKernel(X), E, ridge=1.0, n_components=4, costs=costs
    )
    expected, phi_expected = by_definition(X @ X.T, E, ridge=1.0, costs=costs)
    assert_allclose(phi, phi_expected[:4], rtol=1e-8)
    assert_allclose(np.abs(np.sum(components * expected[:, :4], axis=0)), 1, atol=1e-8)


@pytest.mark.parametrize("n_features", [3, 40])
def test_rows_that_are_all_equal_have_one_component_and_nothing_to_say(n_features):
    X = np.ones((20, n_features))
    kernel = LinearKernel(X) if n_features < 20 else DenseKernel(X @ X.T)
    E = unit_contrasts(domain_contrasts(np.resize([0, -1], 20)))
    components, _ = transfer_components(kernel, E, ridge=1.0, n_components=3)
    assert components.shape[1] == 1
    assert np.isfinite(components).all()


def test_either_form_of_a_kernel_embeds_alike():
    X, _ = make_rows()
    A = np.random.default_rng(0).normal(size=(len(X), 2))
    assert_allclose(LinearKernel(X).embed(A), X @ X.T @ A, atol=1e-10)
    assert_allclose(DenseKernel(X @ X.T).embed(A), X @ X.T @ A, atol=1e-10)


def test_contrasts_measure_the_differences_of_the_means():
    X, codes = make_rows()
    E = domain_contrasts(codes)
    target = X[codes == -1].mean(axis=0)
    expected = [(X[codes == k].mean(axis=0) - target) / np.sqrt(2) for k in (0, 1)]
    assert_allclose(E.T @ X, expected, atol=1e-12)


def test_with_one_source_the_contrast_has_its_norm_in_closed_form():
    # ||e e^T||_F = |e|^2 = 1 / n_source + 1 / n_target, the divisor of Pan's mu.
    codes = np.repeat([0, -1], [5, 20])
    E = domain_contrasts(codes)
    assert_allclose(np.linalg.norm(E @ E.T), 1 / 5 + 1 / 20)
    scaled = unit_contrasts(E)
    assert_allclose(np.linalg.norm(scaled @ scaled.T), 1)
    assert_allclose(scaled @ scaled.T, E @ E.T / (1 / 5 + 1 / 20))


def test_turns_of_joint_matching_take_the_costs_of_the_components_before():
    X, codes = make_rows()
    E, source = unit_contrasts(domain_contrasts(codes)), codes >= 0
    kernel = LinearKernel(X)
    first, _, ones = joint_components(kernel, source, E, ridge=1.0, n_components=3, n_iter=1)
    assert_allclose(ones, 1)
    second, phi, costs = joint_components(kernel, source, E, ridge=1.0, n_components=3, n_iter=2)
    assert_allclose(costs[~source], 1)
    assert_allclose(costs[source], 1 / np.linalg.norm(first[source], axis=1), rtol=1e-10)
    expected, phi_expected = by_definition(X @ X.T, E, ridge=1.0, costs=costs)
    assert_allclose(phi, phi_expected[:3], rtol=1e-8)
    assert_allclose(np.abs(np.sum(second * expected[:, :3], axis=0)), 1, atol=1e-8)


def test_contrasts_of_classes_measure_the_differences_of_their_means():
    X, codes = make_rows()
    classes = np.random.default_rng(4).integers(3, size=len(X))
    E = class_contrasts(codes, classes)
    expected = [
        X[(codes == k) & (classes == c)].mean(axis=0)
        - X[(codes == -1) & (classes == c)].mean(axis=0)
        for k in (0, 1)
        for c in range(3)
    ]
    assert_allclose(E.T @ X, np.array(expected) / np.sqrt(2), atol=1e-12)


def test_classes_that_a_domain_has_not_make_no_contrast():
    codes = np.array([0, 0, 0, 1, 1, -1, -1, -1])
    classes = np.array([0, 1, -1, 0, 2, 0, 2, -1])
    E = class_contrasts(codes, classes) * np.sqrt(2)
    # Class 0 in both sources, class 2 in the second; 1 is not in the target, -1 is not known.
    expected = [[1, 0, 0, 0, 0, -1, 0, 0], [0, 0, 0, 1, 0, -1, 0, 0], [0, 0, 0, 0, 1, 0, -1, 0]]
    assert_allclose(E.T, expected)
    none = class_contrasts(codes, np.full(8, -1))
    assert none.shape == (8, 0)


@pytest.mark.parametrize("mu", [0.0, 0.3, 1.0])
def test_domains_and_classes_are_balanced_by_mu(mu):
    _, codes = make_rows()
    classes = np.random.default_rng(4).integers(3, size=len(codes))
    E, domain, of_class = (
        joint_contrasts(codes, classes, mu=mu),
        domain_contrasts(codes),
        class_contrasts(codes, classes),
    )
    M = (1 - mu) * 3 * domain @ domain.T + mu * of_class @ of_class.T
    assert_allclose(E @ E.T, M / np.linalg.norm(M), atol=1e-14)
