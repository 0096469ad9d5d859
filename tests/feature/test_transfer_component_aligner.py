"""TransferComponentAligner: what it promises beyond its formulas, and every sentence it can say."""

import re
import tracemalloc

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.linalg import eigh
from sklearn.base import clone
from sklearn.decomposition import PCA, KernelPCA
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import LogisticRegression
from sklearn.metrics.pairwise import pairwise_kernels
from sklearn.neighbors import kneighbors_graph

from sktransfer import make_transfer_pipeline
from sktransfer._kernels.supervised_components import laplacian
from sktransfer.feature import TransferComponentAligner
from tests.shelf import make_moved_rows

KERNELS = [
    ("linear", None),
    ("rbf", {"gamma": 0.05}),
    ("poly", {"degree": 2, "coef0": 1.0}),
    (lambda a, b: float(a @ b) ** 2, None),
]


def by_definition(K, sample_domain, *, ridge, n_components):
    """Rows embedded by the definition, with every matrix in full, up to signs."""
    n_rows = len(K)
    target = sample_domain == "target"
    M = np.zeros((n_rows, n_rows))
    for name in set(sample_domain) - {"target"}:
        e = (sample_domain == name) / np.sum(sample_domain == name) - target / target.sum()
        M += np.outer(e, e)
    M /= np.linalg.norm(M)
    H = np.eye(n_rows) - 1 / n_rows
    _, A = eigh(K @ H @ K, K @ M @ K + ridge * np.eye(n_rows))
    A = A[:, ::-1][:, :n_components]
    return K @ (A / np.linalg.norm(A, axis=0))


@pytest.mark.parametrize("ridge", [0.1, 1.0])
@pytest.mark.parametrize(("kernel", "params"), KERNELS)
def test_rows_are_embedded_as_published(kernel, params, ridge):
    X, sample_domain = make_moved_rows()
    aligner = TransferComponentAligner(3, kernel=kernel, kernel_params=params, ridge=ridge)
    mapped = aligner.fit_transform(X, sample_domain=sample_domain)
    K = pairwise_kernels(X, metric=kernel, **(params or {}))
    expected = by_definition(K, sample_domain, ridge=ridge, n_components=3)
    signs = np.sign(np.sum(mapped * expected, axis=0))
    assert_allclose(mapped, expected * signs, atol=1e-7 * np.abs(expected).max())


def test_more_features_than_rows():
    X, sample_domain = make_moved_rows(n_features=120)
    mapped = TransferComponentAligner(4).fit_transform(X, sample_domain=sample_domain)
    expected = by_definition(X @ X.T, sample_domain, ridge=1.0, n_components=4)
    signs = np.sign(np.sum(mapped * expected, axis=0))
    assert_allclose(mapped, expected * signs, atol=1e-7 * np.abs(expected).max())


def test_the_linear_kernel_is_the_same_as_any_other_that_says_so():
    X, sample_domain = make_moved_rows()
    linear = TransferComponentAligner(3).fit(X, sample_domain=sample_domain)
    spelt = TransferComponentAligner(3, kernel=lambda a, b: a @ b).fit(
        X, sample_domain=sample_domain
    )
    new = np.random.default_rng(3).normal(size=(5, 6))
    assert_allclose(linear.transform(new), spelt.transform(new), atol=1e-8)
    assert_allclose(linear.components_, spelt.X_fit_.T @ spelt.dual_components_, atol=1e-8)
    assert_allclose(linear.eigenvalues_, spelt.eigenvalues_, rtol=1e-8)


def test_the_smaller_the_ridge_the_nearer_are_the_means():
    X, sample_domain = make_moved_rows(counts=(("amazon", 40), ("target", 40)))
    source = sample_domain == "amazon"
    gaps = []
    for ridge in (1e-4, 1.0, 1e4, 1e8):
        mapped = TransferComponentAligner(2, ridge=ridge).fit_transform(
            X, sample_domain=sample_domain
        )
        gap = mapped[source].mean(axis=0) - mapped[~source].mean(axis=0)
        gaps.append(np.linalg.norm(gap / mapped.std(axis=0)))
    assert gaps == sorted(gaps)
    assert gaps[0] < 1e-3 < 1e-1 < gaps[-1]


