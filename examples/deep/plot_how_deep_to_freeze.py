"""
How deep should the network be frozen?
======================================

A pretrained network can stay as it is, or be trained from some stage on, or as a whole. More
training costs more time. Whether it gains accuracy depends on the number of labels, and on how much
the images differ from those that the network was trained on.

:class:`~sktransfer.FreezeDepthDisplay` answers this for your own images: it cross-validates each
depth and plots score and cost. The images here are 100 handwritten digits. The network was trained
on print only.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import StratifiedKFold

from sktransfer import FineTuneClassifier, FreezeDepthDisplay

X, y = load_digits(return_X_y=True)
rng = np.random.default_rng(0)
rows = np.concatenate(
    [rng.choice(np.flatnonzero(y == digit), 10, replace=False) for digit in range(10)]
)

# The first training in a process also imports torch, which is not a cost of any depth.
FineTuneClassifier(freeze_depth=3, max_epochs=1, cache=None).fit(X[rows], y[rows])

# %%
# Every image runs through the frozen stages once: all folds and depths share the activations that
# the first of them computed.

display = FreezeDepthDisplay.from_estimator(
    FineTuneClassifier(max_epochs=3, random_state=0),
    X[rows],
    y[rows],
    freeze_depths=[1, 2, 3, "all"],
    cv=StratifiedKFold(3, shuffle=True, random_state=0),
)
display.ax_.set_title("100 handwritten digits, network trained on print")
plt.show()

# %%
# If the bands overlap, the depths cannot be distinguished, and the deepest freeze is the cheapest
# network that is as good. The images that were not used confirm or refute the choice:

test = np.setdiff1d(np.arange(len(y)), rows)[:300]
scores = dict(zip(display.freeze_depths, display.test_scores.mean(axis=1), strict=True))
chosen = max(scores, key=lambda depth: (round(scores[depth], 2), str(depth)))
model = FineTuneClassifier(freeze_depth=chosen, max_epochs=3, random_state=0).fit(X[rows], y[rows])
print(f"freeze_depth={chosen!r}: {model.score(X[test], y[test]):.3f} on digits not used")
