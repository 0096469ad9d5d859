"""Paths without a repeated entity, against walks one by one."""

from itertools import product

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from sktransfer._kernels.relation_paths import path_counts, path_tables, step_matrices


def draw(seed=0, n_entities=7, n_relations=2, n_facts=20):
    rng = np.random.default_rng(seed)
    facts = np.column_stack(
        [rng.integers(k, size=n_facts) for k in (n_entities, n_relations, n_entities)]
    )
    return facts, step_matrices(facts, n_relations, n_entities)


def count(steps, path, start, end):
    """Count the paths by listing every way through the entities."""
    total = 0
    for between in product(range(len(steps[0])), repeat=len(path) - 1):
        way = (start, *between, end)
        if len(set(way)) == len(way):
            total += all(steps[s][a, b] for s, a, b in zip(path, way[:-1], way[1:], strict=True))
    return total


def test_steps_are_the_facts_in_both_directions():
    facts, steps = draw()
    for relation in range(2):
        found = set(zip(*np.nonzero(steps[2 * relation]), strict=True))
        assert found == {(h, t) for h, r, t in facts if r == relation and h != t}
        assert_array_equal(steps[2 * relation + 1], steps[2 * relation].T)


@pytest.mark.parametrize("length", [1, 2, 3])
def test_counts_are_those_of_all_ways(length):
    _, steps = draw()
    for path in product(range(4), repeat=length):
        expected = [[count(steps, path, a, b) for b in range(7)] for a in range(7)]
        assert_array_equal(path_counts(steps, path), np.array(expected) * (1 - np.eye(7)))


def test_tables_count_joined_pairs():
    _, steps = draw()
    tables = path_tables(steps, 3)
    for length, (n_pairs, n_both) in enumerate(tables, start=1):
        assert n_pairs.shape == (4,) * length
        for path in product(range(4), repeat=length):
            joined = path_counts(steps, path) > 0
            assert n_pairs[path] == joined.sum()
            assert_array_equal(n_both[path], [(joined * step).sum() for step in steps])
    for shorter, whole in zip(path_tables(steps, 2), tables[:2], strict=True):
        assert_array_equal(shorter[1], whole[1])
