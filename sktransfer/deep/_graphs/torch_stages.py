"""The stages of an ONNX file as torch modules. Importing this module imports torch."""

from functools import lru_cache
from itertools import pairwise

import numpy as np
import torch

from sktransfer._messages import cause, shortened, shown
from sktransfer.deep._graphs.cuts import data_tensors, reads, turn
from sktransfer.deep._graphs.describe import find_turned
from sktransfer.deep._graphs.file import adapt_input, parse, read_opset
from sktransfer.deep._graphs.probe import image_shape, run_probe
from sktransfer.deep._graphs.torch_operators import OPERATORS, TRAINED_INPUTS, in_float32, shape_of


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
    opset : int, default=17
        The version of ONNX's operators.
    batch : int or None, default=None
        The number of images for which the graph was written; None: any.
    sizes : dict of str to list, optional
        Of activations whose shapes are asked for; as for `shape_of`.
    """

    def __init__(
        self, nodes, initializers, *, input_name, output_name, opset=17, batch=None, sizes=()
    ):
        super().__init__()
        self.input_name = input_name
        self.output_name = output_name
        self.momentum = None
        self._attribute_of = {}
        self._steps = []
        for node in nodes:
            for position, name in enumerate(node.input):
                if name in initializers and name not in self._attribute_of:
                    self._hold(name, initializers[name], node.op_type, position)
            facts = {"opset": opset, "batch": batch, "n_outputs": len(node.output)}
            attributes, inputs = _attributes(node) | facts, tuple(node.input)
            if node.op_type == "Shape" and inputs[0] in sizes:
                function, inputs = shape_of(attributes, sizes[inputs[0]]), (input_name,)
            else:
                function = OPERATORS[node.op_type](attributes)
            self._steps.append((node.op_type, function, inputs, tuple(node.output)))

    def _hold(self, name, array, operator, position):
        """Register one initializer. torch refuses dots in names, ONNX is full of them."""
        attribute = f"tensor{len(self._attribute_of)}"
        self._attribute_of[name] = attribute
        tensor = torch.tensor(array)
        weights = array.dtype.kind == "f" and (array.size > 1 or operator not in ("Add", "Mul"))
        if weights and position in TRAINED_INPUTS.get(operator, ()):
            self.register_parameter(attribute, torch.nn.Parameter(tensor))
        else:
            self.register_buffer(attribute, tensor)

    def forward(self, x):
        """Map the output of the previous stage, a float32 tensor (n, ...)."""
        known = {"": None, self.input_name: x}
        known |= {name: getattr(self, attribute) for name, attribute in self._attribute_of.items()}
        for _, function, inputs, outputs in self._steps:
            result = function(self, *(known[name] for name in inputs))
            known.update(zip(outputs, result if isinstance(result, tuple) else (result,)))
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
        """Draw fresh weights, and return the stage itself.

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
        with torch.no_grad():
            for operator, _, inputs, _ in self._steps:
                held = [getattr(self, self._attribute_of.get(name, ""), None) for name in inputs]
                if operator.endswith("Normalization"):
                    for tensor, value in zip(held[1:], (1.0, 0.0, 0.0, 1.0), strict=False):
                        tensor.fill_(value)
                    continue
                for position, tensor in enumerate(held):
                    if isinstance(tensor, torch.nn.Parameter):
                        _redraw(tensor, operator, position, generator)
        return self


def _redraw(tensor, operator, position, generator):
    """Fill one parameter of an operator with fresh values."""
    if operator == "Conv" and position == 1:
        fan_out = tensor.shape[0] * tensor[0, 0].numel()
        tensor.normal_(0.0, (2.0 / fan_out) ** 0.5, generator=generator)
    elif operator in ("Gemm", "MatMul") and tensor.ndim > 1:
        tensor.normal_(0.0, (2.0 / sum(tensor.shape[-2:])) ** 0.5, generator=generator)
    elif operator == "Mul":
        tensor.fill_(1.0)
    elif operator == "PRelu":
        tensor.fill_(0.25)
    elif operator in ("Add", "Concat") and tensor.ndim > 1:
        tensor.normal_(0.0, 0.02, generator=generator)
    else:
        tensor.zero_()


def _attributes(node):
    from onnx import helper

    return {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}


def _constant(attributes):
    """The value of a Constant node."""
    from onnx import numpy_helper

    for name, dtype in {"value_float": np.float32, "value_floats": np.float32}.items():
        if name in attributes:
            return np.asarray(attributes[name], dtype=dtype)
    for name in ("value_int", "value_ints"):
        if name in attributes:
            return np.asarray(attributes[name], dtype=np.int64)
    return numpy_helper.to_array(attributes["value"])


