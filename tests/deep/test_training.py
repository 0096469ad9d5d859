"""The two phases: the head against its definition, minibatches, early stopping, best weights."""

import numpy as np
import pytest
from scipy.optimize import check_grad
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

torch = pytest.importorskip("torch", reason="fine-tuning needs torch")

from sktransfer.deep._backbone import resolve_backbone  # noqa: E402
from sktransfer.deep._head import (  # noqa: E402
    EpochLog,
    Head,
    Rows,
    evaluate_logits,
    fit_head,
    head_objective,
    standardization,
)
from sktransfer.deep._torch_engine import build_torch_stages  # noqa: E402
from sktransfer.deep._training import (  # noqa: E402
    Network,
    Settings,
    evaluate,
    fine_tune,
    hold_out,
    minibatches,
)


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
    logits = head.logits(features)
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


def test_few_epochs_do_not_converge_and_a_callback_stops():
    features, y = make_problem()
    rows = Rows(features, y, np.ones(len(y)))
    log = make_log()
    head, converged = fit_head(rows, rows, n_classes=3, weight_decay=1e-3, max_epochs=2, log=log)
    assert not converged
    assert log.history["phase"] == ["head"] * 2
    assert log.history["validation_loss"] == log.history["train_loss"]
    assert log.history["train_loss"][-1] == evaluate_logits(head.logits(features), rows)[0]
    stopped = make_log(stop_after=1)
    fit_head(rows, None, n_classes=3, weight_decay=1e-3, max_epochs=50, log=stopped)
    assert stopped.history["phase"] == ["head"]
    assert stopped._context.n_begun == stopped._context.n_ended


@pytest.mark.parametrize(("n", "sizes"), [(9, [4, 5]), (8, [4, 4]), (10, [4, 4, 2]), (1, [1])])
def test_no_minibatch_of_a_single_row(n, sizes):
    batches = minibatches(n, 4, torch.Generator().manual_seed(0))
    assert [len(batch) for batch in batches] == sizes
    assert sorted(torch.cat(batches).tolist()) == list(range(n))


def test_hold_out_is_stratified_and_never_loses_a_class():
    y = np.repeat([0, 1, 2, 3], [5, 6, 40, 49])
    rows, held_out_rows = hold_out(y, 0.15, 0)
    assert len(held_out_rows) == 15
    assert np.array_equal(np.sort(np.r_[rows, held_out_rows]), np.arange(100))
    assert set(y[rows]) == set(range(4))
    for fraction in (0.001, 0.99):
        rows, held_out_rows = hold_out(y, fraction, 0)
        assert min(len(rows), len(held_out_rows)) == 4
    assert hold_out(np.repeat([0, 1], [4, 50]), 0.15, 0)[1] is None
    assert hold_out(y, 0, 0)[1] is None


SETTINGS = Settings(
    head_epochs=100,
    max_epochs=6,
    learning_rate=1e-2,
    backbone_learning_rate=1e-2,
    batch_size=8,
    weight_decay=1e-3,
    validation_fraction=0.2,
    n_iter_no_change=6,
)


def tune(path, *, settings=SETTINGS, held_out=True, batch_statistics=False, seed=0, stop=np.inf):
    """Fine-tune the last two stages on random activations with random labels."""
    generator = torch.Generator().manual_seed(7)
    inputs = torch.rand(41, 12, 8, 8, generator=generator)
    y = np.random.default_rng(0).integers(3, size=41)
    rows = Rows(inputs, y, np.ones(41))
    training, judged = rows.take(np.arange(33), inputs), rows.take(np.arange(33, 41), inputs)
    stages = build_torch_stages(resolve_backbone(path))[2:]
    head = Head(np.zeros(24), np.ones(24), np.zeros((3, 24)), np.zeros(3))
    network, log = Network(stages, head), make_log(stop)
    fine_tune(
        network,
        training,
        judged if held_out else None,
        settings=settings,
        batch_statistics=batch_statistics,
        generator=torch.Generator().manual_seed(seed),
        log=log,
    )
    return network, log, judged


def test_best_weights_come_back(network):
    model, log, judged = tune(network)
    best = min(log.history["validation_loss"])
    start = np.log(3)  # a head of zeros, the weights before the first epoch
    assert evaluate(model, judged)[0] == pytest.approx(min(best, start), abs=1e-6)
    assert log.history["validation_loss"][-1] > min(best, start)  # there was something to undo


