"""The torch engine: the stages of a backbone as torch modules, with the weights of its ONNX file.

Importing this module imports torch; the rest of the package imports it where it is used.
"""

from contextlib import contextmanager
from functools import lru_cache, partial
from itertools import pairwise

import numpy as np

try:
    import torch
    from torch.nn import functional as F
except ImportError as error:
    raise ImportError(
        "Training a network needs torch, which is not installed; run "
        'pip install "sktransfer[torch]".'
    ) from error

# Rows that go through a frozen network at once. The number is fixed and a short last batch is
# padded: kernels choose their algorithm by the shape, and a row must get the same features alone
# as in a batch, to the last bit.
_ROWS_AT_ONCE = {"cpu": 8, "mps": 64, "cuda": 256}


# ---- from operators to functions: attributes -> function(stage, *inputs) -> output


def _spatial_padding(attributes):
    """The padding of an operator in the order of `torch.nn.functional.pad`: left, right, ..."""
    if attributes.get("auto_pad", b"NOTSET") not in (b"NOTSET", b"VALID"):
        raise ValueError(
            f"auto_pad={attributes['auto_pad'].decode()!r} in the ONNX file is not read by the "
            "torch engine; export the network with explicit pads."
        )
    top, left, bottom, right = attributes.get("pads", (0, 0, 0, 0))
    return left, right, top, bottom


def _padded(x, padding, value=0.0):
    return F.pad(x, padding, value=value) if any(padding) else x


def _convolution(attributes):
    padding = _spatial_padding(attributes)
    options = {
        "stride": tuple(attributes.get("strides", (1, 1))),
        "dilation": tuple(attributes.get("dilations", (1, 1))),
        "groups": attributes.get("group", 1),
    }
    return lambda stage, x, weight, bias=None: F.conv2d(
        _padded(x, padding), weight, bias, **options
    )


def _batch_normalization(attributes):
    # ONNX's momentum is the share of the old statistics, torch's that of the new ones.
    momentum = 1.0 - attributes.get("momentum", 0.9)
    eps = attributes.get("epsilon", 1e-5)

    def normalize(stage, x, weight, bias, mean, var):
        share = momentum if stage.momentum is None else stage.momentum
        return F.batch_norm(
            x, mean, var, weight, bias, training=stage.training, momentum=share, eps=eps
        )

    return normalize


def _instance_normalization(attributes):
    eps = attributes.get("epsilon", 1e-5)
    return lambda stage, x, weight, bias: F.instance_norm(x, weight=weight, bias=bias, eps=eps)


def _max_pooling(attributes):
    padding = _spatial_padding(attributes)
    options = {
        "stride": tuple(attributes.get("strides", (1, 1))),
        "dilation": tuple(attributes.get("dilations", (1, 1))),
        "ceil_mode": bool(attributes.get("ceil_mode", 0)),
    }
    size = tuple(attributes["kernel_shape"])
    return lambda stage, x: F.max_pool2d(_padded(x, padding, -np.inf), size, **options)


def _average_pooling(attributes):
    left, right, top, bottom = _spatial_padding(attributes)
    if (left, top) != (right, bottom):
        raise ValueError(
            f"AveragePool with pads={list(attributes['pads'])!r} in the ONNX file is not read by "
            "the torch engine; export the network with equal padding on opposite sides."
        )
    options = {
        "stride": tuple(attributes.get("strides", (1, 1))),
        "padding": (top, left),
        "ceil_mode": bool(attributes.get("ceil_mode", 0)),
        "count_include_pad": bool(attributes.get("count_include_pad", 0)),
    }
    size = tuple(attributes["kernel_shape"])
    return lambda stage, x: F.avg_pool2d(x, size, **options)


def _plain(function):
    """An operator without attributes that matter."""
    return lambda attributes: lambda stage, *inputs: function(*inputs)


_OPERATORS = {
    "Add": _plain(torch.add),
    "AveragePool": _average_pooling,
    "BatchNormalization": _batch_normalization,
    "Clip": _plain(lambda x, low=None, high=None: torch.clamp(x, low, high)),
    "Concat": lambda attributes: lambda stage, *inputs: torch.cat(inputs, attributes["axis"]),
    "Conv": _convolution,
    "GlobalAveragePool": _plain(partial(torch.mean, dim=(2, 3), keepdim=True)),
    "Identity": _plain(lambda x: x),
    "InstanceNormalization": _instance_normalization,
    "MaxPool": _max_pooling,
    "Relu": _plain(torch.relu),
}

# Which inputs of an operator are trained; every other initializer is a buffer.
_TRAINED_INPUTS = {
    "BatchNormalization": (1, 2),
    "Conv": (1, 2),
    "InstanceNormalization": (1, 2),
}


