"""Distances of domains and the terms of a bound: limits, second implementations, sentences."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.sparse import csr_array
from scipy.stats import norm
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import LinearSVC

from sktransfer import proxy_a_distance, transfer_bound
from sktransfer._kernels.intervals import sum_of_shares
from sktransfer.transferability import Estimate, TransferBound
from sktransfer.transferability._held_out_errors import spread_folds
from tests.shelf import whole


def make_domains(offset=0.0, n_source=200, n_target=150, n_labelled=0, flip=False, seed=0):
    rng = np.random.default_rng(seed)
    n_rows = n_source + n_target
    y = rng.integers(2, size=n_rows).astype(float)
    X = rng.normal(size=(n_rows, 3)) + 3 * y[:, None] * [1, 0, 0]
    sample_domain = np.repeat(["lab", "target"], [n_source, n_target])
    X[sample_domain == "target", 2] += offset
    y[n_source:] = 1 - y[n_source:] if flip else y[n_source:]
    y[n_source + n_labelled :] = np.nan
    return X, y, sample_domain


def bound_of(**options):
    X, y, sample_domain = make_domains(**options)
    return transfer_bound(LogisticRegression(), X, y, sample_domain=sample_domain, random_state=0)


def test_domains_that_never_meet_are_at_distance_two_and_equal_ones_at_zero():
    X, _, sample_domain = make_domains(offset=50)
    (far,) = proxy_a_distance(X, sample_domain=sample_domain, random_state=0).values()
    assert far.value == far.high == 2
    assert far.low > 1.9
    X, _, sample_domain = make_domains()
    (near,) = proxy_a_distance(X, sample_domain=sample_domain, random_state=0).values()
    assert near.low == 0
    assert near.value < 0.3
    assert near.high > near.value


def test_the_distance_approaches_that_of_the_best_linear_classifier():
    """Two normal distributions, an offset apart: the best error is that of a cut in the middle."""
    X, _, sample_domain = make_domains(offset=1.5, n_source=20_000, n_target=10_000)
    (distance,) = proxy_a_distance(X, sample_domain=sample_domain, random_state=0).values()
    expected = 2 * (1 - 2 * norm.cdf(-0.75))
    assert_allclose(distance.value, expected, atol=0.03)
    assert distance.low <= expected <= distance.high


def test_each_source_has_a_distance():
    X, _, sample_domain = make_domains(offset=9)
    sample_domain = sample_domain.astype(object)
    sample_domain[:100] = "moved"
    X[:100, 2] += 9
    found = proxy_a_distance(X, sample_domain=sample_domain, random_state=0)
    assert list(found) == ["lab", "moved"]
    assert found["lab"].value > 1.9 > 0.5 > found["moved"].value


def test_any_classifier_and_sparse_rows():
    X, _, sample_domain = make_domains(offset=9)
    classifier = LinearSVC(class_weight="balanced")
    dense = proxy_a_distance(X, sample_domain=sample_domain, estimator=classifier, random_state=0)
    sparse = proxy_a_distance(
        csr_array(X), sample_domain=sample_domain, estimator=classifier, random_state=0
    )
    assert dense == sparse
    assert proxy_a_distance(csr_array(X), sample_domain=sample_domain)["lab"].value > 1.9


def test_sum_of_shares_by_hand():
    # (3 + 1) / (18 + 2) = .2 and (4 + 1) / (8 + 2) = .5, weights 1 and 2.
    total, low, high = sum_of_shares([3, 4], [18, 8], weights=[1, 2], level=0.9)
    reach = norm.ppf(0.95) * np.sqrt(0.2 * 0.8 / 20 + 4 * 0.25 / 10)
    assert_allclose(total, 3 / 18 + 2 * 4 / 8)
    assert_allclose([low, high], [1.2 - reach, 1.2 + reach])


def test_the_interval_of_an_error_rate_covers():
    """Of 2000 samples of 20 rows with an error rate of 10 %, 90 % or more."""
    counts = np.random.default_rng(0).binomial(20, 0.1, size=2000)
    ends = [sum_of_shares([count], [20], weights=[1], level=0.9)[1:] for count in counts]
    assert np.mean([low <= 0.1 <= high for low, high in ends]) > 0.88


def test_folds_spread_each_group():
    groups = np.repeat([0, 1, 2], [20, 10, 3])
    folds = spread_folds(groups, 5, generator=np.random.RandomState(0))
    assert sorted(np.concatenate([out for _, out in folds])) == list(range(33))
    for train, out in folds:
        assert np.bincount(groups[out], minlength=3)[:2].tolist() == [4, 2]
        assert not set(train) & set(out)


def test_without_target_labels_there_is_no_bound():
    bound = bound_of()
    assert (bound.joint_error, bound.target_error, bound.bound) == (None, None, None)
    assert bound.sentence == (
        "Without target labels the joint error is unknown, so there is no bound: a rule that "
        "differs in the target would be in that term alone."
    )
    assert "joint error             unknown" in str(bound)


def test_easy_domains_have_a_bound_that_holds():
    bound = bound_of(n_labelled=100)
    assert bound.bound.value == (
        bound.source_error.value + bound.divergence.value + bound.joint_error.value
    )
    assert bound.target_error.value <= bound.bound.value < 1
    assert bound.sentence.startswith("The terms bound the target error by 0.")


def test_domains_far_apart_have_a_bound_that_says_nothing():
    bound = bound_of(offset=50, n_labelled=100)
    assert bound.divergence.value == 1
    assert bound.sentence == (
        f"The bound is {bound.bound.value:.2f}, above 1, and says nothing: an error rate is never "
        "larger."
    )


def test_a_bound_below_one_whose_intervals_reach_beyond():
    terms = [Estimate(0.2, 0.1, 0.3), Estimate(0.3, 0.2, 0.6), Estimate(0.3, 0.1, 0.5)]
    source, divergence, joint = terms
    bound = TransferBound(
        source_error=source,
        divergence=divergence,
        joint_error=joint,
        target_error=None,
        level=0.9,
    )
    assert bound.sentence == (
        "The terms bound the target error by 0.80, but with the ends of their intervals by nothing "
        "below 1."
    )


def test_a_rule_that_is_flipped_is_in_the_joint_error_alone():
    same, flipped = bound_of(n_labelled=100), bound_of(n_labelled=100, flip=True)
    assert flipped.source_error == same.source_error
    assert flipped.divergence == same.divergence
    assert flipped.joint_error.low > same.joint_error.high
    assert_allclose(flipped.target_error.value, 1 - same.target_error.value)


def test_source_errors_are_of_rows_that_the_model_did_not_see():
    """Labels without a rule: a model that learns by heart would have no error."""
    X, y, sample_domain = make_domains(n_source=400)
    y[:400] = np.random.default_rng(9).integers(2, size=400)
    bound = transfer_bound(KNeighborsClassifier(1), X, y, sample_domain=sample_domain)
    assert 0.4 < bound.source_error.value < 0.6


def test_same_seed_same_numbers_and_labels_of_any_kind():
    X, y, sample_domain = make_domains(n_labelled=40)
    words = np.array([None if label != label else "ab"[int(label)] for label in y], dtype=object)
    first, second = (
        transfer_bound(LogisticRegression(), X, labels, sample_domain=sample_domain, random_state=0)
        for labels in (y, words)
    )
    assert first == second


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"model": LinearRegression()},
            "model=LinearRegression(): expected a classifier; the bound is of error rates.",
        ),
        ({"level": 1.0}, "level=1.0: expected a number between 0 and 1, such as 0.9."),
        (
            {"sample_domain": None},
            "sample_domain has no source row, and transfer_bound needs rows of two domains; name "
            "the source of some rows.",
        ),
        ({"cv": 1}, "cv=1: expected a number of folds, 2 or more."),
        (
            {"y": np.full(350, 1.0)},
            "y has labels of fewer than two classes with two source rows each; a bound needs a "
            "model of labelled source rows.",
        ),
    ],
)
def test_what_has_no_bound_is_refused(change, message):
    X, y, sample_domain = make_domains()
    given = {"model": DummyClassifier(), "y": y, "sample_domain": sample_domain, "level": 0.9}
    with pytest.raises(ValueError, match=whole(message)):
        transfer_bound(X=X, **(given | change))


def test_what_has_no_distance_is_refused():
    X, _, sample_domain = make_domains(n_target=1)
    with pytest.raises(ValueError, match="proxy_a_distance needs at least 2 rows of every domain"):
        proxy_a_distance(X, sample_domain=sample_domain)
    with pytest.raises(ValueError, match="no source row, and proxy_a_distance needs rows of two"):
        proxy_a_distance(X, sample_domain=np.repeat("target", len(X)))
