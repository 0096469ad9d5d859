"""Calibration transfer: the simple maps, and which rows are pairs."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from benchmarks._data import DataError, load_corn
from benchmarks.calibration_transfer import ridge_map, slope_and_mean, standardized
from tests.shelf import DATA

RNG = np.random.default_rng(0)
S = RNG.normal(size=(8, 5))


def test_a_gain_and_an_offset_of_each_wavelength_are_found():
    T = S * [1, 2, 3, 0.5, 1] + [0, 1, 2, 3, 4]
    assert_allclose(slope_and_mean(S, T)(S), T)
    assert_allclose(ridge_map(S, T)(S), T, atol=1e-3)


def test_the_pairs_are_the_same_specimens():
    spectra = {"m5": RNG.normal(size=(20, 5))}
    spectra["mp5"] = spectra["m5"] + 3
    aligner = standardized("direct", spectra, "mp5", np.arange(12), np.array([3, 1, 7]))
    assert aligner.n_pairs_ == {"m5": 3}
    assert_allclose(aligner.transform(spectra["m5"], sample_domain=["m5"] * 20), spectra["mp5"])


def test_corn_has_eighty_samples_on_three_instruments():
    try:
        spectra, properties = load_corn(DATA)
    except DataError:
        pytest.skip("needs corn")
    assert list(spectra) == ["m5", "mp5", "mp6"]
    assert {X.shape for X in spectra.values()} == {(80, 700)}
    assert list(properties) == ["Moisture", "Oil", "Protein", "Starch"]
    assert all(y.shape == (80,) for y in properties.values())
