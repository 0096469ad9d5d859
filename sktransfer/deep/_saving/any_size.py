"""Resizing images of any size, as nodes of an ONNX graph that makes the matrices as it runs."""

from typing import NamedTuple

import numpy as np

from sktransfer.deep._graphs.file import import_onnx
from sktransfer.deep._images.network_input import RESIZED_WHOLE
from sktransfer.deep._preprocessing import Preprocessing
from sktransfer.deep._saving.graph_writer import GraphWriter
from sktransfer.deep._saving.pillow_resize import PILLOW_BITS, takes_columns_first, write_passes


class _Axis(NamedTuple):
    """One axis of a resize: whole numbers as names of float64 tensors of one element.

    Parameters
    ----------
    n_in, n_out : str
        Lengths before and after the resize.
    first : str
        The first of the places that the network sees.
    length : int
        And how many these are.
    """

    n_in: str
    n_out: str
    first: str
    length: int


class AnySize:
    """The resizing of images whose height and width are known when the graph runs.

    Parameters
    ----------
    writer : GraphWriter
    source : str
        The images (n, h, w, c).
    preprocessing : Preprocessing
    """

    def __init__(self, writer, source, preprocessing):
        self._writer, self._method = writer, preprocessing.resize
        shape = writer.add("Shape", source)
        sides = [writer.add("Gather", shape, np.array([place]), axis=0) for place in (1, 2)]
        sizes = _write_sizes(writer, *sides, preprocessing)
        self._axes = [
            _Axis(*_write_axis(writer, n_in, n_out, length), length)
            for n_in, n_out, length in zip(sides, sizes, preprocessing.size, strict=True)
        ]

    def resize(self, images):
        """Resize images (n, c, h, w) in floating point, as `resize_images` does."""
        writer, matrices = self._writer, []
        for axis in self._axes:
            scale = writer.add("Div", axis.n_in, axis.n_out)
            weights = self._weights(axis, scale, np.zeros(1), axis.first)
            matrices.append(writer.cast(weights, np.float32))
        rows, columns = matrices
        columns = writer.add("Transpose", columns, perm=[1, 0])
        return writer.add("MatMul", writer.add("MatMul", rows, images), columns)

    def resize_levels(self, levels):
        """Resize bytes (n, c, h, w), held as float32, as Pillow does, rounding included."""
        writer = self._writer
        levels = writer.cast(levels, np.float64)
        whole = self._is_whole()
        rows, columns = (self._pillow_matrix(axis, whole) for axis in self._axes)
        columns = writer.add("Transpose", columns, perm=[1, 0])
        if not _pillow_may_take_rows_first():
            resized = write_passes(writer, levels, rows, columns, columns_first=True)
            return writer.cast(resized, np.float32)
        branches = {
            branch: _write_branch(f"{levels}/{branch}", levels, rows, columns, columns_first)
            for branch, columns_first in (("then_branch", False), ("else_branch", True))
        }
        return writer.cast(writer.add("If", self._rows_first(whole), **branches), np.float32)

    def _weights(self, axis, scale, begin, first):
        """Filters around the centres ``begin + (first + i + 1/2) scale``; each row sums to 1."""
        writer = self._writer
        places = writer.add("Add", np.arange(axis.length) + 0.5, first)
        centres = writer.add("Add", writer.add("Mul", places, scale), begin)
        centres = writer.add("Reshape", centres, np.array([axis.length, 1]))
        one = import_onnx().numpy_helper.from_array(np.ones(1, dtype=np.int64))
        ones = writer.add("ConstantOfShape", writer.cast(axis.n_in, np.int64), value=one)
        pixels = writer.cast(writer.add("NonZero", ones), np.float64)  # 0, 1, 2 ...: one row
        gaps = writer.add("Sub", writer.add("Add", pixels, np.array([0.5])), centres)
        stretch = writer.add("Max", scale, np.ones(1))
        distances = writer.add("Div", writer.add("Abs", gaps), stretch)
        weights = _FILTERS[self._method](writer, distances)
        ones = writer.add("Reshape", writer.cast(ones, np.float64), np.array([-1, 1]))
        return writer.add("Div", weights, writer.add("MatMul", weights, ones))

    def _pillow_matrix(self, axis, whole):
        """Whole numbers, as `pillow_matrix` computes them.

        Of a large picture Pillow is given the middle alone, with edges in float32.
        """
        writer, zero, length = self._writer, np.zeros(1), np.array([float(axis.length)])
        step = writer.add("Div", axis.n_in, axis.n_out)
        begin = writer.add("Mul", axis.first, step)
        end = writer.add("Mul", writer.add("Add", axis.first, length), step)
        end = writer.add("Min", end, axis.n_in)
        begin, end = (writer.cast(edge, np.float32) for edge in (begin, end))
        part = writer.cast(writer.add("Sub", end, begin), np.float64)
        part, begin = writer.add("Div", part, length), writer.cast(begin, np.float64)
        weights = self._weights(
            axis,
            writer.add("Where", whole, step, part),
            writer.add("Where", whole, zero, begin),
            writer.add("Where", whole, axis.first, zero),
        )
        sizes = writer.add("Mul", writer.add("Abs", weights), np.array([2.0**PILLOW_BITS]))
        rounded = writer.add("Floor", writer.add("Add", sizes, np.array([0.5])))
        return writer.add("Mul", writer.add("Sign", weights), rounded)

    def _is_whole(self):
        """Whether Pillow is given the whole picture: neither it nor the result is large."""
        writer, (rows, columns) = self._writer, self._axes
        limit = np.array([RESIZED_WHOLE + 1.0])
        before = writer.add("Less", writer.add("Mul", rows.n_in, columns.n_in), limit)
        after = writer.add("Less", writer.add("Mul", rows.n_out, columns.n_out), limit)
        return writer.add("And", before, after)

    def _rows_first(self, whole):
        """Pillow's rule from 13 on: the height loses more than twice what the width loses."""
        writer = self._writer
        lost, lost_columns = (
            writer.add(
                "Sub",
                axis.n_in,
                writer.add("Where", whole, axis.n_out, np.array([float(axis.length)])),
            )
            for axis in self._axes
        )
        twice = writer.add("Mul", lost_columns, np.array([2.0]))
        return writer.add(
            "And",
            writer.add("Less", np.zeros(1), lost),
            writer.add("Less", twice, lost),
        )


