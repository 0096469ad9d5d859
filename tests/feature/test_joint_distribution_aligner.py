"""JointDistributionAligner: its turns against the definition, the labels that it reads."""

import re

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal, assert_equal
from scipy.linalg import eigh
from scipy.sparse import csr_array
from sklearn.decomposition import KernelPCA
from sklearn.linear_model import LinearRegression, LogisticRegression, SGDClassifier
from sklearn.metrics.pairwise import pairwise_kernels
from sklearn.neighbors import KNeighborsClassifier

from sktransfer import make_transfer_pipeline
from sktransfer.feature import JointDistributionAligner, TransferComponentAligner

KERNELS = [("linear", None), ("rbf", {"gamma": 0.02}), ("primal", None)]


def make_rows(seed=0, n_features=6, counts=(("amazon", 30), ("dslr", 24), ("target", 36))):
    """Rows of three classes in several domains that lie apart, with labels and domains."""
    rng = np.random.default_rng(seed)
    names = np.repeat([name for name, _ in counts], [count for _, count in counts])
    index = np.repeat(np.arange(len(counts)), [count for _, count in counts])
    y = rng.integers(3, size=len(names))
    X = rng.normal(size=(len(names), n_features)) + 2 * rng.normal(size=(3, n_features))[y]
    X += 1.5 * rng.normal(size=(len(counts), 3, n_features))[index, y]
    order = rng.permutation(len(names))
    return X[order], y[order], names[order]


def by_definition(K, y, sample_domain, *, mu, n_components, n_iter):
    """The rows embedded, with every matrix in full, up to signs; and the target's last labels."""
    n_rows, target = len(K), sample_domain == "target"
    names = sorted(set(sample_domain) - {"target"})
    H = np.eye(n_rows) - 1 / n_rows

    def difference(here, there):
        e = here / here.sum() - there / there.sum()
        return np.outer(e, e) / len(names)

    M0 = sum(difference(sample_domain == name, target) for name in names)
    M, guess = M0, None
    for turn in range(n_iter):
        if turn:
            M = (1 - mu) * len(np.unique(y[~target])) * M0
            for name in names:
                for label in np.unique(y[sample_domain == name]):
                    there = target & (guess == label)
                    if there.any():
                        M = M + mu * difference((sample_domain == name) & (y == label), there)
        M = M / np.linalg.norm(M)
        _, A = eigh(K.T @ H @ K, K.T @ M @ K + np.eye(K.shape[1]))  # K = X in the primal form
        Z = K @ (A[:, ::-1][:, :n_components] / np.linalg.norm(A, axis=0)[::-1][:n_components])
        unit = Z / np.linalg.norm(Z, axis=1, keepdims=True)
        nearest = KNeighborsClassifier(1).fit(unit[~target], y[~target])
        guess = np.full(n_rows, -1)
        guess[target] = nearest.predict(unit[target])
    return Z, guess[target]


@pytest.mark.parametrize("n_features", [6, 120])
@pytest.mark.parametrize(("mu", "n_iter"), [(0.5, 1), (0.5, 2), (0.5, 10), (0.1, 3), (1.0, 3)])
@pytest.mark.parametrize(("kernel", "params"), KERNELS)
def test_rows_are_embedded_as_published(kernel, params, mu, n_iter, n_features):
    X, y, sample_domain = make_rows(n_features=n_features)
    aligner = JointDistributionAligner(3, kernel=kernel, kernel_params=params, mu=mu, n_iter=n_iter)
    mapped = aligner.fit_transform(X, y, sample_domain=sample_domain)
    K = X if kernel == "primal" else pairwise_kernels(X, metric=kernel, **(params or {}))
    expected, guess = by_definition(K, y, sample_domain, mu=mu, n_components=3, n_iter=n_iter)
    signs = np.sign(np.sum(mapped * expected, axis=0))
    assert_allclose(mapped, expected * signs, atol=1e-7 * np.abs(expected).max())
    assert_array_equal(aligner.pseudo_labels_, guess)


