"""A number of components that is clipped."""

import warnings

import numpy as np
import pytest

from sktransfer import (
    GeodesicFlowAligner,
    JointDistributionAligner,
    StructuralEncoder,
    SubspaceAligner,
    TransferComponentAligner,
    TransferJointAligner,
)

X = np.random.default_rng(0).normal(size=(40, 4))
y = (X[:, 0] > 0).astype(int)
DOMAINS = np.repeat(["old", "target"], 20)
METHODS = {
    "flow": (GeodesicFlowAligner, {}, 4),
    "joint": (JointDistributionAligner, {}, 4),
    "structural": (StructuralEncoder, {"pivots": [0, 1]}, 2),
    "subspace": (SubspaceAligner, {}, 4),
    "tca": (TransferComponentAligner, {}, 4),
    "tca, landmarks": (TransferComponentAligner, {"n_landmarks": 10}, 4),
    "tca, kernel": (TransferComponentAligner, {"kernel": "primal"}, 4),
    "tja": (TransferJointAligner, {}, 4),
}


@pytest.mark.parametrize(("method", "options", "n_kept"), METHODS.values(), ids=METHODS)
def test_a_chosen_number_warns_and_the_default_does_not(method, options, n_kept):
    chosen = method(n_components=51, **options)
    message = f"n_components=51 of {method.__name__} is clipped to {n_kept}: X has 4 columns; "
    with pytest.warns(UserWarning, match=message):
        chosen.fit(X, y, sample_domain=DOMAINS)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        default = method(**options).fit(X, y, sample_domain=DOMAINS)
        method(n_components=n_kept, **options).fit(X, y, sample_domain=DOMAINS)
    assert default.n_components_ == chosen.n_components_ == n_kept
