"""Weighted conformal prediction against its definition, written as loops."""

from math import ceil, inf

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sktransfer._kernels.conformal import (
    excess_mass,
    label_scores,
    least_value,
    pooled_weights,
    tail_weights,
)

RNG = np.random.default_rng(0)


def limit_of_definition(scores, weights, new_weight, alpha):
    """The level ``1 - alpha`` quantile of the scores and of infinity, by the paper's formula."""
    total = sum(weights) + new_weight
    for limit in sorted(scores):
        share = sum(w for s, w in zip(scores, weights, strict=True) if s <= limit) / total
        if share >= 1 - alpha:
            return limit
    return inf


def draw(n, *, ties):
    scores = RNG.integers(5, size=n) / 4 if ties else RNG.exponential(size=n)
    return scores, RNG.exponential(size=n) * (RNG.uniform(size=n) > 0.2)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("alpha", [0.05, 0.1, 0.37, 0.8])
def test_the_largest_score_is_the_quantile_of_the_paper(alpha, ties):
    for n in (1, 2, 5, 30):
        scores, weights = draw(n, ties=ties)
        for new_weight in (0.01, 0.3, 1.0, 10.0, inf):
            mass = excess_mass(np.array([new_weight]), weights.sum(), alpha=alpha)
            expected = limit_of_definition(scores, weights, new_weight, alpha)
            if new_weight == inf:
                expected = inf
            assert -least_value(-scores, weights, mass)[0] == expected


@pytest.mark.parametrize("ties", [False, True])
def test_the_labels_that_exceed_alpha_are_those_up_to_the_quantile(ties):
    scores, weights = draw(40, ties=ties)
    at = np.r_[scores, RNG.exponential(size=20)]
    for new_weight in (0.1, 1.0, 8.0):
        mass = excess_mass(np.array(new_weight), weights.sum(), alpha=0.2)
        inside = tail_weights(scores, weights, at) > mass
        assert_array_equal(inside, at <= limit_of_definition(scores, weights, new_weight, 0.2))


def test_tail_weights_are_sums():
    scores, weights = draw(25, ties=True)
    at = RNG.integers(-1, 6, size=(3, 4)) / 4
    expected = [[weights[scores >= each].sum() for each in row] for row in at]
    assert_allclose(tail_weights(scores, weights, at), expected)


@pytest.mark.parametrize("n", [1, 8, 9, 10, 19, 99, 100, 999])
@pytest.mark.parametrize("level", [0.5, 0.8, 0.9, 0.95])
def test_equal_weights_give_the_order_statistic_of_split_conformal(n, level):
    scores = RNG.permutation(n).astype(float)
    rank = ceil(round((n + 1) * level, 9))  # 10 * 0.9 is 9.000000000000002 or so in some orders
    expected = sorted(scores)[rank - 1] if rank <= n else inf
    mass = excess_mass(np.ones(1), float(n), alpha=1 - level)
    assert -least_value(-scores, np.ones(n), mass)[0] == expected
    inside = tail_weights(scores, np.ones(n), scores) > mass
    assert inside.sum() == min(rank, n)


def test_the_scale_of_the_weights_cancels():
    scores, weights = draw(30, ties=False)
    new = RNG.exponential(size=10)
    expected = least_value(-scores, weights, excess_mass(new, weights.sum(), alpha=0.2))
    masses = excess_mass(1e9 * new, 1e9 * weights.sum(), alpha=0.2)
    assert_array_equal(least_value(-scores, 1e9 * weights, masses), expected)


def test_no_weight_at_all_excludes_nothing():
    mass = excess_mass(np.array([0.0, 1.0]), 0.0, alpha=0.1)
    assert_array_equal(least_value(np.zeros(3), np.zeros(3), mass), [-inf, -inf])
    assert_array_equal(tail_weights(np.zeros(3), np.zeros(3), np.ones(2)) > mass, [True, True])


def test_pooled_weights_are_ratios_to_the_mixture():
    source, target = np.array([0.5, 0.25, 0.25, 0.0]), np.array([0.0, 0.25, 0.5, 0.25])
    with np.errstate(divide="ignore"):
        ratios = target / source
    for share in (0.9, 0.2):
        mixture = share * source + (1 - share) * target
        found = pooled_weights(ratios, source_share=share)
        assert_allclose(found, target / mixture)
        assert_allclose(mixture @ found, 1)
    assert_array_equal(pooled_weights(ratios, source_share=1.0), ratios)
    assert_array_equal(pooled_weights(ratios, source_share=0.0), np.ones(4))
    assert_array_equal(pooled_weights(np.array([0.0, 1e-320]), source_share=0.5), [0.0, 0.0])


def test_scores_of_labels_by_hand():
    p = np.array([[0.5, 0.2, 0.3], [0.4, 0.4, 0.2], [0.25, 0.25, 0.5], [0.0, 1.0, 0.0]])
    assert_allclose(label_scores(p, score="lac"), 1 - p)
    expected = [[0.5, 1, 0.8], [0.8, 0.8, 1], [1, 1, 0.5], [1, 1, 1]]
    assert_allclose(label_scores(p, score="aps"), expected)


def test_the_order_of_classes_does_not_change_scores():
    p = RNG.dirichlet(np.ones(6), size=50).round(1)
    order = RNG.permutation(6)
    for score in ("lac", "aps"):
        assert_array_equal(
            label_scores(p[:, order], score=score), label_scores(p, score=score)[:, order]
        )
        sums = [[row[row >= each].sum() for each in row] for row in p]
    assert_allclose(label_scores(p, score="aps"), sums, atol=1e-12)
