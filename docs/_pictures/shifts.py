"""Draw the effect of a method on two domains: the pictures of the guide.

Every picture is computed when the guide is built, from the data of this file, and its titles hold
the scores that came out.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.base import clone
from sklearn.datasets import make_moons
from sklearn.decomposition import PCA
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
    """The classes stay in place; the rows are drawn elsewhere along a curved boundary."""
    rng = np.random.default_rng(3)

    def draw(n, centre):
        X = rng.normal(size=(n, 2)) * [0.9, 1.0] + [centre, 0.0]
        return X, (X[:, 1] > 1.2 * np.sin(X[:, 0])).astype(int)

    return *draw(300, -1.2), *draw(300, 1.2)


def _shares():
    """The same classes, overlapping, in other proportions."""
    rng = np.random.default_rng(4)

    def draw(n, share):
        y = (rng.random(n) < share).astype(int)
        return rng.normal(size=(n, 2)) * 0.9 + np.where(y == 1, 0.8, -0.8)[:, None], y

    return *draw(300, 0.5), *draw(300, 0.1)


def _nuisance():
    """Six features, two of which hold the classes; one of these is offset in the target."""
    rng = np.random.default_rng(5)

    def draw(n, offset):
        y = rng.integers(2, size=n)
        sign = np.where(y == 1, 1.0, -1.0)
        X = rng.normal(size=(n, 6))
        X[:, 0] = 1.5 * sign + rng.normal(size=n)
        X[:, 1] = 1.5 * sign + rng.normal(size=n) + offset
        return X, y

    return *draw(300, 0.0), *draw(300, 6.0)


def _tilted():
    """Ten features; the two main directions of the target are those of the source, tilted."""
    rng = np.random.default_rng(6)
    axes = np.linalg.qr(rng.normal(size=(10, 4)))[0]
    angle = np.deg2rad(60)
    plane = {0: axes[:, :2], 1: np.cos(angle) * axes[:, :2] + np.sin(angle) * axes[:, 2:]}

    def draw(n, which):
        X, y = two_classes(n, seed=which)
        return (X * [1.2, 2.5]) @ plane[which].T + 0.3 * rng.normal(size=(n, 10)), y

    return *draw(300, 0), *draw(300, 1)


def _faint():
    """Six features; the classes vary least, and one of their two features is offset."""
    rng = np.random.default_rng(8)

    def draw(n, offset):
        y = np.arange(n) % 2
        X = rng.normal(size=(n, 6)) * [1.0, 1.0, 1.0, 2.0, 2.0, 2.0]
        X[:, :2] = np.where(y == 1, 0.6, -0.6)[:, None] + 0.25 * rng.normal(size=(n, 2))
        X[:, 1] += offset
        return X, y

    return *draw(300, 0.0), *draw(300, 3.0)


def _class_by_class(seed=0):
    """Four features; the second separates the classes too, with the opposite sign in the target."""
    rng = np.random.default_rng(seed)

    def draw(n, direction):
        y = np.arange(n) % 2
        sign = np.where(y == 1, 1.0, -1.0)
        X = rng.normal(size=(n, 4))
        X[:, 0] += 3.0 * sign
        X[:, 1] += 2.0 * direction * sign
        return X, y

    return *draw(300, 1.0), *draw(300, -1.0)


def _moons():
    """Two moons and the same, turned: no linear map of the whole fits, a row-wise one does."""
    X_source, y_source = make_moons(300, noise=0.08, random_state=0)
    X_target, y_target = make_moons(300, noise=0.08, random_state=1)
    centre = X_source.mean(axis=0)
    return X_source, y_source, (X_target - centre) @ _turn(40) + centre, y_target


SHIFTS = {
    "units": lambda: _moved(lambda X: X * [0.5, 2.5] + [1.0, 2.0]),
    "crosstalk": lambda: _moved(lambda X: X @ np.array([[1.0, 0.9], [0.2, 1.1]]) + [0.5, 1.0]),
    "rotation": lambda: _moved(lambda X: X @ _turn(35)),
    "covariate": _covariate,
    "shares": _shares,
    "nuisance": _nuisance,
    "tilted": _tilted,
    "moons": _moons,
    "faint": _faint,
    "class by class": _class_by_class,
}


def draw_alignment(aligner, *, shift, estimator=None):
    """Draw the two domains before and after an aligner, with the score of a source-only model.

    Parameters
    ----------
    aligner : transformer that takes ``sample_domain``, or dict of str to such
        Several are drawn side by side, under their names.
    shift : str
        A key of `SHIFTS`.
    estimator : classifier, default=None
        The model of the source rows; None is logistic regression.
    """
    X_source, y_source, X_target, y_target = SHIFTS[shift]()
    X, y, sample_domain = pack_domains({"source": (X_source, y_source)}, target=X_target)
    aligners = aligner if isinstance(aligner, dict) else {"after": aligner}
    n_panels = 1 + len(aligners)
    _, panels = plt.subplots(1, n_panels, figsize=(4.2 * n_panels, 3.4), layout="constrained")
    _draw_domains(panels[0], "before", X_source, y_source, X_target, y_target, estimator)
    is_target = sample_domain == "target"
    for panel, (name, each) in zip(panels[1:], aligners.items()):
        each = clone(each).fit(X, y, sample_domain=sample_domain)
        after = each.transform(X, sample_domain=sample_domain)
        _draw_domains(
            panel, name, after[~is_target], y_source, after[is_target], y_target, estimator
        )


def _draw_domains(panel, title, X_source, y_source, X_target, y_target, estimator):
    model = clone(estimator or LogisticRegression()).fit(X_source, y_source)
    score = model.score(X_target, y_target)
    if X_source.shape[1] > 2:
        plane = PCA(n_components=2).fit(np.concatenate([X_source, X_target]))
        X_source, X_target = plane.transform(X_source), plane.transform(X_target)
    panel.scatter(*X_target.T, s=14, c=GREY, linewidths=0, label="target")
    panel.scatter(*X_source.T, s=14, c=COLOURS[y_source], marker="^", linewidths=0, label="source")
    panel.set_title(f"{title}: {score:.2f} right on the target")
    panel.set_xticks([])
    panel.set_yticks([])
    panel.legend(loc="best", frameon=False, labelcolor="0.4")


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


def draw_boosting(model):
    """Draw a booster beside its base estimator, if half of the source follows another rule.

    Parameters
    ----------
    model : classifier that takes ``sample_domain``
        Its ``estimator`` is the learner that it is compared with, fitted on all rows alike.
    """
    rng = np.random.default_rng(7)
    X_source, X_target = rng.normal(size=(400, 2)), rng.normal(size=(500, 2))
    y_source, y_target = ((X[:, 0] + X[:, 1] > 0).astype(int) for X in (X_source, X_target))
    y_source[:200] = X_source[:200, 0] > X_source[:200, 1]  # the other rule
    few = np.arange(20)
    X, y, sample_domain = pack_domains(
        {"source": (X_source, y_source)}, target=(X_target[few], y_target[few])
    )
    boosted = clone(model).fit(X, y, sample_domain=sample_domain)
    plain = clone(model.estimator).fit(X, y)
    alone = clone(model.estimator).fit(X_target[few], y_target[few])
    _, panels = plt.subplots(1, 3, figsize=(10.4, 3.4), layout="constrained")
    rest = slice(len(few), None)
    for panel, name, fitted in zip(
        panels,
        ("20 target rows alone", "all rows alike", type(model).__name__),
        (alone, plain, boosted),
    ):
        score = fitted.score(X_target[rest], y_target[rest])
        panel.scatter(*X_source.T, s=8, c=COLOURS[y_source], marker="^", linewidths=0, alpha=0.4)
        panel.scatter(*X_target[few].T, s=40, c=COLOURS[y_target[few]], edgecolors="k")
        _draw_regions(panel, fitted)
        panel.set_title(f"{name}: {score:.2f} right")
        panel.set_xticks([])
        panel.set_yticks([])


def _draw_regions(panel, model):
    x_limits, y_limits = panel.get_xlim(), panel.get_ylim()
    x, y = np.meshgrid(np.linspace(*x_limits, 150), np.linspace(*y_limits, 150))
    label = model.predict(np.column_stack([x.ravel(), y.ravel()])).reshape(x.shape)
    panel.contourf(x, y, label, levels=[-0.5, 0.5, 1.5], colors=list(COLOURS), alpha=0.12)
    panel.set(xlim=x_limits, ylim=y_limits)


def _draw_boundary(panel, model):
    x_limits, y_limits = panel.get_xlim(), panel.get_ylim()
    x, y = np.meshgrid(np.linspace(*x_limits, 200), np.linspace(*y_limits, 200))
    score = model.decision_function(np.column_stack([x.ravel(), y.ravel()])).reshape(x.shape)
    panel.contour(x, y, score, levels=[0], colors="k", linewidths=1)
    panel.set(xlim=x_limits, ylim=y_limits)


def draw_scores(aligners, *, n_draws=20):
    """Draw the scores of a source-only model over many draws of the shift "class by class".

    Parameters
    ----------
    aligners : dict of str to transformer that takes ``sample_domain``
    n_draws : int, default=20
        How often the rows are drawn.
    """
    scores = {"none": []} | {name: [] for name in aligners}
    for seed in range(n_draws):
        X_source, y_source, X_target, y_target = _class_by_class(seed)
        X, y, sample_domain = pack_domains({"source": (X_source, y_source)}, target=X_target)
        is_target = sample_domain == "target"
        for name in scores:
            rows = X
            if name != "none":
                rows = clone(aligners[name]).fit_transform(X, y, sample_domain=sample_domain)
            model = LogisticRegression().fit(rows[~is_target], y_source)
            scores[name].append(model.score(rows[is_target], y_target))
    _, panel = plt.subplots(figsize=(6.4, 2.6), layout="constrained")
    for place, values in enumerate(scores.values()):
        panel.scatter(values, np.full(n_draws, place), s=24, color=COLOURS[0], alpha=0.5)
        panel.scatter(np.median(values), place, s=160, marker="|", color="k")
    panel.set_yticks(range(len(scores)), list(scores))
    panel.set(xlim=(-0.02, 1.02), ylim=(-0.5, len(scores) - 0.5))
    panel.set_xlabel("share right on the target, each draw a dot, the median a line")
    last = list(scores)[-1]
    better = np.sum(np.array(scores[last]) > np.array(scores["none"]))
    panel.set_title(f"{last} gains over none in {better} of {n_draws} draws")
