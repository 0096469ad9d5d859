"""The transfer contract, as checks that anyone's estimator can be run through.

scikit-learn's own estimator checks define an estimator. These define a *transfer* estimator: how it
reads ``sample_domain``, which parts may see labels, and which data it must not change. Run both:

>>> from sklearn.utils.estimator_checks import check_estimator
>>> from sktransfer import CORALAligner
>>> from sktransfer.utils.estimator_checks import check_transfer_estimator
>>> passed = check_transfer_estimator(CORALAligner())

A check applies to an estimator by its interface (``sample_domain`` in its ``fit``, ``transform``,
``predict``, ``weights_``, an inner ``estimator``), never by its type; `transfer_checks` lists those
that apply.
"""

import pickle
import random
import warnings
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import is_dataclass
from functools import partial
from inspect import signature
from typing import Any
from unittest import mock

import numpy as np
import sklearn
from sklearn.base import BaseEstimator, TransformerMixin, clone, is_classifier, is_regressor
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline

from sktransfer._messages import shown
from sktransfer.exceptions import TransferWarning
from sktransfer.model_selection import TargetFold
from sktransfer.pipeline import make_transfer_pipeline
from sktransfer.utils._check_tools import (
    answers,
    answers_rows,
    contract,
    diagnoses,
    domain_data,
    error_of,
    fit,
    fresh,
    global_state,
    learn,
    learns_from_labels,
    needs_domain,
    needs_labels,
    one_sentence,
    order_matters,
    part_names,
    reads_target_labels,
    same,
    seeded_parts,
    takes_any_task,
    takes_domain,
    uses_unlabelled_rows,
    weighs,
)

__all__ = ["check_transfer_estimator", "transfer_checks"]


def check_transfer_estimator(estimator: Any) -> list[str]:
    """Run every transfer check that applies to `estimator`; raise at the first that fails.

    Parameters
    ----------
    estimator : estimator instance
        It is cloned, never fitted itself.

    Returns
    -------
    names : list of str
        The checks that were run, and passed.

    Raises
    ------
    AssertionError
        If a check fails: one sentence with the estimator, the expectation and the observation. An
        error of the estimator is its cause.
    TypeError
        If `estimator` is no instance of an estimator.
    """
    names = []
    for check in transfer_checks(estimator):
        check(estimator)
        names.append(check.__name__)
    return names


def transfer_checks(estimator: Any) -> list[Callable[[Any], None]]:
    """List the checks that apply to `estimator`.

    Parameters
    ----------
    estimator : estimator instance

    Returns
    -------
    checks : list of callables
        Each takes the estimator and raises AssertionError with one sentence: the estimator, the
        expectation and the observation.

    Raises
    ------
    TypeError
        If `estimator` is no instance of an estimator.
    """
    lacking = [name for name in ("fit", "get_params", "set_params") if not hasattr(estimator, name)]
    if isinstance(estimator, type) or lacking:
        lacks = "it is a class" if isinstance(estimator, type) else f"it has no {lacking[0]}"
        raise TypeError(
            f"estimator={shown(estimator)}: expected an instance of an estimator, but {lacks}; "
            "derive from BaseEstimator, and pass an instance."
        )
    checks = list(_ANY)
    checks += _ROW_BY_ROW if answers_rows(estimator) else []
    if takes_domain(estimator):
        checks += _DOMAIN
        checks += _ANY_ORDER if answers_rows(estimator) and not order_matters(estimator) else []
        checks += _ANY_TASK if takes_any_task(estimator) else []
        checks += _DOMAIN_WEIGHTER if weighs(estimator) else []
        checks += _DOMAIN_TRANSFORMER if hasattr(estimator, "transform") else []
        checks += _DOMAIN_DIAGNOSIS if diagnoses(estimator) else []
        reads_labels = learns_from_labels(estimator) or diagnoses(estimator)
        reads_no_target_label = weighs(estimator) or not (
            reads_labels and reads_target_labels(estimator)
        )
        checks += _UNSUPERVISED if reads_no_target_label else []
        checks += _DOMAIN_CLASSIFIER if is_classifier(estimator) else []
    checks += _CLASSIFIER if is_classifier(estimator) else []
    params = estimator.get_params(deep=False)
    checks += _REGRESSOR if is_regressor(estimator) else []
    checks += _PARTS if "random_state" in params and part_names(estimator) else []
    predicts = is_classifier(estimator) or is_regressor(estimator)
    checks += _META if predicts and "estimator" in params else []
    return checks


