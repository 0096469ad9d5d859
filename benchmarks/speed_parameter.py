"""The time of parameter transfer, relative to the estimators of scikit-learn that it extends.

Given strengths and weights are compared with a plain fit, and chosen ones with scikit-learn's own
search over as many strengths. Each pair is timed in turn, by the time of the processor. The ratio
is that of the medians.
"""

import time
import warnings

import numpy as np
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV, Ridge, RidgeCV
from sklearn.svm import SVC

from benchmarks._runner import Table
from sktransfer import AdaptiveSVC, TransferLogisticRegression, TransferRidge

SIZES = ((50, 30), (50, 800), (2000, 100), (10_000, 100))
ALPHAS, STRENGTHS = np.logspace(-2, 4, 13), np.logspace(-4, 2, 7)


def pairs(n_rows, n_columns):
    """Yield a name, ours, the plain estimator and the labels for rows of this size."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_rows, n_columns))
    rule = rng.normal(size=n_columns) / np.sqrt(n_columns)
    numbers = X @ rule + rng.normal(size=n_rows)
    classes = numbers > 0
    X_source = rng.normal(size=(2000, n_columns))
    source = Ridge().fit(X_source, X_source @ rule)
    judge = LogisticRegression().fit(X_source, X_source @ rule > 0)
    given = TransferRidge(source, alpha=1.0, beta=1.0)
    yield "ridge, no source", X, numbers, TransferRidge(), Ridge()
    yield "ridge, all given", X, numbers, given, Ridge()
    yield "ridge, weight chosen", X, numbers, TransferRidge(source, alpha=1.0), Ridge()
    yield "ridge, both chosen", X, numbers, TransferRidge(source), RidgeCV(alphas=ALPHAS)
    given = TransferLogisticRegression(judge, C=1.0, beta=1.0)
    search = LogisticRegressionCV(Cs=STRENGTHS, cv=5, l1_ratios=(0,), use_legacy_attributes=False)
    yield "logistic, no source", X, classes, TransferLogisticRegression(), LogisticRegression()
    yield "logistic, all given", X, classes, given, LogisticRegression()
    yield "logistic, both chosen", X, classes, TransferLogisticRegression(judge), search
    if n_rows <= 50:  # few rows are what an adaptive machine is for
        yield "SVM, no source", X, classes, AdaptiveSVC(), SVC(tol=1e-9)
        yield "SVM, weight given", X, classes, AdaptiveSVC(judge, beta=1.0), SVC(tol=1e-9)
        yield "SVM, weight chosen", X, classes, AdaptiveSVC(judge), SVC(tol=1e-9)


def ratio(X, y, ours, plain, *, repeats):
    """Return the median time of a fit of ours divided by that of the plain estimator."""
    seconds = {"ours": [], "plain": []}
    for _ in range(repeats):
        for name, model in (("ours", ours), ("plain", plain)):
            start = time.process_time()
            model.fit(X, y)
            seconds[name].append(time.process_time() - start)
    return float(np.median(seconds["ours"]) / np.median(seconds["plain"]))


def run(data_home, *, quick=False):
    """Time each pair.

    Parameters
    ----------
    data_home : str or None
        Not used: the rows are made here.
    quick : bool, default=False
        The smallest size, twice.

    Returns
    -------
    tables : list of Table
    """
    sizes, found = SIZES[:1] if quick else SIZES, {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for size in sizes:
            for name, *pair in pairs(*size):
                repeats = 2 if quick else 15 if size[0] <= 50 else 5
                found.setdefault(name, {})[size] = ratio(*pair, repeats=repeats)
    columns = ("time of ours / time of scikit-learn's", *[f"{n} x {d}" for n, d in sizes])
    rows = [[name, *[by_size.get(size) for size in sizes]] for name, by_size in found.items()]
    return [Table("Ratios of the times of fits, rows x columns", columns, rows)]
