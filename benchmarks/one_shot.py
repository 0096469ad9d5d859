"""One-shot learning of characters: Omniglot's 20 runs, and small tasks of its background set.

How far do features of a network that has only seen print go on characters of other alphabets, with
one example each, and do rows of other characters help?

Each run has 20 characters, an image of each by one drawer, and 20 images by another drawer to
recognise. The background set has 136 characters of five alphabets, 20 drawers each: the source.
Features are those of an image, or the mean over the image, turned and scaled a little. Features and
parameters are chosen on the background alone: tasks of one alphabet, with the four others as the
source. The images of the runs are read once, with what was chosen.
"""

import numpy as np
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks._data import load_omniglot
from benchmarks._runner import Table
from sktransfer import (
    ClassPriorClassifier,
    PretrainedFeatureExtractor,
    PrototypeClassifier,
    TransductivePrototypeClassifier,
    pack_domains,
)

N_TASKS = 10  # of an alphabet

VIEWS = ((0, 1.0), (12, 1.0), (-12, 1.0), (0, 0.85), (0, 1.15))  # degrees and size

NEAREST = "1-NN, cosine"
SHOTS_ONLY = {
    NEAREST: KNeighborsClassifier(1, metric="cosine"),
    "linear model": make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=2000)),
    "PrototypeClassifier": PrototypeClassifier(),
}
WITH_SOURCE = {
    f"PrototypeClassifier({text})": PrototypeClassifier(**params)
    for text, params in {
        "": {},
        "whiten=True": {"whiten": True},
        "whiten=True, normalize=False": {"whiten": True, "normalize": False},
    }.items()
} | {"ClassPriorClassifier()": ClassPriorClassifier()}
AT_ONCE = {
    f"TransductivePrototypeClassifier(whiten=True, balance={b}, temperature={t})": (
        TransductivePrototypeClassifier(whiten=True, balance=b, temperature=t)
    )
    for b in (0, 0.5, 0.9, 1)
    for t in (0.05, 0.1, 0.2)
}
TO_REACH = {"target rows alone": 35, "source rows": 30, "source rows, all items at once": 20}


def seen_otherwise(images, degrees, size):
    """Turn and scale each image about its middle; new pixels are white."""
    cos, sin = np.cos(np.deg2rad(degrees)) / size, np.sin(np.deg2rad(degrees)) / size
    middle = images.shape[1] / 2
    shift = middle * (1 - cos - sin), middle * (1 - cos + sin)
    matrix = (cos, sin, shift[0], -sin, cos, shift[1])
    return np.array(
        [
            np.asarray(
                Image.fromarray(image).transform(
                    image.shape[::-1],
                    Image.Transform.AFFINE,
                    matrix,
                    resample=Image.Resampling.BILINEAR,
                    fillcolor=255,
                )
            )
            for image in images
        ]
    )


def features_of(extractor, images):
    """Give a dict of features: of the images as they are, and averaged over `VIEWS`."""
    views = [extractor.transform(seen_otherwise(images, *view)) for view in VIEWS]
    return {"one view": views[0], "five views": np.mean(views, axis=0)}


def predictions(model, source, shots, y_shots, items, *, at_once=False):
    """Fit on labelled rows, and on the `items` without labels if `at_once`; predict the items."""
    labels = np.asarray(y_shots, dtype=float)
    X = np.concatenate([shots, items]) if at_once else shots
    labels = np.concatenate([labels, np.full(len(items), np.nan)]) if at_once else labels
    if source is None:
        return model.fit(X, labels).predict(items)
    known, y_known = source
    X, y, sample_domain = pack_domains({"background": (known, y_known + 1000)}, target=(X, labels))
    return model.fit(X, y, sample_domain=sample_domain).predict(items)


def draw_task(characters, alphabet, rng, *, n_classes, n_shots, n_items):
    """Give the places of labelled rows and of items, class by class, each by drawers of its own."""
    mine = rng.choice(
        np.unique(characters.label[characters.alphabet == alphabet]), n_classes, False
    )
    drawers = rng.permutation(20)
    parts = drawers[:n_shots], drawers[n_shots : n_shots + n_items]
    return [
        np.concatenate([np.flatnonzero(characters.label == label)[part] for label in mine])
        for part in parts
    ]


def background_errors(characters, X, models, *, with_source, at_once, n_tasks, **task):
    """Give the error of each model, in %, in tasks of alphabets that are not in the source."""
    rng, errors = np.random.default_rng(0), []
    for alphabet in np.unique(characters.alphabet):
        others = characters.alphabet != alphabet
        source = (X[others], characters.label[others]) if with_source else None
        for _ in range(n_tasks):
            shots, items = draw_task(characters, alphabet, rng, **task)
            given = source, X[shots], characters.label[shots], X[items]
            errors.append(
                [
                    np.mean(predictions(model, *given, at_once=at_once) != characters.label[items])
                    for model in models.values()
                ]
            )
    return dict(zip(models, 100 * np.mean(errors, axis=0), strict=True))


