"""Training that diverged is an error that says what to change, and leaves nothing behind."""

import warnings

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError

pytest.importorskip("torch", reason="fine-tuning stages needs torch")

import torch

from sktransfer import (
    FineTuneClassifier,
    FineTuneRegressor,
    PretrainedFeatureExtractor,
)
from sktransfer.deep._backbone import resolve_backbone
from sktransfer.deep._engines.torch_engine import build_torch_stages
from sktransfer.deep._training.epoch_log import EpochLog
from sktransfer.deep._training.head import Head, Rows
from sktransfer.deep._training.loop import Training
from sktransfer.deep._training.losses import SquaredLoss
from sktransfer.deep._training.network import Network
from sktransfer.deep._training.phases import Selected
from sktransfer.deep._training.schedule import Settings
from sktransfer.exceptions import TransferWarning

X, Y = load_digits(return_X_y=True)
X, Y = X[:60], Y[:60] % 3
KINDS = FineTuneClassifier, FineTuneRegressor


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "parameters",
    [
        {"validation_fraction": 0},
        {"validation_fraction": 0.3},
        {"validation_fraction": 0, "batch_size": 60},
        {"initialize": "random"},
        {"initialize": "random", "validation_fraction": 0, "batch_size": 60},
        {"schedule": "cosine", "warmup_epochs": 1},
    ],
)
def test_diverged_stages_are_an_error_that_names_the_rates(kind, parameters, network):
    options = {"freeze_depth": 2, "max_epochs": 3, "random_state": 0}
    model = kind(network, backbone_learning_rate=1e30, **(options | parameters))
    with pytest.raises(ValueError, match=r"diverged in epoch \d of max_epochs=3") as caught:
        model.fit(X, Y.astype(float))
    assert "backbone_learning_rate=1e+30" in str(caught.value)
    assert "learning_rate=0.001" in str(caught.value)
    with pytest.raises(NotFittedError):
        model.predict(X)


@pytest.mark.parametrize("kind", KINDS)
def test_a_diverged_head_is_an_error(kind, network):
    options = {"freeze_depth": 2, "max_epochs": 3, "random_state": 0, "validation_fraction": 0}
    with pytest.raises(ValueError, match=r"diverged.*learning_rate=1e\+38"):
        kind(network, learning_rate=1e38, **options).fit(X, Y.astype(float))


def training_of(network, *, stage_weight, rate=0.0, held_out=False):
    """A training of the last stage that starts with all weights alike, before its first epoch."""
    stage = build_torch_stages(resolve_backbone(network))[-1]
    with torch.no_grad():
        for weights in stage.parameters():
            weights.fill_(stage_weight)
    head = Head(np.zeros(24), np.ones(24), np.ones((1, 24)), np.zeros(1))
    rows = Rows(None, np.zeros((20, 1)), np.ones(20))
    inputs = np.ones((20, 16, 4, 4), dtype=np.float32)
    parts = [rows.select(np.arange(20), Selected(inputs, np.arange(20)))] * 2
    numbers = {"head_epochs": 1, "max_epochs": 1, "learning_rate": rate, "weight_decay": 0.0}
    numbers |= {"backbone_learning_rate": rate, "batch_size": 20}
    settings = Settings(validation_fraction=0.5, n_iter_no_change=1, **numbers)
    return Training(
        Network([stage], head, torch.device("cpu")),
        parts[0],
        parts[1] if held_out else None,
        loss=SquaredLoss(np.zeros(1), np.ones(1)),
        settings=settings,
        batch_statistics=False,
        seed=0,
        log=EpochLog(Context(), {}, lambda *state: {}),
    )


class Context:
    """A callback context that hears nothing."""

    task_name = "fine-tune"

    def subcontext(self, task_name):
        return self

    def call_on_fit_task_begin(self, **task):
        pass

    def call_on_fit_task_end(self, **task):
        return False


