"""
Do the strokes of print describe handwriting?
=============================================

Self-taught learning finds the parts that unlabelled rows are made of: here strokes of printed
digits. Handwritten digits are then described by these strokes, and a linear model is fitted with
few labels. Here it is a loss: the pixels of such small pictures serve a linear model better than
the strokes do.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from sktransfer import SelfTaughtEncoder, pack_domains
from sktransfer.datasets import load_printed_digits

# %%
# The atoms of 300 printed digits, whose labels are not read.

rng = np.random.default_rng(0)
X_printed = load_printed_digits().data
X_printed = X_printed[rng.choice(len(X_printed), 300, replace=False)]
X_hand, y_hand = load_digits(return_X_y=True)
X, _, sample_domain = pack_domains({"printed": X_printed}, target=X_hand)
encoder = SelfTaughtEncoder(64, max_iter=10, random_state=0).fit(X, sample_domain=sample_domain)
codes = encoder.transform(X_hand)

# %%
# Both kinds of features, brought to the same length, with 1 to 20 labels a class.

counts = [1, 2, 5, 10, 20]
features = {"pixels": X_hand - X_hand.mean(axis=0), "strokes": codes}
accuracy = {name: np.zeros(len(counts)) for name in features}
n_draws = 3
for name, rows in features.items():
    rows = 3 * rows / np.sqrt((rows**2).sum(axis=1).mean())
    for place, count in enumerate(counts):
        for seed in range(n_draws):
            rng = np.random.default_rng(seed)
            train = np.concatenate(
                [rng.choice(np.flatnonzero(y_hand == c), count, replace=False) for c in range(10)]
            )
            test = np.setdiff1d(np.arange(len(y_hand)), train)
            model = LogisticRegression().fit(rows[train], y_hand[train])
            accuracy[name][place] += model.score(rows[test], y_hand[test]) / n_draws

# %%
# The strokes, one digit as the sum of its strongest ones, and the scores.

figure = plt.figure(figsize=(12, 4.2), layout="constrained")
left, middle, right = figure.subfigures(1, 3, width_ratios=[1, 0.45, 1.1])
for panel, atom in zip(left.subplots(8, 8).ravel(), encoder.components_):
    panel.imshow(atom.reshape(8, 8), cmap="RdBu_r", vmin=-0.5, vmax=0.5)
    panel.axis("off")
left.suptitle("strokes of print")
rebuilt = codes[:4] @ encoder.components_ * encoder.scale_ + encoder.mean_
for panels, digit, sum_of_atoms in zip(middle.subplots(4, 2), X_hand, rebuilt):
    for panel, image in zip(panels, (digit, sum_of_atoms)):
        panel.imshow(image.reshape(8, 8), cmap="gray_r", vmin=0, vmax=16)
        panel.axis("off")
middle.suptitle("a digit, and its strokes")
axes = right.subplots()
for name, values in accuracy.items():
    axes.plot(counts, values, marker="o", label=name)
axes.set_xscale("log")
axes.set_xticks(counts, [str(count) for count in counts])
axes.minorticks_off()
axes.set_xlabel("labelled handwritten digits per class")
axes.set_ylabel("share of other digits right")
axes.legend(frameon=False)
plt.show()
