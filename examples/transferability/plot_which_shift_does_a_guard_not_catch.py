"""
Which shift does a guard not catch?
===================================

The rows of both domains look the same, but another rule decides their classes: they are exchanged,
or the border is turned by a right angle. No test on rows can see this. Without target labels the
guard predicts by the source alone, and is wrong as often as that. With few labels it trusts the
source too much, and is below the model of the target rows alone.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import LogisticRegression

from sktransfer import GuardedTransferClassifier, pack_domains

rules = {"source": [1.0, 1.0], "classes exchanged": [-1.0, -1.0], "border turned": [1.0, -1.0]}


def draw(n_rows, rule, rng):
    """Return rows with eight columns, and classes that the first two decide."""
    X = rng.normal(size=(n_rows, 8))
    return X, (X[:, :2] @ rules[rule] + 0.5 * rng.normal(size=n_rows) > 0).astype(int)


def first_rows(y, n_labels):
    """Return the positions of the first `n_labels` rows of each class."""
    return np.concatenate([np.flatnonzero(y == label)[:n_labels] for label in (0, 1)])


# %%
# Without target labels no shift is seen, and there is no row to ask for: none would change.

rng = np.random.default_rng(0)
source = draw(300, "source", rng)
X_test, y_test = draw(1000, "classes exchanged", rng)
X, y, sample_domain = pack_domains({"source": source}, target=X_test)
guard = GuardedTransferClassifier(random_state=0).fit(X, y, sample_domain=sample_domain)
print(guard.decision_, guard.score(X_test, y_test), guard.rows_to_label(20))

# %%
# With 1 to 20 labels a class, the mean of three draws.

counts, n_draws = [1, 2, 5, 10, 20], 3
accuracy = {}
for rule in ("classes exchanged", "border turned"):
    X_test, y_test = draw(1000, rule, rng)
    alone, guarded = np.zeros((2, len(counts), n_draws))
    for seed in range(n_draws):
        X_target, y_target = draw(200, rule, np.random.default_rng(seed))
        for place, count in enumerate(counts):
            known = first_rows(y_target, count)
            target = X_target[known], y_target[known]
            X, y, sample_domain = pack_domains({"source": source}, target=target)
            guard = GuardedTransferClassifier(random_state=seed, n_repeats=1)
            guard.fit(X, y, sample_domain=sample_domain)
            alone[place, seed] = LogisticRegression().fit(*target).score(X_test, y_test)
            guarded[place, seed] = guard.score(X_test, y_test)
    unchanged = LogisticRegression().fit(*source).score(X_test, y_test)
    accuracy[rule] = {
        "target alone": alone.mean(axis=1),
        "source alone": np.full(len(counts), unchanged),
        "guard": guarded.mean(axis=1),
    }

# %%
# If the guard is below the dotted line, it does harm. Exchanged classes need about five labels a
# class: then the source model with a negative scale, one of the candidates, has the weight. A
# source whose border is at a right angle is of no use, and a little is lost at any count.

figure, panels = plt.subplots(1, 2, figsize=(10, 4), layout="constrained", sharey=True)
styles = {"target alone": "k:", "source alone": "-", "guard": "-o"}
for axes, (rule, curves) in zip(panels, accuracy.items(), strict=True):
    for name, values in curves.items():
        axes.plot(counts, values, styles[name], label=name)
    axes.set_xscale("log")
    axes.set_xticks(counts, [str(count) for count in counts])
    axes.minorticks_off()
    axes.set_xlabel("labelled target rows of each class")
    axes.set_title(rule)
panels[0].set_ylabel(f"share right on the target, {n_draws} draws")
panels[0].legend(frameon=False)
plt.show()
