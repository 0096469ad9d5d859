"""Which stage of a pretrained network transfers, and with how many labels?

Early stages hold strokes and edges, which suit nearly every picture; late ones hold what the
network's own task needed. Each stage's features, averaged over the positions, go to one linear
model (standardised, C = 0.1, fixed before); beside it the same model on the pixels, and nearest
centroid on the pixels, the simplest thing that might work. Handwritten digits with the network that
ships with the package and has seen nothing but print; photographs of ants and bees with a
MobileNetV2 from ImageNet, where both are there.
"""

import time
from dataclasses import dataclass, field
from itertools import groupby

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import NearestCentroid
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks._data import DataError, load_hymenoptera
from benchmarks._runner import Table
from benchmarks._weights import find_mobilenet_v2
from benchmarks.few_labels import few_label_accuracy
from sktransfer import PretrainedFeatureExtractor

DIGIT_COUNTS = (1, 2, 3, 5, 10, 20)
PHOTO_COUNTS = (1, 3, 5, 10, 20, 50, 100)
GREY_SIDE = 32


@dataclass(frozen=True)
class StageTable(Table):
    """A table of accuracies by stage, which knows the numbers of labels of its columns."""

    counts: tuple = field(default=())


def stage_features(X, backbone):
    """Give the features of each stage in order: a dict name -> (n, n_features), and seconds.

    Nothing is cached: each stage costs the network up to it.
    """
    start = time.perf_counter()
    names = PretrainedFeatureExtractor(backbone, cache=None).fit(X).backbone_.stages
    features = {}
    for number, name in enumerate(names, start=1):
        extractor = PretrainedFeatureExtractor(backbone, stage=number, cache=None)
        features[spell_stage(number, name)] = extractor.fit_transform(X)
    return features, time.perf_counter() - start


def spell_stage(number, name):
    """Give "stage 5 (conv_1x1)", or "stage 4" where the name says no more than that."""
    inner = name.removeprefix("mobilenet_v2.")
    return f"stage {number}" if inner == f"stage{number}" else f"stage {number} ({inner})"


def linear_model():
    """Give the model that reads everything."""
    return make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=2000))


def few_of_train(estimator, X, y, n_labels, seeds, *, n_train):
    """Give accuracies on the fixed test rows, those after `n_train`, one for each draw."""
    test = slice(n_train, None)
    scores = []
    for seed in seeds:
        rng = np.random.default_rng(seed)
        rows = [
            rng.choice(np.flatnonzero(y[:n_train] == label), n_labels, replace=False)
            for label in np.unique(y)
        ]
        rows = np.concatenate(rows)
        scores.append(estimator.fit(X[rows], y[rows]).score(X[test], y[test]))
    return np.array(scores)


def tabulate(title, candidates, y, counts, seeds, *, score, notes):
    """Make the table: a row for each candidate, a column for each number of labels."""
    rows = []
    for name, (estimator, X) in candidates.items():
        scores = [score(estimator, X, y, n_labels, seeds) for n_labels in counts]
        means = [float(found.mean()) for found in scores]
        rows.append((name, *means, max(float(found.std()) for found in scores)))
        print(f"{name}: {np.round(means, 3)}", flush=True)
    best = [max(rows, key=lambda row: row[k])[0] for k in range(1, len(counts) + 1)]
    return StageTable(
        f"{title}: accuracy by labels per class, mean of {len(seeds)} draws",
        ("", *[f"{n} per class" for n in counts], "largest sd"),
        tuple(rows),
        notes=("Best: " + _spelt(counts, best) + ".", *notes),
        digits=3,
        counts=tuple(counts),
    )


def _spelt(counts, best):
    """Say which row is best with how many labels, equal neighbours together."""
    parts = []
    for name, group in groupby(zip(counts, best, strict=True), key=lambda pair: pair[1]):
        group = [count for count, _ in group]
        span = f"{group[0]}" if len(group) == 1 else f"{group[0]} to {group[-1]}"
        parts.append(f"{name} with {span}")
    return "; ".join(parts)


def _candidates(pixels, features):
    return {
        "pixels, nearest centroid": (make_pipeline(StandardScaler(), NearestCentroid()), pixels),
        "pixels, linear model": (linear_model(), pixels),
        **{name: (linear_model(), rows) for name, rows in features.items()},
    }


