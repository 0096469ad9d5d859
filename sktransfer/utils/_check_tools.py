"""What the estimator checks work with: the data they fit on, and how they ask for answers."""

import pickle
import random
import re
import sys
import warnings
from inspect import signature

import numpy as np
import sklearn
from sklearn.base import BaseEstimator, clone, is_classifier, is_regressor
from sklearn.pipeline import Pipeline
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from sktransfer._sklearn import get_tags

# How an estimator may answer rows, the most telling first.
_ANSWERING = ("predict_proba", "predict", "transform", "weigh")


def domain_data(dtype=np.float64, n_rows=24, seed=0):
    """Draw X, y and sample_domain: four features, two sources and a target apart, two classes."""
    rng = np.random.default_rng(seed)
    domains = np.repeat(["north", "south", "target"], n_rows)
    shift = np.repeat([0.3, 0.1, 0.0], n_rows)
    y = np.tile([0, 1], len(domains) // 2)
    X = 0.2 + 0.5 * y[:, None] * [1, 0, 1, 0] + shift[:, None] + rng.uniform(size=(len(y), 4)) / 4
    order = rng.permutation(len(y))
    return X[order].astype(dtype), y[order], domains[order]


def fresh(estimator, /, **params):
    """Clone with these parameters, and with a seed where it takes one."""
    estimator = clone(estimator).set_params(**params)
    if "random_state" in estimator.get_params(deep=False):
        estimator.set_params(random_state=0)
    return estimator


def takes_domain(estimator):
    """Tell whether `fit` takes sample_domain."""
    return "sample_domain" in signature(estimator.fit).parameters


def learns_from_labels(estimator):
    """Tell a predictor, and whatever says by its tags or by `supervised` that it reads labels."""
    supervised = estimator.get_params(deep=False).get("supervised", False)
    return bool(
        supervised
        or is_classifier(estimator)
        or is_regressor(estimator)
        or get_tags(estimator).target_tags.required
    )


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
    return (
        estimator.fit(X, y, sample_domain=domains)
        if takes_domain(estimator)
        else estimator.fit(X, y)
    )


def weighs(estimator):
    """Tell a weighter: it gives neither predictions nor features, but `weights_` to source rows."""
    return not any(hasattr(estimator, method) for method in _ANSWERING[:-1])


def answers_rows(estimator):
    return any(hasattr(estimator, method) for method in _ANSWERING)


def answers(estimator, X, domains=None):
    """Give what the fitted estimator says of rows (without `domains`: target rows), as an array.

    A weighter that does not weigh new rows says the weights of the rows that it was fitted on.
    """
    if isinstance(estimator, Pipeline) and weighs(estimator[-1]):
        return answers(estimator[-1], estimator[:-1].transform(X), domains)
    for method in _ANSWERING:
        if hasattr(estimator, method):
            call = getattr(estimator, method)
            if domains is not None and "sample_domain" in signature(call).parameters:
                return np.asarray(call(X, sample_domain=domains))
            return np.asarray(call(X))
    if hasattr(estimator, "weights_"):
        return np.asarray(estimator.weights_)
    raise AssertionError(
        f"{type(estimator).__name__} has no predict, no transform and no weights_ to check"
    )


def learn(estimator, X, y, domains=None):
    """Fit, and give what the estimator says of the same rows, each with its domain."""
    fitted = fit(estimator, X, y, domains)
    return np.asarray(fitted.weights_) if weighs(fitted) else answers(fitted, X, domains)


def error_of(action, kind=ValueError):
    """Give the message of the error that `action` must raise."""
    try:
        action()
    except kind as error:
        return str(error)
    raise AssertionError(f"expected a {kind.__name__}, nothing was raised")


def one_sentence(message, *words):
    missing = [word for word in words if not re.search(word, message)]
    assert not missing, f"the message {message!r} does not name {missing}"


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
