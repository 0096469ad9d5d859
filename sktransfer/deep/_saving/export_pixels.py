"""From a user's pixels to the input of a network, as nodes of an ONNX graph."""

import numpy as np

from sktransfer._kernels.resize import resize_matrix
from sktransfer.deep._images.network_input import LUMA, resize_plan
from sktransfer.deep._saving.any_size import AnySize
from sktransfer.deep._saving.pillow_resize import (
    pillow_matrices,
    takes_columns_first,
    write_passes,
)


def write_preprocessing(writer, source, *, shape, value_range, preprocessing):
    """Write all that happens to images before the network sees them.

    It is what `ImageFormat.to_unit` and `network_input` do, the rounding to 8 bits included where
    the images have no more.

    Parameters
    ----------
    writer : GraphWriter
    source : str
        The tensor (n, ...) of the images, float32, channels last.
    shape : (int, int, int) or None
        Height, width and channels of an image; 4 channels are colour and alpha. None: they have 1
        or 3 channels, and any height and width, all images of one call the same.
    value_range : (float, float)
        Black and white.
    preprocessing : Preprocessing

    Returns
    -------
    name : str
        Of the input of the network, (n, channels, H, W), float32.
    """
    if shape is None:
        resizing = AnySize(writer, source, preprocessing)
        images, channels = source, 3
    else:
        resizing = _OneSize(writer, shape[:2], preprocessing)
        images, channels = writer.add("Reshape", source, np.array([0, *shape])), shape[2]
    images = _to_unit(writer, writer.add("Transpose", images, perm=[0, 3, 1, 2]), value_range)
    if shape is None:  # grey becomes three equal channels
        images = writer.add("Mul", images, np.ones((1, 3, 1, 1), dtype=np.float32))
    if channels == 4:
        images, channels = _over_white(writer, images), 3
    resized = resizing.resize(images)
    if preprocessing.channels == 1:
        planes = _to_grey(writer, resized) if channels == 3 else resized
        planes = writer.add("Sub", planes, np.float32(preprocessing.mean[0]).reshape(1))
        return writer.add("Div", planes, np.float32(preprocessing.std[0]).reshape(1))
    deep = _scale(writer, resized, channels, preprocessing, white=1)
    levels = writer.add("Floor", writer.add("Add", _times(writer, images, 255), _single(0.5)))
    resized = resizing.resize_levels(levels)
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


class _OneSize:
    """The resizing of images of one height and width, as matrix products with constants."""

    def __init__(self, writer, shape, preprocessing):
        self._writer, self._shape, self._preprocessing = writer, shape, preprocessing

    def resize(self, images):
        """In floating point: rows, then columns."""
        size, (top, left, height, width) = resize_plan(self._shape, self._preprocessing)
        method, writer = self._preprocessing.resize, self._writer
        rows = resize_matrix(self._shape[0], size[0], method, top, top + height)
        columns = resize_matrix(self._shape[1], size[1], method, left, left + width)
        return writer.add("MatMul", writer.add("MatMul", rows, images), columns.T)

    def resize_levels(self, levels):
        """As Pillow does it with bytes: along one axis, rounded, then along the other, rounded."""
        rows, columns = pillow_matrices(self._shape, self._preprocessing)
        columns_first = takes_columns_first(self._shape, self._preprocessing)
        levels = self._writer.cast(levels, np.float64)
        passes = write_passes(self._writer, levels, rows, columns.T, columns_first=columns_first)
        return self._writer.cast(passes, np.float32)


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
