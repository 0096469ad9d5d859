"""From the activations of a stage to one row of features an image."""

import math

import numpy as np


def pool(activations, pooling, *, mask=None):
    """Reduce activations over their positions.

    Parameters
    ----------
    activations : ndarray or torch.Tensor of shape (n, c, h, w), (n, t, c) or (n, c)
        Feature maps, sequences of t tokens, or vectors.
    pooling : {"avg", "max"} or None
        The average or the maximum of each channel over the positions of a map or over the tokens;
        None flattens, a map channel by channel and row by row. A vector stays as it is.
    mask : ndarray of shape (n, t) or None, default=None
        True or 1 for the tokens that count. A sequence without any becomes zeros. It applies to
        sequences in NumPy.

    Returns
    -------
    features : ndarray or torch.Tensor of shape (n, c), or (n, c h w) or (n, t c) for None
    """
    n = len(activations)
    if pooling is None or activations.ndim == 2:
        return activations.reshape(n, math.prod(activations.shape[1:]))
    if mask is not None and activations.ndim == 3:
        return _pool_masked(activations, pooling, np.asarray(mask, dtype=bool))
    if activations.ndim == 3:
        axis, positions = 1, activations
    else:
        axis = 2
        positions = activations.reshape(*activations.shape[:2], math.prod(activations.shape[2:]))
    if isinstance(positions, np.ndarray):
        return positions.mean(axis=axis) if pooling == "avg" else positions.max(axis=axis)
    return positions.mean(dim=axis) if pooling == "avg" else positions.amax(dim=axis)


def _pool_masked(activations, pooling, mask):
    """Pool the tokens of each row that are no padding: the same bits whatever the padding."""
    rows = [tokens[kept] for tokens, kept in zip(activations, mask, strict=True)]
    reduce = np.mean if pooling == "avg" else np.max
    zeros = np.zeros(activations.shape[2], activations.dtype)
    return np.stack([reduce(row, axis=0) if len(row) else zeros for row in rows])


def n_features(shape, pooling):
    """Return how many features `pool` makes of one image.

    Parameters
    ----------
    shape : (c, h, w), (t, c) or (c,)
        The shape of the activations of one image.
    pooling : {"avg", "max"} or None

    Returns
    -------
    n_features : int
    """
    if pooling is None:
        return math.prod(shape)
    return shape[1] if len(shape) == 2 else shape[0]
