"""The parts of a guarded estimator: rows, evidence, questions, folds and rehearsals."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal

from sktransfer._domains import read_sample_domain
from sktransfer.transferability._guard_rows import guard_rows, holds_items
from sktransfer.transferability._judges import ClassJudge, NumberJudge
from sktransfer.transferability._queries import KEPT, REJECTED, UNDECIDED, Questions
from sktransfer.transferability._weighing import Evidence


def make_rows():
    X = np.array([[5.0], [4.0], [3.0], [2.0], [1.0], [0.0]])
    y = np.array([1.0, 0.0, 1.0, 0.0, 1.0, np.nan])
    domains = read_sample_domain(["a", "a", "b", "b", "target", "target"], 6)
    return guard_rows(X, X, y, domains)


def test_positions_are_in_the_order_of_the_rows_themselves():
    rows = make_rows()
    assert_array_equal(rows.labelled_source(), [3, 2, 1, 0])
    assert_array_equal(rows.labelled_source("a"), [1, 0])
    assert_array_equal(rows.labelled_target, [4])
    assert_array_equal(rows.unlabelled_target, [5])


def test_a_source_that_plays_the_target_replaces_it_and_hides_its_other_labels():
    rows = make_rows().with_target("a", np.array([1]), np.array([0]))
    assert_array_equal(rows.sample_domain, ["target", "target", "b", "b"])
    assert_array_equal(rows.X[:, 0], [5, 4, 3, 2])
    assert_array_equal(rows.labelled, [False, True, True, True])
    assert np.isnan(rows.y[0])
    assert_array_equal(rows.y[1:], [0, 1, 0])
    alone = make_rows().with_target("a", np.array([1]), np.array([], dtype=int))
    assert_array_equal(alone.X[:, 0], [4, 3, 2])


def test_rows_without_a_source_name_the_others():
    rows = make_rows().without_source("a")
    assert rows.domains.sources == ("b",)
    assert_array_equal(rows.sample_domain, ["b", "b", "target", "target"])


ITEMS = {
    "texts": (["a text", "another"], True),
    "array of texts": (np.array(["a text", "another"]), True),
    "objects of texts": (np.array(["a", "b"], dtype=object), True),
    "pictures": (np.zeros((2, 4, 4)), True),
    "list of pictures": ([np.zeros((4, 4)), np.zeros((3, 5))], True),
    "numbers": (np.zeros((2, 3)), False),
    "list of numbers": ([[0.0], [1.0]], False),
    "objects of numbers": (np.zeros((2, 3), dtype=object), False),
    "frame of numbers": (pd.DataFrame([[1, True], [0, False]]), False),
    "frame of objects of numbers": (pd.DataFrame([[1, None], [None, 2.0]], dtype=object), False),
    "frame with a text": (pd.DataFrame({"a": [0, 1], "b": [None, "a text"]}), True),
}


@pytest.mark.parametrize("name", ITEMS)
def test_items_are_told_from_numbers(name):
    X, expected = ITEMS[name]
    assert holds_items(X) == expected


def make_evidence(scores):
    answers = np.random.default_rng(0).dirichlet(np.ones(2), size=(1, 3, 6))
    folds = [[np.array([0, 1]), np.array([2, 3]), np.array([4, 5])]]
    return Evidence(
        answers=answers,
        truth=np.zeros(6, dtype=int),
        folds=folds,
        scores=scores,
        rehearsed=np.full(3, np.nan),
        rehearsed_loss=np.full(3, np.nan),
        added=False,
        unscored=np.zeros(3, dtype=bool),
        prior=np.ones(3),
        eta=0.5,
        best_only=False,
    )


def test_the_weights_for_a_fold_come_from_the_other_folds():
    scores = -np.random.default_rng(1).random((3, 6))
    before = make_evidence(scores).mixed_answers()
    changed = scores.copy()
    changed[0, 2:4] -= 5
    after = make_evidence(changed).mixed_answers()
    assert_array_equal(after[0, 2:4], before[0, 2:4])
    assert (after[0, [0, 1, 4, 5]] != before[0, [0, 1, 4, 5]]).all()


def test_an_unknown_candidate_counts_as_the_poorest():
    scores = np.array([[0.0, 0.0], [-1.0, -1.0], [-2.0, -2.0]])
    evidence = make_evidence(np.zeros((3, 6)))
    unknown = np.array([True, False, False])
    evidence = type(evidence)(**{**vars(evidence), "scores": scores, "unscored": unknown})
    weights = evidence.weights()
    assert weights[0] == weights[2] < weights[1]


def settled(wins):
    """Questions of which all rows are labelled."""
    answers = np.eye(2)[np.zeros(len(wins), dtype=int)]
    asked = Questions(np.arange(len(wins)), 1 - answers, answers, n_rows=10 * len(wins))
    return asked.offered(len(wins))[0].settled(np.arange(len(wins)), wins)


@pytest.mark.parametrize(("wins", "sure"), [([1, 1, -1], KEPT), ([1, -1, -1], REJECTED)])
def test_a_few_rows_are_settled_for_certain_if_all_of_them_are_labelled(wins, sure):
    asked = settled(wins)
    assert asked.decision(rule="sure", level=0.9) == sure
    difference = sum(wins) / 30
    assert asked.interval(level=0.9) == (difference, (difference, difference))


def test_ties_keep_the_vote_of_the_majority_only():
    asked = settled([1, -1, 0])
    assert asked.decision(rule="majority", level=0.9) == KEPT
    assert asked.decision(rule="sure", level=0.9) == REJECTED
    some = Questions(np.arange(9), asked.new, asked.old, 90).offered(2)[0].settled([0, 1], [1, -1])
    assert some.decision(rule="sure", level=0.9) == UNDECIDED


@pytest.mark.parametrize("k", [2, 3, 5, 8])
def test_each_class_loses_the_same_share_of_its_rows(k):
    truth = np.repeat([0, 1, 2], k)
    judge = ClassJudge(np.arange(3))
    folds = judge.folds(truth, cv=5, n_repeats=3, generator=np.random.RandomState(0))
    assert folds.alone
    assert len(folds.splits) == 3
    for splits in folds.splits:
        assert len(splits) == min(5, k)
        assert_array_equal(np.sort(np.concatenate(splits)), np.arange(3 * k))
        if k in (2, 3, 5):
            for out in splits:
                assert_array_equal(np.bincount(truth[out]), [1, 1, 1])


def test_a_single_row_of_a_class_is_never_held_out_unless_most_are_single():
    judge, rng = ClassJudge(np.arange(4)), np.random.RandomState(0)
    folds = judge.folds(np.array([0, 0, 1, 1, 2]), cv=5, n_repeats=1, generator=rng)
    assert folds.alone
    assert_array_equal(folds.scored, [0, 1, 2, 3])
    folds = judge.folds(np.arange(4), cv=5, n_repeats=1, generator=rng)
    assert not folds.alone
    assert_array_equal(folds.scored, np.arange(4))
    assert folds.splits[0]
    assert all(len(out) == 1 for out in folds.splits[0])


def test_a_rehearsal_labels_as_many_rows_a_class_as_the_target_has_and_leaves_half():
    judge, rng = ClassJudge(np.arange(3)), np.random.RandomState(0)
    source = np.repeat([0, 1, 2], [50, 50, 4])
    drawn = judge.rehearsal_rows(source, np.repeat([0, 1, 2], [2, 5, 5]), rng)
    assert_array_equal(np.bincount(source[drawn]), [2, 5, 2])


def test_the_noise_of_numbers_is_the_best_mean_square():
    judge = NumberJudge()
    answers = np.array([[[1.0], [3.0]], [[2.0], [2.0]]])  # two candidates, two rows
    scores = judge.scores(answers, np.zeros(2))
    assert_array_equal(scores, [[-0.5, -4.5], [-2.0, -2.0]])
    found, _ = judge.comparable(scores, np.full(2, np.nan), added=False)
    np.testing.assert_allclose(found, scores / (4.0 * 2 / 1))  # n / (n - 2), but at most n
    found, rehearsed = judge.comparable(scores, np.array([-3.0, -1.5]), added=True)
    np.testing.assert_allclose(found, scores / 3.0)
    np.testing.assert_allclose(rehearsed, [-1.0, -0.5])
    assert judge.loss_of(-1.5) == 3.0


def test_a_number_wins_if_it_is_nearer():
    judge = NumberJudge()
    new, old = np.array([[1.0], [3.0], [0.0]]), np.array([[2.0], [1.0], [0.0]])
    assert_array_equal(judge.wins(new, old, np.zeros(3)), [1, -1, 0])
