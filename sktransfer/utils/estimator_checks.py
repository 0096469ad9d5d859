"""The transfer contract, as checks that anyone's estimator can be run through.

scikit-learn's own estimator checks say what an estimator is; these say what a *transfer* estimator
is: how it reads ``sample_domain``, whom it lets see labels, what it leaves untouched. Run both:

>>> from sklearn.utils.estimator_checks import check_estimator
>>> from sktransfer import CORALAligner
>>> from sktransfer.utils.estimator_checks import check_transfer_estimator
>>> passed = check_transfer_estimator(CORALAligner())

A check applies to an estimator by what it offers (``sample_domain`` in its ``fit``, ``transform``,
``predict``, ``weights_``, an inner ``estimator``), never by its type; `transfer_checks` lists those
that apply.
"""

import pickle
import random
import re
import sys
import warnings
from contextlib import ExitStack
from functools import partial
from inspect import signature
from unittest import mock

import numpy as np
import sklearn
from sklearn.base import BaseEstimator, TransformerMixin, clone, is_classifier, is_regressor
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline

from sktransfer._sklearn import get_tags
from sktransfer.model_selection import TargetFold
from sktransfer.pipeline import make_transfer_pipeline

__all__ = ["check_transfer_estimator", "transfer_checks"]


def check_transfer_estimator(estimator):
    """Run every transfer check that applies to `estimator`; raise at the first that fails.

    Parameters
    ----------
    estimator : estimator instance
        It is cloned, never fitted itself.

    Returns
    -------
    names : list of str
        The checks that were run, and passed.
    """
    names = []
    for check in transfer_checks(estimator):
        check(estimator)
        names.append(check.__name__)
    return names


def transfer_checks(estimator):
    """List the checks that apply to `estimator`.

    Parameters
    ----------
    estimator : estimator instance

    Returns
    -------
    checks : list of callables
        Each takes the estimator and raises AssertionError (or what the estimator raised).
    """
    checks = list(_ANY)
    checks += _ROW_BY_ROW if _answers_rows(estimator) else []
    if _takes_domain(estimator):
        checks += _DOMAIN
        checks += _DOMAIN_ROW_BY_ROW if _answers_rows(estimator) else []
        checks += _DOMAIN_WEIGHTER if _weighs(estimator) else []
        checks += _DOMAIN_TRANSFORMER if hasattr(estimator, "transform") else []
        reads_no_target_label = _weighs(estimator) or not _learns_from_labels(estimator)
        checks += _UNSUPERVISED if reads_no_target_label else []
        checks += _DOMAIN_CLASSIFIER if is_classifier(estimator) else []
    checks += _CLASSIFIER if is_classifier(estimator) else []
    predicts = is_classifier(estimator) or is_regressor(estimator)
    checks += _META if predicts and "estimator" in estimator.get_params(deep=False) else []
    return checks


# What the checks fit on: four features, two sources and a target that lie elsewhere, two classes.


_ANSWERING = ("predict_proba", "predict", "transform", "weigh")


