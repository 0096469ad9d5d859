"""A pretrained network as a step of a pipeline in one ONNX file."""

import subprocess
import sys
from io import BytesIO

import numpy as np
import onnx
import onnxruntime
import pandas as pd
import PIL.Image
import pytest
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from sktransfer import (
    CORALAligner,
    FineTuneClassifier,
    FineTuneRegressor,
    PretrainedAudioExtractor,
    PretrainedFeatureExtractor,
    PretrainedTextExtractor,
    PrototypeClassifier,
    TemperatureScaledClassifier,
    TransferLogisticRegression,
    make_transfer_pipeline,
    to_onnx,
)
from sktransfer.deep import Preprocessing

skl2onnx = pytest.importorskip("skl2onnx", reason="it writes the files")

DIGITS, LABELS = load_digits(return_X_y=True)
DIGITS, LABELS = DIGITS[:80], LABELS[:80]
BYTES = (DIGITS * 15).astype(np.uint8)
IMAGES = BYTES.reshape(-1, 8, 8)
COLOR = np.stack([IMAGES, IMAGES // 2, 255 - IMAGES], axis=-1)
TEXTS = ["the cat sat", "markets fell today", "a dog barked", "stocks rose", "", "!"] * 4
SIDES = np.array(["pet", "money"] * 12)


def run(path, X, name="X"):
    return onnxruntime.InferenceSession(path).run(None, {name: X})


def check(model, path, X, given=None):
    """Compare the file with the model on X, which the file gets as `given`."""
    onnx.checker.check_model(onnx.load(path))
    given = X if given is None else given
    *labels, scores = run(path, given)
    expected = model.predict_proba(X) if labels else model.transform(X)
    np.testing.assert_allclose(scores, expected, rtol=0, atol=1e-5)
    if labels:
        np.testing.assert_array_equal(labels[0], model.predict(X))
    if given.dtype != object:  # ONNX Runtime's StringNormalizer wants a row
        assert run(path, given[:0])[-1].shape == (0, scores.shape[1])


def inputs(path):
    session = onnxruntime.InferenceSession(path)
    return [(value.shape, value.type) for value in session.get_inputs()]


def pipe(extractor):
    return make_transfer_pipeline(extractor, StandardScaler(), LogisticRegression())


@pytest.mark.parametrize(
    ("X", "given", "kind"),
    [
        (BYTES, BYTES, (["n", 64], "tensor(uint8)")),
        (DIGITS, DIGITS.astype(np.float32), (["n", 64], "tensor(float)")),
        (IMAGES, IMAGES[..., None], (["n", "height", "width", "channels"], "tensor(uint8)")),
    ],
    ids=["bytes", "numbers", "maps"],
)
def test_the_input_is_that_of_fit(X, given, kind, tmp_path):
    model, path = pipe(PretrainedFeatureExtractor()).fit(X, LABELS), tmp_path / "m.onnx"
    to_onnx(model, path)
    assert inputs(path) == [kind]
    check(model, path, X, given)


def test_rows_say_the_size_and_the_type(tmp_path):
    model, path = pipe(PretrainedFeatureExtractor()).fit(IMAGES, LABELS), tmp_path / "m.onnx"
    to_onnx(model, path, X=IMAGES)
    assert inputs(path) == [(["n", 8, 8], "tensor(uint8)")]
    check(model, path, IMAGES)
    to_onnx(model, path, X=IMAGES.astype(np.float32))
    assert inputs(path) == [(["n", 8, 8], "tensor(float)")]
    check(model, path, IMAGES.astype(np.float32))


def test_files_become_images_of_any_size(tmp_path):
    large = np.kron(IMAGES, np.ones((1, 7, 5), dtype=np.uint8))
    files = []
    for image in large:
        PIL.Image.fromarray(image).save(file := BytesIO(), "PNG")
        files.append(file.getvalue())
    model, path = pipe(PretrainedFeatureExtractor()).fit(files, LABELS), tmp_path / "m.onnx"
    to_onnx(model, path)
    np.testing.assert_allclose(
        run(path, large[..., None])[1], model.predict_proba(files), rtol=0, atol=1e-5
    )


@pytest.mark.parametrize("pooling", ["avg", "max", "grid", None])
@pytest.mark.parametrize("stage", [2, None])
def test_stages_and_poolings(stage, pooling, tmp_path):
    model = PretrainedFeatureExtractor(stage=stage, pooling=pooling).fit(BYTES)
    to_onnx(model, tmp_path / "m.onnx")
    check(model, tmp_path / "m.onnx", BYTES)


def test_bytes_and_imposed_ranges(tmp_path):
    model, path = PretrainedFeatureExtractor(value_range=(20, 200)).fit(BYTES), tmp_path / "m.onnx"
    to_onnx(model, path, X=BYTES)
    check(model, path, BYTES)
    model = PretrainedFeatureExtractor().fit(DIGITS)  # black is 0, and white 16
    to_onnx(model, path, X=BYTES)
    check(model, path, BYTES)


@pytest.mark.parametrize("head", [PrototypeClassifier(), TransferLogisticRegression()], ids=repr)
def test_steps_of_ours_follow(head, tmp_path):
    domains = np.where(np.arange(80) < 40, "lab", "target")
    model = make_transfer_pipeline(PretrainedFeatureExtractor(), CORALAligner(), head)
    model.fit(BYTES, LABELS, sample_domain=domains)
    to_onnx(model, tmp_path / "m.onnx")
    check(model, tmp_path / "m.onnx", BYTES)


def test_texts_become_strings(tmp_path):
    path = tmp_path / "m.onnx"
    for extractor in (PretrainedFeatureExtractor("words"), PretrainedTextExtractor()):
        model = pipe(extractor).fit(TEXTS, SIDES)
        to_onnx(model, path)
        assert inputs(path) == [(["n"], "tensor(string)")]
        check(model, path, TEXTS, np.array(TEXTS, dtype=object))


def test_texts_beside_numbers(tmp_path):
    rng = np.random.default_rng(0)
    numbers = rng.normal(size=(24, 2)).astype(np.float32)
    frame = pd.DataFrame({"text": TEXTS, "a": numbers[:, 0], "b": numbers[:, 1]})
    columns = (PretrainedTextExtractor(), "text"), (StandardScaler(), ["a", "b"])
    model = make_transfer_pipeline(make_column_transformer(*columns), LogisticRegression())
    model, path = model.fit(frame, SIDES), tmp_path / "m.onnx"
    to_onnx(model, path, X=frame)
    session = onnxruntime.InferenceSession(path)
    scores = session.run(None, {name: frame[[name]].to_numpy() for name in frame})[1]
    np.testing.assert_allclose(scores, model.predict_proba(frame), rtol=0, atol=1e-5)
    with pytest.raises(TypeError, match=r"ONNX Runtime cannot open .*; pass rows of float32 as X"):
        to_onnx(model, tmp_path / "two_types.onnx", X=frame.astype({"a": float, "b": float}))
    assert not (tmp_path / "two_types.onnx").exists()


def test_pixels_beside_numbers(tmp_path):
    X = np.hstack([DIGITS, np.random.default_rng(0).normal(size=(80, 2))]).astype(np.float32)
    pixels = PretrainedFeatureExtractor()
    columns = make_column_transformer((pixels, slice(0, 64)), (StandardScaler(), [64, 65]))
    model = make_pipeline(columns, LogisticRegression()).fit(X, LABELS)
    to_onnx(model, tmp_path / "m.onnx")
    check(model, tmp_path / "m.onnx", X)


@pytest.mark.parametrize("pooling", ["avg", None])
def test_sounds_become_samples(pooling, tmp_path):
    waves = 0.1 * np.random.default_rng(0).normal(size=(24, 9000)).astype(np.float32)
    extractor = PretrainedAudioExtractor(sample_rate=16000, pooling=pooling)
    model, path = pipe(extractor).fit(waves, SIDES), tmp_path / "m.onnx"
    to_onnx(model, path)
    assert inputs(path) == [(["n", "n_samples"], "tensor(float)")]
    check(model, path, waves)


@pytest.mark.parametrize("labels", [LABELS % 3, (LABELS % 2) > 0, (LABELS % 3).astype(str)])
def test_a_fine_tuned_network(labels, tmp_path):
    model, path = FineTuneClassifier().fit(BYTES, labels), tmp_path / "m.onnx"
    to_onnx(model, path)
    assert inputs(path) == [(["n", 64], "tensor(uint8)")]
    check(model, path, BYTES)
    model = TemperatureScaledClassifier(FineTuneClassifier()).fit(BYTES, labels)
    to_onnx(model, path, X=BYTES)
    check(model, path, BYTES)


@pytest.mark.parametrize("n_columns", [1, 2])
def test_a_fine_tuned_regressor(n_columns, tmp_path):
    y = LABELS if n_columns == 1 else np.column_stack([LABELS, -LABELS])
    model, path = FineTuneRegressor().fit(IMAGES, y.astype(float)), tmp_path / "m.onnx"
    to_onnx(model, path)
    (values,) = run(path, IMAGES)
    np.testing.assert_allclose(values, model.predict(IMAGES).reshape(80, -1), rtol=0, atol=1e-4)


@pytest.mark.parametrize("version", [13, 20])
def test_networks_of_other_operators(version, tmp_path):
    path = tmp_path / "m.onnx"
    network = _two_convolutions(tmp_path / f"of_{version}.onnx", version)
    whole = Preprocessing((8, 8), 3, mean=(0.5,) * 3, std=(0.25,) * 3, crop=None)
    model = pipe(PretrainedFeatureExtractor(network, preprocessing=whole)).fit(COLOR, LABELS)
    to_onnx(model, path, X=COLOR)
    opsets = {entry.domain: entry.version for entry in onnx.load(path).opset_import}
    assert opsets[""] == max(version, 17)
    check(model, path, COLOR)
    if version > 17:
        with pytest.raises(Exception, match=r"PretrainedFeatureExtractor needs operators of vers"):
            skl2onnx.to_onnx(Pipeline(model.steps), COLOR[:1], target_opset=17)


@pytest.mark.parametrize("pooling", ["grid", "max", "avg"])
def test_tokens_of_patches(pooling, tmp_path):
    make, rng = onnx.helper.make_node, np.random.default_rng(0)
    arrays = {"W": rng.normal(size=(5, 3, 4, 4)).astype("f"), "four": np.array([0, 5, 4])}
    nodes = [
        make("Conv", ["image", "W"], ["map"], strides=[4, 4]),
        make("Reshape", ["map", "four"], ["flat"]),
        make("Transpose", ["flat"], ["patches"], perm=[0, 2, 1]),
        make("ReduceMax", ["patches"], ["first"], axes=[1], keepdims=1),
        make("Concat", ["first", "patches"], ["tokens"], axis=1),
    ]
    shapes = {"image": ["n", 3, 8, 8], "tokens": ["n", 5, 5]}
    network = _save_network(tmp_path / "patches.onnx", nodes, arrays, shapes, version=17)
    whole = Preprocessing((8, 8), 3, mean=(0.5,) * 3, std=(0.25,) * 3, crop=None)
    model = PretrainedFeatureExtractor(
        network, stage="tokens", preprocessing=whole, pooling=pooling
    ).fit(COLOR)
    to_onnx(model, tmp_path / "m.onnx", X=COLOR)
    check(model, tmp_path / "m.onnx", COLOR)


def test_a_network_that_has_functions(tmp_path):
    make, opset = onnx.helper.make_node, onnx.helper.make_opsetid("", 17)
    twice = onnx.helper.make_function(
        "own", "Twice", ["x"], ["y"], [make("Add", ["x", "x"], ["y"])], [opset]
    )
    weights = np.random.default_rng(0).normal(size=(4, 3, 3, 3)).astype("f")
    nodes = [make("Twice", ["image"], ["a"], domain="own"), make("Conv", ["a", "W"], ["b"])]
    shapes = {"image": ["n", 3, 8, 8], "b": ["n", 4, 6, 6]}
    path = _save_network(tmp_path / "f.onnx", nodes, {"W": weights}, shapes, version=17)
    network = onnx.load(path)
    network.functions.append(twice)
    network.opset_import.append(onnx.helper.make_opsetid("own", 1))
    onnx.save(network, path)
    whole = Preprocessing((8, 8), 3, mean=(0.5,) * 3, std=(0.25,) * 3, crop=None)
    model = PretrainedFeatureExtractor(path, stages=["b"], preprocessing=whole).fit(COLOR)
    to_onnx(model, tmp_path / "m.onnx", X=COLOR)
    check(model, tmp_path / "m.onnx", COLOR)


def _save_network(path, nodes, arrays, shapes, *, version):
    make, kind = onnx.helper.make_tensor_value_info, onnx.TensorProto.FLOAT
    source, last = (make(name, kind, shape) for name, shape in shapes.items())
    weights = [onnx.numpy_helper.from_array(array, name) for name, array in arrays.items()]
    graph = onnx.helper.make_graph(nodes, "network", [source], [last], weights)
    opset = [onnx.helper.make_opsetid("", version)]
    onnx.save(onnx.helper.make_model(graph, opset_imports=opset, ir_version=9), path)
    return path


def _two_convolutions(path, version):
    """Write a network with a branch, and inputs that are left out."""
    make, rng = onnx.helper.make_node, np.random.default_rng(0)
    arrays = {
        "V": rng.normal(size=(4, 3, 3, 3)).astype("f"),
        "W": rng.normal(size=(6, 4, 3, 3)).astype("f"),
        "top": np.array(6, dtype="f"),
        "yes": np.array(True),
    }
    branches = {
        f"{name}_branch": onnx.helper.make_graph(
            [make(kind, ["b"], [name])], name, [], [onnx.ValueInfoProto(name=name)]
        )
        for name, kind in [("then", "Neg"), ("else", "Identity")]
    }
    nodes = [
        make("Conv", ["image", "V"], ["a"]),
        make("Clip", ["a", "", "top"], ["b"]),
        make("If", ["yes"], ["c"], **branches),
        make("Conv", ["c", "W"], ["d"]),
    ]
    shapes = {"image": ["n", 3, 8, 8], "d": ["n", 6, 4, 4]}
    return _save_network(path, nodes, arrays, shapes, version=version)


def test_skl2onnx_writes_a_function():
    model = make_pipeline(PretrainedFeatureExtractor(), LogisticRegression()).fit(BYTES, LABELS)
    written = skl2onnx.to_onnx(model, BYTES[:1], options={"zipmap": False})
    assert [function.domain for function in written.functions] == ["sktransfer"]
    scores = run(written.SerializeToString(), BYTES)[1]
    np.testing.assert_allclose(scores, model.predict_proba(BYTES), rtol=0, atol=1e-5)


def test_no_torch_is_imported(tmp_path):
    code = f"""
import sys, numpy as np, sktransfer
X = np.arange(640, dtype=np.uint8).reshape(10, 64)
sktransfer.to_onnx(sktransfer.PretrainedFeatureExtractor().fit(X), {str(tmp_path / "m.onnx")!r})
assert "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_errors_say_why(tmp_path):
    path = tmp_path / "m.onnx"
    model = PretrainedTextExtractor(prefix="the ").fit(TEXTS)
    with pytest.raises(TypeError, match=r"^PretrainedTextExtractor .* because max_tokens=None and"):
        to_onnx(model, path)
    y = np.column_stack([LABELS % 2, LABELS % 3])
    with pytest.raises(TypeError, match=r"^FineTuneClassifier .* each column of y has outputs"):
        to_onnx(FineTuneClassifier().fit(BYTES, y), path)
    assert not path.exists()
