"""A second implementation of the weights, with scikit-learn alone, gives the same numbers.

Folds are drawn at random. Here all rows of one class are the same, so that every draw of stratified
folds holds out the same rows; and with one row a class each row is a fold.
"""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax
from scipy.stats import t
from sklearn.linear_model import LogisticRegression, Ridge

from sktransfer import GuardedTransferClassifier, GuardedTransferRegressor, pack_domains

C = 0.3


def model():
    return LogisticRegression(C=C, max_iter=5000, tol=1e-8)


def two_columns(scores):
    """Scores of both classes from those of the second."""
    return np.column_stack([-scores / 2, scores / 2]) if scores.ndim == 1 else scores


def recalibrated(source, X, y, classes):
    """Scale and shifts of the source's scores, each pulled to no change."""
    truth, scores = y[:, None] == classes, centered_logs(source, X)

    def loss(v):
        change = np.sum((v - np.r_[1.0, np.zeros(len(classes))]) ** 2) / 2
        return change - log_softmax(v[0] * scores + v[1:], axis=1)[truth].sum()

    v = minimize(loss, np.r_[1.0, np.zeros(len(classes))], tol=1e-10).x
    return lambda Z: softmax(v[0] * centered_logs(source, Z) + v[1:], axis=1)


def centered_logs(source, X):
    logs = np.log(source.predict_proba(X))
    return logs - logs.mean(axis=1, keepdims=True)


def pulled(source, X, y, classes):
    """A softmax regression whose distance to the source's coefficients is penalized."""
    truth, scores = y[:, None] == classes, two_columns(source.decision_function(X))
    shape = X.shape[1] + 1, len(classes)

    def changed(v, Z, scores):
        change = v.reshape(shape)
        return scores + Z @ change[:-1] + change[-1]

    def loss(v):
        penalty = np.sum(v.reshape(shape) ** 2) / 2
        return penalty - C * log_softmax(changed(v, X, scores), axis=1)[truth].sum()

    v = minimize(loss, np.zeros(np.prod(shape)), tol=1e-10).x
    return lambda Z: softmax(changed(v, Z, two_columns(source.decision_function(Z))), axis=1)


def augmented(X_source, y_source, X, y):
    """EasyAdapt: columns for all domains, for the source, for the target, and an intercept each."""

    def copies(Z, is_target):
        ones, zero = np.ones((len(Z), 1)), np.zeros_like(Z)
        own = [zero, Z, 0 * ones, ones] if is_target else [Z, zero, ones, 0 * ones]
        return np.hstack([Z, *own])

    rows = np.vstack([copies(X_source, False), copies(X, True)])
    fitted = model().fit(rows, np.r_[y_source, y])
    return lambda Z: fitted.predict_proba(copies(Z, True))


def candidates(X_source, y_source, X, y, classes):
    """Name -> function that gives probabilities."""
    source = model().fit(X_source, y_source)
    pool, labels = np.vstack([X_source, X]), np.r_[y_source, y]
    halves = np.repeat(len(labels) / 2 / np.array([len(X_source), len(X)]), [len(X_source), len(X)])
    found = {
        "source": source.predict_proba,
        "pooled": model().fit(pool, labels).predict_proba,
        "balanced": model().fit(pool, labels, sample_weight=halves).predict_proba,
        "augmented": augmented(X_source, y_source, X, y),
        "recalibrated": recalibrated(source, X, y, classes),
    }
    if set(y) == set(classes):
        found["target"] = model().fit(X, y).predict_proba
    return found


def held_out(X_source, y_source, X, y, classes, folds, names):
    """The probabilities of target rows by models that have not seen them; NaN if there is none."""
    answers = {name: np.full((len(y), len(classes)), np.nan) for name in names}
    for out in folds:
        seen = np.setdiff1d(np.arange(len(y)), out)
        fitted = candidates(X_source, y_source, X[seen], y[seen], classes)
        for name in names:
            if name in fitted:
                answers[name][out] = fitted[name](X[out])
    return answers


def log_scores(p, y, classes):
    return np.log(0.98 * p[y[:, None] == classes] + 0.02 / len(classes))


def weights_of(scores, n_rows, rehearsed, blend):
    """``w ~ exp(0.5 sum s)``, the target's score blended with its rehearsal."""
    totals = {name: each.sum() for name, each in scores.items()}
    totals["target"] = (1 - blend) * np.nan_to_num(totals["target"]) + blend * n_rows * rehearsed
    values = softmax(0.5 * np.array(list(totals.values())))
    return dict(zip(totals, values, strict=True))


def draw(n_classes, k, seed=0):
    rng = np.random.default_rng(seed)
    centers = 1.5 * rng.normal(size=(n_classes, 3))
    classes = np.arange(n_classes)
    y_source, y = np.repeat(classes, 30), np.repeat(classes, k)
    X_source = centers[y_source] + rng.normal(size=(len(y_source), 3))
    X = centers[y] + rng.normal(size=(len(y), 3)) + 0.5
    if k > 1:
        X[y == n_classes - 1] = X[y == n_classes - 1][0]
    return X_source, y_source, X, y, classes