# Checks of any estimator.


@contract
def check_builds_without_arguments(estimator):
    """The type builds without arguments."""
    type(estimator)()


@contract
def check_domains_have_their_name(estimator):
    """If a method takes the domains of rows, `fit` does, and the parameter is `sample_domain`."""
    alike = ("domain", "domains", "sample_domains", "domain_labels", "source_domain", "groups")
    names = list(signature(estimator.fit).parameters)
    wrong = [name for name in names if name in alike]
    assert not wrong, f"fit({', '.join(names)}) names them {wrong[0]!r}"
    for method in ("transform", "fit_transform"):
        if hasattr(estimator, method) and not takes_domain(estimator):
            taken = signature(getattr(estimator, method)).parameters
            assert "sample_domain" not in taken, f"{method} takes sample_domain, but fit does not"
        elif hasattr(estimator, method):
            taken = signature(getattr(estimator, method)).parameters
            assert "sample_domain" in taken, f"fit takes sample_domain, but {method} does not"


@contract
def check_construction_touches_nothing(estimator):
    """Constructing and cloning open no file and no socket: weights are loaded when first used."""
    forbidden = mock.Mock(side_effect=AssertionError("construction opened a file or a socket"))
    with ExitStack() as blocked:
        for name in ("builtins.open", "io.open", "os.open", "socket.socket.connect"):
            blocked.enter_context(mock.patch(name, forbidden))
        clone(type(estimator)())


@contract
def check_inputs_unchanged(estimator):
    """Read-only arrays are accepted, and no byte of the caller's arguments is changed."""
    X, y, domains = domain_data()
    before = X.tobytes(), y.tobytes(), domains.tobytes()
    for array in (X, y, domains):
        array.setflags(write=False)
    learn(fresh(estimator), X, y, domains)
    _unchanged(before, X, y, domains)


def _unchanged(before, *arrays):
    after = [array.tobytes() for array in arrays]
    names = [n for n, a, b in zip(("X", "y", "sample_domain"), before, after) if a != b]
    assert not names, f"the caller's {' and '.join(names)} changed"


@contract
def check_search_leaves_inputs_unchanged(estimator):
    """GridSearchCV over the estimator changes no byte of the caller's arguments."""
    X, y, domains = domain_data()
    before = X.tobytes(), y.tobytes(), domains.tobytes()
    params = {"sample_domain": domains} if takes_domain(estimator) else {}
    search = GridSearchCV(
        fresh(estimator),
        {},
        cv=TargetFold(2),
        scoring=lambda fitted, X, y: answers(fitted, X).mean(),
        error_score="raise",
    )
    search.fit(X, y, groups=domains, **params)
    _unchanged(before, X, y, domains)


@contract
def check_global_state_unchanged(estimator):
    """Constructing, fitting and answering change nothing global in Python, NumPy or torch."""
    X, y, domains = domain_data()
    learn(fresh(estimator), X, y, domains)  # from here on all that it needs is imported
    kept = np.random.get_state(), random.getstate()
    with warnings.catch_warnings():
        warnings.resetwarnings()  # a filter that an earlier fit left behind would hide a new one
        warnings.simplefilter(
            "ignore", TransferWarning
        )  # warnings about few rows are not checked here
        np.random.seed(20261121)  # so that a seed set inside cannot be the state that we are in
        random.seed(20261121)
        before = global_state()
        learn(clone(type(estimator)()), X, y, domains)
        after = global_state()
    np.random.set_state(kept[0])
    random.setstate(kept[1])
    changed = [key for key, value in before.items() if after[key] != value]
    assert not changed, f"these changed: {', '.join(changed)}"


