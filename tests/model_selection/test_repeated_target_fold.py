"""RepeatedTargetFold is TargetFold once for each seed that its random state draws."""

import re

import numpy as np
import pytest
import sklearn
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score

from sktransfer import (
    MomentAligner,
    RepeatedTargetFold,
    TargetFold,
    make_transfer_pipeline,
)


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(70, 2))
    y = (X[:, 0] + 0.5 * rng.normal(size=70) > 0).astype(float)
    y[60:] = np.nan
    return X, y, np.where(np.arange(70) < 30, "source", "target")


def _folds(cv, *data):
    return [(train.tolist(), test.tolist()) for train, test in cv.split(*data)]


@pytest.mark.parametrize("labels", ["classes", "numbers"])
def test_it_is_target_fold_with_the_seeds_that_its_random_state_draws(data, labels):
    X, y, sample_domain = data
    y = y if labels == "classes" else np.where(np.isnan(y), y, X[:, 1])
    rng = np.random.RandomState(3)
    expected = []
    for _ in range(4):
        cv = TargetFold(3, shuffle=True, random_state=rng.randint(2**31 - 1))
        expected += _folds(cv, X, y, sample_domain)
    cv = RepeatedTargetFold(3, n_repeats=4, random_state=3)
    assert _folds(cv, X, y, sample_domain) == expected
    assert _folds(cv, X, y, sample_domain) == expected, "an integer gives the same folds again"
    assert cv.get_n_splits() == cv.get_n_splits(X, y, sample_domain) == len(expected) == 12


def test_each_repetition_tests_each_labelled_target_row_once_and_no_other_row(data):
    folds = _folds(RepeatedTargetFold(5, n_repeats=3, random_state=0), *data)
    repetitions = [[row for _, test in folds[k : k + 5] for row in test] for k in (0, 5, 10)]
    assert all(sorted(tested) == list(range(30, 60)) for tested in repetitions)
    assert all(sorted(train + test) == list(range(70)) for train, test in folds)
    assert len({str(folds[k : k + 5]) for k in (0, 5, 10)}) == 3, "other folds each time"


def test_without_a_seed_it_draws_fresh_entropy_and_leaves_the_global_state_alone(data):
    state = np.random.get_state()[1].copy()
    cv = RepeatedTargetFold(2, n_repeats=1)
    assert len({str(_folds(cv, *data)) for _ in range(5)}) > 1
    np.testing.assert_array_equal(np.random.get_state()[1], state)


def test_the_mean_over_repetitions_varies_less_than_that_of_one(data):
    X, y, sample_domain = data
    pipe = make_transfer_pipeline(MomentAligner(), LogisticRegression())

    def means(n_repeats):
        options = {"groups": sample_domain, "params": {"sample_domain": sample_domain}}
        return [
            cross_val_score(
                pipe,
                X,
                y,
                cv=RepeatedTargetFold(3, n_repeats=n_repeats, random_state=seed),
                **options,
            ).mean()
            for seed in range(6)
        ]

    assert np.std(means(6)) < np.std(means(1))


def test_it_serves_a_search_and_a_cross_validation_around_it(data):
    X, y, sample_domain = data
    pipe = make_transfer_pipeline(MomentAligner(), LogisticRegression())
    cv = RepeatedTargetFold(2, n_repeats=2, random_state=0)
    search = GridSearchCV(pipe, {"logisticregression__C": [0.1, 1.0]}, cv=cv, error_score="raise")
    search.fit(X, y, groups=sample_domain, sample_domain=sample_domain)
    assert search.n_splits_ == 4
    params = {"sample_domain": sample_domain, "groups": sample_domain}
    scores = cross_val_score(search, X, y, cv=cv, groups=sample_domain, params=params)
    assert len(scores) == 4


def test_groups_are_asked_for_by_default(data):
    X, y, sample_domain = data
    y = np.nan_to_num(y)
    cv = RepeatedTargetFold(2, n_repeats=2, random_state=0)
    plain = cross_val_score(LogisticRegression(), X, y, cv=cv, groups=sample_domain)
    with sklearn.config_context(enable_metadata_routing=True):
        search = GridSearchCV(LogisticRegression(), {}, cv=cv).fit(X, y, groups=sample_domain)
    assert search.best_score_ == pytest.approx(plain.mean())


def test_without_domains_or_labels_it_is_refused(data):
    X, y, sample_domain = data
    with pytest.raises(ValueError, match="learns from groups which rows are target rows, but"):
        next(RepeatedTargetFold(3).split(X, y))
    with pytest.raises(ValueError, match="tests on labelled target rows, but y is None"):
        next(RepeatedTargetFold(3).split(X, None, sample_domain))
    with pytest.raises(ValueError, match="n_splits=31 is more than the 30 labelled target rows"):
        next(RepeatedTargetFold(31).split(X, y, sample_domain))


@pytest.mark.parametrize("n_repeats", [0, -1, 1.5, True, "ten", None])
def test_a_number_of_repetitions_that_is_none_is_refused(n_repeats):
    message = f"n_repeats={n_repeats!r}: expected a whole number of repetitions, 1 or more."
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        RepeatedTargetFold(3, n_repeats=n_repeats)


def test_bad_folds_are_refused_as_in_scikit_learn():
    with pytest.raises(ValueError, match="k-fold cross-validation requires at least one"):
        RepeatedTargetFold(1)


def test_repr():
    assert repr(RepeatedTargetFold()) == (
        "RepeatedTargetFold(n_repeats=10, n_splits=5, random_state=None)"
    )
