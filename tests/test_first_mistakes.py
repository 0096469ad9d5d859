"""Mistakes of a first hour, and the sentences that name them."""

import re

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from sktransfer import (
    CORALAligner,
    GuardedTransferClassifier,
    PretrainedAudioExtractor,
    PretrainedFeatureExtractor,
    RegularizedMultiTaskClassifier,
    RepeatedTargetFold,
    TargetFold,
    TrAdaBoostClassifier,
    TransductiveFold,
    TransferLogisticRegression,
    ULSIFWeighter,
    WeightedTransferClassifier,
    compare_transfer,
    make_transfer_pipeline,
)

X = np.random.default_rng(0).normal(size=(40, 3))
y = (X[:, 0] > 0).astype(float)
DOMAINS = np.repeat(["old", "target"], 20)
TEXTS = np.full((40, 3), "a")


@pytest.mark.parametrize("rows", [TEXTS, TEXTS.astype(object), TEXTS.tolist()])
@pytest.mark.parametrize("method", [CORALAligner, ULSIFWeighter, TransferLogisticRegression])
def test_text_in_an_array(method, rows):
    message = f"{method.__name__} computes with numbers, but X holds text such as 'a'; encode it"
    with pytest.raises(ValueError, match=f"^{message}"):
        method().fit(rows, y, sample_domain=DOMAINS)


def test_text_behind_numbers_in_an_array():
    rows = X.astype(object)
    rows[7, 1] = "b"
    with pytest.raises(ValueError, match="holds text such as 'b'"):
        CORALAligner().fit(rows, sample_domain=DOMAINS)


@pytest.mark.parametrize(
    "method",
    [
        RegularizedMultiTaskClassifier,
        TrAdaBoostClassifier,
        TransferLogisticRegression,
        WeightedTransferClassifier,
    ],
)
def test_domains_as_the_third_argument(method):
    message = f"sample_weight of {method.__name__}, the third argument of fit, holds 'old'; "
    with pytest.raises(ValueError, match=f"^{message}expected numbers; pass the names of domains"):
        method().fit(X, y, DOMAINS)


@pytest.mark.parametrize("pipeline", [CORALAligner(), make_transfer_pipeline(CORALAligner())])
def test_a_transformer_is_no_pipeline_to_compare(pipeline):
    with pytest.raises(ValueError, match=r"^pipelines has .* is a transformer and predicts "):
        compare_transfer(pipeline, X, y, sample_domain=DOMAINS)
    with pytest.raises(ValueError, match=r"^candidates has .* put it before a predictor: make_t"):
        GuardedTransferClassifier(pipeline).fit(X, y, sample_domain=DOMAINS)


@pytest.mark.parametrize(
    ("fold", "hidden"),
    [
        (TargetFold(3), "target"),
        (RepeatedTargetFold(n_splits=3), "target"),
        (TransductiveFold(3), "source"),
    ],
)
def test_no_row_to_hold_out(fold, hidden):
    labels = np.where((DOMAINS == "target") == (hidden == "target"), np.nan, y)
    with pytest.raises(ValueError, match=f"^No {hidden} row has a label, so there is nothing"):
        list(fold.split(X, labels, groups=DOMAINS))


def test_pixels_for_a_network_of_texts():
    message = (
        "X has the shape (2, 8, 8) and holds numbers, but the network reads texts, as "
        "backbone='words' does: pass a sequence of texts, or for images a network that reads them, "
        "such as backbone='glyphs'."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        PretrainedFeatureExtractor("words").fit(np.zeros((2, 8, 8), dtype=np.uint8))


@pytest.mark.parametrize("extractor", [PretrainedAudioExtractor(), PretrainedFeatureExtractor()])
def test_texts_for_a_network_of_files(extractor):
    with pytest.raises(ValueError, match=r"cannot be read: X\[0\] 'a dog' \(no such file\)"):
        extractor.fit(["a dog"])


def test_weights_that_are_numbers_pass():
    weights = np.linspace(1, 2, 40)
    found = TrAdaBoostClassifier(LogisticRegression(), n_estimators=2)
    found.fit(X, y, weights.tolist(), sample_domain=DOMAINS)
    again = TrAdaBoostClassifier(LogisticRegression(), n_estimators=2)
    again.fit(X, y, sample_weight=weights, sample_domain=DOMAINS)
    np.testing.assert_array_equal(found.predict_proba(X), again.predict_proba(X))