@contract
def check_params_unchanged_by_fit(estimator):
    """Parameters are the same after fit, by value and by identity."""
    X, y, domains = domain_data()
    fitted = fresh(estimator)
    before = fitted.get_params(deep=False)
    values = pickle.dumps(before)
    fit(fitted, X, y, domains)
    after = fitted.get_params(deep=False)
    replaced = [name for name, value in before.items() if after[name] is not value]
    assert not replaced, f"fit replaced the parameters {replaced}"
    assert pickle.dumps(after) == values, "fit changed a parameter in place"


@contract
def check_set_params_counts(estimator):
    """``set_params`` and then ``fit`` equals constructing so: nothing is built in ``__init__``."""
    X, y, domains = domain_data()
    params = fresh(estimator).get_params(deep=False)
    late = type(estimator)().set_params(**params)
    same(
        learn(late, X, y, domains),
        learn(type(estimator)(**params), X, y, domains),
    )


@contract
def check_refit_forgets(estimator):
    """A second fit, on other classes and other columns, equals a first one."""
    X, y, domains = domain_data()
    refitted = fresh(estimator)
    fit(refitted, np.tile(X, 4), np.where(y == 0, 3, 4 + (domains == "north")), domains)
    same(
        learn(refitted, X, y, domains),
        learn(fresh(estimator), X, y, domains),
    )


@contract
def check_same_seed_same_numbers(estimator):
    """Fitted twice with one seed, it answers the same to the last bit, whoever drew between."""
    X, y, domains = domain_data()
    first = learn(fresh(estimator), X, y, domains)
    state = np.random.get_state()
    np.random.random(3)
    second = learn(fresh(estimator), X, y, domains)
    np.random.set_state(state)
    same(first, second)


@contract
def check_row_alone_equals_row_in_batch(estimator):
    """A row is answered alone as it is among others: nothing adapts to the batch at test time."""
    X, y, domains = domain_data()
    fitted = fit(fresh(estimator), X, y, domains)
    alone = np.concatenate([answers(fitted, X[[k]]) for k in range(6)])
    same(alone, answers(fitted, X)[:6], rtol=1e-5, atol=1e-6)


@contract
def check_pickle_answers_the_same(estimator):
    """A pickled and unpickled fitted estimator answers the same, to the last bit."""
    X, y, domains = domain_data()
    fitted = fit(fresh(estimator), X, y, domains)
    copy = pickle.loads(pickle.dumps(fitted))
    same(answers(copy, X), answers(fitted, X))


@contract
def check_extreme_values(estimator):
    """Finite rows of any size: a finite result, one sentence, or a TransferWarning."""
    X, y, domains = domain_data()
    cell, units = X.copy(), np.where((domains == "target")[:, None], 1e8 * X, X)
    cell[3, 2] = 1e308
    single = (X * 1e38).astype(np.float32)
    predicts = is_classifier(estimator) or is_regressor(estimator)  # by an estimator of others
    for rows in (X * 1e160, cell, single, units, X * 1e-9, X * 1e-160):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore" if predicts else "error", RuntimeWarning)
            warnings.simplefilter("ignore", UserWarning)
            warnings.simplefilter("error", TransferWarning)
            try:
                result = learn(fresh(estimator), rows, y, domains)
            except TransferWarning:
                continue
            except ValueError as error:
                one_sentence(f"{type(error).__name__}: {error}", r"^ValueError: .*\bX\b")
                continue
        name = f"rows with a largest value of {np.abs(rows).max():.0e}"
        assert np.isfinite(result).all(), f"{name} give values that are not finite"


@contract
def check_extreme_targets(estimator):
    """Finite numbers in `y` of any size: finite predictions, or one sentence."""
    X, y, domains = domain_data()
    for factor in (1e160, 1e-160):
        with warnings.catch_warnings():
            warnings.simplefilter("error", RuntimeWarning)
            warnings.simplefilter("ignore", UserWarning)
            try:
                result = learn(fresh(estimator), X, (y + X[:, 0]) * factor, domains)
            except ValueError as error:
                one_sentence(f"{type(error).__name__}: {error}", r"^ValueError: .*\by\b")
                continue
        name = f"labels times {factor:.0e} give predictions that are"
        assert np.isfinite(result).all(), f"{name} not finite"
        assert np.ptp(result) > 0, f"{name} all the same"


