"""The places of an ONNX graph through which everything flows."""

import math

from sktransfer._messages import shown
from sktransfer.deep._networks.find_stages import Place
from sktransfer.deep._networks.onnx.cut import data_tensors, needed_nodes, reads

# The numbers of classes of ImageNet's networks, with and without the background.
CLASS_COUNTS = (1000, 1001, 21841, 21843)

# Operators that only rearrange values. They do not show which axis is that of the tokens.
_MOVERS = ("Flatten", "Reshape", "Squeeze", "Transpose", "Unsqueeze")


def find_places(probe):
    """Find the tensors through which all flows that reaches the output: a list of `Place`.

    Everything after the last layer with weights, a classifier, is left out. If a network ends in
    the global pooling of a convolution's maps, these may be classes. They are treated as such if a
    softmax follows or their number is one of ImageNet's.
    """
    nodes, data = _data_flow(probe.model, probe.input.name)
    if not nodes:
        raise ValueError(
            f"backbone={shown(probe.path)} has no output that depends on its input: check the "
            "file, or pass stages=[...], names of tensors in order from the input."
        )
    places, first = [], set()
    for place in _measure(probe, nodes, data):
        if _channels_last(probe, place):
            place = place._replace(shape=(place.shape[2], *place.shape[:2]))
            # Of a map and its transposition one is enough.
            if place.n_positions > 1 and place.depth in first:
                continue
        else:
            first.add(place.depth)
        places.append(place)
    return places


def _data_flow(model, input_name):
    """The nodes between the input and the deepest output, and the tensors that depend on pixels.

    Values computed from a tensor's shape alone are no flow of data.
    """
    graph = model.graph
    depths = {value.name: len(needed_nodes(graph.node, [value.name])) for value in graph.output}
    best = max(depths, key=depths.get, default="")
    data = data_tensors(graph.node, input_name)
    reaching, nodes = {best}, []
    for node in reversed(graph.node):
        if reaching.intersection(node.output) and data.intersection(node.output):
            nodes.append(node)
            reaching.update(data.intersection(reads(node)))
    return nodes[::-1], data & reaching


def find_cuts(nodes, data, input_name):
    """Find the tensors through which everything flows, and the positions of their nodes.

    In the order of the graph, such a tensor is the only one that is still to be read at the moment
    when it is made. All `nodes` lie on a way from the input to the output; `data` are the tensors
    that carry data.
    """
    readers = {}
    for node in nodes:
        for name in data.intersection(reads(node)):
            readers[name] = readers.get(name, 0) + 1
    open_names, cuts = {input_name}, {}
    for position, node in enumerate(nodes):
        for name in data.intersection(reads(node)):
            readers[name] -= 1
            if not readers[name]:
                open_names.discard(name)
        open_names.update(name for name in node.output if name in data)
        if len(open_names) == 1:
            cuts[next(iter(open_names))] = position
    return cuts


def _has_weights(node, data):
    """A layer that multiplies data by weights; attention multiplies data by data."""
    kind = any(word in node.op_type for word in ("Conv", "Gemm", "MatMul"))
    return kind and len(data.intersection(reads(node))) == 1


def _measure(probe, nodes, data):
    """The places before the classifier, with their shapes and depths."""
    layers = [place for place, node in enumerate(nodes) if _has_weights(node, data)]
    cuts = find_cuts(nodes, data, probe.input.name)
    around = []
    if layers:
        (read,) = data.intersection(reads(nodes[layers[-1]]))
        around = [read, nodes[layers[-1]].output[0]]
    probed = list(dict.fromkeys(name for name in [*cuts, *around] if name != probe.input.name))
    found = dict(zip(probed, probe.run(probed, probe.input.batch or 1), strict=True))
    end = len(nodes)
    if layers and _is_classifier(nodes, layers[-1], found.get(around[0]), found[around[1]]):
        end = layers[-1]
    return [
        Place(name, found[name].shape[1:], sum(layer <= position for layer in layers))
        for name, position in cuts.items()
        if position < end and _is_place(found[name], nodes[position].op_type)
    ]


def _is_place(array, operator):
    """Features of one image in each row; zeros around a map would be averaged with it."""
    movers = _MOVERS if array.ndim == 3 else ()
    return array.ndim in (2, 3, 4) and array.dtype.kind == "f" and operator not in ("Pad", *movers)


def _is_classifier(nodes, position, source, result):
    """Tell whether the last layer with weights makes the logits."""
    if source is not None and (source.ndim == 2 or math.prod(source.shape[2:]) == 1):
        return True
    followers = {node.op_type for node in nodes[position + 1 :]}
    by_channels = result.ndim == 4 and result.shape[1] in CLASS_COUNTS
    return by_channels or bool(followers & {"Softmax", "LogSoftmax"})


def _channels_last(probe, place):
    """Tell whether the channels of a map are behind its positions, as in a Swin transformer."""
    if len(place.shape) == 3 and place.name in probe.axes:
        return probe.axes[place.name] != 1
    return probe.is_turned(place.name, place.shape)
