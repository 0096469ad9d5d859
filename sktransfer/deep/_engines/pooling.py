"""From the activations of a stage to one row of features an image."""

import math

import numpy as np


def pool(activations, pooling, *, mask=None):
    """Reduce arrays or tensors (n, c, h, w) or (n, t, c) to (n, c); None flattens, in this order.

    A vector is not changed. `mask` (n, t) marks the tokens of sequences that count; a sequence
    without any becomes zeros. A number as `pooling` keeps sequences, padded to this number of
    tokens: one more channel is 1 for a token and 0 for the padding.
    """
    n = len(activations)
    if isinstance(pooling, int):
        padded = np.zeros((n, pooling, activations.shape[2] + 1), dtype=np.float32)
        padded[:, : activations.shape[1], :-1] = activations
        padded[:, : activations.shape[1], -1] = 1
        return padded.reshape(n, -1)
    if pooling is None or activations.ndim == 2:
        return activations.reshape(n, math.prod(activations.shape[1:]))
    if mask is not None and activations.ndim == 3:
        masked = _pool_masked if isinstance(activations, np.ndarray) else _average_masked
        return masked(activations, pooling, mask)
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
    mask = np.asarray(mask, dtype=bool)
    rows = [tokens[kept] for tokens, kept in zip(activations, mask, strict=True)]
    reduce = np.mean if pooling == "avg" else np.max
    zeros = np.zeros(activations.shape[2], activations.dtype)
    return np.stack([reduce(row, axis=0) if len(row) else zeros for row in rows])


def _average_masked(activations, pooling, mask):
    """The average over the tokens of tensors, with gradients."""
    mask = mask.unsqueeze(2)
    return (activations * mask).sum(dim=1) / mask.sum(dim=1).clamp(min=1)


def n_features(shape, pooling):
    """Return how many features `pool` makes of one item with activations of this shape."""
    if isinstance(pooling, int):
        return pooling * (shape[1] + 1)
    if pooling is None:
        return math.prod(shape)
    return shape[1] if len(shape) == 2 else shape[0]
