"""Differences of scores, also to the best of several models, and how often intervals cover them."""

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, log_loss, mean_absolute_error, mean_squared_error

from sktransfer import paired_interval
from sktransfer.transferability._scores import (
    ROW_SCORES,
    FoldScore,
    FoldSizes,
    Scores,
    find_score,
)

SIZES = FoldSizes(n_rows=20, n_folds=15, n_train=16.0, n_test=4.0)


def make_scores(values, score="accuracy", **options):
    return Scores(np.asarray(values, dtype=float), SIZES, ROW_SCORES[score], 0.0, **options)


def draw_hits(rng, accuracies, n_rows=20):
    """Whether each model is right on each row; on most rows a difficulty is common to all."""
    common, own = rng.random(n_rows), rng.random((len(accuracies), n_rows))
    difficulty = np.where(rng.random(n_rows) < 0.7, common, own)
    return (difficulty < np.array(accuracies)[:, None]).astype(float)


def test_a_share_of_rows_has_the_interval_of_bonett_and_price():
    rng = np.random.default_rng(0)
    first, second = rng.random(20), rng.random(20)
    found = make_scores(first).minus(make_scores(second), level=0.8)
    assert (found.value, found.low, found.high) == paired_interval(first - second, level=0.8)


def test_the_lower_end_to_the_best_is_the_smallest_and_the_upper_end_allows_for_all():
    hits = draw_hits(np.random.default_rng(1), [0.8, 0.6, 0.7, 0.5])
    first, *others = map(make_scores, hits)
    found = first.minus_best(others, level=0.9)
    assert found.value == pytest.approx(first.mean - max(other.mean for other in others))
    assert found.low == min(first.minus(other, level=0.9).low for other in others)
    assert found.high == min(first.minus(other, level=1 - 0.1 / 3).high for other in others)
    alone = first.minus_best(others[:1], level=0.9)
    assert alone == first.minus(others[0], level=0.9)


@pytest.mark.parametrize("accuracies", [(0.7, 0.7, 0.7, 0.7), (0.9, 0.7, 0.6, 0.5)])
def test_the_interval_to_the_best_in_truth_covers_it(accuracies):
    rng = np.random.default_rng(0)
    truth, found = accuracies[0] - max(accuracies[1:]), []
    for _ in range(400):
        first, *others = map(make_scores, draw_hits(rng, accuracies))
        found.append(first.minus_best(others, level=0.9))
    low, high = np.transpose([(each.low, each.high) for each in found])
    assert np.mean((low <= truth) & (truth <= high)) > 0.9
    assert np.mean(low > truth) < 0.05


@pytest.mark.parametrize("n_rows", [6, 20])
@pytest.mark.parametrize("accuracies", [(0.7, 0.5), (0.75, 0.7), (0.5, 0.5)])
def test_the_paired_interval_covers_the_truth(n_rows, accuracies):
    rng = np.random.default_rng(0)
    hits = [draw_hits(rng, accuracies, n_rows) for _ in range(400)]
    low, high = np.transpose([paired_interval(first - second)[1:] for first, second in hits])
    truth = accuracies[0] - accuracies[1]
    assert np.mean((low <= truth) & (truth <= high)) > 0.9


def test_scores_of_folds_have_a_difference_alone():
    roc = [Scores(np.array(v), SIZES, FoldScore("roc_auc"), 0.0) for v in ([0.8, 0.9], [0.7, 0.6])]
    found = roc[0].minus(roc[1], level=0.9)
    assert found.value == pytest.approx(0.2)
    assert np.isnan(found.low)
    assert np.isnan(roc[0].minus_best(roc[1:], level=0.9).high)


def test_scores_with_a_bias_have_no_interval():
    biased = make_scores(np.ones(20), has_interval=False)
    assert np.isnan(biased.minus(make_scores(np.zeros(20)), level=0.9).low)


class Answers:
    """A model that gives the same answers to any rows."""

    def __init__(self, answers, classes=None):
        self.answers, self.classes_ = answers, classes

    def predict(self, X):
        return self.answers

    predict_proba = predict


@pytest.mark.parametrize("n_classes", [2, 3])
def test_scores_of_probabilities_are_those_of_scikit_learn(n_classes):
    rng = np.random.default_rng(0)
    y, classes = rng.integers(n_classes, size=12), np.arange(n_classes)
    p = rng.dirichlet(np.ones(n_classes), size=12)
    log, brier = (
        ROW_SCORES[name](Answers(p, classes), None, y, classes)
        for name in ("neg_log_loss", "neg_brier_score")
    )
    assert log.mean() == pytest.approx(-log_loss(y, p))
    expected = brier_score_loss(y, p[:, 1] if n_classes == 2 else p)
    assert brier.mean() == pytest.approx(-expected)


def test_a_class_that_a_model_does_not_know_has_the_smallest_probability():
    score = ROW_SCORES["neg_log_loss"](
        Answers(np.ones((1, 1)), np.array(["a"])), None, np.array(["b"]), np.array(["a", "b"])
    )
    assert score == pytest.approx(np.log(np.finfo(float).eps))


@pytest.mark.parametrize("shape", [(12,), (12, 2)])
def test_scores_of_numbers_are_those_of_scikit_learn(shape):
    y, predicted = np.random.default_rng(0).normal(size=(2, *shape))
    for name, loss in (
        ("neg_mean_squared_error", mean_squared_error),
        ("neg_mean_absolute_error", mean_absolute_error),
    ):
        rows = ROW_SCORES[name](Answers(predicted), None, y, None)
        assert rows.shape == (12,)
        assert rows.mean() == pytest.approx(-loss(y, predicted))


def test_the_score_by_default():
    assert find_score(None, discrete=True) == ("accuracy", ROW_SCORES["accuracy"])
    assert find_score(None, discrete=False)[0] == "neg_mean_squared_error"
    assert find_score("f1", discrete=True) == ("f1", FoldScore("f1"))
