"""The benchmark of stacking, forests and Gaussian processes, on rows made here."""

import numpy as np
import pytest

from benchmarks import parameter_transfer_models
from benchmarks.drifting_sensor import NOISE, draw_sensor, measure
from benchmarks.parameter_transfer_models import run_numbers


def test_signals_are_those_of_the_drifted_sensor():
    rng = np.random.default_rng(0)
    new, aged = draw_sensor(rng)
    X, y = measure(aged, 2000, rng)
    gain, offset, cross = aged
    design = np.column_stack([y / (1 + y), np.ones(2000)])
    found = np.linalg.lstsq(design, X, rcond=None)[0]
    np.testing.assert_allclose(found[0], gain, atol=0.1)
    np.testing.assert_allclose(found[1], offset + cross / 2, atol=0.1)
    assert (aged[0] <= new[0]).all()
    assert NOISE < 0.05


@pytest.mark.filterwarnings("ignore")
def test_every_method_has_a_score(monkeypatch):
    monkeypatch.setattr(parameter_transfer_models, "TREES", 3)
    monkeypatch.setattr(parameter_transfer_models, "PROCESS_ROWS", 20)
    rng = np.random.default_rng(0)
    rows = {name: rng.normal(size=(n, 2)) for name, n in (("a", 60), ("b", 60), ("target", 100))}
    made = {name: (X, X @ [1.0, 2.0]) for name, X in rows.items()}
    target = made.pop("target")
    scores = run_numbers(made, target, 10, 0)
    assert len(scores) == 18
    assert all(np.isfinite(score) for score in scores.values())
    assert scores["AdaptiveGaussianProcessRegressor, joint"] > 95
