"""Aligners on arrays of other libraries: the maps of NumPy's rows, of the same dtype and device."""

import os
from importlib import import_module

import numpy as np
import pytest
import sklearn
from array_api_compat import array_namespace, device, to_device
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.utils.estimator_checks import (
    check_array_api_input,
    check_array_api_same_namespace,
)

from sktransfer.feature import (
    CORALAligner,
    GeodesicFlowAligner,
    MomentAligner,
    SubspaceAligner,
    TransferComponentAligner,
)

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
PLACES = [  # array_api_strict knows nothing but the standard, and devices that share no array
    ("torch", "cpu"),
    ("torch", "cuda"),
    ("array_api_strict", "CPU_DEVICE"),
    ("array_api_strict", "device1"),
]


def load(library, place):
    """Give the namespace of the library, and its device of that name."""
    pytest.importorskip(library, reason=f"{library} is not installed")
    if library == "torch":
        if place == "cuda" and not import_module("torch").cuda.is_available():
            pytest.skip("there is no CUDA device")
        return import_module("array_api_compat.torch"), place
    xp = import_module(library)
    return xp, xp.Device(place)


def as_numpy(array):
    is_strict = array_namespace(array).__name__ == "array_api_strict"
    return np.asarray(to_device(array, array_namespace(array).Device() if is_strict else "cpu"))


def make_rows(n_features):
    rng = np.random.default_rng(0)
    sample_domain = np.repeat(["amazon", "dslr", "target"], [30, 25, 40])
    scale = np.linspace(2, 0.5, n_features)
    X = rng.normal(size=(95, n_features)) * scale + 2 * (sample_domain == "dslr")[:, None]
    order = rng.permutation(95)
    return X[order], sample_domain[order]


@pytest.mark.parametrize(("library", "place"), PLACES)
@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-10), ("float32", 1e-4)])
@pytest.mark.parametrize("n_features", [6, 120])
@pytest.mark.parametrize("aligner", ALIGNERS, ids=str)
def test_mapped_as_numpys_rows_are(aligner, n_features, dtype, tolerance, library, place):
    xp, place = load(library, place)
    X, sample_domain = make_rows(n_features)
    expected = clone(aligner).fit_transform(X, sample_domain=sample_domain)
    rows = xp.asarray(X.astype(dtype), device=place)
    before = as_numpy(rows).copy()
    with sklearn.config_context(array_api_dispatch=True):
        fitted = clone(aligner).fit(rows, sample_domain=sample_domain)
        mapped = fitted.transform(rows, sample_domain=sample_domain)
        streamed = clone(aligner).partial_fit(rows[:50, :], sample_domain=sample_domain[:50])
        streamed.partial_fit(rows[50:, :], sample_domain=sample_domain[50:])
        again = streamed.transform(rows, sample_domain=sample_domain)
        new = fitted.transform(rows[:3, :])
    assert_array_equal(as_numpy(rows), before)
    for found in (mapped, again, new):
        assert type(found) is type(rows)
        assert (found.dtype, device(found)) == (rows.dtype, device(rows))
    for found in (mapped, again):
        assert_allclose(as_numpy(found), expected, atol=tolerance * np.abs(expected).max())
    assert new.shape == (3, expected.shape[1])


@pytest.mark.parametrize("library", ["torch", "array_api_strict"])
def test_components_are_for_numpy_alone_and_say_so(library):
    xp = pytest.importorskip(library, reason=f"{library} is not installed")
    X, sample_domain = make_rows(6)
    message = (
        f"TransferComponentAligner computes by NumPy alone, but X is an array of {library} and "
        "array_api_dispatch is on; pass X as an array of NumPy."
    )
    aligner = TransferComponentAligner(2).fit(X, sample_domain=sample_domain)
    for method in (aligner.fit, aligner.transform):
        with (
            sklearn.config_context(array_api_dispatch=True),
            pytest.raises(TypeError, match=f"^{message}$"),
        ):
            method(xp.asarray(X), sample_domain=sample_domain)


@pytest.mark.parametrize("library", ["torch", "array_api_strict"])
@pytest.mark.parametrize("aligner", ALIGNERS, ids=str)
def test_scikit_learns_own_checks(aligner, library):
    pytest.importorskip(library, reason=f"{library} is not installed")
    name, place = type(aligner).__name__, {"torch": "cpu"}.get(library, "CPU_DEVICE")
    check_array_api_input(name, aligner, library, place, "float64", check_values=True)
    check_array_api_input(name, aligner, library, place, "float32", check_values=True)
    check_array_api_same_namespace(name, aligner, library, place)
