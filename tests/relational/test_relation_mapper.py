"""RelationMapper: planted rules, invariances, a definition of its scores, and messages."""

import numpy as np
import pytest
from sklearn.base import clone

from benchmarks.relation_mapping import NAMES, fit, is_right, make_pair
from sktransfer import RelationMapper, TransferWarning
from sktransfer._kernels.relation_paths import path_counts
from tests.shelf import whole

QUICK = {"max_length": 2, "n_rules": 5}


@pytest.fixture(scope="module")
def pair():
    return make_pair(1, 0.6)


@pytest.fixture(scope="module")
def fitted(pair):
    source, known, _, types = pair
    return fit(source, known, types=types, **QUICK)


def test_relations_with_the_same_rules_are_found(pair, fitted):
    assert all(is_right(fitted.mapping_, relation) for relation in NAMES)
    assert fitted.is_proven_
    assert fitted.score_ > 0
    assert 0.3 < fitted.coverage_ < 1
    assert "advises(x, y) if teaches(x, z) and attends(y, z)" in fitted.source_rules_


def test_facts_that_follow_are_scored_above_others(pair, fitted):
    _, known, unseen, _ = pair
    people = sorted({fact[2] for fact in known if fact[1] == "mentors"})
    facts = [fact for fact in unseen if fact[1] == "mentors"]
    wrong = [(h, r, people[k % len(people)]) for k, (h, r, _) in enumerate(facts)]
    wrong = [fact for fact in wrong if fact not in set(known) | set(unseen)]
    assert np.mean(fitted.predict(facts)) > 2 * np.mean(fitted.predict(wrong))


def test_scores_are_the_chance_that_some_rule_holds(pair, fitted):
    _, known, unseen, _ = pair
    asked = [fact for fact in unseen if fact[1] == "meets"][:5]
    target = fitted._target
    n_facts = len({fact for fact in known if fact[1] == "meets" and fact[0] != fact[2]})
    for fact, found in zip(asked, fitted.predict(asked), strict=True):
        miss = 1 - n_facts / len({end for h, _, t in known for end in (h, t)}) ** 2
        for rule in fitted.rules_:
            counts = path_counts(target.steps, target.path_of(rule.body))
            if (
                rule.head == "meets"
                and counts[target.entity_of[fact[0]], target.entity_of[fact[2]]]
            ):
                miss *= 1 - rule.confidence
        assert found == pytest.approx(1 - miss)


def test_a_rule_states_its_counts(pair, fitted):
    known = set(pair[1])
    rule = next(
        rule
        for rule in fitted.rules_
        if (rule.head, rule.body) == ("mentors", (("runs", False), ("staffed_by", False)))
    )
    joined = {
        (h, person)
        for h, r, task in known
        if r == "runs"
        for other, s, person in known
        if s == "staffed_by" and other == task and person != h
    }
    assert rule.n_pairs == len(joined)
    assert rule.n_facts == len({(h, t) for h, r, t in known if r == "mentors"} & joined)
    prior = fitted.coverage_ * rule.source_confidence
    expected = (rule.n_facts + 10 * prior) / (rule.n_pairs + 10)
    assert rule.confidence == pytest.approx(expected)
    assert str(rule).startswith("mentors(x, y) if runs(x, z) and staffed_by(z, y): 0.")
    assert "from advises(x, y) if teaches(x, z) and attends(y, z): 0." in str(rule)


def test_scores_of_other_mappings_are_smaller(fitted):
    for relation, scores in fitted.scores_.items():
        assert scores[fitted.mapping_[relation]] == pytest.approx(fitted.score_)
        assert max(scores.values()) <= fitted.score_ + 1e-9
        assert None in scores


