"""
What moved between two domains?
===============================

Before a method is chosen, `ShiftDiagnosis` asks what moved. Four shifts are drawn here: fewer rows
of a class, a sensor with another gain, older patients, and crosstalk between two columns. Two of
them look alike, and a few labels of the target then decide.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score

from sktransfer import (
    DiscriminatorWeighter,
    MomentAligner,
    ShiftDisplay,
    WeightedTransferClassifier,
    diagnose_shift,
    make_transfer_pipeline,
    pack_domains,
)

rng = np.random.default_rng(0)


def rows(n_rows, *, age=0.0, well_left_out=0.0):
    """Four columns. The risk rises with age above 0 only: no straight rule fits every age."""
    X = rng.normal(size=(4 * n_rows, 4)) + [age, 0, 0, 0]
    risk = X[:, 1] + 4 * np.maximum(X[:, 0], 0) - 1.5
    y = rng.random(len(X)) < 1 / (1 + np.exp(-3 * risk))
    kept = np.flatnonzero(y | (rng.random(len(X)) >= well_left_out))[:n_rows]
    return X[kept], y[kept]


def crosstalk(X):
    """A part of the first column arrives in the third."""
    return X + np.outer(X[:, 0], [0, 0, 0.8, 0])


source, (X_same, y_same) = rows(500), rows(500)
targets = {
    "fewer are well": rows(500, well_left_out=0.8),
    "another gain": (X_same * [1.3, 1, 1, 1] + [1, 0, 0, 0], y_same),
    "older patients": rows(500, age=1.2),
    "crosstalk": (crosstalk(X_same), y_same),
}

# %%
# No label of the target is used. Fewer rows of a class are recognized, and their share is given
# with an interval. The gain and the older patients get the same answer: the report says that it
# cannot tell them apart.

reports = {}
for name, (X_target, _) in targets.items():
    X, y, sample_domain = pack_domains({"lab": source}, target=X_target)
    reports[name] = diagnose_shift(X, y, sample_domain=sample_domain, random_state=0)
    print(f"{name}: {reports[name].family}\n  {reports[name].sentence}\n")

# %%
# The first of them as a picture.

ShiftDisplay.from_report(reports["fewer are well"])
plt.show()

# %%
# If two shifts look alike, the remedies are opposite. An aligner undoes a gain, and does harm to
# rows that were right. Weights pick out source rows of the right age, and cannot undo a gain. Forty
# labels of the target show which of the two it is.

methods = {
    "source": LogisticRegression(),
    "aligner": make_transfer_pipeline(MomentAligner(), LogisticRegression()),
    "weights": WeightedTransferClassifier(
        LogisticRegression(), DiscriminatorWeighter(random_state=0)
    ),
}
names = ["another gain", "older patients"]
accuracy = np.zeros((len(methods), len(names)))
for column, name in enumerate(names):
    X_target, y_target = targets[name]
    X, y, sample_domain = pack_domains({"lab": source}, target=X_target)
    labelled = rng.permutation(500)[:40]
    for row, model in enumerate(methods.values()):
        if row == 0:
            model.fit(*source)
        else:
            model.fit(X, y, sample_domain=sample_domain)
        accuracy[row, column] = accuracy_score(
            y_target[labelled], model.predict(X_target[labelled])
        )

ax = plt.subplots(figsize=(6, 3.5), layout="constrained")[1]
for row, name in enumerate(methods):
    ax.bar(np.arange(2) + 0.25 * (row - 1), accuracy[row], width=0.22, label=name)
ax.set_xticks(range(2), names)
ax.set_ylabel("accuracy on 40 target labels")
ax.set_ylim(0.4, 1.15)
ax.legend(frameon=False, loc="upper center", ncols=3)
plt.show()
