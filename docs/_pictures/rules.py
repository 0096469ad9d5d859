"""Draw the result of a method if the rule itself differs: several sources, numbers, copies.

As in `shifts`, every picture is computed when the guide is built, and its titles hold the scores
that came out.
"""

from inspect import signature

import matplotlib.pyplot as plt
import numpy as np
from shifts import COLOURS, GREY, _draw_regions
from sklearn.base import clone

from sktransfer import pack_domains

MARKERS = ("^", "s", "v")


def _labels(X, rule):
    return (rule(X) > 0).astype(int)


def _signs(X):
    return X[:, 0] * X[:, 1]


def _diagonal(X):
    return X[:, 0] + X[:, 1]


# The rule of each source and of the target: the label is 1 if it is positive.
RULES = {
    "one contrary": {
        "near": lambda X: X[:, 0] + X[:, 1] - 0.4,
        "contrary": lambda X: -X[:, 0] - X[:, 1],
        "target": _diagonal,
    },
    "two alike": {
        "across": lambda X: X[:, 0],
        "up": lambda X: X[:, 1],
        "target": _diagonal,
    },
    "no combination": {
        "across": lambda X: X[:, 0],
        "up": lambda X: X[:, 1],
        "target": _signs,
    },
    "one sign": {
        "source": lambda X: X[:, 0] + X[:, 1],
        "target": lambda X: X[:, 0] - 0.5 * X[:, 1],
    },
    "same": {"source": _diagonal, "target": _diagonal},
    "contrary": {"source": lambda X: X[:, 1] - X[:, 0], "target": _diagonal},
}


def draw_rules(models, *, rules, n_labelled=12, n_source=200, seed=2):
    """Draw models of sources and of a few labelled target rows.

    Parameters
    ----------
    models : dict of str to classifier
        Those that take ``sample_domain`` get it. A name ending in "alone" sees target rows only.
    rules : str
        A key of `RULES`.
    n_labelled : int, default=12
        How many labelled target rows there are.
    n_source : int, default=200
        How many rows each source has.
    seed : int, default=2
        Draws the rows.
    """
    rng = np.random.default_rng(seed)
    sources = {}
    for name, rule in RULES[rules].items():
        X = rng.normal(size=(1000 if name == "target" else n_source, 2))
        sources[name] = X, _labels(X, rule)
    X_target, y_target = sources.pop("target")
    few, rest = slice(n_labelled), slice(n_labelled, None)
    X, y, sample_domain = pack_domains(sources, target=(X_target[few], y_target[few]))
    _, panels = plt.subplots(
        1, len(models), figsize=(3.5 * len(models), 3.4), layout="constrained", squeeze=False
    )
    for panel, (name, model) in zip(panels[0], models.items()):
        fitted = _fitted(name, model, (X, y, sample_domain), (X_target[few], y_target[few]))
        for marker, (X_source, y_source) in zip(MARKERS, sources.values()):
            panel.scatter(
                *X_source.T, s=8, c=COLOURS[y_source], marker=marker, linewidths=0, alpha=0.4
            )
        panel.scatter(*X_target[few].T, s=40, c=COLOURS[y_target[few]], edgecolors="k")
        _draw_regions(panel, fitted)
        panel.set_title(f"{name}: {fitted.score(X_target[rest], y_target[rest]):.2f} right")
        panel.set_xticks([])
        panel.set_yticks([])


def _curve(X):
    return np.sin(14 * X[:, 0])


def _two_rules(rng):
    """Three of four source rows follow the target's curve, the others lie far above it."""
    X = rng.uniform(size=(160, 1))
    y = _curve(X) + np.where(np.arange(160) % 4, 0.0, 2.5)
    return X, y + 0.1 * rng.normal(size=160)


def _wild(rng):
    """Source rows of the target's curve, one of which is far off."""
    X, _ = _two_rules(rng)
    y = _curve(X) + 0.1 * rng.normal(size=160)
    y[0] = 60.0
    return X, y


def _opposed(rng):
    """No source row follows the target's curve."""
    X, _ = _two_rules(rng)
    return X, 3 - _curve(X) + 0.1 * rng.normal(size=160)


def _nearly(rng):
    """Every source row follows nearly the target's curve."""
    X, _ = _two_rules(rng)
    return X, 0.8 * _curve(X) + 0.4 + 0.1 * rng.normal(size=160)


CURVES = {"nearly": _nearly, "two rules": _two_rules, "one wild row": _wild, "opposed": _opposed}


def draw_curves(models, *, source, n_labelled=10, seed=1):
    """Draw the curves that regressors fit to a source and to a few target rows.

    Parameters
    ----------
    models : dict of str to regressor
        As in `draw_rules`.
    source : str
        A key of `CURVES`.
    n_labelled : int, default=10
        How many labelled target rows there are.
    seed : int, default=1
        Draws the rows.
    """
    rng = np.random.default_rng(seed)
    X_source, y_source = CURVES[source](rng)
    X_target = np.sort(rng.uniform(size=(n_labelled, 1)), axis=0)
    y_target = _curve(X_target) + 0.1 * rng.normal(size=n_labelled)
    target = X_target, y_target
    X, y, sample_domain = pack_domains({"source": (X_source, y_source)}, target=target)
    grid = np.linspace(0, 1, 400)[:, None]
    _, panels = plt.subplots(
        1, len(models), figsize=(3.5 * len(models), 3.2), layout="constrained", squeeze=False
    )
    for panel, (name, model) in zip(panels[0], models.items()):
        fitted = _fitted(name, model, (X, y, sample_domain), target)
        answer = fitted.predict(grid)
        panel.scatter(X_source, y_source, s=8, c=GREY, marker="^", linewidths=0)
        panel.scatter(X_target, y_target, s=30, c=COLOURS[1], edgecolors="k")
        panel.plot(grid, answer, color=COLOURS[0])
        panel.plot(grid, _curve(grid), "k:", linewidth=1)
        error = np.sqrt(np.mean((answer - _curve(grid)) ** 2))
        panel.set_title(f"{name}: off by {error:.2f}")
        panel.set(ylim=(-2.0, 4.5), xticks=[], yticks=[])


def _fitted(name, model, packed, target):
    """Fit a clone on the target alone, on all rows alike, or on all with their domains."""
    X, y, sample_domain = packed
    if name.endswith("alone"):
        return clone(model).fit(*target)
    if "sample_domain" in signature(model.fit).parameters:
        return clone(model).fit(X, y, sample_domain=sample_domain)
    return clone(model).fit(X, y)
