"""Parts of the rows, merged in any tree, give the estimator of all rows."""

import copy
import functools
import pickle
import re

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

import sktransfer
from sktransfer import (
    CORALAligner,
    GaussianWeighter,
    GeodesicFlowAligner,
    MomentAligner,
    SubspaceAligner,
    TransferComponentAligner,
)

# Few rows of many columns: few effective rows are expected.
pytestmark = pytest.mark.filterwarnings("ignore::sktransfer.exceptions.TransferWarning")

BY_SUMS = [
    MomentAligner(),
    CORALAligner(),
    SubspaceAligner(3),
    GeodesicFlowAligner(2),
    TransferComponentAligner(3),
    TransferComponentAligner(3, kernel="primal"),
    GaussianWeighter(shrinkage=0.5),
]


def make_rows(seed=0, n_samples=120, n_features=5, dtype=np.float64):
    rng = np.random.default_rng(seed)
    names = rng.choice(["amazon", "dslr", "target"], n_samples, p=[0.3, 0.2, 0.5])
    X = rng.normal(size=(n_samples, n_features)) @ rng.normal(size=(n_features, n_features))
    X[names == "amazon"] += 1
    X[names == "dslr", 0] *= 2
    return X.astype(dtype), names


def answers(estimator, X, names):
    """Mapped rows, the sign of each column apart, or weights of mean 1 over the source rows."""
    if hasattr(estimator, "weigh"):
        weights = estimator.weigh(X).astype(np.float64)
        return weights / weights[names != "target"].mean()
    mapped = estimator.transform(X, sample_domain=names).astype(np.float64)
    if isinstance(estimator, TransferComponentAligner):
        signs = np.sign(mapped[np.argmax(np.abs(mapped), axis=0), np.arange(mapped.shape[1])])
        mapped = mapped * signs
    return mapped


def random_parts(X, names, rng):
    """Rows in random parts, of which some have one row and some have none."""
    order = rng.permutation(len(X))
    cuts = np.sort(rng.integers(0, len(X), 6))
    cuts = np.concatenate([cuts, cuts[:2], [1, 2]])
    return [(X[rows], names[rows]) for rows in np.split(order, np.sort(cuts))]


def random_tree(parts, merge, rng):
    while len(parts) > 1:
        first, second = rng.choice(len(parts), 2, replace=False)
        joined = merge(parts[first], parts[second])
        parts = [part for k, part in enumerate(parts) if k not in (first, second)] + [joined]
    return parts[0]


@pytest.mark.parametrize("n_features", [5, 150])
@pytest.mark.parametrize("estimator", BY_SUMS, ids=str)
def test_any_tree_of_any_parts_gives_the_fit_of_all_rows(estimator, n_features):
    merge = type(estimator).merge
    X, names = make_rows(n_features=n_features)
    X = X / np.abs(X).max(axis=0)
    expected = answers(clone(estimator).fit(X, sample_domain=names), X, names)
    for seed in range(3):
        rng = np.random.default_rng(seed)
        parts = [
            clone(estimator).partial_fit(rows, sample_domain=domains)
            for rows, domains in random_parts(X, names, rng)
        ]
        assert min(sum(part.n_samples for part in each._sums.values()) for each in parts) == 0
        for found in (functools.reduce(merge, parts), random_tree(parts, merge, rng)):
            assert found.source_domains_ == ("amazon", "dslr")
            assert_allclose(
                answers(found, X, names), expected, rtol=1e-10, atol=1e-10 * np.abs(expected).max()
            )


@pytest.mark.parametrize("estimator", BY_SUMS, ids=str)
def test_without_a_source_parts_give_the_plain_method(estimator):
    X, names = make_rows()
    parts = [clone(estimator).partial_fit(rows) for rows in np.array_split(X, 4)]
    found = functools.reduce(type(estimator).merge, parts)
    nothing = np.full(len(X), "target")
    if hasattr(found, "weigh"):
        assert_array_equal(found.weigh(X), np.ones(len(X)))
        return
    expected = answers(clone(estimator).fit(X), X, nothing)
    assert_allclose(answers(found, X, nothing), expected, atol=1e-10 * np.abs(expected).max())


