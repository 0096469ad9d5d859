"""
Can a network follow a rotation?
================================

Two moons have labels. The same moons, turned by 35 degrees, have none. A network that learns the
first ones alone keeps their border. An adapted one makes the features of both alike, and its border
turns with the rows.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_moons

from sktransfer import AdaptedNetworkClassifier
from sktransfer.deep import DANN

X_source, y_source = make_moons(300, noise=0.05, random_state=0)
X_target, y_target = make_moons(300, noise=0.05, random_state=1)
angle = np.radians(35)
turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
center = X_source.mean(axis=0)
X_source, X_target = 2 * (X_source - center), 2 * (X_target - center) @ turn

X = np.concatenate([X_source, X_target])
y = np.concatenate([y_source, np.full(300, np.nan)])
sample_domain = np.repeat(["before", "target"], 300)

# %%
# The same network, seed and steps. DANN makes the features such that a discriminator, here a linear
# one, cannot tell the domains apart. Sigmoid units bound them: larger features are no escape.

models = {}
for name, adaptation in {"no adaptation": None, "DANN": DANN((), rate=3.0)}.items():
    model = AdaptedNetworkClassifier(
        "mlp",
        adaptation=adaptation,
        strength=6.0,
        hidden_layer_sizes=(15,),
        activation="logistic",
        preprocessing=(0, 1),
        max_epochs=200,
        learning_rate=3e-2,
        backbone_learning_rate=3e-2,
        random_state=0,
    )
    models[name] = model.fit(X, y, sample_domain=sample_domain)

# %%
# The border of each network, and the target rows in the colors of their true classes. The rows of
# the source are gray.

grid = np.stack(np.meshgrid(np.linspace(-4, 4, 200), np.linspace(-3, 3, 150)), axis=-1)
figure, axes = plt.subplots(1, 2, figsize=(8, 3.6), layout="constrained", sharey=True)
for ax, (name, model) in zip(axes, models.items(), strict=True):
    probability = model.predict_proba(grid.reshape(-1, 2))[:, 1].reshape(grid.shape[:2])
    ax.contourf(*np.moveaxis(grid, 2, 0), probability, levels=[0, 0.5, 1], alpha=0.25, cmap="bwr")
    ax.scatter(*X_source.T, s=6, color="0.7")
    ax.scatter(*X_target.T, s=8, c=y_target, cmap="bwr")
    ax.set_title(f"{name}: {model.score(X_target, y_target):.0%} of the target rows")
    ax.set_aspect("equal")
plt.show()