# Checks of estimators that take sample_domain.


@contract
def check_none_is_all_target(estimator):
    """``sample_domain=None`` says the same as "target" on every row."""
    needs_domain(estimator)
    X, y, _ = domain_data()
    same(
        answers(fit(fresh(estimator), X, y, np.repeat("target", len(X))), X),
        answers(fit(fresh(estimator), X, y), X),
    )


@contract
def check_spellings_of_domains(estimator):
    """Strings, objects, lists and signed integers say the same."""
    needs_domain(estimator)
    X, y, domains = domain_data()
    integers = np.select([domains == "north", domains == "south"], [1, 2], -1)
    expected = learn(fresh(estimator), X, y, domains)
    for spelling in (domains.astype(object), domains.tolist(), integers, integers.tolist()):
        same(learn(fresh(estimator), X, y, spelling), expected)


@contract
def check_bad_domains_are_refused(estimator):
    """Zeros, booleans, missing values, a wrong length and no target row: a sentence for each.

    If any value names a task, zeros, booleans and floats do, and no target row is needed.
    """
    needs_domain(estimator)
    X, y, domains = domain_data()
    integers = np.where(domains == "target", -1, 1)
    missing = domains.astype(object)
    missing[3] = None
    no_task = [
        (np.where(integers > 0, 1, 0), "zeros"),
        (integers > 0, "bool"),
        (integers.astype(float), "float64"),
        (np.repeat("north", len(X)), "no target row"),
    ]
    for bad, word in [
        *([] if takes_any_task(estimator) else no_task),
        (missing, "missing"),
        (domains[:-1], f"{len(X) - 1} entries.*{len(X)} rows"),
        (domains[:, None], "shape"),
    ]:
        bad_fit = partial(fresh(estimator).fit, X, y, sample_domain=bad)
        message = error_of(bad_fit, what=f"fit(X, y, sample_domain={shown(bad)})")
        one_sentence(message, "sample_domain", word)


@contract
def check_domain_is_requested(estimator):
    """With metadata routing on, `sample_domain` flows through a plain Pipeline unasked."""
    needs_domain(estimator)
    X, y, domains = domain_data()
    with sklearn.config_context(enable_metadata_routing=True):
        pipe = Pipeline([("step", fresh(estimator))]).fit(X, y, sample_domain=domains)
    expected = answers(fit(fresh(estimator), X, y, domains), X, domains)
    same(answers(pipe["step"], X, domains), expected)


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


@contract
def check_every_row_passes_earlier_steps(estimator):
    """In a transfer pipeline all rows, target rows too, go through the steps before."""
    needs_domain(estimator)
    X, y, domains = domain_data()
    pipe = make_transfer_pipeline(_Spy(), _Seen(), fresh(estimator)).fit(
        X, y, sample_domain=domains
    )
    same(pipe[1].X_, X + 1000, "the rows after the earlier steps")
    same(pipe[1].sample_domain_, domains, "the domains after the earlier steps")
    expected = answers(fit(fresh(estimator), X + 1000, y, domains), X + 1000, domains)
    same(answers(pipe, X, domains), expected)


@contract
def check_permuting_rows_changes_nothing(estimator):
    """Rows permuted together with their labels and domains teach the same."""
    needs_domain(estimator)
    X, y, domains = domain_data()
    order = np.random.default_rng(1).permutation(len(X))
    permuted = fit(fresh(estimator), X[order], y[order], domains[order])
    same(
        answers(permuted, X, domains),
        answers(fit(fresh(estimator), X, y, domains), X, domains),
        rtol=1e-6,
        atol=1e-8,
    )


# Checks of predictors of tasks, which any value names.


