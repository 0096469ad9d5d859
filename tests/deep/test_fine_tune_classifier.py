"""FineTuneClassifier: scikit-learn's checks, and what each parameter means."""

import pickle
from copy import deepcopy

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

pytest.importorskip("torch", reason="FineTuneClassifier trains with torch")

import torch

from sktransfer.deep import FineTuneClassifier, PretrainedFeatureExtractor
from sktransfer.deep._backbone import resolve_backbone
from sktransfer.deep._engines.torch_engine import build_torch_stages

# Networks with random weights and few epochs seldom improve on the head alone.
pytestmark = pytest.mark.filterwarnings("ignore:Training the stages")

DIGITS, LABELS = load_digits(return_X_y=True)
X, Y = DIGITS[:120], LABELS[:120]
X_NEW = DIGITS[120:160]


@parametrize_with_checks([FineTuneClassifier()])
def test_scikit_learn_checks(estimator, check):
    check(estimator)


def make(network, **parameters):
    options = {"max_epochs": 3, "warmup_epochs": 0, "random_state": 0} | parameters
    return FineTuneClassifier(network, **options)


def arrays_of(classifier):
    """Everything that was learned, flat."""
    head = classifier.head_
    stages = classifier.stage_weights_.items()
    learned = {f"{stage}/{name}": a for stage, weights in stages for name, a in weights.items()}
    return learned | {"coef": head.coef, "intercept": head.intercept, "mean": head.mean}


def assert_same(first, second):
    first, second = arrays_of(first), arrays_of(second)
    assert first.keys() == second.keys()
    for name in first:
        np.testing.assert_array_equal(first[name], second[name], err_msg=name)


def test_frozen_classifier_is_logistic_regression_on_the_extracted_features():
    weight_decay = 0.05
    classifier = FineTuneClassifier(weight_decay=weight_decay).fit(X, Y)
    other = make_pipeline(
        PretrainedFeatureExtractor(),
        StandardScaler(),
        LogisticRegression(C=1 / (weight_decay * len(Y)), tol=1e-6, max_iter=1000),
    ).fit(X, Y)
    np.testing.assert_allclose(
        classifier.predict_proba(X_NEW), other.predict_proba(X_NEW), atol=5e-3
    )
    np.testing.assert_allclose(classifier.head_.coef, other[-1].coef_, atol=5e-3)


@pytest.mark.parametrize("depth", [0, 1, 2, 3, 4, "all"])
def test_frozen_stages_stay_bit_equal_and_the_others_change(depth, network):
    classifier = make(network, freeze_depth=depth).fit(X, Y)
    n_frozen = 4 if depth == "all" else depth
    assert list(classifier.stage_weights_) == ["stage1", "stage2", "stage3", "stage4"][n_frozen:]
    assert classifier.depth_ == n_frozen
    for stage in build_torch_stages(resolve_backbone(network)):
        for name, array in classifier.stage_weights_.get(stage.output_name, {}).items():
            is_statistic = name.endswith((".mean", ".variance"))
            assert np.array_equal(array, stage.arrays()[name]) == is_statistic, name


def test_random_weights_are_kept_and_their_frozen_statistics_never_move(network):
    classifier = make(network, initialize="random", freeze_depth=2).fit(X, Y)
    weights = classifier.stage_weights_
    assert list(weights) == ["stage1", "stage2", "stage3", "stage4"]
    pretrained = build_torch_stages(resolve_backbone(network))[0].arrays()
    assert not np.array_equal(weights["stage1"]["block1.kernel"], pretrained["block1.kernel"])
    frozen = make(network, initialize="random").fit(X, Y).stage_weights_
    for stage in ("stage1", "stage2"):  # the same draw, untouched
        for name, array in weights[stage].items():
            np.testing.assert_array_equal(array, frozen[stage][name])
    np.testing.assert_array_equal(weights["stage2"]["block2.mean"], 0)
    assert weights["stage3"]["block3.mean"].any()
    assert "head" not in classifier.history_["phase"]


def test_from_scratch_learns(network):
    options = {"initialize": "random", "freeze_depth": 0, "max_epochs": 30}
    options |= {"backbone_learning_rate": 3e-3, "validation_fraction": 0}
    classifier = make(network, **options).fit(X, Y)
    assert classifier.score(X, Y) > 0.9


