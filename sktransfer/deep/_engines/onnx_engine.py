"""Inference with ONNX Runtime: no more of the network than the wanted stage needs."""

import os
from functools import cached_property, partial

import numpy as np

from sktransfer._messages import cause, shown
from sktransfer.deep._networks.onnx.cut import cut_graph, free_batch
from sktransfer.deep._networks.onnx.describe import find_turned
from sktransfer.deep._networks.onnx.on_device import pool_outputs, take_bytes
from sktransfer.deep._networks.onnx.run import find_device, make_session
from sktransfer.deep._networks.recent import Recent
from sktransfer.deep._threads import n_threads

SESSIONS = Recent(16)


class OnnxEngine:
    """Compute the activations of one stage of a backbone, or of a tuple of stages in one pass.

    Sessions are shared by all engines of a process, so that clones and grid searches load a network
    once. An image gives the same features alone as in a batch.
    """

    ahead, pools = 0, False

    def __init__(self, backbone, stage, *, n_jobs=None, device="auto"):
        device = find_device(device)
        self.key = f"onnx-{device}"
        # On the CPU NumPy pools, as it always did; from a GPU maps are slow to bring back.
        self.pools = device == "cuda"
        self._of = f"backbone={shown(backbone.name)}, stage={shown(stage)}"
        self._is_single = isinstance(stage, str)
        self._open = partial(_get_session, backbone, stage, n_threads(n_jobs), device)
        if not self.pools:
            self._open()  # raise at once if an operator cannot be run

    @cached_property
    def _session(self):
        return self._open()

    def run(self, batch, pooling=None):
        """Compute activations (n, *shape), float32, of a batch as `Items.batches` yields it.

        A dict holds an array for each input of the graph. Bytes are scaled as by `scale_bytes`. Of
        several stages there is a list. With `pooling`, "avg" or "max", the features of each
        channel, (n, c), which differ from those that NumPy pools by rounding.
        """
        as_bytes = not isinstance(batch, dict) and batch.dtype == np.uint8
        if pooling is None and not as_bytes:
            session = self._session
        else:
            session = self._open(pooling=pooling, as_bytes=as_bytes)
        found = self._run_parts(session, batch)
        return found[0] if self._is_single else found

    def _rows_at_once(self, session):
        """The number of images that run at once; None: any."""
        n_images = session.get_inputs()[0].shape[0]
        return n_images if isinstance(n_images, int) else None

    def _run_parts(self, session, batch):
        step = self._rows_at_once(session)
        if step is None or isinstance(batch, dict):
            return self._compute(session, batch)
        parts = []
        for start in range(0, len(batch), step):  # the graph insists on a number of images
            part = batch[start : start + step]
            padding = np.zeros((step - len(part), *batch.shape[1:]), dtype=batch.dtype)
            whole = np.concatenate([part, padding]) if len(padding) else part
            parts.append([found[: len(part)] for found in self._compute(session, whole)])
        return [np.concatenate(found) for found in zip(*parts, strict=True)]

    def _compute(self, session, batch):
        feed = batch if isinstance(batch, dict) else {session.get_inputs()[0].name: batch}
        try:
            results = session.run(None, feed)
        except Exception as error:  # ONNX Runtime has a class for each kind of failure
            raise ValueError(
                f"{self._of} cannot be run on inputs of shape "
                f"{', '.join(str(array.shape) for array in feed.values())} ({cause(error)}): "
                "take a smaller batch_size, or check the file."
            ) from error
        return [result.astype(np.float32, copy=False) for result in results]


def _get_session(backbone, stage, threads, device, *, pooling=None, as_bytes=False):
    """Make a session, or find the one that this process has made before."""
    # A thread pool does not survive a fork: a child process makes its own session.
    about = backbone.preprocessing if as_bytes else None
    key = (backbone.fingerprint, stage, threads, device, pooling, about, os.getpid())
    make = partial(_make_session, backbone, stage, threads, device, pooling, as_bytes)
    return SESSIONS.get(key, make)


def _make_session(backbone, stage, threads, device, pooling, as_bytes):
    """A session that takes any number of images, if that gives the very same bits as one by one."""
    stages = (stage,) if isinstance(stage, str) else stage
    part = cut_graph(backbone.weights(), stage, turned=find_turned(backbone, stages))
    if pooling is not None:
        part = pool_outputs(part, pooling, [len(backbone.locate(each).shape) for each in stages])
    if as_bytes:
        part = take_bytes(part, backbone.preprocessing)
    try:
        session = make_session(part, threads, device)
    except ValueError:  # the device cannot be used
        raise
    except Exception as error:  # ONNX Runtime has a class for each kind of failure
        raise ValueError(
            f"backbone={shown(backbone.name)} cannot be run up to stage={shown(stage)} "
            f"({cause(error)}): check the file."
        ) from error
    image = session.get_inputs()[0]
    if not isinstance(image.shape[0], int) or len(session.get_inputs()) > 1:
        return session
    size, channels = backbone.preprocessing.size, backbone.preprocessing.channels
    shape, rng = (2 * image.shape[0], channels, *size), np.random.default_rng(0)
    if as_bytes:
        images = rng.integers(0, 256, shape, dtype=np.uint8)
    else:
        images = rng.normal(size=shape).astype(np.float32)
    try:
        together = make_session(free_batch(part), threads, device)
        found = together.run(None, {image.name: images})
    except Exception:  # a failure is an answer here: the graph counts on its number of images
        return session
    halves = np.split(images, 2)
    expected = zip(*[session.run(None, {image.name: half}) for half in halves], strict=True)
    same = map(np.array_equal, found, map(np.concatenate, expected))
    return together if all(same) else session
