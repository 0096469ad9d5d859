"""Exported files take samples of any length, and say what the estimator says."""

import numpy as np
import onnxruntime
import pytest

from sktransfer import FineTuneClassifier, FineTuneRegressor
from sktransfer.deep import SoundPreprocessing
from sktransfer.deep._saving.export_sound import write_sound
from sktransfer.deep._saving.graph_writer import GraphWriter

INPUTS = SoundPreprocessing(n_frames=20, step=7, shortest=24)


def make_sounds(length, n=6):
    rng = np.random.default_rng(length)
    pitch = rng.uniform(100, 3000, (n, 1))
    sounds = 0.3 * np.sin(2 * np.pi * pitch * np.arange(length) / 16000)
    return (sounds + rng.normal(0, 0.01, (n, length))).astype(np.float32)


def write(inputs, tmp_path):
    from onnx import TensorProto, helper, save

    writer = GraphWriter("input")
    frames, _ = write_sound(writer, "X", inputs)
    described = [
        helper.make_tensor_value_info("X", TensorProto.FLOAT, ["n", "n_samples"]),
        helper.make_tensor_value_info(frames, TensorProto.FLOAT, ["m", 1, None, None]),
    ]
    graph = helper.make_graph(writer.nodes, "sound", described[:1], described[1:], writer.constants)
    path = str(tmp_path / "sound.onnx")
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return onnxruntime.InferenceSession(path)


@pytest.mark.parametrize("long_sound", ["windows", "middle"])
@pytest.mark.parametrize("length", [400, 3999, 4192, 5000, 6000, 20001])
def test_the_input_of_the_network_agrees(long_sound, length, tmp_path):
    from dataclasses import replace

    inputs, sounds = replace(INPUTS, long_sound=long_sound), make_sounds(length)
    (found,) = write(inputs, tmp_path).run(None, {"X": sounds})
    expected = np.concatenate([inputs.windows(inputs.decibels(sound)) for sound in sounds])
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, atol=2e-3)


@pytest.mark.parametrize("kind", [FineTuneClassifier, FineTuneRegressor])
@pytest.mark.parametrize("depth", ["all", 3])
def test_answers_agree(kind, depth, tmp_path):
    sounds, y = make_sounds(16000), [0, 1, 2, 0, 1, 2]
    options = {"max_epochs": 1, "validation_fraction": 0, "random_state": 0}
    estimator = kind("speech", freeze_depth=depth, sample_rate=16000, **options).fit(sounds, y)
    estimator.to_onnx(tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(str(tmp_path / "model.onnx"))
    for length in (3000, 16000, 15712):
        sounds = make_sounds(length)
        found = session.run(None, {"X": sounds})[-1]
        predict = estimator.predict if kind is FineTuneRegressor else estimator.predict_proba
        np.testing.assert_allclose(found, predict(sounds), atol=1e-3)
    assert session.get_modelmeta().custom_metadata_map["sktransfer.input"] == (
        "samples of sounds from -1 to 1, 16000 a second"
    )
    with pytest.raises(ValueError, match=r"^image_shape=\(8, 8\) is for images, .*: pass None"):
        estimator.to_onnx(tmp_path / "model.onnx", image_shape=(8, 8))
