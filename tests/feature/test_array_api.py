"""Aligners on tensors: the maps of NumPy's rows, in tensors of the same dtype and device."""

import os

import numpy as np
import pytest
import sklearn
from numpy.testing import assert_allclose
from sklearn.base import clone
from sklearn.utils.estimator_checks import (
    check_array_api_input,
    check_array_api_same_namespace,
)

from sktransfer.feature import CORALAligner, GeodesicFlowAligner, MomentAligner, SubspaceAligner

torch = pytest.importorskip("torch", reason="tensors are what this is about")
pytestmark = pytest.mark.skipif(
    os.environ.get("SCIPY_ARRAY_API") != "1",
    reason="scikit-learn dispatches only where SCIPY_ARRAY_API=1 before SciPy is imported",
)

ALIGNERS = [
    MomentAligner(),
    MomentAligner(with_std=False),
    CORALAligner(),
    CORALAligner(map="monge"),
    CORALAligner(map="cholesky"),
    SubspaceAligner(3),
    GeodesicFlowAligner(2),
]
DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


def make_rows(n_features):
    rng = np.random.default_rng(0)
    sample_domain = np.repeat(["amazon", "dslr", "target"], [30, 25, 40])
    scale = np.linspace(2, 0.5, n_features)
    X = rng.normal(size=(95, n_features)) * scale + 2 * (sample_domain == "dslr")[:, None]
    order = rng.permutation(95)
    return X[order], sample_domain[order]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-10), ("float32", 1e-4)])
@pytest.mark.parametrize("n_features", [6, 120])
@pytest.mark.parametrize("aligner", ALIGNERS, ids=str)
def test_tensors_are_mapped_as_arrays_are(aligner, n_features, dtype, tolerance, device):
    X, sample_domain = make_rows(n_features)
    expected = clone(aligner).fit_transform(X, sample_domain=sample_domain)
    tensor = torch.asarray(X.astype(dtype), device=device)
    before = tensor.clone()
    with sklearn.config_context(array_api_dispatch=True):
        fitted = clone(aligner).fit(tensor, sample_domain=sample_domain)
        mapped = fitted.transform(tensor, sample_domain=sample_domain)
        streamed = clone(aligner).partial_fit(tensor[:50], sample_domain=sample_domain[:50])
        streamed.partial_fit(tensor[50:], sample_domain=sample_domain[50:])
        again = streamed.transform(tensor, sample_domain=sample_domain)
        new = fitted.transform(tensor[:3])
    assert torch.equal(tensor, before)
    for found in (mapped, again):
        assert isinstance(found, torch.Tensor)
        assert (found.dtype, found.device) == (tensor.dtype, tensor.device)
        assert_allclose(found.cpu(), expected, atol=tolerance * np.abs(expected).max())
    assert isinstance(new, torch.Tensor)
    assert new.shape == (3, expected.shape[1])


@pytest.mark.parametrize("aligner", ALIGNERS, ids=str)
def test_scikit_learns_own_checks_on_torch(aligner):
    name = type(aligner).__name__
    check_array_api_input(name, aligner, "torch", "cpu", "float64", check_values=True)
    check_array_api_input(name, aligner, "torch", "cpu", "float32", check_values=True)
    check_array_api_same_namespace(name, aligner, "torch", "cpu")
