"""Inference with ONNX Runtime: no more of the network than the wanted stage needs."""

import os

import numpy as np

from sktransfer._messages import cause, shown
from sktransfer.deep._networks.onnx.cut import cut_graph, free_batch
from sktransfer.deep._networks.onnx.describe import find_turned
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
        self._of = f"backbone={shown(backbone.name)}, stage={shown(stage)}"
        self._is_single = isinstance(stage, str)
        self._session = _get_session(backbone, stage, n_threads(n_jobs), device)
        image = self._session.get_inputs()[0]
        self._input = image.name
        self._batch = image.shape[0] if isinstance(image.shape[0], int) else None

    def run(self, batch):
        """Compute activations (n, *shape), float32, of a batch as `Items.batches` yields it.

        A dict holds an array for each input of the graph. Of several stages there is a list.
        """
        found = self._run_parts(batch)
        return found[0] if self._is_single else found

    def _run_parts(self, batch):
        if self._batch is None or isinstance(batch, dict):
            return self._compute(batch)
        parts = []
        for start in range(0, len(batch), self._batch):  # the graph insists on a number of images
            part = batch[start : start + self._batch]
            padding = np.zeros((self._batch - len(part), *batch.shape[1:]), dtype=batch.dtype)
            whole = np.concatenate([part, padding]) if len(padding) else part
            parts.append([found[: len(part)] for found in self._compute(whole)])
        return [np.concatenate(found) for found in zip(*parts, strict=True)]

    def _compute(self, batch):
        feed = batch if isinstance(batch, dict) else {self._input: batch}
        try:
            results = self._session.run(None, feed)
        except Exception as error:  # ONNX Runtime has a class for each kind of failure
            raise ValueError(
                f"{self._of} cannot be run on inputs of shape "
                f"{', '.join(str(array.shape) for array in feed.values())} ({cause(error)}): "
                "take a smaller batch_size, or check the file."
            ) from error
        return [result.astype(np.float32, copy=False) for result in results]


def _get_session(backbone, stage, threads, device):
    """Make a session, or find the one that this process has made before."""
    # A thread pool does not survive a fork: a child process makes its own session.
    key = (backbone.fingerprint, stage, threads, device, os.getpid())
    return SESSIONS.get(key, lambda: _make_session(backbone, stage, threads, device))


def _make_session(backbone, stage, threads, device):
    """A session that takes any number of images, if that gives the very same bits as one by one."""
    turned = find_turned(backbone, (stage,) if isinstance(stage, str) else stage)
    part = cut_graph(backbone.weights(), stage, turned=turned)
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
    images = np.random.default_rng(0).normal(size=(2 * image.shape[0], channels, *size))
    images = images.astype(np.float32)
    try:
        together = make_session(free_batch(part), threads, device)
        found = together.run(None, {image.name: images})
    except Exception:  # a failure is an answer here: the graph counts on its number of images
        return session
    halves = np.split(images, 2)
    expected = zip(*[session.run(None, {image.name: half}) for half in halves], strict=True)
    same = map(np.array_equal, found, map(np.concatenate, expected))
    return together if all(same) else session
