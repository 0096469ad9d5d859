"""SubspaceAligner: what it promises beyond its formulas, and every sentence that it can say."""

import re

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV

from sktransfer import TargetFold, make_transfer_pipeline
from sktransfer.feature import SubspaceAligner
from tests.shelf import make_turned_rows


def axes_of(X, n_components):
    return PCA(n_components, svd_solver="full").fit(X).components_.T


@pytest.mark.parametrize("n_components", [1, 3, 8])
def test_rows_are_mapped_as_published(n_components):
    X, sample_domain = make_turned_rows()
    aligner = SubspaceAligner(n_components)
    mapped = aligner.fit_transform(X, sample_domain=sample_domain)
    Xt = X[sample_domain == "target"]
    Pt = axes_of(Xt, n_components)
    Pt = Pt * np.sign(np.sum(Pt * aligner.maps_["target"].matrix, axis=0))
    assert_allclose(mapped[sample_domain == "target"], (Xt - Xt.mean(axis=0)) @ Pt, atol=1e-9)
    for name in ["amazon", "dslr"]:
        Xs = X[sample_domain == name]
        Ps = axes_of(Xs, n_components)
        expected = (Xs - Xs.mean(axis=0)) @ Ps @ Ps.T @ Pt
        assert_allclose(mapped[sample_domain == name], expected, atol=1e-9)


def test_without_sample_domain_it_is_principal_component_analysis():
    X, _ = make_turned_rows()
    mapped = SubspaceAligner(3).fit_transform(X)
    expected = PCA(3, svd_solver="full").fit_transform(X)
    assert_allclose(np.abs(mapped), np.abs(expected), atol=1e-9)


def test_equal_domains_are_mapped_alike():
    X, _ = make_turned_rows()
    aligner = SubspaceAligner(3).fit(
        np.concatenate([X, X]), sample_domain=["copy"] * len(X) + ["target"] * len(X)
    )
    target = aligner.transform(X)
    assert_allclose(aligner.transform(X, sample_domain=["copy"] * len(X)), target, atol=1e-9)
    assert_allclose(target, SubspaceAligner(3).fit_transform(X), atol=1e-9)


def test_a_common_rotation_of_the_features_changes_signs_at_most():
    X, sample_domain = make_turned_rows()
    rotation = np.linalg.qr(np.random.default_rng(5).normal(size=(8, 8)))[0]
    mapped = SubspaceAligner(3).fit_transform(X, sample_domain=sample_domain)
    turned = SubspaceAligner(3).fit_transform(X @ rotation, sample_domain=sample_domain)
    assert_allclose(np.abs(turned), np.abs(mapped), atol=1e-9)


def test_each_domain_may_be_shifted_alone():
    X, sample_domain = make_turned_rows()
    shifted = X + 100.0 * (sample_domain == "dslr")[:, None]
    mapped = SubspaceAligner(3).fit_transform(X, sample_domain=sample_domain)
    again = SubspaceAligner(3).fit_transform(shifted, sample_domain=sample_domain)
    assert_allclose(again, mapped, atol=1e-9)


def test_each_of_several_sources_has_the_map_of_its_own_two_domain_fit():
    X, sample_domain = make_turned_rows()
    together = SubspaceAligner(3).fit(X, sample_domain=sample_domain)
    for name in together.source_domains_:
        pair = np.isin(sample_domain, [name, "target"])
        alone = SubspaceAligner(3).fit(X[pair], sample_domain=sample_domain[pair])
        assert_array_equal(alone.maps_[name](X), together.maps_[name](X))


def test_new_rows_of_either_domain():
    X, sample_domain = make_turned_rows()
    aligner = SubspaceAligner(3).fit(X, sample_domain=sample_domain)
    new = np.random.default_rng(9).normal(size=(4, 8))
    mixed = aligner.transform(new, sample_domain=["dslr", "target", "amazon", "target"])
    assert_array_equal(aligner.transform(new), aligner.maps_["target"](new))
    for k, name in enumerate(["dslr", "target", "amazon", "target"]):
        assert_allclose(mixed[k], aligner.maps_[name](new[[k]])[0], atol=1e-12)


def test_n_components_is_clipped_to_what_the_target_allows():
    X, sample_domain = make_turned_rows(counts=(("amazon", 3), ("dslr", 50), ("target", 6)))
    aligner = SubspaceAligner().fit(X, sample_domain=sample_domain)
    assert aligner.n_components_ == 5
    assert list(aligner.get_feature_names_out()) == [f"subspacealigner{k}" for k in range(5)]
    with pytest.warns(UserWarning, match="is clipped to 8: X has 8 columns"):
        assert SubspaceAligner(100).fit(X).n_components_ == 8
    # A source of three rows has two axes, and its rows still all five columns.
    assert np.linalg.matrix_rank(aligner.maps_["amazon"].matrix) == 2


def test_it_can_be_searched_over_in_a_transfer_pipeline():
    X, sample_domain = make_turned_rows()
    y = (X[:, 0] > 0).astype(int)
    search = GridSearchCV(
        make_transfer_pipeline(SubspaceAligner(), LogisticRegression()),
        {"subspacealigner__n_components": [1, 8]},
        cv=TargetFold(3),
    )
    search.fit(X, y, groups=sample_domain, sample_domain=sample_domain)
    assert search.best_params_ == {"subspacealigner__n_components": 8}


def test_too_few_rows():
    X, sample_domain = make_turned_rows(counts=(("amazon", 1), ("dslr", 5), ("target", 4)))
    message = (
        "SubspaceAligner needs at least 2 rows of every domain in sample_domain: 'amazon' has 1; "
        "add rows, leave that domain out, or correct its name."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        SubspaceAligner().fit(X, sample_domain=sample_domain)
    with pytest.raises(ValueError, match=r"1 sample\(s\).* a minimum of 2 is required"):
        SubspaceAligner().fit(X[:1])


@pytest.mark.parametrize("n_components", [0, 2.5])
def test_parameters_that_make_no_sense(n_components):
    with pytest.raises(ValueError, match=r"The 'n_components' parameter .* an int in the range"):
        SubspaceAligner(n_components).fit(np.eye(3))