@pytest.mark.parametrize("change", ["order", "twice", "names of entities", "columns"])
def test_what_changes_nothing(pair, fitted, change):
    source, known, unseen, types = pair
    asked = [fact for fact in unseen if fact[1] != "likes"][:40]
    if change == "order":
        rng = np.random.default_rng(0)
        source = [source[k] for k in rng.permutation(len(source))]
        known = [known[k] for k in rng.permutation(len(known))]
    elif change == "twice":
        source, known = source * 2, [*known, *known[:9]]
    elif change == "names of entities":
        # Names of the target are those of the source, and numbers replace others.
        def name(entity):
            return entity.removeprefix("t ")

        known, asked = ([(name(h), r, name(t)) for h, r, t in each] for each in (known, asked))
        types = None
    domains = ["old"] * len(source) + ["target"] * len(known)
    triples = source + known
    if change == "columns":
        triples = np.array(triples)
    found = RelationMapper(**QUICK).fit(triples, sample_domain=domains, types=types)
    assert found.mapping_ == fitted.mapping_
    assert found.score_ == pytest.approx(fitted.score_, abs=6 if types is None else 1e-9)
    np.testing.assert_allclose(found.predict(asked), fitted.predict(pair_of(asked, change)))
    assert [str(rule) for rule in found.rules_] == [str(rule) for rule in fitted.rules_]


def pair_of(asked, change):
    if change != "names of entities":
        return asked
    return [(f"t {h}", r, f"t {t}") for h, r, t in asked]


def test_other_names_of_relations_rename_the_mapping(pair, fitted):
    source, known, _, types = pair
    source = [(h, f"z {r[::-1]}", t) for h, r, t in source]
    known = [(h, r.upper(), t) for h, r, t in known]
    found = fit(source, known, types=types, **QUICK)
    expected = {
        f"z {name[::-1]}": match and (match[0].upper(), match[1])
        for name, match in fitted.mapping_.items()
    }
    assert found.mapping_ == expected
    assert found.score_ == pytest.approx(fitted.score_)


def test_a_symmetric_relation_has_its_rule_and_one_spelling_of_each_path(pair):
    own = RelationMapper(**QUICK).fit(pair[0])
    paths = [rule.body for rule in own.rules_ if rule.head == "knows"]
    assert (("knows", True),) in paths
    assert len(set(paths)) == len(paths)
    inverse = [step for path in paths if len(path) > 1 for step in path if step == ("knows", True)]
    assert not inverse


def test_rules_of_a_turned_relation_run_backward(pair):
    source, known, _, types = pair
    known = [(t, "led_by", h) if r == "mentors" else (h, r, t) for h, r, t in known]
    mapper = fit(source, known, types=types, **QUICK)
    assert mapper.mapping_["advises"] == ("led_by", True)
    assert mapper.mapping_["attends"] == ("staffed_by", True)
    text = "led_by(x, y) if staffed_by(z, x) and runs(y, z): "
    (rule,) = [rule for rule in mapper.rules_ if str(rule).startswith(text)]
    assert rule.source == "advises(x, y) if teaches(x, z) and attends(y, z)"
    assert rule.n_facts > 0.3 * rule.n_pairs > 0


def test_types_limit_the_mapping(pair):
    source, known, _, types = pair
    turned = {name: kind for name, kind in types.items() if name.startswith("t ")}
    one_type = {**types, **dict.fromkeys(turned, "t person")}  # chiefs and courses are persons now
    mapper = fit(source, known, types=one_type, **QUICK)
    for relation in ("teaches", "attends", "advises"):  # their two types cannot become one
        assert mapper.mapping_[relation] is None


def test_without_a_source_only_own_rules_are_found(pair):
    own = RelationMapper(**QUICK).fit(pair[1])
    assert own.mapping_ == own.scores_ == {}
    assert all(rule.source is None for rule in own.rules_)
    assert own.rules_
    base = [fact for fact in pair[1] if fact[1] == "sits_near"]
    scores = own.predict([("nobody", "sits_near", "no one"), base[0]])
    assert scores[0] == pytest.approx(own._target.base[2 * own.relations_.index("sits_near")])


def test_nothing_is_turned_without_a_reason():
    facts = [fact for k in range(4) for fact in ((k, "r", k + 10), (k + 10, "r", k + 20))]
    facts += [(k, "s", k + 20) for k in range(4)]
    mapper = fit(facts, [(f"t{h}", r, f"t{t}") for h, r, t in facts])
    assert mapper.mapping_ == {"r": ("r", False), "s": ("s", False)}


