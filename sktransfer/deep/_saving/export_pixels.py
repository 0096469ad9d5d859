"""From a user's pixels to the input of a network, as nodes of an ONNX graph."""

import math
from itertools import count

import numpy as np

from sktransfer._kernels.resize import _FILTER, _SUPPORT, resize_matrix
from sktransfer.deep._graphs.file import import_onnx
from sktransfer.deep._images.network_input import (
    LUMA,
    RESIZED_WHOLE,
    _pillow_resized,
    resize_plan,
)

# Pillow multiplies pictures of bytes by whole numbers: weights times 2 ** 22.
_PILLOW_BITS = 22


class GraphWriter:
    """Nodes and constants in order; each call returns the name of what it makes."""

    def __init__(self, prefix):
        self.nodes, self.constants = [], []
        self._names = (f"{prefix}/{number}" for number in count())

    def add(self, operator, *inputs, output=None, **attributes):
        """Add a node; arrays among its inputs become constants."""
        inputs = [self.constant(x) if isinstance(x, np.ndarray) else x for x in inputs]
        output = output or next(self._names)
        node = import_onnx().helper.make_node(operator, inputs, [output], name=output, **attributes)
        self.nodes.append(node)
        return output

    def cast(self, source, dtype):
        """Add a conversion to a dtype of NumPy."""
        return self.add(
            "Cast", source, to=import_onnx().helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        )

    def constant(self, array):
        """Add a constant."""
        name = next(self._names)
        self.constants.append(
            import_onnx().numpy_helper.from_array(np.ascontiguousarray(array), name)
        )
        return name


def write_preprocessing(writer, source, *, shape, value_range, preprocessing):
    """Write all that happens to images before the network sees them.

    It is what `ImageFormat.to_unit` and `network_input` do, the rounding to 8 bits included where
    the images have no more.

    Parameters
    ----------
    writer : GraphWriter
    source : str
        The tensor (n, ...) of the images, float32, channels last.
    shape : (int, int, int)
        Height, width and channels of an image; 4 channels are colour and alpha.
    value_range : (float, float)
        Black and white.
    preprocessing : Preprocessing

    Returns
    -------
    name : str
        Of the input of the network, (n, channels, H, W), float32.
    """
    images = writer.add("Reshape", source, np.array([0, *shape]))
    images = _to_unit(writer, writer.add("Transpose", images, perm=[0, 3, 1, 2]), value_range)
    channels = shape[2]
    if channels == 4:
        images, channels = _over_white(writer, images), 3
    plan = resize_plan(shape[:2], preprocessing)
    resized = _resize(writer, images, shape[:2], plan, preprocessing.resize)
    if preprocessing.channels == 1:
        planes = _to_grey(writer, resized) if channels == 3 else resized
        planes = writer.add("Sub", planes, np.float32(preprocessing.mean[0]).reshape(1))
        return writer.add("Div", planes, np.float32(preprocessing.std[0]).reshape(1))
    deep = _scale(writer, resized, channels, preprocessing, white=1)
    levels = writer.add("Floor", writer.add("Add", _times(writer, images, 255), _single(0.5)))
    resized = _resize_bytes(writer, levels, shape[:2], preprocessing)
    eight_bits = _scale(writer, resized, channels, preprocessing, white=255)
    return _choose(writer, _is_deeper(writer, images, levels), deep, eight_bits)


def _single(value):
    return np.array([value], dtype=np.float32)


def _times(writer, source, factor):
    return writer.add("Mul", source, _single(factor))


def _to_unit(writer, images, value_range):
    """Map the range to [0, 1] in float64 and clip; a range without width becomes 0."""
    low, high = (np.array([value], dtype=np.float64) for value in value_range)
    shifted = writer.add("Sub", writer.cast(images, np.float64), low)
    if low == high:
        return writer.cast(writer.add("Mul", shifted, np.zeros(1)), np.float32)
    scaled = writer.add("Div", shifted, high - low)
    scaled = writer.add("Min", writer.add("Max", scaled, np.zeros(1)), np.ones(1))
    return writer.cast(scaled, np.float32)


def _over_white(writer, images):
    """Compose transparent pixels over white: colour * alpha + (1 - alpha)."""
    colour = writer.add("Gather", images, np.arange(3), axis=1)
    alpha = writer.add("Gather", images, np.array([3]), axis=1)
    lit = writer.add("Sub", _single(1), alpha)
    return writer.add("Add", writer.add("Mul", colour, alpha), lit)


def _to_grey(writer, images):
    weighted = writer.add("Mul", images, LUMA.reshape(1, 3, 1, 1))
    red, green, blue = (writer.add("Gather", weighted, np.array([i]), axis=1) for i in range(3))
    return writer.add("Add", writer.add("Add", red, green), blue)


def _resize(writer, images, shape, plan, method):
    """Two matrix products: rows, then columns."""
    size, (top, left, height, width) = plan
    rows = resize_matrix(shape[0], size[0], method, top, top + height)
    columns = resize_matrix(shape[1], size[1], method, left, left + width)
    return writer.add("MatMul", writer.add("MatMul", rows, images), columns.T)


