"""Bilinear resizing as two small matrix products."""

from functools import lru_cache

import numpy as np


@lru_cache(maxsize=64)
def resize_matrix(n_in, n_out):
    r"""Weights of a bilinear resize along one axis, antialiased when it shrinks.

    Output pixel :math:`i` is centred at :math:`c_i = (i + 1/2)\, s` with :math:`s = n_{in} /
    n_{out}`. It averages the input pixels, centred at :math:`j + 1/2`, with a triangle whose
    half-width is one input pixel when enlarging and one output pixel when shrinking:

    .. math:: w_{ij} \propto \max\bigl(0,\, 1 - |j + 1/2 - c_i| / \max(s, 1)\bigr),
              \qquad \sum_j w_{ij} = 1.

    This is what Pillow's ``BILINEAR`` computes. Rows near the border lose the part of the
    triangle that lies outside and are scaled up again, so a constant image stays constant.

    Parameters
    ----------
    n_in, n_out : int
        Lengths of the axis before and after, at least 1.

    Returns
    -------
    weights : ndarray of shape (n_out, n_in), float32, read-only
    """
    scale = n_in / n_out
    centres = (np.arange(n_out) + 0.5) * scale
    distances = np.abs(np.arange(n_in) + 0.5 - centres[:, None])
    weights = np.maximum(0.0, 1.0 - distances / max(scale, 1.0))
    weights /= weights.sum(axis=1, keepdims=True)
    weights = weights.astype(np.float32)
    weights.setflags(write=False)
    return weights


def resize_images(images, *, size):
    """Resize a batch of images of one size, channels last.

    Every image is multiplied by the two matrices on its own, so the result does not depend on
    which images stand beside it, to the bit.

    Parameters
    ----------
    images : ndarray of shape (n, h, w, c), float32
    size : (int, int)
        Height H and width W of the result.

    Returns
    -------
    resized : ndarray of shape (n, H, W, c), float32
        In memory the channels stand before the rows, as networks want them.
    """
    n, h, w, c = images.shape
    rows, columns = resize_matrix(h, size[0]), resize_matrix(w, size[1])
    # The height goes first, with the channels left where they are: a large photograph is read
    # once, in its own order, and only the low image is rearranged.
    low = np.matmul(rows, images.reshape(n, h, w * c)).reshape(n, size[0], w, c)
    planes = np.ascontiguousarray(np.moveaxis(low, -1, 1))
    return np.moveaxis(np.matmul(planes, columns.T), 1, -1)