@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_without_sample_domain_it_is_principal_component_analysis_to_the_length_of_columns(offset):
    X, _ = make_moved_rows()
    X = X + offset
    mapped = TransferComponentAligner(3).fit_transform(X)
    expected = PCA(3, svd_solver="full").fit_transform(X)
    cosines = np.sum(mapped * expected, axis=0) / (
        np.linalg.norm(mapped, axis=0) * np.linalg.norm(expected, axis=0)
    )
    assert_allclose(np.abs(cosines), 1, atol=1e-9)


@pytest.mark.parametrize("kernel", ["linear", "rbf"])
def test_equal_domains_leave_the_variance_alone(kernel):
    X, _ = make_moved_rows()
    twice = np.concatenate([X, X])
    names = ["copy"] * len(X) + ["target"] * len(X)
    aligner = TransferComponentAligner(3, kernel=kernel)
    mapped = aligner.fit_transform(twice, sample_domain=names)
    assert_allclose(mapped[: len(X)], mapped[len(X) :], atol=1e-12)
    K = pairwise_kernels(twice, metric=kernel)
    _, A = eigh(K @ (K - K.mean(axis=0)))  # K H K
    expected = K @ A[:, ::-1][:, :3]
    assert_allclose(np.abs(mapped), np.abs(expected), atol=1e-8)


def test_a_common_rotation_of_the_features_changes_nothing():
    X, sample_domain = make_moved_rows()
    rotation = np.linalg.qr(np.random.default_rng(5).normal(size=(6, 6)))[0]
    mapped = TransferComponentAligner(3).fit_transform(X, sample_domain=sample_domain)
    turned = TransferComponentAligner(3).fit_transform(X @ rotation, sample_domain=sample_domain)
    assert_allclose(turned, mapped, atol=1e-8)


@pytest.mark.parametrize("kernel", ["linear", "rbf"])
def test_new_rows_are_mapped_as_if_they_had_been_there(kernel):
    X, sample_domain = make_moved_rows()
    aligner = TransferComponentAligner(3, kernel=kernel)
    mapped = aligner.fit_transform(X, sample_domain=sample_domain)
    assert_allclose(aligner.transform(X), mapped, atol=1e-12)
    assert_allclose(aligner.transform(X[:5]), mapped[:5], atol=1e-12)
    domains = ["dslr", "target", "amazon"]
    assert_allclose(aligner.transform(X[:3], sample_domain=domains), mapped[:3], atol=1e-12)


def test_a_second_fit_forgets_the_kernel_of_the_first():
    X, sample_domain = make_moved_rows()
    aligner = TransferComponentAligner(3, kernel="rbf").fit(X, sample_domain=sample_domain)
    assert_array_equal(aligner.X_fit_[-30:], X[sample_domain == "target"])
    aligner.set_params(kernel="linear").fit(X)
    assert not hasattr(aligner, "X_fit_")
    assert not hasattr(aligner, "dual_components_")


def test_n_components_is_clipped_to_the_directions_in_which_rows_vary():
    X, sample_domain = make_moved_rows()
    aligner = TransferComponentAligner().fit(X, sample_domain=sample_domain)
    assert aligner.n_components_ == 6
    assert list(aligner.get_feature_names_out()) == [
        f"transfercomponentaligner{k}" for k in range(6)
    ]
    few = TransferComponentAligner().fit(np.random.default_rng(0).normal(size=(4, 50)))
    assert few.n_components_ <= 4


