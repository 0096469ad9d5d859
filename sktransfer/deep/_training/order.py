"""The order in which rows are seen. Importing this module imports torch."""

import numpy as np
import torch


def minibatches(n_rows, batch_size, generator):
    """Split the rows 0..n_rows-1 in random order; a single row at the end joins the batch before
    it, because batch-norm has no variance of one row."""
    return _split(torch.randperm(n_rows, generator=generator), batch_size)


def minibatches_of_pairs(y, batch_size, generator):
    """Split the rows, so that those of a class come in twos; else in random order.

    `y` holds class numbers. Of an odd number of rows one, drawn at random, is alone.
    """
    order = torch.randperm(len(y), generator=generator)
    order = order[torch.argsort(y[order], stable=True)]  # by class
    by_class = y[order]
    rank = torch.arange(len(y)) - torch.searchsorted(by_class, by_class)  # within the class
    two = torch.cumsum(rank % 2 == 0, dim=0) - 1
    place = torch.randperm(int(two[-1]) + 1, generator=generator)[two]
    return _split(order[torch.argsort(place, stable=True)], batch_size)


def _split(order, batch_size):
    batches = list(order.split(batch_size))
    if len(batches) > 1 and len(batches[-1]) == 1:
        last = batches.pop()
        batches[-1] = torch.cat([batches[-1], last])
    return batches


class RandomOrder:
    """Row numbers in random order, each once before any comes again.

    The order differs from that of `minibatches` with the same seed.
    """

    def __init__(self, n_rows, seed):
        self._n_rows, self._left = n_rows, torch.empty(0, dtype=torch.int64)
        seed = int(np.random.default_rng([seed, n_rows]).integers(2**62))
        self._generator = torch.Generator().manual_seed(seed)

    def draw(self, n):
        """The next `n` row numbers."""
        while len(self._left) < n:
            order = torch.randperm(self._n_rows, generator=self._generator)
            self._left = torch.cat([self._left, order])
        drawn, self._left = self._left[:n], self._left[n:]
        return drawn

    def state(self):
        """All that later draws depend on, as arrays."""
        generator = self._generator.get_state()
        return {"generator": generator.numpy().copy(), "left": self._left.numpy().copy()}

    def restore(self, state):
        """Go back to a `state`."""
        self._generator.set_state(torch.as_tensor(state["generator"].copy()))
        self._left = torch.as_tensor(state["left"].copy())
