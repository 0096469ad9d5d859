"""Losses of discriminators and second heads: definitions, limits, NumPy and torch, gradients."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import log_softmax as scipy_log_softmax
from scipy.special import softmax

from sktransfer._kernels.adversarial import (
    domain_confusion,
    domain_loss,
    inverted_loss,
    log_softmax,
    margin_disparity,
    one_hot,
    soft_label_loss,
    target_disparity,
)


@pytest.fixture(params=["numpy", "torch", "array_api_strict"])
def make(request):
    return pytest.importorskip(request.param, reason=f"{request.param} is not installed").asarray


def draw(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def test_the_domain_loss_is_the_cross_entropy_of_each_domain(make):
    source, target = draw(5), draw(3, seed=1)
    share = [1 / (1 + np.exp(-logits)) for logits in (source, target)]
    expected = -np.log(share[0]).mean() - np.log(1 - share[1]).mean()
    assert_allclose(float(domain_loss(make(source), make(target))), expected)
    weights = np.array([2.0, 0.5, 1.5, 1.0, 0.0]), np.array([0.0, 0.0, 3.0])
    expected = -np.mean(weights[0] * np.log(share[0])) - np.log(1 - share[1][2])
    given = dict(zip(("weight_source", "weight_target"), map(make, weights), strict=True))
    assert_allclose(float(domain_loss(make(source), make(target), **given)), expected)


def test_limits_of_the_domain_loss():
    nothing, sure = np.zeros(4), np.full(4, 800.0)
    assert_allclose(domain_loss(nothing, nothing), 2 * np.log(2))
    assert domain_loss(sure, -sure) == 0
    assert_allclose(domain_loss(-sure, sure), 1600)


def test_inverted_labels_take_target_rows_for_source_rows(make):
    logits = draw(4)
    assert_allclose(float(inverted_loss(make(logits))), -np.log(1 / (1 + np.exp(-logits))).mean())
    # A discriminator that is right leaves a slope of -1, while that of the domain loss vanishes.
    found, step = np.full(1, -30.0), 1e-3
    slope = (inverted_loss(found + step) - inverted_loss(found - step)) / (2 * step)
    assert_allclose(slope, -1, rtol=1e-6)
    assert abs(domain_loss(found, found + step) - domain_loss(found, found)) < 1e-12


def test_log_softmax_is_scipys(make):
    logits = draw(4, 3) * 300
    assert_allclose(np.asarray(log_softmax(make(logits))), scipy_log_softmax(logits, axis=1))


def test_domain_confusion_is_the_cross_entropy_with_equal_shares(make):
    logits = draw(5, 3)
    expected = -scipy_log_softmax(logits, axis=1).mean()
    assert_allclose(float(domain_confusion(make(logits))), expected)
    assert_allclose(float(domain_confusion(make(np.zeros((5, 3))))), np.log(3))


def test_soft_labels_by_their_definition(make):
    logits, soft = draw(4, 3), softmax(draw(4, 3, seed=1), axis=1)
    rows = [-sum(soft[i] * np.log(softmax(logits[i] / 2))) for i in range(4)]
    found = soft_label_loss(make(logits), make(soft), temperature=2.0)
    assert_allclose(float(found), np.mean(rows))


def test_hard_labels_are_the_cross_entropy_and_a_high_temperature_forgets_the_logits():
    logits, labels = draw(4, 3), np.eye(3)[[0, 2, 1, 1]]
    expected = -scipy_log_softmax(logits, axis=1)[labels > 0].mean()
    assert_allclose(soft_label_loss(logits, labels, temperature=1.0), expected)
    assert_allclose(soft_label_loss(logits, labels, temperature=1e9), np.log(3))


def test_the_margin_disparity_by_its_definition(make):
    source, target, labels = draw(5, 3), draw(4, 3, seed=1), np.eye(3)[[0, 2, 1, 1, 0]]
    agree = np.log(softmax(source, axis=1)[labels > 0])
    disagree = np.log(1 - softmax(target, axis=1)[labels[:4] > 0])
    given = map(make, (source, target, labels, labels[:4]))
    found = float(margin_disparity(*given, margin=4.0))
    assert_allclose(found, -4 * agree.mean() - disagree.mean())


def test_limits_of_the_margin_disparity():
    labels = np.eye(3)[[0, 1]]
    # Sure of the class in the source and of another one in the target: nothing is left to win.
    assert_allclose(margin_disparity(labels * 900, -labels * 900, labels, labels, margin=4.0), 0)
    # Equal probabilities: 4 log 3 + log(3 / 2). Sure in the target too: no infinite loss.
    zeros = np.zeros((2, 3))
    found = margin_disparity(zeros, zeros, labels, labels, margin=4.0)
    assert_allclose(found, 4 * np.log(3) + np.log(3 / 2))
    found = margin_disparity(labels * 900, labels * 900, labels, labels, margin=4.0)
    assert_allclose(found, 900 - np.log(2))


def test_the_disparity_of_targets_by_its_definition(make):
    parts = [draw(n, 2, seed=seed) for seed, n in enumerate((5, 3, 5, 3))]
    expected = 2 * np.abs(parts[0] - parts[2]).mean() - np.abs(parts[1] - parts[3]).mean()
    assert_allclose(float(target_disparity(*map(make, parts), margin=2.0)), expected)
    assert target_disparity(parts[0], parts[1], parts[0], parts[1], margin=2.0) == 0


def test_one_hot_rows(make):
    like = make(np.zeros((1, 1), dtype=np.float32))
    found = np.asarray(one_hot(make(np.array([2, 0])), 3, like))
    np.testing.assert_array_equal(found, [[0, 0, 1], [1, 0, 0]])
    assert found.dtype == np.float32


LABELS = np.eye(3)[[0, 2, 1, 1, 0]]
LOSSES = {
    "domain": lambda rows, a: domain_loss(rows[:5, 0], rows[5:, 0], weight_source=a(LABELS[:, 0])),
    "inverted": lambda rows, a: inverted_loss(rows[:, 0]),
    "confusion": lambda rows, a: domain_confusion(rows),
    "soft labels": lambda rows, a: soft_label_loss(rows[:5], a(LABELS), temperature=2.0),
    "margin": lambda rows, a: margin_disparity(
        rows[:5], rows[5:], a(LABELS), a(LABELS[:4]), margin=4.0
    ),
    "targets": lambda rows, a: target_disparity(
        rows[:5], rows[5:], a(LABELS), a(LABELS[:4]), margin=1.0
    ),
}


@pytest.mark.parametrize("name", LOSSES)
def test_gradients_are_finite_differences(name):
    torch = pytest.importorskip("torch", reason="torch computes gradients")
    rows, loss, step = draw(9, 3), LOSSES[name], 1e-6
    tensor = torch.tensor(rows, requires_grad=True)
    loss(tensor, torch.as_tensor).backward()
    expected = np.empty_like(rows)
    for place in np.ndindex(rows.shape):
        moved = [rows.copy(), rows.copy()]
        for copy, sign in zip(moved, (1, -1), strict=True):
            copy[place] += sign * step
        up, down = (loss(copy, np.asarray) for copy in moved)
        expected[place] = (up - down) / (2 * step)
    assert np.abs(expected).max() > 1e-3
    assert_allclose(tensor.grad.numpy(), expected, atol=1e-8)
