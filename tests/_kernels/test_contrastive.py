"""The loss of pairs: its definition, limits, NumPy and torch alike, gradients."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sktransfer._kernels.contrastive import cosines, pair_loss

Y = np.array([0, 0, 1, 1, 1, 2])
WEIGHT = np.array([1.0, 2.0, 0.5, 1.0, 3.0, 0.25])


@pytest.fixture(params=["numpy", "torch", "array_api_strict"])
def make(request):
    return pytest.importorskip(request.param, reason=f"{request.param} is not installed").asarray


def make_rows(seed=0):
    return np.random.default_rng(seed).normal(size=(len(Y), 4)) + 0.5


def by_pairs(X, y, weight):
    """The loss by its definition, pair by pair."""
    errors = {True: [], False: []}
    for i in range(len(y)):
        for j in range(i):
            cosine = X[i] @ X[j] / np.linalg.norm(X[i]) / np.linalg.norm(X[j])
            same = y[i] == y[j]
            errors[same].append(((cosine - same) ** 2, weight[i] * weight[j]))
    kinds = [np.transpose(of_kind) for of_kind in errors.values() if of_kind]
    return np.mean([np.average(error, weights=weight) for error, weight in kinds])


@pytest.mark.parametrize("y", [Y, np.zeros(6, int), np.arange(6)], ids=["both", "same", "other"])
def test_it_is_the_mean_of_both_kinds_pair_by_pair(make, y):
    X = make_rows()
    found = float(pair_loss(make(X), make(y), weight=make(WEIGHT)))
    assert_allclose(found, by_pairs(X, y, WEIGHT))


def test_it_looks_at_angles_alone():
    X, lengths = make_rows(), np.array([[1.0], [9.0], [0.1], [2.0], [1e4], [3.0]])
    assert_allclose(pair_loss(lengths * X, Y, weight=WEIGHT), pair_loss(X, Y, weight=WEIGHT))
    assert_allclose(pair_loss(X, Y, weight=7 * WEIGHT), pair_loss(X, Y, weight=WEIGHT))
    order = np.random.default_rng(1).permutation(6)
    moved = pair_loss(X[order], Y[order], weight=WEIGHT[order])
    assert_allclose(moved, pair_loss(X, Y, weight=WEIGHT))


def test_its_limits():
    assert_allclose(pair_loss(np.eye(3)[Y], Y, weight=WEIGHT), 0, atol=1e-24)
    assert_allclose(pair_loss(np.ones((6, 3)), Y, weight=WEIGHT), 1 / 2)
    half = np.hstack([np.ones((6, 1)), np.eye(6)])  # all cosines are 1/2
    assert_allclose(pair_loss(half, Y, weight=WEIGHT), 1 / 4)
    assert pair_loss(make_rows()[:1], Y[:1], weight=WEIGHT[:1]) == 0  # no pair


def test_a_row_of_weight_zero_does_not_count():
    X, weight = make_rows(), np.where(Y == 1, WEIGHT, 0.0)
    weight[0] = 1.0
    kept = weight > 0
    assert_allclose(
        pair_loss(X, Y, weight=weight), pair_loss(X[kept], Y[kept], weight=weight[kept])
    )


def test_a_row_of_zeros_has_cosines_of_zero_and_a_finite_gradient():
    torch = pytest.importorskip("torch")
    X = make_rows()
    X[2] = 0
    assert_allclose(cosines(X)[2], 0, atol=1e-12)
    X = torch.tensor(X, requires_grad=True)
    pair_loss(X, torch.tensor(Y), weight=torch.tensor(WEIGHT)).backward()
    assert torch.isfinite(X.grad).all()


def test_its_gradient():
    torch = pytest.importorskip("torch")
    X = make_rows()
    tensor = torch.tensor(X, requires_grad=True)
    pair_loss(tensor, torch.tensor(Y), weight=torch.tensor(WEIGHT)).backward()
    step = 1e-6 * np.eye(X.size).reshape(-1, *X.shape)
    expected = [
        (pair_loss(X + s, Y, weight=WEIGHT) - pair_loss(X - s, Y, weight=WEIGHT)) / 2e-6
        for s in step
    ]
    assert_allclose(tensor.grad.numpy().ravel(), expected, atol=1e-8)
