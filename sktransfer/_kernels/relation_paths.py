"""Paths between entities over relations, counted without a repeated entity.

Relation ``r`` of R is the step ``2 r`` from head to tail, and ``2 r + 1`` from tail to head.
"""

from itertools import product

import numpy as np


def step_matrices(facts, n_relations, n_entities):
    """Return which entities each step joins.

    Parameters
    ----------
    facts : ndarray of shape (n_facts, 3), dtype int
        Heads, relations and tails. Facts of an entity with itself are left out.
    n_relations, n_entities : int

    Returns
    -------
    steps : ndarray of shape (2 * n_relations, n_entities, n_entities), dtype float32
        1 if the step leads from the entity of the row to that of the column, else 0.
    """
    heads, relations, tails = facts[facts[:, 0] != facts[:, 2]].T
    steps = np.zeros((2 * n_relations, n_entities, n_entities), dtype=np.float32)
    steps[2 * relations, heads, tails] = 1
    steps[2 * relations + 1, tails, heads] = 1
    return steps


def path_counts(steps, path):
    """Count the paths between all pairs of entities that use these steps and no entity twice.

    Parameters
    ----------
    steps : ndarray of shape (n_steps, n_entities, n_entities)
    path : sequence of int
        One to three steps.

    Returns
    -------
    counts : ndarray of shape (n_entities, n_entities)
        0 on the diagonal.
    """
    if len(path) == 1:
        return steps[path[0]]
    first, second = steps[path[0]], steps[path[1]]
    two = _two_steps(first, second)
    return two if len(path) == 2 else _third_step(first, second, two, steps[[path[2]]])[0]


def path_tables(steps, max_length):
    """Count the pairs of entities that each path joins, and those that also a single step joins.

    Parameters
    ----------
    steps : ndarray of shape (n_steps, n_entities, n_entities)
    max_length : int
        At most 3.

    Returns
    -------
    tables : list of (n_pairs, n_both)
        One for each length: arrays of shape ``(n_steps,) * length`` and ``(n_steps,) * (length +
        1)``. The last axis of the second is the single step.
    """
    n_steps = len(steps)
    single = steps.reshape(n_steps, -1)
    tables = [_pairs(steps, single)]
    for length in range(2, max_length + 1):
        tables.append((np.zeros((n_steps,) * length), np.zeros((n_steps,) * (length + 1))))
    for a, b in product(range(n_steps), repeat=2) if max_length > 1 else ():
        two = _two_steps(steps[a], steps[b])
        if two.any():
            for table, found in zip(tables[1], _pairs(two[None], single), strict=True):
                table[a, b] = found[0]
            if max_length == 3:
                three = _third_step(steps[a], steps[b], two, steps)
                for table, found in zip(tables[2], _pairs(three, single), strict=True):
                    table[a, b] = found
    return tables


def _two_steps(first, second):
    counts = first @ second
    np.fill_diagonal(counts, 0)
    return counts


def _third_step(first, second, two, last):
    """Return the counts after a third step, one for each of `last`.

    A walk x, a, b, y repeats an entity only if b is x, which `two` leaves out, if y is x, or if y
    is a.
    """
    returns = np.einsum("ij,kji->ki", second, last)  # from y over any b back to y
    counts = two @ last - first * returns[:, None, :] + first * second.T * last
    counts[:, range(len(first)), range(len(first))] = 0
    return counts


def _pairs(counts, single):
    joined = (counts > 0.5).reshape(len(counts), -1).astype(np.float32)
    return joined.sum(axis=1, dtype=np.float64), (joined @ single.T).astype(np.float64)
