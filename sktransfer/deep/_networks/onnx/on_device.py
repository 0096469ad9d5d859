"""What a graph does beside the network on a GPU: it scales bytes, and pools maps."""

import numpy as np

from sktransfer.deep._images.network_input import scaling
from sktransfer.deep._networks.onnx.file import import_onnx


def pool_outputs(weights, pooling, ranks):
    """Let each output of a graph be the features of its channels, (n, c), float32.

    `pooling` is "avg" or "max", as for `pool`. `ranks` has the number of axes of each output but
    that of the images: 3 for a map, 2 for tokens, 1 for a vector, which stays as it is.
    """
    onnx = import_onnx()
    model = onnx.load_model_from_string(weights)
    pool = {"avg": "GlobalAveragePool", "max": "GlobalMaxPool"}[pooling]
    names = [value.name for value in model.graph.output]
    del model.graph.output[:]
    for name, rank in zip(names, ranks, strict=True):
        steps = [("Cast", {"to": onnx.TensorProto.FLOAT})]
        if rank == 2:
            steps.append(("Transpose", {"perm": [0, 2, 1]}))
        if rank > 1:
            steps += [(pool, {}), ("Flatten", {"axis": 1})]
        for kind, attributes in steps:
            node = onnx.helper.make_node(kind, [name], [f"{name}/{kind}"], **attributes)
            model.graph.node.append(node)
            name = node.output[0]
        model.graph.output.append(onnx.ValueInfoProto(name=name))
    return model.SerializeToString()


def take_bytes(weights, preprocessing):
    """Let a graph for color take bytes, and scale them as `scale_bytes` does."""
    onnx = import_onnx()
    model = onnx.load_model_from_string(weights)
    (image,) = model.graph.input
    name = image.name
    image.name = f"{name}/bytes"
    image.type.tensor_type.elem_type = onnx.TensorProto.UINT8
    arrays = zip(("factor", "shift"), scaling(preprocessing, 255), strict=True)
    for kind, values in arrays:
        array = values[:, np.newaxis, np.newaxis]
        model.graph.initializer.append(onnx.numpy_helper.from_array(array, f"{name}/{kind}"))
    make = onnx.helper.make_node
    scaled = [
        make("Cast", [image.name], [f"{name}/values"], to=onnx.TensorProto.FLOAT),
        make("Mul", [f"{name}/values", f"{name}/factor"], [f"{name}/scaled"]),
        make("Sub", [f"{name}/scaled", f"{name}/shift"], [name]),
    ]
    nodes = [*scaled, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return model.SerializeToString()
