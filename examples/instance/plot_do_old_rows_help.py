"""
Do last year's rows help this year?
===================================

The boundary between two classes has moved since last year. A tree on a few rows of this year is
inaccurate, and a tree on all rows learns the boundary of last year. TrAdaBoost lowers the weight of
an old row that disagrees with the new ones. With many new rows the old ones are not needed.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.ensemble import AdaBoostClassifier
from sklearn.tree import DecisionTreeClassifier

from sktransfer import TrAdaBoostClassifier, pack_domains


def draw(n_rows, boundary, rng):
    """Rows in a square, labelled by the side of a diagonal boundary they lie on."""
    X = rng.uniform(size=(n_rows, 2))
    return X, (X[:, 0] + X[:, 1] > boundary).astype(int)


# %%
# Accuracy on new rows, for 4 to 128 labelled rows of this year and 300 of last year.

counts = [4, 8, 16, 32, 64, 128]
names = ["this year alone", "both years as one", "TrAdaBoost"]
accuracy = {name: [] for name in names}
tree = DecisionTreeClassifier(max_depth=3)
for n_new in counts:
    runs = {name: [] for name in names}
    for seed in range(8):
        rng = np.random.default_rng(seed)
        old, new, test = draw(300, 1.0, rng), draw(n_new, 0.8, rng), draw(1000, 0.8, rng)
        X, y, sample_domain = pack_domains({"last year": old}, target=new)
        boosted = AdaBoostClassifier(tree, n_estimators=20, random_state=seed)
        transfer = TrAdaBoostClassifier(tree, n_estimators=20, random_state=seed)
        runs["this year alone"].append(boosted.fit(*new).score(*test))
        runs["both years as one"].append(boosted.fit(X, y).score(*test))
        runs["TrAdaBoost"].append(transfer.fit(X, y, sample_domain=sample_domain).score(*test))
    for name in names:
        accuracy[name].append(np.mean(runs[name]))

# %%
# Beyond the point at which the curves cross, transfer no longer helps.

figure, axes = plt.subplots(figsize=(7, 4.2), layout="constrained")
for name, style in zip(names, ["--", ":", "-"]):
    axes.plot(counts, accuracy[name], style, marker="o", label=name)
axes.set_xscale("log", base=2)
axes.set_xticks(counts, [str(count) for count in counts])
axes.set_xlabel("labelled rows of this year")
axes.set_ylabel("accuracy on this year's rows")
axes.legend(frameon=False)
plt.show()
