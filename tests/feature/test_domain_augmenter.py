"""DomainAugmenter: its inner products, its kernel, and what a linear model learns on its rows."""

import re

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn import config_context
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.svm import SVC

from sktransfer.feature import DomainAugmenter
from sktransfer.pipeline import make_transfer_pipeline

OTHERS = [
    {"kernel": "rbf"},
    {"kernel": "rbf", "n_components": None},
    {"common_weight": 0.3},
    {"intercepts": False},
]


def make_rows(seed=0, n_features=3, counts=(("books", 10), ("dvds", 7), ("target", 12))):
    """Rows of several domains, in mixed order, with their domains."""
    rng = np.random.default_rng(seed)
    domains = rng.permutation(np.repeat([name for name, _ in counts], [n for _, n in counts]))
    return rng.normal(size=(len(domains), n_features)), domains


def test_the_copies_by_hand():
    X = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    mapped = DomainAugmenter().fit_transform(X, sample_domain=["dvds", "target", "books"])
    assert_array_equal(
        mapped,
        #  common  books   dvds    target  ones
        [
            [1, 2, 0, 0, 1, 2, 0, 0, 0, 1, 0],
            [3, 4, 0, 0, 0, 0, 3, 4, 0, 0, 1],
            [5, 6, 5, 6, 0, 0, 0, 0, 1, 0, 0],
        ],
    )


@pytest.mark.parametrize("intercepts", [False, True])
@pytest.mark.parametrize("common_weight", [1.0, 0.0, 0.3, 7.0])
def test_inner_products_are_those_of_the_rows_once_more_within_a_domain(common_weight, intercepts):
    X, domains = make_rows()
    augmenter = DomainAugmenter(common_weight=common_weight, intercepts=intercepts)
    mapped = augmenter.fit_transform(X, sample_domain=domains)
    same, ones = domains[:, None] == domains, float(intercepts)
    assert_allclose(mapped @ mapped.T, (common_weight + same) * (X @ X.T) + ones * same, atol=1e-12)
    new = np.random.default_rng(1).normal(size=(5, 3))
    same = (domains == "target")[:, None]
    expected = (common_weight + same) * (X @ new.T) + ones * same
    assert_allclose(mapped @ augmenter.transform(new).T, expected, atol=1e-12)


def test_the_copies_are_a_product_with_marks_of_the_domains():
    # The second way: a row is the Kronecker product of (1, its domain's mark) and its features.
    X, domains = make_rows()
    marks = np.column_stack([np.ones(len(X)), domains[:, None] == ["books", "dvds", "target"]])
    expected = np.array([np.kron(mark, row) for mark, row in zip(marks, X, strict=True)])
    mapped = DomainAugmenter(intercepts=False).fit_transform(X, sample_domain=domains)
    assert_array_equal(mapped, expected)
    mapped = DomainAugmenter().fit_transform(X, sample_domain=domains)
    assert_array_equal(mapped, np.column_stack([expected, marks[:, 1:]]))


@pytest.mark.parametrize("spell", [sparse.csr_array, sparse.csr_matrix, sparse.coo_array])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_sparse_equals_dense_and_stays_sparse(spell, dtype):
    X, domains = make_rows()
    X = np.where(X > 0.5, X, 0).astype(dtype)
    augmenter = DomainAugmenter(common_weight=0.3).fit(spell(X), sample_domain=domains)
    mapped = augmenter.transform(spell(X), sample_domain=domains)
    assert sparse.issparse(mapped)
    assert mapped.dtype == dtype
    assert mapped.nnz == 2 * np.count_nonzero(X) + len(X)
    dense = DomainAugmenter(common_weight=0.3).fit_transform(X, sample_domain=domains)
    assert_array_equal(mapped.toarray(), dense)
    assert_array_equal(augmenter.transform(spell(X)).toarray(), augmenter.transform(X))
    alone = augmenter.transform(spell(X[:2]), sample_domain=["books", "dvds"])
    assert_array_equal(alone.toarray(), augmenter.transform(X[:2], sample_domain=["books", "dvds"]))
    assert sparse.issparse(DomainAugmenter().fit_transform(spell(X)))


def test_text_goes_through_a_pipeline_sparse():
    texts = ["a good book", "a dull book", "a good film", "a dull film", "dull", "good"]
    domains = ["books"] * 2 + ["dvds"] * 2 + ["target"] * 2
    y = np.array([1, 0, 1, 0, 0, 1])
    pipe = make_transfer_pipeline(TfidfVectorizer(), DomainAugmenter(), LogisticRegression(C=100))
    pipe.fit(texts, y, sample_domain=domains)
    rows = pipe[:-1].transform(texts, sample_domain=domains)
    assert sparse.issparse(rows)
    assert rows.shape == (6, 4 * 4 + 3)
    assert_array_equal(pipe.predict(["good", "dull film"]), [1, 0])


