"""The benchmark of temperatures, on one made-up task."""

import numpy as np
import pytest

from benchmarks._data import DataError
from benchmarks._guard_tasks import Task
from benchmarks.temperature_labels import HALF, NO_PULL, OURS, models, run, run_task


@pytest.mark.filterwarnings("ignore::sktransfer.exceptions.TransferWarning")
@pytest.mark.parametrize("k", [2, 5])
def test_each_method_has_a_loss_for_each_transfer(k):
    rng = np.random.default_rng(0)
    domains = {}
    for name, noise in (("lab", 0.1), ("field", 1.0)):
        X = rng.normal(size=(200, 3))
        domains[name] = X, (X[:, 0] + noise * rng.normal(size=200) > 0).astype(int)
    found = run_task(Task("made up", "lab", "field", domains), k)
    assert set(found) == {"none", OURS, NO_PULL, *([HALF] if k == 5 else [])}
    assert {len(losses) for losses in found.values()} == {len(models())}
    assert np.mean(found[OURS]) < np.mean(found["none"])


def test_it_needs_data():
    with pytest.raises(DataError, match="needs real data"):
        run(None)
