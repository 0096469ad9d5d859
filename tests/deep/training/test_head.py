"""The head of the first phase: softmax and ridge against their definitions and scikit-learn."""

import numpy as np
import pytest
from scipy.optimize import approx_fprime, check_grad
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import log_loss, r2_score
from sklearn.preprocessing import StandardScaler

from sktransfer.deep._training.epoch_log import EpochLog
from sktransfer.deep._training.head import (
    Head,
    Rows,
    evaluate_logits,
    evaluate_targets,
    fit_head,
    fit_ridge_head,
    head_objective,
    standardization,
)
from sktransfer.deep._training.losses import SoftmaxLoss, SquaredLoss, hold_out_rows


class Context:
    """A callback context that asks to stop after some epochs."""

    task_name = None

    def __init__(self, stop_after=np.inf):
        self.n_begun = self.n_ended = 0
        self.stop_after = stop_after

    def subcontext(self, task_name):
        self.task_name = task_name
        return self

    def call_on_fit_task_begin(self, **task):
        self.n_begun += 1

    def call_on_fit_task_end(self, *, reconstruction_attributes=None, **task):
        self.n_ended += 1
        return self.n_ended >= self.stop_after


def make_log(stop_after=np.inf):
    return EpochLog(Context(stop_after), {}, lambda *state: {})


def make_problem(n=60, n_classes=3, seed=0):
    rng = np.random.default_rng(seed)
    y = np.arange(n) % n_classes
    features = rng.normal(size=(n, 5)) * [1, 2, 3, 4, 5] + y[:, None] * [1, 0, 2, 0, 1] + 7
    return features, y


def test_gradient_of_the_head_is_that_of_its_objective():
    features, y = make_problem()
    weight = np.random.default_rng(1).uniform(0.5, 2, len(y))
    options = {"n_classes": 3, "weight_decay": 0.3}
    flat = np.random.default_rng(2).normal(size=3 * 6)
    data = features / 10, y, weight
    error = check_grad(
        lambda w: head_objective(w, *data, **options)[0],
        lambda w: head_objective(w, *data, **options)[1],
        flat,
    )
    assert error < 1e-6


def test_objective_by_hand():
    # Two rows of one feature, two classes, logits (a x, -a x) with a = 1/2 and x = 1, -1.
    flat = np.array([0.5, 0.0, -0.5, 0.0])
    value, _ = head_objective(
        flat,
        np.array([[1.0], [-1.0]]),
        np.array([0, 0]),
        np.array([3.0, 1.0]),
        n_classes=2,
        weight_decay=0.2,
    )
    loss = 3 / 4 * np.log(1 + np.exp(-1)) + 1 / 4 * np.log(1 + np.exp(1))
    assert value == pytest.approx(loss + 0.2 / 2 * (0.25 + 0.25))


@pytest.mark.parametrize("weight_decay", [0.01, 0.3])
def test_head_equals_logistic_regression(weight_decay):
    features, y = make_problem()
    rows = Rows(features, y, np.ones(len(y)))
    head, converged = fit_head(
        rows, None, n_classes=3, weight_decay=weight_decay, max_epochs=500, log=make_log()
    )
    scaled = StandardScaler().fit(features)
    other = LogisticRegression(C=1 / (weight_decay * len(y)), tol=1e-8, max_iter=1000)
    other.fit(scaled.transform(features), y)
    assert converged
    np.testing.assert_allclose(head.mean, scaled.mean_)
    np.testing.assert_allclose(head.scale, scaled.scale_)
    np.testing.assert_allclose(head.coef, other.coef_, atol=3e-3)
    expected = other.predict_log_proba(scaled.transform(features))
    logits = head.outputs(features)
    np.testing.assert_allclose(
        logits - np.log(np.exp(logits).sum(axis=1, keepdims=True)), expected, atol=1e-2
    )


def test_weights_equal_repeated_rows():
    features, y = make_problem()
    weight = np.where(y == 1, 3.0, 1.0)
    repeated = np.repeat(np.arange(len(y)), weight.astype(int))
    options = {"n_classes": 3, "weight_decay": 0.1, "max_epochs": 500, "log": make_log()}
    weighted, _ = fit_head(Rows(features, y, weight), None, **options)
    many = Rows(features[repeated], y[repeated], np.ones(len(repeated)))
    np.testing.assert_allclose(weighted.scale, standardization(many.inputs, many.weight)[1])
    np.testing.assert_allclose(weighted.coef, fit_head(many, None, **options)[0].coef, atol=3e-3)


def test_constant_and_nearly_constant_features_keep_their_scale():
    features = np.array([[0.0, 100.0, 1.0], [0.0, 100.0 + 1e-5, 3.0]])
    mean, scale = standardization(features, np.ones(2))
    np.testing.assert_allclose(mean, [0, 100, 2], rtol=1e-6)
    np.testing.assert_allclose(scale, [1, 1, 1])
    assert standardization(features * [1, 1, 5], np.ones(2))[1][2] == 5