# ---- from a graph to modules


class GraphStage(torch.nn.Module):
    """One stage of a backbone: the nodes between two cut points of an ONNX graph.

    In evaluation mode batch-norm uses its running statistics, in training mode those of the batch,
    whose share in the running ones is `momentum` (None: what the graph says).

    Parameters
    ----------
    nodes : list of onnx.NodeProto
        The nodes of the stage, in the order of the graph.
    initializers : dict of str to ndarray
        The weights that the nodes name; each is copied.
    input_name, output_name : str
        The tensors between which the stage runs.
    """

    def __init__(self, nodes, initializers, *, input_name, output_name):
        super().__init__()
        self.input_name = input_name
        self.output_name = output_name
        self.momentum = None
        self._attribute_of = {}
        self._steps = []
        for node in nodes:
            for position, name in enumerate(node.input):
                if name in initializers and name not in self._attribute_of:
                    trained = position in _TRAINED_INPUTS.get(node.op_type, ())
                    self._hold(name, initializers[name], trained=trained)
            function = _OPERATORS[node.op_type](_attributes(node))
            self._steps.append((node.op_type, function, tuple(node.input), node.output[0]))

    def _hold(self, name, array, *, trained):
        """Register one initializer. torch refuses dots in names, ONNX is full of them."""
        attribute = f"tensor{len(self._attribute_of)}"
        self._attribute_of[name] = attribute
        tensor = torch.tensor(array)
        if trained:
            self.register_parameter(attribute, torch.nn.Parameter(tensor))
        else:
            self.register_buffer(attribute, tensor)

    def forward(self, x):
        """Map the output of the previous stage, a float32 tensor (n, channels, height, width)."""
        known = {"": None, self.input_name: x}
        known |= {name: getattr(self, attribute) for name, attribute in self._attribute_of.items()}
        for _, function, inputs, output in self._steps:
            known[output] = function(self, *(known[name] for name in inputs))
        return known[self.output_name]

    def arrays(self):
        """Copies of the weights and the running statistics: a dict, ONNX name -> ndarray."""
        return {
            name: getattr(self, attribute).detach().cpu().numpy().copy()
            for name, attribute in self._attribute_of.items()
        }

    def load(self, arrays):
        """Take over what `arrays` returned, and return the stage itself."""
        with torch.no_grad():
            for name, array in arrays.items():
                getattr(self, self._attribute_of[name]).copy_(torch.tensor(array))
        return self

    def reset(self, generator):
        """Draw fresh weights, He's initialization [1]_, and return the stage itself.

        Convolutions are normal with variance 2 / fan_out, biases zero, batch-norm the identity.

        References
        ----------
        .. [1] He, Zhang, Ren, Sun. "Delving deep into rectifiers". ICCV 2015.
           https://arxiv.org/abs/1502.01852
        """
        with torch.no_grad():
            for operator, _, inputs, _ in self._steps:
                held = [getattr(self, self._attribute_of.get(name, ""), None) for name in inputs]
                if operator == "Conv":
                    fan_out = held[1].shape[0] * held[1][0, 0].numel()
                    held[1].normal_(0.0, (2.0 / fan_out) ** 0.5, generator=generator)
                    if len(held) > 2:
                        held[2].zero_()
                elif operator in ("BatchNormalization", "InstanceNormalization"):
                    for tensor, value in zip(held[1:], (1.0, 0.0, 0.0, 1.0), strict=False):
                        tensor.fill_(value)
        return self


def _attributes(node):
    from onnx import helper

    return {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}


@lru_cache(maxsize=4)
def _read_graph(backbone):
    """The nodes, the initializers and the input name of a backbone's file; kept per content."""
    import onnx
    from onnx import numpy_helper

    graph = onnx.load_model_from_string(backbone.weights()).graph
    arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant" and "value" in _attributes(node):
            arrays[node.output[0]] = numpy_helper.to_array(_attributes(node)["value"])
    nodes = [node for node in graph.node if node.output[0] not in arrays]
    (input_name,) = [value.name for value in graph.input if value.name not in arrays]
    return nodes, arrays, input_name