def _domain_data(dtype=np.float64, n_rows=24, seed=0):
    rng = np.random.default_rng(seed)
    domains = np.repeat(["north", "south", "target"], n_rows)
    shift = np.repeat([0.3, 0.1, 0.0], n_rows)
    y = np.tile([0, 1], len(domains) // 2)
    X = 0.2 + 0.5 * y[:, None] * [1, 0, 1, 0] + shift[:, None] + rng.uniform(size=(len(y), 4)) / 4
    order = rng.permutation(len(y))
    return X[order].astype(dtype), y[order], domains[order]


def _fresh(estimator, /, **params):
    estimator = clone(estimator).set_params(**params)
    if "random_state" in estimator.get_params(deep=False):
        estimator.set_params(random_state=0)
    return estimator


def _takes_domain(estimator):
    return "sample_domain" in signature(estimator.fit).parameters


def _learns_from_labels(estimator):
    supervised = estimator.get_params(deep=False).get("supervised", False)
    return bool(
        supervised
        or is_classifier(estimator)
        or is_regressor(estimator)
        or get_tags(estimator).target_tags.required
    )


def _needs_labels(estimator):
    """Tell whether it refuses to be fitted without a label, by a sentence that asks for `y`."""
    if get_tags(estimator).target_tags.required:
        return True
    X, _, domains = _domain_data()
    try:
        _fit(_fresh(estimator), X, None, domains)
    except ValueError as error:
        _one_sentence(str(error), "source", r"\by\b")
        return True
    return False


def _fit(estimator, X, y, domains=None):
    return (
        estimator.fit(X, y, sample_domain=domains)
        if _takes_domain(estimator)
        else estimator.fit(X, y)
    )


def _weighs(estimator):
    """Tell a weighter: it gives neither predictions nor features, but `weights_` to source rows."""
    return not any(hasattr(estimator, method) for method in _ANSWERING[:-1])


def _answers_rows(estimator):
    return any(hasattr(estimator, method) for method in _ANSWERING)


def _answers(estimator, X, domains=None):
    """Give what the fitted estimator says of rows (without `domains`: target rows), as an array.

    A weighter that does not weigh new rows says the weights of the rows that it was fitted on.
    """
    if isinstance(estimator, Pipeline) and _weighs(estimator[-1]):
        return _answers(estimator[-1], estimator[:-1].transform(X), domains)
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


def _learn(estimator, X, y, domains=None):
    """Fit, and give what the estimator says of the same rows, each with its domain."""
    fitted = _fit(estimator, X, y, domains)
    return np.asarray(fitted.weights_) if _weighs(fitted) else _answers(fitted, X, domains)


def _error_of(action, kind=ValueError):
    """Give the message of the error that `action` must raise."""
    try:
        action()
    except kind as error:
        return str(error)
    raise AssertionError(f"expected a {kind.__name__}, nothing was raised")


def _one_sentence(message, *words):
    missing = [word for word in words if not re.search(word, message)]
    assert not missing, f"the message {message!r} does not name {missing}"


# Checks of any estimator.


def check_builds_without_arguments(estimator):
    """The type builds without arguments."""
    type(estimator)()


def check_construction_touches_nothing(estimator):
    """Constructing and cloning open no file and no socket: weights are loaded when first used."""
    forbidden = mock.Mock(side_effect=AssertionError("construction opened a file or a socket"))
    with ExitStack() as blocked:
        for name in ("builtins.open", "io.open", "os.open", "socket.socket.connect"):
            blocked.enter_context(mock.patch(name, forbidden))
        clone(type(estimator)())


def check_inputs_unchanged(estimator):
    """Read-only arrays are accepted, and no byte of what the caller passed is changed."""
    X, y, domains = _domain_data()
    before = X.tobytes(), y.tobytes(), domains.tobytes()
    for array in (X, y, domains):
        array.setflags(write=False)
    _learn(_fresh(estimator), X, y, domains)
    assert before == (X.tobytes(), y.tobytes(), domains.tobytes())


def check_search_leaves_inputs_unchanged(estimator):
    """The same through GridSearchCV."""
    X, y, domains = _domain_data()
    before = X.tobytes(), y.tobytes(), domains.tobytes()
    params = {"sample_domain": domains} if _takes_domain(estimator) else {}
    search = GridSearchCV(
        _fresh(estimator),
        {},
        cv=TargetFold(2),
        scoring=lambda fitted, X, y: _answers(fitted, X).mean(),
    )
    search.fit(X, y, groups=domains, **params)
    assert before == (X.tobytes(), y.tobytes(), domains.tobytes())


def _global_state():
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


def check_global_state_unchanged(estimator):
    """Constructing, fitting and answering change nothing global in Python, NumPy or torch."""
    X, y, domains = _domain_data()
    _learn(_fresh(estimator), X, y, domains)  # from here on all that it needs is imported
    kept = np.random.get_state(), random.getstate()
    with warnings.catch_warnings():
        warnings.resetwarnings()  # a filter that an earlier fit left behind would hide a new one
        np.random.seed(20261121)  # so that a seed set inside cannot be the state that we are in
        random.seed(20261121)
        before = _global_state()
        _learn(clone(type(estimator)()), X, y, domains)
        after = _global_state()
    np.random.set_state(kept[0])
    random.setstate(kept[1])
    changed = [key for key, value in before.items() if after[key] != value]
    assert not changed, f"{type(estimator).__name__} changed the global {changed}"


def check_params_unchanged_by_fit(estimator):
    """Parameters are the same after fit, by value and by identity."""
    X, y, domains = _domain_data()
    fitted = _fresh(estimator)
    before = fitted.get_params(deep=False)
    values = pickle.dumps(before)
    _fit(fitted, X, y, domains)
    after = fitted.get_params(deep=False)
    assert all(after[name] is value for name, value in before.items())
    assert pickle.dumps(after) == values


def check_set_params_counts(estimator):
    """``set_params`` and then ``fit`` equals constructing so: nothing is built in ``__init__``."""
    X, y, domains = _domain_data()
    params = _fresh(estimator).get_params(deep=False)
    late = type(estimator)().set_params(**params)
    np.testing.assert_array_equal(
        _learn(late, X, y, domains),
        _learn(type(estimator)(**params), X, y, domains),
    )


def check_refit_forgets(estimator):
    """A second fit, on other classes and other columns, equals a first one."""
    X, y, domains = _domain_data()
    refitted = _fresh(estimator)
    _fit(refitted, np.tile(X, 4), np.where(y == 0, 3, 4 + (domains == "north")), domains)
    np.testing.assert_array_equal(
        _learn(refitted, X, y, domains),
        _learn(_fresh(estimator), X, y, domains),
    )


def check_same_seed_same_numbers(estimator):
    """Fitted twice with one seed, it answers the same to the last bit, whoever drew between."""
    X, y, domains = _domain_data()
    first = _learn(_fresh(estimator), X, y, domains)
    state = np.random.get_state()
    np.random.random(3)
    second = _learn(_fresh(estimator), X, y, domains)
    np.random.set_state(state)
    np.testing.assert_array_equal(first, second)


def check_row_alone_equals_row_in_batch(estimator):
    """A row is answered alone as it is among others: nothing adapts to the batch at test time."""
    X, y, domains = _domain_data()
    fitted = _fit(_fresh(estimator), X, y, domains)
    alone = np.concatenate([_answers(fitted, X[[k]]) for k in range(6)])
    np.testing.assert_allclose(alone, _answers(fitted, X)[:6], rtol=1e-5, atol=1e-6)


def check_pickle_answers_the_same(estimator):
    """A pickled and unpickled fitted estimator answers the same, to the last bit."""
    X, y, domains = _domain_data()
    fitted = _fit(_fresh(estimator), X, y, domains)
    copy = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(_answers(copy, X), _answers(fitted, X))


# Checks of estimators that take sample_domain.


def check_none_is_all_target(estimator):
    """``sample_domain=None`` says the same as "target" on every row."""
    X, y, _ = _domain_data()
    np.testing.assert_array_equal(
        _answers(_fit(_fresh(estimator), X, y, np.repeat("target", len(X))), X),
        _answers(_fresh(estimator).fit(X, y), X),
    )


def check_spellings_of_domains(estimator):
    """Strings, objects, lists and signed integers say the same."""
    X, y, domains = _domain_data()
    integers = np.select([domains == "north", domains == "south"], [1, 2], -1)
    expected = _learn(_fresh(estimator), X, y, domains)
    for same in (domains.astype(object), domains.tolist(), integers, integers.tolist()):
        np.testing.assert_array_equal(_learn(_fresh(estimator), X, y, same), expected)


def check_bad_domains_are_refused(estimator):
    """Zeros, booleans, missing values, a wrong length and no target row: a sentence for each."""
    X, y, domains = _domain_data()
    integers = np.where(domains == "target", -1, 1)
    missing = domains.astype(object)
    missing[3] = None
    for bad, word in [
        (np.where(integers > 0, 1, 0), "zeros"),
        (integers > 0, "bool"),
        (integers.astype(float), "float64"),
        (missing, "missing"),
        (domains[:-1], f"{len(X) - 1} entries.*{len(X)} rows"),
        (np.repeat("north", len(X)), "no target row"),
        (domains[:, None], "shape"),
    ]:
        message = _error_of(partial(_fresh(estimator).fit, X, y, sample_domain=bad))
        _one_sentence(message, "sample_domain", word)


def check_domain_is_requested(estimator):
    """With metadata routing on, `sample_domain` flows through a plain Pipeline unasked."""
    X, y, domains = _domain_data()
    with sklearn.config_context(enable_metadata_routing=True):
        pipe = Pipeline([("step", _fresh(estimator))]).fit(X, y, sample_domain=domains)
    expected = _answers(_fit(_fresh(estimator), X, y, domains), X, domains)
    np.testing.assert_array_equal(_answers(pipe["step"], X, domains), expected)


class _Spy(TransformerMixin, BaseEstimator):
    """Add 1000 to every entry, so that a row that did not pass here shows."""

    def fit(self, X, y=None):
        """Learn nothing."""
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X):
        """Mark the rows."""
        return X + 1000


