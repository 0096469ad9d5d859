"""TransferJointAligner: its turns against the definition, its limits, and what it says."""

import re

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.linalg import eigh
from sklearn.decomposition import KernelPCA
from sklearn.metrics.pairwise import pairwise_kernels

from sktransfer.feature import TransferComponentAligner, TransferJointAligner
from tests.shelf import make_moved_rows

KERNELS = [("linear", None), ("rbf", {"gamma": 0.01})]


def by_definition(K, sample_domain, *, ridge, n_components, n_iter):
    """The rows embedded and their last costs, with every matrix in full, up to signs."""
    n_rows = len(K)
    target = sample_domain == "target"
    M = np.zeros((n_rows, n_rows))
    for name in set(sample_domain) - {"target"}:
        e = (sample_domain == name) / np.sum(sample_domain == name) - target / target.sum()
        M += np.outer(e, e)
    M /= np.linalg.norm(M)
    H = np.eye(n_rows) - 1 / n_rows
    costs = np.ones(n_rows)
    for _ in range(n_iter):
        last = costs.copy()
        _, A = eigh(K @ H @ K, K @ M @ K + ridge * np.diag(costs))
        A = A[:, ::-1][:, :n_components]
        A /= np.linalg.norm(A, axis=0)
        costs[~target] = 1 / np.linalg.norm(A[~target], axis=1)
    return K @ A, last


@pytest.mark.parametrize("n_features", [6, 120])
@pytest.mark.parametrize("n_iter", [1, 2, 5])
@pytest.mark.parametrize(("kernel", "params"), KERNELS)
def test_rows_are_embedded_as_published(kernel, params, n_iter, n_features):
    X, sample_domain = make_moved_rows(n_features=n_features)
    aligner = TransferJointAligner(3, kernel=kernel, kernel_params=params, n_iter=n_iter)
    mapped = aligner.fit_transform(X, sample_domain=sample_domain)
    K = pairwise_kernels(X, metric=kernel, **(params or {}))
    expected, costs = by_definition(K, sample_domain, ridge=1.0, n_components=3, n_iter=n_iter)
    signs = np.sign(np.sum(mapped * expected, axis=0))
    assert_allclose(mapped, expected * signs, atol=1e-6 * np.abs(expected).max())
    for name in aligner.source_domains_:
        assert_allclose(aligner.row_costs_[name], costs[sample_domain == name], rtol=1e-4)


@pytest.mark.parametrize(("kernel", "params"), KERNELS)
def test_one_turn_is_transfer_component_analysis(kernel, params):
    X, sample_domain = make_moved_rows()
    mapped = TransferJointAligner(3, kernel=kernel, kernel_params=params, n_iter=1).fit_transform(
        X, sample_domain=sample_domain
    )
    expected = TransferComponentAligner(3, kernel=kernel, kernel_params=params).fit_transform(
        X, sample_domain=sample_domain
    )
    assert_allclose(mapped, expected, atol=1e-9)


def make_like_and_unlike(seed):
    """30 source rows that vary as the target's do, and 30 that vary where those do not."""
    rng = np.random.default_rng(seed)
    spread = np.array([3.0, 2.0, 1.0, 0.0, 0.0, 0.0])
    X = rng.normal(size=(100, 6)) * spread
    X[30:60] = X[30:60, ::-1]
    return X, ["old"] * 60 + ["target"] * 40


@pytest.mark.parametrize("seed", range(3))
def test_source_rows_that_the_targets_describe_as_well_are_left_out_and_no_others(seed):
    X, sample_domain = make_like_and_unlike(seed)
    aligner = TransferJointAligner(4).fit(X, sample_domain=sample_domain)
    costs = aligner.row_costs_["old"]
    assert np.median(costs[:30]) > 100 * np.median(costs[30:])


def test_with_each_turn_the_source_counts_less():
    X, sample_domain = make_moved_rows()
    median = [
        np.median(
            np.concatenate(
                list(
                    TransferJointAligner(3, n_iter=n_iter)
                    .fit(X, sample_domain=sample_domain)
                    .row_costs_.values()
                )
            )
        )
        for n_iter in (1, 2, 5, 10)
    ]
    assert median[0] == 1
    assert median == sorted(median)


def test_without_sample_domain_it_is_the_plain_reduction():
    X, _ = make_moved_rows()
    aligner = TransferJointAligner(3)
    assert_allclose(
        aligner.fit_transform(X), TransferComponentAligner(3).fit_transform(X), atol=1e-12
    )
    assert aligner.row_costs_ == {}


