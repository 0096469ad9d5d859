"""
What does augmentation gain?
============================

If images are few, copies that are slightly rotated and shifted replace further images. They help if
the copies look like new images. Digits are written a little slanted, but never upside down.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from sktransfer import FineTuneClassifier

digits = load_digits()
X, y = digits.images, digits.target
test = np.random.default_rng(0).choice(len(y), 500, replace=False)
pool = np.setdiff1d(np.arange(len(y)), test)

# %%
# Three ways to change an image. The last one is a mistake: an upside-down 6 is a 9.

none = None
slight = {"rotation": 15, "shift": 0.1, "zoom": 0.1}
upside_down = slight | {"horizontal_flip": True, "vertical_flip": True}
candidates = {"as they are": none, "slight changes": slight, "and mirrored": upside_down}

# %%
# A head on the frozen features of the network that ships with the package, trained on each image
# and, with augmentation, four views of it. The views are computed once and cached.

counts = [1, 2, 5, 10]
figure, axes = plt.subplots(figsize=(6.4, 4.2), layout="constrained")
for color, (name, augment) in zip(("0.5", "C0", "C3"), candidates.items(), strict=True):
    means = []
    for count in counts:
        scores = []
        for seed in range(5):
            rng = np.random.default_rng(seed)
            rows = [rng.choice(pool[y[pool] == digit], count, replace=False) for digit in range(10)]
            rows = np.concatenate(rows)
            model = FineTuneClassifier(augment=augment, weight_decay=0.05, random_state=seed)
            scores.append(model.fit(X[rows], y[rows]).score(X[test], y[test]))
        means.append(np.mean(scores))
    axes.plot(counts, means, marker="o", color=color, label=name)
axes.set_xscale("log")
axes.set_xticks(counts, [str(count) for count in counts])
axes.minorticks_off()
axes.set_xlabel("labelled digits per class")
axes.set_ylabel("accuracy on 500 other digits")
axes.legend(frameon=False, title="training images")
plt.show()
