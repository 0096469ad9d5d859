"""Batches of one size from slices of any size, in memory that is used again."""

import numpy as np


def gather(slices, *, batch_size, faults, scale, stop_at_faults=True):
    """Put slices together into batches of one size, with their positions.

    The faults of the slices are added to `faults`. With `stop_at_faults` the first one ends the
    batches; the other slices are still asked for theirs. ``scale(part)`` makes bytes float32, if
    other parts of their batch are.
    """
    positions, parts = [], []
    for part in slices:
        faults += part.faults
        if part.inputs is None or (faults and stop_at_faults):
            continue
        positions += part.positions
        parts.append(part.inputs)
        while len(positions) >= batch_size:
            batch, parts = _split(parts, batch_size, scale)
            yield positions[:batch_size], batch
            positions = positions[batch_size:]
    if positions and not (faults and stop_at_faults):
        yield positions, _split(parts, batch_size, scale)[0]


def _split(parts, n_rows, scale):
    joined = parts[0] if len(parts) == 1 else _joined(parts, scale)
    return joined[:n_rows], [joined[n_rows:]] if len(joined) > n_rows else []


def _joined(parts, scale):
    """Put parts together; those that are all of one array, in its order, are that array."""
    whole = parts[0].base
    of_one = whole is not None and all(part.base is whole for part in parts)
    if of_one and sum(map(len, parts)) == len(whole):
        return whole
    if len({part.dtype for part in parts}) > 1:
        parts = [scale(part) if part.dtype == np.uint8 else part for part in parts]
    return np.concatenate(parts)


class Recycled:
    """Memory of batches that have been used, for those to come.

    The system hands new memory out page by page. Batches of 64 pictures, 224 x 224 bytes in three
    channels, take 1.2 times as long without this class. If the slices of a batch are joined at its
    end, they take 2.0 times as long (one thread, processor time, 256 pictures).
    """

    def __init__(self, dtype):
        self._dtype, self._free = dtype, []

    def take(self, shape):
        """An array of this shape with any values."""
        place = next((i for i, batch in enumerate(self._free) if batch.shape == shape), None)
        return np.empty(shape, self._dtype) if place is None else self._free.pop(place)

    def give(self, batch):
        """Let a batch that `gather` has yielded be written over."""
        whole = batch if batch.base is None else batch.base
        if batch.shape == whole.shape and batch.dtype == self._dtype:
            self._free.append(whole)


def share_memory(rows, batch_size, step, inputs, recycled):
    """Yield the rows of each slice, and its memory: the slices of a batch lie side by side."""
    shape = inputs.channels, *inputs.size
    for start in range(0, len(rows), batch_size):
        part = rows[start : start + batch_size]
        batch = recycled.take((len(part), *shape))
        for begin in range(0, len(part), step):
            yield part[begin : begin + step], batch[begin : begin + step]