@contract
def check_any_value_names_a_task(estimator):
    """Any hashable value names a task, each answers its own rows, and no target row is needed."""
    X, y, domains = domain_data()
    names = {"north": 0, "south": ("south", 2), "target": b"third"}
    tasks = [names[domain] for domain in domains.tolist()]
    expected = np.array(["north", "south", "west"])[np.unique(domains, return_inverse=True)[1]]
    same(learn(fresh(estimator), X, y, tasks), learn(fresh(estimator), X, y, expected), rtol=1e-6)
    fitted = fit(fresh(estimator), X, y, tasks)
    n_answers = len(answers(fitted, X))
    assert n_answers == len(X), f"{len(X)} rows without a task get {n_answers} answers"


@contract
def check_new_rows_are_of_the_target_task(estimator):
    """``predict`` without `sample_domain` takes every row as one of the target task."""
    X, y, domains = domain_data()
    fitted = fit(fresh(estimator), X, y, domains)
    same(answers(fitted, X), answers(fitted, X, np.repeat("target", len(X))))


@contract
def check_unseen_task_is_refused(estimator):
    """A task that `fit` has not seen is an error of ``predict`` that names it."""
    X, y, domains = domain_data()
    fitted = fit(fresh(estimator), X, y, domains)
    strange = np.where(domains == "north", "east", domains)
    what = "predict(X, sample_domain=...) with the unseen task 'east'"
    message = error_of(lambda: fitted.predict(X, sample_domain=strange), what=what)
    one_sentence(message, "sample_domain", "east", "north", "south")


# Checks of transformers that take sample_domain.


@contract
def check_fit_transform_keeps_domains(estimator):
    """``fit_transform`` equals ``fit`` and then ``transform``, with `sample_domain` and without."""
    needs_domain(estimator)
    X, y, domains = domain_data()
    for d in (domains, None):
        together = fresh(estimator).fit_transform(X, y, sample_domain=d)
        apart = fit(fresh(estimator), X, y, d).transform(X, sample_domain=d)
        shape = np.shape(apart)
        n_rows = shape[0] if shape else 0
        assert n_rows == len(X), (
            f"the transformed rows have the shape {shape}, but X has {len(X)} rows"
        )
        same(together, apart)


@contract
def check_new_rows_are_target_rows(estimator):
    """``transform`` without `sample_domain` takes every row as a target row."""
    needs_domain(estimator)
    X, y, domains = domain_data()
    fitted = fit(fresh(estimator), X, y, domains)
    same(fitted.transform(X), fitted.transform(X, sample_domain=np.repeat("target", len(X))))


@contract
def check_unseen_source_is_refused(estimator):
    """A source that `fit` has not seen is an error of `transform` that names it."""
    needs_domain(estimator)
    X, y, domains = domain_data()
    fitted = fit(fresh(estimator), X, y, domains)
    strange = np.where(domains == "north", "east", domains)
    what = "transform(X, sample_domain=...) with the unseen source 'east'"
    message = error_of(lambda: fitted.transform(X, sample_domain=strange), what=what)
    one_sentence(message, "sample_domain", "east", "north", "south")


@contract
def check_float32_stays_float32(estimator):
    """float32 in, float32 out, for every domain, near the float64 result."""
    needs_domain(estimator)
    X, y, domains = domain_data(np.float32)
    single = fresh(estimator).fit_transform(X, y, sample_domain=domains)
    double = fresh(estimator).fit_transform(X.astype(np.float64), y, sample_domain=domains)
    assert single.dtype == np.float32, f"float32 rows became {single.dtype}"
    assert double.dtype == np.float64, f"float64 rows became {double.dtype}"
    same(single, double, rtol=2e-3, atol=2e-3 * np.abs(double).max())


@contract
def check_target_labels_are_not_read(estimator):
    """Garbling, or removing, the labels of target rows changes no bit of an unsupervised method."""
    X, y, domains = domain_data()
    is_target = domains == "target"
    expected = learn(fresh(estimator), X, y, domains)
    garbled = [np.where(is_target, 1 - y, y), np.where(is_target, np.nan, y)]
    for labels in garbled if needs_labels(estimator) else [*garbled, None]:
        same(learn(fresh(estimator), X, labels, domains), expected)


