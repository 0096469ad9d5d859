"""Distances of two domains: definitions, limits, NumPy and torch alike, gradients."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import softmax as scipy_softmax

from sktransfer._kernels.discrepancy import (
    certainty_weight,
    class_confusion,
    coral_loss,
    dan_loss,
    gaussians,
    jan_loss,
    mean_discrepancy,
    mean_of_pairs,
    pair_distances,
    softmax,
)


@pytest.fixture(params=["numpy", "torch", "array_api_strict"])
def make(request):
    return pytest.importorskip(request.param, reason=f"{request.param} is not installed").asarray


def make_rows(seed=0, n_source=7, n_target=5, n_features=3):
    rng = np.random.default_rng(seed)
    source = rng.normal(size=(n_source, n_features)) + 1.0
    return source, 2 * rng.normal(size=(n_target, n_features))


def test_coral_is_the_distance_of_numpys_covariances(make):
    source, target = make_rows()
    expected = np.sum((np.cov(source.T) - np.cov(target.T)) ** 2) / (4 * 3**2)
    assert_allclose(float(coral_loss(make(source), make(target))), expected)


def test_coral_sees_no_shift_and_grows_with_the_fourth_power_of_a_unit():
    source, target = make_rows()
    expected = coral_loss(source, target)
    assert_allclose(coral_loss(source + 9, target - 5), expected)
    assert_allclose(coral_loss(3 * source, 3 * target), 3**4 * expected)
    assert_allclose(coral_loss(source, source[::-1] + 4), 0, atol=1e-30)


def test_distances_of_pairs(make):
    X = make_rows()[0] + 1e4
    expected = np.sum((X[:, None] - X[None]) ** 2, axis=2)
    found = np.asarray(pair_distances(make(X)))
    assert_allclose(found, expected, atol=1e-9)
    assert found.min() >= 0
    mean = np.mean([expected[i, j] for i in range(7) for j in range(7) if i != j])
    assert_allclose(float(mean_of_pairs(make(expected))), mean)
    assert mean_of_pairs(pair_distances(np.ones((4, 2)))) == 1


def test_five_widths_around_the_scale():
    # The distance is squared: 2^-2 and 2^2 of the scale 8 are 2 and 32.
    expected = sum(np.exp(-16 / width) for width in (2, 4, 8, 16, 32))
    assert_allclose(gaussians(np.array([[16.0]]), scale=8.0), [[expected]])


def by_pairs(source, target, kernel):
    """The unbiased discrepancy by its definition, pair by pair."""
    within = [
        np.mean([kernel(a, b) for i, a in enumerate(X) for j, b in enumerate(X) if i != j])
        for X in (source, target)
    ]
    return sum(within) - 2 * np.mean([kernel(s, t) for s in source for t in target])


def test_dan_is_the_discrepancy_pair_by_pair(make):
    source, target = make_rows()

    def kernel(a, b):
        return sum(np.exp(-np.sum((a - b) ** 2) / (6.0 * 2.0**i)) for i in range(-2, 3))

    squared = pair_distances(make(np.concatenate([source, target])))
    found = float(dan_loss(squared, 7, scale=6.0))
    assert_allclose(found, by_pairs(source, target, kernel), rtol=1e-10)


def test_jan_is_the_discrepancy_of_products_pair_by_pair(make):
    source, target = make_rows()
    rows = np.concatenate([source, target])
    together = np.concatenate([rows, scipy_softmax(rows, axis=1)], axis=1)

    def kernel(a, b):
        squared = np.sum((a[:3] - b[:3]) ** 2)
        of_features = sum(np.exp(-squared / (6.0 * 2.0**i)) for i in range(-2, 3))
        return of_features * np.exp(-np.sum((a[3:] - b[3:]) ** 2) / 1.68)

    given = [pair_distances(make(part)) for part in (rows, together[:, 3:])]
    found = float(jan_loss(*given, 7, scale=6.0))
    assert_allclose(found, by_pairs(together[:7], together[7:], kernel), rtol=1e-10)


def test_jan_with_equal_probabilities_is_dan():
    source, target = make_rows()
    squared = pair_distances(np.concatenate([source, target]))
    expected = dan_loss(squared, 7, scale=2.0)
    assert_allclose(jan_loss(squared, np.zeros_like(squared), 7, scale=2.0), expected)


def test_the_discrepancy_of_equal_domains_is_zero_on_average():
    found = []
    for seed in range(400):
        X = np.random.default_rng(seed).normal(size=(12, 2))
        squared = pair_distances(X)
        found.append(dan_loss(squared, 6, scale=4.0))
    assert abs(np.mean(found)) < 3 * np.std(found) / np.sqrt(len(found))
    assert min(found) < 0


def test_far_domains_reach_the_limit_of_the_discrepancy():
    # Rows of a domain are equal and the other is far: 1 + 1 - 2 * 0, for each of five kernels.
    rows = np.repeat([[0.0], [1e3]], 4, axis=0)
    assert_allclose(dan_loss(pair_distances(rows), 4, scale=1.0), 5 * 2)
    assert_allclose(mean_discrepancy(np.ones((8, 8)), 4), 0)


def test_softmax_is_scipys(make):
    logits = np.random.default_rng(0).normal(size=(4, 3)) * 300
    assert_allclose(np.asarray(softmax(make(logits))), scipy_softmax(logits, axis=1), atol=1e-300)


def test_certain_rows_weigh_more(make):
    # Entropies 0 and log 2: 1 + 1 and 1 + 1/2, with a mean of 1.
    weight = np.asarray(certainty_weight(make(np.array([[1.0, 0.0], [0.5, 0.5]]))))
    assert_allclose(weight, np.array([2, 1.5]) / 1.75, rtol=1e-9)


def test_class_confusion_by_hand(make):
    # P'P = [[.82, .18], [.18, .82]] for P = [[.9, .1], [.1, .9]]; its rows have the sum 1.
    probability = make(np.array([[0.9, 0.1], [0.1, 0.9]]))
    found = class_confusion(probability, weight=make(np.ones(2)))
    assert_allclose(float(found), 2 * 0.18 / 2)


def test_limits_of_class_confusion():
    certain, even = np.eye(4)[[0, 1, 2, 2]], np.full((6, 4), 0.25)
    assert class_confusion(certain, weight=np.ones(4)) == 0  # a class without rows, too
    assert_allclose(class_confusion(even, weight=np.ones(6)), 1 - 1 / 4)


def of_features(name, rows, n_source, constants):
    """A loss of features of both domains, which are its logits too."""
    if name == "coral":
        return coral_loss(rows[:n_source], rows[n_source:])
    if name == "mcc":
        return class_confusion(softmax(rows[n_source:] / 2.5), weight=constants["weight"])
    squared, scale = pair_distances(rows), constants["scale"]
    if name == "dan":
        return dan_loss(squared, n_source, scale=scale)
    return jan_loss(squared, pair_distances(softmax(rows)), n_source, scale=scale)


@pytest.mark.parametrize("name", ["coral", "dan", "jan", "mcc"])
def test_gradients_are_finite_differences(name):
    torch = pytest.importorskip("torch", reason="torch computes gradients")
    rows = np.concatenate(make_rows())
    constants = {
        "scale": mean_of_pairs(pair_distances(rows)),
        "weight": certainty_weight(softmax(rows[7:] / 2.5)),
    }
    tensor = torch.tensor(rows, requires_grad=True)
    of_torch = {key: torch.as_tensor(value) for key, value in constants.items()}
    of_features(name, tensor, 7, of_torch).backward()
    expected, step = np.empty_like(rows), 1e-6
    for place in np.ndindex(rows.shape):
        moved = [rows.copy(), rows.copy()]
        for copy, sign in zip(moved, (1, -1), strict=True):
            copy[place] += sign * step
        up, down = (of_features(name, copy, 7, constants) for copy in moved)
        expected[place] = (up - down) / (2 * step)
    assert np.abs(expected).max() > 1e-4
    assert_allclose(tensor.grad.numpy(), expected, atol=1e-8)


def test_equal_rows_have_a_gradient_of_zero():
    torch = pytest.importorskip("torch", reason="torch computes gradients")
    tensor = torch.ones((6, 2), requires_grad=True)
    squared = pair_distances(tensor)
    dan_loss(squared, 3, scale=mean_of_pairs(squared.detach())).backward()
    assert torch.equal(tensor.grad, torch.zeros((6, 2)))
