"""Files of other makers: what they may look like, and what is made of them."""

import re
import shutil
from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx.reference import ReferenceEvaluator

from sktransfer.deep._backbone import resolve_backbone
from sktransfer.deep._engines.engine import open_engine
from sktransfer.deep._engines.onnx_engine import OnnxEngine
from sktransfer.deep._preprocessing import Preprocessing

RNG = np.random.default_rng(0)
KERNEL = RNG.normal(size=(4, 3, 3, 3)).astype(np.float32)
NODES = [
    ("Conv", ["image", "w"], ["conv"], {"pads": [1, 1, 1, 1]}),
    ("Relu", ["conv"], ["relu"], {}),
    ("GlobalAveragePool", ["relu"], ["out"], {}),
]
IMAGES = RNG.normal(size=(5, 3, 16, 16)).astype(np.float32)


def expected(images=IMAGES):
    """The network above by its definition: correlation with zeros around, and the rectifier."""
    padded = np.pad(images.astype(np.float64), [(0, 0), (0, 0), (1, 1), (1, 1)])
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3))
    return np.maximum(np.einsum("nchwij,ocij->nohw", windows, KERNEL), 0)


@pytest.fixture
def write(write_graph, tmp_path):
    def write(nodes=NODES, arrays=None, *, shape=("N", 3, 16, 16), name="foreign", **options):
        arrays = {"w": KERNEL} if arrays is None else arrays
        return write_graph(tmp_path / f"{name}.onnx", nodes, arrays, shape=shape, **options)

    return write


def test_a_network_of_another_maker_needs_but_its_preprocessing(write):
    path = write()
    backbone = resolve_backbone(path, preprocessing="torch")
    assert backbone.name == "foreign"
    assert backbone.stages == ("relu",)
    assert backbone.preprocessing.size == (16, 16)
    assert backbone.preprocessing.channels == 3
    found = open_engine(backbone, "relu").run(IMAGES)
    np.testing.assert_allclose(found, expected(), atol=1e-5)
    with pytest.raises(ValueError, match="does not say how pixels become its input: pass prepr"):
        resolve_backbone(path)


def test_any_tensor_is_a_stage(write):
    backbone = resolve_backbone(write(), preprocessing="tf")
    assert backbone.locate("conv") == ("conv", (4, 16, 16))
    assert backbone.stage_name("out") == "out"
    np.testing.assert_allclose(
        open_engine(backbone, "out").run(IMAGES)[:, :, 0, 0],
        expected().mean(axis=(2, 3)),
        atol=1e-5,
    )
    named = resolve_backbone(write(), preprocessing="tf", stages=["conv", "out"])
    assert named.stages == ("conv", "out")
    assert named.shapes == ((4, 16, 16), (4, 1, 1))


def test_a_name_that_is_no_tensor_is_answered_with_those_that_are_near(write):
    backbone = resolve_backbone(write(), preprocessing="tf")
    message = (
        "stage='rellu' is not a stage of the backbone 'foreign': expected None (the last), an "
        "integer from 1 to 1, or one of 'relu'; did you mean 'relu'?"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        backbone.locate("rellu")
    for name in ("w", "image"):
        with pytest.raises(ValueError, match=f"stage='{name}' is not a stage"):
            backbone.locate(name)
    message = r"^stages=\['conf', 'out'\]: .* has no tensor named 'conf'; did you mean 'conv'"
    with pytest.raises(ValueError, match=message):
        resolve_backbone(write(), preprocessing="tf", stages=["conf", "out"])
    with pytest.raises(ValueError, match=r"no tensor named 'xyz'; look it up in Netron\."):
        resolve_backbone(write(), preprocessing="tf", stages=["xyz"])


@pytest.mark.parametrize("stages", ["conv", [], ["conv", "conv"], [1, 2]])
def test_stages_are_a_sequence_of_names(write, stages):
    with pytest.raises(ValueError, match=f"^stages={re.escape(repr(stages))} cannot be used"):
        resolve_backbone(write(), preprocessing="tf", stages=stages)


def test_channels_last_and_half_precision_give_the_same(write):
    nodes = [("Transpose", ["image"], ["first"], {"perm": [0, 3, 1, 2]})]
    nodes += [("Conv", ["first", "w"], ["conv"], {"pads": [1, 1, 1, 1]}), *NODES[1:]]
    last = write(nodes, shape=("N", 16, 16, 3), name="last")
    half = write(arrays={"w": KERNEL.astype(np.float16)}, kind=10, name="half")
    for path, tolerance in [(last, 1e-5), (half, 0.05)]:
        backbone = resolve_backbone(path, preprocessing="torch")
        assert backbone.preprocessing.size == (16, 16)
        assert backbone.stages == ("relu",)
        assert backbone.shapes == ((4, 16, 16),)
        found = open_engine(backbone, "relu").run(IMAGES)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected(), atol=tolerance)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": 2}, r"takes images of type UINT8 \(expected floating point: export"),
        ({"shape": ("N", 12)}, r"takes 'image' \['N', 12\]; expected one input of images"),
        (
            {"shape": ("N", 5, 16, 16)},
            r"takes images of 5 channels; expected 1 \(grey\) or 3",
        ),
    ],
)
def test_inputs_that_are_no_images_are_refused(write, options, message):
    nodes = [("Flatten", ["image"], ["out"], {})]
    preprocessing = Preprocessing((16, 16), 3, (0.0,) * 3, (1.0,) * 3)
    with pytest.raises(ValueError, match=message):
        resolve_backbone(write(nodes, {}, **options), preprocessing=preprocessing)


