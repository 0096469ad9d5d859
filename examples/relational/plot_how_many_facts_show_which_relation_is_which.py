"""
How many facts show which relation is which?
============================================

All facts of a school are known: who teaches a course, who attends it, who tutors whom, who knows
whom. Of a firm with other names a share of the facts is known. Relations are matched by the rules
that they follow, and the rules of the school then score facts of the firm.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.metrics import roc_auc_score

from sktransfer import RelationMapper, TransferWarning

SCHOOL = ("teaches", "attends", "tutors", "knows")
FIRM = ("runs", "works_on", "mentors", "lunches_with")
warnings.simplefilter("ignore", TransferWarning)  # few facts: nothing is mapped


def draw_facts(rng, names, site, n_people):
    """Draw groups with a chief, people in two groups each, and the relations that follow."""
    leads, joins, advises, meets = names
    groups = [f"{site} group {k}" for k in range(n_people // 3)]
    people = [f"{site} person {k}" for k in range(n_people)]
    facts = [(f"{site} chief {rng.integers(n_people // 3)}", leads, group) for group in groups]
    leader = {group: chief for chief, _, group in facts}
    joined = {person: rng.choice(groups, 2, replace=False).tolist() for person in people}
    for k, person in enumerate(people):
        facts += [(person, joins, group) for group in joined[person]]
        facts.append((leader[joined[person][0]], advises, person))
        for other in people[k + 1 :]:
            if set(joined[person]) & set(joined[other]) and rng.uniform() < 0.6:
                facts += [(person, meets, other), (other, meets, person)]
    return facts


# %%
# For each share of known facts: how many of the four relations are matched, and how well unseen
# facts on who mentors whom are told from pairs that are none.

shares = [0.1, 0.2, 0.3, 0.4, 0.6]
names = ["rules of the school", "own rules of the firm"]
matched, areas = [], {name: [] for name in names}
for share in shares:
    right, scores = [], {name: [] for name in names}
    for seed in range(4):
        rng = np.random.default_rng(seed)
        school, firm = draw_facts(rng, SCHOOL, "school", 30), draw_facts(rng, FIRM, "firm", 36)
        is_known = rng.uniform(size=len(firm)) < share
        known = [fact for fact, flag in zip(firm, is_known, strict=True) if flag]
        sample_domain = ["school"] * len(school) + ["target"] * len(known)
        mapper = RelationMapper(max_length=2, n_rules=5)
        mapper.fit(school + known, sample_domain=sample_domain)
        found = [pair and pair[0] for pair in map(mapper.mapping_.get, SCHOOL)]
        right.append(np.mean([a == b for a, b in zip(found, FIRM, strict=True)]))
        own = RelationMapper(max_length=2, n_rules=5).fit(known)
        asked = [fact for fact, flag in zip(firm, is_known, strict=True) if not flag]
        asked = [fact for fact in asked if fact[1] == "mentors"]
        people = sorted({fact[2] for fact in firm if fact[1] == "mentors"})
        wrong = {(chief, "mentors", person) for chief, _, _ in asked for person in people}
        wrong = sorted(wrong - set(firm))
        truth = [1] * len(asked) + [0] * len(wrong)
        for name, model in zip(names, (mapper, own), strict=True):
            scores[name].append(roc_auc_score(truth, model.predict(asked + wrong)))
    matched.append(np.mean(right))
    for name in names:
        areas[name].append(np.mean(scores[name]))

fig, (left, right) = plt.subplots(1, 2, figsize=(9, 3.5), sharex=True, layout="constrained")
left.plot(shares, matched, "o-")
left.set(xlabel="share of the firm's facts", ylabel="relations matched", ylim=(0, 1.05))
for name in names:
    right.plot(shares, areas[name], "o-", label=name)
right.set(xlabel="share of the firm's facts", ylabel="AUC of unseen facts")
right.legend()
plt.show()

# %%
# The match comes at once, since each relation that is matched confirms the others. Below it there
# is nothing to carry over. With more facts the firm has learned its rules itself.
