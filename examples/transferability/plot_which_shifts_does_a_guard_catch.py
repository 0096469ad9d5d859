"""
Which shifts does a guard catch?
================================

Three targets without labels: one like the source, one with other shares of the classes, one whose
rows moved. Each method of adaptation is right about one of them and loses points on another. The
guard is not told which target it has. It looks at the rows with two tests, and then predicts by the
source alone, by other shares, or by a vote in which the source alone keeps half of the weight.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import LogisticRegression

from sktransfer import (
    GuardedTransferClassifier,
    LabelShiftWeighter,
    MomentAligner,
    WeightedTransferClassifier,
    make_transfer_pipeline,
    pack_domains,
)

# %%
# Two round clouds, one for each class.


def draw(n_rows, rng, *, share=0.5, offset=(0.0, 0.0)):
    """Return rows and classes; `share` of the rows are of class 1."""
    y = (np.arange(n_rows) < share * n_rows).astype(int)
    return rng.normal(size=(n_rows, 2)) + np.where(y == 1, 1.0, -1.0)[:, None] + offset, y


rng = np.random.default_rng(0)
source = draw(400, rng)
targets = {
    "the same": draw(800, rng),
    "other shares": draw(800, rng, share=0.92),
    "moved rows": draw(800, rng, offset=(1.5, 1.0)),
}

# %%
# The share right on the target's rows, and the decision of the guard. Its `changed_` is the share
# of rows whose prediction is not that of the source alone: it cannot lose more than that.

methods = {
    "source alone": LogisticRegression(),
    "moments": make_transfer_pipeline(MomentAligner(), LogisticRegression()),
    "other shares": WeightedTransferClassifier(LogisticRegression(), LabelShiftWeighter()),
    "guard": GuardedTransferClassifier(random_state=0),
}
accuracy = {name: [] for name in methods}
decisions = []
for X_target, y_target in targets.values():
    X, y, sample_domain = pack_domains({"source": source}, target=X_target)
    for name, method in methods.items():
        if name == "source alone":
            method.fit(*source)
        else:
            method.fit(X, y, sample_domain=sample_domain)
        accuracy[name].append(method.score(X_target, y_target))
    decisions.append(methods["guard"].decision_)
    print(methods["guard"].report_.sentence)

# %%
# The rows of the targets above the lines on which the source's rows are densest, and the answers.

figure, panels = plt.subplots(2, 3, figsize=(10, 6.2), layout="constrained", sharex="row")
colors = np.array(["#2b6cb0", "#c05621"])
bars = ["#a0aec0", "#90cdf4", "#fbd38d", "#2f855a"]
for place, (name, (X_target, y_target)) in enumerate(targets.items()):
    rows, answers = panels[:, place]
    rows.scatter(*source[0].T, s=6, c="#cbd5e0")
    rows.scatter(*X_target.T, s=6, c=colors[y_target], alpha=0.6)
    rows.set_title(f"target: {name}")
    values = [accuracy[method][place] for method in methods]
    labels = answers.bar(list(methods), values, color=bars)
    answers.bar_label(labels, fmt="{:.2f}")
    answers.set_ylim(0.4, 1.05)
    answers.tick_params(axis="x", rotation=25)
    answers.set_title(f"the guard decides: {decisions[place]}")
panels[0, 0].set_ylabel("gray: rows of the source")
panels[1, 0].set_ylabel("share right on the target")
plt.show()
