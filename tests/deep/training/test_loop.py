"""The second phase: minibatches, early stopping, best weights, rates, and going on after a stop."""

import numpy as np
import pytest

pytest.importorskip("torch", reason="fine-tuning needs torch")

import torch

from sktransfer.deep._backbone import resolve_backbone
from sktransfer.deep._engines.torch_engine import build_torch_stages
from sktransfer.deep._training.epoch_log import EpochLog
from sktransfer.deep._training.head import Head, Rows
from sktransfer.deep._training.loop import Training
from sktransfer.deep._training.losses import SoftmaxLoss, SquaredLoss
from sktransfer.deep._training.network import Network, predict, settle_statistics
from sktransfer.deep._training.order import minibatches
from sktransfer.deep._training.phases import Selected
from sktransfer.deep._training.schedule import Settings


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


@pytest.mark.parametrize(("n", "sizes"), [(9, [4, 5]), (8, [4, 4]), (10, [4, 4, 2]), (1, [1])])
def test_no_minibatch_of_a_single_row(n, sizes):
    batches = minibatches(n, 4, torch.Generator().manual_seed(0))
    assert [len(batch) for batch in batches] == sizes
    assert sorted(torch.cat(batches).tolist()) == list(range(n))


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


def make_training(
    path,
    *,
    settings=SETTINGS,
    held_out=True,
    batch_statistics=False,
    seed=0,
    stop=np.inf,
    loss=None,
):
    """The last two stages on random activations with random labels, before the first epoch."""
    loss = SoftmaxLoss(3) if loss is None else loss
    inputs = torch.rand(41, 12, 8, 8, generator=torch.Generator().manual_seed(7)).numpy()
    y = np.random.default_rng(0).integers(3, size=41)
    if loss.n_outputs == 2:
        y = np.random.default_rng(0).normal(size=(41, 2))
    rows = Rows(None, y, np.ones(41))
    parts = np.arange(33), np.arange(33, 41)
    training, judged = (rows.select(part, Selected(inputs, part)) for part in parts)
    stages = build_torch_stages(resolve_backbone(path))[2:]
    n = loss.n_outputs
    head = Head(np.zeros(24), np.ones(24), np.zeros((n, 24)), np.zeros(n))
    return Training(
        Network(stages, head, torch.device("cpu")),
        training,
        judged if held_out else None,
        loss=loss,
        settings=settings,
        batch_statistics=batch_statistics,
        seed=seed,
        log=make_log(stop),
    )


def run(training, n_epochs=np.inf):
    """Run some epochs, or all."""
    while not training.done and training.n_done < n_epochs:
        training.run_epoch()
    return training


def tune(path, **options):
    """Train to the end; returns the network, the log and the rows that judged."""
    training = run(make_training(path, **options))
    training.finish()
    return training.network, training.log, training.held_out