def test_a_common_rotation_of_the_features_changes_nothing():
    X, sample_domain = make_moved_rows()
    rotation = np.linalg.qr(np.random.default_rng(5).normal(size=(6, 6)))[0]
    mapped = TransferJointAligner(3).fit_transform(X, sample_domain=sample_domain)
    turned = TransferJointAligner(3).fit_transform(X @ rotation, sample_domain=sample_domain)
    assert_allclose(turned, mapped, atol=1e-7)


@pytest.mark.parametrize(("kernel", "params"), KERNELS)
def test_new_rows_are_mapped_as_if_they_had_been_there(kernel, params):
    X, sample_domain = make_moved_rows()
    aligner = TransferJointAligner(3, kernel=kernel, kernel_params=params)
    mapped = aligner.fit_transform(X, sample_domain=sample_domain)
    assert_allclose(aligner.transform(X[:5]), mapped[:5], atol=1e-12)
    domains = ["dslr", "target", "amazon"]
    assert_allclose(aligner.transform(X[:3], sample_domain=domains), mapped[:3], atol=1e-12)


def test_rows_that_are_zero_do_no_harm():
    X, sample_domain = make_moved_rows()
    X[np.flatnonzero(sample_domain == "amazon")[:3]] = 0
    mapped = TransferJointAligner(3).fit_transform(X, sample_domain=sample_domain)
    assert np.isfinite(mapped).all()
    assert_array_equal(mapped[np.flatnonzero(sample_domain == "amazon")[:3]], 0)


def test_names_of_columns():
    X, sample_domain = make_moved_rows()
    aligner = TransferJointAligner(2).fit(X, sample_domain=sample_domain)
    assert list(aligner.get_feature_names_out()) == [
        "transferjointaligner0",
        "transferjointaligner1",
    ]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_iter": 0}, r"The 'n_iter' parameter .* in the range \[1, inf\). Got 0 instead."),
        ({"ridge": 0}, r"The 'ridge' parameter .* in the range \(0.0, inf\). Got 0 instead."),
    ],
)
def test_parameters_that_make_no_sense(parameters, message):
    with pytest.raises(ValueError, match=message):
        TransferJointAligner(**parameters).fit(np.eye(3))


@pytest.mark.parametrize("n_features", [2, 30])
@pytest.mark.parametrize("sample_domain", [None, ["old"] * 9 + ["target"] * 9])
def test_rows_that_are_all_zero_stay_zero(sample_domain, n_features):
    X = np.zeros((18, n_features))
    aligner = TransferJointAligner()
    mapped = aligner.fit_transform(X, sample_domain=sample_domain)
    assert_array_equal(mapped, np.zeros((18, aligner.n_components_)))
    assert aligner.n_components_ == 1


@pytest.mark.parametrize("n_features", [6, 120])
def test_the_linear_kernel_takes_no_arguments(n_features):
    X, sample_domain = make_moved_rows(n_features=n_features)
    aligner = TransferJointAligner(kernel_params={"gamma": 1})
    message = (
        "kernel='linear' takes no arguments, but kernel_params={'gamma': 1}; pass None, or the "
        "kernel that these are for."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        aligner.fit(X, sample_domain=sample_domain)
    aligner.set_params(kernel_params={}).fit(X, sample_domain=sample_domain)


@pytest.mark.parametrize("offset", [0.0, 3.0, 100.0])
@pytest.mark.parametrize("n_features", [6, 120])
@pytest.mark.parametrize(("kernel", "params"), KERNELS)
def test_without_a_source_it_is_kernel_pca_wherever_the_origin(kernel, params, n_features, offset):
    X, _ = make_moved_rows(n_features=n_features)
    X, new = X[:60] + offset, X[60:] + offset
    aligner = TransferJointAligner(3, kernel=kernel, kernel_params=params).fit(X)
    pca = KernelPCA(3, kernel=kernel, **{"gamma": None, **(params or {})}).fit(X)
    for rows in (X, new):
        mapped, expected = aligner.transform(rows), pca.transform(rows)
        lengths = np.linalg.norm(mapped, axis=0) * np.linalg.norm(expected, axis=0)
        assert_allclose(np.abs(np.sum(mapped * expected, axis=0)) / lengths, 1, atol=1e-6)
