"""The nodes of one fitted estimator, among those of an ONNX file that skl2onnx writes.

skl2onnx is imported by no module here but inside of its own calls.
"""

from contextvars import ContextVar
from functools import cached_property

import numpy as np
from scipy.sparse import issparse
from sklearn.base import is_classifier
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline

from sktransfer._domains import TARGET
from sktransfer._messages import listed

# The domain of the rows that a file is written for; `to_onnx` sets it.
DOMAIN = ContextVar("domain", default=TARGET)

# The steps that have asked for it.
USED = ContextVar("used", default=None)

# Writers of models of some classes: a callable that takes a model.
ADAPTERS = {}

# The domain of the functions of a file, those that hold networks.
FUNCTIONS = "sktransfer"


class NewerOperatorsError(Exception):
    """A step has operators of a newer version than the file."""

    def __init__(self, model, version):
        name = type(model).__name__
        super().__init__(f"{name} needs operators of version {version}: target_opset={version}.")
        self.version = version


class Graph:
    """The nodes of one estimator; each call returns the name of a tensor.

    Tensors of numbers are float64, as in the estimators: large means would else cancel.
    """

    def __init__(self, scope, operator, container):
        self._scope, self._operator, self._container = scope, operator, container
        self._raw = set()

    @property
    def domain(self):
        """The domain of the rows, one that the estimator has seen."""
        name, model = DOMAIN.get(), self._operator.raw_operator
        model = getattr(model, "_onnx_of", model)
        known = getattr(model, "source_domains_", None)
        known = model.tasks_ if known is None else known
        if name != TARGET and name not in known:
            raise ValueError(
                f"domain={name!r}: {type(model).__name__} has seen the domains "
                f"{listed([*(each for each in known if each != TARGET), TARGET])}; pass one of "
                "these."
            )
        if USED.get() is not None:
            USED.get().append(model)
        return name

    @property
    def opset(self):
        """The version of ONNX's operators."""
        return self._container.target_opset

    @property
    def shape(self):
        """The shape of the input; None for dimensions that are free."""
        return self._operator.inputs[0].type.shape

    @property
    def takes_bytes(self):
        """Whether the input has whole numbers from 0 to 255."""
        return type(self._operator.inputs[0].type).__name__ == "UInt8TensorType"

    @cached_property
    def given(self):
        """The rows, of the type of the input."""
        names = [each.full_name for each in self._operator.inputs]
        name = names[0] if len(names) == 1 else self.add("Concat", *names, axis=1)
        self._raw.add(name)
        return name

    @cached_property
    def rows(self):
        """The rows in float64."""
        return self.cast(self.given, np.float64)

    def add(self, kind, *inputs, domain="", **attributes):
        """Add a node; arrays and numbers among its inputs become constants."""
        output = self._scope.get_unique_variable_name(kind.lower())
        self._add(kind, inputs, output, domain, attributes)
        return output

    def cast(self, source, dtype):
        """Add a conversion to a dtype of NumPy."""
        from onnx.helper import np_dtype_to_tensor_dtype

        return self.add("Cast", source, to=np_dtype_to_tensor_dtype(np.dtype(dtype)))

    def affine(self, matrix, offset, *, rows=None):
        """Add ``rows @ matrix + offset``."""
        product = self.add("MatMul", self.rows if rows is None else rows, _float64(matrix))
        return self.add("Add", product, _float64(offset))

    def by_map(self, apply):
        """Add an affine map of rows, given as a function of arrays."""
        n_features = self._operator.raw_operator.n_features_in_
        offset = apply(np.zeros((1, n_features)))
        return self.affine(apply(np.eye(n_features)) - offset, offset)

    def kernel(self, Y, name, *, gamma=None, degree=3, coef0=1.0):
        """Add the kernel of the rows and the rows of an array, as `pairwise_kernels` has it."""
        Y = _float64(Y)
        gamma = 1 / Y.shape[1] if gamma is None else gamma
        if name == "rbf":
            return self.add("Exp", self.add("Mul", self.squared_distances(Y), _float64(-gamma)))
        products = self.add("MatMul", self.rows, Y.T)
        if name == "linear":
            return products
        shifted = self.add("Add", self.add("Mul", products, _float64(gamma)), _float64(coef0))
        if name == "sigmoid":
            return self.add("Tanh", shifted)
        return self.add("Pow", shifted, _float64(degree))

    def squared_distances(self, Y, *, rows=None):
        """Add the squared distances of rows to those of an array."""
        center = Y.mean(axis=0)  # large means would else cancel
        Y = Y - center
        rows = self.add("Sub", self.rows if rows is None else rows, center)
        lengths = self.sum_of_columns(self.add("Mul", rows, rows))
        products = self.add("MatMul", rows, -2 * Y.T)
        total = self.add("Add", self.add("Add", products, lengths), (Y**2).sum(axis=1))
        return self.add("Max", total, _float64(0))

    def sum_of_columns(self, values):
        """Add the sum of each row, of shape (n_samples, 1)."""
        return self.add("ReduceSum", values, np.array([1]), keepdims=1)

    def last_column(self, values):
        """Add the last of two columns, of shape (n_samples, 1)."""
        return self.add("Gather", values, np.array([1]), axis=1)

    def unit_rows(self, values):
        """Add rows of length 1; a row of zeros stays one."""
        length = self.add("Sqrt", self.sum_of_columns(self.add("Mul", values, values)))
        is_zero = self.cast(self.add("Equal", length, _float64(0)), np.float64)
        return self.add("Div", values, self.add("Add", length, is_zero))

    def both_classes(self, scores):
        """Add the opposite score as the first of two columns."""
        return self.add("Concat", self.add("Neg", scores), scores, axis=1)

    def log_expit(self, scores):
        """Add the logarithm of the logistic function."""
        rest = self.add("Exp", self.add("Neg", self.add("Abs", scores)))
        rest = self.add("Log", self.add("Add", rest, np.float64(1)))
        return self.add("Sub", self.add("Min", scores, np.float64(0)), rest)

    def best_label(self, scores, classes):
        """Add the label of the largest score of each row."""
        best = self.add("ArgMax", scores, axis=1, keepdims=0)
        places = [int(place) for place in range(len(classes))]
        if classes.dtype.kind in "biu":
            labels = {"values_int64s": [int(label) for label in classes]}
        else:
            labels = {"values_strings": [str(label) for label in classes]}
        return self.add("LabelEncoder", best, domain="ai.onnx.ml", keys_int64s=places, **labels)

    def place_of(self, labels, classes):
        """Add the position of each label among the classes."""
        if classes.dtype.kind in "biu":
            keys = {"keys_int64s": [int(label) for label in classes]}
        else:
            keys = {"keys_strings": [str(label) for label in classes]}
        places = [int(place) for place in range(len(classes))]
        return self.add("LabelEncoder", labels, domain="ai.onnx.ml", values_int64s=places, **keys)

    def answers(self, model, *, columns=None, rows=None):
        """Add another fitted model, on the same or on other rows; return the names of its outputs.

        Numbers are converted to float64. A classifier has labels first.
        """
        inputs = self._operator.inputs
        if rows is not None:
            kind = type(self._operator.outputs[-1].type)
            inputs = [self._scope.declare_local_variable("rows", kind([None, None]))]
            self.name(rows, inputs[0])
        if columns is not None:
            inputs = [self._scope.declare_local_variable("columns", inputs[0].type)]
            taken = np.asarray(columns, dtype=np.int64)
            self._add("Gather", (self.given, taken), inputs[0].full_name, "", {"axis": 1})
        *labels, values = self._parse(model, inputs)
        return (*(each.full_name for each in labels), self.cast(values.full_name, np.float64))

    def _parse(self, model, inputs):
        """Add another model; skl2onnx writes its nodes later. Return its outputs."""
        from skl2onnx._parse import _parse_sklearn

        model = found_model(model)
        if isinstance(model, Pipeline):
            for _, step in steps_of(model):
                inputs = self._parse(step, inputs)
            return inputs
        if takes_zipmap(model):
            for holder in (self._scope, self._container):
                holder.add_options(id(model), {"zipmap": False})
        return _parse_sklearn(self._scope, model, inputs)

    def rising(self, values, n_columns):
        """Add the values of each row from the least to the largest, and their columns."""
        sorted_ = [self._scope.get_unique_variable_name(name) for name in ("rising", "columns")]
        given = values, np.array([n_columns])
        self._add("TopK", given, sorted_, "", {"axis": 1, "largest": 0, "sorted": 1})
        return sorted_

    def sum(self, parts):
        """Add the sum of tensors."""
        return parts[0] if len(parts) == 1 else self.add("Sum", *parts)

    def mean(self, parts):
        """Add the mean of tensors."""
        return self.add("Mul", self.sum(parts), np.float64(1 / len(parts)))

    def probabilities(self, model, classes, *, columns=None, rows=None):
        """Add the probabilities that a classifier gives to all of `classes`."""
        *_, known = self.answers(model, columns=columns, rows=rows)
        among_all = np.asarray(model.classes_)[:, None] == classes
        return self.affine(among_all, np.zeros(len(classes)), rows=known)

    def votes(self, model, classes, *, columns=None):
        """Add the vote of a classifier for one of `classes`: 1 for its label, and 0 for others."""
        label, _ = self.answers(model, columns=columns)
        known = np.asarray(model.classes_)
        one_of_them = (known[:, None] == classes).astype(np.float64)
        return self.add("Gather", one_of_them, self.place_of(label, known), axis=0)

    def network(self, model, source):
        """Add an ONNX model of one input as a function; return the names of its outputs.

        skl2onnx sorts the nodes that it gets, and knows neither of inputs that are left out nor of
        graphs inside of nodes. It does not look into functions.
        """
        from onnx.helper import make_node
        from onnx.inliner import inline_local_functions

        model = inline_local_functions(model) if model.functions else model
        versions = {entry.domain: entry.version for entry in model.opset_import}
        if versions[""] > self.opset:
            raise NewerOperatorsError(self._operator.raw_operator, versions[""])
        graph, name = model.graph, self._scope.get_unique_operator_name("Network")
        weights = [self._weight(tensor) for tensor in graph.initializer]
        inside = _kept_in_order(type(self._container))(versions, as_function=True)
        sparse = [
            make_node("Constant", [], [tensor.values.name], sparse_value=tensor)
            for tensor in graph.sparse_initializer
        ]
        inside.nodes = [*sparse, *graph.node]
        inside.inputs = [*graph.input, *graph.initializer]
        inside.outputs = list(graph.output)
        inside.node_domain_version_pair_sets = set(versions.items())
        self._container.make_local_function(FUNCTIONS, name, inside)
        outputs = [self._scope.get_unique_variable_name(each.name) for each in graph.output]
        for domain, version in [*versions.items(), (FUNCTIONS, 1)]:
            self._container.target_opset_all.setdefault(domain, version)
            self._container.node_domain_version_pair_sets.add((domain, version))
        self._container.add_node(
            name, [source, *weights], outputs, op_domain=FUNCTIONS, op_version=1, name=name
        )
        return outputs

    def _weight(self, tensor):
        """Add a constant as it is, of any type; return its name."""
        from onnx import TensorProto

        kept = TensorProto()
        kept.CopyFrom(tensor)
        kept.name = self._scope.get_unique_variable_name("weight")
        self._container.initializers.append(kept)
        return kept.name

    def name(self, source, variable):
        """Give a tensor the name and the type of an output."""
        from skl2onnx.common.data_types import guess_proto_type

        number = "Float" in type(variable.type).__name__ or "Double" in type(variable.type).__name__
        if number and source not in self._raw:
            to = {"to": guess_proto_type(variable.type)}
            self._add("Cast", (source,), variable.full_name, "", to)
        else:
            self._add("Identity", (source,), variable.full_name, "", {})

    def _add(self, kind, inputs, outputs, domain, attributes):
        outputs = [outputs] if isinstance(outputs, str) else outputs
        inputs = [each if isinstance(each, str) else self._constant(each) for each in inputs]
        name = self._scope.get_unique_operator_name(kind)
        version = {"ai.onnx.ml": 2}.get(domain)
        options = {} if version is None else {"op_version": version}
        self._container.add_node(
            kind, inputs, outputs, op_domain=domain, name=name, **options, **attributes
        )

    def _constant(self, value):
        from onnx.numpy_helper import from_array

        name = self._scope.get_unique_variable_name("constant")
        array = np.ascontiguousarray(value) if np.ndim(value) else np.asarray(value)
        tensor = from_array(array, name)
        self._container.add_initializer(name, tensor.data_type, array.shape, tensor)
        return name