class _Seen(TransformerMixin, BaseEstimator):
    """Keep the rows and domains that arrive."""

    def fit(self, X, y=None, *, sample_domain=None):
        """Keep them."""
        self.X_, self.sample_domain_ = X, sample_domain
        return self

    def transform(self, X, *, sample_domain=None):
        """Pass the rows on."""
        return X


def check_every_row_passes_earlier_steps(estimator):
    """In a transfer pipeline all rows, target rows too, go through the steps before."""
    X, y, domains = _domain_data()
    pipe = make_transfer_pipeline(_Spy(), _Seen(), _fresh(estimator)).fit(
        X, y, sample_domain=domains
    )
    np.testing.assert_array_equal(pipe[1].X_, X + 1000)
    np.testing.assert_array_equal(pipe[1].sample_domain_, domains)
    expected = _answers(_fit(_fresh(estimator), X + 1000, y, domains), X + 1000, domains)
    np.testing.assert_array_equal(_answers(pipe, X, domains), expected)


def check_permuting_rows_changes_nothing(estimator):
    """Rows permuted together with their labels and domains teach the same."""
    X, y, domains = _domain_data()
    order = np.random.default_rng(1).permutation(len(X))
    permuted = _fit(_fresh(estimator), X[order], y[order], domains[order])
    np.testing.assert_allclose(
        _answers(permuted, X, domains),
        _answers(_fit(_fresh(estimator), X, y, domains), X, domains),
        rtol=1e-6,
        atol=1e-8,
    )