def test_facts_of_chance_are_mapped_to_none():
    rng = np.random.default_rng(0)

    def draw(count, names):
        rows = rng.integers(15, size=(count, 2))
        return [(int(a), names[k % 3], int(b)) for k, (a, b) in enumerate(rows)]

    source, known = draw(200, "abc"), draw(40, "uvw")
    with pytest.warns(
        TransferWarning,
        match=whole(
            "RelationMapper mapped none of the 3 relations of the source: no rule fits the facts "
            "of the target better than chance. Add facts of the target, or use its own rules alone."
        ),
    ):
        mapper = fit(source, known, **QUICK)
    assert mapper.mapping_ == {"a": None, "b": None, "c": None}
    assert mapper.score_ == 0


def test_a_search_that_is_stopped_warns(pair):
    source, known, _, _ = pair
    with pytest.warns(TransferWarning, match=r"stopped its search after max_nodes=1 branches"):
        assert not fit(source, known, max_nodes=1, **QUICK).is_proven_


def test_real_ties_are_mapped_to_ties_of_the_same_strength():
    networkx = pytest.importorskip("networkx")
    from benchmarks.relation_mapping import _ties

    novel = _ties(networkx.les_miserables_graph(), ("rarely", "often"))
    club = _ties(networkx.karate_club_graph(), ("weak", "strong"))
    mapper = fit(novel, club, max_length=2)
    assert {name: match[0] for name, match in mapper.mapping_.items()} == {
        "often": "strong",
        "rarely": "weak",
    }


def test_parameters_are_kept():
    mapper = clone(RelationMapper(max_length=2))
    assert mapper.get_params() == {
        "max_length": 2,
        "n_rules": 10,
        "prior_strength": 10.0,
        "max_nodes": 100_000,
    }
    assert mapper.set_params(n_rules=3) is mapper
    assert mapper.get_params()["n_rules"] == 3
    expected = "RelationMapper(max_length=2, n_rules=3, prior_strength=10.0, max_nodes=100000)"
    assert repr(mapper) == expected
    with pytest.raises(ValueError, match="RelationMapper has no parameter 'length'; its"):
        mapper.set_params(length=3)
    with pytest.raises(ValueError, match="max_length"):
        RelationMapper(max_length=4).fit([("a", "r", "b")])


@pytest.mark.parametrize(
    ("triples", "sample_domain", "message"),
    [
        (
            [("a", "r")],
            None,
            "triples[0]=('a', 'r'): expected a head, a relation and a tail; pass rows of three "
            "entries.",
        ),
        (
            [("a", "r", None)],
            None,
            "triples[0]=('a', 'r', None) has a missing value; leave the row out.",
        ),
        (
            [("a", "r", ["b"])],
            None,
            "triples[0]=('a', 'r', ['b']) holds a value that is not hashable; name entities and "
            "relations by strings, numbers or tuples.",
        ),
        (
            [],
            None,
            "RelationMapper maps one source to a target, but got no triple; pass facts of the "
            "target and of one source.",
        ),
        (
            [("a", "r", "b")] * 3,
            ["one", "two", "target"],
            "RelationMapper maps one source to a target, but got the sources 'one', 'two'; pass "
            "facts of the target and of one source.",
        ),
    ],
)
def test_messages(triples, sample_domain, message):
    with pytest.raises(ValueError, match=whole(message)):
        RelationMapper().fit(triples, sample_domain=sample_domain)


def test_types_are_a_dict():
    with pytest.raises(
        TypeError,
        match=whole("types=['a']: expected a dict from the name of an entity to its type."),
    ):
        RelationMapper().fit([("a", "r", "b")], types=["a"])


def test_an_unknown_relation_is_refused(fitted):
    with pytest.raises(ValueError, match=r"triples name the relations 'teaches', but the target"):
        fitted.predict([("a", "teaches", "b")])
    with pytest.raises(Exception, match="is not fitted yet; call fit before"):
        RelationMapper().predict([("a", "r", "b")])
