"""
What if one of the sources is unrelated?
========================================

One of two sources nearly has the target's rule, the other one is unrelated. A model of all rows
becomes worse as the unrelated source grows. A method that keeps the sources apart should not. The
baseline is a model of the ten labelled target rows alone.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import LogisticRegression

from sktransfer import (
    DomainAugmenter,
    MultiSourceTrAdaBoostClassifier,
    TaskTrAdaBoostClassifier,
    TrAdaBoostClassifier,
    make_transfer_pipeline,
    pack_domains,
)


def draw(n_rows, direction, rng):
    """Rows in the plane, labelled by the side of a line through 0 that they lie on."""
    X = rng.normal(size=(n_rows, 2))
    return X, (X @ direction > 0).astype(int)


# %%
# Share right on new target rows, for 0 to 400 rows of the unrelated source, and 100 of the other.

counts = [0, 50, 100, 200, 400]
linear = LogisticRegression()
models = {
    "all rows alike": linear,
    "TrAdaBoost, one pool": TrAdaBoostClassifier(linear, n_estimators=10),
    "MultiSourceTrAdaBoost": MultiSourceTrAdaBoostClassifier(linear, n_estimators=10),
    "TaskTrAdaBoost": TaskTrAdaBoostClassifier(linear, n_estimators=10),
    "DomainAugmenter": make_transfer_pipeline(DomainAugmenter(), linear),
}
accuracy = {name: np.zeros(len(counts)) for name in ["target alone", *models]}
n_draws = 6
for seed in range(n_draws):
    for place, count in enumerate(counts):
        rng = np.random.default_rng(seed)
        target, test = draw(10, [1.0, 1.0], rng), draw(1000, [1.0, 1.0], rng)
        sources = {"near": draw(100, [1.0, 0.7], rng)}
        if count:
            sources["unrelated"] = draw(count, [-1.0, 0.8], rng)
        X, y, sample_domain = pack_domains(sources, target=target)
        accuracy["target alone"][place] += linear.fit(*target).score(*test) / n_draws
        for name, model in models.items():
            domains = {} if name == "all rows alike" else {"sample_domain": sample_domain}
            accuracy[name][place] += model.fit(X, y, **domains).score(*test) / n_draws

# %%
# The rows are on the left, the accuracy on the right.

figure, (panel, axes) = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
colors = np.array(["#2b6cb0", "#c05621"])
for name, marker in (("near", "^"), ("unrelated", "x")):
    X_source, y_source = sources[name]
    panel.scatter(*X_source[:100].T, s=14, c=colors[y_source[:100]], marker=marker, alpha=0.5)
panel.scatter(*target[0].T, s=50, c=colors[target[1]], edgecolors="k")
panel.set_title("near (triangles), unrelated (crosses), target (dots)")
for name, values in accuracy.items():
    axes.plot(counts, values, "k:" if name == "target alone" else "-o", label=name)
axes.set_xlabel("rows of the unrelated source")
axes.set_ylabel(f"share right on new target rows, {n_draws} draws")
axes.legend(frameon=False)
plt.show()
