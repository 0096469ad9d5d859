"""Draws for the benchmark of intervals: out-of-fold scores of models, and their true scores."""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from benchmarks._interval_rules import Pair
from benchmarks._shifts import simulate
from sktransfer import RepeatedTargetFold

SHIFTS = (
    "none",
    "covariate_1",
    "concept_30",
    "concept_90",
    "flipped",
    "moments_2",
    "unrelated",
)
"""Shifts that leave the classes at a half each, as labels are drawn in equal numbers."""
MOVES = {
    "none": (0, 0),
    "offset": (0, 2),
    "turned_30": (30, 0),
    "turned_60": (60, 0),
    "turned_90": (90, 0),
    "flipped": (180, 0),
    "turned_30_offset": (30, 1),
}
"""Of the linear rule of numbers: degrees that it turns, and its offset."""
PAIRS = (("P", "T"), ("B", "T"), ("S", "T"), ("B", "S"))
"""P pooled, T target only, S source only, B target only, pulled to the source's coefficients."""
N_SOURCE, N_TRUTH, N_COLUMNS = 300, 8000, 8
N_REPEATS, MOST_FOLDS = 3, 10
C, RIDGE = 0.3, 1.0
SMALLEST = np.finfo(float).eps


@dataclass(frozen=True, eq=False)
class Draw:
    """One data set, and four models of it.

    Parameters
    ----------
    k : int
        Labelled rows of a class; half of the rows if labels are numbers.
    truth : dict of str -> dict of str -> float
        Score -> model -> its true value, of the model fitted on all labelled rows.
    rows : dict of str -> dict of str -> ndarray of shape (n_repeats, n_rows)
        Score -> model -> the out-of-fold score of each row in each repetition.
    folds : ndarray of shape (n_repeats, n_rows)
    rng : Generator
    """

    k: int
    truth: dict
    rows: dict
    folds: np.ndarray
    rng: np.random.Generator

    def pair(self, score, first, second):
        """Return the `Pair` of two models and the true difference."""
        rows, truth = self.rows[score], self.truth[score]
        pair = Pair(rows[first] - rows[second], self.folds, self.rng)
        return pair, truth[first] - truth[second]


def draw_classes(name, k, seed):
    """Draw a data set of two classes with `k` labelled target rows each."""
    n_target = N_TRUTH + 40 * k
    X_source, y_source, X, y = simulate(name, n_source=N_SOURCE, n_target=n_target, seed=seed)
    rng = np.random.default_rng([*seed, k, SHIFTS.index(name)])
    labelled = [rng.choice(np.flatnonzero(y == c), k, replace=False) for c in (0, 1)]
    labelled = np.concatenate(labelled)
    rest = np.setdiff1d(np.arange(n_target), labelled)
    source = _fit_logistic(X_source, y_source)

    def fit(X, y):
        pooled = np.vstack([X_source, X]), np.concatenate([y_source, y])
        models = {"T": (X, y), "P": pooled}
        models = {name: _fit_logistic(*rows) for name, rows in models.items()}
        return models | {"S": source, "B": _fit_logistic(X, y, center=source)}

    return _draw(fit, _class_scores, X[labelled], y[labelled], X[rest], y[rest], k, rng)


def draw_numbers(name, k, seed):
    """Draw a data set with numbers to predict and `2 k` labelled target rows."""
    rng = np.random.default_rng([*seed, k, list(MOVES).index(name)])
    angle, offset = np.deg2rad(MOVES[name][0]), MOVES[name][1]
    first, second = np.array([[1, 1, 0.5, 0.5, 0, 0, 0, 0], [1, -1, 0.5, -0.5, 0, 0, 0, 0]])
    turned = np.cos(angle) * first + np.sin(angle) * second

    def sample(n_rows, rule, offset):
        X = rng.normal(size=(n_rows, N_COLUMNS))
        return X, X @ rule + offset + rng.normal(size=n_rows)

    X_source, y_source = sample(N_SOURCE, first, 0)
    source = _fit_ridge(X_source, y_source)

    def fit(X, y):
        rest = _fit_ridge(X, y - _predict(source, X))
        pooled = _fit_ridge(np.vstack([X_source, X]), np.concatenate([y_source, y]))
        return {"T": _fit_ridge(X, y), "P": pooled, "S": source, "B": source + rest}

    rows, truth = sample(2 * k, turned, offset), sample(N_TRUTH, turned, offset)
    return _draw(fit, _number_scores, *rows, *truth, k, rng)


def _draw(fit, score, X, y, X_truth, y_truth, k, rng):
    """Cross-validate models on rows, and score them on many other rows, as the truth."""
    full = {name: score(model, X_truth, y_truth) for name, model in fit(X, y).items()}
    names = list(score(next(iter(fit(X, y).values())), X, y))
    rows = {name: {model: np.zeros((N_REPEATS, len(y))) for model in full} for name in names}
    folds = np.zeros((N_REPEATS, len(y)), dtype=int)
    n_folds = min(MOST_FOLDS, k)
    cv = RepeatedTargetFold(n_folds, n_repeats=N_REPEATS, random_state=int(rng.integers(2**31)))
    for number, (train, test) in enumerate(cv.split(X, y, groups=np.full(len(y), "target"))):
        repeat, folds[number // n_folds, test] = number // n_folds, number % n_folds
        for model, fitted in fit(X[train], y[train]).items():
            for name, values in score(fitted, X[test], y[test]).items():
                rows[name][model][repeat, test] = values
    truth = {name: {model: full[model][name].mean() for model in full} for name in names}
    return Draw(k, truth, rows, folds, rng)


def _class_scores(model, X, y):
    probability = expit(_predict(model, X))
    of_truth = np.where(y == 1, probability, 1 - probability)
    return {
        "accuracy": ((probability > 0.5) == y).astype(float),
        "Brier score": -np.square(1 - of_truth),
        "log-loss": np.log(np.maximum(of_truth, SMALLEST)),
    }


def _number_scores(model, X, y):
    errors = y - _predict(model, X)
    return {"squared error": -np.square(errors), "absolute error": -np.abs(errors)}


def _predict(model, X):
    return X @ model[:-1] + model[-1]


def _fit_ridge(X, y):
    mean, offset = X.mean(axis=0), y.mean()
    A = X - mean
    coefficients = np.linalg.solve(A.T @ A + RIDGE * np.eye(X.shape[1]), A.T @ (y - offset))
    return np.append(coefficients, offset - mean @ coefficients)


def _fit_logistic(X, y, *, center=None):
    """Logistic regression by Newton steps; the penalty pulls it to `center`, else to 0."""
    A = np.column_stack([X, np.ones(len(X))])
    start = np.zeros(A.shape[1]) if center is None else center
    penalty = np.append(np.ones(X.shape[1]), 1e-6 if center is None else 1.0)
    model = start.copy()
    for _ in range(25):
        p = expit(A @ model)
        gradient = C * A.T @ (p - y) + penalty * (model - start)
        hessian = C * (A.T * (p * (1 - p))) @ A + np.diag(penalty)
        step = np.linalg.solve(hessian, gradient)
        model = model - step
        if np.abs(step).max() < 1e-6:
            break
    return model
