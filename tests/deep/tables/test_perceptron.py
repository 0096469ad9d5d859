"""Tables: a perceptron with random weights, on dense and sparse rows."""

import pickle
import warnings

import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.special import expit
from sklearn.datasets import make_moons
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from sklearn.utils.estimator_checks import parametrize_with_checks

pytest.importorskip("torch", reason="a perceptron trains with torch")

import torch

from sktransfer.deep import AdaptedNetworkClassifier
from sktransfer.deep._tables.table_input import TableInput
from sktransfer.deep._tables.tables import TableFormat

pytestmark = pytest.mark.filterwarnings("ignore::sktransfer.exceptions.TransferWarning")

MOONS, CLASSES = make_moons(80, noise=0.05, random_state=0)
X = np.concatenate([MOONS[:40], MOONS[40:] @ [[0.9, 0.3], [-0.3, 0.9]]])
DOMAIN = np.repeat(["before", "target"], 40)
OPTIONS = {"max_epochs": 3, "backbone_learning_rate": 1e-2, "random_state": 0}
FUNCTIONS = {"relu": lambda x: np.maximum(x, 0), "tanh": np.tanh, "logistic": expit}
every_activation = pytest.mark.parametrize("activation", FUNCTIONS)


@parametrize_with_checks([AdaptedNetworkClassifier("mlp", max_epochs=2)])
def test_scikit_learn_checks(estimator, check):
    check(estimator)


def make(adaptation="dan", **parameters):
    options = OPTIONS | {"adaptation": adaptation, "hidden_layer_sizes": (8, 5)} | parameters
    return AdaptedNetworkClassifier("mlp", **options)


def fitted(*args, data=X, **parameters):
    return make(*args, **parameters).fit(data, CLASSES, sample_domain=DOMAIN)


@every_activation
def test_it_computes_layers_of_standardized_rows(activation):
    model = fitted(activation=activation)
    weights = model.stage_weights_["hidden"]
    hidden = (X - X.mean(axis=0)) / X.std(axis=0)
    for layer in range(2):
        W, b = weights[f"layers.{layer}.weight"], weights[f"layers.{layer}.bias"]
        hidden = FUNCTIONS[activation](hidden @ W.T + b)
    assert hidden.shape == (80, 5)
    logits = model.head_.outputs(hidden)
    np.testing.assert_allclose(
        np.log(model.predict_proba(X)[:, 1]),
        -np.logaddexp(0, logits[:, 0] - logits[:, 1]),
        rtol=1e-4,
    )


def test_the_start_is_drawn_from_the_seed_alone():
    state = torch.random.get_rng_state()
    first, second = (fitted(learning_rate=0.0, backbone_learning_rate=0.0) for _ in range(2))
    assert torch.equal(torch.random.get_rng_state(), state)
    weights = first.stage_weights_["hidden"]["layers.0.weight"]
    np.testing.assert_array_equal(weights, second.stage_weights_["hidden"]["layers.0.weight"])
    wide = fitted(hidden_layer_sizes=(4000,), learning_rate=0.0, backbone_learning_rate=0.0)
    drawn = wide.stage_weights_["hidden"]["layers.0.weight"]
    np.testing.assert_allclose(drawn.var(), 2 / 2, rtol=0.05)  # He's: 2 / fan_in


@pytest.mark.parametrize("activation", ["tanh", "logistic"])
def test_bounded_units_start_uniform_with_the_variance_of_glorot(activation):
    options = {"learning_rate": 0.0, "backbone_learning_rate": 0.0, "activation": activation}
    weights = fitted(hidden_layer_sizes=(4000,), **options).stage_weights_["hidden"]
    drawn = weights["layers.0.weight"]
    np.testing.assert_allclose(drawn.var(), 2 / 4002, rtol=0.05)
    np.testing.assert_allclose(np.abs(drawn).max(), np.sqrt(6 / 4002), rtol=0.01)
    assert not weights["layers.0.bias"].any()


