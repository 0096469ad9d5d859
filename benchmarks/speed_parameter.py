"""The time of parameter transfer, relative to the estimators of scikit-learn that it extends.

Given strengths and weights are compared with a plain fit. Chosen ones are compared with
scikit-learn's own leave-one-out, or search over as many strengths: the least that a choice costs.
Each pair is timed in turn, by the time of the processor. The ratio is that of the medians.
"""

import time
import warnings

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV, Ridge, RidgeCV
from sklearn.svm import SVC

from benchmarks._runner import Table
from sktransfer import (
    AdaptiveGaussianProcessRegressor,
    AdaptiveSVC,
    TransferForestClassifier,
    TransferLogisticRegression,
    TransferRidge,
    TransferStackingClassifier,
)

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
    chosen = TransferRidge(source, alpha=1.0)
    yield "ridge, weight chosen", X, numbers, chosen, RidgeCV(alphas=[1.0])
    yield "ridge, both chosen", X, numbers, TransferRidge(source), RidgeCV(alphas=ALPHAS)
    given = TransferLogisticRegression(judge, C=1.0, beta=1.0)
    search = LogisticRegressionCV(Cs=STRENGTHS, cv=5, l1_ratios=(0,), use_legacy_attributes=False)
    yield "logistic, no source", X, classes, TransferLogisticRegression(), LogisticRegression()
    yield "logistic, all given", X, classes, given, LogisticRegression()
    yield "logistic, both chosen", X, classes, TransferLogisticRegression(judge), search
    stacked = TransferStackingClassifier(source=judge)
    yield "logistic, stacking", X, classes, stacked, LogisticRegression()
    if n_rows <= 50:  # adaptive machines are made for few rows
        yield "SVM, no source", X, classes, AdaptiveSVC(), SVC(tol=1e-9)
        yield "SVM, weight given", X, classes, AdaptiveSVC(judge, beta=1.0), SVC(tol=1e-9)
        yield "SVM, weight chosen", X, classes, AdaptiveSVC(judge), SVC(tol=1e-9)
        plain = RandomForestClassifier(bootstrap=False, random_state=0)
        forest = RandomForestClassifier(random_state=0).fit(X_source, X_source @ rule > 0)
        yield "forest, no source", X, classes, TransferForestClassifier(random_state=0), plain
        for method in ("strut", "ser"):
            model = TransferForestClassifier(forest, method=method, random_state=0)
            yield f"forest, {method}", X, classes, model, plain
        process = GaussianProcessRegressor(ConstantKernel() * RBF(5.0) + WhiteKernel())
        yield "process, no source", X, numbers, AdaptiveGaussianProcessRegressor(), process


def ratio(X, y, ours, plain, *, repeats, method="fit"):
    """Return the median time of a fit, or of another method, of ours by that of the plain one."""
    seconds = {"ours": [], "plain": []}
    for _ in range(repeats):
        for name, model in (("ours", ours), ("plain", plain)):
            start = time.process_time()
            model.fit(X, y) if method == "fit" else getattr(model, method)(X)
            seconds[name].append(time.process_time() - start)
    return float(np.median(seconds["ours"]) / np.median(seconds["plain"]))


def predictions(n_rows, n_columns):
    """Yield a name, ours and the plain estimator, fitted on 2000 rows, and rows of this size."""
    rng = np.random.default_rng(0)
    X, X_new = rng.normal(size=(2000, n_columns)), rng.normal(size=(n_rows, n_columns))
    y = X[:, 0] + X[:, 1] > 0
    plain = RandomForestClassifier(bootstrap=False, random_state=0).fit(X, y)
    ours = TransferForestClassifier(random_state=0).fit(X, y)  # trees of the same shape
    yield "predict of a forest", X_new, None, ours, plain


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
            for name, *pair in predictions(*size):
                found.setdefault(name, {})[size] = ratio(*pair, repeats=3, method="predict")
    columns = ("time of ours / time of scikit-learn's", *[f"{n} x {d}" for n, d in sizes])
    rows = [[name, *[by_size.get(size) for size in sizes]] for name, by_size in found.items()]
    return [
        Table("Ratios of the times of fits, and of a prediction, rows x columns", columns, rows)
    ]