# Checks of weighters.


@contract
def check_weights_are_of_the_source_rows(estimator):
    """The weights are 1 on target rows, not negative, and of mean 1 over the source rows."""
    needs_domain(estimator)
    X, y, domains = domain_data()
    fitted = fit(fresh(estimator), X, y, domains)
    is_target = domains == "target"
    source = fitted.weights_[~is_target]
    shape = fitted.weights_.shape
    assert shape == (len(X),), f"weights_ has the shape {shape} after a fit of {len(X)} rows"
    same(fitted.weights_[is_target], np.ones(is_target.sum()), "the weights of target rows")
    assert (source >= 0).all(), f"a source row has the weight {source.min():.2g}"
    same(source.mean(), 1, "the mean of the source weights, and 1,", rtol=1e-7)
    size = source.sum() ** 2 / (source**2).sum()
    same(fitted.effective_sample_size_, size, "effective_sample_size_ and its formula", rtol=1e-7)
    same(learn(fresh(estimator), X, y), np.ones(len(X)), "the weights without a source, and 1,")


@contract
def check_permuting_rows_permutes_weights(estimator):
    """Rows permuted together with their labels and domains keep their weights."""
    needs_domain(estimator)
    X, y, domains = domain_data()
    order = np.random.default_rng(1).permutation(len(X))
    permuted = learn(fresh(estimator), X[order], y[order], domains[order])
    expected = learn(fresh(estimator), X, y, domains)
    same(permuted, expected[order], rtol=1e-6, atol=1e-8)


# Checks of diagnoses.


@contract
def check_report_is_frozen(estimator):
    """`report_` is a frozen dataclass that prints the sentence in its `sentence`."""
    X, y, domains = domain_data()
    report = fit(fresh(estimator), X, y, domains).report_
    assert is_dataclass(report), f"report_ is a {type(report).__name__}"
    assert type(report).__dataclass_params__.frozen, "the dataclass is not frozen"
    sentence = report.sentence
    assert sentence.endswith("."), f"the sentence is {shown(sentence)}"
    assert sentence in str(report), "str(report_) does not hold its sentence"


# Checks of classifiers.


@contract
def check_any_label_type(estimator):
    """No label value is reserved: {-1, 1}, strings, booleans and objects partition alike."""
    X, y, domains = domain_data()
    expected = fit(fresh(estimator), X, y, domains).predict(X)
    for classes in ([-1, 1], ["cat", "dog"], [False, True], [0.0, 1.0], ["-1", "nan"]):
        for dtype in (None, object):
            labels = np.array(classes)[y].astype(dtype) if dtype else np.array(classes)[y]
            got = fit(fresh(estimator), X, labels, domains).predict(X)
            same(got, np.array(classes)[expected])


def _by_class(fitted, X):
    """Return probabilities, or else the position of the predicted class, whatever its name."""
    if hasattr(fitted, "predict_proba"):
        return fitted.predict_proba(X)
    return np.searchsorted(fitted.classes_, fitted.predict(X))


@contract
def check_missing_labels_are_no_class(estimator):
    """A row without a label (NaN, None) is no class of its own, and adds none."""
    X, y, domains = domain_data()
    unlabelled = np.flatnonzero(domains == "target")[::2]
    keep = np.setdiff1d(np.arange(len(X)), unlabelled)
    expected = fit(fresh(estimator), X[keep], y[keep], domains[keep])
    floats, objects = y.astype(float), np.array(["a", "b"], dtype=object)[y]
    floats[unlabelled], objects[unlabelled] = np.nan, None
    if uses_unlabelled_rows(estimator):
        expected = fit(fresh(estimator), X, floats, domains)
    for labels in (floats, objects):
        fitted = fit(fresh(estimator), X, labels, domains)
        n_classes = len(fitted.classes_)
        assert n_classes == 2, f"two classes and rows without a label make {n_classes} classes"
        same(_by_class(fitted, X), _by_class(expected, X), rtol=1e-7)