def _nodes_between(nodes, initializers, *, begin, end, graph_input):
    """The nodes that `end` needs beyond `begin`, in graph order.

    Raises
    ------
    ValueError
        If `end` needs anything else, such as a skip connection around `begin`.
    """
    maker = {name: index for index, node in enumerate(nodes) for name in node.output}
    wanted, open_names = set(), [end]
    while open_names:
        name = open_names.pop()
        if name in ("", begin) or name in initializers:
            continue
        if name == graph_input:
            raise ValueError(
                f"The stage {end!r} of the ONNX file needs more than the output {begin!r} of the "
                "stage before it; choose stages through which everything flows."
            )
        if name not in maker:
            raise ValueError(f"The stage {end!r} needs {name!r}, which nothing in the file makes.")
        if maker[name] not in wanted:
            wanted.add(maker[name])
            open_names.extend(nodes[maker[name]].input)
    return [nodes[index] for index in sorted(wanted)]


def build_torch_stages(backbone):
    """Build the stages of a backbone as torch modules.

    Parameters
    ----------
    backbone : Backbone
        Its file is read once a process and cut at its ``stages``.

    Returns
    -------
    stages : list of GraphStage
        One module a stage, in order, in evaluation mode, on the CPU. Each maps the output of the
        one before, the first a float32 batch (n, channels, height, width) of preprocessed images.
        Their weights are copies: training them leaves later calls alone.

    Raises
    ------
    ValueError
        If the graph has operators that the engine does not know (all are listed), or if a stage
        needs more than the output of the stage before.
    """
    nodes, initializers, graph_input = _read_graph(backbone)
    cuts = [graph_input, *backbone.stages]
    parts = [
        _nodes_between(nodes, initializers, begin=begin, end=end, graph_input=graph_input)
        for begin, end in pairwise(cuts)
    ]
    unknown = sorted({node.op_type for part in parts for node in part} - _OPERATORS.keys())
    if unknown:
        raise ValueError(
            f"backbone={backbone.name!r} uses operators that the torch engine does not know: "
            f"{', '.join(unknown)}; known are {', '.join(_OPERATORS)}. Use "
            "PretrainedFeatureExtractor, which runs them with ONNX Runtime."
        )
    return [
        GraphStage(part, initializers, input_name=begin, output_name=end).eval()
        for part, (begin, end) in zip(parts, pairwise(cuts), strict=True)
    ]


# ---- running frozen stages


def choose_device(device):
    """The torch device for `device`; "auto" is the first there is of cuda, mps and cpu.

    Raises
    ------
    ValueError
        If `device` is no device of torch, or not there on this machine.
    """
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if device == "auto":
        return torch.device(next((name for name, is_there in there.items() if is_there), "cpu"))
    try:
        chosen = torch.device(device)
    except RuntimeError:
        chosen = None
    if chosen is None or not (chosen.type == "cpu" or there.get(chosen.type, False)):
        names = [name for name, is_there in there.items() if is_there]
        raise ValueError(
            f"device={device!r} is not available on this machine; expected one of "
            f"{['auto', *names, 'cpu']}."
        )
    return chosen


@contextmanager
def exact_arithmetic(device):
    """Ask CUDA for deterministic convolutions in full float32, and restore its settings after."""
    if device.type != "cuda":
        yield
        return
    with torch.backends.cudnn.flags(
        enabled=True, benchmark=False, deterministic=True, allow_tf32=False
    ):
        yield


def rows_at_once(device):
    """How many rows go through frozen stages at once on a torch device."""
    return _ROWS_AT_ONCE.get(device.type, 64)


def collect_activations(stages, batches, *, pooled):
    """Run frozen stages over batches and put the activations together, on the CPU.

    Parameters
    ----------
    stages : list of GraphStage
        Modules in evaluation mode, on the device that is to be used; none: nothing is changed.
    batches : torch.Tensor or iterable of ndarray, of shape (b, channels, height, width)
        float32; the batches with at most ``rows_at_once(device)`` rows each.
    pooled : bool
        Whether to keep only the average of each channel over its map.

    Returns
    -------
    activations : torch.Tensor of shape (n, channels, height, width) or (n, channels)
        float32. A row gives the same bits in any batch.
    """
    if torch.is_tensor(batches):
        device = next(stages[0].parameters()).device
        batches = (part.numpy() for part in batches.split(rows_at_once(device)))
    parts = (_run(stages, batch) for batch in batches)
    return torch.cat([(part.mean(dim=(2, 3)) if pooled else part).cpu() for part in parts])


def _run(stages, batch):
    """Run stages over one batch, padded to the size that every batch has."""
    if not stages:
        return torch.as_tensor(np.array(batch))
    device = next(stages[0].parameters()).device
    missing = rows_at_once(device) - len(batch)
    with torch.no_grad():
        x = torch.as_tensor(np.array(batch))
        x = torch.cat([x, x[-1:].expand(missing, *x.shape[1:])]).to(device)
        for stage in stages:
            x = stage(x)
    return x[: len(batch)]
