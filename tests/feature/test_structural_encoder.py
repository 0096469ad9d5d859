"""StructuralEncoder: its pivots, its directions against the definition, and what it is good for."""

import re

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression, Ridge

from sktransfer import make_transfer_pipeline
from sktransfer.feature import StructuralEncoder

PIVOTS, OF_BOOKS, OF_TARGET = np.arange(8), np.arange(8, 28), np.arange(28, 48)


def make_reviews(n_rows=300, seed=0):
    """Two classes of rows of 48 words: 8 pivots that both domains have, 20 words of books, 20 of
    the target; the first half of each goes with class 0. Pivots are rare, other words less so."""
    rng = np.random.default_rng(seed)
    y = rng.integers(2, size=2 * n_rows)
    sample_domain = np.repeat(["books", "target"], n_rows)
    chance = np.zeros((2 * n_rows, 48))
    for words, rows in (
        (PIVOTS, slice(None)),
        (OF_BOOKS, sample_domain == "books"),
        (OF_TARGET, sample_domain == "target"),
    ):
        kind = np.repeat([0, 1], len(words) // 2)
        chance[np.ix_(np.arange(2 * n_rows)[rows], words)] = np.where(
            y[rows][:, None] == kind, 0.25, 0.05
        )
    return (rng.uniform(size=chance.shape) < chance).astype(float), y, sample_domain


def test_the_projection_is_the_published_one_up_to_the_loss():
    X, _, sample_domain = make_reviews()
    encoder = StructuralEncoder(3, pivots=PIVOTS, ridge=0.5, scale=2.0)
    encoded = encoder.fit_transform(X, sample_domain=sample_domain)
    others, Y = X[:, 8:], X[:, :8]
    scale = np.mean(np.sum((others - others.mean(axis=0)) ** 2, axis=0))
    W = Ridge(0.5 * scale).fit(others, Y / Y.std(axis=0)).coef_.T
    theta = np.linalg.svd(W)[0][:, :3]
    projected = (others - others.mean(axis=0)) @ theta
    lengths = np.sqrt([np.mean(np.sum(Z**2, axis=1)) for Z in (X, projected)])
    expected = projected * 2 * lengths[0] / lengths[1]
    added = encoded[:, 48:]
    assert_allclose(added, expected * np.sign(np.sum(added * expected, axis=0)), atol=1e-9)
    assert_array_equal(encoded[:, :48], X)
    assert_allclose(encoder.singular_values_, np.linalg.svd(W)[1][:3])


def test_words_of_the_target_are_put_next_to_those_of_books():
    X, _, sample_domain = make_reviews(n_rows=1000)
    encoder = StructuralEncoder(1, pivots=PIVOTS).fit(X, sample_domain=sample_domain)
    direction = encoder.components_.ravel()
    assert_array_equal(direction[PIVOTS], 0)
    for words in (OF_BOOKS, OF_TARGET):
        first, second = np.split(direction[words], 2)
        assert len(np.unique(np.sign(first))) == len(np.unique(np.sign(second))) == 1
        assert np.sign(first[0]) == -np.sign(second[0]) == np.sign(direction[OF_BOOKS[0]])


@pytest.mark.parametrize("pivots", [PIVOTS, "mutual_information"])
def test_a_classifier_of_source_words_gains_on_the_target(pivots):
    gains = []
    for seed in range(5):
        X, y, sample_domain = make_reviews(seed=seed)
        source = sample_domain == "books"
        plain = LogisticRegression().fit(X[source], y[source])
        encoder = StructuralEncoder(2, pivots=pivots, n_pivots=8)
        pipe = make_transfer_pipeline(encoder, LogisticRegression())
        pipe.fit(X, np.where(source, y, np.nan), sample_domain=sample_domain)
        X_new, y_new, domain_new = make_reviews(seed=seed + 100)
        X_new, y_new = X_new[domain_new == "target"], y_new[domain_new == "target"]
        gains.append(pipe.score(X_new, y_new) - plain.score(X_new, y_new))
    assert np.mean(gains) > 0.1


def test_pivots_by_frequency_are_frequent_in_every_domain():
    X, y, sample_domain = make_reviews()
    # 0 is in all rows of books and in none of the target; 3 and 5 are in a third of both.
    X[:, [0, 3, 5]] = 0
    X[sample_domain == "books", 0] = 1
    X[::3, [3, 5]] = 1
    encoder = StructuralEncoder(n_pivots=2).fit(X, sample_domain=sample_domain)
    assert_array_equal(encoder.pivots_, [3, 5])
    encoder.fit(X, y, sample_domain=sample_domain)
    assert_array_equal(encoder.pivots_, [3, 5])
    assert encoder.fit(X).n_components_ == 2


def test_pivots_by_information_tell_the_class_and_are_in_every_domain():
    X, y, sample_domain = make_reviews()
    X[:, 20] = np.where(sample_domain == "books", y, 0)  # the label itself, but the target has none
    X[:, 30] = 1  # frequent, without information
    encoder = StructuralEncoder(pivots="mutual_information", n_pivots=8)
    assert_array_equal(encoder.fit(X, y, sample_domain=sample_domain).pivots_, PIVOTS)
    few = StructuralEncoder(pivots="mutual_information", n_pivots=8, min_rows=500)
    # In so many rows of both domains is none but column 30, so the rest is by frequency.
    by_frequency = StructuralEncoder(n_pivots=8).fit(X, sample_domain=sample_domain).pivots_
    assert_array_equal(few.fit(X, y, sample_domain=sample_domain).pivots_, by_frequency)


@pytest.mark.parametrize("kind", ["flipped", "missing", "another word"])
def test_labels_of_target_rows_change_no_bit(kind):
    X, y, sample_domain = make_reviews()
    encoder = StructuralEncoder(pivots="mutual_information", n_pivots=2)
    expected = encoder.fit_transform(X, y, sample_domain=sample_domain)
    pivots = encoder.pivots_
    word = np.setdiff1d(PIVOTS, pivots)[0]
    other = {"flipped": 1 - y, "missing": np.nan, "another word": X[:, word]}[kind]
    garbled = np.where(sample_domain == "target", other, y)
    assert_array_equal(encoder.fit_transform(X, garbled, sample_domain=sample_domain), expected)
    assert_array_equal(encoder.pivots_, pivots)


@pytest.mark.parametrize("word", [2, 5])
def test_labels_of_source_rows_choose_the_pivots(word):
    X, y, sample_domain = make_reviews()
    labels = np.where(sample_domain == "books", X[:, word], y)
    encoder = StructuralEncoder(pivots="mutual_information", n_pivots=1)
    assert_array_equal(encoder.fit(X, labels, sample_domain=sample_domain).pivots_, [word])


def test_labels_may_be_anything_and_missing():
    X, y, sample_domain = make_reviews()
    encoder = StructuralEncoder(pivots="mutual_information", n_pivots=8)
    half = np.array(["ant", "bee"], dtype=object)[y]
    half[::2] = None
    encoder.fit(X, half, sample_domain=sample_domain)
    kept = np.flatnonzero((np.arange(len(y)) % 2 == 1) | (sample_domain == "target"))
    first = encoder.pivots_
    information_alone = StructuralEncoder(pivots="mutual_information", n_pivots=8)
    information_alone.fit(X[kept], y[kept], sample_domain=sample_domain[kept])
    assert_array_equal(first, information_alone.pivots_)
    assert_array_equal(first, encoder.fit(X, half.tolist(), sample_domain=sample_domain).pivots_)


@pytest.mark.parametrize("make", [sparse.csr_array, sparse.csr_matrix, sparse.csc_array])
@pytest.mark.parametrize("pivots", [[5, 1, 3], "frequency", "mutual_information"])
def test_sparse_rows_are_encoded_as_dense_ones(pivots, make):
    X, y, sample_domain = make_reviews()
    encoder = StructuralEncoder(3, pivots=pivots, n_pivots=6)
    expected = encoder.fit_transform(X, y, sample_domain=sample_domain)
    encoded = encoder.fit_transform(make(X), y, sample_domain=sample_domain)
    assert encoded.format == "csr"
    assert_allclose(encoded.toarray(), expected, atol=1e-9)
    alone = encoder.set_params(keep_input=False).fit_transform(
        make(X), y, sample_domain=sample_domain
    )
    assert_allclose(alone, expected[:, 48:], atol=1e-9)


def test_more_features_than_rows_need_no_matrix_of_their_square():
    X = sparse.random(60, 30_000, 0.01, "csr", np.float32, random_state=0)
    encoder = StructuralEncoder(5, n_pivots=20)
    encoded = encoder.fit_transform(X)
    assert encoded.shape == (60, 30_005)
    assert encoded.dtype == np.float32


def test_the_block_has_the_length_that_scale_says_whatever_the_unit():
    X, _, sample_domain = make_reviews()
    for factor, scale in ((1, 1.0), (7, 1.0), (1, 0.2)):
        encoder = StructuralEncoder(3, scale=scale, keep_input=False)
        added = encoder.fit_transform(factor * X, sample_domain=sample_domain)
        assert_allclose(added.mean(axis=0), 0, atol=1e-9 * factor)
        ratio = np.sum(added**2) / np.sum((factor * X) ** 2)
        assert ratio == pytest.approx(scale**2)


def test_numbers_are_clipped():
    X, _, _ = make_reviews()
    encoder = StructuralEncoder().fit(X[:, :5])
    assert len(encoder.pivots_) == 2
    assert encoder.n_components_ == 2
    assert len(encoder.get_feature_names_out()) == 7


def test_what_it_needs_of_labels():
    X, y, sample_domain = make_reviews()
    encoder = StructuralEncoder(pivots="mutual_information")
    message = (
        "StructuralEncoder reads the labels of source rows, but y is None; pass y with a label for "
        "each source row (the labels of target rows are not read)."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        encoder.fit(X, sample_domain=sample_domain)
    message = (
        "StructuralEncoder(pivots='mutual_information') reads the labels of source rows, but no "
        "source row has one; label some, or pass pivots='frequency'."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        encoder.fit(X, np.full(len(X), np.nan), sample_domain=sample_domain)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        encoder.fit(X, y[:-1], sample_domain=sample_domain)
    message = (
        "StructuralEncoder(pivots='mutual_information') reads class labels, but those in y are of "
        "the type 'continuous'; pass classes (strings, booleans or whole numbers), or pass "
        "pivots='frequency', which reads no label."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        encoder.fit(X, y + 0.5 * X[:, 0], sample_domain=sample_domain)
    assert_array_equal(encoder.fit(X).pivots_, StructuralEncoder().fit(X).pivots_)


@pytest.mark.parametrize("pivots", [[], [0, 1, 2], [-1], [3], [0.5], [True, False, True]])
def test_columns_that_are_none(pivots):
    message = (
        f"pivots={pivots!r}: expected some, not all, of the columns 0 to 2 of X; name those, or "
        "pass 'frequency'."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        StructuralEncoder(pivots=pivots).fit(np.eye(3))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"pivots": "rare"}, r"The 'pivots' parameter .* Got 'rare' instead."),
        ({"ridge": 0.0}, r"The 'ridge' parameter .* in the range \(0.0, inf\). Got 0.0 instead."),
        ({"scale": 0.0}, r"The 'scale' parameter .* in the range \(0.0, inf\). Got 0.0 instead."),
    ],
)
def test_parameters_that_make_no_sense(parameters, message):
    with pytest.raises(ValueError, match=message):
        StructuralEncoder(**parameters).fit(np.eye(3))


@pytest.mark.parametrize("sample_domain", [None, ["old"] * 9 + ["target"] * 9])
def test_rows_that_are_all_zero_stay_zero(sample_domain):
    encoded = StructuralEncoder().fit_transform(np.zeros((18, 4)), sample_domain=sample_domain)
    assert_array_equal(encoded, np.zeros((18, 5)))


def test_where_the_zero_of_the_features_lies_changes_no_direction():
    X, _, sample_domain = make_reviews(n_rows=60)
    encoder = StructuralEncoder(2, pivots=PIVOTS, keep_input=False)
    expected = encoder.fit(X, sample_domain=sample_domain).components_
    found = encoder.fit(X + 1e8, sample_domain=sample_domain).components_
    cosines = np.sum(expected * found, axis=0) / (
        np.linalg.norm(expected, axis=0) * np.linalg.norm(found, axis=0)
    )
    assert_allclose(cosines, 1, rtol=1e-10)


def test_features_that_are_functions_of_others_are_one_sentence():
    X, _, sample_domain = make_reviews(n_rows=60)
    X[:, 30] = X[:, 31]
    sentence = (
        "StructuralEncoder(ridge=1e-20) finds features that are functions of others, to machine "
        "precision; increase ridge, or scale the features."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        StructuralEncoder(pivots=PIVOTS, ridge=1e-20).fit(X, sample_domain=sample_domain)


def test_the_input_keeps_its_names():
    X, _, _ = make_reviews(n_rows=20)
    encoder = StructuralEncoder(2, pivots=PIVOTS).fit(X)
    names = encoder.get_feature_names_out()
    assert list(names[[0, 47, 48, 49]]) == ["x0", "x47", "structuralencoder0", "structuralencoder1"]


def test_large_numbers_of_single_precision_have_a_length():
    X, _, _ = make_reviews(n_rows=20)
    encoder = StructuralEncoder(2, pivots=PIVOTS, keep_input=False)
    expected = encoder.fit_transform(X)
    found = encoder.fit_transform((X * 1e25).astype(np.float32))
    assert_allclose(found / np.float32(1e25), expected, atol=1e-3)


def test_single_precision_with_a_mean_far_beyond_the_spread():
    rng = np.random.default_rng(0)
    X = rng.poisson(0.5, size=(200, 12)) + 1e4 * (np.arange(12) % 2)
    X = X.astype(np.float32)  # whole numbers, so that both types hold the same rows
    sample_domain = np.repeat(["a", "target"], 100)
    encoder = StructuralEncoder(n_pivots=4, keep_input=False)
    double = encoder.fit(X.astype(np.float64), sample_domain=sample_domain).transform(X)
    single = clone(encoder).fit(X, sample_domain=sample_domain).transform(X)
    assert single.dtype == np.float32
    assert_allclose(single, double, rtol=1e-5, atol=1e-5 * np.abs(double).max())
