"""The benchmarks of scores and of advice, on few rows."""

import numpy as np
from sklearn.model_selection import LeaveOneOut, cross_val_score
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid
from sklearn.preprocessing import StandardScaler

from benchmarks.transfer_advisor import accuracies
from benchmarks.transferability_scores import (
    BLEND,
    LAST,
    Domain,
    compare,
    draw_rows,
    nearest_mean,
    nearest_row,
)

RNG = np.random.default_rng(0)
Y = np.repeat([0, 1, 2], 20)
X = StandardScaler().fit_transform(RNG.normal(size=(60, 4)) + np.eye(4)[Y])
FEATURES = {"noise": RNG.normal(size=(60, 4)), "good": X}


def test_simple_scores_are_leave_one_out_accuracies():
    found = cross_val_score(KNeighborsClassifier(1), X, Y, cv=LeaveOneOut())
    assert nearest_row(X, Y) == found.mean()
    found = cross_val_score(NearestCentroid(), X, Y, cv=LeaveOneOut())
    assert nearest_mean(X, Y) == found.mean()


def test_rows_are_drawn_of_each_class():
    rows = draw_rows(Y, 5, [1, 2])
    np.testing.assert_array_equal(np.bincount(Y[rows]), [5, 5, 5])
    assert len(np.unique(rows)) == 15


def test_a_score_that_finds_the_good_features_has_no_loss():
    found, best = compare(Domain("made", FEATURES, Y), 5, draw=0)
    assert found["ridge leave-one-out, Brier"][0] == found[LAST][0] == best
    assert found[LAST][1] is None
    assert found[BLEND][0] > 100 / 3


def test_the_advice_is_compared_with_the_last_stage():
    truth, found, is_last = accuracies(FEATURES, Y, 5, draw=0)
    assert is_last
    assert found["advice"] == found["last stage"] == max(truth.values())