def _resize_bytes(writer, levels, shape, preprocessing):
    """As Pillow does it with bytes: along one axis, rounded, then along the other, rounded.

    Which axis is the first depends on the sizes and on Pillow's release: it is asked.
    """
    rows, columns = _pillow_matrices(shape, preprocessing)
    noise = np.random.default_rng(0).integers(0, 256, (*shape, 1), dtype=np.uint8)
    expected = _pillow_resized(noise, preprocessing)[..., 0]
    low = np.clip(_round(noise[..., 0] @ columns.T), 0, 255)
    columns_first = np.array_equal(np.clip(_round(rows @ low), 0, 255), expected)
    levels = writer.cast(levels, np.float64)
    for along_columns in (columns_first, not columns_first):
        pair = (levels, columns.T) if along_columns else (rows, levels)
        levels = _to_levels(writer, writer.add("MatMul", *pair))
    return writer.cast(levels, np.float32)


def _pillow_matrices(shape, preprocessing):
    """The matrices of the rows and of the columns, cut to what the network sees."""
    size, box = resize_plan(shape, preprocessing)
    whole = max(math.prod(size), math.prod(shape)) <= RESIZED_WHOLE
    matrices = []
    for old, new, first, length in zip(shape, size, box[:2], box[2:], strict=True):
        if whole:
            matrix = pillow_matrix(old, new, preprocessing.resize)[first : first + length]
        else:
            step = old / new
            part = first * step, min((first + length) * step, old)
            matrix = pillow_matrix(old, length, preprocessing.resize, *part)
        matrices.append(matrix)
    return matrices


def _round(sums):
    """Sums of levels and whole weights, rounded to levels."""
    return np.floor((sums + 2.0 ** (_PILLOW_BITS - 1)) / 2.0**_PILLOW_BITS)


def _to_levels(writer, sums):
    """`_round` and the limits of a byte, as nodes."""
    half, one = 2.0 ** (_PILLOW_BITS - 1), 2.0**_PILLOW_BITS
    shares = writer.add("Div", writer.add("Add", sums, np.array([half])), np.array([one]))
    rounded = writer.add("Max", writer.add("Floor", shares), np.zeros(1))
    return writer.add("Min", rounded, np.array([255.0]))


def pillow_matrix(n_in, n_out, method, first=0.0, last=None):
    """The whole numbers by which Pillow multiplies the bytes along one axis.

    They are the weights of `resize_matrix`, times 2 ** 22 and rounded away from zero at one half;
    the filter begins and ends at whole pixels, and the part from `first` to `last` is resized.

    Parameters
    ----------
    n_in, n_out : int
        Lengths of the axis before and after.
    method : {"bilinear", "bicubic"}
    first, last : float
        In pixels, rounded to float32 as Pillow does; None: the end.

    Returns
    -------
    weights : ndarray of shape (n_out, n_in), float64
        Whole numbers.
    """
    first, last = (float(np.float32(n_in if edge is None else edge)) for edge in (first, last))
    scale = (last - first) / n_out
    stretch = max(scale, 1.0)
    centres = first + (np.arange(n_out)[:, None] + 0.5) * scale
    reach = _SUPPORT[method] * stretch
    pixels = np.arange(n_in)
    begin = np.maximum(np.trunc(centres - reach + 0.5), 0)
    end = np.minimum(np.trunc(centres + reach + 0.5), n_in)
    distances = np.abs(pixels - centres + 0.5) / stretch
    weights = _FILTER[method](distances) * ((pixels >= begin) & (pixels < end))
    weights /= weights.sum(axis=1, keepdims=True)
    scaled = weights * 2.0**_PILLOW_BITS
    return np.trunc(scaled + np.copysign(0.5, scaled))


def _is_deeper(writer, images, levels):
    """1 for each image with more than 8 bits, else 0: (n, 1, 1, 1)."""
    off = writer.add("Abs", writer.add("Sub", writer.add("Div", levels, _single(255)), images))
    return writer.add("Sign", writer.add("GlobalMaxPool", _joined(writer, off)))


def _joined(writer, images):
    return writer.add("Reshape", images, np.array([0, 1, 1, -1]))


def _choose(writer, share, first, second):
    """`first` where the share is 1, `second` where it is 0."""
    other = writer.add("Sub", _single(1), share)
    return writer.add("Add", writer.add("Mul", first, share), writer.add("Mul", second, other))


def _scale(writer, planes, channels, preprocessing, *, white):
    """The channels in their order, and (value / white - mean) / std of each."""
    order = [0, 1, 2] if preprocessing.channel_order == "rgb" else [2, 1, 0]
    planes = writer.add("Gather", planes, np.array(order if channels == 3 else [0] * 3), axis=1)
    mean, std = (
        np.array(values).reshape(1, 3, 1, 1) for values in (preprocessing.mean, preprocessing.std)
    )
    planes = writer.add("Mul", planes, (1 / (white * std)).astype(np.float32))
    return writer.add("Sub", planes, (mean / std).astype(np.float32))
