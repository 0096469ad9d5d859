"""DenoisingEncoder: its layers, its blocks, sparse rows, and what it is good for."""

import re

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.linear_model import LogisticRegression

from sktransfer import make_transfer_pipeline
from sktransfer._kernels.denoising import denoising_map
from sktransfer.feature import DenoisingEncoder


def make_words(n_rows=60, n_features=8, seed=0):
    rng = np.random.default_rng(seed)
    topics = rng.uniform(size=(n_rows, 2)) @ rng.uniform(size=(2, n_features))
    X = (rng.uniform(size=(n_rows, n_features)) < topics).astype(float)
    return X, np.array(["books", "target"])[rng.permutation(n_rows) % 2]


def make_reviews(n_rows=300, seed=0):
    """Two classes; ten words of each that only books have, ten that only the target has, and ten
    that both have. A row has few of its class's words, and hardly any of the other's."""
    rng = np.random.default_rng(seed)
    y = rng.integers(2, size=2 * n_rows)
    sample_domain = np.repeat(["books", "target"], n_rows)
    domain = np.repeat([0, 1], n_rows)
    kind = np.tile([0, 1, 2], 20)  # of books, of the target, of both
    sign = np.repeat([0, 1], 30)
    usual = (kind[None] == 2) | (kind[None] == domain[:, None])
    chance = np.where(usual, np.where(sign[None] == y[:, None], 0.2, 0.06), 0.0)
    return (rng.uniform(size=chance.shape) < chance).astype(float), y, sample_domain


def test_layers_are_tanh_of_the_map_of_the_layer_before():
    X, sample_domain = make_words()
    encoded = DenoisingEncoder(3, noise=0.4, ridge=0.1).fit_transform(
        X, sample_domain=sample_domain
    )
    outputs = [X]
    for _ in range(3):
        coef, intercept = denoising_map(outputs[-1], noise=0.4, ridge=0.1)
        outputs.append(np.tanh(outputs[-1] @ coef + intercept))
    assert_allclose(encoded, np.concatenate(outputs, axis=1), atol=1e-12)
    alone = DenoisingEncoder(3, noise=0.4, ridge=0.1, keep_input=False)
    assert_allclose(alone.fit_transform(X), encoded[:, 8:], atol=1e-12)


def test_rows_of_all_domains_teach_alike_and_no_label_does():
    X, sample_domain = make_words()
    fitted = DenoisingEncoder().fit(X, np.zeros(60), sample_domain=sample_domain)
    plain = DenoisingEncoder().fit(X)
    for one, other in zip(fitted.coefs_, plain.coefs_, strict=True):
        assert_array_equal(one, other)
    assert fitted.source_domains_ == ("books",)


def test_a_lost_word_is_given_back():
    X, _ = make_words()
    X = np.c_[X, X[:, 0]]  # two words that always go together
    encoder = DenoisingEncoder(1, keep_input=False).fit(X)
    none, other = np.zeros((2, 9))
    other[8] = 1
    gain = encoder.transform([other])[0] - encoder.transform([none])[0]
    assert gain[0] == pytest.approx(gain[8], abs=1e-9)
    assert gain[0] > 2 * np.abs(gain[1:8]).max()


def test_a_classifier_of_source_words_gains_on_the_target():
    gains = []
    for seed in range(5):
        X, y, sample_domain = make_reviews(seed=seed)
        source = sample_domain == "books"
        plain = LogisticRegression().fit(X[source], y[source])
        labels = np.where(source, y, np.nan)
        pipe = make_transfer_pipeline(DenoisingEncoder(3), LogisticRegression())
        pipe.fit(X, labels, sample_domain=sample_domain)
        X_new, y_new, domain_new = make_reviews(seed=seed + 100)
        X_new, y_new = X_new[domain_new == "target"], y_new[domain_new == "target"]
        gains.append(pipe.score(X_new, y_new) - plain.score(X_new, y_new))
    assert np.mean(gains) > 0.05


@pytest.mark.parametrize("make", [sparse.csr_array, sparse.csr_matrix, sparse.csc_array])
@pytest.mark.parametrize("n_targets", [3, 5000])
def test_sparse_rows_are_encoded_as_dense_ones(n_targets, make):
    X, sample_domain = make_words()
    dense = DenoisingEncoder(2, n_targets=n_targets)
    expected = dense.fit_transform(X, sample_domain=sample_domain)
    encoder = DenoisingEncoder(2, n_targets=n_targets)
    encoded = encoder.fit_transform(make(X), sample_domain=sample_domain)
    assert encoded.format == "csr"
    assert_allclose(encoded.toarray(), expected, atol=1e-10)
    assert_allclose(encoder.transform(X[:4]), expected[:4], atol=1e-10)
    encoder.set_params(keep_input=False)
    assert_allclose(encoder.fit_transform(make(X)), expected[:, 8:], atol=1e-10)


def test_few_targets_are_the_most_frequent_features():
    X, _ = make_words(n_features=8)
    X[:, [2, 5, 6]] = 1
    X[:10, 2] = 0
    encoder = DenoisingEncoder(2, n_targets=3, keep_input=False).fit(X)
    assert_array_equal(encoder.targets_, [2, 5, 6])
    assert [coef.shape for coef in encoder.coefs_] == [(8, 3), (3, 3)]
    assert encoder.transform(X).shape == (60, 6)


def test_many_features_make_no_matrix_of_their_square():
    X = sparse.random(60, 30_000, 0.002, "csr", np.float32, random_state=0)
    encoded = DenoisingEncoder(2, n_targets=200).fit_transform(X)
    assert encoded.shape == (60, 30_400)
    assert encoded.dtype == np.float32


def test_names_of_columns():
    X = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    added = [f"denoisingencoder{k}" for k in range(4)]
    encoder = DenoisingEncoder(2).fit(X)
    assert list(encoder.get_feature_names_out()) == ["x0", "x1", *added]
    assert list(encoder.get_feature_names_out(["good", "bad"])) == ["good", "bad", *added]
    assert list(encoder.set_params(keep_input=False).fit(X).get_feature_names_out()) == added
    frame = pytest.importorskip("pandas").DataFrame(X, columns=["good", "bad"])
    mapped = DenoisingEncoder(2).set_output(transform="pandas").fit_transform(frame)
    assert list(mapped.columns) == ["good", "bad", *added]
    assert_array_equal(mapped[["good", "bad"]], frame)


def test_a_ridge_that_does_not_do():
    X = np.repeat(make_words()[0][:, :1], 3, axis=1)
    message = (
        "DenoisingEncoder(noise=0.0, ridge=1e-300) finds features that are functions of others, in "
        "layer 1; increase ridge."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        DenoisingEncoder(noise=0.0, ridge=1e-300).fit(X)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"noise": 1.0}, r"The 'noise' parameter .* in the range \[0.0, 1.0\). Got 1.0 instead."),
        ({"ridge": 0.0}, r"The 'ridge' parameter .* in the range \(0.0, inf\). Got 0.0 instead."),
        ({"n_layers": 0}, r"The 'n_layers' parameter .* in the range \[1, inf\). Got 0 instead."),
    ],
)
def test_parameters_that_make_no_sense(parameters, message):
    with pytest.raises(ValueError, match=message):
        DenoisingEncoder(**parameters).fit(np.eye(3))