def test_same_seed_same_weights_and_another_seed_others(network):
    options = {"freeze_depth": 2, "max_epochs": 2}
    first = make(network, **options).fit(X, Y)
    assert_same(first, make(network, **options).fit(X, Y))
    assert_same(first, first.fit(X, Y))
    for seed in (1, None):
        other = make(network, **options).set_params(random_state=seed).fit(X, Y)
        assert not np.array_equal(other.head_.coef, first.head_.coef)


def test_global_state_and_the_input_stay_as_they_are(network):
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()
    flags = (
        torch.get_num_threads(),
        torch.get_default_dtype(),
        torch.are_deterministic_algorithms_enabled(),
        torch.backends.cudnn.deterministic,
        torch.is_grad_enabled(),
    )
    images, labels = X.copy(), Y.copy()
    images.flags.writeable = labels.flags.writeable = False
    for seed in (None, 0):
        classifier = make(network, freeze_depth=2, random_state=seed, initialize="random")
        classifier.fit(images, labels).predict(images)
    assert torch.equal(torch.get_rng_state(), torch_state)
    for now, before in zip(np.random.get_state(), numpy_state, strict=True):
        np.testing.assert_array_equal(now, before)
    assert flags == (
        torch.get_num_threads(),
        torch.get_default_dtype(),
        torch.are_deterministic_algorithms_enabled(),
        torch.backends.cudnn.deterministic,
        torch.is_grad_enabled(),
    )
    np.testing.assert_array_equal(images, X)
    np.testing.assert_array_equal(labels, Y)


def test_a_row_alone_equals_the_row_in_its_batch():
    classifier = FineTuneClassifier().fit(X, Y)
    alone = np.concatenate([classifier.predict_proba(row[None]) for row in X_NEW[:5]])
    np.testing.assert_allclose(classifier.predict_proba(X_NEW)[:5], alone, rtol=1e-12)


@pytest.mark.parametrize("depth", ["all", 2])
def test_pickle_and_copy_predict_the_same(depth, network):
    classifier = make(network, freeze_depth=depth).fit(X, Y)
    data = pickle.dumps(classifier)
    for other in (pickle.loads(data), deepcopy(classifier)):
        np.testing.assert_array_equal(other.predict_proba(X_NEW), classifier.predict_proba(X_NEW))
    assert b"rebuild_tensor" not in data  # how torch pickles its arrays


def test_a_frozen_backbone_is_not_in_the_pickle():
    classifier = FineTuneClassifier().fit(X, Y)
    assert len(pickle.dumps(classifier)) < 100_000


def test_refit_with_other_classes_starts_anew(network):
    classifier = make(network, freeze_depth=2).fit(X, Y).fit(X[Y < 3], Y[Y < 3])
    assert_same(classifier, make(network, freeze_depth=2).fit(X[Y < 3], Y[Y < 3]))
    np.testing.assert_array_equal(classifier.classes_, [0, 1, 2])
    assert_same(
        make(network, freeze_depth=2).fit(X, Y).set_params(freeze_depth="all").fit(X, Y),
        make(network).fit(X, Y),
    )


@pytest.mark.parametrize(
    "names",
    [np.array(["even", "odd"]), np.array([False, True]), np.array([-1, 1]), np.array([2.0, 7.0])],
)
def test_any_labels(names, network):
    plain = make(network, freeze_depth=3).fit(X, Y % 2)
    named = make(network, freeze_depth=3).fit(X, names[Y % 2])
    assert named.classes_.tolist() == names.tolist()
    np.testing.assert_array_equal(named.predict(X_NEW), names[plain.predict(X_NEW)])
    np.testing.assert_array_equal(named.decision_function(X_NEW) > 0, plain.predict(X_NEW) == 1)


def test_probabilities_are_the_softmax_of_the_decision(network):
    classifier = make(network).fit(X, Y)
    probabilities = classifier.predict_proba(X_NEW)
    assert probabilities.dtype == np.float64
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-14)
    exponentials = np.exp(classifier.decision_function(X_NEW))
    np.testing.assert_allclose(probabilities, exponentials / exponentials.sum(1, keepdims=True))
    binary = make(network).fit(X, Y > 4)
    odds = np.exp(binary.decision_function(X_NEW))
    np.testing.assert_allclose(binary.predict_proba(X_NEW)[:, 1], odds / (1 + odds))


