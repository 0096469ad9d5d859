"""The time of a guarded classifier beyond the fits of its candidates.

Folds and rehearsals are fits of candidates, and their predictions belong to them. The rest is the
overhead: reading rows, drawing folds, scores, weights, intervals, and without target labels the
tests before the vote, which fit the source model on five folds.
"""

import time
import warnings

import numpy as np
from sklearn.linear_model import LogisticRegression

from benchmarks._runner import Table
from sktransfer import GuardedTransferClassifier, pack_domains

# Name, classes, columns, rows of each source, sources, labelled target rows a class, others.
SETTINGS = (
    ("2 classes, 5 labelled a class", 2, 8, 600, 1, 5, 0),
    ("2 classes, 20 labelled a class", 2, 60, 600, 1, 20, 500),
    ("10 classes, 5 labelled a class", 10, 100, 600, 1, 5, 500),
    ("10 classes, three sources", 10, 100, 200, 3, 5, 500),
    ("2 classes, no target label", 2, 8, 500, 1, 0, 500),
    ("10 classes, no target label", 10, 100, 500, 1, 0, 500),
    ("10 classes, no target label, 2000 rows", 10, 60, 2000, 1, 0, 2000),
)


def run(data_home, *, quick=False):
    """Measure each setting.

    Parameters
    ----------
    data_home : str or None
        Not used: the rows are made here.
    quick : bool, default=False
        The first and the fifth setting, once.

    Returns
    -------
    tables : list of Table
    """
    settings = SETTINGS[::4] if quick else SETTINGS
    rows = [(name, *_measure(*sizes, repeats=1 if quick else 3)) for name, *sizes in settings]
    columns = ("", "candidates", "seconds of their fits", "seconds of the guard", "overhead (%)")
    return [Table("A guarded classifier and its candidates", columns, tuple(rows))]


def _measure(n_classes, n_columns, n_source, n_sources, k, n_others, *, repeats):
    """Return the candidates, their seconds, those of the guard, and the overhead of the fastest."""
    rng = np.random.default_rng(0)
    centers = 2 * rng.normal(size=(n_classes, n_columns)) / np.sqrt(n_columns)

    def draw(y, offset):
        return centers[y] + rng.normal(size=(len(y), n_columns)) + offset, y

    names = [f"source {number}" for number in range(n_sources)]
    sources = {name: draw(rng.integers(n_classes, size=n_source), 0.3) for name in names}
    y_known = np.repeat(np.arange(n_classes), k)
    X, y = draw(np.concatenate([y_known, rng.integers(n_classes, size=n_others)]), 0.0)
    known = np.where(np.arange(len(y)) < len(y_known), y, np.nan)
    X, y, sample_domain = pack_domains(sources, target=(X, known))
    found = []
    for _ in range(repeats):
        guard = GuardedTransferClassifier(
            estimator=LogisticRegression(C=0.3, max_iter=300), random_state=0
        )
        start = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            guard.fit(X, y, sample_domain=sample_domain)
        found.append((time.perf_counter() - start, sum(x.seconds for x in guard.report_.lines)))
    whole, inside = min(found)
    return len(guard.weights_), inside, whole, 100 * (whole / inside - 1)
