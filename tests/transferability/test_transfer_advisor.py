"""The advice on stage and depth: its four cases, its evidence, and its sentences."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from sktransfer import PretrainedFeatureExtractor, TransferAdvisor, rank_backbones

X, Y = load_digits(return_X_y=True)
ADVISOR = TransferAdvisor(random_state=0)


def test_few_rows_leave_the_network_frozen_at_the_best_stage_of_the_ranking():
    advice = ADVISOR.advise(X[:60], Y[:60])
    assert (advice.case, advice.stage, advice.freeze_depth) == ("few rows, similar", "stage4", 4)
    assert advice.rows_per_class == np.bincount(Y[:60]).min()
    ranking = rank_backbones("glyphs", X[:60], Y[:60], random_state=0)
    assert advice.ranking.weights == ranking.weights
    assert advice.distance is None
    assert advice.sentence.startswith("Few rows: leave the network as it is, and fit a linear")
    assert str(advice).splitlines()[0] == "case: few rows, similar"


@pytest.fixture(scope="module")
def brightness():
    """Images whose label is their brightness, which the first stage keeps best."""
    rng = np.random.default_rng(0)
    labels = np.arange(40) % 2
    images = rng.integers(0, 40, size=(40, 32, 32)) + 60 * labels[:, None, None]
    return images.astype(np.uint8), labels


def test_the_case_is_that_of_rows_and_stages(brightness):
    images, labels = brightness
    few = TransferAdvisor(many_rows=100, random_state=0).advise(images, labels)
    many = TransferAdvisor(many_rows=5, random_state=0).advise(images, labels)
    assert few.ranking.weights == many.ranking.weights
    assert few.case == "few rows, different"
    assert f"glyphs {few.stage}" == few.ranking.best
    assert few.freeze_depth == 4
    assert many.case == "many rows, different"
    assert many.freeze_depth == int(many.stage[-1]) - 1 < 3
    assert f"freeze_depth={many.freeze_depth}" in many.sentence


def test_one_row_a_class_keeps_the_last_stage():
    rows = [np.flatnonzero(digit == Y)[0] for digit in range(3)]
    advice = ADVISOR.advise(X[rows], Y[rows])
    assert advice.stage == "stage4"
    assert advice.sentence == (
        "With one labelled row a class no stage can be scored: keep the last stage, stage4, "
        "frozen, and label more rows."
    )


def test_the_distance_is_near_zero_for_rows_of_the_same_kind_and_large_for_noise():
    extractor = PretrainedFeatureExtractor()
    advisor = TransferAdvisor(extractor, random_state=0)
    near = advisor.advise(X[:60], Y[:60], X_source=X[100:160]).distance
    noise = np.random.default_rng(0).integers(0, 17, size=(60, 64)).astype(float)
    far = advisor.advise(X[:60], Y[:60], X_source=noise).distance
    assert near.value < 1 < 1.5 < far.value
    assert not hasattr(extractor, "backbone_")


def test_rows_without_a_label_count_for_nothing():
    y = Y[:60].astype(float)
    y[30:] = np.nan
    advice = ADVISOR.advise(X[:60], y)
    assert advice.rows_per_class == np.bincount(Y[:30]).min()


def test_numbers_are_advised_on_too():
    advice = ADVISOR.advise(X[:60], Y[:60] + 0.5)
    assert advice.rows_per_class == 6
    assert advice.ranking.score_name == "R2"