@contract
def check_union_of_classes(estimator):
    """A class that only one domain has is a class, if its labels are read; a row suffices."""
    X, y, domains = domain_data()
    labels = np.array(["a", "b"], dtype=object)[y]
    labels[np.flatnonzero(domains == "north")[0]] = "only in a source"
    labels[np.flatnonzero(domains == "target")[0]] = "only in the target"
    fitted = fit(fresh(estimator), X, labels, domains)
    expected = ["a", "b", "only in a source"]
    expected += ["only in the target"] if reads_target_labels(estimator) else []
    found = list(fitted.classes_)
    assert found == expected, f"classes_ is {found} instead of {expected}"
    if hasattr(fitted, "predict_proba"):
        shape = fitted.predict_proba(X).shape
        assert shape == (len(X), len(expected)), (
            f"predict_proba of {len(X)} rows has the shape {shape}"
        )


@contract
def check_nested_params_reach_the_inner_estimator(estimator):
    """Parameters of the inner estimator can be set through the outer one, and count."""
    from sklearn.dummy import DummyClassifier, DummyRegressor

    dummy = DummyClassifier if is_classifier(estimator) else DummyRegressor
    X, y, domains = domain_data()
    constants = []
    for constant in (0, 1):
        outer = fresh(estimator, estimator=dummy(strategy="constant", constant=0))
        outer.set_params(estimator__constant=constant)
        constants.append(fit(outer, X, y, domains).predict(X).mean())
    assert constants == [0, 1], f"a constant inner prediction of 0, then 1, gives {constants}"


# Checks of estimators that hold parts: an inner estimator, a weighter.


@contract
def check_seeds_of_parts_are_kept(estimator):
    """A seed that a user gave to a part is kept, unless the outer `random_state` says otherwise."""
    X, y, domains = domain_data()
    seen, parts = seeded_parts(estimator, seed=7)
    outer = clone(estimator).set_params(random_state=None, **parts)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TransferWarning)  # trees learn by heart, which is no matter
        fit(outer, X, y, domains)
        assert set(seen) == {7}, f"random_state=None replaced the seed 7 of a part by {seen}"
        seen.clear()
        fit(outer.set_params(random_state=0), X, y, domains)
    assert 7 not in seen, "random_state=0 did not reach the parts"


_ANY = [
    check_builds_without_arguments,
    check_domains_have_their_name,
    check_construction_touches_nothing,
    check_inputs_unchanged,
    check_search_leaves_inputs_unchanged,
    check_global_state_unchanged,
    check_params_unchanged_by_fit,
    check_set_params_counts,
    check_refit_forgets,
    check_same_seed_same_numbers,
    check_pickle_answers_the_same,
    check_extreme_values,
]
_ROW_BY_ROW = [check_row_alone_equals_row_in_batch]
_DOMAIN = [
    check_none_is_all_target,
    check_spellings_of_domains,
    check_bad_domains_are_refused,
    check_domain_is_requested,
    check_every_row_passes_earlier_steps,
]
_ANY_ORDER = [check_permuting_rows_changes_nothing]
_DOMAIN_WEIGHTER = [
    check_weights_are_of_the_source_rows,
    check_permuting_rows_permutes_weights,
]
_ANY_TASK = [
    check_any_value_names_a_task,
    check_new_rows_are_of_the_target_task,
    check_unseen_task_is_refused,
]
_DOMAIN_DIAGNOSIS = [check_permuting_rows_changes_nothing, check_report_is_frozen]
_DOMAIN_TRANSFORMER = [
    check_fit_transform_keeps_domains,
    check_new_rows_are_target_rows,
    check_unseen_source_is_refused,
    check_float32_stays_float32,
]
_UNSUPERVISED = [check_target_labels_are_not_read]
_CLASSIFIER = [check_any_label_type]
_REGRESSOR = [check_extreme_targets]
_DOMAIN_CLASSIFIER = [check_missing_labels_are_no_class, check_union_of_classes]
_PARTS = [check_seeds_of_parts_are_kept]
_META = [check_nested_params_reach_the_inner_estimator]