def test_each_place_where_training_can_diverge_names_it(network):
    with pytest.raises(ValueError, match="the loss on the held-out rows is not finite"):
        training_of(network, stage_weight=1e30, held_out=True)
    with pytest.raises(ValueError, match=r"epoch 1 .* the loss is not finite"):
        training_of(network, stage_weight=1e30).run_epoch()
    with pytest.raises(ValueError, match="a prediction of a training row is not finite"):
        training_of(network, stage_weight=1.0, rate=1e25).run_epoch()
    broken = training_of(network, stage_weight=1.0)
    next(iter(broken.network.stages[0].buffers())).fill_(np.nan)
    broken.network.stages[0].forward = lambda x: x.mean((2, 3)).repeat(1, 2)[:, :24]
    with pytest.raises(ValueError, match="a weight or a statistic of batch-norm is not finite"):
        broken.run_epoch()


@pytest.mark.parametrize("kind", KINDS)
def test_a_fit_that_fails_leaves_the_fit_before_it_whole(kind, network):
    model = kind(network, freeze_depth=3, max_epochs=1, random_state=0, validation_fraction=0)
    model.fit(X, Y.astype(float))
    before, expected = dict(vars(model)), model.predict(X)
    model.set_params(backbone_learning_rate=1e30)
    with pytest.raises(ValueError, match="diverged"):
        model.fit(X[:40].reshape(-1, 8, 8), Y[:40] + 1.0)
    model.set_params(backbone_learning_rate=before["backbone_learning_rate"])
    assert vars(model).keys() == before.keys()
    assert all(vars(model)[name] is value for name, value in before.items())
    np.testing.assert_array_equal(model.predict(X), expected)


@pytest.mark.filterwarnings("ignore:Training the stages ended")
def test_best_epoch_counts_the_epochs_behind_the_weights(network):
    options = {"freeze_depth": 2, "random_state": 0, "backbone_learning_rate": 1e-3}
    model = FineTuneClassifier(network, max_epochs=8, n_iter_no_change=8, **options).fit(X, Y)
    losses = np.array(model.history_["validation_loss"])
    phases = np.array(model.history_["phase"])
    assert model.best_epoch_ == np.argmin(losses[np.sum(phases == "head") - 1 :]) > 0
    shorter = FineTuneClassifier(network, max_epochs=model.best_epoch_, **options).fit(X, Y)
    np.testing.assert_array_equal(shorter.predict_proba(X), model.predict_proba(X))
    assert FineTuneClassifier(network).fit(X, Y).best_epoch_ == 0
    everything = FineTuneClassifier(network, max_epochs=2, validation_fraction=0, **options)
    assert everything.fit(X, Y).best_epoch_ == 2


@pytest.mark.parametrize("kind", KINDS)
def test_training_that_never_beats_its_start_warns_and_keeps_the_start(kind, network):
    options = {"freeze_depth": 2, "random_state": 0, "max_epochs": 2, "validation_fraction": 0.3}
    model = kind(network, backbone_learning_rate=0.3, learning_rate=0.3, **options)
    with pytest.warns(TransferWarning, match=r"did not improve on its start.*best_epoch_=0"):
        model.fit(X, Y.astype(float))
    assert "head" in model.history_["phase"][-1]
    assert model.best_epoch_ == 0
    assert model.stage_weights_ == {}
    frozen = kind(network, random_state=0).fit(X, Y.astype(float))
    np.testing.assert_array_equal(model.predict(X), frozen.predict(X))
    np.testing.assert_array_equal(model.head_.coef, frozen.head_.coef)
    still = kind(network, backbone_learning_rate=0.0, learning_rate=0.0, **options)
    with pytest.warns(TransferWarning):
        still.fit(X, Y.astype(float))
    np.testing.assert_array_equal(model.predict(X), still.predict(X))


