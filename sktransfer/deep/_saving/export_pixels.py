"""From a user's pixels to the input of a network, as nodes of an ONNX graph."""

import math

import numpy as np
import PIL

from sktransfer._kernels.resize import resize_matrix
from sktransfer._kernels.warp import LUMA
from sktransfer.deep._images.network_input import RESIZED_WHOLE, resize_plan

# ONNX's Resize knows antialiasing from this version on; images of any size need it.
RESIZE_OPSET = 18

# The axes of images (n, c, h, w), in the order in which Pillow resizes most of them. From this
# version on it begins with the rows if the height shrinks more than twice as much as the width.
_COLUMNS, _ROWS = 3, 2
_ROWS_FIRST = 13


def write_preprocessing(writer, source, *, shape, value_range, preprocessing):
    """Write all that happens to images before the network sees them; return the name of its input.

    It repeats `ImageFormat.to_unit` and `network_input`. Images of 8 bits for a network for color
    are rounded to 8 bits along each axis, as Pillow rounds them. Pillow's weights are whole
    numbers, so a pixel may be one gray level off.

    `source` are images (n, ...), float32, channels last, of height, width and channels as in
    `shape`; 4 channels are color and alpha. Without a `shape` they have 1 or 3 channels, and any
    height and width, and the columns come first always. In images that lose much more height than
    width, a pixel at a sharp edge may be off by more levels. This happens only if the interpolation
    is bicubic.
    """
    if shape is None:
        resizing = _AnySize(writer, source, preprocessing)
        images, channels = source, 3
    else:
        resizing = _OneSize(writer, shape[:2], preprocessing)
        images, channels = writer.add("Reshape", source, np.array([0, *shape])), shape[2]
    images = _to_unit(writer, writer.add("Transpose", images, perm=[0, 3, 1, 2]), value_range)
    if shape is None:  # grey becomes three equal channels
        images = writer.add("Mul", images, np.ones((1, 3, 1, 1), dtype=np.float32))
    if channels == 4:
        images, channels = _over_white(writer, images), 3
    resized = resizing.along(resizing.along(images, _COLUMNS), _ROWS)
    if preprocessing.channels == 1:
        planes = _to_grey(writer, resized) if channels == 3 else resized
        planes = writer.add("Sub", planes, np.float32(preprocessing.mean[0]).reshape(1))
        return writer.add("Div", planes, np.float32(preprocessing.std[0]).reshape(1))
    deep = _scale(writer, resized, channels, preprocessing, white=1)
    resized = levels = _to_levels(writer, writer.add("Mul", images, _single(255)))
    for axis in resizing.axes:
        resized = _to_levels(writer, resizing.along(resized, axis))
    eight_bits = _scale(writer, resized, channels, preprocessing, white=255)
    return _choose(writer, _is_deeper(writer, images, levels), deep, eight_bits)


def _single(value):
    return np.array([value], dtype=np.float32)


def _to_levels(writer, values):
    """Round to the whole numbers from 0 to 255."""
    rounded = writer.add("Floor", writer.add("Add", values, _single(0.5)))
    return writer.add("Min", writer.add("Max", rounded, _single(0)), _single(255))


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
    """Compose transparent pixels over white: color * alpha + (1 - alpha)."""
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
        self._writer, method = writer, preprocessing.resize
        size, (top, left, height, width) = resize_plan(shape, preprocessing)
        self._rows = resize_matrix(shape[0], size[0], method, top, top + height)
        self._columns = resize_matrix(shape[1], size[1], method, left, left + width)
        if math.prod(shape) > RESIZED_WHOLE or math.prod(size) > RESIZED_WHOLE:
            size = height, width
        lost, lost_columns = (old - new for old, new in zip(shape, size, strict=True))
        self.axes = _COLUMNS, _ROWS
        if int(PIL.__version__.partition(".")[0]) >= _ROWS_FIRST and lost > max(
            0, 2 * lost_columns
        ):
            self.axes = _ROWS, _COLUMNS

    def along(self, images, axis):
        """Resize images (n, c, h, w) along one axis, and cut out the middle."""
        pair = (images, self._columns.T) if axis == _COLUMNS else (self._rows, images)
        return self._writer.add("MatMul", *pair)


class _AnySize:
    """The resizing of images whose height and width are known when the graph runs."""

    axes = _COLUMNS, _ROWS

    def __init__(self, writer, source, preprocessing):
        self._writer = writer
        shape = writer.add("Shape", source)
        sides = [writer.add("Gather", shape, np.array([place]), axis=0) for place in (1, 2)]
        sizes = _write_sizes(writer, *sides, preprocessing)
        self._size = dict(zip((_ROWS, _COLUMNS), sizes, strict=True))
        self._middle = {
            axis: _write_middle(writer, n_out, length)
            for (axis, n_out), length in zip(self._size.items(), preprocessing.size, strict=True)
        }
        mode = {"bilinear": "linear", "bicubic": "cubic"}[preprocessing.resize]
        self._options = {"mode": mode, "cubic_coeff_a": -0.5, "antialias": 1, "exclude_outside": 1}

    def along(self, images, axis):
        """Resize images (n, c, h, w) along one axis, and cut out the middle."""
        writer, size = self._writer, self._size[axis]
        resized = writer.add("Resize", images, "", "", size, axes=[axis], **self._options)
        return writer.add("Slice", resized, *self._middle[axis], np.array([axis]))


def _write_sizes(writer, height, width, preprocessing):
    """The size that an image gets before the middle is cut out, as in `resize_plan`: int64."""
    if preprocessing.crop is None:
        return [writer.constant(np.array([side])) for side in preprocessing.size]
    least = [np.array([round(side / preprocessing.crop)]) for side in preprocessing.size]
    # If least_h * w < least_w * h, the width is the side that just covers.
    upright = writer.add(
        "Less", writer.add("Mul", width, least[0]), writer.add("Mul", height, least[1])
    )
    scaled_h = writer.add("Div", writer.add("Mul", height, least[1]), width)
    scaled_w = writer.add("Div", writer.add("Mul", width, least[0]), height)
    return [
        writer.add("Where", upright, scaled_h, least[0]),
        writer.add("Where", upright, least[1], scaled_w),
    ]


def _write_middle(writer, n_out, length):
    """The first place of the middle, and the place after its last: int64.

    The middle begins at half of the excess, which Python rounds to an even number.
    """
    excess, two = writer.add("Sub", n_out, np.array([length])), np.array([2])
    half = writer.add("Div", excess, two)
    rest = writer.add("Sub", excess, writer.add("Mul", half, two))
    odd = writer.add("Sub", half, writer.add("Mul", writer.add("Div", half, two), two))
    first = writer.add("Add", half, writer.add("Mul", rest, odd))
    return first, writer.add("Add", first, np.array([length]))


def _is_deeper(writer, images, levels):
    """1 for each image with more than 8 bits, else 0: (n, 1, 1, 1)."""
    off = writer.add("Abs", writer.add("Sub", writer.add("Div", levels, _single(255)), images))
    channels = writer.add("Transpose", writer.add("GlobalMaxPool", off), perm=[0, 2, 1, 3])
    return writer.add("Sign", writer.add("GlobalMaxPool", channels))


def _choose(writer, share, first, second):
    """Return `first` if the share is 1, `second` if it is 0."""
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