@pytest.mark.parametrize("common_weight", [1.0, 0.3])
def test_the_kernel_is_exact_with_all_rows(common_weight):
    X, domains = make_rows()
    augmenter = DomainAugmenter(
        kernel="rbf",
        kernel_params={"gamma": 0.2},
        n_components=None,
        common_weight=common_weight,
        intercepts=False,
    )
    mapped = augmenter.fit_transform(X, sample_domain=domains)
    same = domains[:, None] == domains
    expected = (common_weight + same) * rbf_kernel(X, gamma=0.2)
    assert_allclose(mapped @ mapped.T, expected, atol=1e-8)
    new = np.random.default_rng(1).normal(size=(5, 3))
    across = (common_weight + (domains == "target")[:, None]) * rbf_kernel(X, new, gamma=0.2)
    assert_allclose(mapped @ augmenter.transform(new).T, across, atol=1e-8)


def test_the_kernel_is_exact_for_single_precision_too():
    # A wide kernel is all but singular: its features are computed in double precision.
    X, domains = make_rows()
    params = {"kernel": "rbf", "kernel_params": {"gamma": 1e-3}, "n_components": None}
    mapped = DomainAugmenter(**params, intercepts=False).fit_transform(
        X.astype(np.float32), sample_domain=domains
    )
    assert mapped.dtype == np.float32
    expected = (1 + (domains[:, None] == domains)) * rbf_kernel(X, gamma=1e-3)
    assert_allclose(mapped @ mapped.T, expected, atol=1e-5)


def test_a_linear_machine_on_its_features_is_the_machine_of_the_kernel():
    X, domains = make_rows(counts=(("old", 40), ("target", 30)))
    y = np.where(domains == "old", X[:, 0] * X[:, 1], -X[:, 0] * X[:, 1]) > 0
    augmenter = DomainAugmenter(kernel="rbf", kernel_params={"gamma": 0.5}, n_components=None)
    mapped = augmenter.fit_transform(X, sample_domain=domains)
    same = domains[:, None] == domains
    gram = (1 + same) * rbf_kernel(X, gamma=0.5) + same
    by_features = SVC(kernel="linear", tol=1e-8).fit(mapped, y).decision_function(mapped)
    by_kernel = SVC(kernel="precomputed", tol=1e-8).fit(gram, y).decision_function(gram)
    assert_allclose(by_features, by_kernel, atol=1e-5)


def test_another_kernel_is_its_features_augmented():
    X, domains = make_rows()
    augmenter = DomainAugmenter(kernel="rbf", n_components=5, random_state=0)
    mapped = augmenter.fit_transform(X, sample_domain=domains)
    features = augmenter.kernel_map_.transform(X)
    assert features.shape == (29, 5)
    assert_array_equal(mapped, DomainAugmenter().fit_transform(features, sample_domain=domains))
    pipe = make_transfer_pipeline(Nystroem(n_components=5, random_state=0), DomainAugmenter())
    assert pipe.fit(X, sample_domain=domains).transform(X, sample_domain=domains).shape == (29, 23)


@pytest.mark.parametrize("kernel", ["rbf", lambda x, y: np.exp(-np.sum((x - y) ** 2))])
def test_other_kernels_take_sparse_rows_and_global_settings(kernel):
    X, domains = make_rows()
    if kernel == "rbf":
        dense = DomainAugmenter(kernel=kernel, n_components=None)
        rows = dense.fit_transform(X, sample_domain=domains)
        thin = DomainAugmenter(kernel=kernel, n_components=None)
        mapped = thin.fit_transform(sparse.csr_array(X), sample_domain=domains)
        assert_allclose(mapped @ mapped.T, rows @ rows.T, atol=1e-8)
    with config_context(transform_output="pandas"):
        augmenter = DomainAugmenter(kernel=kernel, n_components=4, random_state=0)
        frame = augmenter.fit_transform(X, sample_domain=domains)
    assert list(frame.columns)[:5] == [*(f"nystroem{k}" for k in range(4)), "books__nystroem0"]


@pytest.mark.parametrize("make", [np.asarray, sparse.csr_array, sparse.csc_array])
def test_the_order_of_rows_draws_no_other_rows_to_compare_with(make):
    X, domains = make_rows(n_features=6)
    X = np.where(X > 0.3, X, 0)
    augmenter = DomainAugmenter(kernel="rbf", n_components=5, random_state=0)
    mapped = augmenter.fit(make(X), sample_domain=domains).transform(make(X))
    order = np.random.default_rng(0).permutation(len(X))
    augmenter.fit(make(X[order]), sample_domain=domains[order])
    assert_allclose(augmenter.transform(make(X)), mapped, rtol=1e-10)