def test_many_rows_through_an_approximate_kernel():
    X, sample_domain = make_moved_rows()
    # With every row as a landmark the approximation is exact, and so are the components.
    pipe = make_transfer_pipeline(
        Nystroem(gamma=0.1, n_components=len(X), random_state=0), TransferComponentAligner(3)
    )
    mapped = pipe.fit(X, sample_domain=sample_domain).transform(X)
    exact = TransferComponentAligner(3, kernel="rbf", kernel_params={"gamma": 0.1})
    expected = exact.fit_transform(X, sample_domain=sample_domain)
    assert_allclose(np.abs(mapped), np.abs(expected), atol=1e-6 * np.abs(expected).max())


def test_what_only_the_domains_differ_in_misleads_no_more():
    rng = np.random.default_rng(0)
    y = np.tile([0, 1], 100)
    sample_domain = np.repeat(["old", "target"], 100)
    X = rng.normal(size=(200, 5))
    X[:, 0] += y + 6 * (sample_domain == "old")
    X[:, 1] += 3 * y
    source = sample_domain == "old"
    plain = LogisticRegression().fit(X[source], y[source]).score(X[~source], y[~source])
    mapped = TransferComponentAligner(3).fit_transform(X, sample_domain=sample_domain)
    ours = LogisticRegression().fit(mapped[source], y[source]).score(mapped[~source], y[~source])
    assert plain < 0.7 < 0.9 < ours


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_components": 0}, r"The 'n_components' parameter .* in the range \[1, inf\)"),
        ({"ridge": 0}, r"The 'ridge' parameter .* in the range \(0.0, inf\). Got 0 instead."),
        ({"kernel": "gauss"}, "The 'kernel' parameter .* a str among .* or a callable."),
        ({"kernel_params": 3}, "The 'kernel_params' parameter .* 'dict' or None. Got 3 instead."),
    ],
)
def test_parameters_that_make_no_sense(parameters, message):
    with pytest.raises(ValueError, match=message):
        TransferComponentAligner(**parameters).fit(np.eye(3))


def test_a_single_row_has_no_variance():
    with pytest.raises(ValueError, match=r"1 sample\(s\).* a minimum of 2 is required"):
        TransferComponentAligner().fit(np.ones((1, 3)))


@pytest.mark.parametrize("n_features", [2, 30])
@pytest.mark.parametrize("sample_domain", [None, ["old"] * 9 + ["target"] * 9])
def test_rows_that_are_all_zero_stay_zero(sample_domain, n_features):
    X = np.zeros((18, n_features))
    aligner = TransferComponentAligner()
    mapped = aligner.fit_transform(X, sample_domain=sample_domain)
    assert_array_equal(mapped, np.zeros((18, aligner.n_components_)))
    assert aligner.n_components_ == 1


@pytest.mark.parametrize("n_features", [6, 120])
def test_the_linear_kernel_takes_no_arguments(n_features):
    X, sample_domain = make_moved_rows(n_features=n_features)
    aligner = TransferComponentAligner(kernel_params={"gamma": 1})
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
    X = X * np.sqrt(6 / n_features)  # distances between rows do not grow with the features
    X, new = X[:60] + offset, X[60:] + offset
    aligner = TransferComponentAligner(3, kernel=kernel, kernel_params=params).fit(X)
    pca = KernelPCA(3, kernel=kernel, **{"gamma": None, **(params or {})}).fit(X)
    for rows in (X, new):
        mapped, expected = aligner.transform(rows), pca.transform(rows)
        lengths = np.linalg.norm(mapped, axis=0) * np.linalg.norm(expected, axis=0)
        assert_allclose(np.abs(np.sum(mapped * expected, axis=0)) / lengths, 1, atol=1e-6)