def test_one_class_is_predicted_whatever_is_trained(network):
    classifier = make(network, freeze_depth=0).fit(X, np.full(len(X), "a"))
    assert set(classifier.predict(X_NEW)) == {"a"}
    np.testing.assert_array_equal(classifier.predict_proba(X_NEW), np.ones((40, 1)))


@pytest.mark.parametrize("depth", ["all", 2])
def test_balanced_classes_equal_repeated_rows(depth, network):
    rows = np.concatenate([np.flatnonzero(Y == 0)[:3], np.flatnonzero(Y == 1)[:9]])
    repeated = np.concatenate([np.repeat(rows[:3], 3), rows[3:]])
    options = {"freeze_depth": depth, "max_epochs": 0, "weight_decay": 0.1}
    balanced = make(network, class_weight="balanced", **options).fit(X[rows], Y[rows])
    many = make(network, **options).fit(X[repeated], Y[repeated])
    np.testing.assert_allclose(balanced.predict_proba(X_NEW), many.predict_proba(X_NEW), atol=1e-3)
    plain = make(network, **options).fit(X[rows], Y[rows])
    assert np.abs(plain.predict_proba(X_NEW) - many.predict_proba(X_NEW)).max() > 1e-2


def test_class_weight_takes_the_labels_as_keys(network):
    names = np.where(Y > 4, "high", "low")
    classifier = make(network, class_weight={"high": 1e6}).fit(X, names)
    assert set(classifier.predict(X_NEW)) == {"high"}


def test_class_weight_counts_in_the_second_phase(network):
    options = {"freeze_depth": 2, "head_epochs": 0, "max_epochs": 5, "learning_rate": 0.1}
    classifier = make(network, class_weight={True: 1e4}, **options).fit(X, Y > 4)
    assert (
        classifier.predict(X_NEW).mean()
        > make(network, **options).fit(X, Y > 4).predict(X_NEW).mean()
    )
    assert classifier.predict(X_NEW).mean() > 0.9


def test_history_and_best_weights(network):
    options = {"freeze_depth": 2, "max_epochs": 12, "backbone_learning_rate": 1e-3}
    classifier = make(network, n_iter_no_change=4, **options).fit(X, Y)
    history = classifier.history_
    assert {len(values) for values in history.values()} == {classifier.n_iter_}
    phases = np.array(history["phase"])
    n_head = np.sum(phases == "head")
    assert phases.tolist() == ["head"] * n_head + ["fine-tune"] * (len(phases) - n_head)
    losses = np.array(history["validation_loss"])[n_head - 1 :]  # the start of phase two on
    assert np.argmin(losses) > 0  # so that the stages are not those of the start
    assert len(losses) - 1 == min(12, np.argmin(losses) + 4)
    # The rows that were held out are known by the seed.
    from sktransfer.deep._training.losses import hold_out_rows

    seed = int(np.random.RandomState(0).randint(2**31 - 1))
    held_out = hold_out_rows(Y, 0.15, seed, classes=True)[1]
    probabilities = classifier.predict_proba(X[held_out])[np.arange(len(held_out)), Y[held_out]]
    assert -np.log(probabilities).mean() == pytest.approx(losses.min(), rel=1e-5)


def test_held_out_rows_are_not_trained_on(network):
    from sktransfer.deep._training.losses import hold_out_rows

    seed = int(np.random.RandomState(0).randint(2**31 - 1))
    held_out = hold_out_rows(Y, 0.15, seed, classes=True)[1]
    blank = X.copy()
    blank[held_out[0]] = 0.0
    options = {"freeze_depth": 2, "max_epochs": 2, "n_iter_no_change": 5}
    first, second = (make(network, **options).fit(images, Y) for images in (X, blank))
    assert first.history_["train_loss"] == second.history_["train_loss"]
    assert first.history_["validation_loss"] != second.history_["validation_loss"]