def test_what_onnx_runtime_cannot_run_is_said_in_its_words(write):
    path = write(arrays={"w": KERNEL.astype(np.float64)}, kind=11)
    with pytest.raises(ValueError, match=r"cannot be run up to .* ONNX Runtime says: .*NOT_IMPL"):
        resolve_backbone(path, preprocessing="tf")


def test_the_size_is_the_graph_s_unless_that_is_free(write):
    message = r"^input_size=\(32, 32\) does not fit .* fixed to \(16, 16\): leave it out"
    with pytest.raises(ValueError, match=message):
        resolve_backbone(write(), preprocessing="tf", input_size=32)
    wrong = Preprocessing((8, 8), 3, (0.0,) * 3, (1.0,) * 3)
    with pytest.raises(ValueError, match=r"^preprocessing.size=\(8, 8\) does not fit"):
        resolve_backbone(write(), preprocessing=wrong)
    free = write(shape=("N", 3, "h", "w"), name="free")
    with pytest.raises(ValueError, match="takes images of any size: pass input_size"):
        resolve_backbone(free, preprocessing="tf")
    for given in ({"preprocessing": "tf", "input_size": (8, 8)}, {"preprocessing": wrong}):
        backbone = resolve_backbone(free, **given)
        assert backbone.preprocessing.size == (8, 8)
        assert backbone.shapes == ((4, 8, 8),)


def test_a_stage_has_one_row_an_image(write):
    nodes = [*NODES, ("Reshape", ["relu", "all"], ["joined"], {})]
    path = write(nodes, {"w": KERNEL, "all": np.array([1, -1])}, outputs=("out", "joined"))
    backbone = resolve_backbone(path, preprocessing="tf")
    with pytest.raises(ValueError, match=r"'joined' .* cannot be a stage: for 2 images it has the"):
        backbone.locate("joined")


def fixed_batch(write, *, target, n):
    """A network for n images alone, which reshapes to a target."""
    nodes = [*NODES[:2], ("Reshape", ["relu", "target"], ["rows"], {})]
    nodes += [("Identity", ["rows"], ["out"], {})]
    return write(nodes, {"w": KERNEL, "target": np.array(target)}, shape=(n, 3, 16, 16))


@pytest.mark.parametrize("n", [1, 2])
@pytest.mark.parametrize("rest", [[4 * 256], [4, 256]])
def test_a_graph_for_a_fixed_number_of_images_takes_any(write, n, rest):
    path = fixed_batch(write, target=[n, *rest], n=n)
    backbone = resolve_backbone(path, preprocessing="tf")
    engine = OnnxEngine(backbone, "rows")
    assert engine._rows_at_once(engine._session) is None
    found = engine.run(IMAGES)
    np.testing.assert_allclose(found, expected().reshape(5, *rest), atol=1e-5)
    alone = np.concatenate([engine.run(image[np.newaxis]) for image in IMAGES])
    np.testing.assert_array_equal(alone, found)


