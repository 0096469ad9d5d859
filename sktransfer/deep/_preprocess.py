"""From the user's X to the batches that a network takes."""

import numpy as np
from sklearn.utils import gen_batches

from sktransfer._kernels.resize import resize_images

# ITU-R BT.601, the weights of Pillow's mode "L".
LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)

# How many values of pixels are scaled and resized in one go.
VALUES_AT_ONCE = 2**21


def n_images(X):
    """Return the number of images in validated X."""
    return len(X)


def image_batches(X, *, image_format, preprocessing, batch_size):
    """Read images and make them the input of a network, batch by batch.

    Only one batch is in memory at a time, and of decoded files or large images only one.

    Parameters
    ----------
    X : ndarray of 2, 3 or 4 dimensions, or list
        What `validate_images` returned.
    image_format : ImageFormat
        How its pixels are read.
    preprocessing : Preprocessing
        What the network wants.
    batch_size : int
        The number of images in a batch; the last one may have fewer.

    Yields
    ------
    batch : ndarray of shape (b, channels, h, w), float32
        C-contiguous. An image gives the same bits in any batch.
    """
    for rows in gen_batches(n_images(X), batch_size):
        yield _join(_network_inputs(X[rows], rows.start, image_format, preprocessing))


def _network_inputs(X, start, image_format, preprocessing):
    """Small images go together, files and large images one by one."""
    step = len(X) if isinstance(X, list) else max(1, VALUES_AT_ONCE // X[0].size)
    for rows in gen_batches(len(X), step):
        images = image_format.read(X[rows], start=start + rows.start)
        if isinstance(images, np.ndarray):
            yield network_input(images, preprocessing)
        else:
            yield from (network_input(image[np.newaxis], preprocessing) for image in images)


def _join(parts):
    parts = list(parts)
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def network_input(images, preprocessing):
    """Make images of one size the input of a network.

    Parameters
    ----------
    images : ndarray of shape (n, h, w, c), float32 in [0, 1], c in 1, 3
    preprocessing : Preprocessing

    Returns
    -------
    batch : ndarray of shape (n, channels, H, W), float32
    """
    batch = to_channels(resize_images(images, size=preprocessing.size), preprocessing.channels)
    batch -= np.asarray(preprocessing.mean, dtype=np.float32)[:, None, None]
    batch /= np.asarray(preprocessing.std, dtype=np.float32)[:, None, None]
    return batch


def to_channels(images, channels):
    """Convert between grey and colour, and put the channels first.

    Parameters
    ----------
    images : ndarray of shape (n, h, w, c), float32, c in 1, 3
    channels : {1, 3}
        Colour becomes grey by luma, 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601); grey becomes
        three equal channels.

    Returns
    -------
    planes : ndarray of shape (n, channels, h, w), float32, C-contiguous
    """
    planes = np.moveaxis(images, -1, 1)
    if planes.shape[1] == 3 and channels == 1:
        red, green, blue = (planes[:, i : i + 1] * LUMA[i] for i in range(3))
        planes = red + green + blue
    elif planes.shape[1] == 1 and channels == 3:
        planes = np.repeat(planes, 3, axis=1)
    return np.ascontiguousarray(planes)