def flipped(seed, n_source=1000, n_target=40, n_test=2000):
    """Many weak features say the class; a strong one says it with the other sign in the source."""
    rng = np.random.default_rng(seed)
    counts = [n_source, n_target, n_test]
    y = rng.integers(0, 2, size=sum(counts))
    means = np.tile([0.7, *np.full(100, 0.12)], (len(y), 1))
    means[:n_source, 0] = -0.7
    X = (2 * y - 1)[:, None] * means + rng.normal(size=means.shape)
    train, domains = slice(0, n_source + n_target), np.repeat(["old", "target"], counts[:2])
    return X[train], y[train], domains, X[n_source + n_target :], y[n_source + n_target :]


def test_it_beats_all_rows_alike_and_the_target_alone_where_one_sign_flips():
    scores = []
    for seed in range(5):
        X, y, domains, X_test, y_test = flipped(seed)
        target = domains == "target"
        pipe = make_transfer_pipeline(DomainAugmenter(), LogisticRegression())
        scores.append(
            [
                pipe.fit(X, y, sample_domain=domains).score(X_test, y_test),
                LogisticRegression().fit(X, y).score(X_test, y_test),
                LogisticRegression().fit(X[target], y[target]).score(X_test, y_test),
            ]
        )
    augmented, pooled, alone = np.mean(scores, axis=0)
    assert augmented > pooled + 0.03
    assert augmented > alone + 0.03


@pytest.mark.parametrize("seed", range(3))
def test_domains_that_differ_by_a_constant_need_intercepts_of_their_own(seed):
    rng = np.random.default_rng(seed)
    X, domains = rng.normal(size=(1040, 5)), np.repeat(["old", "target"], [1000, 40])
    y = X.sum(axis=1) + 3 * (domains == "target") + 2 * rng.normal(size=1040)
    X_test = rng.normal(size=(2000, 5))
    y_test = X_test.sum(axis=1) + 3

    def score(**options):
        pipe = make_transfer_pipeline(DomainAugmenter(**options), Ridge())
        return pipe.fit(X, y, sample_domain=domains).score(X_test, y_test)

    assert score() > 0.8
    assert score(intercepts=False) < 0


def test_without_a_common_copy_each_domain_is_trained_by_itself():
    X, y, domains, X_test, _ = flipped(0)
    target = domains == "target"
    pipe = make_transfer_pipeline(
        DomainAugmenter(common_weight=0.0, intercepts=False),
        LogisticRegression(fit_intercept=False, tol=1e-8),
    )
    alone = LogisticRegression(fit_intercept=False, tol=1e-8).fit(X[target], y[target])
    assert_allclose(
        pipe.fit(X, y, sample_domain=domains).decision_function(X_test),
        alone.decision_function(X_test),
        atol=1e-4,
    )


def test_with_a_large_common_weight_all_rows_are_trained_alike():
    X, y, domains, X_test, _ = flipped(0)
    pipe = make_transfer_pipeline(
        DomainAugmenter(common_weight=1e6), LogisticRegression(C=1e-6, tol=1e-10, max_iter=10_000)
    )
    alike = LogisticRegression(C=1.0, tol=1e-10).fit(X, y)
    assert_allclose(
        pipe.fit(X, y, sample_domain=domains).decision_function(X_test),
        alike.decision_function(X_test),
        atol=1e-3,
    )


def test_names_of_features():
    pandas = pytest.importorskip("pandas")
    X, domains = make_rows(n_features=2)
    frame = pandas.DataFrame(X, columns=["cost", "size"], index=np.arange(len(X)) + 100)
    augmenter = DomainAugmenter().set_output(transform="pandas")
    mapped = augmenter.fit_transform(frame, sample_domain=pandas.Series(domains))
    names = [
        "cost",
        "size",
        "books__cost",
        "books__size",
        "dvds__cost",
        "dvds__size",
        "target__cost",
        "target__size",
        "books__1",
        "dvds__1",
        "target__1",
    ]
    assert list(mapped.columns) == list(augmenter.get_feature_names_out()) == names
    assert_array_equal(mapped.index, frame.index)
    assert_array_equal(mapped["dvds__size"], np.where(domains == "dvds", X[:, 1], 0))
    alone = DomainAugmenter().fit(X)
    assert list(alone.get_feature_names_out()) == ["x0", "x1"]
    assert list(alone.get_feature_names_out(["a", "b"])) == ["a", "b"]
    with pytest.raises(ValueError, match="input_features should have length equal"):
        alone.get_feature_names_out(["a"])


