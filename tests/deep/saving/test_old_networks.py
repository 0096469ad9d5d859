"""Networks in the form of old model zoos: weights are inputs, too, and operators are old."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper, numpy_helper

pytest.importorskip("torch", reason="fine-tuning")

from sktransfer import FineTuneClassifier, FineTuneRegressor, PretrainedFeatureExtractor

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (12, 9, 9, 3), dtype=np.uint8)
WEIGHTS = {
    "w": RNG.normal(size=(4, 3, 3, 3)) / 5,
    "scale": RNG.uniform(0.5, 1.5, 4),
    "bias": RNG.normal(size=4),
    "mean": RNG.normal(size=4) / 5,
    "var": RNG.uniform(0.5, 1.5, 4),
    "v": RNG.normal(size=(5, 4, 3, 3)) / 6,
}


def write(path, *, opset, ir_version, listed, batch="n"):
    stored = [numpy_helper.from_array(a.astype(np.float32), name) for name, a in WEIGHTS.items()]
    nodes = [
        helper.make_node("Conv", ["image", "w"], ["a"]),
        helper.make_node("BatchNormalization", ["a", *list(WEIGHTS)[1:5]], ["b"]),
        helper.make_node("Relu", ["b"], ["c"]),
        helper.make_node("Conv", ["c", "v"], ["d"], strides=[2, 2]),
        helper.make_node("Dropout", ["d"], ["e"]),
        helper.make_node("GlobalAveragePool", ["e"], ["f"]),
        helper.make_node("Flatten", ["f"], ["out"]),
    ]
    inputs = [helper.make_tensor_value_info("image", 1, [batch, 3, 8, 8])]
    if listed:
        inputs += [helper.make_tensor_value_info(t.name, 1, t.dims) for t in stored]
    output = helper.make_tensor_value_info("out", 1, [batch, 5])
    graph = helper.make_graph(nodes, "g", inputs, [output], stored)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    model.ir_version = ir_version
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return path


# Twelve images may teach nothing; the export is to agree all the same.
@pytest.mark.filterwarnings("ignore:Training the stages did not improve on its start")
@pytest.mark.parametrize("freeze_depth", ["all", 0])
@pytest.mark.parametrize("estimator", [FineTuneClassifier, FineTuneRegressor])
@pytest.mark.parametrize(
    ("opset", "ir_version", "batch"), [(7, 3, "n"), (8, 3, 2), (9, 3, "n"), (11, 4, "n")]
)
def test_an_old_network_is_exported(tmp_path, estimator, freeze_depth, opset, ir_version, batch):
    path = write(
        tmp_path / "old.onnx", opset=opset, ir_version=ir_version, listed=True, batch=batch
    )
    model = estimator(
        path, preprocessing="tf", freeze_depth=freeze_depth, max_epochs=1, random_state=0
    )
    model.fit(IMAGES, [0, 1] * 6).to_onnx(tmp_path / "whole.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "whole.onnx")
    found = session.run(None, {"X": IMAGES.astype(np.float32)})[-1]
    expected = getattr(model, "predict_proba", model.predict)(IMAGES)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_the_form_of_a_file_changes_no_feature(tmp_path):
    rows = [
        PretrainedFeatureExtractor(
            write(tmp_path / f"{name}.onnx", **form), preprocessing="tf", cache=None
        ).fit_transform(IMAGES)
        for name, form in {
            "old": {"opset": 7, "ir_version": 3, "listed": True},
            "new": {"opset": 17, "ir_version": 8, "listed": False},
        }.items()
    ]
    np.testing.assert_array_equal(*rows)
