"""Scores of features and outputs as users call them: labels, limits, messages."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.datasets import load_iris
from sklearn.linear_model import LinearRegression
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import LeaveOneOut, cross_val_predict

from sktransfer import ridge_probe
from sktransfer.transferability import (
    gbc_score,
    h_score,
    leep_score,
    logme_score,
    nce_score,
    nleep_score,
    parc_score,
    transrate_score,
)
from tests.shelf import whole

X, Y = load_iris(return_X_y=True)
NAMES = np.array(["setosa", "versicolor", "virginica"])[Y]
SCORES = [gbc_score, h_score, logme_score, nleep_score, parc_score, transrate_score]


@pytest.mark.parametrize("score", SCORES)
def test_the_names_of_classes_do_not_matter(score):
    assert_allclose(score(X.tolist(), NAMES.tolist()), score(X, Y))


@pytest.mark.parametrize("score", SCORES)
def test_real_features_score_more_than_the_same_in_another_order(score):
    assert score(X, Y) > score(np.random.default_rng(0).permutation(X), Y)


@pytest.mark.parametrize("score", SCORES)
def test_missing_labels_and_one_class_are_refused(score):
    y = NAMES.astype(object)
    y[3] = None
    with pytest.raises(
        ValueError, match=whole("y has no label in 1 of 150 rows; pass labelled rows alone.")
    ):
        score(X, y)
    with pytest.raises(ValueError, match=whole("y has 1 class; a score compares 2 or more.")):
        score(X, np.zeros(150, dtype=int))


def test_nleep_with_a_cluster_for_each_class_that_is_far_away_is_zero():
    rows = np.random.default_rng(0).normal(size=(30, 2)) + 100 * np.repeat(
        [[0, 1], [1, 0]], 15, axis=0
    )
    assert_allclose(nleep_score(rows, np.repeat([0, 1], 15)), 0, atol=1e-9)
    assert_allclose(nleep_score(rows, np.repeat([0, 1], 15), n_clusters=1), np.log(0.5))


def test_nleep_is_leep_of_a_mixture_with_all_components():
    found = nleep_score(X, Y, n_clusters=4, energy=1.0, random_state=3)
    assert nleep_score(X, Y, n_clusters=4, energy=1.0, random_state=3) == found
    mixture = GaussianMixture(4, covariance_type="diag", n_init=5, random_state=0).fit(X)
    assert_allclose(found, leep_score(mixture.predict_proba(X), Y), atol=0.3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: parc_score(X, Y, n_components=0), "n_components=0: expected a positive integer."),
        (
            lambda: gbc_score(X, Y, n_components=1.5),
            "n_components=1.5: expected a positive integer.",
        ),
        (
            lambda: nleep_score(X, Y, n_clusters=True),
            "n_clusters=True: expected a positive integer.",
        ),
        (
            lambda: nleep_score(X, Y, energy=0),
            "energy=0: expected a number above 0 and at most 1.",
        ),
        (
            lambda: transrate_score(X, Y, distortion=0),
            "distortion=0: expected a positive number, such as 1e-4.",
        ),
        (
            lambda: leep_score([[1.0, 1.0], [0.5, 0.5]], [0, 1]),
            "1 of 2 rows of probabilities hold a negative number or do not sum to 1, such as row 0 "
            "with the sum 2; pass the output of predict_proba, not scores before a softmax.",
        ),
        (
            lambda: ridge_probe(X, Y, n_permutations=-1),
            "n_permutations=-1: expected 0 or a positive integer, such as 99.",
        ),
        (
            lambda: ridge_probe(X, [None] * 149 + ["a"]),
            "y has 1 labelled row; candidates are compared on two rows or more.",
        ),
        (
            lambda: ridge_probe(X, ["a"] * 150),
            "y has one class, 'a'; candidates are compared on two or more.",
        ),
    ],
)
def test_parameters_out_of_range_are_named(call, message):
    with pytest.raises(ValueError, match=whole(message)):
        call()


def test_nce_reads_labels_of_any_kind():
    assert nce_score(NAMES, Y) == 0
    assert_allclose(nce_score(np.zeros(150, dtype=int), NAMES), -np.log(3))


def test_the_probe_reads_classes_or_numbers_and_skips_rows_without_a_label():
    y = X[:, 0] * np.where(np.arange(150) % 3, 1.0, np.nan)
    labelled = ~np.isnan(y)
    found = ridge_probe(X[:, 1:], y)
    assert found.accuracy is None
    assert found == ridge_probe(X[labelled, 1:], y[labelled])
    X_known, y_known = X[labelled, 1:], y[labelled]
    predicted = cross_val_predict(LinearRegression(), X_known, y_known, cv=LeaveOneOut())
    assert_allclose(found.error, np.mean((y_known - predicted) ** 2), rtol=0.1)
    assert_allclose(found.skill, 1 - found.error / np.var(y_known) * (99 / 100) ** 2)
    classes = ridge_probe(X, NAMES)
    assert classes.accuracy > 0.75
    assert 0 < classes.skill < 1
    assert classes == ridge_probe(X, Y)


def test_p_values_of_features_that_say_nothing_are_uniform():
    """Of a permutation test at a level of 20 %, 20 % of rejections are expected by chance."""
    rng = np.random.default_rng(0)
    y = np.arange(24) % 2
    p = [
        ridge_probe(rng.normal(size=(24, 6)), y, n_permutations=19, random_state=seed).p_value
        for seed in range(200)
    ]
    assert abs(np.mean(np.array(p) <= 0.2) - 0.2) < 3 * np.sqrt(0.2 * 0.8 / 200)
