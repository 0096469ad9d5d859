"""
Can a network adapt to handwriting?
===================================

A small network learns printed digits, which have labels, and is to read handwritten ones, which
have none. Adaptation makes its features of both alike, while it learns.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from sktransfer import AdaptedNetworkClassifier
from sktransfer.datasets import load_printed_digits

X_source, y_source = load_printed_digits(return_X_y=True)
X_target, y_target = load_digits(return_X_y=True)
X = np.concatenate([X_source, X_target[:900]])
y = np.concatenate([y_source, np.full(900, np.nan)])
sample_domain = np.repeat(["printed", "target"], [len(X_source), 900])

# %%
# The same network, seed and steps each time; None is the network of the printed digits alone.

scores = {}
for adaptation in (None, "jan", "mcc"):
    model = AdaptedNetworkClassifier(
        "mlp",
        adaptation=adaptation,
        hidden_layer_sizes=(64,),
        max_epochs=15,
        backbone_learning_rate=1e-3,
        batch_size=64,
        random_state=0,
    )
    model.fit(X, y, sample_domain=sample_domain)
    scores[str(adaptation)] = model.score(X_target[900:], y_target[900:])

# %%
# Accuracy on handwritten digits that no fit has seen.

figure, axes = plt.subplots(figsize=(5.4, 3.2), layout="constrained")
bars = axes.bar(list(scores), list(scores.values()), color=["0.6", "C0", "C1"])
axes.bar_label(bars, fmt="%.2f")
axes.set_xlabel("adaptation")
axes.set_ylabel("accuracy")
axes.set_ylim(0, 1)
plt.show()
