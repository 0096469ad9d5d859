"""Inference with ONNX Runtime: no more of the network than the wanted stage needs."""

import os
import threading
import warnings
from collections import OrderedDict

import joblib

MAX_SESSIONS = 16

_sessions = OrderedDict()
_lock = threading.Lock()


class OnnxEngine:
    """Compute the feature maps of one stage of a backbone.

    Sessions are shared by all engines of a process, so that clones and grid searches load a
    network once. An image gives the same features alone as in a batch.

    Parameters
    ----------
    backbone : Backbone
        The network.
    stage : str
        The name of the stage.
    n_jobs : int or None, default=None
        The number of threads: None for the usable processors (no more than the environment
        variable ``OMP_NUM_THREADS`` allows, so that joblib's workers share them), -1 for all.
    device : {"auto", "cpu", "cuda"}, default="auto"
        "auto" takes CUDA where ONNX Runtime has it.

    Raises
    ------
    ValueError
        When ``device="cuda"`` cannot be used; the message names what is missing.
    """

    def __init__(self, backbone, stage, *, n_jobs=None, device="auto"):
        self._session = _get_session(backbone, stage, n_threads(n_jobs), find_device(device))
        self._input = self._session.get_inputs()[0].name

    def run(self, batch):
        """Compute feature maps.

        Parameters
        ----------
        batch : ndarray of shape (n, channels, h, w), float32
            As `image_batches` makes it.

        Returns
        -------
        maps : ndarray of shape (n, n_channels, H, W), float32
        """
        return self._session.run(None, {self._input: batch})[0]


def n_threads(n_jobs):
    """Return how many threads `n_jobs` stands for.

    Parameters
    ----------
    n_jobs : int or None
        Negative numbers count from the end, as everywhere in scikit-learn.

    Returns
    -------
    n_threads : int, at least 1
    """
    usable = joblib.cpu_count()
    if n_jobs is None:
        allowed = os.environ.get("OMP_NUM_THREADS", "").split(",")[0]
        return min(usable, int(allowed)) if allowed.isdigit() and int(allowed) else usable
    return max(1, usable + 1 + n_jobs) if n_jobs < 0 else n_jobs


def find_device(device):
    """Choose between "cpu" and "cuda".

    Parameters
    ----------
    device : {"auto", "cpu", "cuda"}

    Returns
    -------
    device : {"cpu", "cuda"}
    """
    if device == "cpu":
        return "cpu"
    has_cuda = "CUDAExecutionProvider" in _onnxruntime().get_available_providers()
    if device == "cuda" and not has_cuda:
        raise ValueError(
            "device='cuda': this ONNX Runtime has no CUDA support; install onnxruntime-gpu in "
            "place of onnxruntime, or use device='cpu'."
        )
    return "cuda" if has_cuda else "cpu"


def cut_graph(weights, stage):
    """Keep the part of a network that one stage needs.

    ONNX Runtime computes every declared output, also those that nobody asks for. So the graph is
    cut at the stage before a session sees it.

    Parameters
    ----------
    weights : bytes
        An ONNX file.
    stage : str
        One of its outputs.

    Returns
    -------
    weights : bytes
        An ONNX file with that output alone, and the nodes and weights on the way to it.
    """
    with warnings.catch_warnings():
        import onnx
        import onnx.utils

    model = onnx.load_model_from_string(weights)
    stored = {tensor.name for tensor in model.graph.initializer}
    inputs = [entry.name for entry in model.graph.input if entry.name not in stored]
    cut = onnx.utils.Extractor(model).extract_model(inputs, [stage])
    return cut.SerializeToString()


def _get_session(backbone, stage, threads, device):
    """Make a session, or find the one that this process has made before."""
    # A thread pool does not survive a fork: a child process makes its own session.
    key = (backbone.fingerprint, stage, threads, device, os.getpid())
    with _lock:
        if key not in _sessions:
            _sessions[key] = _make_session(backbone.weights(), stage, threads, device)
            if len(_sessions) > MAX_SESSIONS:
                _sessions.popitem(last=False)
        _sessions.move_to_end(key)
        return _sessions[key]


def _make_session(weights, stage, threads, device, **options):
    onnxruntime = _onnxruntime()
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = threads
    settings.log_severity_level = 3
    # Idle threads must not burn the processors that NumPy or a joblib worker needs.
    settings.add_session_config_entry("session.intra_op.allow_spinning", "0")
    for name, value in options.items():
        setattr(settings, name, value)
    wanted = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}[device]
    providers = list(dict.fromkeys([wanted, "CPUExecutionProvider"]))
    session = onnxruntime.InferenceSession(
        cut_graph(weights, stage), sess_options=settings, providers=providers
    )
    if session.get_providers()[0] != wanted:
        raise ValueError(
            "device='cuda': ONNX Runtime has CUDA support but cannot start it; check the driver "
            "and the CUDA libraries, or use device='cpu'."
        )
    return session


def _onnxruntime():
    with warnings.catch_warnings():
        import onnxruntime
    return onnxruntime
