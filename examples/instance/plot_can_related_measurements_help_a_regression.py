"""
Can related measurements help a regression?
===========================================

Three sources of 100 rows follow the target's curve with other constants. They are nearly those of
the target on the left, and very different on the right. A target with few rows gains from near
sources. Distant sources, or many target rows, leave less to gain, and transfer may hurt.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.tree import DecisionTreeRegressor

from sktransfer import TrAdaBoostRegressor, TwoStageTrAdaBoostRegressor, pack_domains


def draw(n_rows, distance, rng):
    """Friedman's curve of five of ten features, its constants moved at random."""
    X = rng.uniform(size=(n_rows, 10))
    factors = 1 + 0.1 * distance * rng.normal(size=(2, 5))
    Z = X[:, :5] * factors[0] + 0.05 * distance * rng.normal(size=5)
    parts = [np.sin(np.pi * Z[:, 0] * Z[:, 1]), 2 * (Z[:, 2] - 0.5) ** 2, Z[:, 3], Z[:, 4] / 2]
    return X, 10 * factors[1, :4] @ parts + rng.normal(size=n_rows)


# %%
# The root mean squared error on new target rows, for 10 to 60 labelled ones.

counts = [10, 25, 60]
tree = DecisionTreeRegressor(max_depth=5, random_state=0)
models = {
    "target alone": tree,
    "all rows alike": tree,
    "TrAdaBoost.R2": TrAdaBoostRegressor(tree, n_estimators=20, random_state=0),
    "two-stage": TwoStageTrAdaBoostRegressor(
        tree, n_estimators=5, n_steps=6, n_folds=3, random_state=0
    ),
}


def errors(distance, *, n_draws=2):
    """Give the mean error of each model for each number of target rows."""
    found = {name: np.zeros(len(counts)) for name in models}
    for place, count in enumerate(counts):
        for seed in range(n_draws):
            rng = np.random.default_rng(seed)
            sources = {f"source {k}": draw(100, distance, rng) for k in range(3)}
            target, test = draw(count, 0.0, rng), draw(500, 0.0, rng)
            X, y, sample_domain = pack_domains(sources, target=target)
            for name, model in models.items():
                if name == "target alone":
                    model.fit(*target)
                elif name == "all rows alike":
                    model.fit(X, y)
                else:
                    model.fit(X, y, sample_domain=sample_domain)
                squares = (model.predict(test[0]) - test[1]) ** 2
                found[name][place] += np.sqrt(squares.mean()) / n_draws
    return found


# %%
# Lower is better.

figure, panels = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
for panel, (title, distance) in zip(panels, {"near sources": 2.0, "far sources": 5.0}.items()):
    for (name, values), style in zip(errors(distance).items(), ["--", ":", "-", "-."]):
        panel.plot(counts, values, style, marker="o", label=name)
    panel.set_title(title)
    panel.set_xlabel("labelled target rows")
panels[0].set_ylabel("error on new target rows, 2 draws")
panels[0].legend(frameon=False)
plt.show()
