"""The engine of a network: ONNX Runtime if it can run it, else torch."""

from sktransfer._extras import is_installed
from sktransfer._messages import shown
from sktransfer.deep._engines.exported import ExportedEngine, find_export, prepare_export
from sktransfer.deep._engines.onnx_engine import OnnxEngine
from sktransfer.deep._engines.words_engine import WordsEngine
from sktransfer.deep._networks.onnx.run import find_device, has_cuda


def choose_engine(backbone, stage, *, device, cache, read_inputs):
    """Choose the engine of a stage, and return the `key` that `open_engine` will give it.

    A torch network that is to run on the CPU is exported, as `prepare_export` does.
    """
    pictures = hasattr(backbone.preprocessing, "size")
    if pictures and _is_for_torch(backbone) and _torch_device(device) == "cpu":
        prepare_export(backbone, stage, cache=cache, read_inputs=read_inputs)
    return engine_key(backbone, device, stage)


def open_engine(backbone, stage, *, n_jobs=None, device="auto"):
    """Return the engine that computes the activations of one stage.

    A backbone that is an ONNX file runs in ONNX Runtime on the CPU, and on CUDA if ONNX Runtime has
    it; with ``device="cuda"`` or "mps" torch runs it otherwise. A torch network runs in ONNX
    Runtime on the CPU if `choose_engine` has exported it, and in torch if not, or on another
    device. ``device="auto"`` never loads torch for an ONNX file.

    ``engine.run(batch)`` maps float32 (n, channels, h, w) to float32 (n, *shape), an image to the
    same bits alone as in any batch; ``engine.key`` names library and device, as in "torch-cuda:0".
    """
    if _runs_in_numpy(backbone, device):
        return WordsEngine(backbone)
    if _runs_in_onnx_runtime(backbone, device):
        return OnnxEngine(backbone, stage, n_jobs=n_jobs, device=find_device(device))
    export = _find_export(backbone, stage, device)
    if export is not None:
        return ExportedEngine(backbone, stage, export, n_jobs=n_jobs)
    from sktransfer.deep._engines.torch_engine import TorchEngine

    return TorchEngine(backbone, stage, n_jobs=n_jobs, device=device)


def engine_key(backbone, device="auto", stage=None):
    """Return the key of the engine that `open_engine` would make, without loading the network."""
    if _runs_in_numpy(backbone, device):
        return WordsEngine.key
    if _runs_in_onnx_runtime(backbone, device):
        return f"onnx-{find_device(device)}"
    if _find_export(backbone, stage or backbone.stages[-1], device) is not None:
        return ExportedEngine.key
    return f"torch-{_torch_device(device)}"


def _runs_in_numpy(backbone, device):
    if "numpy" not in backbone.engines:
        return False
    if device not in ("auto", "cpu"):
        raise ValueError(
            f"device={shown(device)}: the backbone {shown(backbone.name)} is a table of vectors, "
            "and runs on the CPU; expected 'auto' or 'cpu'."
        )
    return True


def _runs_in_onnx_runtime(backbone, device):
    known = device in ("auto", "cpu") or (device == "cuda" and has_cuda())
    return "onnx" in backbone.engines and known


def _is_for_torch(backbone):
    return backbone.engines == ("torch",)


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
