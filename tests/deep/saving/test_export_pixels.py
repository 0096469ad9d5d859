"""The graph's own preprocessing against ours, pixel by pixel."""

import numpy as np
import pytest

from sktransfer.deep._graphs.session import make_session
from sktransfer.deep._images.image_format import ImageFormat
from sktransfer.deep._images.network_input import network_input
from sktransfer.deep._preprocessing import Preprocessing
from sktransfer.deep._saving.export_pixels import write_preprocessing
from sktransfer.deep._saving.graph_writer import GraphWriter
from sktransfer.deep._saving.pillow_resize import pillow_matrices, pillow_matrix

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
    pytest.param(shape, sized, id=f"{shape} {'sized' if sized else 'any'}")
    for shape in SHAPES + LARGE_SHAPES
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
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 9)], ir_version=8)
    return make_session(model.SerializeToString())


@pytest.mark.parametrize("preprocessing", PREPROCESSINGS, ids=KINDS)
@pytest.mark.parametrize(("shape", "sized"), CASES)
@pytest.mark.parametrize("deep", [False, True], ids=["8 bits", "deep"])
def test_the_graph_s_input_of_the_network_is_ours(preprocessing, shape, deep, sized):
    """Levels of 8 bits exactly, so that no rounding of a pixel goes the other way."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (3, *shape)).astype(np.float32)
    images[1] = rng.uniform(0, 255, shape) if deep else images[1]
    session = input_of_the_network(preprocessing, shape if sized else None)
    (found,) = session.run(None, {"X": images})
    expected = network_input(ImageFormat(None, (0, 255)).to_unit(images, None), preprocessing)
    np.testing.assert_allclose(found, expected, rtol=0, atol=3e-6)


@pytest.mark.parametrize("preprocessing", PREPROCESSINGS, ids=KINDS)
def test_one_graph_takes_one_size_after_the_other(preprocessing):
    session = input_of_the_network(preprocessing, None)
    rng = np.random.default_rng(0)
    for shape in [(1, 1), (1, 77), (300, 3), *rng.integers(2, 120, (20, 2))]:
        images = rng.integers(0, 256, (2, *shape, 3)).astype(np.float32)
        (found,) = session.run(None, {"X": images})
        expected = network_input(ImageFormat(None, (0, 255)).to_unit(images, None), preprocessing)
        np.testing.assert_allclose(found, expected, rtol=0, atol=3e-6)


@pytest.mark.parametrize("part", [(0, None), (1.7, 4.9)], ids=["whole", "part"])
@pytest.mark.parametrize("method", ["bilinear", "bicubic"])
@pytest.mark.parametrize(("n_in", "n_out"), [(7, 31), (31, 7), (64, 48), (5, 5), (200, 3)])
def test_pillow_s_weights_give_pillow_s_levels(n_in, n_out, method, part):
    from PIL import Image

    row = np.random.default_rng(0).integers(0, 256, (40, n_in), dtype=np.uint8)
    box = part[0], 0, part[1] or n_in, 40
    resized = Image.fromarray(row).resize((n_out, 40), getattr(Image, method.upper()), box)
    sums = row @ pillow_matrix(n_in, n_out, method, *part).T
    levels = np.clip(np.floor((sums + 2**21) / 2**22), 0, 255)
    np.testing.assert_array_equal(levels, np.asarray(resized))


@pytest.mark.parametrize("shape", [(900, 1300), (3000, 2000)])
def test_of_a_large_photograph_pillow_s_levels_are_met_exactly(shape):
    """Its middle is cut out at places between pixels."""
    preprocessing = PREPROCESSINGS[KINDS.index("photographs")]
    pixels = np.random.default_rng(1).integers(0, 256, (*shape, 1), dtype=np.uint8)
    rows, columns = pillow_matrices(shape, preprocessing)
    levels = pixels[..., 0]
    for matrix in (columns, rows):
        sums = levels @ matrix.T
        levels = np.clip(np.floor((sums + 2**21) / 2**22), 0, 255).T
    expected = network_input(pixels[np.newaxis], preprocessing)[0, 0] * 0.2 + 0.4
    np.testing.assert_array_equal(levels, np.rint(expected * 255))
