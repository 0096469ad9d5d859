"""The engine of a network: ONNX Runtime if it can run it, else torch."""

from sktransfer._extras import is_installed
from sktransfer.deep._engines.exported import ExportedEngine, find_export, prepare_export
from sktransfer.deep._engines.onnx_engine import OnnxEngine
from sktransfer.deep._networks.onnx.run import find_device, has_cuda


def choose_engine(backbone, stage, *, device, cache, read_inputs):
    """Choose the engine of a stage; a torch network that runs on the CPU is exported for it.

    Parameters
    ----------
    backbone : Backbone
    stage : str
    device : str
        As for `open_engine`.
    cache : "memory", str, os.PathLike or None
    read_inputs : callable
        As for `prepare_export`.

    Returns
    -------
    key : str
        The ``key`` of the engine that `open_engine` makes from now on.

    Raises
    ------
    ValueError
        If the device is not there.
    """
    pictures = hasattr(backbone.preprocessing, "size")
    if pictures and _is_for_torch(backbone) and _torch_device(device) == "cpu":
        prepare_export(backbone, stage, cache=cache, read_inputs=read_inputs)
    return engine_key(backbone, device, stage)


def open_engine(backbone, stage, *, n_jobs=None, device="auto"):
    """Make the engine that computes the activations of one stage, or find it if it is made.

    A backbone that is an ONNX file runs in ONNX Runtime on the CPU, and on CUDA if ONNX Runtime
    has it; with ``device="cuda"`` or "mps" torch runs it otherwise. A torch network runs in ONNX
    Runtime on the CPU if `choose_engine` has exported it, and in torch if not, or on another
    device. ``device="auto"`` never loads torch for an ONNX file.

    Parameters
    ----------
    backbone : Backbone
        The network.
    stage : str
        The name of a stage, or of anything else that `Backbone.locate` finds.
    n_jobs : int or None, default=None
        The number of threads: None for the usable processors (no more than the environment
        variable ``OMP_NUM_THREADS`` allows), -1 for all.
    device : {"auto", "cpu", "cuda", "mps"} or str, default="auto"
        Where the network runs; also a device of torch such as "cuda:1".

    Returns
    -------
    engine : OnnxEngine or TorchEngine
        ``engine.run(batch)`` maps float32 (n, channels, h, w) to float32 (n, *shape), an image to
        the same bits alone as in any batch; ``engine.key`` is a str that names library and device,
        as in "onnx-cpu" or "torch-cuda:0".

    Raises
    ------
    ValueError
        If the device is not there, or the stage cannot be computed on it.
    """
    if _runs_in_onnx_runtime(backbone, device):
        return OnnxEngine(backbone, stage, n_jobs=n_jobs, device=find_device(device))
    export = _find_export(backbone, stage, device)
    if export is not None:
        return ExportedEngine(backbone, stage, export, n_jobs=n_jobs)
    from sktransfer.deep._engines.torch_engine import TorchEngine

    return TorchEngine(backbone, stage, n_jobs=n_jobs, device=device)


def engine_key(backbone, device="auto", stage=None):
    """Return the key of the engine that `open_engine` would make, without loading the network.

    Parameters
    ----------
    backbone : Backbone
    device : str, default="auto"
        As for `open_engine`.
    stage : str or None, default=None
        None: the last one.

    Returns
    -------
    key : str
        The ``key`` of the engine.

    Raises
    ------
    ValueError
        If the device is not there.
    """
    if _runs_in_onnx_runtime(backbone, device):
        return f"onnx-{find_device(device)}"
    if _find_export(backbone, stage or backbone.stages[-1], device) is not None:
        return ExportedEngine.key
    return f"torch-{_torch_device(device)}"


def _runs_in_onnx_runtime(backbone, device):
    known = device in ("auto", "cpu") or (device == "cuda" and has_cuda())
    return "onnx" in backbone.engines and known


def _is_for_torch(backbone):
    return "onnx" not in backbone.engines


def _find_export(backbone, stage, device):
    """The export of a torch network that is to run on the CPU; None without one."""
    if not _is_for_torch(backbone) or _torch_device(device) != "cpu":
        return None
    return find_export(backbone, stage)


def _torch_device(device):
    """The name of the device of torch; without torch "auto" is the CPU."""
    if device == "cpu" or (device == "auto" and not is_installed("torch")):
        return "cpu"
    from sktransfer.deep._engines.torch_engine import choose_device

    return str(choose_device(device))
