"""TargetFold tests on labelled target rows, each once, and trains on all else."""

import pickle
import re
import warnings

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV, KFold, StratifiedKFold, cross_val_score
from sklearn.tree import DecisionTreeClassifier

from sktransfer import TargetFold


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    y = rng.integers(2, size=60).astype(float)
    y[50:] = np.nan
    sample_domain = np.where(np.arange(60) < 20, "source", "target")
    return np.zeros((60, 1)), y, sample_domain


def _folds(cv, *data):
    return [(train.tolist(), test.tolist()) for train, test in cv.split(*data)]


def test_test_folds_partition_the_labelled_target_rows(data):
    folds = _folds(TargetFold(4), *data)
    assert sorted(row for _, test in folds for row in test) == list(range(20, 50))
    for train, test in folds:
        assert sorted(train + test) == list(range(60)), "everything else is training data"


def test_folds_are_stratified_by_class(data):
    X, y, sample_domain = data
    shares = [y[test].mean() for _, test in TargetFold(3).split(X, y, sample_domain)]
    assert np.ptp(shares) <= 1 / 10


@pytest.mark.parametrize("y", [np.tile([0, 1], 10), np.tile(["a", "b"], 10)])
def test_of_target_rows_alone_it_is_stratified_k_fold(y):
    rows = np.zeros((20, 1)), y
    groups = ["target"] * 20
    assert _folds(TargetFold(4), *rows, groups) == _folds(StratifiedKFold(4), *rows)
    shuffled = {"shuffle": True, "random_state": 3}
    found = _folds(TargetFold(4, **shuffled), *rows, groups)
    assert found == _folds(StratifiedKFold(4, **shuffled), *rows)


@pytest.mark.parametrize("type_of", [int, float, str])
@pytest.mark.parametrize("settings", [{}, {"shuffle": True, "random_state": 5}])
@pytest.mark.parametrize("seed", range(5))
def test_classes_of_any_size_that_stratified_k_fold_takes_have_its_folds(type_of, settings, seed):
    y = np.random.default_rng(seed).choice(4, size=30, p=[0.6, 0.2, 0.15, 0.05])
    X, y = np.zeros((30, 1)), np.array([9, 7, 8, 6])[y].astype(type_of)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of the least populated class
        expected = _folds(StratifiedKFold(4, **settings), X, y)
    assert _folds(TargetFold(4, **settings), X, y, ["target"] * 30) == expected


@pytest.mark.parametrize("type_of", [int, float, str, object])
@pytest.mark.parametrize("settings", [{}, {"shuffle": True, "random_state": 0}])
@pytest.mark.parametrize(("n_classes", "n_rows"), [(10, 3), (7, 4), (25, 2)])
def test_no_class_of_two_rows_is_in_one_fold_alone(type_of, settings, n_classes, n_rows):
    y = np.repeat(np.arange(n_classes), n_rows).astype(type_of)
    X, groups = np.zeros((len(y), 1)), ["target"] * len(y)
    folds = list(TargetFold(5, **settings).split(X, y, groups))
    for train, _ in folds:
        assert set(y[train]) == set(y)
    sizes = [len(test) for _, test in folds]
    assert max(sizes) - min(sizes) <= 1
    counts = np.array([[np.sum(y[test] == label) for label in set(y)] for _, test in folds])
    assert counts.max() <= np.ceil(n_rows / 5), "rows of a class are dealt evenly"


def test_two_values_are_classes_however_few_their_rows():
    folds = _folds(TargetFold(2), np.zeros((3, 1)), np.array([1, 1, 0]), ["target"] * 3)
    assert all({0, 1} & set(test) and not {0, 1} <= set(test) for _, test in folds)


@pytest.mark.parametrize(
    "y", [np.linspace(0, 1, 20), np.arange(20.0), np.arange(20), np.arange(20) // 2 * (1 + 1e-9)]
)
@pytest.mark.parametrize("settings", [{}, {"shuffle": True, "random_state": 5}])
def test_of_target_rows_alone_regression_is_k_fold(y, settings):
    X = np.zeros((20, 1))
    expected = _folds(KFold(4, **settings), X, y)
    assert _folds(TargetFold(4, **settings), X, y, ["target"] * 20) == expected


@pytest.mark.parametrize("y", [np.tile([0, 1], 10), np.linspace(0, 1, 20)])
def test_the_shuffle_leaves_the_global_random_state_alone(y):
    before = pickle.dumps(np.random.get_state())
    _folds(TargetFold(4, shuffle=True), np.zeros((20, 1)), y, ["target"] * 20)
    assert pickle.dumps(np.random.get_state()) == before


def test_without_domains_there_is_no_telling_which_rows_to_test(data):
    X, y, sample_domain = data
    message = "learns from groups which rows are target rows, but groups is None"
    with pytest.raises(ValueError, match=message):
        next(TargetFold(3).split(X, y))
    search = GridSearchCV(
        DecisionTreeClassifier(random_state=0), {"max_depth": [1]}, cv=TargetFold(2)
    )
    options = {"cv": TargetFold(3), "groups": sample_domain, "error_score": "raise"}
    with pytest.raises(ValueError, match=message):
        cross_val_score(search, X, y, **options)
    labelled = ~np.isnan(y)
    X, y, sample_domain = X[labelled], y[labelled], sample_domain[labelled]
    options["groups"] = sample_domain
    scores = cross_val_score(search, X, y, **options, params={"groups": sample_domain})
    assert len(scores) == 3


def test_any_spelling_of_domains_and_labels_gives_the_same_folds(data):
    X, y, sample_domain = data
    expected = _folds(TargetFold(3), X, y, sample_domain)
    integers = np.where(sample_domain == "target", -1, 1)
    texts = [None if np.isnan(label) else f"class {label}" for label in y]
    assert _folds(TargetFold(3), X, y, integers) == expected
    assert _folds(TargetFold(3), X, texts, sample_domain.tolist()) == expected


def test_groups_are_asked_for_by_default(data):
    import sklearn

    X, y, sample_domain = np.random.default_rng(0).normal(size=(60, 2)), *data[1:]
    y = np.nan_to_num(y)
    plain = cross_val_score(
        DecisionTreeClassifier(random_state=0), X, y, cv=TargetFold(3), groups=sample_domain
    )
    with sklearn.config_context(enable_metadata_routing=True):
        search = GridSearchCV(DecisionTreeClassifier(random_state=0), {}, cv=TargetFold(3))
        search.fit(X, y, groups=sample_domain)
    assert search.best_score_ == pytest.approx(plain.mean())


@pytest.mark.parametrize(
    ("cv", "labels", "message"),
    [
        (
            TargetFold(31),
            "y",
            "n_splits=31 is more than the 30 labelled target rows; lower n_splits or",
        ),
        (TargetFold(3), None, "TargetFold tests on labelled target rows, but y is None; pass y."),
    ],
)
def test_what_cannot_be_split_is_refused_in_a_sentence(data, cv, labels, message):
    X, y, sample_domain = data
    with pytest.raises(ValueError, match=re.escape(message)):
        next(cv.split(X, y if labels else None, sample_domain))


def test_bad_arguments_are_refused_as_in_scikit_learn():
    with pytest.raises(ValueError, match="k-fold cross-validation requires at least one"):
        TargetFold(1)
    with pytest.raises(ValueError, match="random_state"):
        TargetFold(3, random_state=0)


def test_repr_and_number_of_splits():
    assert repr(TargetFold(3)) == "TargetFold(n_splits=3, random_state=None, shuffle=False)"
    assert TargetFold(3).get_n_splits() == 3