def _float64(values):
    values = values.toarray() if issparse(values) else values
    return np.asarray(values, dtype=np.float64)


def _kept_in_order(container):
    """Return the class of a container for a function that keeps the order of its nodes."""
    return type("_KeptInOrder", (container,), {"ensure_topological_order": lambda self: None})


def found_model(model):
    """Return the model that a search has found, or one that is frozen; any other as it is."""
    while True:
        if hasattr(model, "best_estimator_"):
            model = model.best_estimator_
        elif isinstance(model, FrozenEstimator):
            model = model.estimator
        elif hasattr(model, "_onnx_model"):
            model = model._onnx_model
        else:
            return ADAPTERS.get(type(model), lambda found: found)(model)


def steps_of(pipeline):
    """Return the named steps of a pipeline that do something."""
    return [(name, step) for name, step in pipeline.steps if step not in (None, "passthrough")]


def takes_zipmap(model):
    """Tell whether skl2onnx writes probabilities as dictionaries unless it is told not to."""
    from skl2onnx import get_model_alias
    from skl2onnx.common._registration import get_converter

    if not is_classifier(model):
        return False
    try:
        alias = get_model_alias(Pipeline if isinstance(model, Pipeline) else type(model))
    except (KeyError, RuntimeError):  # a model of sktransfer
        return False
    allowed = get_converter(alias).get_allowed_options()
    return bool(allowed) and "zipmap" in allowed
