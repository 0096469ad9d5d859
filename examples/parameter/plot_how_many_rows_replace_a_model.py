"""
How many rows replace a fitted model?
=====================================

A colleague fitted a model to rows that are gone, and the rule has changed a little since. A model
of a few new rows alone is inaccurate, and the old model has a constant bias. Starting from the old
model needs fewer rows, and loses nothing if there are many.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import LogisticRegression

from sktransfer import TransferLogisticRegression


def draw(n_rows, rule, rng):
    """Draw rows of 20 columns and the side of the rule that they are on."""
    X = rng.normal(size=(n_rows, 20))
    return X, X @ rule + 0.5 * rng.normal(size=n_rows) > 0


# %%
# Accuracy on new rows, for 5 to 320 labelled rows of today. One old model follows nearly the same
# rule as today, the other one the opposite.

counts = [5, 10, 20, 40, 80, 160, 320]
names = ["old model alone", "today alone", "from the old model", "from the opposite model"]
accuracy = {name: [] for name in names}
for n_rows in counts:
    runs = {name: [] for name in names}
    for seed in range(6):
        rng = np.random.default_rng(seed)
        rule = rng.normal(size=20)
        X_old, y_old = draw(500, rule + 0.5 * rng.normal(size=20), rng)
        old = LogisticRegression().fit(X_old, y_old)
        opposite = LogisticRegression().fit(X_old, ~y_old)
        X, y = draw(n_rows, rule, rng)
        test = draw(1000, rule, rng)
        runs["old model alone"].append(old.score(*test))
        runs["today alone"].append(LogisticRegression().fit(X, y).score(*test))
        for name, source in (("from the old model", old), ("from the opposite model", opposite)):
            model = TransferLogisticRegression(source).fit(X, y)
            runs[name].append(model.score(*test))
    for name in names:
        accuracy[name].append(np.mean(runs[name]))

# %%
# The opposite model gets weight 0, so that its line lies on that of today's rows alone.

figure, axes = plt.subplots(figsize=(7, 4.2), layout="constrained")
for name, style in zip(names, [":", "--", "-", "-."], strict=True):
    axes.plot(counts, accuracy[name], style, marker="o", label=name)
axes.set_xscale("log", base=2)
axes.set_xticks(counts, [str(count) for count in counts])
axes.set_xlabel("labelled rows of today")
axes.set_ylabel("accuracy on today's rows")
axes.legend(frameon=False)
plt.show()