def test_patience_and_callbacks_end_the_training(network):
    _, log, _ = tune(network, settings=SETTINGS._replace(max_epochs=50, n_iter_no_change=2))
    losses = [np.log(3), *log.history["validation_loss"]]
    assert len(losses) - 1 == np.argmin(losses) + 2 < 50
    _, log, _ = tune(network, stop=3)
    assert len(log.history["phase"]) == 3


def test_without_held_out_rows_every_epoch_runs(network):
    _, log, _ = tune(network, held_out=False, settings=SETTINGS._replace(n_iter_no_change=1))
    assert log.history["phase"] == ["fine-tune"] * 6
    assert np.isnan(log.history["validation_loss"]).all()
    assert log.history["train_loss"][-1] < log.history["train_loss"][0]


def test_statistics_from_scratch_are_those_of_all_training_rows(network):
    model, *_ = tune(network, held_out=False, batch_statistics=True)
    inputs = torch.rand(41, 12, 8, 8, generator=torch.Generator().manual_seed(7))[:33]
    stage = model.stages[0]
    convolution, normalization = stage._steps[:2]
    assert (convolution[0], normalization[0]) == ("Conv", "BatchNormalization")
    weights = {name: getattr(stage, attribute) for name, attribute in stage._attribute_of.items()}
    with torch.no_grad():
        maps = convolution[1](stage, inputs, *(weights[name] for name in convolution[2][1:]))
    mean, variance = (weights[name] for name in normalization[2][3:])
    torch.testing.assert_close(mean, maps.mean(dim=(0, 2, 3)), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(variance, maps.var(dim=(0, 2, 3)), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("batch_statistics", [False, True])
def test_running_statistics_move_only_where_asked(network, batch_statistics):
    before = [stage.arrays() for stage in build_torch_stages(resolve_backbone(network))[2:]]
    model, *_ = tune(network, held_out=False, batch_statistics=batch_statistics)
    for stage, old in zip(model.stages, before, strict=True):
        for name, array in stage.arrays().items():
            is_statistic = name.endswith((".mean", ".variance"))
            changed = not np.array_equal(array, old[name])
            assert changed == (batch_statistics or not is_statistic), name


def test_each_rate_moves_its_own_part(network):
    old = build_torch_stages(resolve_backbone(network))[2].arrays()["block3.kernel"]
    model, *_ = tune(network, settings=SETTINGS._replace(learning_rate=0.0), held_out=False)
    assert not model.coef.any()
    assert not np.array_equal(model.stages[0].arrays()["block3.kernel"], old)
    settings = SETTINGS._replace(backbone_learning_rate=0.0)
    model, *_ = tune(network, settings=settings, held_out=False)
    assert model.coef.any()
    np.testing.assert_array_equal(model.stages[0].arrays()["block3.kernel"], old)


def test_seed_orders_the_rows_and_nothing_else_does(network):
    first, again, other = (tune(network, seed=seed, held_out=False)[0] for seed in (0, 0, 1))
    assert torch.equal(first.coef, again.coef)
    assert not torch.equal(first.coef, other.coef)


def test_extreme_weights_and_no_epochs_give_the_class_priors():
    features, y = make_problem()
    weight = np.array([1000, 1e-4, 0])[y]
    options = {"n_classes": 3, "weight_decay": 1e-3, "log": make_log()}
    for max_epochs in (0, 500):
        head, _ = fit_head(Rows(features, y, weight), None, max_epochs=max_epochs, **options)
        assert (head.logits(features).argmax(axis=1) == 0).all()
    head, _ = fit_head(Rows(features[:50], y[:50], np.ones(50)), None, max_epochs=0, **options)
    np.testing.assert_allclose(np.exp(head.intercept), np.array([17, 17, 16]) / 50)
    assert not head.coef.any()


def test_a_feature_silent_in_the_rows_that_weigh_keeps_a_tenth_of_its_spread():
    features = np.array([[0.0], [0.0], [1.0], [3.0]])
    weight = np.array([2.0, 2.0, 1e-9, 1e-9])
    _, scale = standardization(features, weight)
    assert scale[0] == pytest.approx(0.1 * np.sqrt(1.5))  # variance of 0, 0, 1, 3 without weights
