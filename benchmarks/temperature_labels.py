"""Temperatures from 1 to 10 target labels a class: the change of the log-loss on real tasks.

Twenty of the thirty tasks of `_guard_tasks`; the other ten chose the strength of the pull. The
classifiers are fitted on the source, the labelled target rows and unlabelled ones. Held-out target
rows are the test, which no fit reads.
"""

import warnings

import numpy as np
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from benchmarks._data import DataError
from benchmarks._guard_tasks import draw_labelled, draw_source, load_tasks
from benchmarks._runner import Table
from sktransfer import (
    CORALAligner,
    TemperatureScaledClassifier,
    TransferWarning,
    make_transfer_pipeline,
    pack_domains,
)

COUNTS, MOST_TEST_ROWS = (1, 2, 5, 10), 600
FEWEST_OF_SCIKIT_LEARN = 5  # two of each class in a half
OURS = "TemperatureScaledClassifier"
NO_PULL = "TemperatureScaledClassifier, strength=0"
HALF = "CalibratedClassifierCV on half of the labels"
COLUMNS = ("labels a class", "method", "runs", "log-loss", "change", "worse, %", "worst change")


def models():
    """Return the transfers by name."""
    linear = LogisticRegression(C=10, max_iter=300)
    return {
        "pooled": make_transfer_pipeline(linear),
        "CORAL": make_transfer_pipeline(CORALAligner(), linear),
    }


def run_task(task, k):
    """Return the log-losses of each method and of no calibration."""
    rng = np.random.default_rng([k, 7])
    source, (X, y) = draw_source(*task.domains[task.source], rng), task.domains[task.target]
    labelled, rest = draw_labelled(y, k, rng)
    rest = rng.permutation(rest)[:MOST_TEST_ROWS]
    seen, test = rest[: len(rest) // 2], rest[len(rest) // 2 :]

    def packed(rows):
        known = np.full(len(y), np.nan)
        known[rows] = y[rows]
        used = np.concatenate([labelled, seen])
        return pack_domains({"source": source}, target=(X[used], known[used]))

    fitted_on, calibrated_on = labelled[::2], labelled[1::2]  # the classes in turn
    found = {}
    for model in models().values():
        Z, labels, domains = packed(labelled)
        ours = TemperatureScaledClassifier(model, random_state=0)
        ours.fit(Z, labels, sample_domain=domains)
        no_pull = TemperatureScaledClassifier(model, strength=0, random_state=0)
        no_pull.fit(Z, labels, sample_domain=domains)
        fits = {"none": ours.estimator_, NO_PULL: no_pull, OURS: ours}
        if k >= FEWEST_OF_SCIKIT_LEARN:
            Z, labels, domains = packed(fitted_on)
            frozen = FrozenEstimator(model.fit(Z, labels, sample_domain=domains))
            half = CalibratedClassifierCV(frozen, method="temperature", cv=2)
            fits[HALF] = half.fit(X[calibrated_on], y[calibrated_on])
        for name, fitted in fits.items():
            found.setdefault(name, []).append(_loss(fitted, X[test], y[test]))
    return found


def _loss(model, X, y):
    p = np.maximum(model.predict_proba(X), 1e-12)
    return log_loss(y, p / p.sum(axis=1, keepdims=True), labels=model.classes_)


def run(data_home, *, quick=False):
    """Measure the log-losses.

    Parameters
    ----------
    data_home : str or None
        With the data sets of `_guard_tasks`.
    quick : bool, default=False
        Four tasks.

    Returns
    -------
    tables : list of Table
    """
    if data_home is None:
        raise DataError("temperature_labels needs real data; pass --data.")
    tasks = [task for place, task in enumerate(load_tasks(data_home)) if place % 3]
    tasks = tasks[::5] if quick else tasks
    rows = []
    for k in COUNTS:
        losses = {}
        for task in tasks:
            if not task.can_label(k):
                continue
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", TransferWarning)
                found = run_task(task, k)
            for name, each in found.items():
                losses.setdefault(name, []).extend(each)
        before = np.array(losses["none"])
        for name, each in losses.items():
            change = np.array(each) - before
            worse, worst = (
                (None, None) if name == "none" else (100 * np.mean(change > 0.005), change.max())
            )
            rows.append([k, name, len(each), np.mean(each), np.mean(change), worse, worst])
    title = f"Log-loss on held-out target rows, {len(tasks)} tasks, two transfers"
    notes = ("Worse: the share of runs whose log-loss rises by more than .005.",)
    return [Table(title, COLUMNS, rows, notes)]
