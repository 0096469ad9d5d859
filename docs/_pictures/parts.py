"""Draw the results of the encoders: words of the same meaning, and parts of rows.

As in `shifts`, every picture is computed when the guide is built, and its titles hold the scores
that came out.
"""

import matplotlib.pyplot as plt
import numpy as np
from shifts import COLOURS, GREY, _draw_regions
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

from sktransfer import pack_domains

WORDS = [
    *("good", "fine", "best", "bad", "poor", "worst"),  # in both domains
    *("gripping", "vivid", "witty", "dull", "flat", "tedious"),  # of books
    *("sturdy", "sharp", "handy", "leaky", "rusty", "brittle"),  # of kitchenware
    *("with", "very", "box", "gift", "bought", "again"),  # of no class
]
PIVOTS = range(6)
PRAISE = {0, 1, 2, 6, 7, 8, 12, 13, 14}


def _reviews(n, own, *, rng):
    """Reviews in which words of the class are frequent; those of the other domain do not occur."""
    y = np.arange(n) % 2
    chance = np.full((n, len(WORDS)), 0.3)
    for first, often in ((0, 0.25), (6, 0.5), (12, 0.5)):
        praise = np.where(y == 1, often, 0.05)[:, None]
        blame = np.where(y == 0, often, 0.05)[:, None]
        seen = first == 0 or first == own
        chance[:, first : first + 3] = seen * praise
        chance[:, first + 3 : first + 6] = seen * blame
    return (rng.random(chance.shape) < chance).astype(float), y


def draw_words(encoder, draw):
    """Draw by `draw(encoder, panel)`, with the scores of a source-only model before and after.

    Parameters
    ----------
    encoder : transformer that takes ``sample_domain``
    draw : function
        `restored` or `directions`, below.
    """
    rng = np.random.default_rng(0)
    books, kitchen = _reviews(400, 6, rng=rng), _reviews(400, 12, rng=rng)
    X, y, sample_domain = pack_domains({"books": books}, target=kitchen[0])
    encoder = clone(encoder).fit(X, y, sample_domain=sample_domain)
    is_target = sample_domain == "target"
    scores = []
    for rows in (X, encoder.transform(X, sample_domain=sample_domain)):
        model = LogisticRegression().fit(rows[~is_target], books[1])
        scores.append(model.score(rows[is_target], kitchen[1]))
    _, panel = plt.subplots(figsize=(6.4, 5.2), layout="constrained")
    draw(encoder, panel)
    panel.set_title(
        f"books to kitchenware: {scores[0]:.2f} right with words, {scores[1]:.2f} encoded"
    )


def restored(encoder, panel):
    """Draw how much of each word the first layer restores from each other word."""
    coef = encoder.coefs_[0].copy()
    np.fill_diagonal(coef, np.nan)
    limit = np.nanmax(np.abs(coef))
    image = panel.imshow(coef, cmap="RdBu_r", vmin=-limit, vmax=limit)
    panel.set_xticks(range(len(WORDS)), WORDS, rotation=90, fontsize=8)
    panel.set_yticks(range(len(WORDS)), WORDS, fontsize=8)
    panel.set(xlabel="raises or lowers", ylabel="this word")
    panel.figure.colorbar(image)


def directions(encoder, panel):
    """Draw each word that is no pivot along the first two directions."""
    for word, (x, y) in enumerate(encoder.components_[:, :2]):
        if word in encoder.pivots_:
            continue
        colour = GREY if word >= 18 else COLOURS[int(word in PRAISE)]
        panel.scatter(
            x, y, s=40, color=colour, marker="s" if word < 6 else "^" if word < 12 else "o"
        )
        panel.annotate(WORDS[word], (x, y), xytext=(4, 3), textcoords="offset points", fontsize=8)
    panel.set(xlabel="first direction", ylabel="second direction")


def _rays(n, *, rng):
    """Rows along five rays from the origin, of two classes."""
    ray = rng.integers(5, size=n)
    angle = 2 * np.pi * ray / 5
    length = rng.uniform(0.6, 2.2, size=n)
    X = length[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])
    return X + 0.12 * rng.normal(size=(n, 2)), np.isin(ray, (0, 2)).astype(int)


def draw_atoms(encoder, *, n_labelled=15, seed=0):
    """Draw the atoms of unlabelled source rows, and a model of the activations from few labels.

    Parameters
    ----------
    encoder : transformer that takes ``sample_domain``
        With the attributes ``components_`` and ``mean_``.
    n_labelled : int, default=15
        How many labelled target rows there are.
    seed : int, default=0
        Draws the rows.
    """
    rng = np.random.default_rng(seed)
    X_source, (X_target, y_target) = _rays(300, rng=rng)[0], _rays(1000, rng=rng)
    few, rest = slice(n_labelled), slice(n_labelled, None)
    X, _, sample_domain = pack_domains({"source": X_source}, target=X_target[few])
    encoder = clone(encoder).fit(X, sample_domain=sample_domain)
    models = {
        "rows, linear": LogisticRegression(C=10),
        "rows, nearest neighbour": KNeighborsClassifier(1),
        "activations, linear": make_pipeline(encoder, LogisticRegression(C=10)),
    }
    _, panels = plt.subplots(1, 3, figsize=(10.4, 3.4), layout="constrained")
    for panel, (name, model) in zip(panels, models.items()):
        if name.startswith("rows"):
            model.fit(X_target[few], y_target[few])
        else:
            model[-1].fit(encoder.transform(X_target[few]), y_target[few])
        panel.scatter(*X_source.T, s=8, c=GREY, marker="^", linewidths=0)
        panel.scatter(*X_target[few].T, s=40, c=COLOURS[y_target[few]], edgecolors="k")
        _draw_regions(panel, model)
        if not name.startswith("rows"):
            _draw_arrows(panel, encoder)
        panel.set_title(f"{name}: {model.score(X_target[rest], y_target[rest]):.2f} right")
        panel.set_xticks([])
        panel.set_yticks([])


def _draw_arrows(panel, encoder):
    for atom in encoder.components_:
        panel.annotate(
            "",
            encoder.mean_ + 1.6 * atom,
            xytext=encoder.mean_,
            arrowprops={"arrowstyle": "->", "linewidth": 1.5},
        )
