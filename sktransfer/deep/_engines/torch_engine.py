"""The torch engine: the stages of a backbone as torch modules, and how frozen ones are run.

Importing this module imports torch; the rest of the package imports it only when needed.
"""

import hashlib
import os
from contextlib import contextmanager
from dataclasses import replace

import numpy as np

from sktransfer._extras import install_command

try:
    import torch
except ImportError as error:
    raise ImportError(
        "Training a network, running one that is no ONNX file, or one in half precision, needs "
        f"torch, which is not installed; run {install_command('torch')}."
    ) from error

from sktransfer._messages import shown
from sktransfer.deep._engines.feed import Feed
from sktransfer.deep._engines.pooling import pool
from sktransfer.deep._networks.recent import Recent
from sktransfer.deep._networks.torch.stages import build_stages as build_torch_stages

# Rows that go through a frozen network at once. The number is fixed, because a row must get the
# same features alone as in a batch, to the last bit.
_ROWS_AT_ONCE = {"cpu": 8, "mps": 64, "cuda": 256}

# The same for texts: a batch holds texts of one length, which are few.
_TEXTS_AT_ONCE = {"cpu": 1, "mps": 16, "cuda": 32}

SHARED = Recent(4)

# Networks for the next call of predict.
_BUILT = Recent(4)


def choose_device(device):
    """The torch device for `device`; "auto" is the first there is of cuda, mps and cpu.

    Of several CUDA devices a process that a launcher has started has the one of its LOCAL_RANK.
    """
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if device == "auto":
        device = next((name for name, is_there in there.items() if is_there), "cpu")
    local = os.environ.get("LOCAL_RANK", "")
    if device == "cuda" and there["cuda"] and local.isdigit():
        return torch.device("cuda", int(local) % torch.cuda.device_count())
    try:
        chosen = torch.device(device)
    except RuntimeError:
        chosen = None
    if chosen is None or not (chosen.type == "cpu" or there.get(chosen.type, False)):
        names = [name for name, is_there in there.items() if is_there]
        raise ValueError(
            f"device={shown(device)} is not available on this machine; expected one of "
            f"{['auto', *names, 'cpu']}."
        )
    return chosen


@contextmanager
def exact_arithmetic(device):
    """Ask CUDA for deterministic convolutions in full float32, and restore its settings after."""
    if device.type != "cuda":
        yield
        return
    with torch.backends.cudnn.flags(
        enabled=True, benchmark=False, deterministic=True, allow_tf32=False
    ):
        yield


def at_precision(device, precision):
    """Let matrix products and convolutions compute in a precision, and all else as torch chooses.

    Weights stay in float32, and so do operators that need its range, such as normalizations. On the
    network of this package that is closer than weights in half precision, and it works for graphs
    that mix types.
    """
    dtype = getattr(torch, precision)
    return torch.autocast(device.type, dtype, enabled=dtype != torch.float32)


def rows_at_once(device, kind="image"):
    """How many rows go through frozen stages at once on a type of torch device."""
    return (_TEXTS_AT_ONCE if kind == "text" else _ROWS_AT_ONCE).get(device, 64)


def run_stages(stages, batches, device, *, pooling=None, kind="image"):
    """Run stages over batches, each padded to the same number of rows; (n, *shape), float32.

    A batch has at most ``rows_at_once(device.type, kind)`` rows. A row gives the same bits alone as
    in any batch. `pooling`, "avg" or "max", reduces each channel over its positions before anything
    leaves the device.
    """
    return start_stages(stages, batches, device, Feed(device), pooling=pooling, kind=kind)()


def start_stages(stages, batches, device, feed, *, pooling=None, kind="image"):
    """Start what `run_stages` does; return a function that waits for its result."""
    step, waiting = rows_at_once(device.type, kind), []
    with torch.no_grad():
        for batch in batches:
            x = feed.send(batch, step)
            for stage in stages:
                x = stage(x)
            x = x.float() if torch.is_autocast_enabled(device.type) else x
            x = x if pooling is None else pool(x, pooling)
            waiting.append(feed.fetch(x[: len(batch)]))
    return lambda: np.concatenate([wait() for wait in waiting]).astype(np.float32, copy=False)


