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
    inputs = backbone.preprocessing
    exportable = inputs.kind == "text" or hasattr(inputs, "size")
    if exportable and backbone.engines == ("torch",) and _torch_device(device) == "cpu":
        prepare_export(backbone, stage, cache=cache, read_inputs=read_inputs)
    return engine_key(backbone, device, stage)


def open_engine(backbone, stage, *, n_jobs=None, device="auto"):
    """Return the engine that computes the activations of one stage.

    A backbone that is an ONNX file runs in ONNX Runtime on the CPU, and on CUDA if ONNX Runtime has
    it; with ``device="cuda"`` or "mps" torch runs it otherwise. A torch network runs in ONNX
    Runtime on the CPU if `choose_engine` has exported it, and in torch if not, or on another
    device. ``device="auto"`` never loads torch for an ONNX file.

    ``engine.run(batch)`` maps float32 (n, channels, h, w) to float32 (n, *shape), an image to the
    same bits alone as in any batch. Those of ONNX Runtime also take a tuple of stages, and return a
    list. If ``engine.pools``, ``engine.run(batch, pooling)`` gives the features of channels, pooled
    on the device. ``engine.key`` names the library and the kind of device, as in "torch-cuda": the
    same for each device of the machine, as are the features.
    """
    return _choose(backbone, stage, device)[1](n_jobs)


def engine_key(backbone, device="auto", stage=None):
    """Return the key of the engine that `open_engine` would make, without loading the network."""
    return _choose(backbone, stage or backbone.stages[-1], device)[0]


def _choose(backbone, stage, device):
    """The key of an engine, and a function of `n_jobs` that makes it."""
    if "numpy" in backbone.engines:
        if device not in ("auto", "cpu"):
            raise ValueError(
                f"device={shown(device)}: the backbone {shown(backbone.name)} is a table of "
                "vectors, and runs on the CPU; expected 'auto' or 'cpu'."
            )
        return WordsEngine.key, lambda n_jobs: WordsEngine(backbone)
    if "onnx" in backbone.engines:
        if device in ("auto", "cpu") or (device == "cuda" and has_cuda()):
            found = find_device(device)
            return f"onnx-{found}", lambda n_jobs: OnnxEngine(
                backbone, stage, n_jobs=n_jobs, device=found
            )
    elif _torch_device(device) == "cpu":
        export = find_export(backbone, stage if isinstance(stage, str) else stage[-1])
        if export is not None:
            return ExportedEngine.key, lambda n_jobs: ExportedEngine(
                backbone, stage, export, n_jobs=n_jobs
            )

    def make(n_jobs):
        from sktransfer.deep._engines.torch_engine import TorchEngine

        return TorchEngine(backbone, stage, n_jobs=n_jobs, device=device)

    return f"torch-{_torch_device(device).partition(':')[0]}", make


def _torch_device(device):
    """The name of the device of torch; without torch "auto" is the CPU."""
    if device == "cpu" or (device == "auto" and not is_installed("torch")):
        return "cpu"
    from sktransfer.deep._engines.torch_engine import choose_device

    return str(choose_device(device))