def fit(X_source, y_source, X, y):
    packed = pack_domains({"s": (X_source, y_source)}, target=(X, y))
    guard = GuardedTransferClassifier(estimator=model(), random_state=0)
    return guard.fit(packed[0], packed[1], sample_domain=packed[2])


@pytest.mark.parametrize(("n_classes", "k"), [(2, 2), (2, 5), (3, 1), (4, 1)])
def test_weights(n_classes, k):
    rows = draw(n_classes, k)
    guard = fit(*rows[:4])
    *_, y, classes = rows
    folds = [np.array([i]) for i in range(n_classes)]
    if k > 1:
        folds = [np.array([i, i + k]) for i in range(k)]
    names = [name for name in guard.estimators_ if name != "pulled"]
    answers = held_out(*rows, folds, names)
    scores = {name: log_scores(answers[name], y, classes) for name in names}
    report = {line.name: line for line in guard.report_.lines}
    blend = 1.0 if k == 1 else 10 / (10 + len(y))
    expected = weights_of(scores, len(y), -report["target"].rehearsed, blend)
    kept = np.array([guard.weights_[name] for name in names])
    assert_allclose(kept / kept.sum(), [expected[name] for name in names], rtol=2e-3)
    for name in names:
        if report[name].loss is not None:
            assert report[name].loss == pytest.approx(-scores[name].mean(), rel=1e-3)


def test_the_pulled_model():
    X_source, y_source, X, y, classes = draw(3, 5)
    guard = fit(X_source, y_source, X, y)
    expected = pulled(model().fit(X_source, y_source), X, y, classes)
    found = guard.estimators_["pulled"].predict_proba(X_source)
    assert_allclose(found, expected(X_source), atol=2e-4)


def test_differences_and_intervals():
    rows = draw(2, 5)
    guard = fit(*rows[:4])
    *_, y, classes = rows
    names, n = ["target", "source", "pooled", "balanced", "augmented", "recalibrated"], len(y)
    answers = held_out(*rows, [np.array([i, i + 5]) for i in range(5)], names)
    hits = {name: (answers[name].argmax(axis=1) == y).astype(float) for name in names}
    for line in guard.report_.lines:
        if line.name not in names[1:]:
            continue
        d = hits[line.name] - hits["target"]
        a, b = ((d > 0).sum() + 1) / (n + 2), ((d < 0).sum() + 1) / (n + 2)
        reach = t.ppf(0.95, n) * np.sqrt((a + b - (a - b) ** 2) / (n + 2))
        assert line.difference == pytest.approx(d.mean())
        assert [line.low, line.high] == pytest.approx([a - b - reach, a - b + reach])


def test_weights_of_numbers():
    """Leave-one-out of four rows, two sources; what rehearsals found is read from the report."""
    rng = np.random.default_rng(0)
    beta = np.array([1.0, -2.0, 0.5])
    sources = {}
    for name, offset in (("a", 0.0), ("b", 1.0)):
        X = rng.normal(size=(40, 3))
        sources[name] = X, X @ beta + offset + rng.normal(size=40)
    X_target = rng.normal(size=(4, 3))
    y_target = X_target @ beta + 2 + rng.normal(size=4)
    X, y, sample_domain = pack_domains(sources, target=(X_target, y_target))
    guard = GuardedTransferRegressor(random_state=0).fit(X, y, sample_domain=sample_domain)
    report = {line.name: line for line in guard.report_.lines}
    X_source, y_source = (np.concatenate(each) for each in zip(*sources.values(), strict=True))
    source = Ridge().fit(X_source, y_source)
    errors = {name: np.empty(4) for name in ("target", "source", "pooled", "offset")}
    for i in range(4):
        seen = np.arange(4) != i
        rest = y_target[seen] - source.predict(X_target[seen])
        pool = Ridge().fit(np.vstack([X_source, X_target[seen]]), np.r_[y_source, y_target[seen]])
        predicted = {
            "target": Ridge().fit(X_target[seen], y_target[seen]).predict(X_target[[i]])[0],
            "source": source.predict(X_target[[i]])[0],
            "pooled": pool.predict(X_target[[i]])[0],
            "offset": source.predict(X_target[[i]])[0] + rest.mean(),
        }
        for name, value in predicted.items():
            errors[name][i] = y_target[i] - value
    variance = min(line.rehearsed for line in report.values())
    totals = {
        name: -np.sum(error**2) / (2 * variance) - 50 * report[name].rehearsed / (2 * variance)
        for name, error in errors.items()
    }
    expected = softmax(0.5 * np.array(list(totals.values())))
    kept = np.array([guard.weights_[name] for name in errors])
    assert_allclose(kept / kept.sum(), expected, rtol=1e-4)
