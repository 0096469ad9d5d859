"""Torch networks in ONNX Runtime: exported once, checked against the module, and kept."""

import hashlib
import json
import os
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from sktransfer._extras import install_command, installed_version, is_installed
from sktransfer._messages import shortened, shown, warn
from sktransfer._whole_files import keep
from sktransfer.deep._cache.folder import kept_file
from sktransfer.deep._engines.onnx_engine import SESSIONS, OnnxEngine
from sktransfer.deep._networks.onnx.cut import cut_graph
from sktransfer.deep._networks.onnx.run import make_session
from sktransfer.deep._networks.recent import Recent
from sktransfer.deep._threads import n_threads

# Raise it when networks are exported or checked in another way.
STORE = "sktransfer-exports-1"

# Images that run at once. The number is fixed and a short batch is padded: kernels choose their
# algorithm by the shape, and an image must get the same bits alone as in a batch.
ROWS = 8

# The numbers of images at which export and module are compared.
_BATCH_SIZES = (1, 2, 5, ROWS)

# The packages on whose releases it depends whether a network can be exported.
_EXPORTERS = ("torch", "onnxscript")

_EXPORTS = Recent(8)
_warned = set()


class Export(NamedTuple):
    """A network as ONNX, or the reason why there is none.

    `graph` is an ONNX file whose outputs are the stages, in order, for any number of images.
    `digest` is its SHA-256 in hexadecimal. `reason` is empty if features depend on chance or on the
    batch, which `check_rows` warns of.
    """

    graph: bytes | None
    digest: str = ""
    reason: str = ""


class ExportedEngine(OnnxEngine):
    """Compute the activations of one stage of a torch network with ONNX Runtime, on the CPU."""

    key = "onnx-cpu"

    def __init__(self, backbone, stage, export, *, n_jobs=None):
        self._of = f"backbone={shown(backbone.name)}, stage={shown(stage)}"
        threads = n_threads(n_jobs)
        self._is_single = isinstance(stage, str)
        stages = (stage,) if self._is_single else stage
        names = output_names(_stages(backbone, stages[-1]))
        output = tuple(names[each] for each in stages)

        def make():
            return make_session(cut_graph(export.graph, output), threads)

        # A thread pool does not survive a fork: a child process makes its own session.
        self._session = SESSIONS.get((export.digest, output, threads, os.getpid()), make)
        self._batch = ROWS
        if backbone.preprocessing.kind == "text":  # of one length, and so never padded
            # Tokens have the same bits in any batch, as `check_export` has found; sums have not.
            tokens = all(backbone.locate(each).shape[0] is None for each in stages)
            self._batch = None if tokens else 1

    def _rows_at_once(self, session):
        return self._batch


def find_export(backbone, stage):
    """Return the export, with a graph, that this process has made or read, or None."""
    export = _EXPORTS.find(_key(backbone, stage))
    return None if export is None or export.graph is None else export


def prepare_export(backbone, stage, *, cache, read_inputs):
    """Export a torch network, unless this process or a cache folder has its export.

    The result is the same for all batch sizes and numbers of threads. All stages are exported
    together; another place in the network has an export of its own. A network that cannot be
    exported, or whose export differs from it, is noted as well, and gives one warning in each
    process. ``read_inputs(n)`` returns the network's input for some items of the user, at most n.
    """
    stages = _stages(backbone, stage)
    if stages != backbone.stages:
        backbone = replace(backbone, stages=stages, shapes=(backbone.locate(stage).shape,))
    key = _key(backbone, stage)
    path, known = kept_file(cache, STORE, key, ".onnx"), _EXPORTS.find(key)
    kept = _read(path) if known is None else None
    if known is None and kept is None and not is_installed("torch"):
        return
    export = _EXPORTS.get(key, lambda: kept or _make(backbone, read_inputs))
    if path is not None and kept is None and not (known and path.with_suffix(".json").exists()):
        _write(path, export)
    if export.reason and backbone.fingerprint not in _warned:
        _warned.add(backbone.fingerprint)
        warn(
            f"The network {shown(backbone.name)} cannot run in ONNX Runtime ({export.reason}). It "
            "runs in torch, which takes several times as long on a CPU; the features are right.",
            UserWarning,
        )