def test_few_rows_hold_nothing_out(network):
    rows = np.concatenate([np.flatnonzero(label == Y)[:4] for label in range(3)])
    classifier = make(network, freeze_depth=2, n_iter_no_change=1).fit(X[rows], Y[rows])
    assert np.isnan(classifier.history_["validation_loss"]).all()
    assert classifier.history_["phase"].count("fine-tune") == 3
    with_zero = make(network, freeze_depth=2, validation_fraction=0).fit(X, Y)
    assert np.isnan(with_zero.history_["validation_loss"]).all()
    without_second_phase = make(network).fit(X, Y)
    assert np.isnan(without_second_phase.history_["validation_loss"]).all()


def test_one_row_a_class_and_a_lone_last_row(network):
    rows = np.array([np.flatnonzero(label == Y)[0] for label in range(3)])
    for initialize in ("pretrained", "random"):
        options = {"freeze_depth": 0, "initialize": initialize, "batch_size": 2}
        assert make(network, **options).fit(X[rows], Y[rows]).score(X[rows], Y[rows]) >= 1 / 3


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("freeze_depth", 3),
        ("initialize", "random"),
        ("head_epochs", 2),
        ("max_epochs", 1),
        ("learning_rate", 0.1),
        ("backbone_learning_rate", 0.003),
        ("batch_size", 16),
        ("weight_decay", 1.0),
        ("validation_fraction", 0.4),
        ("class_weight", {0: 5.0}),
        ("rate_decay", 0.1),
        ("schedule", "linear"),
        ("schedule", "cosine"),
        ("warmup_epochs", 2),
        ("l2_sp", 30.0),
        ("label_smoothing", 0.2),
        ("augment", {"rotation": 20}),
        ("preprocessing", "tf"),
        ("stages", ("stage1", "stage3", "stage4")),
        ("image_shape", (4, 16)),
        ("value_range", (0, 64)),
        ("random_state", 1),
    ],
)
@pytest.mark.filterwarnings("ignore:head_epochs")
def test_every_parameter_has_an_effect(name, value, network):
    # Without a first phase there is something left to improve. Patience is tested by the history.
    options = {"freeze_depth": 2, "head_epochs": 0, "max_epochs": 3, "learning_rate": 0.02}
    plain = make(network, **options).fit(X, Y)
    changed = make(network, **(options | {name: value})).fit(X, Y)
    assert not np.allclose(changed.predict_proba(X_NEW), plain.predict_proba(X_NEW), atol=1e-6)


def test_errors_say_what_to_do(network):
    depths = r"freeze_depth=5 .* 'stage1', 'stage2', 'stage3', 'stage4'"
    with pytest.raises(ValueError, match=depths):
        make(network, freeze_depth=5).fit(X, Y)
    with pytest.raises(ValueError, match="head_epochs=0 trains nothing with freeze_depth='all'"):
        make(network, head_epochs=0).fit(X, Y)
    with pytest.raises(ValueError, match="device='tpu7' is not available on this machine"):
        make(network, device="tpu7").fit(X, Y)
    labels = np.array(["a", None] * 60, dtype=object)
    with pytest.raises(ValueError, match="60 of 120 labels in y are missing"):
        make(network).fit(X, labels)
    with pytest.warns(ConvergenceWarning, match="head_epochs=1 ended before the head converged"):
        make(network, head_epochs=1).fit(X, Y)
    with pytest.raises(NotFittedError):
        make(network).predict(X)


def test_nothing_is_loaded_before_fit():
    classifier = clone(FineTuneClassifier("nowhere.onnx", freeze_depth=2))
    with pytest.raises(FileNotFoundError, match=r"nowhere\.onnx"):
        classifier.fit(X, Y)


def test_images_of_any_form_are_the_same_images(network):
    rows = make(network).fit(X, Y)
    pictures = make(network).fit(X.reshape(-1, 8, 8), Y)
    np.testing.assert_array_equal(
        rows.predict_proba(X_NEW), pictures.predict_proba(X_NEW.reshape(-1, 8, 8))
    )
    assert rows.n_features_in_ == 64
    assert not hasattr(pictures, "n_features_in_")


def test_freeze_depth_is_a_hyper_parameter(network):
    grid = {"freeze_depth": [0, 1, 2, 3, 4]}
    search = GridSearchCV(make(network, max_epochs=2), grid, cv=2).fit(DIGITS[:200], LABELS[:200])
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.best_estimator_.predict(X_NEW).shape == (40,)