@pytest.mark.parametrize("n", [1, 2])
def test_where_the_number_cannot_be_freed_images_run_as_the_graph_wants(write, n):
    # The constant of n rows fits no other number.
    nodes = [*NODES[:2], ("Add", ["relu", "rows"], ["sum"], {}), NODES[2]]
    rows = RNG.normal(size=(n, 4, 16, 16)).astype(np.float32)
    path = write(nodes, {"w": KERNEL, "rows": rows}, shape=(n, 3, 16, 16))
    backbone = resolve_backbone(path, preprocessing="tf")
    engine = OnnxEngine(backbone, "sum")
    found = engine.run(IMAGES)
    wanted = expected() + np.concatenate([rows] * 5)[:5]
    np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_a_number_that_could_be_freed_but_matters_is_kept(write):
    # Every image less the mean of the two: of four in a row it would be another mean.
    nodes = [("ReduceMean", ["image"], ["mean"], {"axes": [0]})]
    nodes += [("Sub", ["image", "mean"], ["out"], {})]
    path = write(nodes, {}, shape=(2, 3, 16, 16))
    engine = OnnxEngine(resolve_backbone(path, preprocessing="tf", stages=["out"]), "out")
    half = (IMAGES[0] - IMAGES[1]) / 2
    np.testing.assert_allclose(engine.run(IMAGES[:4])[:2], [half, -half], atol=1e-6)


def test_weights_in_files_beside_are_read_and_watched(write, tmp_path):
    path = tmp_path / "large.onnx"
    model = onnx.load(write())
    save = {"save_as_external_data": True, "size_threshold": 0, "convert_attribute": True}
    onnx.save_model(model, path, location="large.data", **save)
    assert (tmp_path / "large.data").stat().st_size >= KERNEL.nbytes
    backbone = resolve_backbone(path, preprocessing="tf")
    np.testing.assert_allclose(open_engine(backbone, "relu").run(IMAGES), expected(), atol=1e-5)
    content = bytearray((tmp_path / "large.data").read_bytes())
    content[0] ^= 1
    (tmp_path / "large.data").write_bytes(content)
    with pytest.raises(ValueError, match="are not the ones that fit has seen"):
        backbone.weights()
    (tmp_path / "large.data").unlink()
    with pytest.raises(FileNotFoundError, match=r"keeps weights in the file 'large\.data'"):
        resolve_backbone(path, preprocessing="tf")


def test_a_changed_side_file_is_another_network(write, tmp_path):
    path = tmp_path / "large.onnx"
    save = {"save_as_external_data": True, "size_threshold": 0}
    onnx.save_model(onnx.load(write()), path, location="large.data", **save)
    first = resolve_backbone(path, preprocessing="tf")
    (tmp_path / "large.data").write_bytes((2 * KERNEL).tobytes())
    second = resolve_backbone(path, preprocessing="tf")
    assert second.fingerprint != first.fingerprint
    np.testing.assert_allclose(open_engine(second, "relu").run(IMAGES), 2 * expected(), atol=1e-5)


def test_no_file_outside_of_the_folder_is_read(write, tmp_path):
    (tmp_path / "inside").mkdir()
    path = tmp_path / "inside" / "net.onnx"
    save = {"save_as_external_data": True, "size_threshold": 0}
    onnx.save_model(onnx.load(write()), path, location="net.data", **save)
    shutil.move(tmp_path / "inside" / "net.data", tmp_path / "net.data")
    model = onnx.load(path, load_external_data=False)
    for entry in model.graph.initializer[0].external_data:
        if entry.key == "location":
            entry.value = "../net.data"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ValueError, match=r"names weights outside of its own folder"):
        resolve_backbone(path, preprocessing="tf")


def test_metadata_of_ours_may_be_overruled(network):
    own = resolve_backbone(network)
    named = resolve_backbone(network, stages=["block2.relu", "stage4"])
    assert named.stages == ("block2.relu", "stage4")
    assert named.shapes == ((12, 16, 16), (24, 2, 2))
    assert named.preprocessing == own.preprocessing
    changed = resolve_backbone(network, preprocessing=(0.5, 0.25))
    assert changed.stages == own.stages
    assert changed.preprocessing == replace(own.preprocessing, mean=(0.5,), std=(0.25,))
    assert resolve_backbone(own, preprocessing=(0.5, 0.25)) == changed
    assert resolve_backbone(changed, stages=["stage1"]).preprocessing == changed.preprocessing


@pytest.mark.parametrize("name", ["conv", "relu", "out"])
def test_equals_onnx_s_own_evaluator_at_every_tensor(write, name):
    path = write()
    wanted = ReferenceEvaluator(path).run(None, {"image": IMAGES})[0]
    backbone = resolve_backbone(path, preprocessing="tf")
    found = open_engine(backbone, name).run(IMAGES)
    if name == "out":
        np.testing.assert_allclose(found, wanted, atol=1e-5)
    else:
        np.testing.assert_allclose(np.maximum(found, 0), expected(), atol=1e-5)