def test_the_first_turn_is_transfer_component_analysis_and_so_is_mu_zero():
    X, y, sample_domain = make_rows()
    expected = TransferComponentAligner(3).fit_transform(X, sample_domain=sample_domain)
    for parameters in ({"n_iter": 1}, {"mu": 0.0}):
        mapped = JointDistributionAligner(3, **parameters).fit_transform(
            X, y, sample_domain=sample_domain
        )
        assert_allclose(mapped, expected, atol=1e-9)


def test_it_stops_when_the_labels_do():
    X, y, sample_domain = make_rows()
    fitted = JointDistributionAligner(3, n_iter=50).fit(X, y, sample_domain=sample_domain)
    assert 1 < fitted.n_iter_ < 50
    again = JointDistributionAligner(3, n_iter=fitted.n_iter_)
    assert_array_equal(again.fit(X, y, sample_domain=sample_domain).components_, fitted.components_)
    assert JointDistributionAligner(3, n_iter=2).fit(X, y, sample_domain=sample_domain).n_iter_ == 2


@pytest.mark.parametrize("kind", ["flipped", "missing", "of another class"])
def test_labels_of_target_rows_change_no_bit(kind):
    X, y, sample_domain = make_rows()
    target = sample_domain == "target"
    garbled = np.where(target, {"flipped": 2 - y, "of another class": 7}.get(kind, np.nan), y)
    expected = JointDistributionAligner(3).fit_transform(X, y, sample_domain=sample_domain)
    mapped = JointDistributionAligner(3).fit_transform(X, garbled, sample_domain=sample_domain)
    assert_array_equal(mapped, expected)


def test_labels_of_source_rows_count():
    X, y, sample_domain = make_rows()
    expected = JointDistributionAligner(3).fit_transform(X, y, sample_domain=sample_domain)
    other = JointDistributionAligner(3).fit_transform(X, y[::-1], sample_domain=sample_domain)
    assert np.abs(other - expected).max() > 1e-3


@pytest.mark.parametrize(
    "spell",
    [
        lambda y: np.array(["ant", "bee", "cat"])[y],
        lambda y: np.array(["ant", "bee", "cat"], dtype=object)[y].tolist(),
        lambda y: y - 1,
        lambda y: y.astype(float),
    ],
)
def test_labels_may_be_anything(spell):
    X, y, sample_domain = make_rows()
    expected = JointDistributionAligner(3).fit(X, y, sample_domain=sample_domain)
    labels = spell(y)
    fitted = JointDistributionAligner(3).fit(X, labels, sample_domain=sample_domain)
    assert_array_equal(fitted.components_, expected.components_)
    assert_array_equal(fitted.classes_, np.unique(labels))
    assert_array_equal(fitted.pseudo_labels_, fitted.classes_[expected.pseudo_labels_])


def test_source_rows_without_a_label_count_for_their_domain_alone():
    X, y, sample_domain = make_rows()
    hidden = np.flatnonzero(sample_domain == "amazon")[::2]
    labels = y.astype(object)
    labels[hidden] = None
    fitted = JointDistributionAligner(3).fit(X, labels, sample_domain=sample_domain)
    assert fitted.classes_.dtype.kind == "i"
    # The first turn sees all rows; the labels come from the labelled alone.
    first = JointDistributionAligner(3, n_iter=1).fit(X, labels, sample_domain=sample_domain)
    tca = TransferComponentAligner(3).fit(X, sample_domain=sample_domain)
    assert_allclose(first.components_, tca.components_, atol=1e-10)
    unit = tca.transform(X) / np.linalg.norm(tca.transform(X), axis=1, keepdims=True)
    seen = np.setdiff1d(np.flatnonzero(sample_domain != "target"), hidden)
    nearest = KNeighborsClassifier(1).fit(unit[seen], y[seen])
    assert_array_equal(first.pseudo_labels_, nearest.predict(unit[sample_domain == "target"]))


