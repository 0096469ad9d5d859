"""Numbers: NaN, infinite, huge, tiny and constant X, y and weights, in every estimator."""

import inspect
from functools import lru_cache

import numpy as np
from sklearn.base import BaseEstimator, clone

import sktransfer

N, WIDTH = 40, 16


def case(seed, folder):
    rng = np.random.default_rng(seed)
    names = sorted(estimators())
    estimator = clone(estimators()[names[rng.integers(len(names))]])
    X, y, given = problem(estimator, rng)
    with np.errstate(all="ignore"):
        estimator.fit(X, y, **given)
        results = {name: answer(estimator, name, X, given) for name in METHODS}
    for name, result in results.items():
        if result is not None and result.dtype.kind == "f":
            is_sound = np.isfinite(result).all() or np.isnan(X).any()
            assert is_sound, f"{type(estimator).__name__}.{name} is not finite"


METHODS = ("predict", "predict_proba", "decision_function", "transform")


def answer(estimator, name, X, given):
    if not hasattr(estimator, name):
        return None
    domains = {}
    if name == "transform" and "sample_domain" in inspect.signature(estimator.transform).parameters:
        domains = {key: value for key, value in given.items() if key == "sample_domain"}
    result = getattr(estimator, name)(X, **domains)
    return np.asarray(result.toarray() if hasattr(result, "toarray") else result)


@lru_cache
def estimators():
    """Every public estimator that builds without arguments, by name."""
    kinds = (getattr(sktransfer, name) for name in sktransfer.__all__)
    kinds = [kind for kind in kinds if inspect.isclass(kind) and issubclass(kind, BaseEstimator)]
    built = {}
    for kind in kinds:
        try:
            estimator = kind()
        except TypeError:
            continue
        quick = {"n_estimators": 3, "random_state": 0, "cache": None}
        known = estimator.get_params()
        built[kind.__name__] = estimator.set_params(
            **{name: value for name, value in quick.items() if name in known}
        )
    return {
        name: estimator
        for name, estimator in built.items()
        if hasattr(estimator, "fit") and any(hasattr(estimator, method) for method in METHODS)
    }


def problem(estimator, rng):
    """Rows of two domains, and what `fit` takes beside them; some of it odd."""
    X = rng.normal(size=(N, WIDTH))
    X[N // 2 :] += 0.5
    tags = estimator.__sklearn_tags__()
    if tags.input_tags.positive_only:
        X = np.abs(X)
    y = (X[:, 0] > np.median(X[:, 0])).astype(float)
    if getattr(estimator, "_estimator_type", None) == "regressor" or tags.regressor_tags:
        y = X[:, 0] + 0.1 * rng.normal(size=N)
    given, known = {}, inspect.signature(estimator.fit).parameters
    if "sample_domain" in known:
        given["sample_domain"] = np.repeat(["s", "target"], N // 2)
    if "sample_weight" in known and rng.random() < 0.5:
        given["sample_weight"] = odd(rng.random(N), rng)
    if rng.random() < 0.7:
        X = odd(X, rng)
    if tags.regressor_tags and rng.random() < 0.5:
        y = odd(y, rng)
    return X, y, given


def odd(values, rng):
    """Values that a user may have, and that arithmetic may not bear."""
    values, kind = values.copy(), rng.integers(9)
    rows = rng.integers(len(values), size=rng.integers(1, 4))
    if kind == 0:
        values[rows] = rng.choice([np.nan, np.inf, -np.inf])
    elif kind == 1:
        values *= 10.0 ** rng.integers(-320, 308)
    elif kind == 2:
        values[rows] *= 10.0 ** rng.integers(-300, 300)
    elif kind == 3:
        values[:] = rng.choice([0.0, 1.0, -1.0, 1e300, 1e-300])
    elif kind == 4 and values.ndim == 2:
        values[:, rng.integers(values.shape[1])] = rng.choice([0.0, 1e200, 1e-200])
    elif kind == 5:
        values += 10.0 ** rng.integers(0, 300)
    elif kind == 6:
        values = values.astype(np.float32) * np.float32(1e37)
    elif kind == 7:
        values[:] = values[rows[0]]
    else:
        values = -values
    return values
