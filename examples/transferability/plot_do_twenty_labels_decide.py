"""
Do twenty labels decide whether to transfer?
============================================

Without a label of the target it is unknown whether an aligner helps. A guarded estimator therefore
keeps half of the weight on the source alone. Twenty labels, asked for where its vote and the source
differ, usually decide. Forty shifts are drawn here. In half of them an offset and a scale have
moved, which aligners undo. In the others a class has become rare, and aligners do harm.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import LogisticRegression

from sktransfer import (
    CORALAligner,
    GuardedTransferClassifier,
    GuardedTransferDisplay,
    MomentAligner,
    SubspaceAligner,
    make_transfer_pipeline,
    pack_domains,
)


def draw(rng, *, moved=0.0, rare=0.0):
    """Rows of a source and a target, and the target's labels."""
    X = rng.normal(size=(1600, 6))
    y = X[:, 0] + 0.5 * X[:, 1] + 0.4 * rng.normal(size=1600) > 0
    source, target = np.arange(200), np.arange(200, 1600)
    kept = ~y[target] | (rng.random(1400) > rare)
    target = target[kept][:400]
    offset = moved * np.array([1.0, 0.5, -1.0, 0.0, 1.0, -0.5])
    X_target = X[target] * (1 + 0.4 * moved) + offset
    return pack_domains({"lab": (X[source], y[source])}, target=X_target), y[target]


candidates = [
    (name, make_transfer_pipeline(aligner, LogisticRegression()))
    for name, aligner in [
        ("moments", MomentAligner()),
        ("coral", CORALAligner()),
        ("subspace", SubspaceAligner()),
    ]
]

# %%
# One shift first. No label is used in the fit. The report ends in a sentence, and says what no loss
# can exceed.

(X, y, sample_domain), y_target = draw(np.random.default_rng(0), moved=0.6)
guard = GuardedTransferClassifier(candidates, random_state=0)
guard.fit(X, y, sample_domain=sample_domain)
print(guard.report_)

# %%
# Twenty rows are labelled, all of them target rows on which the vote and the source differ.

rows = guard.rows_to_label(20)
guard.settle(rows, y_target[rows - 200])
print(guard.report_.sentence)
GuardedTransferDisplay.from_estimator(guard)
plt.show()

# %%
# Forty shifts. The gain is the accuracy on the target less that of the source alone.

gains = {"half on the source": [], "vote": [], "vote, if 20 labels keep it": []}
for seed in range(40):
    rng = np.random.default_rng(seed)
    shift = {"moved": rng.uniform(0.2, 1)} if seed % 2 else {"rare": rng.uniform(0.5, 0.9)}
    (X, y, sample_domain), y_target = draw(rng, **shift)
    guard = GuardedTransferClassifier(candidates, random_state=seed)
    guard.fit(X, y, sample_domain=sample_domain)
    X_target = X[200:]
    models = guard.estimators_.values()
    vote = np.mean([model.predict_proba(X_target) for model in models], axis=0)
    source = np.mean(guard.estimators_["source"].predict(X_target) == y_target)
    gains["half on the source"].append(guard.score(X_target, y_target) - source)
    gains["vote"].append(np.mean(guard.classes_[vote.argmax(axis=1)] == y_target) - source)
    rows = guard.rows_to_label(20)
    if len(rows):
        guard.settle(rows, y_target[rows - 200])
    gains["vote, if 20 labels keep it"].append(guard.score(X_target, y_target) - source)

# %%
# Each point is a shift. To the left of 0 no transfer would have been better.

figure, axes = plt.subplots(figsize=(7, 3), layout="constrained")
for place, values in enumerate(gains.values()):
    points = 100 * np.array(values)
    spread = np.random.default_rng(0).uniform(-0.15, 0.15, size=len(points))
    axes.scatter(points, place + spread, color=np.where(points < 0, "C3", "C0"), alpha=0.7)
    axes.vlines(points.mean(), place - 0.3, place + 0.3, color="black")
axes.axvline(0, color="0.3", linewidth=1)
axes.set_yticks(range(3), gains)
axes.set_ylim(2.5, -0.5)
axes.set_xlabel("gain over the source alone, in points of accuracy; the mean is a line")
plt.show()
