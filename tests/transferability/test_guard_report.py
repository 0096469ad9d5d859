"""The report: a table that prints well, and one plain sentence."""

import dataclasses

import numpy as np
import pytest

from sktransfer import GuardedTransferClassifier, GuardedTransferRegressor, paired_interval
from sktransfer.exceptions import TransferWarning
from sktransfer.transferability._guard_report import (
    GuardReport,
    ReportLine,
    never_excludes_zero,
    sentence_of_queries,
)
from sktransfer.transferability._judges import ClassJudge
from sktransfer.transferability._queries import Questions
from tests.transferability.test_guarded import make_numbers, make_rows


def make_report():
    lines = (
        ReportLine(name="target", weight=0.25, score=0.8, loss=0.5, seconds=0.1),
        ReportLine(name="pooled", weight=0.75, difference=-0.05, low=-0.2, high=0.1, seconds=1.0),
    )
    return GuardReport(
        lines=lines,
        left_out={"balanced": "KNeighborsClassifier takes no sample_weight"},
        sentence="Transfer is used.",
        queried=None,
        score_name="accuracy",
        loss_name="log-loss",
    )


def test_it_prints_a_table_and_ends_in_the_sentence():
    assert str(make_report()).splitlines() == [
        "candidate  weight  accuracy  log-loss  difference     low    high  seconds",
        "target       0.25     0.800       0.5           -       -       -     0.10",
        "pooled       0.75         -         -      -0.050  -0.200  +0.100     1.00",
        "left out: balanced, as KNeighborsClassifier takes no sample_weight",
        "Transfer is used.",
    ]


def test_it_is_frozen_and_becomes_a_frame():
    pytest.importorskip("pandas")
    report = make_report()
    with pytest.raises(dataclasses.FrozenInstanceError):
        report.sentence = ""
    frame = report.to_frame()
    assert list(frame.index) == ["target", "pooled"]
    assert frame.loc["target", "score"] == 0.8
    assert np.isnan(frame.loc["target", "low"])
    assert set(frame.dtypes) == {np.dtype(float)}


@pytest.mark.parametrize("k", [0, 1, 4])
@pytest.mark.parametrize("kind", ["classes", "numbers"])
def test_sentences_claim_nothing_without_an_interval(kind, k):
    make, guard = {
        "classes": (make_rows, GuardedTransferClassifier(n_repeats=1, random_state=0)),
        "numbers": (make_numbers, GuardedTransferRegressor(n_repeats=1, random_state=0)),
    }[kind]
    X, y, domains = make(k)[:3]
    X = X + 2.0 * (domains == "target")[:, None]
    guard.fit(X, y, sample_domain=domains)
    sentence = guard.report_.sentence
    assert sentence.endswith(".")
    assert str(guard.report_).endswith(sentence)
    for word in ("significant", "safe"):
        assert word not in sentence
    assert ("% interval" in sentence) == (guard.interval_ is not None)
    if k == 0:
        limit = {"classes": "no loss on them can exceed", "numbers": "nothing limits the loss"}
        assert (
            limit[kind] in sentence or "Every target row is predicted as by the source" in sentence
        )
    if guard.interval_ is not None:
        low, high = guard.interval_
        assert ("no improvement is shown" in sentence) == (low <= 0 <= high)


def test_the_weight_in_the_sentence_is_that_of_transfer():
    X, y, domains, _ = make_rows(k=4)
    guard = GuardedTransferClassifier(n_repeats=1, random_state=0).fit(X, y, sample_domain=domains)
    share = 100 * (1 - guard.weights_["target"])
    assert f"({share:.0f} % of the weight)" in guard.report_.sentence
    assert guard.report_.sentence.startswith("Transfer is used") == guard.used_transfer_


def test_without_source_rows_it_says_so():
    X, _, _, truth = make_rows()
    guard = GuardedTransferClassifier().fit(X, truth)
    assert guard.report_.sentence == (
        "No transfer was possible: the model is that of target rows alone."
    )


def test_two_rows_are_too_few_to_judge():
    X, y, domains, truth = make_rows(k=1)
    known = np.flatnonzero(domains == "target")[:2]
    y[domains == "target"] = np.nan
    y[known] = 1.0
    guard = GuardedTransferClassifier(n_repeats=1, random_state=0)
    with pytest.warns(TransferWarning, match="from 2 rows: too few to judge"):
        guard.fit(X, y, sample_domain=domains)
    low, high = guard.interval_
    assert low < 0 < high
    assert guard.report_.sentence.endswith("no interval from 2 excludes 0; label more rows.")


@pytest.mark.parametrize(("n_rows", "too_few"), [(1, True), (3, True), (4, False)])
def test_rows_that_could_exclude_zero(n_rows, too_few):
    assert never_excludes_zero(n_rows, level=0.9) == too_few
    assert (paired_interval(np.ones(n_rows), level=0.9)[1] <= 0) == too_few


@pytest.mark.parametrize(
    ("n_labelled", "end"),
    [
        (3, "% interval"),
        (5, "all rows on which they differ are labelled, so the difference is exact."),
    ],
)
def test_ties_and_exact_differences_are_said(n_labelled, end):
    asked = Questions(np.arange(5), np.zeros((5, 2)), np.zeros((5, 2)), 50).offered(n_labelled)[0]
    asked = asked.settled(np.arange(n_labelled), [1, 1, 0, -1, 1][:n_labelled])
    judge = ClassJudge(np.array([0, 1]))
    said = sentence_of_queries(asked, "kept", judge, level=0.9, baseline="source")
    losses = n_labelled // 5
    assert f"wins {n_labelled - 1 - losses} and loses {losses}; on 1 neither is right. " in said
    assert end in said
