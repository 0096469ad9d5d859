"""The engine of a network: ONNX Runtime if it can run it, else torch."""

import re
from dataclasses import replace

from sktransfer._extras import is_installed
from sktransfer._messages import shown
from sktransfer.deep._engines.exported import ExportedEngine, find_export, prepare_export
from sktransfer.deep._engines.onnx_engine import OnnxEngine
from sktransfer.deep._engines.words_engine import WordsEngine
from sktransfer.deep._networks.onnx.run import find_device, has_cuda

FULL = "float32"

# Those of `torch.autocast`.
HALF = ("bfloat16", "float16")


def check_device(device):
    """Raise a ValueError for a device that no engine has, on any machine."""
    if not re.fullmatch(r"auto|cpu|(cuda|mps)(:\d+)?", device):
        raise ValueError(
            f"device={shown(device)} is not known: expected 'auto', 'cpu', 'cuda', 'mps', or one "
            "of several as in 'cuda:1'."
        )


def choose_engine(backbone, stage, *, device, cache, read_inputs, precision=FULL):
    """Choose the engine of a stage, and return the `key` that `open_engine` will give it.

    A torch network that is to run on the CPU is exported, as `prepare_export` does.
    """
    inputs = backbone.preprocessing
    exportable = inputs.kind == "text" or hasattr(inputs, "size")
    by_torch = exportable and backbone.engines == ("torch",)
    if by_torch and precision == FULL and _torch_device(device) == "cpu":
        prepare_export(backbone, stage, cache=cache, read_inputs=read_inputs)
    return engine_key(backbone, device, stage, precision)


def open_engine(backbone, stage, *, n_jobs=None, device="auto", precision=FULL):
    """Return the engine that computes the activations of one stage.

    A backbone that is an ONNX file runs in ONNX Runtime on the CPU, and on CUDA if ONNX Runtime has
    it. With ``device="cuda"`` or "mps" torch runs it otherwise. A torch network runs in ONNX
    Runtime on the CPU if `choose_engine` has exported it, and in torch if not, or on another
    device. ``device="auto"`` never loads torch for an ONNX file. A `precision` of `HALF` is
    computed by torch alone.

    ``engine.run(batch)`` maps float32 (n, channels, h, w) to float32 (n, *shape), an image to the
    same bits alone as in any batch. Bytes are scaled first. Engines of ONNX Runtime also take a
    tuple of stages, and return a list. If ``engine.ahead`` is not 0, ``engine.start(batch)``
    returns a function that waits for the result, and so many batches should be started before. If
    ``engine.pools``, ``engine.run(batch, pooling)`` gives the features of channels, pooled on the
    device. ``engine.key`` names the library and the kind of device, as in "torch-cuda": the same
    for each device of the machine, as are the features. A precision of `HALF` is added.
    """
    return _choose(backbone, stage, device, precision)[1](n_jobs)


def read_for(key, kind, run):
    """Return the `Run` with which batches of items are read for the engine of a key.

    For torch on an accelerator a short batch costs as much as one of all rows that run at once.
    """
    library, device = key.split("-")[:2]
    if library == "torch" and device != "cpu":
        from sktransfer.deep._engines.torch_engine import rows_at_once

        step = rows_at_once(device, kind)
        run = replace(run, batch_size=-(-run.batch_size // step) * step)
    return replace(run, as_bytes=library == "torch" or device == "cuda")


def engine_key(backbone, device="auto", stage=None, precision=FULL):
    """Return the key of the engine that `open_engine` would make, without loading the network."""
    return _choose(backbone, stage or backbone.stages[-1], device, precision)[0]


def _choose(backbone, stage, device, precision):
    """The key of an engine, and a function of `n_jobs` that makes it."""
    half = precision != FULL
    if half and "torch" not in backbone.engines:
        library = "NumPy" if "numpy" in backbone.engines else "ONNX Runtime"
        raise ValueError(
            f"precision={shown(precision)} is computed by torch, but the backbone "
            f"{shown(backbone.name)} runs in {library} only; expected 'float32'."
        )
    if "numpy" in backbone.engines:
        if device not in ("auto", "cpu"):
            raise ValueError(
                f"device={shown(device)}: the backbone {shown(backbone.name)} is a table of "
                "vectors, and runs on the CPU; expected 'auto' or 'cpu'."
            )
        return WordsEngine.key, lambda n_jobs: WordsEngine(backbone)
    if "onnx" in backbone.engines and not half:
        if device in ("auto", "cpu") or (device == "cuda" and has_cuda()):
            found = find_device(device)
            return f"onnx-{found}", lambda n_jobs: OnnxEngine(
                backbone, stage, n_jobs=n_jobs, device=found
            )
    elif not half and _torch_device(device) == "cpu":
        export = find_export(backbone, stage if isinstance(stage, str) else stage[-1])
        if export is not None:
            return ExportedEngine.key, lambda n_jobs: ExportedEngine(
                backbone, stage, export, n_jobs=n_jobs
            )

    def make(n_jobs):
        from sktransfer.deep._engines.torch_engine import TorchEngine

        return TorchEngine(backbone, stage, n_jobs=n_jobs, device=device, precision=precision)

    kind = _torch_device(device, needs_torch=half).partition(":")[0]
    return f"torch-{kind}" + f"-{precision}" * half, make


def _torch_device(device, *, needs_torch=False):
    """The name of the device of torch; without torch "auto" is the CPU, if torch is not needed."""
    if not needs_torch and (device == "cpu" or (device == "auto" and not is_installed("torch"))):
        return "cpu"
    from sktransfer.deep._engines.torch_engine import choose_device

    return str(choose_device(device))
