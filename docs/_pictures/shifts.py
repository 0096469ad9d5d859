"""Draw what a method does to two domains: the pictures of the guide.

Every picture is computed when the guide is built, from the data of this file, and its titles hold
the scores that came out.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression

from sktransfer import pack_domains

COLOURS = np.array(["#2b6cb0", "#c05621"])
GREY = "0.75"


def two_classes(n, *, seed, shares=(0.5, 0.5)):
    """Two long, parallel clouds in two dimensions, with their labels."""
    rng = np.random.default_rng(seed)
    y = (rng.random(n) < shares[1]).astype(int)
    X = rng.normal(size=(n, 2)) * [1.6, 0.35]
    X[:, 1] += np.where(y == 1, 0.8, -0.8)
    return X, y


def _turn(degrees):
    angle = np.deg2rad(degrees)
    return np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])


def _moved(map_rows):
    X_source, y_source = two_classes(300, seed=0)
    X_target, y_target = two_classes(300, seed=1)
    return X_source, y_source, map_rows(X_target), y_target


def _covariate():
    """The classes stay where they are, the rows are drawn elsewhere along a curved boundary."""
    rng = np.random.default_rng(3)

    def draw(n, centre):
        X = rng.normal(size=(n, 2)) * [0.9, 1.0] + [centre, 0.0]
        return X, (X[:, 1] > 1.2 * np.sin(X[:, 0])).astype(int)

    return *draw(300, -1.2), *draw(300, 1.2)


SHIFTS = {
    "units": lambda: _moved(lambda X: X * [0.5, 2.5] + [1.0, 2.0]),
    "crosstalk": lambda: _moved(lambda X: X @ np.array([[1.0, 0.9], [0.2, 1.1]]) + [0.5, 1.0]),
    "rotation": lambda: _moved(lambda X: X @ _turn(35)),
    "covariate": _covariate,
    "shares": lambda: (*two_classes(300, seed=0), *two_classes(300, seed=1, shares=(0.85, 0.15))),
}


def draw_alignment(aligner, *, shift, estimator=None):
    """Draw the two domains before and after an aligner, with the score of a source-only model.

    Parameters
    ----------
    aligner : transformer that takes ``sample_domain``
    shift : str
        A key of `SHIFTS`.
    estimator : classifier, default=None
        What is fitted on source rows; None is logistic regression.
    """
    X_source, y_source, X_target, y_target = SHIFTS[shift]()
    X, y, sample_domain = pack_domains({"source": (X_source, y_source)}, target=X_target)
    aligner = clone(aligner).fit(X, y, sample_domain=sample_domain)
    after = aligner.transform(X, sample_domain=sample_domain)
    is_target = sample_domain == "target"
    _, panels = plt.subplots(1, 2, figsize=(8.4, 3.4), layout="constrained")
    _draw_domains(panels[0], "before", X_source, y_source, X_target, y_target, estimator)
    _draw_domains(
        panels[1], "after", after[~is_target], y_source, after[is_target], y_target, estimator
    )


def _draw_domains(panel, title, X_source, y_source, X_target, y_target, estimator):
    model = clone(estimator or LogisticRegression()).fit(X_source, y_source)
    score = model.score(X_target, y_target)
    columns = [
        (X[:, 0], X[:, 1] if X.shape[1] > 1 else np.zeros(len(X))) for X in (X_target, X_source)
    ]
    for (x, y), labels, marker, name in zip(
        columns, (y_target, y_source), ("o", "^"), ("target", "source")
    ):
        colours = COLOURS[labels] if name == "source" else GREY
        panel.scatter(x, y, s=14, c=colours, marker=marker, label=name, linewidths=0)
    panel.set_title(f"{title}: {score:.2f} right on the target")
    panel.set_xticks([])
    panel.set_yticks([])
    panel.legend(loc="upper left", frameon=False)


def draw_weights(weighter, *, shift="covariate"):
    """Draw source rows as large as their weight, and the boundary with and without weights.

    Parameters
    ----------
    weighter : weighter of `sktransfer.instance`
    shift : str
        A key of `SHIFTS`.
    """
    X_source, y_source, X_target, y_target = SHIFTS[shift]()
    X, y, sample_domain = pack_domains({"source": (X_source, y_source)}, target=X_target)
    weighter = clone(weighter).fit(X, y, sample_domain=sample_domain)
    weights = weighter.weights_[sample_domain != "target"]
    _, panels = plt.subplots(1, 2, figsize=(8.4, 3.4), layout="constrained")
    for panel, name, weight in zip(panels, ("every row alike", "weighted"), (None, weights)):
        model = LogisticRegression().fit(X_source, y_source, sample_weight=weight)
        size = 14 if weight is None else 14 * weight
        panel.scatter(*X_target.T, s=14, color=GREY, linewidths=0, label="target")
        panel.scatter(
            *X_source.T, s=size, c=COLOURS[y_source], marker="^", linewidths=0, label="source"
        )
        _draw_boundary(panel, model)
        panel.set_title(f"{name}: {model.score(X_target, y_target):.2f} right on the target")
        panel.set_xticks([])
        panel.set_yticks([])


def _draw_boundary(panel, model):
    x_limits, y_limits = panel.get_xlim(), panel.get_ylim()
    x, y = np.meshgrid(np.linspace(*x_limits, 200), np.linspace(*y_limits, 200))
    score = model.decision_function(np.column_stack([x.ravel(), y.ravel()])).reshape(x.shape)
    panel.contour(x, y, score, levels=[0], colors="k", linewidths=1)
    panel.set(xlim=x_limits, ylim=y_limits)
