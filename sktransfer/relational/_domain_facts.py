"""The facts of one domain as matrices, the counts of its paths, and its rules."""

from itertools import product

import numpy as np

from sktransfer._kernels.relation_paths import path_tables, step_matrices
from sktransfer._kernels.relation_search import Term, log_likelihood_ratio
from sktransfer.relational._rules import sentence

EDGE = 1e-6  # a chance is not nearer to 0 or 1
FEWEST = 2  # facts that a rule needs


class DomainFacts:
    """The facts of one domain as matrices, the counts of its paths, and its rules."""

    def __init__(self, facts, types, max_length):
        facts = dict.fromkeys(facts)
        self.relations = _in_order({relation for _, relation, _ in facts})
        self.relation_of = {name: place for place, name in enumerate(self.relations)}
        self.entity_of = {}
        for head, _, tail in facts:
            self.entity_of.setdefault(head, len(self.entity_of))
            self.entity_of.setdefault(tail, len(self.entity_of))
        codes = [(self.entity_of[h], self.relation_of[r], self.entity_of[t]) for h, r, t in facts]
        codes = np.array(codes, dtype=np.intp)
        self.steps = step_matrices(codes, len(self.relations), len(self.entity_of))
        self.tables = path_tables(self.steps, max_length)
        is_symmetric = np.all(self.steps[::2] == self.steps[1::2], axis=(1, 2))
        # The inverse of a symmetric relation is the relation: one step is enough for both.
        self.stands_for = np.arange(len(self.steps)) & ~np.repeat(is_symmetric, 2).astype(int)
        self.ends = [
            tuple(
                _only({types.get(fact[end]) for fact in facts if fact[1] == name}) for end in (0, 2)
            )
            for name in self.relations
        ]
        base = self.steps[::2].sum(axis=(1, 2), dtype=np.float64) / len(self.entity_of) ** 2
        self.base = np.repeat(np.clip(base, EDGE, 0.5), 2)
        self.sharing = np.array([_sharing(degrees) for degrees in self.steps.sum(axis=2)])

    def path_of(self, body):
        return [2 * self.relation_of[relation] + inverse for relation, inverse in body]

    def counts_of(self, head, path):
        n_pairs, n_both = self.tables[len(path) - 1]
        return n_pairs[path], n_both[(*path, head)]

    def one_spelling(self, head, path):
        """Return the path without inverse steps of symmetric relations, if it is not the head."""
        spelled = tuple(self.stands_for[list(path)].tolist())
        return path if spelled == (head,) else spelled

    def sentence_of(self, head, path):
        body = [(self.relations[step // 2], step % 2) for step in path]
        return sentence(self.relations[head // 2], body)

    def strongest_rules(self, n_rules):
        """Return up to `n_rules` rules of each relation and length: head, path, confidence."""
        found = []
        for head, (n_pairs, n_both) in product(range(0, 2 * len(self.relations), 2), self.tables):
            n_facts = n_both[..., head]
            chance = (n_facts + self.base[head]) / (n_pairs + 1)
            chance = np.clip(chance, EDGE, 1 - EDGE)
            gain = log_likelihood_ratio(n_pairs, n_facts, chance, self.base[head])
            good = (n_facts >= FEWEST) & (chance > self.base[head])
            ranked = sorted(
                (-gain[path], head, path, float(chance[path]))
                for path in map(tuple, np.argwhere(good).tolist())
                if path != (head,) and path == self.one_spelling(head, path)
            )
            found += ranked[:n_rules]
        found.sort()
        return [rule[1:] for rule in found]


def mapped_rule(head, path, chance, target):
    """Return what a rule of the source adds to the score, for each choice of its relations."""
    steps = (head, *path)
    relations = tuple(dict.fromkeys(step // 2 for step in steps))
    n_options = 2 * len(target.relations)
    options = np.meshgrid(*[np.arange(n_options)] * len(relations), indexing="ij")
    moved = [options[relations.index(step // 2)] ^ (step % 2) for step in steps]
    n_pairs, n_both = target.tables[len(path) - 1]
    n_pairs, n_both = n_pairs[tuple(moved[1:])], n_both[(*moved[1:], moved[0])]
    base = target.base[moved[0]]
    chance = np.minimum(np.maximum(chance, base), 1 - EDGE)
    scores = np.zeros((n_options + 1,) * len(relations))
    scores[(slice(-1),) * len(relations)] = log_likelihood_ratio(n_pairs, n_both, chance, base)
    return Term(relations, scores)


def mapped_degrees(place, coverage, source, target):
    """Return the penalty of a relation whose facts share heads or tails otherwise than its target.

    Differences are those of logarithms, and a factor of e is one standard deviation.
    """
    scores = np.zeros(2 * len(target.relations) + 1)
    for step in (0, 1):
        level, noise = source.sharing[2 * place + step]
        levels, noises = target.sharing[np.arange(len(target.sharing)) ^ step].T
        gaps = levels - np.log(coverage) - level
        scores[:-1] -= gaps**2 / (2 * (1 + noise + noises))
    return Term((place,), scores)


def _sharing(degrees):
    """Return the log of the pairs of facts with a common end, per fact, and its variance."""
    n_pairs = np.sum(degrees * (degrees - 1), dtype=np.float64) / 2 + 0.5
    return np.log(n_pairs / max(degrees.sum(), 1)), 1 / n_pairs


def _only(values):
    """Return the value of a set of one, else None."""
    return next(iter(values)) if len(values) == 1 else None


def _in_order(names):
    """Return names sorted, or by type and text if they cannot be compared."""
    try:
        return sorted(names)
    except TypeError:
        return sorted(names, key=lambda name: (type(name).__name__, repr(name)))
