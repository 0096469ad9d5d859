"""SelfTaughtEncoder: who teaches the atoms, units, and what they are good for."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from sktransfer.datasets import load_printed_digits
from sktransfer.feature import SelfTaughtEncoder


def make_rows(seed=0, counts=(("letters", 60), ("symbols", 30), ("target", 40))):
    rng = np.random.default_rng(seed)
    names = np.repeat([name for name, _ in counts], [count for _, count in counts])
    parts = rng.normal(size=(8, 6))
    X = np.where(rng.uniform(size=(len(names), 8)) < 0.3, 1.0, 0.0) @ parts
    order = rng.permutation(len(names))
    return X[order], names[order]


def fitted(X, sample_domain, **parameters):
    encoder = SelfTaughtEncoder(**{"n_components": 10, "random_state": 0, **parameters})
    return encoder.fit(X, sample_domain=sample_domain)


def test_codes_meet_the_conditions_of_the_lasso_on_centred_and_scaled_rows():
    X, sample_domain = make_rows()
    encoder = fitted(X, sample_domain, alpha=0.15, tol=1e-13, n_components=5)
    source = X[sample_domain != "target"]
    mean = source.mean(axis=0)
    scale = np.sqrt(np.mean(np.sum((source - mean) ** 2, axis=1)))
    codes = encoder.transform(X)
    correlations = ((X - mean) / scale - codes @ encoder.components_) @ encoder.components_.T
    used = codes != 0
    assert 0.2 < used.mean() < 0.9
    assert_allclose(correlations[used], 0.15 * np.sign(codes[used]), atol=1e-5)
    assert np.abs(correlations[~used]).max() <= 0.15 + 1e-5


def test_rows_of_the_target_teach_nothing():
    X, sample_domain = make_rows()
    encoder = fitted(X, sample_domain)
    garbled = np.where((sample_domain == "target")[:, None], 1e3 * X[::-1] + 5, X)
    other = fitted(garbled, sample_domain)
    assert_array_equal(other.components_, encoder.components_)
    assert_array_equal(other.mean_, encoder.mean_)
    assert other.scale_ == encoder.scale_
    assert other.objective_ == encoder.objective_
    garbled = np.where((sample_domain == "letters")[:, None], X[::-1], X)
    assert np.abs(fitted(garbled, sample_domain).mean_ - encoder.mean_).max() > 1e-3


def test_without_a_source_the_rows_teach_themselves():
    X, sample_domain = make_rows()
    source = X[sample_domain != "target"]
    assert_array_equal(fitted(source, None).components_, fitted(X, sample_domain).components_)


def test_neither_unit_nor_origin_counts():
    X, sample_domain = make_rows()
    codes = fitted(X, sample_domain, tol=1e-12).transform(X)
    moved = fitted(8 * X - 3, sample_domain, tol=1e-12)
    assert_allclose(moved.transform(8 * X - 3), codes, atol=1e-5)
    assert moved.scale_ == pytest.approx(8 * fitted(X, sample_domain).scale_)


def test_a_large_alpha_leaves_nothing_and_a_small_one_everything():
    X, sample_domain = make_rows()
    target = X[sample_domain == "target"]
    assert not fitted(X, sample_domain, alpha=10.0).transform(X).any()
    encoder = fitted(X, sample_domain, alpha=1e-4, n_components=30)
    again = encoder.transform(target) @ encoder.components_ * encoder.scale_ + encoder.mean_
    assert_allclose(again, target, atol=1e-2 * encoder.scale_)


def test_other_seeds_give_other_atoms():
    X, sample_domain = make_rows()
    first, other = (fitted(X, sample_domain, random_state=seed) for seed in (3, 4))
    assert np.abs(first.components_ - other.components_).max() > 1e-3
    assert not np.array_equal(
        fitted(X, sample_domain, random_state=None).components_,
        fitted(X, sample_domain, random_state=None).components_,
    )


def test_the_number_of_atoms_is_clipped_to_the_rows_that_teach():
    X, _ = make_rows()
    sample_domain = ["letters"] * 4 + ["target"] * (len(X) - 4)
    encoder = fitted(X, sample_domain, n_components=10)
    assert encoder.n_components_ == 4
    assert encoder.transform(X).shape == (len(X), 4)
    assert encoder.get_feature_names_out().tolist() == [
        "selftaughtencoder0",
        "selftaughtencoder1",
        "selftaughtencoder2",
        "selftaughtencoder3",
    ]


def made_of_parts(n_rows, parts, rng):
    """Rows of signed parts, two of twenty each, under noise; the class is the sign of the first."""
    codes = np.zeros((n_rows, len(parts)))
    for row in codes:
        row[rng.choice(len(parts), 2, replace=False)] = rng.choice([-1, 1], 2)
    return codes @ parts + 0.15 * rng.normal(size=(n_rows, parts.shape[1])), codes


def test_few_labels_go_further_with_atoms_of_unlabelled_rows():
    gains = []
    for seed in range(2):
        rng = np.random.default_rng(seed)
        parts = rng.normal(size=(20, 30)) / np.sqrt(30)
        X_source, _ = made_of_parts(300, parts, rng)
        X, codes = made_of_parts(500, parts, rng)
        # The class is the presence, of either sign, of one part: no linear function of the row.
        y = codes[:, 0] != 0
        train = np.r_[np.flatnonzero(y)[:20], np.flatnonzero(~y)[:20]]
        test = np.setdiff1d(np.arange(len(y)), train)
        encoder = SelfTaughtEncoder(20, alpha=0.15, max_iter=15, random_state=0).fit(
            np.r_[X_source, X], sample_domain=["source"] * 300 + ["target"] * 500
        )
        activations = np.abs(encoder.transform(X))
        scores = [
            LogisticRegression(C=10, class_weight="balanced").fit(Z[train], y[train])
            for Z in (np.abs(X), activations)
        ]
        balanced = [
            np.mean([np.mean(model.predict(Z[test][y[test] == c]) == c) for c in (True, False)])
            for model, Z in zip(scores, (np.abs(X), activations), strict=True)
        ]
        gains.append(balanced[1] - balanced[0])
    assert np.mean(gains) > 0.1


def test_atoms_of_printed_digits_span_handwritten_ones_better_than_principal_axes_of_as_few_terms():
    printed, _ = load_printed_digits(return_X_y=True)
    handwritten, _ = load_digits(return_X_y=True)
    printed, handwritten = printed[::4], handwritten[::6]
    X = np.r_[printed, handwritten]
    sample_domain = ["printed"] * len(printed) + ["target"] * len(handwritten)
    encoder = SelfTaughtEncoder(64, alpha=0.1, max_iter=8, random_state=0)
    codes = encoder.fit(X, sample_domain=sample_domain).transform(handwritten)
    rows = (handwritten - encoder.mean_) / encoder.scale_
    n_terms = int(np.ceil((codes != 0).sum(axis=1).mean()))
    # Least squares on the atoms of each code, against as many axes, the same for all rows.
    left = 0.0
    for row, code in zip(rows, codes, strict=True):
        used = encoder.components_[code != 0].T
        left += np.sum((row - used @ np.linalg.lstsq(used, row, rcond=None)[0]) ** 2)
    axes = np.linalg.svd(printed - encoder.mean_)[2][:n_terms]
    assert left < np.sum((rows - rows @ axes.T @ axes) ** 2)


@pytest.mark.parametrize("rows", [np.zeros((5, 3)), np.ones((4, 1)), np.ones((1, 3))])
def test_rows_that_are_all_the_same_have_no_code(rows):
    assert_array_equal(SelfTaughtEncoder().fit_transform(rows), np.zeros((len(rows), 1)))


def test_parameters_that_make_no_sense():
    for parameters, message in [
        ({"alpha": 0.0}, r"The 'alpha' parameter .* in the range \(0.0, inf\). Got 0.0 instead."),
        ({"n_components": 0}, r"The 'n_components' parameter .* \[1, inf\). Got 0 instead."),
        ({"tol": 0}, r"The 'tol' parameter .* in the range \(0.0, inf\). Got 0 instead."),
    ]:
        with pytest.raises(ValueError, match=message):
            SelfTaughtEncoder(**parameters).fit(np.eye(3))
