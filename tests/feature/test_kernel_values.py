"""A kernel with equal values for all rows gives a warning with the number and the remedy."""

import re
import warnings

import numpy as np
import pytest
from scipy.sparse import csr_array

from sktransfer import (
    DomainAugmenter,
    JointDistributionAligner,
    TransferComponentAligner,
    TransferJointAligner,
)
from sktransfer.exceptions import TransferWarning

METHODS = {
    "TransferComponentAligner": lambda **params: TransferComponentAligner(3, **params),
    "landmarks": lambda **params: TransferComponentAligner(
        3, n_landmarks=20, random_state=0, **params
    ),
    "TransferJointAligner": lambda **params: TransferJointAligner(3, n_iter=2, **params),
    "JointDistributionAligner": lambda **params: JointDistributionAligner(3, n_iter=2, **params),
    "DomainAugmenter": lambda **params: DomainAugmenter(n_components=20, random_state=0, **params),
}


def make_rows(scale=1.0):
    rng = np.random.default_rng(0)
    X = np.concatenate([rng.normal(size=(40, 5)), rng.normal(size=(30, 5)) + 1]) * scale
    return X, (X[:, 0] > 0).astype(int), np.repeat(["old", "target"], [40, 30])


@pytest.mark.parametrize("scale", [1e-60, 1e-9, 1e-7, 1e3, 1e60])
@pytest.mark.parametrize("kernel", ["rbf", "laplacian"])
@pytest.mark.parametrize("name", METHODS)
def test_a_warning_at_scales_at_which_no_rows_are_told_apart(name, kernel, scale):
    X, y, sample_domain = make_rows(scale)
    with pytest.warns(TransferWarning, match=r"set kernel_params=\{'gamma': .*\}.*StandardScaler"):
        METHODS[name](kernel=kernel).fit(X, y, sample_domain=sample_domain)


@pytest.mark.parametrize("scale", [1e-60, 1e-9, 1.0, 1e60])
@pytest.mark.parametrize("name", METHODS)
def test_the_value_of_gamma_in_the_message_is_right(name, scale):
    X, y, sample_domain = make_rows(scale)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        METHODS[name](kernel="rbf").fit(X, y, sample_domain=sample_domain)
    assert len(caught) == (scale != 1)
    gamma = 1 / (5 * X.var())
    if caught:
        gamma = float(re.search(r"'gamma': ([^}]+)\}", str(caught[0].message)).group(1))
        assert gamma * 5 * X.var() == pytest.approx(1, rel=0.5)  # of the landmarks, two digits
    METHODS[name](kernel="rbf", kernel_params={"gamma": gamma}).fit(
        X, y, sample_domain=sample_domain
    )


@pytest.mark.parametrize("name", METHODS)
def test_values_that_overflow_are_refused(name):
    X, y, sample_domain = make_rows(1e60)
    with pytest.raises(ValueError, match="kernel='polynomial' with kernel_params=None gives"):
        METHODS[name](kernel="polynomial").fit(X, y, sample_domain=sample_domain)


def test_sparse_rows_and_rows_that_are_all_alike():
    X, y, sample_domain = make_rows(1e-9)
    with pytest.warns(TransferWarning, match="does not tell them apart"):
        TransferComponentAligner(3, kernel="rbf").fit(csr_array(X), sample_domain=sample_domain)
    for alike in (np.ones_like(X), csr_array(np.ones_like(X))):
        TransferComponentAligner(1, kernel="rbf").fit(alike, sample_domain=sample_domain)
