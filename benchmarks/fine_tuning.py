"""Fine-tuning by freeze depth and step size, on handwriting that the defaults were not chosen on.

How deep to train, and how fast, with few labels? `FineTuneClassifier`'s step sizes were chosen on
scikit-learn's digits; here they meet MNIST, beside steps three and ten times as long, beside the
frozen features and beside the same network from scratch.

Training rows are drawn per class from MNIST's test images, and the rows after the first 4000 are
what is tested on.
"""

import time

import numpy as np

from benchmarks._data import load_mnist_test
from benchmarks._runner import Table
from benchmarks.few_labels import N_MNIST, draw_rows
from sktransfer import FineTuneClassifier

COUNTS = (1, 5, 10)
DEPTHS = ("all", 3, 2, 1, 0)

STEPS = {
    "default": {},
    "three times": {"learning_rate": 3e-3, "backbone_learning_rate": 1e-3},
    "ten times": {"learning_rate": 1e-2, "backbone_learning_rate": 3e-3},
}
FROM_SCRATCH = {"initialize": "random", "max_epochs": 60, "backbone_learning_rate": 1e-3}


def run(data_home, *, quick=False):
    """Make the table."""
    images, labels = load_mnist_test(data_home)
    pool, test = slice(0, N_MNIST), slice(N_MNIST, N_MNIST + (500 if quick else 2000))
    draws = range(1 if quick else 3)
    rows = []
    for name, depth, params in _candidates():
        cells, start = [], time.perf_counter()
        for n_labels in COUNTS:
            scores = []
            for seed in draws:
                chosen = draw_rows(labels[pool], n_labels, seed)
                model = FineTuneClassifier(freeze_depth=depth, random_state=seed, **params)
                model.fit(images[pool][chosen], labels[pool][chosen])
                scores.append(model.score(images[test], labels[test]))
            cells.append(f"{np.mean(scores):.3f} ({np.std(scores):.3f})")
        seconds = (time.perf_counter() - start) / len(COUNTS) / len(draws)
        rows.append([name, str(depth), *cells, seconds])
        print("  ".join(map(str, rows[-1])), flush=True)
    return [
        Table(
            f"MNIST: accuracy by labels per class, mean (standard deviation) of {len(draws)} draws",
            ["steps", "freeze_depth", *[f"{n} per class" for n in COUNTS], "seconds"],
            rows,
            notes=["Seconds: one fit, and the prediction of all test rows."],
            digits=1,
        )
    ]


def _candidates():
    """Give (name, freeze depth, parameters) of each row."""
    for name, params in STEPS.items():
        for depth in DEPTHS:
            if depth != "all" or name == "default":  # without a second phase steps do not matter
                yield name, depth, params
    yield "from scratch", 0, FROM_SCRATCH
