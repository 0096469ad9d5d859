"""Write the trained network as an ONNX file, node by node."""

import onnx
import torch
from onnx import TensorProto, helper
from torch import nn

from tools.glyphs.export import BATCH_AXIS, IR_VERSION, OPSET, GraphBuilder

from . import network as architecture
from . import synthesize, train, voices
from .distort import DISTORTION, N_BANDS, N_FRAMES

INPUT = "frames"
STEP = 24
LICENCE = "BSD-3-Clause"
PREPROCESSING = {
    "kind": "sound",
    **synthesize.LOG_MEL,
    "scale": 0.1,
    "offset": 2.0,
    "n_frames": N_FRAMES,
    "step": STEP,
    "shortest": N_FRAMES,
}
"""The fields of a `SoundPreprocessing`."""


def to_onnx(network):
    """Turn the stages of a network into an ONNX model.

    Parameters
    ----------
    network : SpeechNet
        The trained network; its head is left behind.

    Returns
    -------
    onnx.ModelProto
        One input, one output for each stage, checked.
    """
    builder, names = GraphBuilder(), architecture.STAGES
    peak = builder.node("GlobalMaxPool", [INPUT], "peak")
    below = builder.node("Sub", [INPUT, peak], "below")
    level = builder.weight("level", torch.tensor(architecture.LEVEL))
    source = builder.node("Add", [below, level], "level.added")
    for name, stage in zip(names, network.stages, strict=False):
        source = _stage(builder, source, name, stage)
    source = builder.node("GlobalMaxPool", [source], "maximum")
    builder.node("Flatten", [source], names[-1])
    frames = _describe(INPUT, (1, N_FRAMES, N_BANDS))
    graph = helper.make_graph(builder.nodes, "speech", [frames], _outputs(network), builder.weights)
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="sktransfer"
    )
    model.ir_version = IR_VERSION
    onnx.checker.check_model(model, full_check=True)
    return model


def _stage(builder, source, name, stage):
    """Add a stage; its last tensor has its name."""
    layers = [part for layer in stage for part in _parts(layer)]
    for number, (kind, layer) in enumerate(layers):
        last = number == len(layers) - 1
        made = name if last else f"{name}.{number + 1}"
        if kind == "Conv":
            source = builder.convolution(source, made, layer)
        elif kind == "Norm":
            source = builder.normalisation(source, made, layer)
        elif kind == "Keep":
            kept = source
        elif kind == "Add":
            source = builder.node("Add", [source, kept], made)
        else:
            source = builder.node("Relu", [source], made)
    return source


def _parts(layer):
    """The nodes of a layer: kind and weights."""
    if isinstance(layer, nn.Conv2d):
        return [("Conv", layer)]
    if isinstance(layer, nn.BatchNorm2d):
        return [("Norm", layer)]
    if isinstance(layer, nn.ReLU):
        return [("Relu", None)]
    block = [("Conv", layer.own), ("Conv", layer.mixed), ("Norm", layer.norm)]
    if layer.adds:
        block = [("Keep", None), *block, ("Add", None)]
    return [*block, ("Relu", None)]


def _outputs(network):
    """Describe the stages."""
    with torch.no_grad():
        found = network.eval().outputs(torch.zeros(1, 1, N_FRAMES, N_BANDS))
    return [
        _describe(name, maps.shape[1:])
        for name, maps in zip(architecture.STAGES, found, strict=True)
    ]


def _describe(name, shape):
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, [BATCH_AXIS, *shape])


def recipe(options, *, digits):
    """Describe how the network was trained.

    Parameters
    ----------
    options : argparse.Namespace
        The command line.
    digits : bool
        Whether the ten digits are among the words.

    Returns
    -------
    dict
        Ready for JSON.
    """
    return {
        "synthesizer": "espeak-ng",
        "voices": options.parts * len(voices.numbers(voices.N_VOICES)),
        "accents": options.parts * len(voices.numbers(voices.N_ACCENTS)),
        "words": options.words - (not digits) * len(synthesize.DIGITS),
        "digits_among_words": digits,
        "clips_a_word": options.parts * options.each,
        "cycles": list(options.cycles[: 1 + digits]),
        "batch": train.BATCH,
        "seed": options.seed,
        "optimiser": "AdamW",
        "learning_rate": train.LEARNING_RATE,
        "schedule": "cycles of one rise and one fall, cosine",
        "warm_up": train.WARM_UP,
        "weight_decay": train.WEIGHT_DECAY,
        "label_smoothing": train.SMOOTHING,
        "average_decay": train.AVERAGE_DECAY,
        "dropout": architecture.DROPOUT,
        "distortion": DISTORTION,
        "torch": torch.__version__,
    }
