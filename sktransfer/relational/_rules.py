"""Rules between relations: a path of one to three steps, and the relation that it predicts."""

from typing import Any, NamedTuple

VARIABLES = {1: "xy", 2: "xzy", 3: "xzwy"}


class RelationRule(NamedTuple):
    """A rule of the target: entities that a path joins are probably related.

    Parameters
    ----------
    head : object
        The relation that follows.
    body : tuple of (object, bool)
        The relations of the path, and whether each is followed from tail to head.
    confidence : float
        The estimated share of the pairs that are facts, among the pairs of the path.
    n_pairs : int
        The number of pairs that the path joins in the target.
    n_facts : int
        How many of them are facts of the target.
    source : str or None
        The rule of the source that was carried over. None: a rule of the target alone.
    source_confidence : float or None
        The confidence of that rule in the source.
    """

    head: Any
    body: tuple
    confidence: float
    n_pairs: int
    n_facts: int
    source: str | None = None
    source_confidence: float | None = None

    def __str__(self):
        text = f"{sentence(self.head, self.body)}: {self.confidence:.2f}"
        text += f", here {self.n_facts} of {self.n_pairs}"
        if self.source is None:
            return text
        return f"{text}, from {self.source}: {self.source_confidence:.2f}"


def sentence(head, body):
    """Return a rule in words: ``aunt(x, y) if sister(x, z) and mother(z, y)``."""
    names = VARIABLES[len(body)]
    atoms = [
        f"{relation}({', '.join((b, a) if inverse else (a, b))})"
        for (relation, inverse), a, b in zip(body, names, names[1:], strict=False)
    ]
    return f"{head}(x, y) if {' and '.join(atoms)}"
