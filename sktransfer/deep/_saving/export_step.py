"""A fitted extractor, or a fine-tuned network, as a step of a pipeline in one ONNX file."""

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from sktransfer.deep._describe import found_again, reload
from sktransfer.deep._networks.onnx.file import import_onnx
from sktransfer.deep._saving.export import image_form, whole_model
from sktransfer.deep._saving.export_body import Body
from sktransfer.deep._saving.export_texts import words_refusal


class _Stage(NamedTuple):
    """A network that ends with a stage, with the weights of its file."""

    backbone_: Any
    image_format_: Any
    stage_weights_: dict
    depth_: int


def refusal(backbone):
    """Return why the items of a network are no tensor, None if they are."""
    inputs = backbone.preprocessing
    if inputs.kind != "text":
        return None
    if "numpy" in backbone.engines:
        return words_refusal(inputs)
    return "its tokenizer has no ONNX operators; FineTuneClassifier.to_onnx begins with tokens"


def input_type(estimator):
    """Return the type of the items for skl2onnx, and the names of their dimensions."""
    from skl2onnx.common import data_types

    kind = estimator.backbone_.preprocessing.kind
    if kind == "text":
        return data_types.StringTensorType([None]), ()
    if kind == "sound":
        return data_types.FloatTensorType([None, None]), ("n_samples",)
    if kind == "table":
        return data_types.FloatTensorType([None, estimator.n_features_in_]), ()
    of_bytes = estimator.image_format_.value_range in (None, (0, 255))
    make = data_types.UInt8TensorType if of_bytes else data_types.FloatTensorType
    width = getattr(estimator, "n_features_in_", None)
    dims = getattr(estimator, "input_shape_", None) if width is None else (width,)
    if dims is None:
        return make([None, None, None, None]), ("height", "width", "channels")
    return make([None, *dims]), ()


def write_extractor(extractor, graph):
    """Write an extractor; return the name of its features."""
    backbone = reload(extractor)
    stage, shape = backbone.locate(extractor.stage_)
    stages, shapes = (stage,), (shape,)
    if stage in backbone.stages:
        place = backbone.stages.index(stage) + 1
        stages, shapes = backbone.stages[:place], backbone.shapes[:place]
    cut = replace(backbone, stages=stages, shapes=shapes)
    network = _Stage(cut, _format(extractor, graph), {}, len(stages))
    form = _form(extractor, graph)
    body = Body(network, pooling=extractor.pooling, form=form, opset=graph.opset)
    onnx, dims = import_onnx(), ["n", extractor._n_features_out]
    output = onnx.helper.make_tensor_value_info(body.features, onnx.TensorProto.FLOAT, dims)
    (features,) = graph.network(body.model([output]), _items(extractor, graph))
    return features


def write_fine_tuned(estimator, graph):
    """Write a fine-tuned network; return the names of its outputs, numbers in two dimensions."""
    network = found_again(estimator)
    network.image_format_ = _format(estimator, graph)
    model = whole_model(network, form=_form(estimator, graph), opset=graph.opset)
    outputs = graph.network(model, _items(estimator, graph))
    if not hasattr(estimator, "classes_"):
        return graph.add("Reshape", outputs[0], np.array([-1, len(estimator.head_.intercept)]))
    labels, probabilities = outputs
    if estimator.classes_.dtype.kind in "biu":
        labels = graph.cast(labels, np.int64)
    return labels, probabilities


def _format(estimator, graph):
    """Return how pixels are read: bytes have a range of their own."""
    found = getattr(estimator, "image_format_", None)
    if found is None or found.imposed or not graph.takes_bytes:
        return found
    return replace(found, value_range=None)


def _form(estimator, graph):
    if estimator.backbone_.preprocessing.kind != "image":
        return None
    dims = tuple(graph.shape[1:])
    if len(dims) == 1:
        return image_form((estimator.n_features_in_,), estimator.image_format_)
    return image_form(None if None in dims else dims, estimator.image_format_)


def _items(estimator, graph):
    """Return the name of the items, as the body takes them."""
    kind = estimator.backbone_.preprocessing.kind
    if kind == "text":
        return graph.add("Reshape", graph.given, np.array([-1]))
    return graph.cast(graph.given, np.float32) if kind == "sound" else graph.given