def test_a_dead_unit_is_no_feature():
    """Its rounding would count as much as all others, and change by itself with each step."""
    features = np.array([[1.0, 1e-33, 2.0], [3.0, 3e-33, 2.5]])
    mean, scale = standardization(features, np.ones(2))
    np.testing.assert_allclose(scale, [1.0, 1.0, 0.25])
    np.testing.assert_allclose(mean, features.mean(axis=0))


def test_few_epochs_do_not_converge_and_a_callback_stops():
    features, y = make_problem()
    rows = Rows(features, y, np.ones(len(y)))
    log = make_log()
    head, converged = fit_head(rows, rows, n_classes=3, weight_decay=1e-3, max_epochs=2, log=log)
    assert not converged
    assert log.history["phase"] == ["head"] * 2
    assert log.history["validation_loss"] == log.history["train_loss"]
    assert log.history["train_loss"][-1] == evaluate_logits(head.outputs(features), rows)[0]
    stopped = make_log(stop_after=1)
    fit_head(rows, None, n_classes=3, weight_decay=1e-3, max_epochs=50, log=stopped)
    assert stopped.history["phase"] == ["head"]
    assert stopped._context.n_begun == stopped._context.n_ended


def test_extreme_weights_and_no_epochs_give_the_class_priors():
    features, y = make_problem()
    weight = np.array([1000, 1e-4, 0])[y]
    options = {"n_classes": 3, "weight_decay": 1e-3, "log": make_log()}
    for max_epochs in (0, 500):
        head, _ = fit_head(Rows(features, y, weight), None, max_epochs=max_epochs, **options)
        assert (head.outputs(features).argmax(axis=1) == 0).all()
    head, _ = fit_head(Rows(features[:50], y[:50], np.ones(50)), None, max_epochs=0, **options)
    np.testing.assert_allclose(np.exp(head.intercept), np.array([17, 17, 16]) / 50)
    assert not head.coef.any()


def test_a_feature_silent_in_the_rows_that_weigh_keeps_a_tenth_of_its_spread():
    features = np.array([[0.0], [0.0], [1.0], [3.0]])
    weight = np.array([2.0, 2.0, 1e-9, 1e-9])
    _, scale = standardization(features, weight)
    assert scale[0] == pytest.approx(0.1 * np.sqrt(1.5))  # variance of 0, 0, 1, 3 without weights


def test_hold_out_is_stratified_and_never_loses_a_class():
    y = np.repeat([0, 1, 2, 3], [5, 6, 40, 49])
    rows, held_out_rows = hold_out_rows(y, 0.15, 0, classes=True)
    assert len(held_out_rows) == 15
    assert np.array_equal(np.sort(np.r_[rows, held_out_rows]), np.arange(100))
    assert set(y[rows]) == set(range(4))
    for fraction in (0.001, 0.99):
        rows, held_out_rows = hold_out_rows(y, fraction, 0, classes=True)
        assert min(len(rows), len(held_out_rows)) == 4
    assert hold_out_rows(np.repeat([0, 1], [4, 50]), 0.15, 0, classes=True)[1] is None
    assert hold_out_rows(y, 0, 0, classes=True)[1] is None


def make_targets(n=40, n_features=6, n_outputs=2, seed=0):
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(n, n_features)) * np.arange(1, n_features + 1) + 3
    y = features @ rng.normal(size=(n_features, n_outputs)) + rng.normal(size=(n, n_outputs))
    return Rows(features, (y - y.mean(axis=0)) / y.std(axis=0), np.ones(n))


@pytest.mark.parametrize("n_features", [6, 90])  # fewer than rows, and more
@pytest.mark.parametrize("weight_decay", [0.003, 0.5])
def test_ridge_head_equals_ridge(n_features, weight_decay):
    rows = make_targets(n_features=n_features)
    head = fit_ridge_head(rows, weight_decay=weight_decay)
    scaled = StandardScaler().fit_transform(rows.inputs)
    other = Ridge(alpha=weight_decay * len(rows.y)).fit(scaled, rows.y)
    np.testing.assert_allclose(head.coef, other.coef_, atol=1e-10)
    np.testing.assert_allclose(head.outputs(rows.inputs), other.predict(scaled), atol=1e-10)


def test_ridge_head_without_decay_has_the_smallest_norm():
    rows = make_targets(n=10, n_features=30)
    head = fit_ridge_head(rows, weight_decay=0)
    np.testing.assert_allclose(head.outputs(rows.inputs), rows.y, atol=1e-8)
    scaled = StandardScaler().fit_transform(rows.inputs)
    np.testing.assert_allclose(
        head.coef, (np.linalg.pinv(scaled, rcond=1e-10) @ rows.y).T, atol=1e-8
    )


