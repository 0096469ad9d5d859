"""What runs a network: ONNX Runtime where it can, torch where it must."""

from sktransfer.deep._engines.onnx_engine import OnnxEngine
from sktransfer.deep._graphs.session import find_device, has_cuda


def open_engine(backbone, stage, *, n_jobs=None, device="auto"):
    """Make what computes the activations of one stage, or find it where it is made already.

    A backbone that is an ONNX file runs in ONNX Runtime on the CPU, and on CUDA where ONNX Runtime
    has it; with ``device="cuda"`` or "mps" where it has not, and for every torch module, torch runs
    it. ``device="auto"`` never loads torch for an ONNX file.

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
        the same bits alone as in any batch; ``engine.key`` is a str that says what computes, as
        in "onnx-cpu" or "torch-cuda:0".

    Raises
    ------
    ValueError
        When the device is not there, or the stage cannot be computed on it.
    """
    if _runs_in_onnx_runtime(backbone, device):
        return OnnxEngine(backbone, stage, n_jobs=n_jobs, device=find_device(device))
    from sktransfer.deep._engines.torch_engine import TorchEngine

    return TorchEngine(backbone, stage, n_jobs=n_jobs, device=device)


def engine_key(backbone, device="auto"):
    """Say which engine `open_engine` would make, without loading the network.

    Parameters
    ----------
    backbone : Backbone
    device : str, default="auto"
        As for `open_engine`.

    Returns
    -------
    key : str
        The ``key`` of the engine.

    Raises
    ------
    ValueError
        When the device is not there.
    """
    if _runs_in_onnx_runtime(backbone, device):
        return f"onnx-{find_device(device)}"
    if device == "cpu":
        return "torch-cpu"
    from sktransfer.deep._engines.torch_engine import choose_device

    return f"torch-{choose_device(device)}"


def _runs_in_onnx_runtime(backbone, device):
    known = device in ("auto", "cpu") or (device == "cuda" and has_cuda())
    return "onnx" in backbone.engines and known
