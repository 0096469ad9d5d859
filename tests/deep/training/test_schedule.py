"""Step sizes by epoch and by stage: limits, hand-computed values, torch's own schedule."""

import numpy as np
import pytest

from sktransfer.deep._training.schedule import SCHEDULES, rate_factor, stage_rates


def factors(n_steps, **options):
    return [rate_factor(step, n_steps=n_steps, **options) for step in range(n_steps)]


def test_by_hand():
    assert factors(4) == [1.0] * 4
    assert factors(4, schedule="linear") == [1, 3 / 4, 1 / 2, 1 / 4]
    expected = [1, (1 + np.sqrt(1 / 2)) / 2, 1 / 2, (1 - np.sqrt(1 / 2)) / 2]
    np.testing.assert_allclose(factors(4, schedule="cosine"), expected)
    assert factors(6, n_warmup=2) == [1 / 2, 1, 1, 1, 1, 1]
    assert factors(6, n_warmup=2, schedule="linear") == [1 / 2, 1, 1, 3 / 4, 1 / 2, 1 / 4]


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_rises_to_one_then_never_rises_again(schedule):
    values = np.array(factors(50, n_warmup=10, schedule=schedule))
    assert (np.diff(values[:10]) > 0).all()
    assert values[9] == values[10] == 1
    assert (np.diff(values[10:]) <= 0).all()
    assert values.min() > 0


def test_a_warm_up_as_long_as_the_training_is_all_there_is():
    assert factors(3, n_warmup=3, schedule="cosine") == [1 / 3, 2 / 3, 1]
    assert factors(2, n_warmup=4) == [1 / 4, 1 / 2]


def test_torch_anneals_the_same_way():
    torch = pytest.importorskip("torch", reason="the second implementation is torch's")
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    other = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=20)
    for value in factors(20, schedule="cosine"):
        assert value == pytest.approx(other.get_last_lr()[0], abs=1e-9)
        optimizer.step()
        other.step()


def test_rates_shrink_towards_the_input():
    assert stage_rates(3, rate=0.8, decay=0.5) == [0.2, 0.4, 0.8]
    assert stage_rates(3, rate=0.1, decay=1.0) == [0.1] * 3
    assert stage_rates(0, rate=0.1, decay=0.5) == []
