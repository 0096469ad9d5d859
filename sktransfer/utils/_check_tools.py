"""Tools of the estimator checks: the data they fit on, and how they call estimators."""

import pickle
import random
import re
import sys
import traceback
import warnings
from collections.abc import Mapping
from dataclasses import asdict
from functools import wraps
from inspect import signature
from numbers import Real
from pathlib import Path
from unittest import SkipTest

import numpy as np
import sklearn
from sklearn.base import BaseEstimator, clone, is_classifier, is_regressor
from sklearn.pipeline import Pipeline
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from sktransfer._messages import cause, shortened, shown
from sktransfer._needs import needs_of
from sktransfer._sklearn import get_tags

# How an estimator may answer rows, the most telling first.
_ANSWERING = ("predict_proba", "predict", "transform", "weigh")


def domain_data(dtype=np.float64, n_rows=24, seed=0):
    """Draw X, y and sample_domain: four features, two sources and a target apart, two classes.

    All values are in 0..1, so that an estimator of images reads a part of X on the scale of all.
    """
    rng = np.random.default_rng(seed)
    domains = np.repeat(["north", "south", "target"], n_rows)
    shift = np.repeat([0.3, 0.1, 0.0], n_rows)
    y = np.tile([0, 1], len(domains) // 2)
    X = 0.2 + 0.5 * y[:, None] * [1, 0, 1, 0] + shift[:, None] + rng.uniform(size=(len(y), 4)) / 4
    X /= 2
    order = rng.permutation(len(y))
    return X[order].astype(dtype), y[order], domains[order]


def fresh(estimator, /, **params):
    """Clone with these parameters, and with a seed if it takes one."""
    estimator = clone(estimator).set_params(**params)
    if "random_state" in estimator.get_params(deep=False):
        estimator.set_params(random_state=0)
    return estimator


def takes_domain(estimator):
    """Tell whether `fit` takes sample_domain."""
    return "sample_domain" in signature(estimator.fit).parameters


def contract(check):
    """Make a check fail with one sentence: the estimator, the expectation, the observation.

    The expectation is the first paragraph of the docstring of the check. An exception that the
    estimator raised is the cause of the AssertionError, which names its place.
    """
    expectation = " ".join(check.__doc__.partition("\n\n")[0].split()).rstrip(".")

    @wraps(check)
    def checked(estimator):
        try:
            check(estimator)
        except SkipTest:
            raise
        except Exception as error:
            raise AssertionError(
                f"{type(estimator).__name__} fails {check.__name__}. Expected: {expectation}. "
                f"Observed: {_observed(error)}."
            ) from error

    return checked


def _observed(error):
    """Return the message of an exception, on one line, and the place if foreign code raised it."""
    if isinstance(error, AssertionError):
        return shortened(error).rstrip(".")
    frame = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{Path(frame.filename).name}, line {frame.lineno}, in {frame.name}"
    return f"{cause(error).rstrip('.')} (raised in {place})"


def same(found, expected, what="the answers", *, rtol=0.0, atol=0.0):
    """Raise AssertionError, with the number and size of the differences, if two arrays differ."""
    found, expected = np.asarray(found), np.asarray(expected)
    if found.shape != expected.shape:
        raise AssertionError(f"{what} have the shape {found.shape} instead of {expected.shape}")
    numbers = found.dtype.kind in "biuf" and expected.dtype.kind in "biuf"
    if numbers:
        equal = np.isclose(found, expected, rtol=rtol, atol=atol, equal_nan=True)
    else:
        equal = found == expected
    if not np.all(equal):
        size = f", by up to {np.nanmax(np.abs(found - 1.0 * expected)):.2g}" if numbers else ""
        raise AssertionError(f"{what} differ in {np.sum(~equal)} of {equal.size} entries{size}")


def needs_domain(estimator):
    """Raise AssertionError if `fit` takes no domains, so that a check of them makes no sense."""
    if not takes_domain(estimator):
        names = ", ".join(signature(estimator.fit).parameters)
        raise AssertionError(f"fit({names}) has no parameter sample_domain")


def learns_from_labels(estimator):
    """Tell a predictor, and whatever says by its tags or by `supervised` that it reads labels."""
    supervised = estimator.get_params(deep=False).get("supervised", False)
    return bool(
        supervised
        or is_classifier(estimator)
        or is_regressor(estimator)
        or get_tags(estimator).target_tags.required
    )


def reads_target_labels(estimator):
    """Tell a predictor that learns from labelled target rows: one that does not say otherwise."""
    needs = needs_of(estimator)
    return needs is None or needs.target_labels


def uses_unlabelled_rows(estimator):
    """Tell a method that says that it learns from rows without a label, too."""
    needs = needs_of(estimator)
    return needs is not None and needs.unlabelled_rows == "used"


def takes_any_task(estimator):
    """Tell a predictor of tasks, which any value names, that says so."""
    needs = needs_of(estimator)
    return needs is not None and needs.any_task


def order_matters(estimator):
    """Tell a method that says that the order of the rows changes its result."""
    needs = needs_of(estimator)
    return needs is not None and needs.order_matters


def part_names(estimator):
    """Return the parameters that hold an estimator which the outer one fits."""
    return [name for name in ("estimator", "weighter") if name in estimator.get_params(deep=False)]


def seeded_parts(estimator, *, seed):
    """Return a list, and parts of a given seed that add their seed to it whenever they are fitted.

    The weighter has no seed of its own, but a part that has one.
    """
    seen = []

    class Tree(DecisionTreeRegressor if is_regressor(estimator) else DecisionTreeClassifier):
        def fit(self, X, y, sample_weight=None):
            seen.append(self.random_state)
            return super().fit(X, y, sample_weight=sample_weight)

    class Weighter(BaseEstimator):
        __metadata_request__fit = {"sample_domain": True}

        def __init__(self, estimator=None, random_state=None):
            self.estimator = estimator
            self.random_state = random_state

        def fit(self, X, y=None, *, sample_domain=None):
            seen.append(self.estimator.random_state)
            self.weights_ = np.ones(X.shape[0])
            return self

        def weigh(self, X):
            return np.ones(X.shape[0])

    tree = Tree(max_depth=3, random_state=seed)
    kinds = {"estimator": tree, "weighter": Weighter(Tree(random_state=seed))}
    return seen, {name: kinds[name] for name in part_names(estimator)}


def needs_labels(estimator):
    """Tell whether it refuses to be fitted without a label, by a sentence that asks for `y`."""
    if get_tags(estimator).target_tags.required:
        return True
    X, _, domains = domain_data()
    try:
        fit(fresh(estimator), X, None, domains)
    except ValueError as error:
        one_sentence(str(error), "source", r"\by\b")
        return True
    return False


def fit(estimator, X, y, domains=None):
    """Fit, with domains if `fit` takes them, and return its result, which must be the estimator."""
    options = {"sample_domain": domains} if takes_domain(estimator) else {}
    fitted = estimator.fit(X, y, **options)
    if fitted is not estimator:
        raise AssertionError(f"fit returned {shown(fitted)} instead of self")
    return fitted


def diagnoses(estimator):
    """Tell a diagnosis, by its tags: it answers no rows, and has a `report_` of those of `fit`."""
    return get_tags(estimator).estimator_type == "diagnosis"


def weighs(estimator):
    """Tell a weighter: it gives neither predictions nor features, but `weights_` to source rows."""
    answering = any(hasattr(estimator, method) for method in _ANSWERING[:-1])
    return not (answering or diagnoses(estimator))


def answers_rows(estimator):
    return any(hasattr(estimator, method) for method in _ANSWERING)


def answers(estimator, X, domains=None):
    """Return the fitted estimator's output for rows (without `domains`: target rows), as an array.

    A weighter that does not weigh new rows returns the weights of the rows that it was fitted on. A
    diagnosis returns the numbers of its report.
    """
    last = estimator[-1] if isinstance(estimator, Pipeline) else estimator
    if diagnoses(last):
        return np.array(list(_numbers_in(asdict(last.report_))))
    if isinstance(estimator, Pipeline) and weighs(last):
        return answers(estimator[-1], estimator[:-1].transform(X), domains)
    for method in _ANSWERING:
        if hasattr(estimator, method):
            call = getattr(estimator, method)
            takes = domains is not None and "sample_domain" in signature(call).parameters
            said = np.asarray(call(X, sample_domain=domains) if takes else call(X))
            if said.ndim == 0 or len(said) != len(X):
                raise AssertionError(
                    f"{method} of {len(X)} rows returned an array of shape {said.shape}"
                )
            return said
    if hasattr(estimator, "weights_"):
        return np.asarray(estimator.weights_)
    raise AssertionError(
        f"{type(estimator).__name__} has no predict, no transform and no weights_ to check"
    )


def _numbers_in(values):
    """Yield the numbers in nested containers."""
    if isinstance(values, Mapping | list | tuple):
        for value in values.values() if isinstance(values, Mapping) else values:
            yield from _numbers_in(value)
    elif isinstance(values, Real):
        yield float(values)


def learn(estimator, X, y, domains=None):
    """Fit, and return the estimator's output for the same rows, each with its domain."""
    fitted = fit(estimator, X, y, domains)
    return np.asarray(fitted.weights_) if weighs(fitted) else answers(fitted, X, domains)


def error_of(action, kind=ValueError, *, what="the call"):
    """Return the message of the error that `action` must raise."""
    try:
        action()
    except kind as error:
        return str(error)
    raise AssertionError(f"{what} raised no {kind.__name__}")


def one_sentence(message, *words):
    """Raise AssertionError if a message does not name all of these words."""
    missing = [word for word in words if not re.search(word, message)]
    assert not missing, f"the message {shortened(message)!r} does not name {missing}"


def global_state():
    state = {
        "sklearn config": sklearn.get_config(),
        "numpy random state": pickle.dumps(np.random.get_state()),
        "random state": random.getstate(),
        "warning filters": list(warnings.filters),
        "numpy error handling": np.geterr(),
    }
    if "torch" in sys.modules:
        torch = sys.modules["torch"]
        state["torch threads"] = torch.get_num_threads()
        state["torch random state"] = torch.get_rng_state().tolist()
        state["torch dtype"] = torch.get_default_dtype()
        state["torch determinism"] = torch.are_deterministic_algorithms_enabled()
    return state
