"""TransductiveFold holds each labelled source row out once, and shows all target rows."""

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV, StratifiedKFold

from sktransfer import TransductiveFold
from tests.shelf import whole

Y = np.tile([0.0, 1.0, 1.0], 20)
DOMAIN = np.repeat(["a", "b", "target"], [24, 12, 24])
X = np.zeros((60, 1))


def _folds(cv, *data):
    return [(train.tolist(), test.tolist()) for train, test in cv.split(*data)]


def test_held_out_rows_partition_the_labelled_source_rows():
    y = Y.copy()
    y[[3, 30, 50]] = np.nan
    folds = _folds(TransductiveFold(4), X, y, DOMAIN)
    target = np.flatnonzero(DOMAIN == "target").tolist()
    labelled = np.setdiff1d(np.arange(36), [3, 30]).tolist()
    assert sorted(row for _, test in folds for row in test if row < 36) == labelled
    for train, test in folds:
        assert set(train) & set(test) == set(target)
        assert sorted({*train, *test}) == list(range(60))
        assert {3, 30} <= set(train)


@pytest.mark.parametrize("settings", [{}, {"shuffle": True, "random_state": 3}])
def test_of_one_source_it_is_stratified_k_fold_of_its_rows(settings):
    rows, domain = np.arange(36), np.where(DOMAIN == "target", "target", "a")
    expected = StratifiedKFold(4, **settings).split(X[rows], Y[rows])
    found = TransductiveFold(4, **settings).split(X, Y, domain)
    for (train, test), (_, held_out) in zip(found, expected, strict=True):
        assert test.tolist() == [*held_out.tolist(), *range(36, 60)]
        assert train.tolist() == [*np.setdiff1d(rows, held_out).tolist(), *range(36, 60)]


@pytest.mark.parametrize(
    "y", [Y, Y.astype(str), np.arange(60.0), np.stack([Y, 3 * Y + X[:, 0]], 1)]
)
def test_each_source_and_class_is_dealt_evenly(y):
    strata = np.char.add(DOMAIN, Y.astype(str)) if len(np.unique(y)) < 9 and y.ndim == 1 else DOMAIN
    for _, test in TransductiveFold(4).split(X, y, DOMAIN):
        held_out = test[test < 36]
        for name in np.unique(strata[:36]):
            assert abs(np.sum(strata[held_out] == name) - np.sum(strata[:36] == name) / 4) < 1


def test_no_fold_is_empty_if_each_source_has_few_rows():
    domain = np.array(["a", "b", "c", "d", "target"])
    folds = _folds(TransductiveFold(4), X[:5], np.array([0, 1, 0, 1, 0]), domain)
    assert sorted(test for _, test in folds) == [[0, 4], [1, 4], [2, 4], [3, 4]]


def test_labels_of_target_rows_change_no_fold():
    garbled = np.where(DOMAIN == "target", 7.5, Y)
    assert _folds(TransductiveFold(3), X, garbled, DOMAIN) == _folds(
        TransductiveFold(3), X, Y, DOMAIN
    )


def test_faults_say_what_to_change():
    sentence = "TransductiveFold holds labelled source rows out, but y is None; pass y."
    with pytest.raises(ValueError, match=whole(sentence)):
        next(TransductiveFold().split(X, None, DOMAIN))
    with pytest.raises(ValueError, match=r"groups is None; pass groups=sample_domain\.$"):
        next(TransductiveFold().split(X, Y))
    sentence = (
        "n_splits=5 is more than the 4 labelled source rows; lower n_splits or add labelled source "
        "rows."
    )
    y = np.where(np.arange(60) < 4, 1.0, np.nan)
    with pytest.raises(ValueError, match=whole(sentence)):
        next(TransductiveFold().split(X, y, DOMAIN))
    with pytest.raises(ValueError, match="n_splits=1"):
        TransductiveFold(1)
    assert TransductiveFold(7).get_n_splits() == 7
    assert "n_splits=7" in repr(TransductiveFold(7))
    assert "TransductiveFold" in repr(GridSearchCV(None, {}, cv=TransductiveFold(7)))
