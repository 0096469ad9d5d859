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
    mean = builder.node("ReduceMean", [INPUT], "mean", axes=[1, 2, 3], keepdims=1)
    source = builder.node("Sub", [INPUT, mean], "centred")
    for name, stage in zip(names, network.stages, strict=False):
        source = _stage(builder, source, name, stage)
    pooled = [
        builder.node(kind, [source], kind.lower())
        for kind in ("GlobalAveragePool", "GlobalMaxPool")
    ]
    source = builder.node("Flatten", [builder.node("Concat", pooled, "pooled", axis=1)], "flat")
    weight, bias = joined(network.embed, network.embed_norm)
    inputs = [source, builder.weight("embed.weight", weight), builder.weight("embed.bias", bias)]
    builder.node("Gemm", inputs, names[-1], transB=1)
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


def joined(linear, norm):
    """Join a linear layer and the batch normalisation after it.

    Parameters
    ----------
    linear : nn.Linear
    norm : nn.BatchNorm1d

    Returns
    -------
    weight, bias : tensor
        Of the linear layer that does both.
    """
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    bias = norm.bias + (linear.bias - norm.running_mean) * scale
    return linear.weight * scale[:, None], bias


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


def recipe(*, cycles, seed, n_each, digits):
    """Describe how the network was trained.

    Parameters
    ----------
    cycles : sequence of int
        Batches of each cycle of the learning rate.
    seed, n_each : int
        Seed, and clips a word.
    digits : bool
        Whether the ten digits are among the words.

    Returns
    -------
    dict
        Ready for JSON.
    """
    return {
        "synthesizer": "espeak-ng",
        "voices": voices.N_VOICES,
        "accents": voices.N_ACCENTS,
        "words": len(synthesize.words(digits=digits)),
        "digits_among_words": digits,
        "clips_a_word": n_each,
        "cycles": list(cycles),
        "batch": train.BATCH,
        "seed": seed,
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
