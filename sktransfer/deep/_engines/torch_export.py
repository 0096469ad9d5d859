"""Torch networks written as ONNX, and compared with the modules.

The exporter is torch's own, `torch.onnx.export` of a `torch.export` program, which needs
onnxscript. Importing this module imports torch.
"""

import io
import logging
import warnings
from contextlib import contextmanager, redirect_stderr

import numpy as np
import torch
from onnx_ir.passes.common import ClearMetadataAndDocStringPass

from sktransfer._messages import shown
from sktransfer.deep._engines.steadiness import TOLERANCE as STEADY
from sktransfer.deep._engines.steadiness import difference
from sktransfer.deep._engines.torch_engine import build_torch_stages, run_stages
from sktransfer.deep._networks.onnx.run import make_session
from sktransfer.deep._networks.torch.record import TRACING

# By how much activations may differ from those of the module, as a share of the largest one.
TOLERANCE = 1e-4


class _Chain(torch.nn.Module):
    """The stages of a network, one after the other; the activations of all of them."""

    def __init__(self, stages):
        super().__init__()
        self.stages = torch.nn.ModuleList(stages)

    def forward(self, image):
        activations = []
        for stage in self.stages:
            image = stage(image)
            activations.append(image.float())
        return tuple(activations)


def export_stages(backbone, names):
    """Write a torch network as ONNX for any number of images, with an output for each stage.

    It raises any exception if the exporter cannot follow the network: a branch that depends on the
    values of an image, for example.
    """
    chain = _Chain(build_torch_stages(backbone)).eval()
    return export_module(chain, backbone, names)


def export_module(module, backbone, names, *, masked=False):
    """Write a module in evaluation mode as ONNX, for any number of images, with named outputs.

    The module takes the input of the backbone, and with `masked` the mask of the tokens as well.
    The file has no traces of the code, which name the folders of this machine.
    """
    example, free = _example(backbone.preprocessing)
    examples, inputs = (example,), [backbone.preprocessing.kind]
    if masked:
        examples = example, (example > 1).long()
        inputs = ["input_ids", "attention_mask"]
    axes = dict.fromkeys(free, torch.export.Dim.DYNAMIC)
    # With gradients torch's attention layers call their parts, and no operator that ONNX lacks.
    with TRACING, _quiet(), torch.random.fork_rng(devices=[]), torch.enable_grad():
        program = torch.export.export(
            module,
            examples,
            dynamic_shapes=(axes,) * len(examples),
            strict=False,
        )
        written = torch.onnx.export(
            program,
            dynamo=True,
            input_names=inputs,
            output_names=names,
            verbose=False,
        )
        ClearMetadataAndDocStringPass()(written.model)
        return written.model_proto.SerializeToString()


def _example(inputs):
    """Two images or two texts as the input of a network, and the axes that have any length."""
    if inputs.kind == "text":
        return torch.arange(14).reshape(2, 7) % 5 + 1, (0, 1)
    shape = 2, inputs.channels, *inputs.size
    return torch.randn(shape, generator=torch.Generator().manual_seed(0)), (0,)


def is_steady(backbone, batch):
    """Tell whether images get the same activations of the last stage alone, and again.

    If not, `check_rows` gives a warning for this network.
    """
    stages, device = build_torch_stages(backbone), torch.device("cpu")
    kind = backbone.preprocessing.kind
    batch = batch[-1:] if kind == "text" else batch  # texts run one by one
    runs = (run_stages(stages, [part], device, kind=kind) for part in (batch, batch, batch[-1:]))
    first, again, alone = (rows.reshape(len(rows), -1) for rows in runs)
    return max(difference(first, again), difference(first[-1:], alone)) <= STEADY


def check_export(graph, backbone, batches):
    """Compare an exported network with its module on some batches.

    Returns the reason why the export cannot be used; empty if it can.
    """
    session, stages = make_session(graph), build_torch_stages(backbone)
    source = session.get_inputs()[0].name
    names = [output.name for output in session.get_outputs()]
    for batch in batches:
        found = session.run(names, {source: batch})
        alone = session.run(names, {source: batch[-1:]})
        for stage, expected, rows, row in zip(
            backbone.stages, _run(stages, batch), found, alone, strict=True
        ):
            off = _difference(rows, expected)
            if not off <= TOLERANCE:
                return (
                    f"for {len(batch)} images the export differs at stage {shown(stage)} by "
                    f"{off:.2g} of the largest activation"
                )
            off = _difference(row, rows[-1:])
            if not off <= (0 if backbone.locate(stage).shape[0] is None else TOLERANCE):
                return f"at stage {shown(stage)} an image depends on the others of its batch"
    return ""


def _run(stages, batch):
    """The activations of all stages."""
    activations, x = [], torch.tensor(batch)
    with torch.no_grad():
        for stage in stages:
            x = stage(x)
            activations.append(x.float().numpy())
    return activations


def _difference(found, expected):
    """The largest difference, as a share of the largest value."""
    finite = np.isfinite(expected)
    if found.shape != expected.shape or not np.array_equal(finite, np.isfinite(found)):
        return np.inf
    off = np.abs(found - expected, where=finite, out=np.zeros_like(expected)).max(initial=0.0)
    size = np.abs(expected, where=finite, out=np.zeros_like(expected)).max(initial=0.0)
    return float(off / max(size, np.finfo(np.float32).tiny))


@contextmanager
def _quiet():
    """Suppress the exporter's messages for its developers: a failure is in its exception."""
    loggers = [logging.getLogger(name) for name in ("torch", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.CRITICAL)
        with warnings.catch_warnings(), redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