def output_names(stages):
    """Return the name of each stage's output in an exported graph."""
    return {stage: f"sktransfer/stage{number}" for number, stage in enumerate(stages)}


def _stages(backbone, stage):
    """The stages that are exported together."""
    return backbone.stages if stage in backbone.stages else (stage,)


def _key(backbone, stage):
    inputs = backbone.preprocessing  # items that are no pictures have no size
    shape = getattr(inputs, "channels", None), *getattr(inputs, "size", ())
    return backbone.fingerprint, _stages(backbone, stage), shape


def _make(backbone, read_inputs):
    if not is_installed("onnxscript"):
        return Export(None, reason=f"onnxscript is not installed; run {install_command('torch')}")
    from sktransfer.deep._engines.torch_export import check_export, export_stages, is_steady

    if backbone.preprocessing.kind == "text":
        from sktransfer.deep._networks.torch.describe_texts import find_text_network as find
    else:
        from sktransfer.deep._networks.torch.describe import find_module as find

    find(backbone)  # raises an error if the weights are gone, which torch needs as well
    batches = list(_check_inputs(backbone, read_inputs))
    try:
        if not is_steady(backbone, batches[-1]):
            return Export(None)
        graph = export_stages(backbone, list(output_names(backbone.stages).values()))
        reason = check_export(graph, backbone, batches)
    except Exception as error:  # torch and ONNX Runtime have a class for each kind of failure
        return Export(None, reason=_first_line(error))
    if reason:
        return Export(None, reason=reason)
    return Export(graph, hashlib.sha256(graph).hexdigest())


def _first_line(error):
    """The type and the first line of an error, or of the one behind it."""
    while error.__cause__ is not None:
        error = error.__cause__
    lines = str(error).strip().splitlines() or [""]
    return shortened(f"{type(error).__name__}: {lines[0]}", limit=160)


def _check_inputs(backbone, read_inputs):
    """Batches of the user's images, and of noise: the first ones are too few for all sizes."""
    if backbone.preprocessing.kind == "text":
        return _check_texts(read_inputs(_BATCH_SIZES[-1]))
    shape = ROWS, backbone.preprocessing.channels, *backbone.preprocessing.size
    images = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    real = read_inputs(_BATCH_SIZES[-2])
    noise = images.copy()
    images[: len(real)] = real
    return [noise[-n:] for n in _BATCH_SIZES[1:-1]] + [images[:n] for n in _BATCH_SIZES]


def _check_texts(batches):
    """Batches of texts of some lengths: the tokens of the user's, in other orders."""
    rng = np.random.default_rng(0)
    for tokens in [*batches[:3], np.arange(14).reshape(2, 7) % 5 + 1]:
        for n in _BATCH_SIZES:
            yield rng.permuted(np.resize(tokens, (n, tokens.shape[1])), axis=1)


def _versions():
    return [installed_version(package) for package in _EXPORTERS]


def _read(path):
    """The export in a folder; None if there is none that can be used.

    A graph is used if it has the bytes that were written. A failure counts as long as the
    exporter is the same, and if there is no other.
    """
    if path is None:
        return None
    try:
        record = json.loads(path.with_suffix(".json").read_text())
        if not record["digest"]:
            same = record["versions"] == _versions() or not is_installed("torch")
            return Export(None, reason=str(record["reason"])) if same else None
        graph = path.read_bytes()
    except Exception:  # a damaged file raises anything
        return None
    digest = hashlib.sha256(graph).hexdigest()
    return Export(graph, digest) if digest == record["digest"] else None


def _write(path, export):
    record = {"digest": export.digest, "reason": export.reason, "versions": _versions()}
    graph = {} if export.graph is None else {path: export.graph}
    keep(graph | {path.with_suffix(".json"): json.dumps(record).encode()})
