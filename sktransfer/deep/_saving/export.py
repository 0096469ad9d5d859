"""A whole fitted estimator as one ONNX file: pixels, texts, samples or rows in, predictions out."""

import json

import numpy as np

from sktransfer import __version__
from sktransfer._messages import shown
from sktransfer.deep._images.image_format import row_shape
from sktransfer.deep._networks.onnx.file import import_onnx, read_opset
from sktransfer.deep._saving.export_network import write_network
from sktransfer.deep._saving.export_pixels import RESIZE_OPSET, write_preprocessing
from sktransfer.deep._saving.export_sound import SOUND_OPSET, write_mean, write_sound
from sktransfer.deep._saving.export_table import write_perceptron
from sktransfer.deep._saving.export_texts import OPSETS, write_tokens, write_words
from sktransfer.deep._saving.graph_writer import GraphWriter
from sktransfer.deep._saving.storage import write_whole

_INPUT = "X"

# Of a file that holds no network of a user's.
TABLE_OPSET = 13


def export_onnx(estimator, path, *, image_shape=None):
    """Write a fitted estimator as an ONNX file, as `FineTuneClassifier.to_onnx` describes it."""
    onnx, kind = import_onnx(), estimator.backbone_.preprocessing.kind
    before, after = GraphWriter("input"), GraphWriter("head")
    if kind != "image":
        _refuse_image_shape(image_shape, kind)
    if kind == "text":
        write_whole(path, _export_texts(estimator, before, after).SerializeToString())
        return
    if kind == "table":
        write_whole(path, _export_rows(estimator, before, after).SerializeToString())
        return
    if kind == "image":
        dims, shape = _input_form(estimator, image_shape)
        oldest = {} if shape is not None else {"opset": RESIZE_OPSET}
    else:
        dims, oldest = ("n_samples",), {"opset": SOUND_OPSET}
    network = onnx.compose.add_prefix(write_network(estimator, **oldest), "backbone/")
    target, n_windows = network.graph.input[0].name, None
    if kind == "image":
        about = _write_pixels(estimator, before, shape, target)
    else:
        about, n_windows = _write_samples(estimator, before, target)
    features = _write_pooling(after, network.graph.output[0].name, estimator.backbone_.shapes[-1])
    if n_windows is not None:
        features = write_mean(after, features, n_windows, len(estimator.head_.mean))
    value = onnx.helper.make_tensor_value_info(
        _INPUT, onnx.TensorProto.FLOAT, ["n", *dims], doc_string=about
    )
    model = _put_together(estimator, network, before, after, features, [value], about)
    write_whole(path, model.SerializeToString())


def _export_texts(estimator, before, after):
    """The model of an estimator for texts: strings come in for words, tokens for transformers."""
    onnx = import_onnx()
    if "torch" in estimator.backbone_.engines:
        network, inputs = write_tokens(estimator), estimator.backbone_.preprocessing
        about = f"tokens of the tokenizer {inputs.tokenizer}, at most {inputs.max_tokens}"
        features, values = network.graph.output[0].name, network.graph.input
    else:
        features, about = write_words(estimator, before, _INPUT), "texts, a string each"
        opsets = [onnx.helper.make_opsetid(*entry) for entry in OPSETS.items()]
        network = onnx.ModelProto(opset_import=opsets)
        kind = onnx.TensorProto.STRING
        values = [onnx.helper.make_tensor_value_info(_INPUT, kind, ["n"], doc_string=about)]
    return _put_together(estimator, network, before, after, features, values, about)


def _export_rows(estimator, before, after):
    """The model of an estimator for tables."""
    onnx, n_features = import_onnx(), estimator.n_features_in_
    features, about = write_perceptron(estimator, before, _INPUT), f"rows of {n_features} numbers"
    network = onnx.ModelProto(opset_import=[onnx.helper.make_opsetid("", TABLE_OPSET)])
    kind = onnx.TensorProto.FLOAT
    value = onnx.helper.make_tensor_value_info(_INPUT, kind, ["n", n_features], doc_string=about)
    return _put_together(estimator, network, before, after, features, [value], about)


def _put_together(estimator, network, before, after, features, inputs, about):
    """Return the model: preprocessing, network, head, and its metadata."""
    onnx = import_onnx()
    features = after.cast(features, np.float64)
    outputs = _write_head(after, features, estimator, read_opset(network))
    graph = onnx.helper.make_graph(
        [*before.nodes, *network.graph.node, *after.nodes],
        type(estimator).__name__,
        inputs,
        outputs,
        [*before.constants, *network.graph.initializer, *after.constants],
        sparse_initializer=list(network.graph.sparse_initializer),
    )
    model = onnx.helper.make_model(
        graph,
        opset_imports=network.opset_import,
        ir_version=max(network.ir_version, 8),
        functions=network.functions,
        producer_name="sktransfer",
        producer_version=__version__,
    )
    onnx.helper.set_model_props(model, _metadata(estimator) | {"sktransfer.input": about})
    return model


def _metadata(estimator):
    backbone = estimator.backbone_
    about = {
        "estimator": type(estimator).__name__,
        "backbone": backbone.name,
        "fingerprint": backbone.fingerprint,
    }
    if hasattr(estimator, "classes_"):
        classes = [each.tolist() for each in estimator._classes()]
        about["classes"] = json.dumps(
            classes if estimator._has_columns() else classes[0], default=str
        )
    return {f"sktransfer.{name}": value for name, value in about.items()}