@pytest.mark.parametrize("kind", KINDS)
def test_training_that_ends_worse_than_a_constant_warns(kind, network):
    options = {"freeze_depth": 2, "random_state": 0, "max_epochs": 2, "validation_fraction": 0}
    model = kind(network, backbone_learning_rate=0.3, learning_rate=30.0, **options)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(X, Y.astype(float))
    assert np.isfinite(model.predict(X)).all()
    chance = np.log(3) if kind is FineTuneClassifier else 0.5
    assert model.history_["train_loss"][-1] > chance
    (only,) = (warning for warning in caught if "head_epochs" not in str(warning.message))
    assert only.category is TransferWarning
    assert f"more than the {chance:.3g} of a constant prediction" in str(only.message)


@pytest.fixture(scope="module")
def overflowing(write_graph, tmp_path_factory):
    """A network whose features are infinite for bright images."""
    kernel = np.full((2, 1, 3, 3), 9e3, dtype=np.float32)
    nodes = [
        ("Conv", ["image", "kernel"], ["map"], {"pads": [1, 1, 1, 1]}),
        ("Cast", ["map"], ["half"], {"to": 10}),
        ("Cast", ["half"], ["stage1"], {"to": 1}),
        ("Conv", ["stage1", "second"], ["stage2"], {}),
    ]
    arrays = {"kernel": kernel, "second": np.ones((3, 2, 1, 1), dtype=np.float32)}
    path = tmp_path_factory.mktemp("overflow") / "half.onnx"
    return write_graph(path, nodes, arrays, shape=["N", 1, 16, 16], outputs=["stage2"])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("depth", ["all", 1])
@pytest.mark.parametrize("weighted", [False, True])
def test_images_whose_features_overflow_are_named(kind, depth, weighted, overflowing):
    rng = np.random.default_rng(0)
    images, y = rng.random((30, 256)) * 0.4, np.arange(30) % 2.0
    bright = images.copy()
    bright[[7, 11]] = 1.0
    weight = np.where(np.arange(30) == 3, 0.0, 1.0) if weighted else None
    options = {"preprocessing": (0.0, 1.0), "stages": ["stage1", "stage2"], "max_epochs": 1}
    options |= {"value_range": (0, 1), "random_state": 0, "freeze_depth": depth}
    model = kind(overflowing, backbone_learning_rate=0, learning_rate=0, **options)
    with pytest.raises(ValueError, match=r"of 2 of (29|30) images are not finite: X\[7\], X\[11\]"):
        model.fit(bright, y, sample_weight=weight)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TransferWarning)
        model.fit(images, y, sample_weight=weight)
    assert np.isfinite(model.predict(images)).all()
    with pytest.raises(ValueError, match=r"of 2 of 30 images are not finite: X\[7\], X\[11\]"):
        model.predict(bright)


def test_the_extractor_warns_of_images_whose_features_overflow(overflowing):
    images = np.random.default_rng(0).random((30, 256)) * 0.4
    images[[7, 11]] = 1.0
    extractor = PretrainedFeatureExtractor(overflowing, value_range=(0, 1), preprocessing=(0, 1))
    with pytest.warns(
        TransferWarning, match=r"features of 2 of 30 .*: X\[7\], X\[11\]\. The network"
    ):
        features = extractor.fit_transform(images)
    assert np.flatnonzero(~np.isfinite(features).all(axis=1)).tolist() == [7, 11]


@pytest.mark.parametrize("scale", [1e300, 1e-300, 1e-310, 1.0])
def test_the_scale_of_a_target_cancels(scale, network):
    y = Y - 1.0
    plain = FineTuneRegressor(network).fit(X, y).predict(X)
    scaled = FineTuneRegressor(network).fit(X, y * scale).predict(X)
    np.testing.assert_allclose(scaled / scale, plain, rtol=1e-4, atol=1e-6)


def test_a_target_at_the_limit_of_float64_is_refused(network):
    y = np.where(Y > 1, 1.7e308, -1.7e308)
    with pytest.raises(ValueError, match=r"y has values up to 1\.7e\+308, .* divide y"):
        FineTuneRegressor(network).fit(X, y)
