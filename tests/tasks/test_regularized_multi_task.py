"""Regularized multi-task learning: its limits, its choices, and how tasks are named."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import Ridge, RidgeClassifier
from sklearn.preprocessing import StandardScaler

from sktransfer import (
    DomainAugmenter,
    RegularizedMultiTaskClassifier,
    RegularizedMultiTaskRegressor,
    make_transfer_pipeline,
)

RNG = np.random.default_rng(0)


def make_tasks(n_tasks=20, n_rows=8, n_features=4, spread=0.5, noise=0.5, seed=0):
    rng = np.random.default_rng(seed)
    rules = rng.normal(size=n_features) + spread * rng.normal(size=(n_tasks, n_features))
    task = np.repeat(np.arange(n_tasks), n_rows)
    X = rng.normal(size=(len(task), n_features)) + 3
    y = np.sum(X * rules[task], axis=1) + noise * rng.normal(size=len(task)) + 5
    return X, y, task, rules


X, Y, TASK, RULES = make_tasks()


def test_one_task_is_ridge_regression():
    model = RegularizedMultiTaskRegressor(alpha=2.0).fit(X, Y)
    plain = Ridge(alpha=2.0).fit(X, Y)
    assert_allclose(model.coef_[0], plain.coef_)
    assert_allclose(model.predict(X), plain.predict(X))
    assert model.tasks_ == ("target",)
    assert model.relatedness_ == 1


def test_a_relatedness_of_1_without_offsets_pools_all_tasks():
    plain = Ridge(alpha=2.0).fit(X, Y)
    model = RegularizedMultiTaskRegressor(alpha=2.0, relatedness=1, offset=0)
    model.fit(X, Y, sample_domain=TASK)
    assert_allclose(model.predict(X, sample_domain=TASK), plain.predict(X))
    assert_allclose(model.common_intercept_, plain.intercept_)


def test_a_relatedness_of_0_fits_each_task_alone():
    model = RegularizedMultiTaskRegressor(alpha=2.0, relatedness=0, fit_intercept=False)
    model.fit(X, Y, sample_domain=TASK)
    for task in range(3):
        rows = task == TASK
        plain = Ridge(alpha=2.0, fit_intercept=False).fit(X[rows], Y[rows])
        assert_allclose(model.coef_[task], plain.coef_)
    assert_array_equal(model.common_coef_, np.zeros(4))


def test_it_is_ridge_regression_on_copies_of_features():
    """The limit in which the kernel is that of EasyAdapt: r / (1 - r) is its `common_weight`."""
    names = np.where(TASK == 0, "target", np.char.add("task ", TASK.astype(str)))
    augmenter = DomainAugmenter(common_weight=3.0, intercepts=False)
    copies = augmenter.fit_transform(X, sample_domain=names)
    plain = Ridge(alpha=8.0, fit_intercept=False).fit(copies, Y)  # 2.0 / (1 - r)
    model = RegularizedMultiTaskRegressor(alpha=2.0, relatedness=0.75, fit_intercept=False)
    found = model.fit(X, Y, sample_domain=names).predict(X, sample_domain=names)
    assert_allclose(found, plain.predict(copies))


def test_one_task_with_another_kernel_is_kernel_ridge_regression():
    y = Y - Y.mean()
    model = RegularizedMultiTaskRegressor(
        alpha=0.5, kernel="rbf", kernel_params={"gamma": 0.2}, fit_intercept=False
    )
    plain = KernelRidge(alpha=0.5, kernel="rbf", gamma=0.2).fit(X, y)
    assert_allclose(model.fit(X, y).predict(X), plain.predict(X))


def test_the_chosen_strength_of_one_task_is_that_of_a_gaussian_process():
    from sklearn.gaussian_process.kernels import DotProduct, WhiteKernel

    rows, numbers = X[:60], Y[:60] - 5
    kernel = 1.0 * DotProduct(0, "fixed") + WhiteKernel(1.0)
    process = GaussianProcessRegressor(kernel).fit(rows, numbers)
    expected = np.exp(process.kernel_.theta[1] - process.kernel_.theta[0])
    model = RegularizedMultiTaskRegressor(fit_intercept=False).fit(rows, numbers)
    assert_allclose(model.alpha_, expected, rtol=0.03)


def test_a_linear_kernel_of_many_features_is_that_of_a_rotation_to_few():
    basis = np.linalg.qr(np.random.default_rng(1).normal(size=(600, 4)))[0].T
    strengths = {"alpha": 2.0, "relatedness": 0.4, "offset": 0.5}
    few = RegularizedMultiTaskRegressor(**strengths).fit(X, Y, sample_domain=TASK)
    many = RegularizedMultiTaskRegressor(**strengths).fit(X @ basis, Y, sample_domain=TASK)
    assert_allclose(few.coef_ @ basis, many.coef_, atol=1e-10)
    assert_allclose(few.intercept_, many.intercept_)
    assert_allclose(few.predict(X), many.predict(X @ basis))
    curve = {"kernel": "poly", "kernel_params": {"degree": 1, "gamma": 1.0, "coef0": 0.0}}
    other = RegularizedMultiTaskRegressor(**strengths, **curve).fit(X, Y, sample_domain=TASK)
    found = other.predict(X[:9], sample_domain=TASK[:9])
    assert_allclose(found, few.predict(X[:9], sample_domain=TASK[:9]))
    assert_allclose(other.predict(X), few.predict(X))


@pytest.mark.parametrize("n_features", [4, 300])
def test_sparse_rows_are_as_dense_ones(n_features):
    rows = np.hstack([X, (np.random.default_rng(3).random((160, n_features)) < 0.02) * 1.0])
    rows[:, :4] *= rows[:, :4] > 3
    dense = RegularizedMultiTaskRegressor().fit(rows, Y, sample_domain=TASK)
    thin = RegularizedMultiTaskRegressor().fit(sparse.csr_array(rows), Y, sample_domain=TASK)
    found = thin.predict(sparse.csr_array(rows), sample_domain=TASK)
    assert_allclose(found, dense.predict(rows, sample_domain=TASK), rtol=1e-6)


def test_kernels_are_fitted_and_answer_by_task():
    y = np.sin(X[:, 0]) + RULES[TASK, 1]
    linear = RegularizedMultiTaskRegressor().fit(X, y, sample_domain=TASK)
    curved = RegularizedMultiTaskRegressor(kernel="rbf", kernel_params={"gamma": 0.1})
    curved.fit(X, y, sample_domain=TASK)
    assert curved.coef_ is None
    scores = [model.score(X, y, sample_domain=TASK) for model in (linear, curved)]
    assert scores[1] > scores[0] + 0.02
    some = np.r_[3, 50, 120]
    assert_allclose(
        curved.predict(X[some], sample_domain=TASK[some]),
        curved.predict(X, sample_domain=TASK)[some],
    )


def test_chosen_strengths_tell_related_tasks_from_unrelated_ones():
    for spread, low, high in ((0.05, 0.95, 1.0), (20.0, 0.0, 0.1)):
        rows, y, task, _ = make_tasks(n_tasks=40, spread=spread, n_rows=20)
        model = RegularizedMultiTaskRegressor().fit(rows, y, sample_domain=task)
        assert low <= model.relatedness_ <= high


def test_offsets_are_chosen_apart_from_slopes():
    """Tasks of one slope and far intercepts are told apart without a deviation of slopes."""
    rows, y, task, _ = make_tasks(n_tasks=40, spread=0.0)
    y = y + 10 * np.random.default_rng(5).normal(size=40)[task]
    model = RegularizedMultiTaskRegressor().fit(rows, y, sample_domain=task)
    assert model.relatedness_ > 0.9
    assert model.coef_.std(axis=0).max() < 0.1
    assert model.score(rows, y, sample_domain=task) > 0.99
    whole = RegularizedMultiTaskRegressor(offset=0).fit(rows, y, sample_domain=task)
    assert whole.relatedness_ < 0.5


def test_it_is_better_than_pooling_and_than_single_tasks():
    rows, y, task, rules = make_tasks(n_tasks=60, spread=0.4, noise=1.0)
    new = np.random.default_rng(9).normal(size=(480, 4)) + 3
    truth = np.sum(new * rules[task], axis=1) + 5
    model = RegularizedMultiTaskRegressor().fit(rows, y, sample_domain=task)
    pooled = RegularizedMultiTaskRegressor(relatedness=1).fit(rows, y, sample_domain=task)
    single = RegularizedMultiTaskRegressor(relatedness=0).fit(rows, y, sample_domain=task)
    errors = [
        np.mean((fitted.predict(new, sample_domain=task) - truth) ** 2)
        for fitted in (model, pooled, single)
    ]
    assert errors[0] < 0.85 * min(errors[1:])


def test_a_classifier_is_the_regressor_of_codes():
    labels = np.array(["no", "yes"])[(np.median(Y) < Y).astype(int)]
    model = RegularizedMultiTaskClassifier().fit(X, labels, sample_domain=TASK)
    codes = np.where(labels == "yes", 1.0, -1.0)
    expected = RegularizedMultiTaskRegressor().fit(X, codes, sample_domain=TASK)
    scores = model.decision_function(X, sample_domain=TASK)
    assert_allclose(scores, expected.predict(X, sample_domain=TASK))
    assert_allclose(model.coef_, expected.coef_)
    score = model.score(X, labels, sample_domain=TASK)
    assert score == np.mean(model.predict(X, sample_domain=TASK) == labels)


def test_one_task_of_three_classes_is_a_ridge_classifier():
    labels = np.digitize(Y, np.quantile(Y, [0.3, 0.6]))
    model = RegularizedMultiTaskClassifier(alpha=1.5).fit(X, labels)
    plain = RidgeClassifier(alpha=1.5).fit(X, labels)
    assert_allclose(model.decision_function(X), plain.decision_function(X))
    assert_allclose(model.coef_[0], plain.coef_)
    assert model.common_intercept_.shape == (3,)


def test_rows_without_a_task_get_the_target_or_the_common_function():
    fitted = RegularizedMultiTaskRegressor().fit(X, Y, sample_domain=TASK)
    assert_allclose(fitted.predict(X), X @ fitted.common_coef_ + fitted.common_intercept_)
    marks = np.where(TASK == 5, -1, TASK)
    with_target = RegularizedMultiTaskRegressor().fit(X, Y, sample_domain=marks)
    assert with_target.tasks_[-1] == "target"
    assert_allclose(with_target.predict(X), X @ fitted.coef_[5] + fitted.intercept_[5])


def test_a_task_without_a_label_gets_the_common_function():
    y = np.where(TASK == 3, np.nan, Y)
    model = RegularizedMultiTaskRegressor().fit(X, y, sample_domain=TASK)
    assert_allclose(model.coef_[3], model.common_coef_)
    others = TASK != 3
    without = RegularizedMultiTaskRegressor().fit(X[others], Y[others], sample_domain=TASK[others])
    assert_allclose(model.common_coef_, without.common_coef_)


@pytest.mark.parametrize(
    "name",
    [
        lambda k: ("site", k),
        lambda k: dt.date(2000, 1, 1 + k),
        lambda k: np.datetime64("2000-01-01") + k,
        lambda k: f"task {k:02}",
        lambda k: pd.Timestamp(2000, 1, 1 + k),
    ],
)
def test_any_hashable_value_names_a_task(name):
    names = [name(k) for k in TASK.tolist()]
    expected = RegularizedMultiTaskRegressor().fit(X, Y, sample_domain=TASK)
    model = RegularizedMultiTaskRegressor().fit(X, Y, sample_domain=names)
    assert_allclose(model.coef_, expected.coef_)
    assert model.tasks_[4] == name(4)
    found = model.predict(X[:9], sample_domain=names[:9])
    assert_allclose(found, expected.predict(X[:9], sample_domain=TASK[:9]))


def test_a_transfer_pipeline_takes_tasks_without_a_target():
    pipe = make_transfer_pipeline(StandardScaler(), RegularizedMultiTaskRegressor())
    pipe.fit(X, Y, sample_domain=TASK)
    scaled = StandardScaler().fit_transform(X)
    model = RegularizedMultiTaskRegressor().fit(scaled, Y, sample_domain=TASK)
    expected = model.predict(scaled, sample_domain=TASK)
    assert_allclose(pipe.predict(X, sample_domain=TASK), expected)
    pairs = [("user", k) for k in TASK.tolist()]
    gaps = np.where(np.arange(len(Y)) == 7, np.nan, Y)
    assert pipe.fit(X, gaps, sample_domain=pairs).score(X, Y, sample_domain=pairs) > 0.9


def test_labels_without_variation_are_predicted():
    model = RegularizedMultiTaskRegressor().fit(X, np.full(len(X), 7.0), sample_domain=TASK)
    assert_allclose(model.predict(X, sample_domain=TASK), 7.0)


def test_messages():
    model = RegularizedMultiTaskRegressor()
    with pytest.raises(ValueError, match=r"needs a row that has a label, and none of the 160 rows"):
        model.fit(X, np.full(len(X), np.nan))
    with pytest.raises(ValueError, match=r"kernel='linear' takes no arguments, but kernel_params="):
        RegularizedMultiTaskRegressor(kernel_params={"gamma": 1}).fit(X, Y)
    model.fit(X, Y, sample_domain=TASK)
    with pytest.raises(ValueError, match=r"names the tasks 77, 99, but RegularizedMultiTaskRegres"):
        model.predict(X[:2], sample_domain=[77, 99])
    with pytest.raises(ValueError, match=r"at least 2 classes, but y holds 1 class, 'a'"):
        RegularizedMultiTaskClassifier().fit(X, ["a"] * len(X))
