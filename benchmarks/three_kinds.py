"""Instances, features or parameters: which kind of transfer helps on one task, and from how much?

The task: digits of USPS (16 x 16 pixels) with few labels. Three ways to reuse what is related:

- instances: 2000 labelled digits of MNIST, weighted row by row (`TrAdaBoostClassifier`);
- features: the same rows, their covariance aligned with that of all USPS rows, whose labels it
  does not see (`CORALAligner`), the test rows among them, so it alone is transductive;
- parameters: a network trained on printed characters, which has seen neither data set, frozen
  (`PretrainedFeatureExtractor`) or trained on (`FineTuneClassifier`), and the few labels.

Beside them what needs no transfer: the few labels alone, for a linear model and for the same
network from scratch, and MNIST taken as if it were USPS. All on pixels in 0..1, all but the
networks with the same linear model, tested on the USPS rows that are not in training.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks._data import SOURCES, load_mnist_usps
from benchmarks._runner import Table
from sktransfer import (
    CORALAligner,
    FineTuneClassifier,
    PretrainedFeatureExtractor,
    TrAdaBoostClassifier,
    make_transfer_pipeline,
    pack_domains,
)

LABELS_PER_CLASS = (1, 3, 5, 10, 20)
N_DRAWS = 5


@dataclass(frozen=True)
class Method:
    """A row of the table; `data` is what it learns from, as `training_rows` spells it."""

    kind: str
    name: str
    build: Callable
    data: str


def _linear():
    return LogisticRegression(C=0.1, max_iter=2000)


def _frozen():
    return make_pipeline(
        PretrainedFeatureExtractor(value_range=(0, 1)), StandardScaler(), _linear()
    )


def _boosted():
    return TrAdaBoostClassifier(_linear(), n_estimators=20, random_state=0)


def _from_scratch():
    return FineTuneClassifier(
        initialize="random",
        freeze_depth=0,
        max_epochs=60,
        backbone_learning_rate=1e-3,
        value_range=(0, 1),
        random_state=0,
    )


METHODS = (
    Method("none", "target labels alone", _linear, "target"),
    Method("none", "target labels alone, network from scratch", _from_scratch, "target"),
    Method("none", "source alone", _linear, "source"),
    Method("none", "source and target labels, as one", _linear, "pooled"),
    Method("instances", "TrAdaBoost", _boosted, "domains"),
    Method(
        "features",
        "CORAL, ridge 0.01",
        lambda: make_transfer_pipeline(CORALAligner(ridge=0.01), _linear()),
        "domains and unlabelled",
    ),
    Method("parameters", "pretrained network, frozen", _frozen, "target"),
    Method(
        "parameters",
        "pretrained network, last stages trained on",
        lambda: FineTuneClassifier(freeze_depth=2, value_range=(0, 1), random_state=0),
        "target",
    ),
)


def draw(y, n_per_class, seed):
    """Give a mask of `n_per_class` random rows of each class."""
    rng = np.random.default_rng(seed)
    rows = [
        rng.choice(np.flatnonzero(y == label), n_per_class, replace=False) for label in np.unique(y)
    ]
    mask = np.zeros(len(y), dtype=bool)
    mask[np.concatenate(rows)] = True
    return mask


def training_rows(data, source, target, labelled):
    """Give the positional and the keyword arguments of ``fit``; no label outside `labelled`."""
    X_target, y_target = target
    few = X_target[labelled], y_target[labelled]
    if data == "target":
        return few, {}
    if data == "source":
        return source, {}
    if data == "pooled":
        return tuple(np.concatenate(pair) for pair in zip(source, few, strict=True)), {}
    if data == "domains and unlabelled":
        few = X_target, np.where(labelled, y_target, np.nan)
    X, y, sample_domain = pack_domains({"mnist": source}, target=few)
    return (X, y), {"sample_domain": sample_domain}


def accuracy(method, source, target, labelled):
    """Give the accuracy on the target rows that are not `labelled`, in percent."""
    arguments, domains = training_rows(method.data, source, target, labelled)
    fitted = method.build().fit(*arguments, **domains)
    X_target, y_target = target
    return 100 * np.mean(fitted.predict(X_target[~labelled]) == y_target[~labelled])


def run(data_home, *, quick=False):
    """Fill the table: a row a method, a column a number of labels, means over draws."""
    read = load_mnist_usps(data_home)
    source, target = read["mnist"], read["usps"]
    counts, n_draws = ((1, 10), 2) if quick else (LABELS_PER_CLASS, N_DRAWS)
    rows = []
    for method in METHODS:
        start = time.perf_counter()
        found = np.array(
            [
                [accuracy(method, source, target, draw(target[1], n, seed)) for n in counts]
                for seed in range(n_draws)
            ]
        )
        seconds = (time.perf_counter() - start) / found.size
        rows.append(
            (method.kind, method.name, *found.mean(axis=0), found.std(axis=0).max(), seconds)
        )
        print(f"{method.name}: {np.round(found.mean(axis=0), 1)}", flush=True)
    heads = [f"{n} a class" for n in counts]
    return [
        Table(
            f"Accuracy (%) on unlabelled USPS digits, mean of {n_draws} draws of the labelled ones",
            columns=("transfer of", "method", *heads, "largest sd", "seconds"),
            rows=tuple(rows),
            notes=(
                "Seconds: one fit and prediction. Largest sd: over draws, the largest of the row.",
                f"Data: {SOURCES['mnist-usps'].cite}.",
            ),
            digits=1,
        )
    ]
