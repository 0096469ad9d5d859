"""Adaptive support vector machines: the plain machines, the primal problem, sources of any kind."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from scipy.optimize import minimize
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC, SVR

from sktransfer import AdaptiveSVC, AdaptiveSVR, TransferWarning
from sktransfer.parameter._adaptive_svm import fit_margins

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 3))
Y = np.array(["a", "b", "c"])[np.argsort(np.argsort(X[:, 0] + X[:, 1] ** 2)) // 14]
TWO = Y == "a"
NUMBERS = np.sin(2 * X[:, 0]) + X[:, 1]
X_SOURCE = RNG.normal(size=(200, 3))
Y_SOURCE = np.array(["a", "b", "c"])[np.digitize(X_SOURCE[:, 0] + X_SOURCE[:, 1] ** 2, [0.2, 1.2])]
FOREST = RandomForestClassifier(20, random_state=0).fit(X_SOURCE, Y_SOURCE)
BINARY = RandomForestClassifier(20, random_state=0).fit(X_SOURCE, Y_SOURCE == "a")
KERNELS = pytest.mark.parametrize(
    "params",
    [
        {},
        {"kernel": "linear", "C": 0.5},
        {"kernel": "poly", "degree": 2, "coef0": 1.0, "gamma": "auto"},
        {"kernel": lambda A, B: (1 + A @ B.T) ** 2},
    ],
    ids=["rbf", "linear", "poly", "function"],
)
EXACT = {"tol": 1e-9}


@KERNELS
@pytest.mark.parametrize("y", [Y, TWO], ids=["three", "two"])
def test_without_a_source_it_is_the_plain_machine(params, y):
    plain, model = SVC(**params, **EXACT).fit(X, y), AdaptiveSVC(**params).fit(X, y)
    assert_allclose(model.decision_function(X), plain.decision_function(X), rtol=1e-9)
    assert_array_equal(model.predict(X), plain.predict(X))
    numbers, found = SVR(**params, **EXACT).fit(X, NUMBERS), AdaptiveSVR(**params).fit(X, NUMBERS)
    assert_allclose(found.predict(X), numbers.predict(X), rtol=1e-9)


@KERNELS
@pytest.mark.parametrize(("y", "source"), [(Y, FOREST), (TWO, BINARY)], ids=["three", "two"])
def test_a_source_of_weight_zero_gives_the_plain_machine(params, y, source):
    params = {"gamma": 0.3} | params
    weight = RNG.uniform(0.5, 2, size=40)
    plain = SVC(**params, **EXACT).fit(X, y, sample_weight=weight)
    model = AdaptiveSVC(source, beta=0, **params).fit(X, y, sample_weight=weight)
    assert_allclose(model.decision_function(X), plain.decision_function(X), atol=1e-5)


@pytest.mark.parametrize("scale", [0.5, 3.0, 50.0])
def test_the_primal_problem_is_solved(scale):
    signs, offsets = np.where(TWO, 1.0, -1.0), scale * RNG.normal(size=40)
    weight = RNG.uniform(0.5, 2, size=40)

    def objective(w):
        return 0.5 * w[:3] @ w[:3] + 2.0 * weight @ np.maximum(
            0, 1 - signs * (offsets + X @ w[:3] + w[3])
        )

    machine = fit_margins(SVR(C=2.0, kernel="linear", **EXACT), X, signs, offsets, weight)
    found = np.r_[machine.coef_[0], machine.intercept_]
    starts = [found, np.zeros(4)]
    options = {"maxiter": 4000, "maxfev": 4000, "xatol": 1e-7, "fatol": 1e-9}
    best = min(
        minimize(objective, start, method="Nelder-Mead", options=options).fun for start in starts
    )
    assert objective(found) <= best * (1 + 1e-6)


def test_numbers_that_the_source_leaves_are_learned():
    forest = RandomForestRegressor(20, random_state=0).fit(X_SOURCE, X_SOURCE[:, 0])
    model = AdaptiveSVR(forest, beta=0.8, C=3.0).fit(X, NUMBERS)
    rest = SVR(C=3.0, **EXACT).fit(X, NUMBERS - 0.8 * forest.predict(X))
    assert_allclose(model.predict(X), 0.8 * forest.predict(X) + rest.predict(X))


def test_a_pair_without_rows_is_decided_by_the_source():
    rows = Y != "c"
    model = AdaptiveSVC(FOREST, beta=2.0).fit(X[rows], Y[rows])
    assert [correction is None for correction in model.corrections_] == [False, True, True]
    assert np.mean(model.predict(X[~rows]) == "c") > 0.7


def test_rows_of_one_class_leave_the_source_as_it_is_and_warn():
    rows = Y == "b"
    with pytest.warns(TransferWarning, match=r"gets the weight 1"):
        model = AdaptiveSVC(FOREST).fit(X[rows], Y[rows])
    assert_array_equal(model.predict(X), FOREST.predict(X))
    with pytest.warns(TransferWarning, match=r"gets the weight 1"):
        AdaptiveSVR(RandomForestRegressor(2).fit(X_SOURCE, X_SOURCE[:, 0])).fit(X[:1], NUMBERS[:1])


def test_a_flipped_source_has_weight_zero_and_a_related_one_gains():
    flipped = RandomForestClassifier(20, random_state=0).fit(X_SOURCE, Y_SOURCE != "a")
    assert AdaptiveSVC(flipped).fit(X, TWO).source_weights_ == 0
    scores = []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        rows = [rng.uniform(-1, 1, size=(n, 2)) for n in (500, 20, 500)]
        source = SVC(C=100).fit(rows[0], rows[0].prod(axis=1) > 0)
        y, y_new = (each.prod(axis=1) > 0.1 for each in rows[1:])
        models = SVC(), AdaptiveSVC(source)
        scores.append([model.fit(rows[1], y).score(rows[2], y_new) for model in models])
    plain, adapted = np.mean(scores, axis=0)
    assert adapted > plain + 0.05


def test_sparse_rows_give_the_same():
    rows = np.where(np.abs(X) < 0.3, 0, X)
    source = LogisticRegression().fit(X_SOURCE, Y_SOURCE)
    dense = AdaptiveSVC(source).fit(rows, Y)
    model = AdaptiveSVC(source).fit(sparse.csr_array(rows), Y)
    assert_allclose(model.source_weights_, dense.source_weights_)
    expected = dense.decision_function(rows)
    assert_allclose(model.decision_function(sparse.csr_array(rows)), expected, atol=1e-5)


def test_rows_too_large_for_the_solver_are_refused():
    for sample_domain in (None, np.repeat(["lab", "target"], 20)):
        with pytest.raises(ValueError, match=r"value of X is .*e\+7\d, and values of its kernel"):
            AdaptiveSVC(kernel="linear").fit(X * 1e74, TWO, sample_domain=sample_domain)


def test_a_weight_of_two_counts_as_two_rows():
    weight = RNG.integers(1, 4, size=40)
    rows = np.repeat(np.arange(40), weight)
    model = AdaptiveSVR().fit(X, NUMBERS, sample_weight=weight)
    repeated = AdaptiveSVR().fit(X[rows], NUMBERS[rows])
    assert_allclose(model.predict(X), repeated.predict(X), rtol=1e-6)