@pytest.mark.parametrize("with_source", [True, False])
@pytest.mark.parametrize(("kernel", "params"), KERNELS)
def test_with_every_row_for_a_landmark_it_is_the_exact_kernel(kernel, params, with_source):
    X, sample_domain = make_moved_rows()
    sample_domain = sample_domain if with_source else None
    exact = TransferComponentAligner(3, kernel=kernel, kernel_params=params)
    expected = exact.fit_transform(X, sample_domain=sample_domain)
    through = clone(exact).set_params(n_landmarks=len(X), random_state=0)
    mapped = through.fit_transform(X, sample_domain=sample_domain)
    assert_allclose(np.abs(mapped), np.abs(expected), atol=1e-6 * np.abs(expected).max())
    assert_allclose(through.eigenvalues_, exact.eigenvalues_, rtol=1e-6)
    new = np.random.default_rng(3).normal(size=(5, 6))
    expected = np.abs(exact.transform(new))
    assert_allclose(np.abs(through.transform(new)), expected, atol=1e-6 * expected.max())


def test_the_more_landmarks_the_nearer_is_the_exact_kernel():
    X, sample_domain = make_moved_rows(counts=(("amazon", 150), ("target", 150)))
    exact = TransferComponentAligner(3, kernel="rbf", kernel_params={"gamma": 0.05})
    phi = exact.fit(X, sample_domain=sample_domain).eigenvalues_
    errors = []
    for n_landmarks in [10, 40, 160]:
        near = clone(exact).set_params(n_landmarks=n_landmarks, random_state=0)
        near.fit(X, sample_domain=sample_domain)
        assert near.X_fit_.shape == (n_landmarks, 6)
        assert near.dual_components_.shape == (n_landmarks, 3)
        errors.append(np.abs(near.eigenvalues_ / phi - 1).max())
    assert errors[0] > 2 * errors[1] > 4 * errors[2]


def test_landmarks_take_memory_in_proportion_to_the_rows():
    peaks = []
    for n_rows in [2000, 8000]:
        X, sample_domain = make_moved_rows(counts=(("amazon", n_rows), ("target", n_rows)))
        aligner = TransferComponentAligner(3, kernel="rbf", n_landmarks=50, random_state=0)
        aligner.fit(X[:200], sample_domain=sample_domain[:200])  # imports at first use
        tracemalloc.start()
        aligner.fit(X, sample_domain=sample_domain)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 5 * peaks[0]
    assert peaks[1] < 8 * (2 * 8000) ** 2 / 10  # a tenth of the kernel matrix


def make_classes(seed=0, n_rows=60):
    """Two domains whose classes differ least in what varies most; labels of the source alone."""
    rng = np.random.default_rng(seed)
    y = np.tile([0, 1], n_rows)
    sample_domain = np.repeat(["old", "target"], n_rows)
    X = rng.normal(size=(2 * n_rows, 4)) * [4, 3, 1, 1]
    X[:, 2] += 5 * y
    X[:, 3] += 4 * (sample_domain == "old")
    return X, np.where(sample_domain == "old", y, np.nan), sample_domain, y


def test_supervised_it_finds_what_the_classes_differ_in():
    X, labels, sample_domain, y = make_classes()
    source = sample_domain == "old"
    scores = {}
    for supervised in [False, True]:
        aligner = TransferComponentAligner(
            1, supervised=supervised, label_dependence=0.99, locality=0.0
        )
        mapped = aligner.fit_transform(X, labels, sample_domain=sample_domain)
        learner = LogisticRegression().fit(mapped[source], y[source])
        scores[supervised] = learner.score(mapped[~source], y[~source])
    assert scores[False] < 0.6 < 0.8 < scores[True]


def test_supervised_alone_decides_whether_labels_are_read():
    X, labels, sample_domain, y = make_classes()
    plain = TransferComponentAligner(2).fit(X, sample_domain=sample_domain)
    for given in [labels, y, y[::-1]]:
        read = TransferComponentAligner(2).fit(X, given, sample_domain=sample_domain)
        assert_array_equal(read.components_, plain.components_)
    supervised = TransferComponentAligner(2, supervised=True)
    without = supervised.fit(X, labels, sample_domain=sample_domain).components_
    with_target = supervised.fit(X, y, sample_domain=sample_domain).components_
    assert np.abs(without - plain.components_).max() > 1e-3
    assert np.abs(without - with_target).max() > 1e-3


