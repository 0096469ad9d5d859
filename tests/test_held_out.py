"""An ordinary splitter holds source rows out: a warning, and no warning for any honest use."""

import pickle
import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import BaggingClassifier
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    cross_val_score,
    cross_validate,
    learning_curve,
)

from sktransfer import MomentAligner, TargetFold, TransferWarning, make_transfer_pipeline
from sktransfer._domains import read_sample_domain
from sktransfer._held_out import RowRecord

RNG = np.random.default_rng(0)
X = RNG.normal(size=(100, 2))
Y = (X[:, 0] > 0).astype(int)
SAMPLE_DOMAIN = np.repeat(["lab", "target"], [60, 40])
X[60:] = 5 * X[60:] + 20
DOMAINS = {"sample_domain": SAMPLE_DOMAIN}
FOLDS = KFold(5, shuffle=True, random_state=0)

pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture
def pipe():
    return make_transfer_pipeline(MomentAligner(), LogisticRegression())


@pytest.mark.parametrize("scoring", [None, "accuracy", "roc_auc"])
@pytest.mark.parametrize("frame", [False, True])
def test_an_ordinary_splitter_is_a_warning(pipe, scoring, frame):
    rows = pytest.importorskip("pandas").DataFrame(X, columns=["a", "b"]) if frame else X
    with pytest.warns(
        TransferWarning, match=r"source rows in other fits.*cv=TargetFold\(5\) and gr"
    ):
        wrong = cross_val_score(pipe, rows, Y, cv=FOLDS, scoring=scoring, params=DOMAINS)
    right = cross_val_score(
        pipe, rows, Y, cv=TargetFold(5), scoring=scoring, groups=SAMPLE_DOMAIN, params=DOMAINS
    )
    assert right.mean() > wrong.mean() + 0.1


def test_the_warning_counts_the_source_rows(pipe):
    first, second = np.arange(0, 100, 2), np.arange(1, 100, 2)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        cross_val_score(pipe, X, Y, cv=[(first, second), (second, first)], params=DOMAINS)
    assert [str(w.message).split(" rows,")[0] for w in caught] == ["30 of these 50"]


def test_a_search_and_a_calibration_around_a_pipeline_are_warned_of_too(pipe):
    with pytest.warns(TransferWarning, match="source rows in other fits"):
        GridSearchCV(pipe, {}, cv=FOLDS).fit(X, Y, **DOMAINS)
    with pytest.warns(TransferWarning, match="source rows in other fits"):
        CalibratedClassifierCV(clone(pipe), cv=FOLDS).fit(X, Y, **DOMAINS)


def test_honest_uses_give_no_warning(pipe):
    cross_validate(
        pipe,
        X,
        Y,
        cv=TargetFold(5),
        groups=SAMPLE_DOMAIN,
        params=DOMAINS,
        return_train_score=True,
    )
    search = GridSearchCV(
        pipe, {"momentaligner": [MomentAligner(), "passthrough"]}, cv=TargetFold(3)
    )
    search.fit(X, Y, groups=SAMPLE_DOMAIN, **DOMAINS).predict(X)
    clone(pipe).fit(X, Y, **DOMAINS).predict(X)
    clone(pipe).fit(X[:80], Y[:80], sample_domain=SAMPLE_DOMAIN[:80]).score(X[80:], Y[80:])
    cross_val_score(pipe, X[60:], Y[60:], cv=FOLDS, params={"sample_domain": ["target"] * 40})


@pytest.mark.parametrize("names", [["a", "b", "c"], ["source"] * 3])
def test_each_domain_as_the_target_in_turn_gives_no_warning(pipe, names):
    third = np.repeat([0, 1, 2], [30, 30, 40])
    train = np.arange(100) % 5 > 0
    for target in range(3):
        marks = np.where(third == target, "target", np.array(names)[third])
        fitted = clone(pipe).fit(X[train], Y[train], sample_domain=marks[train])
        held_out = ~train & (third == target)
        fitted.score(X[held_out], Y[held_out])


def test_a_learning_curve_says_why_its_first_points_are_missing(pipe):
    with pytest.warns(FitFailedWarning, match="learning_curve takes the first rows"):
        _, _, scores = learning_curve(
            pipe,
            X,
            Y,
            cv=TargetFold(2),
            groups=SAMPLE_DOMAIN,
            params=DOMAINS,
            train_sizes=[0.5, 1.0],
        )
    assert np.isnan(scores[0]).all()
    assert np.isfinite(scores[1]).all()


def test_members_of_a_bag_give_no_warning(pipe):
    bag = make_transfer_pipeline(BaggingClassifier(pipe, 3, random_state=0))
    bag.fit(X, Y, **DOMAINS).predict(X)


def test_the_record_is_not_saved_and_not_kept_for_what_has_no_rows_of_numbers(pipe):
    copied = clone(pipe).fit(X, Y, **DOMAINS)
    other = clone(copied).fit(X[::2], Y[::2], sample_domain=SAMPLE_DOMAIN[::2])
    read = pickle.loads(pickle.dumps(other))
    read.predict(X[1::2])
    with pytest.warns(TransferWarning, match="30 of these 50 rows"):
        other.predict(X[1::2])
    other.predict(X[1::2], sample_domain=SAMPLE_DOMAIN[1::2])
    record = RowRecord()
    domains = read_sample_domain(["s", "target"], 2)
    assert record.add_fit(["a text", "a text"], domains) is None
    assert record.count_held_out(X, None) == 0


def test_a_row_of_both_domains_counts_as_a_target_row():
    record = RowRecord()
    domains = read_sample_domain(["s", "s", "target"], 3)
    rows = np.array([[0.0], [1.0], [1.0]])
    assert record.add_fit(rows, domains) == 0
    number = record.add_fit(np.array([[5.0], [5.5], [6.0]]), domains)
    assert record.count_held_out(rows[[1]], number) == 0
    assert record.count_held_out(rows[[0]], number) == 1


def test_of_many_rows_a_few_are_looked_up_first_and_then_all():
    record, rows = RowRecord(), np.arange(2000.0)[:, np.newaxis]
    names = np.repeat(["s", "target"], 1000)
    numbers = [record.add_fit(rows[k::2], read_sample_domain(names[k::2], 1000)) for k in range(2)]
    assert record.count_held_out(rows[1::2], numbers[0]) == 500
    assert record.count_held_out(rows, numbers[0]) == 0  # rows of the fit itself are among them
    assert record.count_held_out(rows[1001::2], numbers[0]) == 0
    assert record.count_held_out(rows + 0.5, numbers[0]) == 0
