"""
Which aligner corrects which shift?
===================================

Two classes in the plane move in seven ways, and each aligner is fitted to each shift. The number is
the accuracy of a nearest-neighbor classifier of the source rows on the target rows. No aligner
corrects all shifts, and most of them lose accuracy on one. The last shift is another rule, which no
map of the features corrects: a gain there is chance. Geodesic flow, TCA and JDA leave directions
out. They gain little here, because the plane has only two.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.neighbors import KNeighborsClassifier

from sktransfer import (
    CORALAligner,
    GeodesicFlowAligner,
    JointDistributionAligner,
    MomentAligner,
    OptimalTransportAligner,
    SubspaceAligner,
    TransferComponentAligner,
    pack_domains,
)

# %%
# Two parallel clouds. The target is moved, has other class proportions, or has another rule.


def draw(n, rng, *, share=0.5):
    """Two long clouds side by side, with their classes; `share` of the rows are of class 1."""
    y = (np.arange(n) < share * n).astype(int)
    X = rng.normal(size=(n, 2)) * [1.6, 0.35]
    X[:, 1] += np.where(y == 1, 0.8, -0.8)
    return X, y


def turn(degrees):
    """Give the matrix that turns rows."""
    angle = np.deg2rad(degrees)
    return np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])


rng = np.random.default_rng(0)
X_source, y_source = draw(200, rng)
X_same, y_same = draw(200, rng)
X_few, y_few = draw(200, rng, share=0.1)
bent = X_same + np.column_stack([np.zeros(200), 0.5 * X_same[:, 0] ** 2])
targets = {
    "offset": (X_same + [1.0, 1.6], y_same),
    "units": (X_same * [0.5, 2.5], y_same),
    "crosstalk": (X_same @ np.array([[1.0, 0.9], [0.2, 1.1]]), y_same),
    "turned": (X_same @ turn(35), y_same),
    "bent": (bent, y_same),
    "offset, other shares": (X_few + [0.0, 1.0], y_few),
    "other rule": (X_same, (X_same[:, 0] > 0).astype(int)),
}
aligners = {
    "none": None,
    "moments": MomentAligner(),
    "CORAL": CORALAligner(ridge=1e-3),
    "subspace": SubspaceAligner(n_components=2),
    "geodesic flow": GeodesicFlowAligner(n_components=1),
    "TCA": TransferComponentAligner(n_components=1),
    "JDA": JointDistributionAligner(n_components=2),
    "transport": OptimalTransportAligner(),
}

# %%
# Each row is a shift, each column an aligner. The color of a source row is its class. Target rows
# are gray.

colors = np.array(["#2b6cb0", "#c05621"])
figure, panels = plt.subplots(
    len(targets), len(aligners), figsize=(16, 14), layout="constrained", squeeze=False
)
for row, (shift, (X_target, y_target)) in zip(panels, targets.items()):
    X, y, sample_domain = pack_domains({"source": (X_source, y_source)}, target=X_target)
    is_target = sample_domain == "target"
    scores = []
    for panel, aligner in zip(row, aligners.values()):
        mapped = X
        if aligner is not None:
            mapped = aligner.fit_transform(X, y, sample_domain=sample_domain)
        model = KNeighborsClassifier().fit(mapped[~is_target], y_source)
        scores.append(model.score(mapped[is_target], y_target))
        if mapped.shape[1] == 1:  # a second axis by chance, to see the rows
            mapped = np.column_stack([mapped, np.where(is_target, 0.0, 1.0) + rng.random(len(X))])
        panel.scatter(*mapped[is_target].T, s=6, color="0.75")
        panel.scatter(*mapped[~is_target].T, s=6, c=colors[y_source], marker="^")
        panel.set_xticks([])
        panel.set_yticks([])
    for panel, name, score in zip(row, aligners, scores):
        gain = score - scores[0]
        color = "tab:green" if gain > 0.02 else "tab:red" if gain < -0.02 else "0.2"
        panel.set_title(f"{name}: {score:.2f}", color=color)
    row[0].set_ylabel(shift)
figure.suptitle("green: better than no aligner, red: worse")
plt.show()
