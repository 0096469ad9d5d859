"""The target half of the minibatches: which rows it holds, and the statistics of batch-norm."""

import numpy as np
import pytest

pytest.importorskip("torch", reason="the second phase trains with torch")

import torch

from sktransfer.deep import AdaptedNetworkClassifier, Preprocessing
from sktransfer.deep._training.penalty import Discrepancy
from sktransfer.deep._training.phases import Selected
from sktransfer.deep._training.target_half import TargetHalf, TargetRows

pytestmark = pytest.mark.filterwarnings("ignore::sktransfer.exceptions.TransferWarning")

N_SOURCE, N_TARGET = 48, 24
RNG = np.random.default_rng(0)
X = RNG.uniform(size=(N_SOURCE + N_TARGET, 64))
X[N_SOURCE:] = X[N_SOURCE:] / 4
Y = RNG.integers(2, size=len(X))
DOMAIN = np.repeat(["bright", "target"], [N_SOURCE, N_TARGET])


def make_module():
    return torch.nn.Sequential(
        torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.ReLU()),
        torch.nn.Conv2d(4, 6, 3),
    )


def test_batch_norm_takes_the_statistics_of_both_domains():
    model = AdaptedNetworkClassifier(
        make_module(),
        adaptation="dan",
        preprocessing=Preprocessing((8, 8), 1, (0.0,), (1.0,), crop=1.0),
        freeze_depth=0,
        initialize="random",
        max_epochs=2,
        batch_size=16,
        image_shape=(8, 8),
        value_range=(0, 1),
        random_state=0,
    ).fit(X, Y, sample_domain=DOMAIN)
    weights = model.stage_weights_[model.backbone_.stages[0]]
    convolve = torch.nn.Conv2d(1, 4, 3)
    convolve.load_state_dict(
        {name: torch.as_tensor(weights[f"0.0.{name}"]) for name in ("weight", "bias")}
    )
    images = torch.as_tensor(X, dtype=torch.float32).reshape(-1, 1, 8, 8)
    with torch.no_grad():
        parts = [convolve(part).mean(dim=(0, 2, 3)) for part in images.split([N_SOURCE, N_TARGET])]
    np.testing.assert_allclose(weights["0.1.running_mean"], sum(parts) / 2, atol=1e-5)
    assert abs(parts[0] - parts[1]).max() > 0.01


def test_half_of_the_rows_is_of_the_target():
    rows = TargetRows(Selected(X[N_SOURCE:], np.arange(5)), None, np.ones(3, dtype=bool))
    half = TargetHalf(Discrepancy(None, 1.0, None), rows, 0, torch.device("cpu"))
    half.begin_epoch(0)
    pairs, n_rows = half.pairs(X[:3], 3)
    assert n_rows == 5
    expected = np.concatenate([X[[0, 1, 2, 0, 1]], X[N_SOURCE:][:5]])
    np.testing.assert_array_equal(pairs[np.arange(5)], expected)


def test_one_source_row_in_a_minibatch_makes_no_penalty():
    rows = TargetRows(Selected(X, np.arange(9)), np.full(9, -1), np.array([True, False, False]))
    half = TargetHalf(Discrepancy(None, 1.0, None), rows, 0, torch.device("cpu"))
    half.begin_epoch(0)
    drawn = half.draw(torch.arange(3))
    assert len(drawn) == 1
    assert half.penalize(None, None, torch.arange(3), drawn, 0.0) is None
    assert np.isnan(half.end_epoch()["adaptation_loss"])
