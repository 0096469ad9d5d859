"""
Where does transport send each row?
===================================

Three maps move the source rows to the target. The exact plan sends each row to one target row, the
entropic plan to the mean of several, and the linear map moves all rows by one matrix. A plan that
averages over more rows contracts the moved rows more.
"""

from importlib.util import find_spec

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_moons
from sklearn.neighbors import KNeighborsClassifier

from sktransfer import OptimalTransportAligner, pack_domains

# %%
# Two moons; the target is bent and moved.

X_source, y_source = make_moons(80, noise=0.06, random_state=0)
X_clean, y_target = make_moons(80, noise=0.06, random_state=1)
X_target = X_clean + np.column_stack([0.6 * np.sin(2 * X_clean[:, 1]), 0.3 * X_clean[:, 0] ** 2])
X_target = X_target + [0.3, 0.4]
X, y, sample_domain = pack_domains({"lab": (X_source, y_source)}, target=X_target)

maps = {
    "entropic, 0.01": OptimalTransportAligner(regularization=0.01, max_iter=5000),
    "entropic, 0.5": OptimalTransportAligner(regularization=0.5),
    "linear": OptimalTransportAligner(method="linear"),
}
if find_spec("ot"):  # the exact plan is computed by POT
    maps = {"exact": OptimalTransportAligner(method="exact")} | maps

# %%
# A line from each source row to its new place. The number is the accuracy of the nearest neighbors
# among the moved source rows on target rows.

colors = np.array(["#2b6cb0", "#c05621"])
figure, panels = plt.subplots(
    1,
    1 + len(maps),
    figsize=(3.3 * (1 + len(maps)), 3.6),
    sharex=True,
    sharey=True,
    layout="constrained",
)
for panel, (name, aligner) in zip(panels, ({"as it is": None} | maps).items()):
    moved = X_source
    if aligner is not None:
        aligner.fit(X, y, sample_domain=sample_domain)
        moved = aligner.transform(X_source, sample_domain=np.repeat("lab", len(X_source)))
        for start, end in zip(X_source, moved):
            panel.plot(*zip(start, end), color="0.85", linewidth=0.6, zorder=0)
    panel.scatter(*X_target.T, s=10, color="0.6")
    panel.scatter(*moved.T, s=12, c=colors[y_source], marker="^")
    score = KNeighborsClassifier(3).fit(moved, y_source).score(X_target, y_target)
    panel.set_title(f"{name}: {score:.2f}")
figure.suptitle("source rows (triangles) moved to the target (gray)")
plt.show()
