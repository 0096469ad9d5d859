"""Pretrained networks for pictures side by side: photographs of ants and bees, and digits.

Each network gives the features of its last stage, as `PretrainedFeatureExtractor` does by default,
to one linear model (standardised, C = 0.1, fixed before). Beside them are the pixels of small gray
images. A network that is not there is left out.
"""

import numpy as np
from PIL import Image

from benchmarks._data import DataError, load_hymenoptera, load_mnist_test
from benchmarks._runner import Table
from benchmarks._weights import MOBILENET_V1, SHUFFLENET_V2, find_mobilenet_v2, find_network
from benchmarks.which_stage import few_of_train, linear_model
from sktransfer import PretrainedFeatureExtractor

COUNTS = {"photographs": (5, 20, 70), "digits": (1, 5, 20)}
N_MNIST = 2000
N_TRAIN = 1000
SIDE = 32

# The name, the options of the extractor, and how its network is found.
NETWORKS = {
    "glyphs": ({}, lambda data_home: "glyphs"),
    "MobileNetV1, a quarter": (
        {"preprocessing": "tf", "stage": "features"},
        lambda data_home: find_network(MOBILENET_V1, data_home),
    ),
    "ShuffleNetV2, int8": (
        {"preprocessing": "torch"},
        lambda data_home: find_network(SHUFFLENET_V2, data_home),
    ),
    "MobileNetV2": ({}, find_mobilenet_v2),
}


def find_extractors(data_home):
    """Give a dict name -> extractor of the networks that are there."""
    found = {}
    for name, (options, find) in NETWORKS.items():
        try:
            found[name] = PretrainedFeatureExtractor(find(data_home), cache=None, **options)
        except DataError:
            continue
    return found


def photographs(data_home, *, quick):
    """Give paths and labels of ants and bees, those to train on first, and how many these are."""
    parts = load_hymenoptera(data_home).values()
    step = 8 if quick else 1
    X, y = (np.concatenate([part[k][::step] for part in parts]) for k in range(2))
    gray = [Image.open(path).convert("L").resize((SIDE, SIDE), Image.Resampling.BOX) for path in X]
    pixels = np.stack([np.asarray(image, dtype=float).ravel() for image in gray])
    return X, pixels, y, len(next(iter(parts))[1][::step])


def digits(data_home, *, quick):
    """Give images and labels of MNIST's first test images."""
    images, y = load_mnist_test(data_home)
    n_rows, n_train = (200, 150) if quick else (N_MNIST, N_TRAIN)
    images = images[:n_rows]
    return images, images.reshape(n_rows, -1).astype(float), y[:n_rows], n_train


def compare(title, task, extractors, *, counts, n_draws, notes=()):
    """Make the table of one task: a row for the pixels and for each network."""
    X, pixels, y, n_train = task
    rows = []
    for name, extractor in {"pixels": None, **extractors}.items():
        features = pixels if extractor is None else extractor.fit_transform(X)
        scores = [
            few_of_train(linear_model(), features, y, n, range(n_draws), n_train=n_train)
            for n in counts
        ]
        means = [float(found.mean()) for found in scores]
        worst = max(float(found.std()) for found in scores)
        rows.append((name, features.shape[1], *means, worst))
        print(f"{name}: {np.round(means, 3)}", flush=True)
    return Table(
        f"{title}: accuracy by labels per class, mean of {n_draws} draws",
        ("", "features", *[f"{n} per class" for n in counts], "largest sd"),
        tuple(rows),
        notes=(*notes, f"{len(y) - n_train} images are the test."),
        digits=3,
    )


def run(data_home, *, quick=False):
    """Make the tables of photographs and of digits."""
    extractors = find_extractors(data_home)
    few, n_draws = ((2, 5), 2) if quick else (None, 10)
    return [
        compare(
            "Photographs of ants and bees",
            photographs(data_home, quick=quick),
            extractors,
            counts=few or COUNTS["photographs"],
            n_draws=n_draws,
            notes=(
                "The photographs come from ImageNet, which the networks for photographs were "
                "trained on: the figures show that the weights work, and are no clean benchmark.",
            ),
        ),
        compare(
            "MNIST",
            digits(data_home, quick=quick),
            extractors,
            counts=few or COUNTS["digits"],
            n_draws=n_draws,
        ),
    ]
