"""What the benchmarks of deep adaptation share: tasks, methods without a network, and tables."""

import time
import warnings
from typing import NamedTuple

import numpy as np
from scipy.sparse import issparse, vstack
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import NearestCentroid
from sklearn.preprocessing import StandardScaler

from benchmarks._runner import Table
from sktransfer import CORALAligner, make_transfer_pipeline
from sktransfer.exceptions import TransferWarning


class Task(NamedTuple):
    """Labelled rows of a source, target rows to adapt to, and target rows to score.

    `y_target` is read by the methods alone whose name says so.
    """

    X_source: np.ndarray
    y_source: np.ndarray
    X_target: np.ndarray
    y_target: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray


def joined(task, *, labelled=None):
    """Source and target rows as X, y and sample_domain; of the latter `labelled` have a label."""
    y = np.full(len(task.y_target), np.nan)
    if labelled is not None:
        y[labelled] = task.y_target[labelled]
    sizes = task.X_source.shape[0], task.X_target.shape[0]
    if issparse(task.X_source):
        X = vstack([task.X_source, task.X_target], format="csr")
    else:
        X = np.concatenate([task.X_source, task.X_target])
    return X, np.concatenate([task.y_source, y]), np.repeat(["source", "target"], sizes)


def fit_adapted(model, task, *, labelled=None):
    """Fit a model on the source rows, and target rows of which `labelled` alone have a label."""
    X, y, sample_domain = joined(task, labelled=labelled)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TransferWarning)
        return model.fit(X, y, sample_domain=sample_domain)


def logistic_regression():
    """A logistic regression whose C is chosen by five folds of the rows that it is fitted on."""
    return GridSearchCV(LogisticRegression(max_iter=2000), {"C": [0.01, 0.1, 1.0]})


# Classifiers that need no network: name -> function that makes one.
SIMPLE = {
    "logistic regression": lambda: make_transfer_pipeline(StandardScaler(), logistic_regression()),
    "CORAL, logistic regression": lambda: make_transfer_pipeline(
        StandardScaler(), CORALAligner(), logistic_regression()
    ),
    "nearest mean row": lambda: make_transfer_pipeline(NearestCentroid()),
}


def draw_rows(y, n_each, seed):
    """Draw `n_each` rows of each class; their places."""
    rng = np.random.default_rng(seed)
    classes = [np.flatnonzero(y == label) for label in np.unique(y)]
    return np.concatenate([rng.choice(rows, n_each, replace=False) for rows in classes])


def timed(run, *args):
    """Run something once; its result, and its seconds of the processor."""
    start = time.process_time()
    result = run(*args)
    return result, time.process_time() - start


def table_of_seeds(title, methods, *, seeds, columns, known=None, notes=(), digits=3):
    """Run each method with each seed, and write the means down.

    Parameters
    ----------
    title : str
        It is completed by the number of seeds.
    methods : dict of str to callable
        Called with a seed, each returns as many numbers as there are columns.
    seeds : sequence of int
    columns : sequence of str
        The names of the numbers. The first is followed by its standard deviation over the seeds.
    known : (str, dict of str to float) or None
        The name of a column of known values of some methods, and these.
    notes, digits : object
        As for `Table`.
    """
    rows = []
    name_of_known, values = known or (None, {})
    for name, run in methods.items():
        found, seconds = zip(*(timed(run, seed) for seed in seeds), strict=True)
        found = np.array(found, dtype=float).reshape(len(seeds), -1)
        mean = [None if np.isnan(value) else value for value in found.mean(axis=0).tolist()]
        row = [name, mean[0], found[:, 0].std(), *mean[1:]]
        rows.append([*row, *([values.get(name)] if known else []), np.mean(seconds)])
        print("  ".join("" if cell is None else str(cell) for cell in rows[-1]), flush=True)
    heads = ["method", columns[0], "deviation", *columns[1:]]
    heads += [*([name_of_known] if known else []), "seconds"]
    title = f"{title}, mean and deviation of {len(seeds)} seeds"
    return Table(title, heads, rows, notes=notes, digits=digits)
