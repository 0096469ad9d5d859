"""Antialiased resizing as two small matrix products."""

from functools import lru_cache

import numpy as np

# Half the width of each filter, in pixels of the coarser image.
_SUPPORT = {"bilinear": 1.0, "bicubic": 2.0}


def _triangle(distances):
    return np.maximum(0.0, 1.0 - distances)


def _cubic(distances):
    """Keys' cubic convolution with a = -1/2, which is 1 at 0 and 0 at 1 and 2."""
    a = -0.5
    near = ((a + 2) * distances - (a + 3)) * distances**2 + 1
    far = a * (((distances - 5) * distances + 8) * distances - 4)
    return np.where(distances < 1, near, np.where(distances < 2, far, 0.0))


_FILTER = {"bilinear": _triangle, "bicubic": _cubic}


@lru_cache(maxsize=64)
def resize_matrix(n_in, n_out, method="bilinear", start=0, stop=None):
    r"""Weights of a resize along one axis, antialiased when it shrinks.

    Output pixel :math:`i` is centred at :math:`c_i = (i + 1/2)\, s` with :math:`s = n_{in} /
    n_{out}`. It averages the input pixels, centred at :math:`j + 1/2`, with a filter :math:`f` that
    is measured in input pixels when enlarging and in output pixels when shrinking:

    .. math:: w_{ij} \propto f\bigl(|j + 1/2 - c_i| / \max(s, 1)\bigr),
              \qquad \sum_j w_{ij} = 1.

    Bilinear is the triangle :math:`f(x) = \max(0, 1 - x)`, bicubic the cubic convolution of Keys
    [1]_ with :math:`a = -1/2`. Pillow computes the same. Rows near the border lose the part of
    the filter that lies outside and are scaled up again, so a constant image stays constant.

    Parameters
    ----------
    n_in, n_out : int
        Lengths of the axis before and after, at least 1.
    method : {"bilinear", "bicubic"}, default="bilinear"
    start, stop : int
        The output pixels from `start` to before `stop` (None: all) are computed.

    Returns
    -------
    weights : ndarray of shape (stop - start, n_in), float32, read-only

    References
    ----------
    .. [1] R. G. Keys, "Cubic convolution interpolation for digital image processing", IEEE
       Transactions on Acoustics, Speech, and Signal Processing 29, 1981,
       https://doi.org/10.1109/TASSP.1981.1163711
    """
    scale = n_in / n_out
    centres = (np.arange(start, n_out if stop is None else stop) + 0.5) * scale
    distances = np.abs(np.arange(n_in) + 0.5 - centres[:, None])
    weights = _FILTER[method](distances / max(scale, 1.0))
    weights /= weights.sum(axis=1, keepdims=True)
    weights = weights.astype(np.float32)
    weights.setflags(write=False)
    return weights


def resize_images(images, *, size, method="bilinear", box=None):
    """Resize a batch of images of one size, channels last, and cut out a part.

    Every image is multiplied by the two matrices separately, so the result does not depend on the
    other images of the batch, to the bit. Only the pixels that the part needs are read.

    Parameters
    ----------
    images : ndarray of shape (n, h, w, c), float32
    size : (int, int)
        Height and width of the whole result.
    method : {"bilinear", "bicubic"}, default="bilinear"
    box : (int, int, int, int) or None, default=None
        Top, left, height and width of the part of the result that is computed; None: all.

    Returns
    -------
    resized : ndarray of shape (n, H, W, c), float32
        In memory the channels precede the rows, as networks need them.
    """
    top, left, height, width = (0, 0, *size) if box is None else box
    rows, first_row, last_row = _part(images.shape[1], size[0], method, top, height)
    columns, first, last = _part(images.shape[2], size[1], method, left, width)
    images = images[:, first_row:last_row, first:last]
    n, h, w, c = images.shape
    # The height goes first, with the channels in place: a large photograph is read
    # once, in its own order, and only the low image is rearranged.
    low = np.matmul(rows, images.reshape(n, h, w * c)).reshape(n, height, w, c)
    planes = np.ascontiguousarray(np.moveaxis(low, -1, 1))
    return np.moveaxis(np.matmul(planes, columns.T), 1, -1)


def _part(n_in, n_out, method, start, length):
    """Some rows of a resize matrix, without the columns that are zero, and which those are."""
    weights = resize_matrix(n_in, n_out, method, start, start + length)
    if length == n_out:
        return weights, 0, n_in
    (used,) = np.nonzero(weights.any(axis=0))
    first, last = int(used[0]), int(used[-1]) + 1
    return np.ascontiguousarray(weights[:, first:last]), first, last