def test_hidden_layers_are_those_of_scikit_learn():
    for activation in FUNCTIONS:
        model = fitted(activation=activation, preprocessing=(0, 1))
        weights, head = model.stage_weights_["hidden"], model.head_
        theirs = MLPClassifier((8, 5), activation=activation, max_iter=1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            theirs.fit(X, CLASSES)
        layers = [(weights[f"layers.{i}.weight"], weights[f"layers.{i}.bias"]) for i in range(2)]
        # Of two classes it has one logit: the difference of ours.
        last = (head.coef[1:] - head.coef[:1]) / head.scale
        layers.append((last, head.intercept[1:] - head.intercept[:1] - last @ head.mean))
        theirs.coefs_ = [coef.T.astype(float) for coef, _ in layers]
        theirs.intercepts_ = [intercept.astype(float) for _, intercept in layers]
        np.testing.assert_allclose(theirs.predict_proba(X), model.predict_proba(X), atol=1e-6)


@pytest.mark.parametrize("adaptation", [None, "coral", "dan", "jan", "mcc"])
def test_sparse_rows_give_the_result_of_dense_ones(adaptation):
    data = np.where(X > 0.2, X, 0.0)
    dense, sparse = fitted(adaptation, data=data), fitted(adaptation, data=csr_array(data))
    expected = dense.predict_proba(data)
    np.testing.assert_allclose(sparse.predict_proba(csr_array(data)), expected, atol=1e-5)


def test_units_do_not_matter():
    expected = fitted().predict_proba(X)
    scaled = X * [2.0**20, 2.0**-9] + [2.0**20, 0.0]
    np.testing.assert_allclose(fitted(data=scaled).predict_proba(scaled), expected, atol=1e-4)


def test_a_constant_column_has_the_scale_one():
    form = TableFormat.of(np.array([[1.0, 1e9], [3.0, 1e9]]))
    np.testing.assert_array_equal(form.scale, [1.0, 1.0])
    np.testing.assert_array_equal(form.apply(np.array([[3.0, 1e9]])), [[1.0, 0.0]])
    of_sparse = TableFormat.of(csr_array(np.array([[0.0, 2.0], [4.0, 0.0]])))
    np.testing.assert_array_equal([of_sparse.mean, of_sparse.scale], [[2, 1], [2, 1]])


def test_a_given_scale_takes_the_place_of_the_standardization():
    mean, scale = X.mean(axis=0), X.std(axis=0)
    expected = fitted().predict_proba(X)
    given = fitted(preprocessing=(mean, scale))
    np.testing.assert_array_equal(given.predict_proba(X), expected)
    by_hand = fitted(data=(X - mean) / scale, preprocessing=(0, 1))
    np.testing.assert_allclose(by_hand.predict_proba((X - mean) / scale), expected, atol=1e-6)
    form = fitted(data=csr_array(X), preprocessing=(0, 2.0)).table_format_
    np.testing.assert_array_equal([form.mean, form.scale], [[0, 0], [2, 2]])


@pytest.mark.parametrize(
    "pair", ["tf", "torch", 1.0, (0,), (0, 0), (0, -1), (np.nan, 1), (0, np.inf), (0, [1, 2, 3])]
)
def test_a_scale_that_is_none_is_refused(pair):
    with pytest.raises(
        ValueError, match=r"preprocessing=.* cannot be used with backbone='mlp': ex"
    ):
        fitted(preprocessing=pair)


@pytest.mark.parametrize("name", ["weights", "stages"])
def test_a_network_without_files_and_stages_takes_none(name):
    with pytest.raises(ValueError, match=rf"{name}=\['a'\]: backbone='mlp' has none that could"):
        fitted(**{name: ["a"]})


def test_labels_of_target_rows_change_no_bit():
    garbled = np.where(DOMAIN == "target", 9, CLASSES)
    model = make("jan").fit(X, garbled, sample_domain=DOMAIN)
    np.testing.assert_array_equal(model.predict_proba(X), fitted("jan").predict_proba(X))
    assert list(model.classes_) == [0, 1]


def test_one_stage_is_trained_by_default_and_none_is_refused():
    assert fitted().depth_ == fitted(freeze_depth=0).depth_ == 0
    with pytest.raises(ValueError, match="no stage to train with freeze_depth='all'"):
        fitted(freeze_depth="all")
    with pytest.raises(ValueError, match="pretrained weights, which there are not"):
        fitted(l2_sp=0.1)


@every_activation
def test_saved_and_pickled_it_answers_the_same(tmp_path, activation):
    pytest.importorskip("safetensors", reason="files are written with safetensors")
    model = fitted("jan", activation=activation)
    model.save(tmp_path / "model.safetensors")
    loaded = AdaptedNetworkClassifier.load(tmp_path / "model.safetensors")
    for other in (loaded, pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(other.predict_proba(X), model.predict_proba(X))
    model.to_onnx(tmp_path / "model.onnx")
    session = pytest.importorskip("onnxruntime").InferenceSession(tmp_path / "model.onnx")
    label, probabilities = session.run(None, {"X": X.astype(np.float32)})
    np.testing.assert_array_equal(label, model.predict(X))
    np.testing.assert_allclose(probabilities, model.predict_proba(X), atol=1e-5)


def test_an_interrupted_training_ends_with_the_same_answers(tmp_path, monkeypatch):
    from sktransfer.deep._training.loop import Training

    run_epoch = Training.run_epoch

    def dying(training):
        if training.n_done == 2:
            raise KeyboardInterrupt
        return run_epoch(training)

    with monkeypatch.context() as patched:
        patched.setattr(Training, "run_epoch", dying)
        with pytest.raises(KeyboardInterrupt):
            fitted(checkpoint=tmp_path)
    resumed = fitted(checkpoint=tmp_path)
    np.testing.assert_array_equal(resumed.predict_proba(X), fitted().predict_proba(X))
    with pytest.raises(ValueError, match="another fit, which differs in X"):
        fitted(checkpoint=tmp_path, data=X + 1.0)
    with pytest.raises(ValueError, match=r"differs in activation \('relu' there, 'tanh' here\)"):
        fitted(checkpoint=tmp_path, activation="tanh")


@pytest.mark.parametrize("sizes", [(), 8, (0,), (2.5,), (True,), "8"])
def test_sizes_that_are_none_are_refused(sizes):
    with pytest.raises(ValueError, match=r"hidden_layer_sizes=.* cannot be used: expected the wid"):
        fitted(hidden_layer_sizes=sizes)


def test_parameters_of_other_kinds_are_refused():
    sentence = "image_shape=.*: read for images only, but backbone='mlp' reads tables"
    with pytest.raises(ValueError, match=sentence):
        fitted(image_shape=(1, 2))
    with pytest.raises(ValueError, match="read for tables only, but backbone='glyphs' reads im"):
        AdaptedNetworkClassifier(hidden_layer_sizes=(4,)).fit(X, CLASSES)
    with pytest.raises(ValueError, match="activation='tanh': read for tables only, but backbone"):
        AdaptedNetworkClassifier(activation="tanh").fit(X, CLASSES)


def test_an_activation_that_is_none_is_refused():
    with pytest.raises(ValueError, match="The 'activation' parameter of AdaptedNetworkClassifier"):
        fitted(activation="identity")
    with pytest.raises(ValueError, match="activation='sine': expected one of"):
        TableInput((8,), activation="sine")