@lru_cache(maxsize=4)
def _read_graph(backbone):
    """The nodes, the stored arrays, the input and other facts of a file; kept per content."""
    from onnx import numpy_helper

    model = parse(backbone.weights(), backbone.source)
    model_input = adapt_input(model, backbone.source)
    turn(model, find_turned(backbone, backbone.stages))
    try:
        arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
        for node in model.graph.node:
            if node.op_type == "Constant":
                arrays[node.output[0]] = _constant(_attributes(node))
    except Exception as error:  # onnx has no class for a tensor that does not fit its shape
        raise ValueError(
            f"backbone={shown(backbone.source)} has weights that cannot be read ({cause(error)}): "
            "export or download it again."
        ) from error
    arrays = {name: in_float32(array) for name, array in arrays.items()}
    nodes = [node for node in model.graph.node if node.output[0] not in arrays]
    opset = read_opset(model)
    sizes = _sizes(model, model_input, nodes, backbone)
    return nodes, arrays, model_input, {"opset": opset, "batch": model_input.batch, "sizes": sizes}


def _sizes(model, model_input, nodes, backbone):
    """The shapes of the activations that Shape nodes ask for, which may lie in earlier stages.

    The size of the images is fixed, so each axis is a number, or a multiple of that of the images.
    """
    data = data_tensors(nodes, model_input.name)
    asked = [node.input[0] for node in nodes if node.op_type == "Shape" and node.input[0] in data]
    names = sorted(set(asked) - {model_input.name})
    batches = [model_input.batch] * 2 if model_input.batch else [2, 3]
    shapes = []
    for batch in batches:
        preprocessing = backbone.preprocessing
        arrays = names and run_probe(
            model,
            model_input,
            names,
            preprocessing=preprocessing,
            batch=batch,
            path=backbone.source,
        )
        known = {name: array.shape for name, array in zip(names, arrays, strict=True)}
        known[model_input.name] = image_shape(model_input, preprocessing, batch)
        shapes.append(known)
    return {name: _growth(shapes[0][name], shapes[1][name], *batches) for name in set(asked)}


def _growth(first, second, n_first, n_second):
    """Fixed and growing share of each axis, from the shapes for two numbers of images."""
    if n_first == n_second:
        # Written for a fixed number: the first axis is that of images, or of parts of them.
        multiple = first[0] // n_first if first and first[0] % n_first == 0 else 0
        return [(0, multiple) if multiple and not axis else (n, 0) for axis, n in enumerate(first)]
    multiples = [(b - a) // (n_second - n_first) for a, b in zip(first, second, strict=True)]
    return [(a - m * n_first, m) for a, m in zip(first, multiples, strict=True)]


def _nodes_between(nodes, initializers, *, begin, end, graph_input, sizes):
    """The nodes that `end` needs beyond `begin`, in graph order; shapes are known already.

    Raises
    ------
    ValueError
        If `end` needs anything else, such as a skip connection around `begin`.
    """
    maker = {name: index for index, node in enumerate(nodes) for name in node.output}
    wanted, open_names = set(), [end]
    known = {n.output[0] for n in nodes if n.op_type == "Shape" and n.input[0] in sizes}
    while open_names:
        name = open_names.pop()
        if name in ("", begin) or name in initializers:
            continue
        if name == graph_input:
            raise ValueError(
                f"The stage {shown(end)} of the ONNX file needs more than the output "
                f"{shown(begin)} of the "
                "stage before it; choose stages through which everything flows."
            )
        if name not in maker:
            raise ValueError(
                f"The stage {shown(end)} needs {shown(name)}, which nothing in the file makes."
            )
        if maker[name] not in wanted:
            wanted.add(maker[name])
            node = nodes[maker[name]]
            open_names.extend(reads(node) if node.output[0] not in known else [])
    return [nodes[index] for index in sorted(wanted)]


def build_graph_stages(backbone):
    """Build the stages of an ONNX file as torch modules.

    Parameters
    ----------
    backbone : Backbone

    Returns
    -------
    stages : list of GraphStage
        As for `build_torch_stages`.
    """
    nodes, initializers, model_input, facts = _read_graph(backbone)
    cuts = [model_input.name, *backbone.stages]
    parts = [
        _nodes_between(
            nodes,
            initializers,
            begin=begin,
            end=end,
            graph_input=model_input.name,
            sizes=facts["sizes"],
        )
        for begin, end in pairwise(cuts)
    ]
    # Other makers' operators have names of their own, or mean something else by a known one.
    unknown = sorted(
        {
            node.op_type
            for part in parts
            for node in part
            if node.op_type not in OPERATORS or node.domain not in ("", "ai.onnx")
        }
    )
    if unknown:
        raise ValueError(
            f"backbone={shown(backbone.name)} uses operators that the torch engine does not know: "
            f"{shortened(', '.join(unknown))}; known are {shortened(', '.join(OPERATORS))}. Use "
            "PretrainedFeatureExtractor with device='cpu', which runs them with ONNX Runtime."
        )
    return [
        GraphStage(part, initializers, input_name=begin, output_name=end, **facts).eval()
        for part, (begin, end) in zip(parts, pairwise(cuts), strict=True)
    ]
