"""to_onnx: one file, without torch, that answers as the estimator does."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

from sktransfer.deep import FineTuneClassifier, FineTuneRegressor
from sktransfer.deep._networks.onnx.run import make_session
from tests.shelf import WEIGHTS

# Networks with random weights and few epochs seldom improve on the head alone.
pytestmark = pytest.mark.filterwarnings("ignore:Training the stages")

DIGITS, LABELS = load_digits(return_X_y=True)
X, Y, X_NEW = DIGITS[:80], LABELS[:80], DIGITS[80:120]
BYTES = (DIGITS * 15).astype(np.uint8)
ROOT = Path(__file__).resolve().parents[3]


def make(kind=FineTuneClassifier, **parameters):
    if parameters.get("freeze_depth", "all") != "all":
        pytest.importorskip("torch", reason="the second phase trains with torch")
    return kind(**({"max_epochs": 2, "random_state": 0} | parameters))


def export(estimator, tmp_path, **options):
    """Write the file, check it, and open it."""
    import onnx

    path = tmp_path / "whole.onnx"
    estimator.to_onnx(path, **options)
    onnx.checker.check_model(onnx.load(path))
    return make_session(path.read_bytes())


def run(session, images):
    outputs = session.run(None, {"X": np.asarray(images, dtype=np.float32)})
    return dict(zip((output.name for output in session.get_outputs()), outputs, strict=True))


def assert_agree(estimator, session, images, *, atol=1e-5):
    found = run(session, images)
    expected = estimator.predict_proba(images)
    np.testing.assert_allclose(found["probabilities"], expected, rtol=0, atol=atol)
    clear = np.ptp(np.sort(expected, axis=1)[:, -2:], axis=1) > 1e-4
    assert clear.any()
    assert (found["label"] == estimator.predict(images))[clear].all()
    assert found["probabilities"].dtype == np.float32


SCHEMES = {
    "frozen": {},
    "last stage": {"freeze_depth": 3},
    "all stages": {"freeze_depth": 0},
    "from scratch": {"freeze_depth": 2, "initialize": "random"},
    "random, frozen": {"initialize": "random"},
}


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("n_classes", [2, 10])
def test_probabilities_and_labels_agree(scheme, n_classes, tmp_path):
    if "initialize" in SCHEMES[scheme]:
        pytest.importorskip("torch", reason="weights are drawn by torch")
    classifier = make(**SCHEMES[scheme]).fit(X, Y % n_classes)
    session = export(classifier, tmp_path)
    assert_agree(classifier, session, X_NEW)
    assert_agree(classifier, session, X_NEW[:1])
    assert session.get_inputs()[0].shape == ["n", 64]


def test_trained_weights_are_not_those_of_the_file(tmp_path):
    """The two would differ by far more than the tolerance."""
    options = {"freeze_depth": 2, "backbone_learning_rate": 1e-2, "validation_fraction": 0}
    classifier = make(**options).fit(X, Y)
    expected = classifier.predict_proba(X_NEW)
    assert_agree(classifier, export(classifier, tmp_path), X_NEW)
    classifier.stage_weights_ = {}
    assert np.abs(classifier.predict_proba(X_NEW) - expected).max() > 1e-2


IMAGES = {
    "rows of bytes": BYTES,
    "float rows from 0 to 1": DIGITS / 16,
    "float rows from -1 to 1": DIGITS / 8 - 1,
    "odd range": DIGITS * 3.7 - 5,
    "maps of bytes": BYTES.reshape(-1, 8, 8),
    "large maps": np.kron(BYTES.reshape(-1, 8, 8), np.ones((1, 7, 5), dtype=np.uint8)),
    "colour": np.stack([BYTES, BYTES // 2, 255 - BYTES], axis=-1).reshape(-1, 8, 8, 3),
    "colour and alpha": np.stack(
        [BYTES, BYTES // 2, 255 - BYTES, 240 - BYTES // 2], axis=-1
    ).reshape(-1, 8, 8, 4),
    "deep colour": np.stack([DIGITS, DIGITS**2 / 16, 16 - DIGITS], axis=-1).reshape(-1, 8, 8, 3),
}


@pytest.mark.parametrize("of", ["network", "colour_network"])
@pytest.mark.parametrize("images", IMAGES)
def test_images_of_all_kinds_agree(images, of, request, tmp_path):
    network, images = request.getfixturevalue(of), IMAGES[images][:120]
    classifier = make(backbone=network).fit(images[:80], Y)
    session = export(classifier, tmp_path)
    assert session.get_inputs()[0].shape == ["n", *images.shape[1:]]
    assert_agree(classifier, session, images[80:])


def test_rows_of_colour_pixels_agree(colour_network, tmp_path):
    rows = BYTES[:120, :60]
    classifier = make(backbone=colour_network, image_shape=(4, 5, 3)).fit(rows[:80], Y)
    assert_agree(classifier, export(classifier, tmp_path), rows[80:])


def test_values_outside_of_the_range_are_clipped_alike(tmp_path):
    classifier = make(value_range=(2, 14)).fit(X, Y)
    assert_agree(classifier, export(classifier, tmp_path), X_NEW)
    constant = make().fit(np.full_like(X, 20.0), Y)
    np.testing.assert_allclose(
        run(export(constant, tmp_path), X_NEW)["probabilities"],
        constant.predict_proba(np.full_like(X_NEW, 20.0)),
        atol=1e-5,
    )


@pytest.mark.parametrize(
    ("classes", "dtype"),
    [
        (["no", "ja"], object),
        ([-1, 1], np.int64),
        ([False, True], np.bool_),
        ([3.0, 7.0], np.float64),
    ],
    ids=["text", "integers", "bool", "float"],
)
def test_labels_have_the_values_of_the_classes(classes, dtype, tmp_path):
    y = np.array(classes)[(Y > 4).astype(int)]
    classifier = make().fit(X, y)
    label = run(export(classifier, tmp_path), X_NEW)["label"]
    assert label.dtype == dtype
    assert label.tolist() == classifier.predict(X_NEW).tolist()


def test_one_class_is_exported(tmp_path):
    classifier = make().fit(X, np.full(80, "x"))
    found = run(export(classifier, tmp_path), X_NEW)
    assert set(found["label"]) == {"x"}
    np.testing.assert_array_equal(found["probabilities"], np.ones((40, 1)))


@pytest.mark.parametrize("columns", [None, 1, 2])
@pytest.mark.parametrize("depth", ["all", 2])
def test_a_regressor_agrees(columns, depth, tmp_path):
    targets = np.stack([X.mean(axis=1), 1e3 * X[:, 20] - 500], axis=1)
    y = targets[:, 1] if columns is None else targets[:, :columns]
    regressor = make(FineTuneRegressor, freeze_depth=depth).fit(X, y)
    found = run(export(regressor, tmp_path), X_NEW)["predictions"]
    expected = regressor.predict(X_NEW)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=0, atol=3e-6 * np.abs(expected).max())


def write_pictures(folder, shapes):
    """Files of random pixels; their paths, and what is in them."""
    from PIL import Image

    rng, paths, pictures = np.random.default_rng(0), [], []
    for number, shape in enumerate(shapes):
        pictures.append(rng.integers(0, 256, shape, dtype=np.uint8))
        paths.append(folder / f"{number}.png")
        Image.fromarray(pictures[-1]).save(paths[-1])
    return paths, pictures


@pytest.mark.parametrize(("of", "atol"), [("network", 1e-5), ("colour_network", 5e-3)])
def test_after_files_pixels_of_any_size_have_the_probabilities_of_their_file(
    of, atol, request, tmp_path
):
    """In colour, a resized pixel may be one grey level off."""
    import onnx

    shapes = [(20, 30, 3), (32, 32, 3), (70, 9, 3), (33, 57), (32, 32), (224, 224, 3)] * 2
    paths, pictures = write_pictures(tmp_path, shapes)
    classifier = make(backbone=request.getfixturevalue(of)).fit(paths, Y[:12] % 2)
    session = export(classifier, tmp_path)
    assert session.get_inputs()[0].shape == ["n", "height", "width", "channels"]
    expected = classifier.predict_proba(paths)
    for picture, probabilities in zip(pictures, expected, strict=True):
        pixels = np.atleast_3d(picture)[np.newaxis]
        found = run(session, pixels)["probabilities"]
        np.testing.assert_allclose(found[0], probabilities, rtol=0, atol=atol)
    model = onnx.load(tmp_path / "whole.onnx")
    about = {entry.key: entry.value for entry in model.metadata_props}["sktransfer.input"]
    assert about == (
        "pixels of images of any height and width, 1 or 3 channels, channels last, from 0 to 255"
    )
    assert model.graph.input[0].doc_string == about


def test_after_files_what_is_the_network_s_input_already_is_refused(colour_network, tmp_path):
    from onnxruntime.capi.onnxruntime_pybind11_state import Fail

    paths, _ = write_pictures(tmp_path, [(20, 30, 3)] * 8)
    session = export(make(backbone=colour_network).fit(paths, Y[:8] % 2), tmp_path)
    with pytest.raises(Fail, match="broadcast"):
        run(session, np.zeros((1, 3, 32, 32)))


def test_after_files_a_file_for_one_size_can_be_asked_for(colour_network, tmp_path):
    paths, pictures = write_pictures(tmp_path, [(20, 30, 3)] * 12)
    classifier = make(backbone=colour_network).fit(paths, Y[:12] % 2)
    sized = export(classifier, tmp_path, image_shape=(20, 30, 3))
    assert sized.get_inputs()[0].shape == ["n", 20, 30, 3]
    expected = classifier.predict_proba(paths)
    found = run(sized, np.stack(pictures))["probabilities"]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


def test_a_size_for_rows_is_an_error(tmp_path):
    classifier = make().fit(X, Y)
    with pytest.raises(ValueError, match=r"image_shape=\(8, 8\) is for estimators .* pass None"):
        classifier.to_onnx(tmp_path / "m.onnx", image_shape=(8, 8))
    assert not list(tmp_path.iterdir())


def test_the_file_says_what_it_is(tmp_path):
    import onnx

    make().fit(X, np.array(["a", "b"])[Y % 2]).to_onnx(tmp_path / "m.onnx")
    model = onnx.load(tmp_path / "m.onnx")
    about = {entry.key: entry.value for entry in model.metadata_props}
    assert json.loads(about["sktransfer.classes"]) == ["a", "b"]
    assert about["sktransfer.estimator"] == "FineTuneClassifier"
    assert "from 0 to 16" in about["sktransfer.input"]
    assert model.producer_name == "sktransfer"


def test_it_runs_in_a_process_without_torch_and_without_this_package(tmp_path):
    classifier = make(freeze_depth=3).fit(X, Y)
    classifier.to_onnx(tmp_path / "m.onnx")
    np.save(tmp_path / "x.npy", X_NEW.astype(np.float32))
    code = (
        "import sys\n"
        "class Without:\n"
        "    def find_spec(name, path=None, target=None):\n"
        "        if name.partition('.')[0] in ('torch', 'sktransfer', 'sklearn'):\n"
        "            raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, Without)\n"
        "import numpy as np, onnxruntime\n"
        "session = onnxruntime.InferenceSession('m.onnx')\n"
        "label, shares = session.run(None, {'X': np.load('x.npy')})\n"
        "np.savez('p.npz', label=label, shares=shares)\n"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, [ROOT, *sys.path]))}
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, env=environment)
    with np.load(tmp_path / "p.npz") as found:
        expected = classifier.predict_proba(X_NEW)
        np.testing.assert_allclose(found["shares"], expected, rtol=0, atol=1e-5)


GRAPHS = {
    "tokens": (
        [
            ("Conv", ["image", "k"], ["c"], {}),
            ("Reshape", ["c", "flat"], ["f"], {}),
            ("Transpose", ["f"], ["out"], {"perm": [0, 2, 1]}),
        ],
        {"flat": np.array([0, 5, -1])},
    ),
    "vector": (
        [
            ("Conv", ["image", "k"], ["c"], {}),
            ("GlobalAveragePool", ["c"], ["p"], {}),
            ("Flatten", ["p"], ["out"], {"axis": 1}),
        ],
        {},
    ),
}


@pytest.mark.parametrize(("graph", "batch"), [(g, b) for g in GRAPHS for b in ("n", 1)])
def test_tokens_vectors_and_graphs_of_one_image(graph, batch, write_graph, tmp_path):
    kernel = np.random.default_rng(0).normal(size=(5, 1, 3, 3)).astype(np.float32)
    nodes, arrays = GRAPHS[graph]
    path = write_graph(tmp_path / "g.onnx", nodes, arrays | {"k": kernel}, shape=[batch, 1, 12, 12])
    options = {"stages": ["out"], "preprocessing": (0.5, 0.5)}
    classifier = make(backbone=path, **options).fit(X, Y)
    assert_agree(classifier, export(classifier, tmp_path), X_NEW)


def test_operators_of_old_times_are_lifted(write_graph, tmp_path):
    kernel = np.random.default_rng(0).normal(size=(5, 1, 3, 3)).astype(np.float32)
    nodes = [("Conv", ["image", "k"], ["c"], {}), ("Relu", ["c"], ["out"], {})]
    path = write_graph(tmp_path / "g.onnx", nodes, {"k": kernel}, shape=["n", 1, 12, 12], opset=7)
    classifier = make(backbone=path, stages=["out"], preprocessing=(0.5, 0.5)).fit(X, Y)
    assert_agree(classifier, export(classifier, tmp_path), X_NEW)


def test_weights_that_two_stages_share_and_training_has_parted(write_graph, tmp_path):
    kernel = np.random.default_rng(0).normal(size=(1, 1, 3, 3)).astype(np.float32) / 3
    nodes = [
        ("Conv", ["image", "k"], ["c1"], {"pads": [1, 1, 1, 1]}),
        ("Relu", ["c1"], ["one"], {}),
        ("Conv", ["one", "k"], ["c2"], {"pads": [1, 1, 1, 1]}),
        ("LeakyRelu", ["c2"], ["out"], {}),
    ]
    path = write_graph(tmp_path / "g.onnx", nodes, {"k": kernel}, shape=["n", 1, 12, 12])
    options = {"stages": ["one", "out"], "preprocessing": (0.0, 1.0)}
    rates = {"backbone_learning_rate": 0.05, "rate_decay": 0.1, "validation_fraction": 0}
    classifier = make(backbone=path, freeze_depth=0, **options, **rates).fit(X, Y)
    weights = [arrays["k"] for arrays in classifier.stage_weights_.values()]
    assert np.abs(weights[0] - weights[1]).max() > 1e-3
    assert_agree(classifier, export(classifier, tmp_path), X_NEW)


@pytest.fixture
def make_on_module():
    """A function that fits a classifier on a module, so that a second phase changes its weights."""
    torch = pytest.importorskip("torch", reason="a module")
    pytest.importorskip("onnxscript", reason="torch exports with it")

    def fit(depth):
        torch.manual_seed(0)
        module = torch.nn.Sequential(
            torch.nn.Conv2d(1, 4, 3, padding=1),
            torch.nn.BatchNorm2d(4),
            torch.nn.ReLU(),
            torch.nn.MaxPool2d(2),
            torch.nn.Conv2d(4, 6, 3),
            torch.nn.ReLU(),
        )
        described = {"preprocessing": (0.5, 0.5), "input_size": 16, "stages": ["3", "5"]}
        rates = {"backbone_learning_rate": 1e-2, "validation_fraction": 0}
        return make(backbone=module, freeze_depth=depth, **described, **rates).fit(X, Y)

    return fit


@pytest.mark.parametrize("depth", ["all", 1])
def test_a_torch_module_agrees_and_its_file_names_no_folder(depth, make_on_module, tmp_path):
    classifier = make_on_module(depth)
    session = export(classifier, tmp_path)
    assert_agree(classifier, session, X_NEW)
    assert_agree(classifier, session, X_NEW[:1])
    assert b"site-packages" not in (tmp_path / "whole.onnx").read_bytes()


def test_a_frozen_module_is_exported_once(make_on_module, monkeypatch, tmp_path):
    classifier = make_on_module("all")
    monkeypatch.setattr("torch.export.export", None)
    assert_agree(classifier, export(classifier, tmp_path), X_NEW)


def test_a_trained_module_needs_onnxscript(make_on_module, monkeypatch, tmp_path):
    classifier = make_on_module(1)
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(ImportError, match=r"network 'Sequential' .* needs onnxscript.*pip install"):
        classifier.to_onnx(tmp_path / "m.onnx")


@pytest.mark.filterwarnings("ignore:.*cannot run in ONNX Runtime")
def test_a_module_that_counts_its_images_is_refused_in_a_sentence(tmp_path):
    torch = pytest.importorskip("torch", reason="a module")

    class Counting(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.convolution = torch.nn.Conv2d(1, 4, 3)

        def forward(self, x):
            return self.convolution(x) * float(len(x) + 1)

    classifier = make(
        backbone=torch.nn.Sequential(Counting(), torch.nn.ReLU()),
        preprocessing=(0.5, 0.5),
        input_size=16,
        stages=["1"],
    ).fit(X, Y)
    with pytest.raises(ValueError, match=r"cannot be written as ONNX for any .*onnxscript"):
        classifier.to_onnx(tmp_path / "m.onnx")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("mobilenet_v1_0.25_224.onnx", {"preprocessing": "tf"}),
        ("mobilenet_v1_0.25_224.onnx", {"preprocessing": "tf", "freeze_depth": 4, "max_epochs": 1}),
        ("shufflenet-v2-12-int8.onnx", {"preprocessing": "torch"}),
    ],
    ids=["mobilenet", "mobilenet tuned", "shufflenet int8"],
)
def test_photographs_through_real_networks(name, options, photos, tmp_path):
    from PIL import Image

    if not (WEIGHTS / name).is_file():
        pytest.skip(f"no {name} under {WEIGHTS} (set SKTRANSFER_DATA)")
    images = [Image.open(path).convert("RGB").resize((320, 240)) for path in photos[:6]]
    pixels = np.stack([np.asarray(image) for image in images])
    y = np.arange(len(pixels)) % 2
    classifier = make(backbone=WEIGHTS / name, **options).fit(pixels, y)
    assert_agree(classifier, export(classifier, tmp_path), pixels, atol=1e-5)


def test_photographs_of_all_sizes_through_one_file(photos, tmp_path):
    from PIL import Image, ImageOps

    name = "mobilenet_v1_0.25_224.onnx"
    if not (WEIGHTS / name).is_file():
        pytest.skip(f"no {name} under {WEIGHTS} (set SKTRANSFER_DATA)")
    photos = [path for path in photos if path.suffix in (".jpg", ".jpeg")][:8]
    classifier = make(backbone=WEIGHTS / name, preprocessing="tf").fit(photos, Y[: len(photos)] % 2)
    session = export(classifier, tmp_path)
    for path, expected in zip(photos, classifier.predict_proba(photos), strict=True):
        with Image.open(path) as image:
            pixels = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))[np.newaxis]
        found = run(session, pixels)["probabilities"]
        np.testing.assert_allclose(found[0], expected, rtol=0, atol=1e-5)


def test_a_frozen_network_is_written_without_torch(tmp_path):
    script = """