# Checks of transformers that take sample_domain.


def check_fit_transform_keeps_domains(estimator):
    """``fit_transform`` equals ``fit`` and then ``transform``, with `sample_domain` and without."""
    X, y, domains = _domain_data()
    for d in (domains, None):
        together = _fresh(estimator).fit_transform(X, y, sample_domain=d)
        apart = _fresh(estimator).fit(X, y, sample_domain=d).transform(X, sample_domain=d)
        np.testing.assert_array_equal(together, apart)


def check_new_rows_are_target_rows(estimator):
    """``transform`` without `sample_domain` takes every row as a target row."""
    X, y, domains = _domain_data()
    fitted = _fit(_fresh(estimator), X, y, domains)
    np.testing.assert_array_equal(
        fitted.transform(X), fitted.transform(X, sample_domain=np.repeat("target", len(X)))
    )


def check_unseen_source_is_refused(estimator):
    """A source that `fit` has not seen is an error of `transform` that names it."""
    X, y, domains = _domain_data()
    fitted = _fit(_fresh(estimator), X, y, domains)
    strange = np.where(domains == "north", "east", domains)
    message = _error_of(lambda: fitted.transform(X, sample_domain=strange))
    _one_sentence(message, "sample_domain", "east", "north", "south")


def check_float32_stays_float32(estimator):
    """float32 in, float32 out, for every domain, near the float64 result."""
    X, y, domains = _domain_data(np.float32)
    single = _fresh(estimator).fit_transform(X, y, sample_domain=domains)
    double = _fresh(estimator).fit_transform(X.astype(np.float64), y, sample_domain=domains)
    assert single.dtype == np.float32
    assert double.dtype == np.float64
    np.testing.assert_allclose(single, double, rtol=2e-3, atol=2e-3 * np.abs(double).max())


def check_target_labels_are_not_read(estimator):
    """Garbling, or removing, the labels of target rows changes no bit of an unsupervised method."""
    X, y, domains = _domain_data()
    is_target = domains == "target"
    expected = _learn(_fresh(estimator), X, y, domains)
    garbled = [np.where(is_target, 1 - y, y), np.where(is_target, np.nan, y)]
    for labels in garbled if _needs_labels(estimator) else [*garbled, None]:
        np.testing.assert_array_equal(_learn(_fresh(estimator), X, labels, domains), expected)


# Checks of weighters.


def check_weights_are_of_the_source_rows(estimator):
    """The weights are 1 on target rows, not negative, and of mean 1 over the source rows."""
    X, y, domains = _domain_data()
    fitted = _fit(_fresh(estimator), X, y, domains)
    is_target = domains == "target"
    source = fitted.weights_[~is_target]
    assert fitted.weights_.shape == (len(X),)
    np.testing.assert_array_equal(fitted.weights_[is_target], 1)
    assert (source >= 0).all()
    np.testing.assert_allclose(source.mean(), 1)
    size = source.sum() ** 2 / (source**2).sum()
    np.testing.assert_allclose(fitted.effective_sample_size_, size)
    np.testing.assert_array_equal(_learn(_fresh(estimator), X, y), 1)


