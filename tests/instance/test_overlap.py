"""Weighters warn if the domains do not overlap, although their weights are even."""

import warnings

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from sktransfer import DiscriminatorWeighter, KLIEPWeighter, ULSIFWeighter
from sktransfer.exceptions import TransferWarning
from sktransfer.instance._overlap import doubt_by_distances, doubt_by_ratios

WEIGHTERS = [
    DiscriminatorWeighter(random_state=0),
    DiscriminatorWeighter(cv=5, random_state=0),
    ULSIFWeighter(random_state=0),
    KLIEPWeighter(random_state=0),
]
IDS = ["classifier", "folds", "ulsif", "kliep"]
DOMAINS = np.repeat(["old", "target"], 60)


def make_rows(gap, *, n_features=4):
    X = np.random.default_rng(0).normal(size=(120, n_features))
    X[60:] += gap
    return X


@pytest.mark.parametrize("weighter", WEIGHTERS, ids=IDS)
def test_far_apart(weighter):
    with pytest.warns(TransferWarning, match="do not overlap: |separates the domains: "):
        weighter.fit(make_rows(100.0), sample_domain=DOMAINS)
    assert weighter.effective_sample_size_ > 30  # so that no count of rows would say it


@pytest.mark.parametrize("weighter", WEIGHTERS, ids=IDS)
def test_together(weighter):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        weighter.fit(make_rows(0.0), sample_domain=DOMAINS)


def test_a_scale_of_the_ratio_is_no_doubt():
    """Balanced classes give odds without the numbers of rows."""
    X = np.random.default_rng(0).normal(size=(220, 2))
    domains = np.repeat(["old", "target"], [20, 200])
    learner = LogisticRegression(class_weight="balanced")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        weighter = DiscriminatorWeighter(learner).fit(X, sample_domain=domains)
    assert weighter._scale < 0.2


def test_the_ratio_of_two_normals_is_known():
    """The means are over rows of each density, of the ratio and of its inverse."""
    x, z = np.random.default_rng(0).normal(size=(2, 5000))
    at_source, at_target = np.exp(x - 0.5), np.exp(z + 1 - 0.5)  # means 0 and 1
    assert doubt_by_ratios(at_source, at_target) is None
    assert doubt_by_ratios(7 * at_source, 7 * at_target) is None
    assert doubt_by_ratios(at_source / 4, at_target * 4) is None
    assert "is 0.12, and 1 if" in doubt_by_ratios(at_source / 8, at_target * 8)


def test_a_narrow_target_inside_a_wide_source_is_no_doubt():
    source = np.linspace(-1, 1, 20)[:, None]
    assert doubt_by_distances(source, np.linspace(0.01, 0.02, 20)[:, None]) is None
    assert "within 0.632" in doubt_by_distances(source, source + 3)
    assert doubt_by_distances(np.zeros((1, 2)), np.ones((1, 2))) is None
