"""
Do known classes help new ones with one row each?
=================================================

Four handwritten digits are new, with one to ten labelled rows each. The six others are known well:
they show how pictures vary within a class. Further pictures of the new digits have no label.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.neighbors import KNeighborsClassifier

from sktransfer import (
    ClassPriorClassifier,
    PrototypeClassifier,
    TransductivePrototypeClassifier,
    pack_domains,
)

X, y = load_digits(return_X_y=True)
MODELS = {
    "nearest neighbor": KNeighborsClassifier(1),
    "nearest mean": PrototypeClassifier(),
    "whitened mean": PrototypeClassifier(whiten=True),
    "class prior": ClassPriorClassifier(),
    "with unlabelled rows": TransductivePrototypeClassifier(whiten=True, balance=0.9),
}


def one_task(seed, n_shots):
    """Return the accuracy of each model on 100 pictures of four new digits."""
    rng = np.random.default_rng(seed)
    new = rng.choice(10, 4, replace=False)
    rows = np.concatenate(
        [rng.choice(np.flatnonzero(y == digit), n_shots + 25, replace=False) for digit in new]
    )
    is_shot = np.tile(np.arange(n_shots + 25) < n_shots, 4)
    shots, rest = rows[is_shot], rows[~is_shot]
    known = ~np.isin(y, new)
    labels = np.concatenate([y[shots], np.full(len(rest), np.nan)])
    plain = pack_domains({"known": (X[known], y[known])}, target=(X[shots], y[shots]))
    more = pack_domains(
        {"known": (X[known], y[known])}, target=(X[np.concatenate([shots, rest])], labels)
    )
    scores = []
    for name, model in MODELS.items():
        if name == "nearest neighbor":
            model.fit(X[shots], y[shots])
        else:
            rows, classes, domain = more if name == "with unlabelled rows" else plain
            model.fit(rows, classes, sample_domain=domain)
        scores.append(model.score(X[rest], y[rest]))
    return scores


# %%
# Ten tasks for each number of labelled rows.

counts = [1, 2, 5, 10]
accuracy = np.array(
    [np.mean([one_task(seed, n_shots) for seed in range(10)], axis=0) for n_shots in counts]
)

# %%
# Six known classes are few, and say little about how pictures vary: they do not help. The rows
# without a label do with one or two labelled ones, because the new digits are equally frequent.

figure, axes = plt.subplots(figsize=(7, 4.2), layout="constrained")
for name, values in zip(MODELS, accuracy.T, strict=True):
    axes.plot(counts, values, marker="o", label=name)
    print(f"{name:22}", *(f"{value:.3f}" for value in values))
axes.set_xscale("log")
axes.set_xticks(counts, [str(count) for count in counts])
axes.minorticks_off()
axes.set_xlabel("labelled rows of each new digit")
axes.set_ylabel("share of its other pictures right")
axes.legend(frameon=False)
plt.show()
