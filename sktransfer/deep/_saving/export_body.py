"""From an item to its features, as an ONNX model: preprocessing, network and pooling."""

from typing import NamedTuple

import numpy as np

from sktransfer import __version__
from sktransfer.deep._engines.grid import find_grid
from sktransfer.deep._engines.pooling import n_features
from sktransfer.deep._networks.onnx.file import import_onnx
from sktransfer.deep._saving.export_network import write_network
from sktransfer.deep._saving.export_pixels import RESIZE_OPSET, write_preprocessing
from sktransfer.deep._saving.export_sound import SOUND_OPSET, write_mean, write_sound
from sktransfer.deep._saving.export_table import write_perceptron
from sktransfer.deep._saving.export_texts import OPSETS, write_tokens, write_words
from sktransfer.deep._saving.graph_writer import GraphWriter

# The name of the input.
INPUT = "X"

# Of a file that holds no network of a user's.
_TABLE_OPSET = 13


class Body:
    """The nodes of a fitted estimator up to its features, and those that follow.

    Parameters
    ----------
    estimator : object
        It has a `backbone_`, whose last stage is written, `stage_weights_` and `depth_`, and as its
        network reads images or tables an `image_format_` or a `table_format_`.
    pooling : {"avg", "max", "grid"} or None
        The pooling of the stage.
    form : ImageForm or None
        The images; None for other items.
    opset : int or None
        The oldest version of ONNX's operators that the model may have. None: any.

    Attributes
    ----------
    after : GraphWriter
        The writer of the nodes that follow.
    features : str
        The name of the features.
    about : str
        A description of the input.
    """

    def __init__(self, estimator, *, pooling="avg", form=None, opset=None):
        self._estimator, self._pooling, self._opset = estimator, pooling, opset
        self._before, self.after = GraphWriter("input"), GraphWriter("head")
        kind = estimator.backbone_.preprocessing.kind
        write = {"text": self._write_texts, "table": self._write_rows, "sound": self._write_sounds}
        self.features = self._write_images(form) if kind == "image" else write[kind]()

    @property
    def opset(self):
        """The version of ONNX's operators."""
        return next(entry.version for entry in self.network.opset_import if not entry.domain)

    def model(self, outputs):
        """Return the model that ends with the nodes of `after`.

        Parameters
        ----------
        outputs : list of onnx.ValueInfoProto

        Returns
        -------
        model : onnx.ModelProto
        """
        onnx, network = import_onnx(), self.network
        graph = onnx.helper.make_graph(
            [*self._before.nodes, *network.graph.node, *self.after.nodes],
            type(self._estimator).__name__,
            self.inputs,
            outputs,
            [*self._before.constants, *network.graph.initializer, *self.after.constants],
            sparse_initializer=list(network.graph.sparse_initializer),
        )
        return onnx.helper.make_model(
            graph,
            opset_imports=network.opset_import,
            ir_version=max(network.ir_version, 8),
            functions=network.functions,
            producer_name="sktransfer",
            producer_version=__version__,
        )

    def _write_images(self, form):
        oldest = None if form.shape is not None else RESIZE_OPSET
        target = self._set_network(oldest)
        value_range = self._estimator.image_format_.value_range or (0, 255)
        images = write_preprocessing(
            self._before,
            INPUT,
            shape=form.shape,
            value_range=value_range,
            preprocessing=self._estimator.backbone_.preprocessing,
        )
        self._before.add("Identity", images, output=target)
        size = "of any height and width, 1 or 3 channels" if form.shape is None else form.shape
        low, high = value_range
        self._describe(f"pixels of images {size}, channels last, from {low} to {high}", form.dims)
        return self._pooled()

    def _write_sounds(self):
        target, inputs = self._set_network(SOUND_OPSET), self._estimator.backbone_.preprocessing
        frames, n_windows = write_sound(self._before, INPUT, inputs)
        self._before.add("Identity", frames, output=target)
        self._describe(f"samples of sounds from -1 to 1, {inputs.rate} a second", ("n_samples",))
        width = n_features(self._estimator.backbone_.shapes[-1], self._pooling)
        return write_mean(self.after, self._pooled(), n_windows, width)

    def _write_texts(self):
        """Strings come in for words, tokens for transformers."""
        if "torch" in self._estimator.backbone_.engines:
            inputs = self._estimator.backbone_.preprocessing
            self.network = write_tokens(self._estimator)
            self.inputs = self.network.graph.input
            self.about = f"tokens of the tokenizer {inputs.tokenizer}, at most {inputs.max_tokens}"
            return self.network.graph.output[0].name
        features = write_words(self._estimator, self._before, INPUT)
        self._set_operators(OPSETS)
        self._describe("texts, a string each", (), kind="STRING")
        return features

    def _write_rows(self):
        width = self._estimator.n_features_in_
        features = write_perceptron(self._estimator, self._before, INPUT)
        self._set_operators({"": _TABLE_OPSET})
        self._describe(f"rows of {width} numbers", (width,))
        return features

    def _set_network(self, oldest):
        """Write the network; return the name of its input."""
        versions = [version for version in (oldest, self._opset) if version is not None]
        options = {"opset": max(versions)} if versions else {}
        network = write_network(self._estimator, **options)
        self.network = import_onnx().compose.add_prefix(network, "backbone/")
        return self.network.graph.input[0].name

    def _set_operators(self, opsets):
        """Have no network, but operators of these versions."""
        onnx = import_onnx()
        opsets = opsets | {"": max(opsets[""], self._opset or 0)}
        opsets = [onnx.helper.make_opsetid(*entry) for entry in opsets.items()]
        self.network = onnx.ModelProto(opset_import=opsets)

    def _describe(self, about, dims, *, kind="FLOAT"):
        """Declare the input."""
        onnx = import_onnx()
        kind = getattr(onnx.TensorProto, kind)
        make = onnx.helper.make_tensor_value_info
        self.about, self.inputs = about, [make(INPUT, kind, ["n", *dims], doc_string=about)]

    def _pooled(self):
        """The features of a stage, float32, as `pool` and `Grid` make them."""
        writer, backbone = self.after, self._estimator.backbone_
        features = writer.cast(self.network.graph.output[0].name, np.float32)
        shape = backbone.shapes[-1]
        if self._pooling == "grid":
            n_first = find_grid(backbone, backbone.stages[-1]).n_first
            if n_first is None:
                features = writer.add("Transpose", features, perm=[0, 2, 3, 1])
            else:
                features = writer.add("Gather", features, np.arange(n_first, shape[0]), axis=1)
        elif self._pooling is not None and len(shape) > 1:
            if len(shape) == 2:
                features = writer.add("Transpose", features, perm=[0, 2, 1])
            kind = {"avg": "GlobalAveragePool", "max": "GlobalMaxPool"}[self._pooling]
            features = writer.add(kind, features)
        return writer.add("Flatten", features, axis=1) if len(shape) > 1 else features


class ImageForm(NamedTuple):
    """The images that a file takes: the dimensions of one, and its height, width and channels.

    The latter is None for images of any size.
    """

    dims: tuple
    shape: tuple[int, int, int] | None
