"""The graph's own preprocessing against ours, pixel by pixel."""

import numpy as np
import pytest

from sktransfer.deep._images.image_format import ImageFormat
from sktransfer.deep._images.network_input import network_input
from sktransfer.deep._networks.onnx.run import make_session
from sktransfer.deep._preprocessing import Preprocessing
from sktransfer.deep._saving.export_pixels import write_preprocessing
from sktransfer.deep._saving.graph_writer import GraphWriter

PREPROCESSINGS = [
    Preprocessing((32, 32), 3, (0.4, 0.5, 0.6), (0.2, 0.3, 0.4)),
    Preprocessing((20, 28), 3, (0.4, 0.5, 0.6), (0.2, 0.3, 0.4), resize="bicubic"),
    Preprocessing((24, 24), 3, (0.4, 0.5, 0.6), (0.2, 0.3, 0.4), crop=0.875, channel_order="bgr"),
    Preprocessing((24, 18), 1, (0.4,), (0.2,), crop=0.875, resize="bicubic"),
    Preprocessing((224, 224), 3, (0.4, 0.5, 0.6), (0.2, 0.3, 0.4), crop=0.875),
]
KINDS = ["plain", "bicubic", "bgr", "grey", "photographs"]
SHAPES = [(37, 53, 3), (11, 90, 3), (90, 11, 3), (40, 23, 1), (24, 24, 3), (9, 8, 4)]
LARGE_SHAPES = [(900, 1300, 3), (1400, 800, 3)]  # Pillow is given their middle alone
CASES = [
    pytest.param(preprocessing, shape, sized, id=f"{kind} {shape} {'sized' if sized else 'any'}")
    for kind, preprocessing in zip(KINDS, PREPROCESSINGS, strict=True)
    for shape in SHAPES + (LARGE_SHAPES if kind == "photographs" else [])
    for sized in (True, False)
    if sized or shape[2] < 4
]


def input_of_the_network(preprocessing, shape):
    """A session of the preprocessing alone; shape None for images of any size."""
    from onnx import TensorProto, helper

    writer = GraphWriter("pixels")
    made = write_preprocessing(
        writer, "X", shape=shape, value_range=(0, 255), preprocessing=preprocessing
    )
    dims = ["n", *(shape or ("height", "width", "channels"))]
    values = [
        helper.make_tensor_value_info("X", TensorProto.FLOAT, dims),
        helper.make_tensor_value_info(made, TensorProto.FLOAT, None),
    ]
    graph = helper.make_graph(writer.nodes, "g", values[:1], values[1:], writer.constants)
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 9 if shape else 18)], ir_version=8
    )
    return make_session(model.SerializeToString())


@pytest.mark.parametrize(("preprocessing", "shape", "sized"), CASES)
@pytest.mark.parametrize("deep", [False, True], ids=["8 bits", "deep"])
def test_the_graph_s_input_of_the_network_is_ours(preprocessing, shape, deep, sized):
    """Of 8 bits to a grey level, and of more to the rounding of float32."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (3, *shape)).astype(np.float32)
    images[1] = rng.uniform(0, 255, shape) if deep else images[1]
    session = input_of_the_network(preprocessing, shape if sized else None)
    (found,) = session.run(None, {"X": images})
    off = levels_off(found, images, preprocessing)
    if deep or preprocessing.channels == 1:
        assert off[1].max() < 0.005
    if sized or not pillow_may_take_rows_first(preprocessing, shape):
        assert off.max() < 1.001
    else:
        assert off.mean() < 1
        assert off.max() < 20


def levels_off(found, images, preprocessing):
    """By how many grey levels the graph's input of the network differs from ours."""
    expected = network_input(ImageFormat(None, (0, 255)).to_unit(images, None), preprocessing)
    std = np.array(preprocessing.std).reshape(-1, 1, 1)
    return np.abs(found - expected) * std * 255


def pillow_may_take_rows_first(preprocessing, shape):
    """With bicubic interpolation, which overshoots, the order then matters at sharp edges."""
    lost, lost_columns = (old - new for old, new in zip(shape[:2], preprocessing.size, strict=True))
    bicubic = preprocessing.resize == "bicubic" and preprocessing.channels == 3
    return bicubic and lost > max(0, 2 * lost_columns)


@pytest.mark.parametrize("preprocessing", PREPROCESSINGS, ids=KINDS)
def test_one_graph_takes_one_size_after_the_other(preprocessing):
    session = input_of_the_network(preprocessing, None)
    rng = np.random.default_rng(0)
    for shape in [(1, 1), (1, 77), (300, 3), *rng.integers(2, 120, (20, 2))]:
        images = rng.integers(0, 256, (2, *shape, 3)).astype(np.float32)
        (found,) = session.run(None, {"X": images})
        off = levels_off(found, images, preprocessing)
        assert off.max() < (20 if pillow_may_take_rows_first(preprocessing, shape) else 1.001)
