"""Deep adaptation, printed to handwritten digits: what does each loss add to a small network?

A perceptron with 128 and 64 hidden units reads 8 x 8 pixels. It is trained on 1600 labelled printed
digits. It adapts to 900 handwritten ones without labels, and is tested on the other 897. Each
seed draws the rows, the weights and the minibatches. Every method has the same network, steps and
ramp. Strengths are those of the docstring. The rate of discriminators and second heads was chosen
on other pairs: upright to turned digits, a synthetic shift, and SURF features of two cameras.

The rows below need no adaptation of a network: a linear model, with and without CORAL, and
the nearest of the classes' mean rows. "target" is the same network, trained on labels of the 900.
"""

import time
import warnings

import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neighbors import NearestCentroid
from sklearn.preprocessing import StandardScaler

from benchmarks._runner import Table
from sktransfer import (
    AdaptedNetworkClassifier,
    CORALAligner,
    make_transfer_pipeline,
)
from sktransfer.datasets import load_printed_digits
from sktransfer.deep import CDAN
from sktransfer.exceptions import TransferWarning

N_UNLABELLED = 900

OPTIONS = {
    "hidden_layer_sizes": (128, 64),
    "max_epochs": 60,
    "batch_size": 64,
    "learning_rate": 1e-3,
    "backbone_learning_rate": 1e-3,
}
ADAPTATIONS = {
    "source alone": {"adaptation": None},
    "coral, strength 10": {"adaptation": "coral", "strength": 10.0},
    "dan": {"adaptation": "dan"},
    "jan": {"adaptation": "jan"},
    "mcc": {"adaptation": "mcc"},
    "dann": {"adaptation": "dann"},
    "cdan": {"adaptation": "cdan"},
    "cdan with entropy": {"adaptation": CDAN(entropy=True)},
    "adda": {"adaptation": "adda"},
    "confusion": {"adaptation": "confusion"},
    "mdd": {"adaptation": "mdd"},
}
BASELINES = {
    "logistic regression": lambda: make_transfer_pipeline(
        StandardScaler(), LogisticRegression(C=0.1, max_iter=2000)
    ),
    "CORAL, logistic regression": lambda: make_transfer_pipeline(
        StandardScaler(), CORALAligner(), LogisticRegression(C=0.1, max_iter=2000)
    ),
    "nearest mean row": lambda: make_transfer_pipeline(NearestCentroid()),
}

# Of the same network and rows, by loops of their own in torch; two seeds, or one.
MEASURED = {
    "source alone": 0.577,
    "coral, strength 10": 0.634,
    "dan": 0.683,
    "jan": 0.711,
    "mcc": 0.699,
    "dann": 0.640,
    "cdan": 0.687,
    "cdan with entropy": 0.658,
}


def run(data_home, *, quick=False):
    """Make the table."""
    seeds = range(1 if quick else 5)
    options = OPTIONS | ({"max_epochs": 2} if quick else {})
    rows = []
    for name in [*ADAPTATIONS, "target alone", *BASELINES]:
        start = time.perf_counter()
        scores = [_score(name, seed, options) for seed in seeds]
        seconds = (time.perf_counter() - start) / len(seeds)
        rows.append([name, np.mean(scores), np.std(scores), MEASURED.get(name), seconds])
        print("  ".join(map(str, rows[-1])), flush=True)
    return [
        Table(
            f"Printed to handwritten digits: accuracy, mean and deviation of {len(seeds)} seeds",
            ["method", "accuracy", "deviation", "a torch loop", "seconds"],
            rows,
            notes=[
                "A torch loop: a loop of the same losses in plain torch, two seeds or one.",
                "Seconds: one fit, and the prediction of all test rows.",
            ],
            digits=3,
        )
    ]


def _score(name, seed, options):
    """The accuracy of one method on target rows that it has not seen."""
    X_source, y_source = load_printed_digits(return_X_y=True)
    X_target, y_target = load_digits(return_X_y=True)
    X_target, X_test, y_target, y_test = train_test_split(
        X_target, y_target, train_size=N_UNLABELLED, stratify=y_target, random_state=seed
    )
    network = AdaptedNetworkClassifier("mlp", random_state=seed, **options)
    if name == "target alone":
        return network.fit(X_target, y_target).score(X_test, y_test)
    X = np.concatenate([X_source, X_target])
    y = np.concatenate([y_source, np.full(len(X_target), np.nan)])
    sample_domain = np.repeat(["printed", "target"], [len(X_source), len(X_target)])
    baseline = BASELINES.get(name)
    model = baseline() if baseline else network.set_params(**ADAPTATIONS[name])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TransferWarning)
        return model.fit(X, y, sample_domain=sample_domain).score(X_test, y_test)
