"""The built-in network on handwriting with few labels, stage by stage.

How far do frozen features of a network that has only seen print go on handwriting, beside pixels?

Training rows are drawn per class, all other rows are the test; a standardised linear model with
settings fixed beforehand (C = 0.1) reads features and pixels alike, and nearest centroid, the
simplest thing that might work, reads the pixels. scikit-learn's digits ship with it; MNIST's test
images are read where they are, and left out otherwise.
"""

import warnings

import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import NearestCentroid
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks._data import DataError, load_mnist_test
from benchmarks._runner import Table
from sktransfer import PretrainedFeatureExtractor

STAGES = (1, 2, 3, 4)
N_MNIST = 4000

# Accuracies to reach with stage 4, and those of a first sketch of such a network.
TO_REACH = {"digits": {5: 0.93}, "MNIST": {1: 0.80, 5: 0.94, 10: 0.955}}


def draw_rows(y, n_labels, seed):
    """Give the training rows, `n_labels` of each class; all others are the test."""
    rng = np.random.default_rng(seed)
    rows = [rng.choice(np.where(y == c)[0], n_labels, replace=False) for c in range(10)]
    return np.concatenate(rows)


def few_label_accuracy(estimator, X, y, n_labels, seeds):
    """Give the accuracies on the rows that are not drawn, one for each seed."""
    scores = []
    for seed in seeds:
        rows = draw_rows(y, n_labels, seed)
        rest = np.setdiff1d(np.arange(len(y)), rows)
        with warnings.catch_warnings():  # of nearest centroid, about pixels that never vary
            warnings.filterwarnings("ignore", module=r"sklearn\.neighbors\._nearest_centroid")
            scores.append(estimator.fit(X[rows], y[rows]).score(X[rest], y[rest]))
    return np.array(scores)


def linear_model():
    """Give the model that reads features and pixels alike."""
    return make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=2000))


def run(data_home, *, quick=False):
    """Make the table of each data set."""
    digits = load_digits()
    tables = [
        compare(
            "digits", digits.images, digits.target, (1, 3, 5, 10, 20), range(2 if quick else 10)
        )
    ]
    try:
        images, labels = load_mnist_test(data_home)
    except DataError as error:
        return [*tables, Table("MNIST", ["left out"], [[str(error)]])]
    images, labels = images[:N_MNIST], labels[:N_MNIST]
    return [*tables, compare("MNIST", images, labels, (1, 5, 10), range(2 if quick else 8))]


def compare(name, images, y, counts, seeds):
    """Make one table: pixels, and the features of each stage."""
    pixels = images.reshape(len(images), -1).astype(np.float64)
    candidates = {
        "pixels, nearest centroid": (NearestCentroid(), pixels),
        "pixels, linear model": (linear_model(), pixels),
    }
    for stage in STAGES:
        features = PretrainedFeatureExtractor(stage=stage).fit_transform(images)
        candidates[f"stage {stage}, linear model"] = (linear_model(), features)
    rows = []
    for label, (estimator, X) in candidates.items():
        scores = [few_label_accuracy(estimator, X, y, n_labels, seeds) for n_labels in counts]
        rows.append([label, *[f"{s.mean():.3f} ({s.std():.3f})" for s in scores]])
    rows.append(["to reach with stage 4", *[TO_REACH[name].get(n) for n in counts]])
    return Table(
        f"{name}: accuracy by labels per class, mean (standard deviation) of {len(seeds)} draws",
        ["", *[f"{n} per class" for n in counts]],
        rows,
        digits=3,
    )