def _write_pixels(estimator, writer, shape, target):
    """Write the nodes from the file's input to that of the network; return a description."""
    value_range = estimator.image_format_.value_range or (0, 255)
    images = write_preprocessing(
        writer,
        _INPUT,
        shape=shape,
        value_range=value_range,
        preprocessing=estimator.backbone_.preprocessing,
    )
    writer.add("Identity", images, output=target)
    form = "of any height and width, 1 or 3 channels" if shape is None else shape
    low, high = value_range
    return f"pixels of images {form}, channels last, from {low} to {high}"


def _write_samples(estimator, writer, target):
    """The same from samples of sounds; also the name of the number of windows of each."""
    inputs = estimator.backbone_.preprocessing
    frames, n_windows = write_sound(writer, _INPUT, inputs)
    writer.add("Identity", frames, output=target)
    return f"samples of sounds from -1 to 1, {inputs.rate} a second", n_windows


def _refuse_image_shape(image_shape, kind):
    if image_shape is not None:
        raise ValueError(
            f"image_shape={shown(image_shape)} is for images, but the estimator was fitted on "
            f"{kind}s: pass None."
        )


def _input_form(estimator, image_shape):
    """The dimensions of one image in the file's input, and its height, width and channels.

    The latter is None if images of any size were fitted and no size is given.
    """
    fitted = estimator.input_shape_
    if image_shape is not None:
        shape = row_shape(None, image_shape)
        if fitted is not None:
            raise ValueError(
                f"image_shape={shown(image_shape)} is for estimators that were fitted on files or "
                f"images of any size; this one was fitted on X of shape (n, "
                f"{', '.join(map(str, fitted))}), and so is the file's input: pass None."
            )
        return tuple(image_shape), shape
    if fitted is None:
        return ("height", "width", "channels"), None
    if len(fitted) == 1:
        return fitted, row_shape(fitted[0], estimator.image_format_.image_shape)
    return fitted, (*fitted, 1)[:3]


def _write_pooling(writer, activations, shape):
    """The average of each channel over its positions or tokens, as float32."""
    features = writer.cast(activations, np.float32)
    if len(shape) == 2:
        features = writer.add("Transpose", features, perm=[0, 2, 1])
    if len(shape) > 1:
        features = writer.add("Flatten", writer.add("GlobalAveragePool", features), axis=1)
    return features


def _write_head(writer, features, estimator, opset):
    """The head in float64, as in `Head.outputs`; the declared outputs of the file."""
    helper, kinds = import_onnx().helper, import_onnx().TensorProto
    head = estimator.head_
    standardised = writer.add("Div", writer.add("Sub", features, head.mean), head.scale)
    logits = writer.add("Add", writer.add("MatMul", standardised, head.coef.T), head.intercept)
    n_outputs = len(head.intercept)
    if not hasattr(estimator, "classes_"):
        if estimator.target_ndim_ == 1:
            logits = writer.add("Reshape", logits, np.array([-1]))
        writer.add("Cast", logits, to=kinds.FLOAT, output="predictions")
        dims = ["n", n_outputs][: estimator.target_ndim_]
        return [helper.make_tensor_value_info("predictions", kinds.FLOAT, dims)]
    if not estimator._has_columns():
        return _write_classes(writer, logits, estimator.classes_, opset)
    outputs, first = [], 0
    for place, classes in enumerate(estimator.classes_):
        columns = np.arange(first, first + len(classes))
        part = writer.add("Gather", logits, columns, axis=1)
        outputs += _write_classes(writer, part, classes, opset, suffix=f"_{place}")
        first += len(classes)
    return outputs


def _write_classes(writer, logits, classes, opset, *, suffix=""):
    """The label and the probabilities of one column of y; the two outputs of the file."""
    helper, kinds = import_onnx().helper, import_onnx().TensorProto
    shares = writer.add("Softmax", logits, axis=1)
    writer.add("Cast", shares, to=kinds.FLOAT, output=f"probabilities{suffix}")
    judged = logits if opset >= 11 else writer.cast(logits, np.float32)
    codes = writer.add("ArgMax", judged, axis=1, keepdims=0)
    labels, kind = _labels(writer, classes)
    writer.add("Gather", labels, codes, axis=0, output=f"label{suffix}")
    dims = ["n", len(classes)]
    return [
        helper.make_tensor_value_info(f"label{suffix}", kind, ["n"]),
        helper.make_tensor_value_info(f"probabilities{suffix}", kinds.FLOAT, dims),
    ]


def _labels(writer, classes):
    """Return the classes as a constant, and its type; other types than number or text as texts."""
    wide = {"b": np.bool_, "i": np.int64, "u": np.int64, "f": np.float64}
    if classes.dtype.kind in wide:
        array = classes.astype(wide[classes.dtype.kind])
    elif all(type(label) is bool for label in classes.tolist()):
        array = classes.astype(bool)
    else:
        array = np.array([str(label) for label in classes], dtype=object)
    name = writer.constant(array)
    return name, writer.constants[-1].data_type
