"""From the activations of a stage to one row of features an image."""

import math

import numpy as np


def pool(activations, pooling, *, mask=None):
    """Reduce arrays or tensors (n, c, h, w) or (n, t, c) to (n, c); None flattens, in this order.

    A vector stays as it is. `mask` (n, t) tells which tokens of sequences in NumPy count; a
    sequence without any becomes zeros.
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
    """Return how many features `pool` makes of one item with activations of this shape."""
    if pooling is None:
        return math.prod(shape)
    return shape[1] if len(shape) == 2 else shape[0]
