"""Class means and unlabelled rows: the limits, the shares, and when it helps and hurts."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import ConvergenceWarning

from sktransfer import PrototypeClassifier, TransductivePrototypeClassifier
from tests.shelf import whole

RNG = np.random.default_rng(0)
MEANS = RNG.normal(size=(5, 10))
NEW = RNG.normal(size=(40, 10))


def draw(counts, seed):
    """Rows of five classes, one of each labelled, and the true classes of the others."""
    rng = np.random.default_rng(seed)
    truth = np.concatenate([np.arange(5), np.repeat(np.arange(5), counts)])
    X = MEANS[truth] + 1.2 * rng.normal(size=(len(truth), 10))
    y = truth.astype(float)
    y[5:] = np.nan
    return X, y, truth[5:]


def accuracy(model, counts):
    scores = []
    for seed in range(20):
        X, y, truth = draw(counts, seed)
        scores.append(model.fit(X, y).score(X[5:], truth))
    return np.mean(scores)


@pytest.mark.parametrize("whiten", [False, True])
def test_without_unlabelled_target_rows_it_is_the_plain_method(whiten):
    rng = np.random.default_rng(1)
    X, y = rng.normal(size=(60, 4)), np.arange(60) % 6
    y[40:] += 6
    domain = np.repeat(["old", "target"], [40, 20])
    labels = y.astype(float)
    labels[:5] = np.nan  # of the source
    params = {"whiten": whiten, "temperature": 0.3}
    model = TransductivePrototypeClassifier(**params).fit(X, labels, sample_domain=domain)
    plain = PrototypeClassifier(**params).fit(X, labels, sample_domain=domain)
    assert model.n_iter_ == 1
    assert_array_equal(model.prototypes_, plain.prototypes_)
    assert_allclose(model.predict_proba(X), plain.predict_proba(X))


@pytest.mark.parametrize("balance", [0, 0.5, 0.9, 1])
def test_the_means_are_those_of_the_assignments_of_predict_proba(balance):
    X, y, _ = draw([10] * 5, 0)
    model = TransductivePrototypeClassifier(balance=balance, tol=1e-5, max_iter=1000).fit(X, y)
    mapped = X / np.linalg.norm(X, axis=1, keepdims=True)
    weights = np.vstack([np.eye(5), model.predict_proba(X[5:])])
    expected = weights.T @ mapped / weights.sum(axis=0)[:, None]
    assert_allclose(model.prototypes_, expected, atol=1e-3)


def test_full_balance_gives_each_class_its_share():
    X, y, _ = draw([4, 8, 12, 16, 20], 0)
    model = TransductivePrototypeClassifier(balance=1).fit(X, y)
    assert_allclose(model.predict_proba(X[5:]).sum(axis=0), 12, rtol=1e-3)
    plain = TransductivePrototypeClassifier(balance=0).fit(X, y)
    assert_array_equal(plain.bias_, np.zeros(5))


def test_balance_helps_if_the_shares_are_equal_and_hurts_if_they_differ():
    equal, skewed = [20] * 5, [88, 3, 3, 3, 3]
    plain, free, balanced = (
        PrototypeClassifier(),
        TransductivePrototypeClassifier(balance=0),
        TransductivePrototypeClassifier(balance=1),
    )
    assert accuracy(balanced, equal) > accuracy(plain, equal) + 0.1
    assert accuracy(balanced, equal) > accuracy(free, equal)
    assert accuracy(balanced, skewed) < accuracy(plain, skewed) - 0.05


def test_unlabelled_rows_of_the_source_move_no_mean_but_the_offset():
    X, y, _ = draw([10] * 5, 0)
    rows, labels = np.concatenate([NEW, X]), np.concatenate([np.full(40, np.nan), y])
    domain = np.repeat(["old", "target"], [40, 55])
    model = TransductivePrototypeClassifier().fit(rows, labels, sample_domain=domain)
    moved = TransductivePrototypeClassifier().fit(X - NEW.mean(axis=0), y)
    assert_allclose(model.prototypes_, moved.prototypes_)


def test_too_few_iterations_give_a_warning():
    X, y, _ = draw([10] * 5, 0)
    sentence = (
        "TransductivePrototypeClassifier did not converge in max_iter=1 iterations: an assignment "
        "still changes by inf; increase max_iter, tol or temperature."
    )
    with pytest.warns(ConvergenceWarning, match=whole(sentence)):
        TransductivePrototypeClassifier(max_iter=1).fit(X, y)
