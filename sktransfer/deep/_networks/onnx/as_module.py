"""An ONNX graph as a torch module. Importing this module imports torch."""

from functools import lru_cache

import torch

from sktransfer._messages import shortened, shown
from sktransfer.deep._networks.onnx.cut import data_tensors, needed_nodes, turn
from sktransfer.deep._networks.onnx.describe import find_turned
from sktransfer.deep._networks.onnx.file import (
    adapt_input,
    attributes_of,
    parse,
    read_opset,
    stored_arrays,
)
from sktransfer.deep._networks.onnx.operators import OPERATORS, TRAINED_INPUTS, in_float32


class Operator(torch.nn.Module):
    """One operator of a graph, with the stored arrays that it reads.

    In training mode batch-norm uses the statistics of the batch, whose share in the running ones is
    `momentum` (None: as the graph says). `inputs` are the names of the tensors that it reads, an
    empty one for one that is left out. `held` are those that are stored in the file; the others are
    passed to `forward`.
    """

    # The names of the tensors are those of the graph, without that of the submodule before them.
    has_whole_names = True

    def __init__(self, kind, function, inputs, held):
        super().__init__()
        self.kind, self.function, self.inputs, self.momentum = kind, function, inputs, None
        self.is_norm = kind == "BatchNormalization"
        for name, tensor in held.items():  # torch refuses dots in names, ONNX is full of them
            is_trained = isinstance(tensor, torch.nn.Parameter)
            (self._parameters if is_trained else self._buffers)[name] = tensor

    def forward(self, *given):
        """Compute the output, or a tuple of them."""
        rest = iter(given)
        held = self._parameters | self._buffers
        options = {"training": self.training, "share": self.momentum} if self.is_norm else {}
        inputs = (held[name] if name in held else next(rest) for name in self.inputs)
        return self.function(*inputs, **options)

    def reset(self, generator):
        """Draw fresh weights.

        Convolutions are normal with variance 2 / fan_out, He's initialization [1]_; matrices with
        variance 2 / (fan_in + fan_out), Glorot's [2]_; tokens and embeddings with standard
        deviation 0.02; biases are zero, scales one, and batch-norm is the identity.

        References
        ----------
        .. [1] He, Zhang, Ren, Sun. "Delving deep into rectifiers". ICCV 2015.
           https://arxiv.org/abs/1502.01852
        .. [2] Glorot, Bengio. "Understanding the difficulty of training deep feedforward neural
           networks". AISTATS 2010. https://proceedings.mlr.press/v9/glorot10a.html
        """
        held = self._parameters | self._buffers
        with torch.no_grad():
            for position, name in enumerate(self.inputs):
                tensor = held.get(name)
                if self.kind.endswith("Normalization"):
                    if position and tensor is not None:
                        tensor.fill_((1.0, 0.0, 0.0, 1.0)[position - 1])
                elif isinstance(tensor, torch.nn.Parameter):
                    _redraw(tensor, self.kind, position, generator)


def _redraw(tensor, kind, position, generator):
    """Fill one parameter of an operator with fresh values."""
    if kind == "Conv" and position == 1:
        fan_out = tensor.shape[0] * tensor[0, 0].numel()
        tensor.normal_(0.0, (2.0 / fan_out) ** 0.5, generator=generator)
    elif kind in ("Gemm", "MatMul") and tensor.ndim > 1:
        tensor.normal_(0.0, (2.0 / sum(tensor.shape[-2:])) ** 0.5, generator=generator)
    elif kind == "Mul":
        tensor.fill_(1.0)
    elif kind == "PRelu":
        tensor.fill_(0.25)
    elif kind in ("Add", "Concat") and tensor.ndim > 1:
        tensor.normal_(0.0, 0.02, generator=generator)
    else:
        tensor.zero_()


