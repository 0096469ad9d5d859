"""RelationMapper: which relation of the target corresponds to which of a source, and its rules."""

from collections.abc import Mapping
from numbers import Integral, Real

import numpy as np
from sklearn.exceptions import NotFittedError

from sktransfer._domains import read_sample_domain
from sktransfer._kernels.relation_paths import path_counts
from sktransfer._kernels.relation_search import best_assignment, merged, total_score
from sktransfer._messages import listed, shown, warn
from sktransfer._sklearn import Interval, validate_parameter_constraints
from sktransfer.exceptions import TransferWarning
from sktransfer.relational._domain_facts import DomainFacts, mapped_degrees, mapped_rule
from sktransfer.relational._rules import RelationRule, sentence
from sktransfer.relational._triples import read_triples

COVERAGES = (1.0, 0.7, 0.5, 0.35, 0.25, 0.15, 0.1)  # of the target's facts that are known


class RelationMapper:
    """Find the relations of the target that follow the rules of relations of a source.

    Both domains are facts: triples of a head, a relation and a tail. The source has many facts, the
    target few, and neither entities nor names of relations are shared. The rules of the source say
    which paths of relations imply a relation, such as ``aunt(x, y) if sister(x, z) and mother(z,
    y)``. Relations are mapped so that these rules fit the facts of the target best. The mapped
    rules then score facts that are not known.

    It helps if both domains have rules of the same form. The target must have enough facts for
    paths to be seen, but too few to learn rules of them. It hurts if the domains only look alike: a
    mapping is found by structure alone, which says nothing about meaning. Random relations of
    similar density may fit by chance.

    Parameters
    ----------
    max_length : {1, 2, 3}, default=3
        The number of relations in the longest path.
    n_rules : int, default=10
        The number of rules of each relation and length, those that explain most facts.
    prior_strength : float, default=10.0
        The number of pairs of the target that the confidence of a rule in the source is worth. The
        base rate for a rule of the target alone is worth as much.
    max_nodes : int, default=100000
        The largest number of branches of the search, for each share of known facts.

    Attributes
    ----------
    mapping_ : dict
        For each relation of the source the pair of a relation of the target and whether it is
        inverse, with head and tail exchanged. None if the relation has none.
    score_ : float
        The log-likelihood ratio of the mapping, in nats, less that of its prior. 0 for no mapping.
    scores_ : dict
        For each relation of the source a dict from pair, or None, to the score of the mapping if
        this relation alone is mapped otherwise. A relation that had the same target is left out.
    coverage_ : float
        The estimated share of the target's facts that are known.
    is_proven_ : bool
        Whether the search was finished, so that no mapping has a larger score.
    relations_ : list
        The relations of the target, sorted.
    rules_ : list of named tuples
        The rules of the target, carried over or its own, the most confident first. Each has `head`,
        `body`, `confidence`, `n_pairs`, `n_facts`, `source` and `source_confidence`. ``str`` gives
        the sentence.
    source_rules_ : list of str
        The rules of the source as sentences, those that explain most first.

    See Also
    --------
    TaskGraph : Which task helps which.

    Notes
    -----
    For a rule with the confidence :math:`c` in the source, and a relation with the base rate
    :math:`b` in the target, :math:`k` facts among the :math:`n` pairs of its path count
    :math:`k \\log(f c / b) + (n - k) \\log((1 - f c) / (1 - b))`. The share :math:`f` of known
    facts is one number for all rules, and the best of a few values. A relation has no target with
    the prior chance one half. Paths use no entity twice, and facts of an entity with itself are not
    used. Facts that occur twice count once. With ``sample_domain=None`` every fact is one of the
    target, and only its own rules are found.

    If all relations are turned at once, the rules stay the same. Only the numbers of facts with a
    common head, or a common tail, then show the direction. With equal scores no relation is turned.

    The scores of rules count the same facts more than once, so that `score_` is too sure. Mappings
    that are scored by rules carried over are the idea of the papers, of which only summaries could
    be read. The paths, the likelihood and the search are choices made here.

    References
    ----------
    L. Mihalkova, T. Huynh, R. J. Mooney, "Mapping and revising Markov logic networks for transfer
    learning", AAAI 2007.

    L. Mihalkova, R. J. Mooney, "Transfer learning from minimal target data by mapping across
    relational domains", IJCAI 2009.

    J. Davis, P. Domingos, "Deep transfer via second-order Markov logic", ICML 2009.
    https://doi.org/10.1145/1553374.1553402

    Examples
    --------
    A family and a company. In the company only some facts are known:

    >>> from sktransfer import RelationMapper
    >>> family, company = [], []
    >>> for k in range(4):
    ...     for n in range(2):
    ...         family += [(f"aunt{k}", "sister", f"mother{k}{n}")]
    ...         family += [(f"mother{k}{n}", "mother", f"child{k}{n}{j}") for j in range(2)]
    ...         family += [(f"aunt{k}", "aunt", f"child{k}{n}{j}") for j in range(2)]
    ...         company += [(f"old{k}", "peer", f"boss{k}{n}")]
    ...         company += [(f"boss{k}{n}", "leads", f"new{k}{n}{j}") for j in range(2)]
    ...         company += [(f"old{k}", "mentors", f"new{k}{n}{j}") for j in range(k)]
    >>> sample_domain = ["family"] * len(family) + ["target"] * len(company)
    >>> mapper = RelationMapper(max_length=2).fit(family + company, sample_domain=sample_domain)
    >>> for source, pair in mapper.mapping_.items():
    ...     print(source, "->", pair)
    aunt -> ('mentors', False)
    mother -> ('leads', False)
    sister -> ('peer', False)
    >>> mapper.predict([("old0", "mentors", "new000"), ("old0", "mentors", "new100")]).round(2)
    array([0.64, 0.01])
    """

    _parameter_constraints: dict = {
        "max_length": [Interval(Integral, 1, 3, closed="both")],
        "n_rules": [Interval(Integral, 1, None, closed="left")],
        "prior_strength": [Interval(Real, 0, None, closed="neither")],
        "max_nodes": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(self, *, max_length=3, n_rules=10, prior_strength=10.0, max_nodes=100_000):
        self.max_length = max_length
        self.n_rules = n_rules
        self.prior_strength = prior_strength
        self.max_nodes = max_nodes

    def get_params(self, deep=True):
        """Return the parameters by name.

        Parameters
        ----------
        deep : bool, default=True
            Ignored: no parameter is an estimator.

        Returns
        -------
        params : dict
        """
        return {name: getattr(self, name) for name in self._parameter_constraints}

    def set_params(self, **params):
        """Set parameters by name.

        Parameters
        ----------
        **params : dict
            Names from `get_params`, and their values.

        Returns
        -------
        self : object
            The mapper.
        """
        unknown = [name for name in params if name not in self._parameter_constraints]
        if unknown:
            raise ValueError(
                f"{type(self).__name__} has no parameter {listed(unknown)}; its parameters are "
                f"{listed(self._parameter_constraints)}."
            )
        for name, value in params.items():
            setattr(self, name, value)
        return self

    def fit(self, triples, *, sample_domain=None, types=None):
        """Learn the rules of the source, map its relations, and carry the rules over.

        Parameters
        ----------
        triples : array-like of shape (n_triples, 3)
            Facts of both domains: head, relation and tail, any hashable values. Equal names in two
            domains mean nothing.
        sample_domain : array-like of shape (n_triples,), default=None
            ``"target"`` for a fact of the target, else the name of the source, of which there is
            one at most. None: every fact is one of the target.
        types : dict or None, default=None
            The type of an entity of both domains, such as ``"person"``, by its name. A relation
            whose heads, or tails, all have one type is mapped only so that each type of the source
            corresponds to one of the target. None, or an entity without a type: no limit.

        Returns
        -------
        self : object
            The fitted mapper.

        Raises
        ------
        ValueError
            If triples cannot be read, if there is no target fact, or if there are several sources.
        TypeError
            If `types` is no dict.

        Warns
        -----
        TransferWarning
            If no relation of the source was mapped, or if the search was not finished.
        """
        validate_parameter_constraints(
            self._parameter_constraints, self.get_params(), type(self).__name__
        )
        facts = read_triples(triples)
        domains = read_sample_domain(sample_domain, len(facts))
        if not facts or len(domains.sources) > 1:
            found = f"the sources {listed(domains.sources)}" if facts else "no triple"
            raise ValueError(
                f"{type(self).__name__} maps one source to a target, but got {found}; pass facts "
                "of the target and of one source."
            )
        types = {} if types is None else types
        if not isinstance(types, Mapping):
            raise TypeError(
                f"types={shown(types)}: expected a dict from the name of an entity to its type."
            )
        target = DomainFacts([facts[row] for row in domains.rows("target")], types, self.max_length)
        self._target, self.relations_ = target, target.relations
        self.mapping_, self.scores_, self.source_rules_ = {}, {}, []
        self.score_, self.coverage_, self.is_proven_ = 0.0, 1.0, True
        carried = {}
        if domains.sources:
            source_rows = domains.rows(domains.sources[0])
            source = DomainFacts([facts[row] for row in source_rows], types, self.max_length)
            carried = self._map(source, target)
        self.rules_ = self._rules_of_target(target, carried)
        target.tables = None  # no longer needed
        return self

    def predict(self, triples):
        """Score facts of the target, whether they are known or not.

        Parameters
        ----------
        triples : array-like of shape (n_triples, 3)
            Heads, relations of the target, and tails.

        Returns
        -------
        scores : ndarray of shape (n_triples,)
            From 0 to 1: ``1 - (1 - b) * product of (1 - confidence)`` over the rules with a path
            from head to tail, for the base rate b of the relation. It is the chance to be among
            the known facts if rules were independent; take it as an order. A fact with an unknown
            entity has the base rate.

        Raises
        ------
        ValueError
            If a relation is none of the target's.
        """
        if not hasattr(self, "rules_"):
            raise NotFittedError(f"This {type(self).__name__} is not fitted yet; call fit before.")
        facts, target = read_triples(triples), self._target
        unknown = sorted({str(r) for _, r, _ in facts if r not in target.relation_of})
        if unknown:
            raise ValueError(
                f"triples name the relations {listed(unknown)}, but the target has "
                f"{listed(target.relations)}; pass facts of these."
            )
        n_entities = len(target.entity_of)
        scores = np.empty(len(facts))
        wanted = np.array([target.relation_of[r] for _, r, _ in facts], dtype=np.intp)
        ends = [[target.entity_of.get(end, n_entities) for end in fact[::2]] for fact in facts]
        ends = np.array(ends, dtype=np.intp).reshape(-1, 2)
        for place in np.unique(wanted):
            misses = np.full((n_entities + 1, n_entities + 1), 1 - target.base[2 * place])
            for rule in self.rules_:
                if rule.head == target.relations[place]:
                    counts = path_counts(target.steps, target.path_of(rule.body))
                    misses[:-1, :-1] *= np.where(counts > 0.5, 1 - rule.confidence, 1)
            rows = wanted == place
            scores[rows] = 1 - misses[ends[rows, 0], ends[rows, 1]]
        return scores

    def _map(self, source, target):
        """Find the mapping; return rules of the target, and the source rule of each."""
        rules = source.strongest_rules(self.n_rules)
        self.source_rules_ = [source.sentence_of(head, path) for head, path, _ in rules]
        n_source, n_target = len(source.relations), len(target.relations)
        costs = _costs(source, target)
        best, proven, terms_of = None, True, {}
        for coverage in COVERAGES:
            terms = [
                mapped_rule(head, path, coverage * chance, target) for head, path, chance in rules
            ]
            terms += [mapped_degrees(k, coverage, source, target) for k in range(n_source)]
            terms = merged(terms)
            terms_of[coverage] = terms
            score, options, is_proven = best_assignment(
                terms,
                n_source,
                np.arange(2 * n_target) // 2,
                costs,
                lambda chosen: _types_agree(chosen, source, target),
                start=best,
                max_nodes=self.max_nodes,
            )
            proven = proven and is_proven
            if best is None or score > best[0]:
                best, self.coverage_ = (score, options), coverage
        self.score_, options = best
        self.is_proven_ = proven
        pairs = [(name, inverse) for name in target.relations for inverse in (False, True)]
        pairs.append(None)
        self.mapping_ = {
            name: pairs[option] for name, option in zip(source.relations, options, strict=True)
        }
        self.scores_ = {
            name: {
                pair: total_score(terms_of[self.coverage_], changed, costs)
                for option, pair in enumerate(pairs)
                for changed in [_with_option(options, place, option, left_out=2 * n_target)]
                if _types_agree(dict(enumerate(changed)), source, target)
            }
            for place, name in enumerate(source.relations)
        }
        self._warn(options, n_target)
        carried = {}
        for (head, path, chance), text in zip(rules, self.source_rules_, strict=True):
            moved = [options[step // 2] ^ (step % 2) for step in (head, *path)]
            if all(options[step // 2] < 2 * n_target for step in (head, *path)):
                moved_head, moved_path = _forward(moved[0], tuple(moved[1:]))
                key = moved_head, target.one_spelling(moved_head, moved_path)
                carried.setdefault(key, (text, chance))
        return carried

    def _warn(self, options, n_target):
        name = type(self).__name__
        if not self.is_proven_:
            warn(
                f"{name} stopped its search after max_nodes={self.max_nodes!r} branches, so that a "
                "better mapping may exist; increase max_nodes, or pass types.",
                TransferWarning,
            )
        elif all(option == 2 * n_target for option in options):
            warn(
                f"{name} mapped none of the {len(options)} relations of the source: no rule fits "
                "the facts of the target better than chance. Add facts of the target, or use its "
                "own rules alone.",
                TransferWarning,
            )

    def _rules_of_target(self, target, carried):
        """Return the carried rules and those of the target alone, with their confidence."""
        own = {(head, path): None for head, path, _ in target.strongest_rules(self.n_rules)}
        rules = []
        for (head, path), origin in (own | carried).items():
            n_pairs, n_facts = target.counts_of(head, path)
            prior = target.base[head] if origin is None else self.coverage_ * origin[1]
            confidence = n_facts + self.prior_strength * max(prior, target.base[head])
            confidence /= n_pairs + self.prior_strength
            body = tuple((target.relations[step // 2], bool(step % 2)) for step in path)
            text, chance = (None, None) if origin is None else (origin[0], float(origin[1]))
            rules.append(
                RelationRule(
                    target.relations[head // 2],
                    body,
                    float(confidence),
                    int(n_pairs),
                    int(n_facts),
                    text,
                    chance,
                )
            )
        return sorted(rules, key=lambda rule: (-rule.confidence, sentence(rule.head, rule.body)))

    def __repr__(self):
        params = ", ".join(f"{name}={value!r}" for name, value in self.get_params().items())
        return f"{type(self).__name__}({params})"


def _types_agree(chosen, source, target):
    """Return whether each type of the source corresponds to one of the target, and to no other."""
    pairs = set()
    for relation, option in chosen.items():
        if option < 2 * len(target.relations):
            ends = target.ends[option // 2]
            pairs |= set(
                zip(source.ends[relation], ends[::-1] if option % 2 else ends, strict=True)
            )
    pairs = {pair for pair in pairs if None not in pair}
    return len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs})


def _costs(source, target):
    """Return minus the log of the chance of each option, but for the factor one half of all."""
    costs = np.full((len(source.relations), 2 * len(target.relations) + 1), np.inf)
    for relation, option in np.ndindex(costs.shape):
        if _types_agree({relation: option}, source, target):
            costs[relation, option] = 0
    costs[:, :-1] += np.log(np.maximum(np.isfinite(costs[:, :-1]).sum(axis=1), 1))[:, None]
    return costs


def _with_option(options, place, option, *, left_out):
    """Return the options with another one at a place; whoever had the same target has none."""
    changed = [
        left_out if each != left_out and option != left_out and each // 2 == option // 2 else each
        for each in options
    ]
    changed[place] = option
    return tuple(changed)


def _forward(head, path):
    """Return the same rule with a head that is followed from head to tail."""
    return (head ^ 1, tuple(step ^ 1 for step in path[::-1])) if head % 2 else (head, path)