def test_a_class_that_no_target_row_is_given_is_left_out():
    X, y, sample_domain = make_rows()

    class Always(LogisticRegression):
        def predict(self, X):
            return np.full(len(X), 1)

    fitted = JointDistributionAligner(3, estimator=Always(), n_iter=2).fit(
        X, y, sample_domain=sample_domain
    )
    assert np.isfinite(fitted.components_).all()
    assert set(fitted.pseudo_labels_) == {1}


def test_any_classifier_can_label_and_is_seeded():
    X, y, sample_domain = make_rows()
    base = SGDClassifier(max_iter=1000)
    aligner = JointDistributionAligner(3, estimator=base, random_state=3)
    first, second = (aligner.fit_transform(X, y, sample_domain=sample_domain) for _ in range(2))
    assert_array_equal(first, second)
    assert not hasattr(base, "coef_")
    assert base.random_state is None
    before = np.random.get_state(legacy=False)["state"]
    JointDistributionAligner(3, estimator=base).fit(X, y, sample_domain=sample_domain)
    assert_equal(np.random.get_state(legacy=False)["state"], before)


def test_without_sample_domain_it_is_the_plain_reduction_and_reads_no_label():
    X, y, _ = make_rows()
    aligner = JointDistributionAligner(3)
    expected = TransferComponentAligner(3).fit_transform(X)
    assert_allclose(aligner.fit_transform(X), expected, atol=1e-12)
    assert_allclose(aligner.fit_transform(X, y), expected, atol=1e-12)
    assert aligner.pseudo_labels_ is None


@pytest.mark.parametrize(("kernel", "params"), KERNELS)
def test_new_rows_are_mapped_as_if_they_had_been_there(kernel, params):
    X, y, sample_domain = make_rows()
    aligner = JointDistributionAligner(3, kernel=kernel, kernel_params=params)
    mapped = aligner.fit_transform(X, y, sample_domain=sample_domain)
    assert_allclose(aligner.transform(X[:5]), mapped[:5], atol=1e-12)
    domains = ["dslr", "target", "amazon"]
    assert_allclose(aligner.transform(X[:3], sample_domain=domains), mapped[:3], atol=1e-12)


def test_in_a_transfer_pipeline_unlabelled_target_rows_reach_it():
    X, y, sample_domain = make_rows()
    target = sample_domain == "target"
    labels = np.where(target, np.nan, y)
    pipe = make_transfer_pipeline(JointDistributionAligner(3), LogisticRegression())
    pipe.fit(X, labels, sample_domain=sample_domain)
    expected = JointDistributionAligner(3).fit(X, y, sample_domain=sample_domain)
    assert_array_equal(pipe[0].components_, expected.components_)
    assert len(pipe[0].pseudo_labels_) == target.sum()
    assert pipe[0].classes_.dtype.kind == "i"


def test_what_it_needs_of_labels():
    X, y, sample_domain = make_rows()
    message = (
        "JointDistributionAligner reads the labels of source rows, but y is None; pass y with a "
        "label for each source row (the labels of target rows are not read)."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        JointDistributionAligner().fit(X, sample_domain=sample_domain)
    message = (
        "JointDistributionAligner reads the labels of source rows, but no source row has one; "
        "label some, or use TransferComponentAligner."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        JointDistributionAligner().fit(X, np.full(len(X), np.nan), sample_domain=sample_domain)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        JointDistributionAligner().fit(X, y[:-1], sample_domain=sample_domain)
    message = (
        "JointDistributionAligner reads class labels, but those in y are of the type 'continuous'; "
        "pass classes (strings, booleans or whole numbers), or use TransferComponentAligner, which "
        "reads no label."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        JointDistributionAligner().fit(X, X[:, 0], sample_domain=sample_domain)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"mu": 1.5}, r"The 'mu' parameter .* in the range \[0.0, 1.0\]. Got 1.5 instead."),
        ({"n_iter": 0}, r"The 'n_iter' parameter .* in the range \[1, inf\). Got 0 instead."),
        ({"estimator": 3}, r"The 'estimator' parameter .* 'fit' and 'predict' or None. Got 3"),
    ],
)
def test_parameters_that_make_no_sense(parameters, message):
    with pytest.raises(ValueError, match=message):
        JointDistributionAligner(**parameters).fit(np.eye(3))


