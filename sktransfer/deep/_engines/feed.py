"""How a batch reaches the device of torch, and how results come back. It imports torch.

A GPU does not wait, because pixels travel while the batch before is computed. They travel as bytes,
a quarter of their size as float32, from pinned memory and on a stream of their own. Results go to
pinned memory.
"""

from functools import partial

import numpy as np
import torch

from sktransfer.deep._images.network_input import scaling


class Feed:
    """The way to a device and back. `preprocessing` is that of pictures that come as bytes."""

    def __init__(self, device, preprocessing=None):
        self._device, self._preprocessing = device, preprocessing
        self._copies = torch.cuda.Stream(device) if device.type == "cuda" else None
        self._scaling = None

    def send(self, batch, n_rows):
        """Return an array as a tensor of `n_rows` rows on the device, padded with its last row.

        Bytes are scaled there, to the bits of `scale_bytes`.
        """
        # Kernels choose their algorithm by the shape, so each batch has the same.
        rows = np.minimum(np.arange(n_rows), len(batch) - 1)
        if self._copies is None:
            return self._scaled(torch.as_tensor(batch[rows]).to(self._device))
        # torch uses pinned memory again after the copy has ended.
        dtype = torch.from_numpy(np.empty(0, batch.dtype)).dtype
        pinned = torch.empty((n_rows, *batch.shape[1:]), dtype=dtype, pin_memory=True)
        np.take(batch, rows, axis=0, out=pinned.numpy(), mode="clip")
        with torch.cuda.stream(self._copies):
            x = pinned.to(self._device, non_blocking=True)
        computes = torch.cuda.current_stream(self._device)
        computes.wait_stream(self._copies)
        x.record_stream(computes)
        return self._scaled(x)

    def fetch(self, x):
        """Begin to copy a tensor to memory; return a function that waits, and returns an array."""
        if self._copies is None:
            return x.cpu().numpy
        pinned = torch.empty(x.shape, dtype=x.dtype, pin_memory=True)
        pinned.copy_(x, non_blocking=True)
        copied = torch.cuda.Event()
        copied.record(torch.cuda.current_stream(self._device))
        return partial(_wait, copied, pinned)

    def _scaled(self, x):
        if x.dtype != torch.uint8 or self._preprocessing is None:
            return x
        if self._scaling is None:
            values = np.stack(scaling(self._preprocessing, 255))[:, :, np.newaxis, np.newaxis]
            self._scaling = torch.as_tensor(values).to(self._device)
        factor, shift = self._scaling
        return x.float().mul_(factor).sub_(shift)


def _wait(copied, pinned):
    copied.synchronize()
    return pinned.numpy()