@pytest.mark.parametrize("estimator", BY_SUMS, ids=str)
def test_merge_changes_neither_part_and_can_be_continued(estimator):
    X, names = make_rows()
    first = clone(estimator).partial_fit(X[:50], sample_domain=names[:50])
    second = clone(estimator).partial_fit(X[50:90], sample_domain=names[50:90])
    before = pickle.dumps([first, second])
    found = pickle.loads(pickle.dumps(first.merge(second)))
    assert pickle.dumps([first, second]) == before
    found.partial_fit(X[90:], sample_domain=names[90:])
    assert pickle.dumps([first, second]) == before
    whole = clone(estimator).partial_fit(X, sample_domain=names)
    expected = answers(whole, X, names)
    assert_allclose(answers(found, X, names), expected, atol=1e-9 * np.abs(expected).max())
    assert_array_equal(answers(copy.deepcopy(found), X, names), answers(found, X, names))


def test_weights_of_merged_parts_are_the_ratio_of_the_densities():
    X, names = make_rows(n_samples=4000)
    halves = (slice(2000), slice(2000, None))
    parts = [GaussianWeighter().partial_fit(X[half], sample_domain=names[half]) for half in halves]
    found = parts[0].merge(parts[1])
    rows = np.random.default_rng(1).multivariate_normal(
        found.source_mean_, found.source_covariance_, 20_000
    )
    assert_allclose(found.weigh(rows).mean(), 1, atol=0.1)
    assert not hasattr(found, "weights_")


@pytest.mark.parametrize("estimator", BY_SUMS, ids=str)
def test_other_parts_are_refused_in_one_sentence(estimator):
    kind = type(estimator).__name__
    X, names = make_rows()
    part = clone(estimator).partial_fit(X, sample_domain=names)
    with pytest.raises(TypeError, match=f"^{kind}.merge takes another {kind}, but other is of typ"):
        part.merge(X)
    message = (
        f"{kind}.merge adds sums over rows, and there are none in other; fit each part by "
        "partial_fit, because fit keeps no sums."
    )
    for other in (clone(estimator), clone(estimator).fit(X, sample_domain=names)):
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            part.merge(other)
    fewer = clone(estimator).partial_fit(X[:, :4], sample_domain=names)
    message = (
        f"{kind}.merge takes parts of the same columns, but these have 0, 1, 2, 3, 4 and 0, 1, 2, "
        "3; select the same columns in the same order in each part."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        part.merge(fewer)
    frame = pd.DataFrame(X, columns=list("abcde"))
    named = clone(estimator).partial_fit(frame, sample_domain=names)
    assert list(named.merge(named).feature_names_in_) == list("abcde")
    turned = clone(estimator).partial_fit(frame[list("bacde")], sample_domain=names)
    with pytest.raises(ValueError, match=r"these have 'a', .* and 'b', 'a', .*; select the same"):
        named.merge(turned)


def test_other_parameters_are_named():
    X, names = make_rows()
    parts = [CORALAligner(ridge=r).partial_fit(X, sample_domain=names) for r in (1.0, 2.0)]
    message = (
        "CORALAligner.merge takes parts of the same parameters, but these have ridge=1.0 and 2.0;"
        " fit each part with the parameters of the first."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        parts[0].merge(parts[1])


@pytest.mark.parametrize(
    "parameters", [{"kernel": "rbf"}, {"n_landmarks": 5}, {"supervised": True}], ids=str
)
def test_components_that_sums_do_not_determine_are_refused(parameters):
    X, names = make_rows()
    (named,) = (f"{name}={value!r}" for name, value in parameters.items())
    message = (
        "TransferComponentAligner.partial_fit learns from sums over rows, which do not determine a "
        f"fit with {named}; set kernel='linear' or 'primal', supervised=False and "
        "n_landmarks=None, or fit all rows at once."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        TransferComponentAligner(**parameters).partial_fit(X, sample_domain=names)


def test_a_constant_column_costs_the_others_nothing():
    X, names = make_rows()
    X[:, 2] = 7.0
    whole = TransferComponentAligner(3).fit(X, sample_domain=names)
    streamed = TransferComponentAligner(3).partial_fit(X, sample_domain=names)
    expected = answers(whole, X, names)
    assert_allclose(
        answers(streamed, X, names), expected, atol=1e-7 * np.abs(expected).max()
    )  # a singular scatter


def test_every_estimator_with_partial_fit_over_domains_merges():
    public = [getattr(sktransfer, name) for name in sktransfer.__all__]
    merging = {each.__name__ for each in public if hasattr(each, "merge")}
    assert merging == {type(each).__name__ for each in BY_SUMS}