@pytest.mark.parametrize("n_features", [2, 30])
@pytest.mark.parametrize("sample_domain", [None, ["old"] * 9 + ["target"] * 9])
def test_rows_that_are_all_zero_stay_zero(sample_domain, n_features):
    X = np.zeros((18, n_features))
    aligner = JointDistributionAligner()
    mapped = aligner.fit_transform(X, np.tile([0, 1], 9), sample_domain=sample_domain)
    assert_array_equal(mapped, np.zeros((18, aligner.n_components_)))
    assert aligner.n_components_ == 1


@pytest.mark.parametrize("n_features", [6, 120])
def test_the_linear_kernel_takes_no_arguments(n_features):
    X, y, sample_domain = make_rows(n_features=n_features)
    aligner = JointDistributionAligner(kernel_params={"gamma": 1})
    message = (
        "kernel='linear' takes no arguments, but kernel_params={'gamma': 1}; pass None, or the "
        "kernel that these are for."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        aligner.fit(X, y, sample_domain=sample_domain)
    aligner.set_params(kernel_params={}).fit(X, y, sample_domain=sample_domain)


def test_a_regressor_gives_no_labels():
    X, y, sample_domain = make_rows()
    message = "estimator=LinearRegression() is a regressor; pass a classifier."
    aligner = JointDistributionAligner(estimator=LinearRegression())
    for domains in (sample_domain, None):
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            aligner.fit(X, y, sample_domain=domains)


@pytest.mark.parametrize("offset", [0.0, 3.0, 100.0])
@pytest.mark.parametrize("n_features", [6, 120])
@pytest.mark.parametrize(("kernel", "params"), KERNELS[:2])
def test_without_a_source_it_is_kernel_pca_wherever_the_origin(kernel, params, n_features, offset):
    X, _, _ = make_rows(n_features=n_features)
    X, new = X[:60] + offset, X[60:] + offset
    aligner = JointDistributionAligner(3, kernel=kernel, kernel_params=params).fit(X, np.zeros(60))
    pca = KernelPCA(3, kernel=kernel, **{"gamma": None, **(params or {})}).fit(X)
    for rows in (X, new):
        mapped, expected = aligner.transform(rows), pca.transform(rows)
        lengths = np.linalg.norm(mapped, axis=0) * np.linalg.norm(expected, axis=0)
        assert_allclose(np.abs(np.sum(mapped * expected, axis=0)) / lengths, 1, atol=1e-6)


@pytest.mark.parametrize("n_features", [6, 120])
def test_the_primal_form_combines_features_and_takes_sparse_rows(n_features):
    X, y, sample_domain = make_rows(n_features=n_features)
    aligner = JointDistributionAligner(3, kernel="primal")
    mapped = aligner.fit_transform(X, y, sample_domain=sample_domain)
    assert aligner.components_.shape == (n_features, 3)
    assert_allclose(np.linalg.norm(aligner.components_, axis=0), 1)
    assert_allclose(mapped, X @ aligner.components_)
    sparse = JointDistributionAligner(3, kernel="primal").fit_transform(
        csr_array(X), y, sample_domain=sample_domain
    )
    assert_allclose(sparse, mapped, atol=1e-9)


def test_the_primal_form_stays_nearer_to_the_direction_of_most_variance():
    rng = np.random.default_rng(0)
    y = rng.integers(2, size=200)
    sample_domain = np.repeat(["old", "target"], 100)
    X = np.column_stack([2 * rng.normal(size=200), (2 * y - 1) * 0.2 + 0.02 * rng.normal(size=200)])
    X[100:, 0] += 0.3  # the domains differ along it
    share = {}
    for kernel in ("linear", "primal"):
        aligner = JointDistributionAligner(1, kernel=kernel, ridge=0.1)
        direction = aligner.fit(X, y, sample_domain=sample_domain).components_.ravel()
        share[kernel] = np.abs(direction[0]) / np.linalg.norm(direction)
    assert 5 * share["linear"] < share["primal"]