def test_without_shares_for_labels_and_neighbours_it_is_the_unsupervised_method():
    X, labels, sample_domain, _ = make_classes()
    limit = TransferComponentAligner(2, supervised=True, label_dependence=0, locality=0)
    mapped = limit.fit_transform(X, labels, sample_domain=sample_domain)
    expected = TransferComponentAligner(2).fit_transform(X, sample_domain=sample_domain)
    assert_allclose(mapped, expected, atol=1e-7 * np.abs(expected).max())


@pytest.mark.parametrize("kernel", ["linear", "rbf"])
def test_labels_of_any_type_and_landmarks(kernel):
    X, labels, sample_domain, y = make_classes()
    aligner = TransferComponentAligner(2, kernel=kernel, n_landmarks=10**6, supervised=True)
    expected = aligner.fit_transform(X, labels, sample_domain=sample_domain)
    words = np.where(np.isnan(labels), None, np.where(y == 0, "cat", "dog"))
    for given in [words, list(words)]:
        mapped = aligner.fit_transform(X, given, sample_domain=sample_domain)
        assert_array_equal(mapped, expected)
    exact = clone(aligner).set_params(n_landmarks=None)
    mapped = exact.fit_transform(X, labels, sample_domain=sample_domain)
    assert_allclose(np.abs(mapped), np.abs(expected), atol=1e-6 * np.abs(expected).max())


def test_neighbours_stay_together():
    X, labels, sample_domain, _ = make_classes()
    order = np.argsort(sample_domain, kind="stable")
    N = laplacian(kneighbors_graph(X[order], 10, mode="distance"))
    apart = []
    for locality in [0.0, 1.0, 1e6]:
        aligner = TransferComponentAligner(
            1, supervised=True, label_dependence=0, locality=locality, ridge=1e-9
        )
        z = aligner.fit_transform(X, labels, sample_domain=sample_domain)[order, 0]
        apart.append(z @ (N @ z) / z.var())
    assert apart[0] > apart[1] > apart[2]


