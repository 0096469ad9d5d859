"""The search for the best assignment, against all assignments."""

from itertools import product

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import binom

from sktransfer._kernels.relation_search import (
    Term,
    best_assignment,
    log_likelihood_ratio,
    merged,
    total_score,
)

TARGETS = np.arange(6) // 2


def draw(seed, n_relations=4, n_options=7):
    """Random terms, and costs with one option that is not allowed."""
    rng = np.random.default_rng(seed)
    terms = []
    for size in (1, 2, 2, 3, 3):
        relations = tuple(rng.choice(n_relations, size, replace=False).tolist())
        scores = rng.normal(size=(n_options,) * size)
        for axis in range(size):
            np.moveaxis(scores, axis, 0)[-1] = 0
        terms.append(Term(relations, scores))
    costs = np.full((n_relations, n_options), 0.4)
    costs[:, -1] = 0
    costs[1, 2] = np.inf
    return terms, costs


def all_assignments(n_relations=4, n_options=7):
    for options in product(range(n_options), repeat=n_relations):
        used = [option // 2 for option in options if option < n_options - 1]
        if len(set(used)) == len(used):
            yield options


def test_the_ratio_is_that_of_binomial_likelihoods():
    expected = binom.logpmf(3, 8, 0.4) - binom.logpmf(3, 8, 0.1)
    assert_allclose(log_likelihood_ratio(8, 3, 0.4, 0.1), expected)
    assert log_likelihood_ratio(8, 3, 0.1, 0.1) == pytest.approx(0)


@pytest.mark.parametrize("seed", range(5))
def test_the_best_of_all_assignments_is_found(seed):
    terms, costs = draw(seed)
    score, options, is_proven = best_assignment(
        terms, 4, TARGETS, costs, lambda chosen: True, max_nodes=10**6
    )
    scores = {each: total_score(terms, each, costs) for each in all_assignments()}
    assert is_proven
    assert score == pytest.approx(max(scores.values()))
    assert scores[options] == pytest.approx(score)


def test_assignments_that_are_not_allowed_are_left_out():
    terms, costs = draw(0)

    def is_allowed(chosen):
        return chosen.get(0, 0) % 2 == 0

    score, options, _ = best_assignment(terms, 4, TARGETS, costs, is_allowed, max_nodes=10**6)
    allowed = [each for each in all_assignments() if each[0] % 2 == 0]
    assert score == pytest.approx(max(total_score(terms, each, costs) for each in allowed))
    assert options[0] % 2 == 0


def test_a_start_is_kept_if_nothing_beats_it():
    terms, costs = draw(0)
    start = (1e3, (6, 6, 6, 6))
    found = best_assignment(
        terms, 4, TARGETS, costs, lambda chosen: True, start=start, max_nodes=10**6
    )
    assert found == (*start, True)


def test_a_search_that_is_stopped_says_so():
    terms, costs = draw(0)
    found = best_assignment(terms, 4, TARGETS, costs, lambda chosen: True, max_nodes=1)
    assert found == (0.0, (6, 6, 6, 6), False)


def test_merged_terms_have_the_same_total():
    terms, costs = draw(1)
    few = merged([*terms, *terms])
    assert len(few) <= 5
    for options in list(all_assignments())[::50]:
        expected = total_score([*terms, *terms], options, costs)
        assert total_score(few, options, costs) == pytest.approx(expected)
