"""Write the trained stages as an ONNX file, node by node."""

import json
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

from . import network as architecture
from . import render, train
from .draws import DISTORTION, IMAGE_SIZE

OPSET = 17
IR_VERSION = 8
INPUT = "image"
BATCH_AXIS = "N"
LICENCE = "BSD-3-Clause"
PREPROCESSING = {
    "size": [IMAGE_SIZE, IMAGE_SIZE],
    "channels": 1,
    "range": [0, 1],
    "resize": "bilinear",
    "mean": [0.0],
    "std": [1.0],
}


class GraphBuilder:
    """Collect the nodes and the weights of a graph.

    Attributes
    ----------
    nodes : list of onnx.NodeProto
        In the order of computation.
    weights : list of onnx.TensorProto
        Initialisers.
    """

    def __init__(self):
        self.nodes = []
        self.weights = []

    def weight(self, name, values):
        """Add an initialiser.

        Parameters
        ----------
        name : str
            Its name in the graph.
        values : tensor
            Its values.

        Returns
        -------
        str
            The name.
        """
        array = np.ascontiguousarray(values.detach().numpy().astype(np.float32))
        self.weights.append(numpy_helper.from_array(array, name))
        return name

    def node(self, kind, inputs, output, **attributes):
        """Add a node with one output.

        Parameters
        ----------
        kind : str
            ONNX operator.
        inputs : list of str
            Names of its inputs.
        output : str
            Name of its output, and of the node.
        **attributes
            Attributes of the operator.

        Returns
        -------
        str
            The name of the output.
        """
        self.nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def convolution(self, source, name, layer):
        """Add a convolution without bias.

        Parameters
        ----------
        source : str
            Tensor it reads.
        name : str
            Its name.
        layer : nn.Conv2d
            Its weights.

        Returns
        -------
        str
            The name of the output.
        """
        weight = self.weight(f"{name}.weight", layer.weight)
        sizes = {"kernel_shape": list(layer.kernel_size), "strides": list(layer.stride)}
        if layer.groups > 1:
            sizes["group"] = layer.groups
        pads = list(layer.padding) * 2
        return self.node("Conv", [source, weight], name, pads=pads, **sizes)

    def normalisation(self, source, name, layer):
        """Add a batch normalisation in its form for inference.

        Parameters
        ----------
        source : str
            Tensor it reads.
        name : str
            Its name.
        layer : nn.BatchNorm2d
            Its weights and statistics.

        Returns
        -------
        str
            The name of the output.
        """
        values = {
            "scale": layer.weight,
            "bias": layer.bias,
            "mean": layer.running_mean,
            "var": layer.running_var,
        }
        inputs = [source] + [self.weight(f"{name}.{key}", v) for key, v in values.items()]
        return self.node("BatchNormalization", inputs, name, epsilon=layer.eps)

    def stage(self, source, name, layers):
        """Add a stage.

        Parameters
        ----------
        source : str
            Tensor it reads.
        name : str
            Its name, and that of its output.
        layers : nn.Sequential
            Convolution, batch normalisation and ReLU in turn, then a pooling.

        Returns
        -------
        str
            The name of the output.
        """
        *blocks, _ = layers
        for i in range(len(blocks) // 3):
            block = f"{name}.{i + 1}"
            source = self.convolution(source, f"{block}.conv", blocks[3 * i])
            source = self.normalisation(source, f"{block}.norm", blocks[3 * i + 1])
            source = self.node("Relu", [source], f"{block}.relu")
        return self.node("MaxPool", [source], name, kernel_shape=[2, 2], strides=[2, 2])


def to_onnx(network):
    """Turn the stages of a network into an ONNX model.

    Parameters
    ----------
    network : GlyphNet
        The trained network; its head is left behind.

    Returns
    -------
    onnx.ModelProto
        One input, one output for each stage, checked.
    """
    builder = GraphBuilder()
    source = INPUT
    for name, layers in zip(architecture.STAGES, network.stages, strict=True):
        source = builder.stage(source, name, layers)
    shape = [BATCH_AXIS, 1, IMAGE_SIZE, IMAGE_SIZE]
    image = helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, shape)
    graph = helper.make_graph(builder.nodes, "glyphs", [image], outputs(), builder.weights)
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="sktransfer"
    )
    model.ir_version = IR_VERSION
    onnx.checker.check_model(model, full_check=True)
    return model


def outputs():
    """Describe the feature maps.

    Returns
    -------
    list of onnx.ValueInfoProto
        One for each stage.
    """
    described = []
    for i, (name, channels) in enumerate(
        zip(architecture.STAGES, architecture.CHANNELS, strict=True)
    ):
        side = IMAGE_SIZE >> (i + 1)
        shape = [BATCH_AXIS, channels, side, side]
        described.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
    return described


def recipe(steps, seed, seconds):
    """Describe how the network was trained.

    Parameters
    ----------
    steps, seed : int
        What `train` was called with.
    seconds : float
        How long it took.

    Returns
    -------
    dict
        Ready for JSON.
    """
    return {
        "steps": steps,
        "batch": train.BATCH,
        "seed": seed,
        "optimiser": "AdamW",
        "learning_rate": train.LEARNING_RATE,
        "schedule": "one cycle, cosine",
        "warm_up": train.WARM_UP,
        "weight_decay": train.WEIGHT_DECAY,
        "average_decay": train.AVERAGE_DECAY,
        "dropout": architecture.DROPOUT,
        "classes": render.class_names(),
        "distortion": DISTORTION,
        "torch": torch.__version__,
        "minutes": round(seconds / 60, 1),
    }


def packages(faces):
    """Count the faces of each package.

    Parameters
    ----------
    faces : list of Face
        All faces used.

    Returns
    -------
    list of dict
        Package, licence, number of faces, and whether they were held out.
    """
    table = {}
    for face in faces:
        row = {"package": face.package, "licence": face.licence, "faces": 0}
        row = table.setdefault(face.package, row | {"held_out": face.held_out})
        row["faces"] += 1
    return list(table.values())


def describe(model, **facts):
    """Write facts into the metadata of a model.

    Parameters
    ----------
    model : onnx.ModelProto
        Changed in place.
    **facts
        Values for JSON; each key is stored behind ``sktransfer.``.
    """
    stored = {prop.key: prop.value for prop in model.metadata_props}
    stored |= {f"sktransfer.{key}": json.dumps(value) for key, value in facts.items()}
    helper.set_model_props(model, stored)


def save(model, path):
    """Write a model to a file.

    Parameters
    ----------
    model : onnx.ModelProto
        The model.
    path : str or Path
        Where to write it; the folder is made.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(model.SerializeToString(deterministic=True))