def check_permuting_rows_permutes_weights(estimator):
    """Rows permuted together with their labels and domains keep their weights."""
    X, y, domains = _domain_data()
    order = np.random.default_rng(1).permutation(len(X))
    permuted = _learn(_fresh(estimator), X[order], y[order], domains[order])
    expected = _learn(_fresh(estimator), X, y, domains)
    np.testing.assert_allclose(permuted, expected[order], rtol=1e-6, atol=1e-8)


# Checks of classifiers.


def check_any_label_type(estimator):
    """No label value is reserved: {-1, 1}, strings, booleans and objects partition alike."""
    X, y, domains = _domain_data()
    expected = _fit(_fresh(estimator), X, y, domains).predict(X)
    for classes in ([-1, 1], ["cat", "dog"], [False, True], [0.0, 1.0], ["-1", "nan"]):
        for dtype in (None, object):
            labels = np.array(classes)[y].astype(dtype) if dtype else np.array(classes)[y]
            got = _fit(_fresh(estimator), X, labels, domains).predict(X)
            np.testing.assert_array_equal(got, np.array(classes)[expected])


def check_missing_labels_are_no_class(estimator):
    """A row without a label (NaN, None) is no class of its own, and adds none."""
    X, y, domains = _domain_data()
    unlabelled = np.flatnonzero(domains == "target")[::2]
    keep = np.setdiff1d(np.arange(len(X)), unlabelled)
    expected = _fit(_fresh(estimator), X[keep], y[keep], domains[keep])
    floats, objects = y.astype(float), np.array(["a", "b"], dtype=object)[y]
    floats[unlabelled], objects[unlabelled] = np.nan, None
    if "weighter" in estimator.get_params(deep=False):  # it learns from rows without a label too
        expected = _fit(_fresh(estimator), X, floats, domains)
    for labels in (floats, objects):
        fitted = _fit(_fresh(estimator), X, labels, domains)
        assert len(fitted.classes_) == 2
        np.testing.assert_allclose(_answers(fitted, X), _answers(expected, X))


def check_union_of_classes(estimator):
    """A class that only one domain has is a class; each may have a single row."""
    X, y, domains = _domain_data()
    labels = np.array(["a", "b"], dtype=object)[y]
    labels[np.flatnonzero(domains == "north")[0]] = "only in a source"
    labels[np.flatnonzero(domains == "target")[0]] = "only in the target"
    fitted = _fit(_fresh(estimator), X, labels, domains)
    assert list(fitted.classes_) == ["a", "b", "only in a source", "only in the target"]
    assert _answers(fitted, X).shape == (len(X), 4)


def check_nested_params_reach_the_inner_estimator(estimator):
    """Parameters of the inner estimator can be set through the outer one, and count."""
    from sklearn.dummy import DummyClassifier, DummyRegressor

    dummy = DummyClassifier if is_classifier(estimator) else DummyRegressor
    X, y, domains = _domain_data()
    constants = []
    for constant in (0, 1):
        outer = _fresh(estimator, estimator=dummy(strategy="constant", constant=0))
        outer.set_params(estimator__constant=constant)
        constants.append(_fit(outer, X, y, domains).predict(X).mean())
    assert constants == [0, 1]


_ANY = [
    check_builds_without_arguments,
    check_construction_touches_nothing,
    check_inputs_unchanged,
    check_search_leaves_inputs_unchanged,
    check_global_state_unchanged,
    check_params_unchanged_by_fit,
    check_set_params_counts,
    check_refit_forgets,
    check_same_seed_same_numbers,
    check_pickle_answers_the_same,
]
_ROW_BY_ROW = [check_row_alone_equals_row_in_batch]
_DOMAIN = [
    check_none_is_all_target,
    check_spellings_of_domains,
    check_bad_domains_are_refused,
    check_domain_is_requested,
    check_every_row_passes_earlier_steps,
]
_DOMAIN_ROW_BY_ROW = [check_permuting_rows_changes_nothing]
_DOMAIN_WEIGHTER = [check_weights_are_of_the_source_rows, check_permuting_rows_permutes_weights]
_DOMAIN_TRANSFORMER = [
    check_fit_transform_keeps_domains,
    check_new_rows_are_target_rows,
    check_unseen_source_is_refused,
    check_float32_stays_float32,
]
_UNSUPERVISED = [check_target_labels_are_not_read]
_CLASSIFIER = [check_any_label_type]
_DOMAIN_CLASSIFIER = [check_missing_labels_are_no_class, check_union_of_classes]
_META = [check_nested_params_reach_the_inner_estimator]
