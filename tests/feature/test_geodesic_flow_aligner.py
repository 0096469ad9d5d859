"""GeodesicFlowAligner: what it promises beyond its formulas, and every sentence it can say."""

import re

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.integrate import quad_vec
from scipy.linalg import expm, logm
from scipy.spatial.distance import cdist
from sklearn.decomposition import PCA

from sktransfer.feature import GeodesicFlowAligner
from tests.shelf import make_turned_rows


def kernel_by_exponential(X_source, X_target, n_components):
    """The mean over the geodesic of the projectors on it, the path as powers of one rotation.

    The rotation from one subspace to the other that moves least is the square root of the product
    of the two reflections; its powers are the geodesic. Nothing of this is shared with the kernel.
    """
    projectors = []
    for X in (X_source, X_target):
        axes = PCA(n_components, svd_solver="full").fit(X).components_
        projectors.append(axes.T @ axes)
    identity = np.eye(len(projectors[0]))
    reflections = [2 * projector - identity for projector in projectors]
    generator = logm(reflections[1] @ reflections[0]).real / 2

    def at(t):
        rotation = expm(t * generator)
        return rotation @ projectors[0] @ rotation.T

    assert_allclose(at(1.0), projectors[1], atol=1e-9)
    return quad_vec(at, 0, 1, epsabs=1e-12)[0]


@pytest.mark.parametrize("n_components", [1, 3])
def test_distances_are_those_of_the_flow(n_components):
    X, sample_domain = make_turned_rows(counts=(("amazon", 60), ("target", 70)))
    aligner = GeodesicFlowAligner(n_components)
    mapped = aligner.fit_transform(X, sample_domain=sample_domain)
    source = sample_domain == "amazon"
    G = kernel_by_exponential(X[source], X[~source], n_components)
    centred = np.where(source[:, None], X - X[source].mean(axis=0), X - X[~source].mean(axis=0))
    expected = cdist(centred[source], centred[~source], "mahalanobis", VI=G)
    assert_allclose(cdist(mapped[source], mapped[~source]), expected, atol=1e-8)
    assert_allclose(aligner.root_ @ aligner.root_.T, G, atol=1e-10)
    assert mapped.shape == (len(X), 2 * n_components)


def test_in_the_original_features_it_is_the_symmetric_root():
    X, sample_domain = make_turned_rows(counts=(("amazon", 60), ("target", 70)))
    aligner = GeodesicFlowAligner(3).fit(X, sample_domain=sample_domain)
    root = aligner.root_
    values, vectors = np.linalg.eigh(root @ root.T)
    symmetric = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    basis = np.linalg.svd(root, full_matrices=False)
    back = symmetric @ np.linalg.pinv(root).T  # the basis of the columns
    assert_allclose(back.T @ back, np.eye(6), atol=1e-6)
    assert_allclose(root @ back.T, symmetric, atol=1e-6)
    assert basis[1].max() <= 1 + 1e-12


def test_without_sample_domain_it_is_principal_component_analysis():
    X, _ = make_turned_rows()
    mapped = GeodesicFlowAligner(3).fit_transform(X)
    expected = PCA(3, svd_solver="full").fit_transform(X)
    assert_allclose(np.abs(mapped), np.abs(expected), atol=1e-9)


def test_equal_domains_are_principal_component_analysis_too():
    X, _ = make_turned_rows()
    aligner = GeodesicFlowAligner(3).fit(
        np.concatenate([X, X]), sample_domain=["copy"] * len(X) + ["target"] * len(X)
    )
    assert_allclose(aligner.transform(X), GeodesicFlowAligner(3).fit_transform(X), atol=1e-7)
    assert_allclose(aligner.angles_["copy"], 0, atol=1e-12)


def test_with_as_many_components_as_features_the_rows_are_only_centred_and_turned():
    X, sample_domain = make_turned_rows(counts=(("amazon", 60), ("target", 70)))
    mapped = GeodesicFlowAligner(8).fit_transform(X, sample_domain=sample_domain)
    assert mapped.shape == X.shape
    target = sample_domain == "target"
    assert_allclose(cdist(mapped[target], mapped[target]), cdist(X[target], X[target]), atol=1e-9)


def test_a_common_rotation_of_the_features_changes_no_distance():
    X, sample_domain = make_turned_rows()
    rotation = np.linalg.qr(np.random.default_rng(5).normal(size=(8, 8)))[0]
    mapped = GeodesicFlowAligner(2).fit_transform(X, sample_domain=sample_domain)
    turned = GeodesicFlowAligner(2).fit_transform(X @ rotation, sample_domain=sample_domain)
    assert_allclose(cdist(turned, turned), cdist(mapped, mapped), atol=1e-6)


def test_several_sources_have_the_mean_of_their_kernels():
    X, sample_domain = make_turned_rows()
    together = GeodesicFlowAligner(2).fit(X, sample_domain=sample_domain)
    kernels = []
    for name in together.source_domains_:
        pair = np.isin(sample_domain, [name, "target"])
        alone = GeodesicFlowAligner(2).fit(X[pair], sample_domain=sample_domain[pair])
        assert_allclose(alone.angles_[name], together.angles_[name], atol=1e-12)
        kernels.append(alone.root_ @ alone.root_.T)
    assert_allclose(together.root_ @ together.root_.T, sum(kernels) / 2, atol=1e-12)
    assert together.root_.shape == (8, 6)


def test_new_rows_of_either_domain():
    X, sample_domain = make_turned_rows()
    aligner = GeodesicFlowAligner(3).fit(X, sample_domain=sample_domain)
    new = np.random.default_rng(9).normal(size=(3, 8))
    mixed = aligner.transform(new, sample_domain=["dslr", "target", "amazon"])
    for k, name in enumerate(["dslr", "target", "amazon"]):
        expected = (new[k] - X[sample_domain == name].mean(axis=0)) @ aligner.root_
        assert_allclose(mixed[k], expected, atol=1e-12)
    assert_array_equal(aligner.transform(new), aligner.maps_["target"](new))


def test_n_components_is_clipped_to_what_every_domain_allows():
    X, sample_domain = make_turned_rows(counts=(("amazon", 3), ("dslr", 50), ("target", 6)))
    aligner = GeodesicFlowAligner().fit(X, sample_domain=sample_domain)
    assert aligner.n_components_ == 2
    names = [f"geodesicflowaligner{k}" for k in range(6)]
    assert list(aligner.get_feature_names_out()) == names
    with pytest.warns(UserWarning, match="is clipped to 8: X has 8 columns"):
        assert GeodesicFlowAligner(100).fit(X).n_components_ == 8


def test_too_few_rows():
    X, sample_domain = make_turned_rows(counts=(("amazon", 1), ("dslr", 5), ("target", 1)))
    message = (
        "GeodesicFlowAligner needs at least 2 rows of every domain in sample_domain: 'amazon' has "
        "1, 'target' has 1; add rows, leave that domain out, or correct its name."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        GeodesicFlowAligner().fit(X, sample_domain=sample_domain)
    with pytest.raises(ValueError, match=r"1 sample\(s\).* a minimum of 2 is required"):
        GeodesicFlowAligner().fit(X[:1])


@pytest.mark.parametrize("n_components", [0, 2.5])
def test_parameters_that_make_no_sense(n_components):
    with pytest.raises(ValueError, match=r"The 'n_components' parameter .* an int in the range"):
        GeodesicFlowAligner(n_components).fit(np.eye(3))