def choices(characters, features, *, n_tasks):
    """Make the table of errors on the background; give the best features and method of a kind."""
    task = {"n_classes": 20, "n_shots": 1, "n_items": 1, "n_tasks": n_tasks}
    kinds = {
        "target rows alone": (SHOTS_ONLY, False, False),
        "source rows": (WITH_SOURCE, True, False),
        "source rows, all items at once": (AT_ONCE, True, True),
    }
    rows, best = [], {}
    for kind, (models, with_source, at_once) in kinds.items():
        errors = {
            (views, name): error
            for views, X in features.items()
            for name, error in background_errors(
                characters, X, models, with_source=with_source, at_once=at_once, **task
            ).items()
        }
        best[kind] = min(errors, key=errors.get)
        rows += [
            (kind, *key, error, "chosen" if key == best[kind] else "")
            for key, error in errors.items()
        ]
    table = Table(
        f"Background: error in %, 20-way 1-shot, {n_tasks} tasks of each of five alphabets",
        ("learns from", "features", "method", "error", ""),
        tuple(rows),
        notes=("The source has the four other alphabets. The best of each kind is chosen.",),
        digits=1,
    )
    return table, best


def on_runs(runs, features, background, label, best):
    """Make the table of the errors on Omniglot's runs."""
    pixels = [(255.0 - images).reshape(len(images), -1) for images, _ in runs]
    candidates = [("target rows alone", "pixels", NEAREST, SHOTS_ONLY[NEAREST], None, False)]
    for views in background:
        source = background[views], label
        candidates += [
            *[("target rows alone", views, n, m, None, False) for n, m in SHOTS_ONLY.items()],
            *[("source rows", views, n, m, source, False) for n, m in WITH_SOURCE.items()],
        ]
    kind = "source rows, all items at once"
    views, name = best[kind]
    candidates.append((kind, views, name, AT_ONCE[name], (background[views], label), True))
    rows = []
    for kind, views, name, model, given, at_once in candidates:
        parts = pixels if views == "pixels" else [each[views] for each in features]
        errors = [
            np.mean(
                predictions(model, given, X[:20], np.arange(20), X[20:], at_once=at_once) != truth
            )
            for X, (_, truth) in zip(parts, runs, strict=True)
        ]
        limit = TO_REACH[kind] if (views, name) == best[kind] else None
        rows.append((kind, views, name, 100 * np.mean(errors), limit))
    return Table(
        "Omniglot's 20 one-shot runs: error in %",
        ("learns from", "features", "method", "error", "to reach"),
        tuple(rows),
        notes=(
            "Features of the built-in network, except for pixels. The chosen method of each kind "
            "has a figure to reach. Lake et al. give 38.8 for the modified Hausdorff distance.",
        ),
        digits=1,
    )


def few_ways(characters, X, views, *, n_tasks):
    """Make the table of 5-way tasks of the background."""
    columns = {}
    for n_shots in (1, 5):
        task = {"n_classes": 5, "n_shots": n_shots, "n_items": 15, "n_tasks": n_tasks}
        found = background_errors(
            characters, X, SHOTS_ONLY, with_source=False, at_once=False, **task
        )
        found = {f"target rows alone: {name}": e for name, e in found.items()}
        found |= background_errors(
            characters, X, WITH_SOURCE, with_source=True, at_once=False, **task
        )
        columns[n_shots] = {name: 100 - e for name, e in found.items()}
    return Table(
        f"Background: accuracy in %, 5-way, features of {views}, {n_tasks} tasks of each of five "
        "alphabets",
        ("method", "1-shot", "5-shot"),
        tuple((name, columns[1][name], columns[5][name]) for name in columns[1]),
        notes=(
            "The source has the four other alphabets. These alphabets also served for the choices "
            "above.",
        ),
        digits=1,
    )


def run(data_home, *, quick=False):
    """Make the tables: choices on the background, the runs, tasks of five characters."""
    characters, runs = load_omniglot(data_home)
    extractor = PretrainedFeatureExtractor(cache=None).fit(characters.images[:2])
    background = features_of(extractor, characters.images)
    features = [features_of(extractor, images) for images, _ in runs]
    n_tasks = 2 if quick else N_TASKS
    table, best = choices(characters, background, n_tasks=n_tasks)
    views = best["source rows"][0]
    return [
        table,
        on_runs(runs, features, background, characters.label, best),
        few_ways(characters, background[views], views, n_tasks=n_tasks),
    ]