class TorchEngine:
    """Compute the activations of one stage of a backbone with torch, as `OnnxEngine` does.

    torch's number of threads belongs to the process and stays as it is, so `n_jobs` is not used.
    Activations are float32 in any `precision`.
    """

    def __init__(self, backbone, stage, *, n_jobs=None, device="auto", precision="float32"):
        self._device, self._precision = choose_device(device), precision
        self.key = f"torch-{self._device.type}" + f"-{precision}" * (precision != "float32")
        # On the CPU NumPy pools, as after ONNX Runtime; elsewhere maps are slow to bring back.
        self.pools = self._device.type != "cpu"
        # A GPU computes one batch while the next one is brought to it.
        self.ahead = 1 if self._device.type == "cuda" else 0
        self._feed = Feed(self._device, backbone.preprocessing)
        half = precision != "float32"
        self._stages = _shared_stages(_up_to(backbone, stage), self._device, half=half)
        self._kind = backbone.preprocessing.kind

    def run(self, batch, pooling=None, *, precision=None):
        """Compute activations (n, *shape), float32, of a batch (n, channels, h, w).

        It holds float32, or bytes that `scale_bytes` would scale. With `pooling`, "avg" or "max",
        the features of each channel, (n, c). A `precision` replaces that of the engine.
        """
        return self.start(batch, pooling, precision=precision)()

    def start(self, batch, pooling=None, *, precision=None):
        """Start what `run` does; return a function that waits for its result."""
        half = at_precision(self._device, precision or self._precision)
        with exact_arithmetic(self._device), half:
            step = rows_at_once(self._device.type, self._kind)
            batches = (batch[first : first + step] for first in range(0, len(batch), step))
            return start_stages(
                self._stages, batches, self._device, self._feed, pooling=pooling, kind=self._kind
            )


def _shared_stages(backbone, device, *, half):
    """Return the untrained stages, which must not be changed; the last few are cached."""
    # The tensor cores of a GPU want the channels last; in float32 its features stay as they were.
    on_gpu = half and device.type == "cuda"
    key = (backbone.fingerprint, backbone.stages, backbone.preprocessing, str(device), on_gpu)

    def make():
        stages = [part.to(device) for part in build_torch_stages(backbone)]
        pictures = hasattr(backbone.preprocessing, "size")
        if pictures and (on_gpu or (device.type == "cpu" and "onnx" not in backbone.engines)):
            _put_channels_last(stages, backbone.preprocessing, device)
        return stages

    return SHARED.get(key, make)


def _put_channels_last(stages, inputs, device):
    """Keep weights with their channels last in memory, which is quicker on a CPU.

    A network that does not compute the same then, or not at all, stays as it was.
    """
    x = np.random.default_rng(0).normal(size=(2, inputs.channels, *inputs.size)).astype(np.float32)
    try:
        with exact_arithmetic(device):
            expected = run_stages(stages, [x], device)
            for stage in stages:
                stage.to(memory_format=torch.channels_last)
            found = run_stages(stages, [x], device)
        same = np.abs(found - expected).max() <= 1e-4 * np.abs(expected).max()
    except Exception:  # a failure is an answer: the network takes views of its activations
        same = False
    if not same:
        for stage in stages:
            stage.to(memory_format=torch.contiguous_format)


def _up_to(backbone, stage):
    """The same network, cut at this stage at last."""
    if stage in backbone.stages:
        stop = backbone.stages.index(stage) + 1
        return replace(backbone, stages=backbone.stages[:stop], shapes=backbone.shapes[:stop])
    found = backbone.locate(stage)
    return replace(backbone, stages=(found.name,), shapes=(found.shape,))


def built_stages(backbone, stage_weights, depth, device):
    """Build the stages after a depth with the weights of a fit, or find them built already.

    They are identified by their content, so that predictions of clones, pickles and copies use the
    same ones. They must not be trained.
    """
    content = _digest(stage_weights)
    key = backbone.fingerprint, backbone.stages, depth, content, str(device), os.getpid()

    def make():
        stages = build_torch_stages(backbone)[depth:]
        return [s.load(stage_weights.get(s.output_name, {})).to(device) for s in stages]

    return _BUILT.get(key, make)


def _digest(stage_weights):
    digest = hashlib.blake2b()
    for stage, arrays in stage_weights.items():
        for name, array in arrays.items():
            digest.update(repr((stage, name, array.shape, array.dtype.str)).encode())
            digest.update(np.ascontiguousarray(array))
    return digest.digest()
