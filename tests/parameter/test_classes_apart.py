"""A warning if a source and the target each have classes that the other lacks."""

import warnings

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from sktransfer import (
    AdaptiveSVC,
    TrAdaBoostClassifier,
    TransferForestClassifier,
    TransferLogisticRegression,
    TransferRidgeClassifier,
    TransferStackingClassifier,
    WeightedTransferClassifier,
)
from sktransfer.exceptions import TransferWarning

X = np.random.default_rng(0).normal(size=(80, 3))
y = (X[:, 0] > 0).astype(int)
DOMAINS = np.repeat(["old", "target"], [40, 40])
METHODS = [
    AdaptiveSVC,
    TransferForestClassifier,
    TransferLogisticRegression,
    TransferRidgeClassifier,
    TransferStackingClassifier,
    TrAdaBoostClassifier,
    WeightedTransferClassifier,
]


@pytest.mark.parametrize("method", METHODS)
def test_rows_of_other_classes(method):
    labels = np.where(DOMAINS == "target", y + 3, y)
    with pytest.warns(TransferWarning) as caught:
        method().fit(X, labels, sample_domain=DOMAINS)
    said = [str(each.message) for each in caught if "classes: only" in str(each.message)]
    assert said == [
        f"{method.__name__}: the source 'old' and the target share 0 of 4 classes: only the source "
        "has 0, 1, and only the target has 3, 4. The source says nothing about these; name the "
        "classes alike if they are the same, or leave the source out."
    ]


def test_a_model_of_other_classes():
    source = LogisticRegression().fit(X[:40], np.array(["Cat", "dog"])[y[:40]])
    with pytest.warns(TransferWarning, match="LogisticRegression.* share 1 of 3 classes: only"):
        TransferLogisticRegression(source).fit(X[40:], np.array(["cat", "dog"])[y[40:]])


@pytest.mark.parametrize("shift", [0, 1])
def test_one_side_may_have_more(shift):
    labels = y + (X[:, 1] > 0.5)  # 0, 1, 2
    labels[:40] = np.minimum(labels[:40], 1) if shift else labels[:40]
    labels[40:] = labels[40:] if shift else np.minimum(labels[40:], 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error", TransferWarning)
        TransferLogisticRegression().fit(X, labels, sample_domain=DOMAINS)