def on_digits(*, quick=False):
    """Make the table of scikit-learn's digits; the test are all rows that are not drawn."""
    X, y = load_digits(return_X_y=True)
    features, seconds = stage_features(X, "glyphs")
    return tabulate(
        "Handwritten digits, glyphs",
        _candidates(X, features),
        y,
        (1, 10) if quick else DIGIT_COUNTS,
        range(2 if quick else 10),
        score=few_label_accuracy,
        notes=(f"Features of all stages, one after the other: {seconds:.1f} seconds.",),
    )


def on_photographs(data_home, *, quick=False):
    """Make the table of ants and bees; the test are the 153 photographs set aside for it."""
    backbone = find_mobilenet_v2(data_home)
    parts = load_hymenoptera(data_home).values()
    step = 8 if quick else 1
    X, y = (np.concatenate([part[k][::step] for part in parts]) for k in range(2))
    n_train = len(next(iter(parts))[1][::step])
    features, seconds = stage_features(X, backbone)
    size = (GREY_SIDE, GREY_SIDE)
    grey = [Image.open(path).convert("L").resize(size, Image.Resampling.BOX) for path in X]
    pixels = np.stack([np.asarray(image, dtype=float).ravel() for image in grey])

    def score(*arguments):
        return few_of_train(*arguments, n_train=n_train)

    return tabulate(
        "Photographs of ants and bees, MobileNetV2",
        _candidates(pixels, features),
        y,
        (1, 10) if quick else PHOTO_COUNTS,
        range(2 if quick else 10),
        score=score,
        notes=(
            f"Pixels: grey thumbnails of {GREY_SIDE} x {GREY_SIDE}. Features of all stages, one "
            f"after the other, reading included: {seconds:.1f} seconds.",
            "The photographs come from ImageNet, which the network was trained on: what its last "
            "stages reach here shows that the weights work, and is no clean benchmark.",
        ),
    )


def run(data_home, *, quick=False):
    """Make a table for each network; the photographs are left out where they are not."""
    tables = [on_digits(quick=quick)]
    try:
        tables.append(on_photographs(data_home, quick=quick))
    except DataError as error:
        tables.append(Table("Photographs of ants and bees", ("left out",), ((str(error),),)))
    return tables


def draw(tables, folder):
    """Draw each table as a heat map, and the same as lines; give the path."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    drawn = [table for table in tables if getattr(table, "counts", ())]
    figure = Figure(figsize=(11, 4.4 * len(drawn)), layout="constrained")
    FigureCanvasAgg(figure)
    for (heat, lines), table in zip(
        figure.subplots(len(drawn), 2, squeeze=False), drawn, strict=True
    ):
        _draw_heat(heat, table)
        _draw_lines(lines, table)
    path = folder / "which_stage.png"
    figure.savefig(path, dpi=110)
    return [path]


def _values(table):
    return np.array([row[1 : 1 + len(table.counts)] for row in table.rows])


def _names(table):
    return [row[0] for row in table.rows]


def _draw_heat(axes, table):
    values = _values(table)
    axes.imshow(values, cmap="viridis", aspect="auto")
    middle = (values.min() + values.max()) / 2
    best = values == values.max(axis=0)
    for (i, j), value in np.ndenumerate(values):
        axes.text(
            *(j, i),
            f"{value:.2f}",
            ha="center",
            va="center",
            fontsize=9,
            fontweight="bold" if best[i, j] else "normal",
            color="black" if value > middle else "white",
        )
    axes.set_xticks(range(len(table.counts)), [str(count) for count in table.counts])
    axes.set_yticks(range(len(values)), _names(table), fontsize=9)
    axes.set(xlabel="labels per class", title=table.title.partition(":")[0])


def _draw_lines(axes, table):
    from matplotlib import colormaps

    values, names = _values(table), _names(table)
    n_stages = sum(name.startswith("stage") for name in names)
    number = 0
    for name, scores in zip(names, values, strict=True):
        colour, style = "0.6" if "centroid" in name else "0.3", "s--"
        if name.startswith("stage"):
            colour, style = colormaps["viridis"](0.88 * number / max(1, n_stages - 1)), "o-"
            number += 1
        axes.plot(table.counts, scores, style, ms=4, color=colour, label=name)
    axes.set_xscale("log")
    axes.set_xticks(table.counts, [str(count) for count in table.counts])
    axes.minorticks_off()
    axes.set(xlabel="labels per class", ylabel="accuracy")
    axes.legend(frameon=False, fontsize=8)
