"""rows_to_label and settle: rows whose labels decide."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression

from sktransfer import (
    GuardedTransferClassifier,
    GuardedTransferRegressor,
    MomentAligner,
    make_transfer_pipeline,
    pack_domains,
)
from sktransfer.exceptions import TransferWarning
from tests.shelf import whole


def make_shift(n_labelled=0, *, helps=True, seed=0):
    """A target whose rows moved: moments undo it, or would undo nothing if the rule moved too."""
    rng = np.random.default_rng(seed)
    X_source, X_target = rng.normal(size=(200, 3)), rng.normal(size=(300, 3))
    rule = [1.0, 0.5, 0.0]
    y_source, truth = X_source @ rule > 0, X_target @ rule > 0
    X_target = X_target + np.array([1.0, 0.5, 0.0])
    if not helps:
        truth = X_target @ rule > 0
    known = np.where(np.arange(300) < n_labelled, truth, np.nan)
    X, y, domains = pack_domains(
        {"s": (X_source, y_source.astype(float))}, target=(X_target, known)
    )
    return X, y, domains, np.concatenate([y_source, truth]).astype(float)


MOMENTS = make_transfer_pipeline(MomentAligner(), LogisticRegression())


def fit(n_labelled=0, *, helps=True, **params):
    X, y, domains, truth = make_shift(n_labelled, helps=helps)
    guard = GuardedTransferClassifier(MOMENTS, random_state=0, **params)
    return guard.fit(X, y, sample_domain=domains), X, domains, truth


def test_offered_rows_are_target_rows_without_a_label_on_which_the_vote_differs():
    guard, X, domains, _ = fit(n_labelled=40)
    rows = guard.rows_to_label(1000)
    assert len(rows)
    assert (domains[rows] == "target").all()
    assert (rows >= 240).all()
    mixed, target = guard.predict(X[rows]), guard.estimators_["target"].predict(X[rows])
    assert (mixed != target).all()
    others = np.setdiff1d(np.arange(240, 500), rows)
    assert_array_equal(guard.predict(X[others]), guard.estimators_["target"].predict(X[others]))
    assert guard.changed_ == len(rows) / 260


def test_rows_are_offered_once_and_in_an_order_that_the_seed_decides():
    guard, _, _, _ = fit()
    first, second = guard.rows_to_label(4), guard.rows_to_label(6)
    assert not set(first) & set(second)
    other = fit()[0]
    assert_array_equal(other.rows_to_label(10), np.concatenate([first, second]))
    rest = guard.rows_to_label(1000)
    assert len(np.unique(np.concatenate([first, second, rest]))) == 10 + len(rest)
    assert len(guard.rows_to_label()) == 0


def test_until_settled_half_of_the_weight_is_on_the_source():
    guard, X, _, _ = fit()
    assert guard.decision_ == "vote"
    assert guard.weights_ == {"source": 0.5, "transferpipeline": 0.5}
    models = guard.estimators_.values()
    mean = sum(model.predict_proba(X) for model in models) / 2
    np.testing.assert_allclose(guard.predict_proba(X), mean)


def test_twenty_labels_keep_a_vote_that_is_right():
    guard, X, domains, truth = fit(source_weight=0.9)
    before = guard.predict(X)
    rows = guard.rows_to_label(20)
    assert guard.settle(rows, truth[rows]) is guard
    assert guard.decision_ == "kept after 20 labels"
    assert guard.weights_ == {"source": 0.5, "transferpipeline": 0.5}  # the equal vote
    assert guard.used_transfer_
    assert guard.interval_[0] > 0
    target = domains == "target"
    assert (guard.predict(X) == truth)[target].mean() > (before == truth)[target].mean()
    gain = (guard.predict(X) == truth)[target].mean()
    gain -= (guard.estimators_["source"].predict(X) == truth)[target].mean()
    assert guard.interval_[0] <= gain <= guard.interval_[1]
    assert guard.report_.sentence.startswith("Transfer is kept. Of 20 labelled rows")


def test_twenty_labels_reject_a_vote_that_is_wrong():
    guard, X, domains, truth = fit(helps=False)
    rows = guard.rows_to_label(20)
    guard.settle(rows, truth[rows])
    assert guard.decision_ == "rejected after 20 labels"
    assert guard.weights_ == {"source": 1.0, "transferpipeline": 0.0}
    assert not guard.used_transfer_
    assert guard.changed_ == 0
    assert guard.interval_[1] < 0
    source = guard.estimators_["source"]
    assert_array_equal(guard.predict_proba(X), source.predict_proba(X))


def test_too_few_labels_are_undecided_and_more_add_up():
    guard, X, domains, truth = fit()
    rows = guard.rows_to_label(3)
    guard.settle(rows, truth[rows])
    assert guard.decision_ == "undecided after 3 labels: label more"
    assert guard.weights_["source"] == 1  # not sure: no transfer
    more = guard.rows_to_label(17)
    guard.settle(more, truth[more])
    assert guard.decision_ == "kept after 20 labels"
    at_once = fit()[0]
    rows = at_once.rows_to_label(20)
    at_once.settle(rows, truth[rows])
    assert at_once.interval_ == guard.interval_
    assert at_once.difference_ == guard.difference_


def test_with_target_labels_an_undecided_average_stays():
    guard, X, _, truth = fit(n_labelled=40)
    before, weights = guard.predict_proba(X), guard.weights_
    rows = guard.rows_to_label(1)
    guard.settle(rows, truth[rows])
    assert guard.decision_.startswith("undecided")
    assert_array_equal(guard.predict_proba(X), before)
    assert guard.weights_ == weights


def test_the_majority_decides_at_once():
    guard, _, _, truth = fit(helps=False)
    rows = guard.rows_to_label(3)
    guard.settle(rows, truth[rows], rule="majority")
    assert guard.decision_ == "rejected after 3 labels"
    guard = fit()[0]
    rows = guard.rows_to_label(3)
    guard.settle(rows, truth[rows], rule="majority")
    assert guard.decision_ in ("kept after 3 labels", "rejected after 3 labels")


def test_all_rows_that_differ_settle_it_for_certain():
    guard, X, domains, truth = fit()
    rows = guard.rows_to_label(10**6)
    guard.settle(rows, truth[rows])
    target = domains == "target"
    source = guard.estimators_["source"].predict(X)
    exact = (guard.predict(X) == truth)[target].mean() - (source == truth)[target].mean()
    assert guard.difference_ == pytest.approx(exact)
    assert guard.interval_ == (guard.difference_, guard.difference_)


def test_settled_labels_never_enter_the_fit():
    guard, X, _, truth = fit()
    before = {name: model.predict_proba(X) for name, model in guard.estimators_.items()}
    rows = guard.rows_to_label(20)
    guard.settle(rows, truth[rows])
    for name, model in guard.estimators_.items():
        assert_array_equal(model.predict_proba(X), before[name])


def test_nothing_to_settle_if_all_candidates_agree():
    X, y, domains, _ = make_shift()
    guard = GuardedTransferClassifier(LogisticRegression(), random_state=0)
    guard.fit(X, y, sample_domain=domains)
    rows = guard.rows_to_label(5)
    assert len(rows) == 0
    with pytest.raises(ValueError, match="no row was offered, so there is nothing to settle"):
        guard.settle(rows, [])


WRONG = {
    "not offered": (lambda rows: [0], [1.0], "rows holds 0, which rows_to_label has not offered"),
    "twice": (lambda rows: [rows[0]] * 2, [1.0, 1.0], "more than once, or settled before"),
    "again": (lambda rows: [rows[4]], [1.0], "more than once, or settled before"),
    "no label": (lambda rows: rows[:2], [1.0, None], "y_rows holds no label for the rows"),
    "length": (lambda rows: rows[:2], [1.0], "y_rows has 1 entries, but rows has 2; pass the"),
    "no class": (lambda rows: rows[:2], ["a", "b"], "y_rows holds 'a', 'b', no class of the fit"),
    "no positions": (lambda rows: [0.5], [1.0], "expected positions in X"),
    "nothing": (lambda rows: [], [], "expected positions in X"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_settle_refuses_changes_nothing(name):
    guard, X, _, truth = fit()
    rows = guard.rows_to_label(5)
    guard.settle(rows[4:], truth[rows[4:]])
    state = pickle.dumps(vars(guard))
    wrong, labels, message = WRONG[name]
    with pytest.raises(ValueError, match=message):
        guard.settle(wrong(rows), labels)
    with pytest.raises(ValueError, match=whole("rule='all': expected 'sure' or 'majority'.")):
        guard.settle(rows[:2], truth[rows[:2]], rule="all")
    guard.set_params(level=90)
    with pytest.raises(ValueError, match=r"level=90: expected a number between 0 and 1"):
        guard.settle(rows[:2], truth[rows[:2]])
    guard.set_params(level=0.9)
    assert pickle.dumps(vars(guard)) == state
    guard.settle(rows[:2], truth[rows[:2]])
    assert guard.decision_.startswith("undecided after 3 labels")


def test_there_is_nothing_to_ask_if_every_target_row_is_labelled():
    X, _, domains, truth = make_shift()
    guard = GuardedTransferClassifier(MOMENTS, rehearse="never").fit(
        X, truth, sample_domain=domains
    )
    assert guard.changed_ is None
    for ask in (guard.rows_to_label, lambda: guard.settle([0], [1.0])):
        with pytest.raises(ValueError, match="Every target row of the fit is labelled"):
            ask()


@pytest.mark.parametrize("n_rows", [0, -1, 2.5, True, "20"])
def test_the_number_of_rows_is_a_whole_number(n_rows):
    with pytest.raises(ValueError, match="expected a whole number of 1 or more"):
        fit()[0].rows_to_label(n_rows)


def test_a_refit_and_a_clone_forget_the_labels():
    guard, X, domains, truth = fit()
    rows = guard.rows_to_label(20)
    guard.settle(rows, truth[rows])
    assert not hasattr(clone(guard), "decision_")
    guard.fit(X, np.where(domains == "target", np.nan, truth), sample_domain=domains)
    assert guard.decision_ == "vote"
    assert_array_equal(guard.rows_to_label(20), rows)


def test_a_pickled_guard_goes_on_where_it_was():
    guard, _, _, truth = fit()
    rows = guard.rows_to_label(3)
    guard.settle(rows[:1], truth[rows[:1]])
    loaded = pickle.loads(pickle.dumps(guard))
    for each in (guard, loaded):
        each.settle(rows[1:], truth[rows[1:]])
    assert loaded.decision_ == guard.decision_
    assert_array_equal(loaded.rows_to_label(5), guard.rows_to_label(5))


def test_strict_waits_for_labels():
    guard, X, _, truth = fit(method="strict")
    assert guard.weights_["source"] == 1
    rows = guard.rows_to_label(20)
    guard.settle(rows, truth[rows])
    assert guard.weights_ == {"source": 0.5, "transferpipeline": 0.5}


def test_texts_of_classes_and_a_class_that_the_fit_has_not_seen():
    X, y, domains, truth = make_shift()
    names = np.array(["no", "yes"], dtype=object)
    labels = np.where(np.isnan(y), None, names[np.nan_to_num(y).astype(int)])
    guard = GuardedTransferClassifier(MOMENTS, random_state=0).fit(X, labels, sample_domain=domains)
    rows = guard.rows_to_label(20)
    known = names[truth[rows].astype(int)]
    known[0] = "a class that is new"
    with pytest.warns(TransferWarning, match="'a class that is new', no class .* 1 of 20 labels"):
        guard.settle(rows, known)
    wins = guard.report_.sentence
    assert "20 labelled rows" in wins
    assert guard.decision_ == "kept after 20 labels"


def test_numbers_are_settled_by_which_prediction_is_nearer():
    rng = np.random.default_rng(0)
    X_source, X_target = rng.normal(size=(200, 3)), rng.normal(size=(300, 3)) + 1.0
    rule = np.array([1.0, 2.0, 0.5])
    truth = (X_target - 1.0) @ rule
    X, y, domains = pack_domains({"s": (X_source, X_source @ rule)}, target=X_target)
    guard = GuardedTransferRegressor(random_state=0).fit(X, y, sample_domain=domains)
    rows = guard.rows_to_label(20)
    source, mixed = guard.estimators_["source"].predict(X[rows]), guard.predict(X[rows])
    assert (np.abs(source - mixed) > 0).all()
    guard.settle(rows, truth[rows - 200])
    assert guard.decision_ == "kept after 20 labels"
    assert guard.weights_["source"] == pytest.approx(1 / len(guard.weights_))
    assert guard.changed_ == 1


def test_without_a_shift_there_is_no_row_to_ask_for():
    rng = np.random.default_rng(0)
    X_source, X_target = rng.normal(size=(200, 3)), rng.normal(size=(200, 3))
    source = X_source, (X_source[:, 0] > 0).astype(float)
    X, y, domains = pack_domains({"s": source}, target=X_target)
    guard = GuardedTransferClassifier(MOMENTS, random_state=0).fit(X, y, sample_domain=domains)
    assert guard.decision_ == "source alone"
    assert guard.report_.sentence == (
        "No target label was used; decision: source alone. Every target row is predicted as by the "
        "source alone, and there is no row whose label decides."
    )
    assert not len(guard.rows_to_label(20))