def test_labels_that_are_missing():
    X, labels, sample_domain, _ = make_classes()
    aligner = TransferComponentAligner(supervised=True)
    message = (
        "TransferComponentAligner reads the labels of source rows, but y is None; pass y with a "
        "label for each source row (the labels of target rows are read too, if they are not "
        "missing)."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        aligner.fit(X, sample_domain=sample_domain)
    message = (
        "TransferComponentAligner(supervised=True) reads the labels of source or target rows, "
        "but no source or target row has one; label some, or set supervised=False."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        aligner.fit(X, np.full(len(X), np.nan), sample_domain=sample_domain)


def test_labels_that_are_no_classes():
    X, labels, sample_domain, _ = make_classes()
    message = (
        "TransferComponentAligner(supervised=True) reads class labels, but those in y are of the "
        "type 'continuous'; pass classes (strings, booleans or whole numbers), or set "
        "supervised=False, which reads no label."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        TransferComponentAligner(supervised=True).fit(
            X, labels + 0.5 * X[:, 0], sample_domain=sample_domain
        )


@pytest.mark.parametrize("n_features", [6, 120])
def test_without_a_source_the_primal_form_is_principal_component_analysis(n_features):
    X, _ = make_moved_rows(n_features=n_features)
    mapped = TransferComponentAligner(3, kernel="primal").fit_transform(X + 7)
    expected = PCA(3).fit_transform(X)
    signs = np.sign(np.sum(mapped * expected, axis=0))
    assert_allclose(mapped, expected * signs, atol=1e-9)


@pytest.mark.parametrize("supervised", [False, True])
@pytest.mark.parametrize("n_features", [6, 120])
def test_the_primal_form_by_its_definition(n_features, supervised):
    X, sample_domain = make_moved_rows(n_features=n_features)
    y = np.arange(len(X)) % 3
    aligner = TransferComponentAligner(
        3, kernel="primal", ridge=0.5, supervised=supervised, locality=0.7, label_dependence=0.4
    ).fit(X, y, sample_domain=sample_domain)
    names = sorted(set(sample_domain))
    order = np.argsort([names.index(name) for name in sample_domain], kind="stable")
    X, y, sample_domain = X[order], y[order], sample_domain[order]
    is_target, sources = sample_domain == "target", [name for name in names if name != "target"]
    contrasts = [
        (sample_domain == name) / (sample_domain == name).sum() - is_target / is_target.sum()
        for name in sources
    ]
    M = sum(np.outer(e, e) for e in contrasts)
    M /= np.linalg.norm(M)
    H = np.eye(len(X)) - 1 / len(X)
    right = H
    if supervised:
        Y = (y[:, None] == np.arange(3)).astype(float)
        M = M + 0.7 * laplacian(kneighbors_graph(X, 10, mode="distance")).toarray()
        right = H @ (0.4 * Y @ Y.T + 0.6 * np.eye(len(X))) @ H
    values, A = eigh(X.T @ right @ X, X.T @ M @ X + 0.5 * np.eye(n_features))
    assert_allclose(1 / aligner.eigenvalues_, values[::-1][:3])
    A = A[:, ::-1][:, :3] / np.linalg.norm(A[:, ::-1][:, :3], axis=0)
    signs = np.sign(np.sum(A * aligner.components_, axis=0))
    assert_allclose(aligner.components_, A * signs, atol=1e-8)


def test_the_primal_form_keeps_the_digits_of_an_offset_and_the_unit_of_single_precision():
    X, sample_domain = make_moved_rows()
    near = TransferComponentAligner(3, kernel="primal").fit(X, sample_domain=sample_domain)
    far = TransferComponentAligner(3, kernel="primal").fit(X + 1e6, sample_domain=sample_domain)
    assert_allclose(far.components_, near.components_, atol=1e-7)
    rows = (X * 1e20).astype(np.float32)  # a kernel would square them
    assert np.isfinite(near.fit(rows, sample_domain=sample_domain).transform(rows)).all()


def test_the_primal_form_has_no_kernel_to_see_through_landmarks():
    X, sample_domain = make_moved_rows()
    message = (
        "n_landmarks=5 are rows through which a kernel is seen, but kernel='primal' is none; pass "
        "n_landmarks=None, or kernel='linear'."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        TransferComponentAligner(kernel="primal", n_landmarks=5).fit(X, sample_domain=sample_domain)
    with pytest.raises(ValueError, match=r"^kernel='primal' takes no arguments"):
        TransferComponentAligner(kernel="primal", kernel_params={"gamma": 1}).fit(X)


def test_the_linear_kernel_is_the_primal_form_with_another_cost_of_directions():
    X, sample_domain = make_moved_rows()
    aligner = TransferComponentAligner(3, ridge=2.0).fit(X, sample_domain=sample_domain)
    is_target = sample_domain == "target"
    contrasts = [
        (sample_domain == name) / (sample_domain == name).sum() - is_target / is_target.sum()
        for name in aligner.source_domains_
    ]
    M = sum(np.outer(e, e) for e in contrasts)
    M /= np.linalg.norm(M)
    _, A = eigh(len(X) * np.cov(X.T, ddof=0), X.T @ M @ X + 2.0 * np.linalg.inv(X.T @ X))
    A = A[:, ::-1][:, :3] / np.linalg.norm(A[:, ::-1][:, :3], axis=0)
    directions = aligner.components_ / np.linalg.norm(aligner.components_, axis=0)
    signs = np.sign(np.sum(A * directions, axis=0))
    assert_allclose(directions, A * signs, atol=1e-8)
