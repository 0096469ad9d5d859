"""The tables of MNIST and USPS: rows without chance to the digit, and what methods read."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from benchmarks import mnist_usps, office_caltech
from benchmarks._data import DataError, find_data_home, load_mnist_usps
from benchmarks.mnist_usps import (
    LABEL_COUNTS,
    METHODS,
    Method,
    accuracies,
    compare_few_labels,
    compare_unlabelled,
    draw_labelled,
    few_label_methods,
    prepare,
)
from benchmarks.office_caltech import (
    aligned_centroid,
    encoded_svm,
    linear_svm,
    transport_aligners,
)
from sktransfer import DenoisingEncoder, MomentAligner

BY_NAME = {method.name: method for method in METHODS}


@pytest.fixture(scope="module")
def prepared():
    pytest.importorskip("h5py")
    try:
        return prepare(load_mnist_usps(find_data_home()))
    except DataError as error:
        if "SHA-256" in str(error):
            raise
        pytest.skip(str(error))


def made_up(n_rows=30):
    """Two domains of three classes, apart in two features; the second is the first, moved."""
    rng = np.random.default_rng(0)
    y = np.arange(n_rows) % 3 + 1
    centers = np.array([[5.0, 0.0, 1.0], [0.0, 5.0, 1.0], [5.0, 5.0, 1.0]])
    return {
        name: (centers[y - 1] + shift + 0.1 * rng.uniform(size=(n_rows, 3)), y)
        for name, shift in (("mnist", 0.0), ("usps", 0.2))
    }


@pytest.mark.parametrize(
    ("name", "expected"),
    [("1-NN", (65.94, 44.70)), ("PCA (100) + 1-NN", (66.22, 44.95))],
)
def test_rows_without_chance_are_the_published_ones(name, expected, prepared):
    found = accuracies(BY_NAME[name], prepared)
    assert_allclose(found, expected, rtol=0, atol=0.01)
    # The paper has one decimal, of 65.94 and 44.70, 66.22 and 44.95.
    assert_allclose(found, BY_NAME[name].published, rtol=0, atol=0.06)


def test_nearest_centroid_is_what_the_class_means_say(prepared):
    X_source, y_source = prepared["unit"]["mnist"]
    X_target, y_target = prepared["unit"]["usps"]
    means = np.stack([X_source[y_source == label].mean(axis=0) for label in range(1, 11)])
    nearest = np.argmin(((X_target[:, None] - means) ** 2).sum(axis=2), axis=1) + 1
    with pytest.warns(UserWarning, match="zero standard deviation"):
        found = accuracies(BY_NAME["nearest centroid"], prepared)
    assert_allclose(found[0], 100 * np.mean(nearest == y_target), rtol=0, atol=0.01)


def test_an_encoded_svm_is_the_linear_svm_on_encoded_rows():
    (X_source, y), (X_target, _) = made_up(60).values()
    encoder = DenoisingEncoder(n_layers=2)
    X = np.concatenate([X_source, X_target])
    encoder.fit(X, sample_domain=np.repeat(["source", "target"], 60))
    rng = np.random.default_rng(0)
    y = np.where(rng.uniform(size=60) < 0.2, 1, y)  # so that C matters
    expected = linear_svm(encoder.transform(X_source), y, encoder.transform(X_target))
    found = encoded_svm(X_source, y, X_target, encoder=DenoisingEncoder(n_layers=2))
    assert (found == expected).all()


def test_aligned_centroids_are_means_of_moved_rows():
    # The moments of the target are those of the source, times 2 and plus 10.
    rng = np.random.default_rng(0)
    X_source, y = rng.normal(size=(40, 2)), np.arange(40) % 2
    X_source[:, 0] += 3 * y
    X_target = 10 + 2 * X_source
    found = aligned_centroid(X_source, y, X_target, aligner=MomentAligner())
    means = np.stack([X_target[y == label].mean(axis=0) for label in (0, 1)])
    expected = np.argmin(((X_target[:, None] - means) ** 2).sum(axis=2), axis=1)
    assert (found == expected).all()


def test_exact_transport_is_left_out_where_pot_is_not_installed(monkeypatch):
    monkeypatch.setattr(office_caltech, "find_spec", lambda name: None)
    assert list(transport_aligners()) == ["entropic", "by classes", "linear"]
    monkeypatch.setattr(office_caltech, "find_spec", lambda name: name)
    assert transport_aligners()["exact"].method == "exact"


def test_rows_have_length_one_or_columns_are_standardised():
    domains = prepare(made_up())
    for X, _ in domains["unit"].values():
        assert_allclose((X**2).sum(axis=1), 1)
    for X, _ in domains["standardised"].values():
        assert_allclose(X.mean(axis=0), 0, atol=1e-12)
        assert_allclose(X.std(axis=0, ddof=0), 1)


def test_each_direction_has_its_own_source_and_labels():
    calls = []

    def always_one(X_source, y_source, X_target):
        calls.append((len(X_source), len(X_target)))
        return np.ones(len(X_target))

    domains = made_up()
    domains["usps"] = tuple(part[:10] for part in domains["usps"])
    found = accuracies(Method("one", always_one), prepare(domains))
    assert calls == [(30, 10), (10, 30)]
    assert_allclose(found, [100 * 4 / 10, 100 * 10 / 30])


def test_the_difference_is_ours_less_theirs_and_the_reason_stands_only_where_there_is_one():
    method = Method("M", None, published=(60.0, 50.0), because="for a reason")
    assert mnist_usps._difference(method, [61.0, 49.5]) == (
        "M, ours less published: M→U +1.0, U→M -0.5 (for a reason)."
    )
    assert mnist_usps._difference(method, [60.04, 50.0]).endswith("U→M +0.0.")


def test_the_first_table_has_a_row_a_method_and_a_note_where_there_is_a_figure():
    methods = [BY_NAME["1-NN"], BY_NAME["1-NN, standardised"]]
    table = compare_unlabelled(prepare(made_up()), methods)
    assert [row[:5] for row in table.rows] == [
        ("1-NN", 100.0, 100.0, 65.9, 44.7),
        ("1-NN, standardised", 100.0, 100.0, None, None),
    ]
    assert sum("ours less published" in note for note in table.notes) == 1


def test_a_draw_has_as_many_rows_of_each_class():
    y = np.repeat([3, 1, 2], 10)
    mask = draw_labelled(y, 4, seed=0)
    assert np.unique(y[mask], return_counts=True)[1].tolist() == [4, 4, 4]
    assert (mask == draw_labelled(y, 4, seed=0)).all()
    assert (mask != draw_labelled(y, 4, seed=1)).any()


def test_few_label_methods_read_the_rows_that_their_names_say():
    # The source says the contrary of the target; the pooled neighbour is the nearer one.
    source = np.array([[0.0, 1.0], [1.0, 0.0], [0.0, 0.9], [0.9, 0.0]]), np.array([1, 2, 1, 2])
    labelled = np.array([[0.1, 1.0], [1.0, 0.1], [0.1, 0.9], [0.9, 0.1]]), np.array([2, 1, 2, 1])
    X_test = np.array([[0.0, 1.0], [1.0, 0.0]])
    methods = few_label_methods()
    predicted = {name: predict(source, labelled, X_test) for name, predict in methods.items()}
    assert predicted["source only, logistic"].tolist() == [1, 2]
    for name in ("target only, 1-NN", "target only, centroid", "target only, logistic"):
        assert predicted[name].tolist() == [2, 1], name
    assert predicted["pooled, 1-NN"].tolist() == [1, 2]
    assert methods["pooled, 1-NN"](source, labelled, labelled[0]).tolist() == [2, 1, 2, 1]
    # EasyAdapt has a copy of the features for the target, which learns that it is contrary.
    assert predicted["EasyAdapt, logistic"].tolist() == [2, 1]


def test_the_second_table_scores_rows_that_were_not_drawn(monkeypatch):
    sizes = []

    def spy(source, labelled, X_test):
        sizes.append((len(source[0]), len(labelled[0]), len(X_test)))
        return np.zeros(len(X_test))

    monkeypatch.setattr(mnist_usps, "few_label_methods", lambda: {"spy": spy})
    domains = {name: (np.zeros((60, 2)), np.arange(60) % 3) for name in mnist_usps.DOMAINS.values()}
    table = compare_few_labels(domains, n_draws=1)
    assert sizes == 2 * [(60, 3 * n, 60 - 3 * n) for n in LABEL_COUNTS]
    assert table.rows[0][:7] == ("spy", *6 * ["33.3 (0.0)"])
