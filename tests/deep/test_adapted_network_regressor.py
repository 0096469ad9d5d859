"""AdaptedNetworkRegressor: numbers, with the adaptations that need no classes."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

pytest.importorskip("torch", reason="AdaptedNetworkRegressor trains with torch")

from sktransfer.deep import MCC, AdaptedNetworkRegressor, FineTuneRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sktransfer.exceptions.TransferWarning")

DIGITS = load_digits().data[:64]
X = np.concatenate([DIGITS[:40], 16.0 - DIGITS[40:]])
Y = DIGITS.mean(axis=1)
DOMAIN = np.repeat(["printed", "target"], [40, 24])
OPTIONS = {"max_epochs": 3, "random_state": 0}


def fitted(adaptation, y=Y, **parameters):
    model = AdaptedNetworkRegressor(adaptation=adaptation, **OPTIONS | parameters)
    return model.fit(X, y, sample_domain=DOMAIN)


def test_without_adaptation_it_is_fine_tuning_on_the_labelled_source_rows():
    y = Y.copy()
    y[:5] = np.nan
    plain = FineTuneRegressor(**OPTIONS, freeze_depth=3, validation_fraction=0)
    plain.fit(X[5:40], Y[5:40])
    control = fitted(None, y)
    np.testing.assert_array_equal(control.predict(X), plain.predict(X))
    assert repr(control.history_) == repr(plain.history_)


@pytest.mark.parametrize("adaptation", ["coral", "dan", "dann", "adda", "mdd"])
def test_labels_of_target_rows_change_no_bit(adaptation):
    garbled, hidden = (np.where(DOMAIN == "target", value, Y) for value in (1e6, np.nan))
    expected = fitted(adaptation).predict(X)
    for y in (garbled, hidden):
        np.testing.assert_array_equal(fitted(adaptation, y).predict(X), expected)
    assert not np.array_equal(fitted(adaptation, strength=0.0).predict(X), expected)


def test_several_outputs_and_tables():
    y = np.column_stack([Y, -Y])
    y[DOMAIN == "target"] = np.nan
    model = fitted("dan", y, backbone="mlp", hidden_layer_sizes=(6,))
    assert model.predict(X).shape == (64, 2)
    supervised = fitted("dan", y, backbone="mlp", hidden_layer_sizes=(6,), supervised=True)
    np.testing.assert_array_equal(supervised.predict(X), model.predict(X))


def test_saved_and_exported_it_answers_the_same(tmp_path):
    pytest.importorskip("safetensors", reason="files are written with safetensors")
    model = fitted("dan", backbone="mlp")
    model.save(tmp_path / "model.safetensors")
    loaded = AdaptedNetworkRegressor.load(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
    model.to_onnx(tmp_path / "model.onnx")
    session = pytest.importorskip("onnxruntime").InferenceSession(tmp_path / "model.onnx")
    predictions = session.run(None, {"X": X.astype(np.float32)})[0]
    np.testing.assert_allclose(predictions, model.predict(X), rtol=1e-4)


def test_adaptations_that_need_classes_are_refused():
    for adaptation in ("mcc", MCC(), "jan", "cdan", "confusion"):
        with pytest.raises(ValueError, match="'adaptation' parameter of AdaptedNetworkRegressor"):
            fitted(adaptation)