def _write_sizes(writer, height, width, preprocessing):
    """The size that an image gets before the middle is cut out, as in `resize_plan`: int64."""
    if preprocessing.crop is None:
        return [writer.constant(np.array([side])) for side in preprocessing.size]
    least = [np.array([round(side / preprocessing.crop)]) for side in preprocessing.size]
    # least_h * w < least_w * h: the width is the side that just covers.
    upright = writer.add(
        "Less", writer.add("Mul", width, least[0]), writer.add("Mul", height, least[1])
    )
    scaled_h = writer.add("Div", writer.add("Mul", height, least[1]), width)
    scaled_w = writer.add("Div", writer.add("Mul", width, least[0]), height)
    return [
        writer.add("Where", upright, scaled_h, least[0]),
        writer.add("Where", upright, least[1], scaled_w),
    ]


def _write_axis(writer, n_in, n_out, length):
    """Both lengths, and the first place of the middle, as float64.

    The middle begins at half of what is too much, which Python rounds to an even number.
    """
    too_much = writer.add("Sub", n_out, np.array([length]))
    two = np.array([2])
    half = writer.add("Div", too_much, two)
    rest = writer.add("Sub", too_much, writer.add("Mul", half, two))
    odd = writer.add("Sub", half, writer.add("Mul", writer.add("Div", half, two), two))
    first = writer.add("Add", half, writer.add("Mul", rest, odd))
    return [writer.cast(number, np.float64) for number in (n_in, n_out, first)]


def _write_branch(name, levels, rows, columns, columns_first):
    """A branch of an If: it reads what stands outside of it."""
    onnx = import_onnx()
    inside = GraphWriter(name)
    resized = write_passes(inside, levels, rows, columns, columns_first=columns_first)
    output = onnx.helper.make_tensor_value_info(resized, onnx.TensorProto.DOUBLE, None)
    return onnx.helper.make_graph(inside.nodes, name, [], [output], inside.constants)


def _pillow_may_take_rows_first():
    """Whether the Pillow that is installed has the rule: a tall picture tells."""
    narrow = Preprocessing((9, 8), 1, (0.0,), (1.0,))
    return not takes_columns_first((64, 9), narrow)


def _triangle(writer, distances):
    return writer.add("Max", writer.add("Sub", np.ones(1), distances), np.zeros(1))


def _cubic(writer, distances):
    """Keys' cubic convolution with a = -1/2, in Horner's form as `resize_matrix` has it."""

    def line(source, factor, offset):
        return writer.add("Add", writer.add("Mul", source, np.array([factor])), np.array([offset]))

    squares = writer.add("Mul", distances, distances)
    near = writer.add("Mul", line(distances, 1.5, -2.5), squares)
    near = writer.add("Add", near, np.ones(1))
    far = writer.add("Mul", line(distances, 1.0, -5.0), distances)
    far = writer.add("Mul", writer.add("Add", far, np.array([8.0])), distances)
    far = writer.add("Mul", writer.add("Sub", far, np.array([4.0])), np.array([-0.5]))
    far = writer.add("Where", writer.add("Less", distances, np.array([2.0])), far, np.zeros(1))
    return writer.add("Where", writer.add("Less", distances, np.ones(1)), near, far)


_FILTERS = {"bilinear": _triangle, "bicubic": _cubic}