def test_every_epoch_is_a_task_for_callbacks(network):
    from sklearn.callback import ScoringMonitor

    monitor = ScoringMonitor(scoring="accuracy")
    classifier = make(network, freeze_depth=2).set_callbacks(monitor).fit(X, Y)
    rows = monitor.get_logs().data
    epochs = [row for row in rows if row["task_name"] != "fit"]
    assert [row["task_name"] for row in epochs] == classifier.history_["phase"]
    (whole,) = [row for row in rows if row["task_name"] == "fit"]
    assert whole["accuracy"] == classifier.score(X, Y)
    assert epochs[-1]["accuracy"] >= epochs[0]["accuracy"]


class Curve:
    """A callback of one's own: the accuracy after each epoch; stops the training when told."""

    def __init__(self, stop_at=None):
        self.stop_at, self.curve, self.n_open = stop_at, [], 0

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context, *, X=None, y=None):
        self.n_open += 1

    def on_fit_task_end(self, estimator, context, *, X=None, y=None, fitted_estimator=None):
        self.n_open -= 1
        if context.task_name == "fine-tune":
            self.curve.append(fitted_estimator.score(X, y))
        return len(self.curve) == self.stop_at


def test_a_callback_of_ones_own_sees_each_epoch_and_stops_the_training(network):
    options = {"freeze_depth": 3, "max_epochs": 4, "validation_fraction": 0}
    whole, stopped = Curve(), Curve(stop_at=2)
    classifier = make(network, **options).set_callbacks(whole).fit(X, Y)
    assert len(whole.curve) == 4
    assert whole.curve[-1] == classifier.score(X, Y)
    shorter = make(network, **options).set_callbacks(stopped).fit(X, Y)
    assert stopped.curve == whole.curve[:2]
    assert shorter.history_["phase"].count("fine-tune") == 2
    assert whole.n_open == stopped.n_open == 0


def test_callbacks_do_not_change_what_is_learned(network, capsys):
    pytest.importorskip("rich", reason="scikit-learn's ProgressBar needs rich")
    from sklearn.callback import ProgressBar

    plain = make(network, freeze_depth=2).fit(X, Y)
    watched = make(network, freeze_depth=2).set_callbacks(ProgressBar()).fit(X, Y)
    assert_same(plain, watched)
    assert "FineTuneClassifier" in capsys.readouterr().out


@pytest.mark.parametrize("weights", [{0: -1, 1: 1}, {0: 0, 1: 0}, {0: np.nan, 1: 1}])
def test_class_weights_that_are_none_are_refused(weights):
    X, y = np.eye(8).reshape(2, 32).repeat(4, axis=0)[:, :16], np.tile([0, 1], 4)
    with pytest.raises(ValueError, match="expected numbers of 0 or more, not all 0"):
        FineTuneClassifier(class_weight=weights).fit(X, y)


def test_errors_of_the_new_parameters(network):
    for parameters, message in [
        ({"augment": {"rotate": 3}}, "did you mean 'rotation'"),
        ({"augment": "flip"}, "augment='flip' is no augmentation"),
        ({"mixed_precision": True, "freeze_depth": 2, "device": "cpu"}, "mixed_precision=True"),
        ({"l2_sp": 0.1, "initialize": "random"}, "l2_sp=0.1 pulls towards the pretrained weights"),
        ({"weights": "resnet.pth"}, "weights='resnet.pth' is a checkpoint for a torch.nn.Module"),
    ]:
        with pytest.raises((ValueError, TypeError), match=message):
            make(network, **parameters).fit(X, Y)


def test_label_smoothing_makes_modest_probabilities(network):
    plain, smooth = (make(network, label_smoothing=s).fit(X, Y) for s in (0.0, 0.3))
    assert smooth.predict_proba(X).max() < plain.predict_proba(X).max()
    # At the optimum the mean probability of a class is its share of the smoothed labels.
    shares = 0.7 * np.bincount(Y) / len(Y) + 0.3 / 10
    np.testing.assert_allclose(smooth.predict_proba(X).mean(axis=0), shares, atol=1e-3)