import sys

class NoTorch:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "torch":
            raise ModuleNotFoundError("No module named 'torch'", name="torch")

sys.meta_path.insert(0, NoTorch())
from sklearn.datasets import load_digits
from sktransfer import FineTuneClassifier

X, y = load_digits(return_X_y=True)
FineTuneClassifier(max_epochs=0).fit(X[:40], y[:40]).to_onnx(sys.argv[1])
try:
    FineTuneClassifier(freeze_depth=2).fit(X[:40], y[:40])
except ImportError as error:
    assert "sktransfer[torch]" in str(error)
else:
    raise AssertionError
"""
    path = tmp_path / "m.onnx"
    subprocess.run([sys.executable, "-c", script, str(path)], check=True)
    assert path.stat().st_size > 1000


@pytest.mark.parametrize("depth", ["all", 0, 1])
def test_networks_of_half_precision_train_in_float32(depth, write_graph, tmp_path):
    rng = np.random.default_rng(0)
    nodes = [
        ("Conv", ["image", "first"], ["map"], {"pads": [1] * 4, "strides": [2, 2]}),
        ("Relu", ["map"], ["stage1"], {}),
        ("Cast", ["stage1"], ["wide"], {"to": 1}),
        ("Cast", ["wide"], ["narrow"], {"to": 10}),
        ("Conv", ["narrow", "second"], ["stage2"], {"pads": [1] * 4}),
    ]
    arrays = {"first": rng.normal(size=(4, 1, 3, 3)), "second": rng.normal(size=(8, 4, 3, 3)) / 6}
    paths = []
    for number, (to, stored) in enumerate({10: np.float16, 1: np.float32}.items()):
        nodes[3][3]["to"] = to
        weights = {name: array.astype(np.float16).astype(stored) for name, array in arrays.items()}
        options = {"shape": ["N", 1, 8, 8], "outputs": ["stage2"], "kind": to}
        paths.append(write_graph(tmp_path / f"{number}.onnx", nodes, weights, **options))
    options = {"freeze_depth": depth, "stages": ["stage1", "stage2"], "max_epochs": 3}
    options |= {"preprocessing": (0.5, 0.5), "random_state": 0, "validation_fraction": 0}
    other, single = (FineTuneClassifier(path, **options).fit(X, Y % 2) for path in paths)
    for weights in other.stage_weights_.values():
        assert {array.dtype for array in weights.values()} == {np.dtype(np.float32)}
    expected = single.predict_proba(X_NEW)
    np.testing.assert_allclose(other.predict_proba(X_NEW), expected, atol=2e-2)
    other.to_onnx(tmp_path / "m.onnx")
    session = make_session((tmp_path / "m.onnx").read_bytes())
    found = session.run(["probabilities"], {"X": X_NEW.astype(np.float32)})[0]
    np.testing.assert_allclose(found, other.predict_proba(X_NEW), atol=2e-2)