def test_weights_of_a_ridge_head_equal_repeated_rows():
    rows = make_targets()
    weight = np.where(np.arange(40) < 10, 3, 1)
    repeated = np.repeat(np.arange(40), weight)
    heavy = rows._replace(weight=weight.astype(float))
    first = fit_ridge_head(heavy, weight_decay=0.1)
    second = fit_ridge_head(rows.take(repeated, rows.inputs), weight_decay=0.1)
    np.testing.assert_allclose(first.coef, second.coef, rtol=1e-8)
    np.testing.assert_allclose(first.intercept, second.intercept, rtol=1e-8)


def test_a_ridge_head_is_where_its_objective_is_flat():
    rows, weight_decay = make_targets(n_outputs=1), 0.2
    head = fit_ridge_head(rows, weight_decay=weight_decay)

    def objective(coef):
        other = Head(head.mean, head.scale, coef[None], head.intercept)
        error = other.outputs(rows.inputs) - rows.y
        return np.mean(error**2) / 2 + weight_decay / 2 * np.sum(coef**2)

    np.testing.assert_allclose(approx_fprime(head.coef[0], objective, 1e-6), 0, atol=1e-5)


def test_squared_loss_by_hand_and_r2_of_scikit_learn():
    rng = np.random.default_rng(0)
    y, outputs, weight = rng.normal(size=(9, 2)), rng.normal(size=(9, 2)), rng.uniform(1, 2, 9)
    loss, score = evaluate_targets(outputs, Rows(None, y, weight))
    error = np.average((outputs - y) ** 2, axis=0, weights=weight)
    assert loss == pytest.approx(error.mean() / 2)
    assert score == pytest.approx(r2_score(y, outputs, sample_weight=weight))
    constant = Rows(None, np.ones((3, 1)), np.ones(3))
    assert evaluate_targets(np.ones((3, 1)), constant) == (0, 1)
    assert evaluate_targets(np.zeros((3, 1)), constant) == (1 / 2, 0)


def test_targets_come_back_in_their_units():
    loss = SquaredLoss(np.array([5.0, -1.0]), np.array([2.0, 10.0]))
    head = Head(np.zeros(3), np.ones(3), np.eye(2, 3), np.array([0.5, 0.0]))
    features = np.random.default_rng(0).normal(size=(4, 3))
    np.testing.assert_allclose(
        loss.in_units(head).outputs(features), head.outputs(features) * [2, 10] + [5, -1]
    )


def test_smoothed_labels_are_a_mixture_of_labels():
    features, y = make_problem()
    smoothing, flat = 0.3, np.random.default_rng(0).normal(size=18)
    data = features / 10, y, np.ones(60)
    options = {"n_classes": 3, "weight_decay": 0.1}
    value, gradient = head_objective(flat, *data, **options, smoothing=smoothing)
    parts = [
        head_objective(flat, features / 10, np.full(60, k), data[2], **options) for k in (0, 1, 2)
    ]
    plain = head_objective(flat, *data, **options)
    for whole, part in zip((value, gradient), range(2), strict=True):
        mixture = (1 - smoothing) * plain[part] + smoothing * sum(p[part] for p in parts) / 3
        np.testing.assert_allclose(whole, mixture, rtol=1e-12, atol=1e-12)


def test_smoothed_loss_of_scikit_learn_and_torch():
    torch = pytest.importorskip("torch", reason="the loop's loss is torch's")
    rng = np.random.default_rng(0)
    logits, y = rng.normal(size=(7, 4)), np.arange(7) % 4
    rows = Rows(None, y, np.ones(7))
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    expected = log_loss(y, probabilities, labels=range(4))
    assert evaluate_logits(logits, rows)[0] == pytest.approx(expected)
    for loss, some in (
        (SoftmaxLoss(4, 0.2), rows),
        (SoftmaxLoss(4), rows),
        (SquaredLoss(np.zeros(4), np.ones(4)), Rows(None, rng.normal(size=(7, 4)), np.ones(7))),
    ):
        each = loss.of_tensors(torch.as_tensor(logits), torch.as_tensor(some.y))
        assert each.shape == (7,)
        assert each.mean().item() == pytest.approx(loss.evaluate(logits, some)[0])


def test_regressions_hold_out_any_rows():
    y = np.zeros((20, 1))
    rows, held_out_rows = hold_out_rows(y, 0.15, 0, classes=False)
    assert len(held_out_rows) == 3
    assert np.array_equal(np.sort(np.r_[rows, held_out_rows]), np.arange(20))
    assert hold_out_rows(y[:4], 0.15, 0, classes=False)[1] is None
    assert len(hold_out_rows(y, 0.99, 0, classes=False)[0]) == 1