def test_a_source_called_common_is_a_source():
    X, domains = make_rows(counts=(("common", 4), ("target", 4)))
    augmenter = DomainAugmenter().fit(X, sample_domain=domains)
    names = list(augmenter.get_feature_names_out())
    assert len(set(names)) == len(names) == 9 + 2


@pytest.mark.parametrize("parameters", [{}, *OTHERS])
def test_rows_of_one_source_alone_are_as_among_others(parameters):
    X, domains = make_rows()
    augmenter = DomainAugmenter(random_state=0, **parameters).fit(X, sample_domain=domains)
    here = domains == "dvds"
    alone = augmenter.transform(X[here], sample_domain=domains[here])
    assert_allclose(alone, augmenter.transform(X, sample_domain=domains)[here], atol=1e-12)


@pytest.mark.parametrize("parameters", [{}, *OTHERS])
def test_without_sample_domain_there_are_no_copies(parameters):
    X, _ = make_rows()
    augmenter = DomainAugmenter(random_state=0, **parameters)
    mapped = augmenter.fit_transform(X)
    if "kernel" in parameters:
        assert_array_equal(mapped, augmenter.kernel_map_.transform(X))
    else:
        assert_array_equal(mapped, X)
        assert not np.shares_memory(mapped, X)


def test_random_state_draws_the_rows_to_be_compared_with():
    X, domains = make_rows()

    def mapped(random_state):
        augmenter = DomainAugmenter(kernel="rbf", n_components=3, random_state=random_state)
        return augmenter.fit_transform(X, sample_domain=domains)

    state = np.random.get_state()[1].copy()
    assert_array_equal(mapped(0), mapped(0))
    assert_array_equal(mapped(np.random.RandomState(5)), mapped(np.random.RandomState(5)))
    assert np.abs(mapped(None) - mapped(None)).max() > 1e-3
    assert_array_equal(np.random.get_state()[1], state)


def test_a_source_that_fit_has_not_seen():
    X, domains = make_rows()
    message = (
        "sample_domain names the source domains ['music'], but DomainAugmenter.fit has seen "
        "['books', 'dvds']; fit with rows of these sources, or leave sample_domain out for target "
        "rows."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        DomainAugmenter().fit(X, sample_domain=domains).transform(X[:1], sample_domain=["music"])


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (
            {"kernel_params": {"gamma": 1}},
            r"kernel='linear' takes no arguments, but kernel_params=\{'gamma': 1\}; pass None, or "
            r"the kernel that these are for\.",
        ),
        ({"kernel": "gauss"}, "The 'kernel' parameter .* Got 'gauss' instead."),
        ({"n_components": 0}, "The 'n_components' parameter .* Got 0 instead."),
        ({"common_weight": -1.0}, "The 'common_weight' parameter .* Got -1.0 instead."),
    ],
)
def test_parameters_that_make_no_sense(parameters, message):
    with pytest.raises(ValueError, match=message):
        DomainAugmenter(**parameters).fit(np.eye(3))


def test_two_columns_of_one_name_are_refused():
    X, domains = make_rows(n_features=2)
    augmenter = DomainAugmenter().fit(X, sample_domain=domains)
    message = (
        "DomainAugmenter would name two columns alike, ['books__x']: a feature and the copy of "
        "another for a domain, or a domain's column of ones; rename these features of X."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        augmenter.get_feature_names_out(["x", "books__x"])
    with pytest.raises(ValueError, match=re.escape("two columns alike, ['books__1', 'dvds__1', ")):
        augmenter.get_feature_names_out(["x", "1"])
    assert len(set(augmenter.get_feature_names_out(["x", "music__x"]))) == 8 + 3


def test_an_argument_that_the_kernel_has_not_is_refused():
    X, domains = make_rows()
    augmenter = DomainAugmenter(kernel="rbf", kernel_params={"gama": 0.1})
    with pytest.raises(TypeError, match="unexpected keyword argument 'gama'"):
        augmenter.fit(X, sample_domain=domains)


def test_sparse_rows_are_compared_with_the_rows_that_dense_ones_are():
    rng = np.random.default_rng(2)
    X = np.where(rng.random((60, 4)) < 0.5, rng.normal(size=(60, 4)), 0.0)
    sample_domain = np.repeat(["lab", "target"], 30)
    augmenter = DomainAugmenter(kernel="rbf", n_components=7, random_state=0)
    expected = augmenter.fit_transform(X, sample_domain=sample_domain)
    found = augmenter.fit_transform(sparse.csr_array(X), sample_domain=sample_domain)
    np.testing.assert_allclose(found, expected, atol=1e-12)
