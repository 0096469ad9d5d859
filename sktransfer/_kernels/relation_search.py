"""The best assignment of relations to relations, by the rules that they then agree on."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Term:
    """What a rule adds to the score, for each choice of the relations in it.

    Parameters
    ----------
    relations : tuple of int
        The places of the distinct relations of the rule.
    scores : ndarray of shape (n_options,) * len(relations)
        One axis for each relation. The last option of a relation is to be left out, and gives 0.
    """

    relations: tuple
    scores: np.ndarray


def log_likelihood_ratio(n_pairs, n_both, chance, base):
    """Return how much more likely it is that `n_both` of `n_pairs` are facts by a chance than by
    the base rate.

    Parameters
    ----------
    n_pairs, n_both : array-like
    chance, base : array-like
        Between 0 and 1, both exclusive.

    Returns
    -------
    ratio : ndarray
        ``k log(c / b) + (n - k) log((1 - c) / (1 - b))``, in nats.
    """
    misses = np.subtract(n_pairs, n_both)
    return n_both * np.log(chance / base) + misses * np.log1p(-chance) - misses * np.log1p(-base)


def merged(terms):
    """Return the terms with one for each set of relations: the sum of those of the set.

    There are then few terms, and the bounds of the search are sharper.
    """
    sums = {}
    for term in terms:
        relations = tuple(sorted(term.relations))
        scores = term.scores.transpose([term.relations.index(each) for each in relations])
        sums[relations] = sums.get(relations, 0) + scores
    return [Term(relations, scores) for relations, scores in sums.items()]


def best_assignment(terms, n_relations, targets, costs, is_allowed, *, start=None, max_nodes):
    """Choose an option of each relation, such that the sum of the terms less the costs is largest.

    Branch and bound: relations are assigned one after the other. A branch is left if no choice of
    the others can make it better than the best one so far. No two relations get one target.

    Parameters
    ----------
    terms : list of Term
    n_relations : int
    targets : ndarray of shape (n_options - 1,), dtype int
        The target relation of each option but the last.
    costs : ndarray of shape (n_relations, n_options)
        Those of the last option are 0. Infinite: the option is not allowed.
    is_allowed : callable
        Takes the options so far, a dict from relation to option, and returns whether they may
        stand together.
    start : (float, tuple of int) or None, default=None
        A score to beat, and its assignment.
    max_nodes : int
        The search ends after so many branches.

    Returns
    -------
    score : float
    options : tuple of int
        One for each relation.
    is_proven : bool
        Whether the search was finished.

    Notes
    -----
    Of equal assignments the one with the lower options is found.
    """
    n_options, left_out = costs.shape[1], costs.shape[1] - 1
    weight = np.zeros(n_relations)
    for term in terms:
        weight[list(term.relations)] += term.scores.max()
    order = np.argsort(-weight, kind="stable")
    rank = np.argsort(order)
    bounds = [_bounds(term, rank) for term in terms]
    involved = [[] for _ in range(n_relations)]
    for place, (relations, _) in enumerate(bounds):
        for relation in relations:
            involved[relation].append(place)
    best = start or (0.0, (left_out,) * n_relations)
    nodes = 0
    # Depth first; of the open branches of one relation the most promising is taken first.
    root = sum(float(levels[0]) for _, levels in bounds)
    open_nodes = [(root, {}, [()] * len(bounds))]
    while open_nodes and nodes < max_nodes:
        bound, chosen, indices = open_nodes.pop()
        if bound <= best[0] + 1e-9:
            continue
        nodes += 1
        if len(chosen) == n_relations:
            best = bound, tuple(chosen[relation] for relation in range(n_relations))
            continue
        relation = int(order[len(chosen)])
        after = bound - costs[relation]
        for place in involved[relation]:
            levels, index = bounds[place][1], indices[place]
            after = after + levels[len(index) + 1][index] - levels[len(index)][index]
        used = {targets[option] for option in chosen.values() if option != left_out}
        branches = []
        for option in reversed(range(n_options)):  # the last is taken first, also of equal ones
            if after[option] <= best[0] + 1e-9:
                continue
            if option != left_out and targets[option] in used:
                continue
            extended = {**chosen, relation: option}
            if is_allowed(extended):
                moved = list(indices)
                for place in involved[relation]:
                    moved[place] = (*indices[place], option)
                branches.append((float(after[option]), extended, moved))
        open_nodes += sorted(branches, key=lambda branch: branch[0])
    return (*best, not open_nodes)


def total_score(terms, options, costs):
    """Return the score of one assignment, by its definition."""
    options = np.asarray(options)
    return float(
        sum(term.scores[tuple(options[list(term.relations)])] for term in terms)
        - costs[np.arange(len(options)), options].sum()
    )


def _bounds(term, rank):
    """Return the relations of a term as they are assigned, and its largest scores on the way."""
    axes = np.argsort([rank[relation] for relation in term.relations])
    levels = [term.scores.transpose(axes)]
    while levels[0].ndim:
        levels.insert(0, levels[0].max(axis=-1))
    return [term.relations[axis] for axis in axes], levels
