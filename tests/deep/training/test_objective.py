"""Training on pairs: its batches, its head, and what it does to the features."""

import numpy as np
import onnxruntime
import pytest
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

pytest.importorskip("torch", reason="fine-tuning stages needs torch")

import torch

from sktransfer._kernels.contrastive import pair_loss
from sktransfer.deep import FineTuneClassifier, PretrainedFeatureExtractor
from sktransfer.deep._engines.torch_engine import built_stages
from sktransfer.deep._training.order import minibatches_of_pairs
from sktransfer.exceptions import TransferWarning

DIGITS, LABELS = load_digits(return_X_y=True)
X, Y = DIGITS[LABELS < 3][:60], LABELS[LABELS < 3][:60]
X_NEW, Y_NEW = DIGITS[LABELS < 3][60:], LABELS[LABELS < 3][60:]


def make(**parameters):
    options = {"freeze_depth": 3, "max_epochs": 4, "validation_fraction": 0, "random_state": 0}
    return FineTuneClassifier(**(options | {"objective": "contrastive"} | parameters))


def features_of(model, X):
    """The pooled features of a classifier whose last stage is trained, before its head."""
    before = PretrainedFeatureExtractor(stage=3, pooling=None).fit_transform(X)
    (stage,) = built_stages(model.backbone_, model.stage_weights_, 3, torch.device("cpu"))
    with torch.no_grad():
        maps = stage(torch.as_tensor(before).reshape(-1, *model.backbone_.shapes[2]))
    return maps.mean(dim=(2, 3)).numpy().astype(np.float64)


@pytest.mark.parametrize("counts", [[4, 6, 2], [5, 3, 1], [1, 1, 1], [9, 0, 8]])
def test_rows_of_a_class_come_in_twos(counts):
    y = torch.as_tensor(np.random.default_rng(0).permutation(np.repeat([0, 1, 2], counts)))
    generator, seen = torch.Generator().manual_seed(0), set()
    for _ in range(5):
        batches = minibatches_of_pairs(y, 4, generator)
        order = torch.cat(batches)
        assert sorted(order.tolist()) == list(range(len(y)))
        assert min(map(len, batches)) > 1
        runs = np.diff(np.flatnonzero(np.diff(y[order], prepend=-1, append=-1)))
        assert (runs % 2 == 1).sum() <= sum(n % 2 for n in counts)
        seen.add(tuple(order.tolist()))
    assert len(seen) > 1


def test_the_last_row_does_not_make_a_minibatch_alone():
    batches = minibatches_of_pairs(torch.zeros(9, dtype=int), 4, torch.Generator())
    assert [len(batch) for batch in batches] == [4, 5]


def test_classes_lie_apart_and_the_head_is_a_logistic_regression_of_them():
    model = make().fit(X, Y)
    start = make(objective="cross_entropy", max_epochs=0).fit(X, Y)
    one = np.ones(len(X_NEW))
    before, after = (
        pair_loss(features, Y_NEW, weight=one)
        for features in (start_features(X_NEW), features_of(model, X_NEW))
    )
    assert after < 0.7 * before
    assert start.stage_weights_ == {}
    features = features_of(model, X)
    standardized = StandardScaler().fit_transform(features)
    C = 1 / (model.weight_decay * len(X))
    expected = LogisticRegression(C=C, tol=1e-6, max_iter=5000).fit(standardized, Y)
    np.testing.assert_allclose(
        model.predict_proba(X), expected.predict_proba(standardized), atol=0.01
    )
    phases = np.array(model.history_["phase"])
    losses = np.array(model.history_["train_loss"])[phases == "fine-tune"]
    assert len(losses) == 4
    assert losses[-1] < losses[0]
    assert model.history_["train_score"][-1] == model.score(X, Y)


def start_features(X):
    return PretrainedFeatureExtractor().fit_transform(X).astype(np.float64)


def test_held_out_rows_judge_the_head_of_each_epoch():
    model = make(validation_fraction=0.2, n_iter_no_change=2, max_epochs=6).fit(X, Y)
    losses = np.array(model.history_["validation_loss"])
    tuned = losses[np.array(model.history_["phase"]) == "fine-tune"]
    if model.best_epoch_:
        assert tuned[model.best_epoch_ - 1] == tuned.min()
    assert np.isfinite(losses).all()


def test_class_weights_count_in_the_pairs_and_a_row_of_weight_zero_does_not():
    plain = make().fit(X, Y)
    weighted = make(class_weight={0: 9, 1: 1, 2: 1}).fit(X, Y)
    name = plain.backbone_.stages[-1]
    weights = [next(iter(model.stage_weights_[name].values())) for model in (plain, weighted)]
    assert not np.array_equal(*weights)
    weight = np.r_[np.zeros(12), np.ones(48)]
    few = make().fit(X, Y, sample_weight=weight)
    np.testing.assert_array_equal(few.predict_proba(X), make().fit(X[12:], Y[12:]).predict_proba(X))


@pytest.mark.parametrize(
    "parameters",
    [
        {"initialize": "random", "freeze_depth": 2},
        {"augment": {"shift": 0.1}},
        {"augment": {"shift": 0.1}, "augment_views": 2, "l2_sp": 0.1},
    ],
)
def test_it_goes_with_the_other_parameters(parameters):
    model = make(max_epochs=2, **parameters).fit(X, Y)
    assert model.score(X, Y) > 0.6


def test_it_is_saved_and_exported(tmp_path):
    model = make(max_epochs=1).fit(X.astype(np.float32), Y)
    model.save(tmp_path / "model")
    loaded = FineTuneClassifier.load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))
    assert loaded.objective == "contrastive"
    model.to_onnx(tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    found = session.run(None, {session.get_inputs()[0].name: X_NEW[:9].astype(np.float32)})[-1]
    np.testing.assert_allclose(found, model.predict_proba(X_NEW[:9]), atol=1e-4)


def test_the_head_is_said_not_to_have_converged():
    with pytest.warns(ConvergenceWarning, match="head_epochs=2 ended before"):
        make(head_epochs=2, max_epochs=1).fit(X, Y)


def test_a_loss_that_rises_gives_a_warning():
    with pytest.warns(
        TransferWarning, match=r"loss of 0\..*, more than the 0\.25 of features of eq"
    ):
        make(backbone_learning_rate=1.0, warmup_epochs=0).fit(X, Y)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"freeze_depth": "all"}, r"no stage to train with freeze_depth='all' and max_epochs=4"),
        ({"max_epochs": 0}, r"no stage to train with freeze_depth=3 and max_epochs=0"),
        ({"head_epochs": 0}, r"^head_epochs=0 leaves the head .*expected 1 or more"),
    ],
)
def test_what_it_cannot_train_is_refused(parameters, message):
    with pytest.raises(ValueError, match=message):
        make(**parameters).fit(X, Y)


def test_a_class_of_two_rows_is_needed_and_one_class_is_nothing_to_learn():
    weight = np.r_[np.ones(3), np.zeros(57)]
    y = np.r_[[0, 1, 2], Y[3:]]
    for arguments in ((X[:3], y[:3]), (X, y, weight)):
        with pytest.raises(ValueError, match="needs two rows of a class"):
            make().fit(*arguments)
    assert make().fit(X[:3], [1, 1, 1]).predict(X[:2]).tolist() == [1, 1]