class Graph(torch.nn.Module):
    """A graph whose operators on data are submodules, named after the tensors that they make.

    Values computed from shapes and stored arrays alone are part of `forward`. `stage_of` has the
    stage of each node, by its first output: an array that two stages read is copied, so that each
    can train its own. `facts` are further attributes of each operator, as for `OPERATORS`.
    """

    channels_first = True

    def __init__(self, nodes, arrays, *, input_name, output_name, stage_of, facts):
        super().__init__()
        self.input_name, self.output_name = input_name, output_name
        self.constants, self._steps, tensors = {}, [], {}
        data = data_tensors(nodes, input_name)
        for node in nodes:
            inputs, outputs = tuple(node.input), tuple(node.output)
            attributes = attributes_of(node) | facts | {"n_outputs": len(outputs)}
            function = OPERATORS[node.op_type](attributes)
            if outputs[0] not in data:
                self.constants |= {n: torch.tensor(arrays[n]) for n in inputs if n in arrays}
                self._steps.append((None, function, inputs, outputs))
                continue
            held = {}
            for position, name in enumerate(inputs):
                if name in arrays and name not in held:
                    key = stage_of.get(outputs[0]), name
                    if key not in tensors:
                        tensors[key] = _make_tensor(arrays[name], node.op_type, position)
                    held[name] = tensors[key]
            given = tuple(name for name in inputs if name not in held)
            self._modules[outputs[0]] = Operator(node.op_type, function, inputs, held)
            self._steps.append((outputs[0], None, given, outputs))
            for name in filter(None, outputs[1:]):
                identity = Operator("Identity", OPERATORS["Identity"]({}), (name,), {})
                self._modules[name] = identity
                self._steps.append((name, None, (name,), (name,)))

    def forward(self, x):
        """Map a float32 batch (n, channels, height, width) to the output."""
        known = {"": None, self.input_name: x}
        known |= {name: tensor.to(x.device) for name, tensor in self.constants.items()}
        for child, function, inputs, outputs in self._steps:
            given = (known[name] for name in inputs)
            result = function(*given) if child is None else self._modules[child](*given)
            known.update(zip(outputs, result if isinstance(result, tuple) else (result,)))
        return known[self.output_name]


def _make_tensor(array, kind, position):
    """A parameter or a buffer with a copy of a stored array."""
    tensor = torch.tensor(array)
    weights = array.dtype.kind == "f" and (array.size > 1 or kind not in ("Add", "Mul"))
    is_trained = weights and position in TRAINED_INPUTS.get(kind, ())
    return torch.nn.Parameter(tensor) if is_trained else tensor


@lru_cache(maxsize=4)
def as_module(backbone):
    """Return the graph of an ONNX file as a module, up to its last stage. Do not change it.

    It is in evaluation mode, on the CPU, and stages have their channels first.
    """
    model = parse(backbone.weights(), backbone.source)
    model_input = adapt_input(model, backbone.source)
    turn(model, find_turned(backbone, backbone.stages))
    arrays = stored_arrays(model, backbone.source)
    arrays = {name: in_float32(array) for name, array in arrays.items()}
    nodes = [node for node in model.graph.node if node.output[0] not in arrays]
    nodes, stage_of = needed_nodes(nodes, backbone.stages), {}
    for number, stage in enumerate(backbone.stages):
        for node in needed_nodes(nodes, [stage]):
            stage_of.setdefault(node.output[0], number)
    # Other makers' operators have names of their own, or mean something else by a known one.
    unknown = sorted(
        {n.op_type for n in nodes if n.op_type not in OPERATORS or n.domain not in ("", "ai.onnx")}
    )
    if unknown:
        raise ValueError(
            f"backbone={shown(backbone.name)} uses operators that the torch engine does not know: "
            f"{shortened(', '.join(unknown))}; known are {shortened(', '.join(OPERATORS))}. Use "
            "PretrainedFeatureExtractor with device='cpu', which runs them with ONNX Runtime."
        )
    return Graph(
        nodes,
        arrays,
        input_name=model_input.name,
        output_name=backbone.stages[-1],
        stage_of=stage_of,
        facts={"opset": read_opset(model), "batch": model_input.batch},
    ).eval()
