"""Weights of rows: whole numbers are repeated rows, 0 is no row, and classes multiply."""

import numpy as np
import pytest
from sklearn import config_context
from sklearn.datasets import load_digits
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sktransfer import FineTuneClassifier, FineTuneRegressor

DIGITS, LABELS = load_digits(return_X_y=True)
X, Y, X_NEW = DIGITS[:60], LABELS[:60] % 3, DIGITS[60:90]
WEIGHT = np.random.default_rng(0).integers(0, 4, size=60)
KINDS = FineTuneClassifier, FineTuneRegressor


def outputs(model, images):
    predicted = getattr(model, "decision_function", model.predict)(images)
    return predicted.reshape(len(images), -1)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("augment", [None, {"rotation": 10}])
def test_whole_numbers_are_repeated_rows(kind, augment, network):
    options = {"augment": augment, "augment_views": 2, "random_state": 0, "weight_decay": 0.1}
    weighted = kind(network, **options).fit(X, Y, sample_weight=WEIGHT)
    repeated = kind(network, **options).fit(X.repeat(WEIGHT, axis=0), Y.repeat(WEIGHT))
    np.testing.assert_allclose(outputs(weighted, X_NEW), outputs(repeated, X_NEW), atol=1e-4)
    for name in ("mean", "scale"):
        expected = getattr(repeated.head_, name)
        np.testing.assert_allclose(getattr(weighted.head_, name), expected, rtol=1e-10)
    for name in ("train_loss", "train_score"):
        last = [model.history_[name][-1] for model in (weighted, repeated)]
        assert last[0] == pytest.approx(last[1], rel=1e-3)
    plain = kind(network, **options).fit(X, Y)
    assert np.abs(outputs(plain, X_NEW) - outputs(repeated, X_NEW)).max() > 1e-2


@pytest.mark.filterwarnings("ignore:Training the stages did not improve")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("depth", ["all", 3])
def test_a_weight_of_zero_is_no_row(kind, depth, network):
    pytest.importorskip("torch", reason="fine-tuning stages needs torch")
    options = {"freeze_depth": depth, "max_epochs": 2, "random_state": 0}
    options |= {"validation_fraction": 0.3, "backbone_learning_rate": 1e-5}
    kept = WEIGHT > 0
    images, y = X.copy(), Y.copy()
    images[~kept], y[~kept] = 1e6, 2  # neither pixels nor labels count
    models = kind(network, **options), kind(network, **options)
    with np.errstate(all="raise"):
        models[0].fit(images, y, sample_weight=kept)
        models[1].fit(X[kept], Y[kept])
    np.testing.assert_allclose(models[0].head_.coef, models[1].head_.coef, atol=1e-6)
    np.testing.assert_allclose(outputs(models[0], X_NEW), outputs(models[1], X_NEW), atol=1e-5)
    for name, values in models[0].history_.items():
        if name != "phase":
            np.testing.assert_allclose(values, models[1].history_[name], rtol=1e-5, atol=1e-6)


def test_a_class_without_weight_stays_a_class(network):
    classifier = FineTuneClassifier(network).fit(X, Y, sample_weight=Y != 1)
    assert classifier.classes_.tolist() == [0, 1, 2]
    assert classifier.predict_proba(X_NEW)[:, 1].max() < 1e-6
    balanced = FineTuneClassifier(network, class_weight="balanced")
    assert 1 not in balanced.fit(X, Y, sample_weight=Y != 1).predict(X_NEW)


@pytest.mark.parametrize("class_weight", ["balanced", {0: 3.0, 1: 0.5}])
def test_class_weights_multiply(class_weight, network):
    options = {"class_weight": class_weight, "weight_decay": 0.1}
    weighted = FineTuneClassifier(network, **options).fit(X, Y, sample_weight=WEIGHT)
    repeated = FineTuneClassifier(network, **options)
    repeated.fit(X.repeat(WEIGHT, axis=0), Y.repeat(WEIGHT))
    np.testing.assert_allclose(outputs(weighted, X_NEW), outputs(repeated, X_NEW), atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_only_ratios_of_weights_count(kind, network):
    plain = kind(network).fit(X, Y, sample_weight=WEIGHT)
    for factor in (1e-300, 1e300):
        scaled = kind(network).fit(X, Y, sample_weight=WEIGHT * factor)
        np.testing.assert_allclose(outputs(scaled, X_NEW), outputs(plain, X_NEW), atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_weights_count_in_the_second_phase(kind, network):
    pytest.importorskip("torch", reason="fine-tuning stages needs torch")
    y = (X.sum(axis=1) > np.median(X.sum(axis=1))).astype(float)
    options = {"freeze_depth": 2, "max_epochs": 8, "random_state": 0, "learning_rate": 0.05}
    options |= {"validation_fraction": 0, "initialize": "random"}
    high, low = (
        outputs(kind(network, **options).fit(X, y, sample_weight=weight), X_NEW).mean()
        for weight in (np.where(y == 1, 100.0, 1.0), np.where(y == 1, 1.0, 100.0))
    )
    assert high > low + 0.3


@pytest.mark.filterwarnings("ignore:Training the stages did not improve")
@pytest.mark.parametrize("kind", KINDS)
def test_held_out_losses_are_weighted(kind, network):
    pytest.importorskip("torch", reason="fine-tuning stages needs torch")
    options = {"freeze_depth": 3, "max_epochs": 1, "random_state": 0, "validation_fraction": 0.3}
    options |= {"backbone_learning_rate": 1e-5, "learning_rate": 1e-4}
    y = LABELS[:60] % 2
    plain = kind(network, **options).fit(X, y)
    weighted = kind(network, **options).fit(X, y, sample_weight=np.where(y == 1, 1e6, 1.0))
    assert weighted.history_["validation_score"] != plain.history_["validation_score"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (np.zeros(60), "Sample weights must contain at least one non-zero number"),
        (np.full(60, -1.0), "[Nn]egative values"),
        (np.full(60, np.nan), "NaN"),
        (np.ones(59), r"sample_weight.shape == \(59,\), expected \(60,\)"),
        (np.ones((60, 2)), "1D array"),
    ],
)
def test_weights_that_are_none_are_refused(kind, weight, message, network):
    with pytest.raises(ValueError, match=message):
        kind(network).fit(X, Y, sample_weight=weight)


@pytest.mark.parametrize("kind", KINDS)
def test_weights_are_routed(kind, network):
    expected = outputs(kind(network).fit(X, Y, sample_weight=WEIGHT), X_NEW)
    with config_context(enable_metadata_routing=True):
        model = kind(network).set_fit_request(sample_weight=True)
        pipe = make_pipeline(FunctionTransformer(), model)
        pipe.fit(X, Y, sample_weight=WEIGHT)
        np.testing.assert_array_equal(outputs(pipe, X_NEW), expected)


def test_a_checkpoint_knows_the_weights(network, tmp_path):
    model = FineTuneClassifier(network, random_state=0, checkpoint=tmp_path)
    model.fit(X, Y, sample_weight=WEIGHT)
    model.fit(X, Y, sample_weight=WEIGHT)
    for other in (None, WEIGHT + 1):
        with pytest.raises(ValueError, match="another fit, which differs in"):
            model.fit(X, Y, sample_weight=other)
