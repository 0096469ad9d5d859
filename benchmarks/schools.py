"""Many tasks at once: examination scores of 139 schools.

Three quarters of the pupils of each school are drawn for training, in three draws. Columns are
scaled on training rows. No fit reads test rows, and every strength is chosen on training rows.
"""

import time

import numpy as np
from sklearn.linear_model import RidgeCV
from sklearn.preprocessing import StandardScaler

from benchmarks._data import load_school
from benchmarks._runner import Table
from sktransfer import (
    LearnedPriorRegressor,
    MultiTaskFeatureRegressor,
    RegularizedMultiTaskRegressor,
)

ALPHAS = np.geomspace(1e-2, 1e5, 15)


def split(schools, draw):
    """Return training and test rows of all schools, each as X, y and the school of a row."""
    rng, train, test = np.random.default_rng(draw), [], []
    for name, (X, y) in enumerate(schools):
        order = rng.permutation(len(y))
        n_train = round(0.75 * len(y))
        for rows, part in ((order[:n_train], train), (order[n_train:], test)):
            part.append((X[rows], y[rows], np.full(len(rows), name)))
    train, test = (
        [np.concatenate(parts) for parts in zip(*part, strict=True)] for part in (train, test)
    )
    scaler = StandardScaler().fit(train[0])
    return [(scaler.transform(X), y, task) for X, y, task in (train, test)]


def pooled(train, test):
    """One ridge regression for all schools."""
    return RidgeCV(ALPHAS).fit(*train[:2]).predict(test[0])


def single(train, test):
    """A ridge regression for each school."""
    found = np.empty(len(test[1]))
    for name in np.unique(train[2]):
        rows = train[2] == name
        model = RidgeCV(ALPHAS).fit(train[0][rows], train[1][rows])
        found[test[2] == name] = model.predict(test[0][test[2] == name])
    return found


def pooled_and_offsets(train, test):
    """One ridge regression for all schools, and the shrunken mean of the residuals of each."""
    model = RidgeCV(ALPHAS).fit(*train[:2])
    residuals, n_schools = train[1] - model.predict(train[0]), train[2].max() + 1
    counts = np.bincount(train[2], minlength=n_schools)
    means = np.bincount(train[2], residuals, minlength=n_schools) / counts
    noise = np.sum((residuals - means[train[2]]) ** 2) / (len(residuals) - n_schools)
    between = max(np.var(means, ddof=1) - noise * np.mean(1 / counts), 0.0)
    shares = between / (between + noise / counts)
    return model.predict(test[0]) + (shares * means)[test[2]]


def multi_task(method, **params):
    """Return a function that fits an estimator of several tasks."""

    def predict(train, test):
        model = method(**params).fit(*train[:2], sample_domain=train[2])
        return model.predict(test[0], sample_domain=test[2])

    return predict


METHODS = {
    "pooled ridge regression": pooled,
    "ridge regression of each school": single,
    "pooled, and an offset of each school": pooled_and_offsets,
    "EasyAdapt's kernel, relatedness=0.5": multi_task(
        RegularizedMultiTaskRegressor, relatedness=0.5, offset=0
    ),
    "RegularizedMultiTaskRegressor": multi_task(RegularizedMultiTaskRegressor),
    "MultiTaskFeatureRegressor": multi_task(MultiTaskFeatureRegressor),
    "LearnedPriorRegressor": multi_task(LearnedPriorRegressor),
}


def explained(predicted, truth):
    """Return the explained variance in percent."""
    return 100 * (1 - np.var(truth - predicted) / np.var(truth))


def run(data_home, *, quick=False):
    """Make the table.

    Parameters
    ----------
    data_home : str or None
        The folder of data sets.
    quick : bool, default=False
        One draw.

    Returns
    -------
    tables : list of Table
    """
    schools = load_school(data_home)
    scores, seconds = {name: [] for name in METHODS}, {}
    for draw in range(1 if quick else 3):
        train, test = split(schools, draw)
        for name, method in METHODS.items():
            start = time.process_time()
            scores[name].append(explained(method(train, test), test[1]))
            seconds[name] = time.process_time() - start
    rows = [[name, *found, np.mean(found), seconds[name]] for name, found in scores.items()]
    draws = [f"draw {draw}" for draw in range(len(rows[0]) - 3)]
    columns = ["", *draws, "mean", "CPU seconds, fit and predict"]
    title = "Scores of pupils of 139 schools, explained variance in percent over all test rows"
    return [Table(title, columns, rows, digits=1)]