def evaluate(network, rows):
    return SoftmaxLoss(3).evaluate(predict(network, rows.inputs, len(rows.y)), rows)


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
    weights = {name: torch.tensor(array) for name, array in stage.arrays().items()}
    maps = torch.nn.functional.conv2d(inputs, weights["block3.kernel"], padding=1)
    mean, variance = weights["block3.mean"], weights["block3.variance"]
    torch.testing.assert_close(mean, maps.mean(dim=(0, 2, 3)), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(variance, maps.var(dim=(0, 2, 3)), rtol=1e-4, atol=1e-5)


def test_rows_run_for_statistics_only_if_a_layer_has_some():
    head = Head(np.zeros(1), np.ones(1), np.ones((1, 1)), np.zeros(1))
    plain = Network([torch.nn.Linear(1, 1)], head, torch.device("cpu"))
    settle_statistics(plain, None, 4)  # no rows are asked for
    normed = Network([torch.nn.BatchNorm1d(1)], head, torch.device("cpu"))
    with pytest.raises(TypeError):
        settle_statistics(normed, None, 4)


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


def assert_same(first, second):
    """The same nested values, to the bit."""
    assert first.keys() == second.keys()
    for name, value in first.items():
        if isinstance(value, dict):
            assert_same(value, second[name])
        else:
            np.testing.assert_array_equal(value, second[name], err_msg=name)


RICH = {"rate_decay": 0.5, "schedule": "cosine", "warmup_epochs": 2, "l2_sp": 0.1}


@pytest.mark.parametrize("batch_statistics", [False, True])
@pytest.mark.parametrize("loss", [SoftmaxLoss(3, 0.1), SquaredLoss(np.zeros(2), np.ones(2))])
def test_interrupted_and_restored_is_the_same_to_the_bit(network, batch_statistics, loss):
    settings = SETTINGS._replace(**RICH)
    options = {"settings": settings, "batch_statistics": batch_statistics, "loss": loss}
    whole = run(make_training(network, **options))
    assert whole.n_done == 6
    state = run(make_training(network, **options), 3).state()
    for value in state.values():
        assert isinstance(value, (np.ndarray, int, float, bool, dict))
    again = make_training(network, **options).restore(state)
    assert_same(again.state(), state)
    assert_same(run(again).state(), whole.state())
    heads = whole.finish(), again.finish()
    for name in ("coef", "intercept"):
        np.testing.assert_array_equal(getattr(heads[0], name), getattr(heads[1], name))
    for first, second in zip(whole.network.stages, again.network.stages, strict=True):
        assert_same(first.arrays(), second.arrays())


def test_a_state_is_a_copy(network):
    training = run(make_training(network), 2)
    state = training.state()
    kept = {n: v.copy() if isinstance(v, np.ndarray) else v for n, v in state.items()}
    kept["history"] = {name: list(values) for name, values in state["history"].items()}
    run(training)
    assert_same(state, kept)


def test_patience_is_remembered_over_an_interruption(network):
    settings = SETTINGS._replace(max_epochs=50, n_iter_no_change=2)
    whole = run(make_training(network, settings=settings))
    state = run(make_training(network, settings=settings), whole.n_done - 1).state()
    again = run(make_training(network, settings=settings).restore(state))
    assert again.n_done == whole.n_done < 50
    stopped = run(make_training(network, stop=2)).state()
    assert make_training(network).restore(stopped).done


def movement(path, **changes):
    """How far the largest weight of each part has gone in one step of AdamW: its rate."""
    settings = SETTINGS._replace(
        **{"max_epochs": 1, "batch_size": 50, "weight_decay": 0.0, "learning_rate": 1e-3} | changes
    )
    training = make_training(path, settings=settings, held_out=False)
    torch.nn.init.normal_(training.network.coef, generator=torch.Generator().manual_seed(0))
    parts = [*training.network.stages, [training.network.coef]]
    tensors = [list(p.parameters()) if hasattr(p, "parameters") else p for p in parts]
    before = [[t.detach().clone() for t in part] for part in tensors]
    run(training)
    return [
        max((t.detach() - b).abs().max().item() for t, b in zip(part, old, strict=True))
        for part, old in zip(tensors, before, strict=True)
    ]


def test_the_first_step_of_adam_is_the_rate_of_its_stage(network):
    # The first step of Adam is rate * g / (|g| + eps): the rate itself.
    np.testing.assert_allclose(movement(network), [1e-2, 1e-2, 1e-3], rtol=1e-3)
    np.testing.assert_allclose(movement(network, rate_decay=0.1), [1e-3, 1e-2, 1e-3], rtol=1e-3)
    warmed = movement(network, warmup_epochs=4)
    np.testing.assert_allclose(warmed, np.array([1e-2, 1e-2, 1e-3]) / 4, rtol=1e-3)


def test_a_schedule_sets_the_rates_of_every_step(network):
    settings = SETTINGS._replace(max_epochs=2, schedule="linear", warmup_epochs=1)
    training = make_training(network, settings=settings)
    rates = []
    step = training.optimizer.step
    training.optimizer.step = lambda: (
        rates.append(training.optimizer.param_groups[0]["lr"]) or step()
    )
    run(training)
    warm, fall = [1 / 4, 2 / 4, 3 / 4, 1], [1, 3 / 4, 2 / 4, 1 / 4]  # 33 rows in 4 batches
    np.testing.assert_allclose(np.array(rates) / 1e-2, warm + fall)


def distance(training):
    """From the pretrained weights, squared."""
    pairs = zip(training.network.stages, training.start, strict=True)
    return sum(
        ((w - a) ** 2).sum().item()
        for stage, anchors in pairs
        for w, a in zip(stage.parameters(), anchors, strict=True)
    )


def test_decay_pulls_towards_the_start_by_the_rate_times_its_strength(network):
    settings = SETTINGS._replace(l2_sp=2.0, backbone_learning_rate=0.1, rate_decay=0.5)
    training = make_training(network, settings=settings)
    with torch.no_grad():
        for weights in training.network.stages.parameters():
            weights.add_(1.0)
    # Without a gradient, Adam itself stays at the same place.
    training._descend(0 * sum(weights.sum() for weights in training.network.parameters()))
    pulled = [1 - 0.05 * 2, 1 - 0.1 * 2]  # the rest of the distance of 1
    for stage, anchors, left in zip(training.network.stages, training.start, pulled, strict=True):
        for weights, anchor in zip(stage.parameters(), anchors, strict=True):
            torch.testing.assert_close(weights - anchor, torch.full_like(anchor, left))


def test_strong_decay_towards_the_start_keeps_the_stages_near_it(network):
    options = {"held_out": False}
    far, near, start = (
        distance(run(make_training(network, settings=SETTINGS._replace(l2_sp=value), **options)))
        for value in (1e-6, 10.0, 1e9)
    )
    assert start < near < 0.5 * far
    # Held at the start before every step, a weight is one step of Adam away: about its rate.
    n_weights = sum(w.numel() for w in make_training(network).network.stages.parameters())
    assert start < 25 * n_weights * 1e-2**2


def test_without_a_pull_the_decay_is_that_of_adamw(network):
    plain = SETTINGS._replace(weight_decay=0.3)
    first, second = (
        make_training(network, settings=settings).optimizer.param_groups
        for settings in (plain, plain._replace(l2_sp=0.1))
    )
    assert [group["weight_decay"] for group in first] == [0.3, 0.3, 0.3]
    assert [group["weight_decay"] for group in second] == [0, 0, 0.3]


def test_layers_that_draw_for_themselves_follow_the_seed(network):
    def trained(seed):
        training = make_training(network, seed=seed, batch_statistics=True, held_out=False)
        training.network.stages.append(torch.nn.Dropout(0.5))
        training.network.stages[-1].momentum = None
        return run(training, 1).network.coef.detach()

    before = torch.get_rng_state()
    first = trained(0)
    torch.rand(3)  # whatever happens to the global generator
    assert torch.equal(trained(0), first)
    torch.set_rng_state(before)
    trained(0)
    assert torch.equal(torch.get_rng_state(), before)
