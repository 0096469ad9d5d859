"""A whole fitted estimator as one ONNX file: pixels, texts, samples or rows in, predictions out."""

import json

import numpy as np

from sktransfer._messages import shown
from sktransfer._whole_files import write_whole
from sktransfer.deep._images.image_format import row_shape
from sktransfer.deep._networks.onnx.file import import_onnx
from sktransfer.deep._saving.export_body import Body, ImageForm


def export_onnx(estimator, path, *, image_shape=None):
    """Write a fitted estimator as an ONNX file, as `FineTuneClassifier.to_onnx` describes it."""
    kind, form = estimator.backbone_.preprocessing.kind, None
    if kind == "image":
        form = _input_form(estimator, image_shape)
    else:
        _refuse_image_shape(image_shape, kind)
    write_whole(path, whole_model(estimator, form=form).SerializeToString())


def whole_model(estimator, *, form, opset=None):
    """Return the model of a fitted estimator; `form` and `opset` are those of `Body`."""
    body = Body(estimator, form=form, opset=opset)
    features = body.after.cast(body.features, np.float64)
    model = body.model(_write_head(body.after, features, estimator, body.opset))
    about = _metadata(estimator) | {"sktransfer.input": body.about}
    import_onnx().helper.set_model_props(model, about)
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


def _refuse_image_shape(image_shape, kind):
    if image_shape is not None:
        raise ValueError(
            f"image_shape={shown(image_shape)} is for images, but the estimator was fitted on "
            f"{kind}s: pass None."
        )


def _input_form(estimator, image_shape):
    """Return the images of the file; of any size if such were fitted and none is given."""
    fitted = estimator.input_shape_
    if image_shape is not None:
        shape = row_shape(None, image_shape)
        if fitted is not None:
            raise ValueError(
                f"image_shape={shown(image_shape)} is for estimators that were fitted on files or "
                f"images of any size; this one was fitted on X of shape (n, "
                f"{', '.join(map(str, fitted))}), and so is the file's input: pass None."
            )
        return ImageForm(tuple(image_shape), shape)
    return image_form(fitted, estimator.image_format_)


def image_form(dims, image_format):
    """Return the images of rows (d,), of images (h, w) or (h, w, c), or of any size (None)."""
    if dims is None:
        return ImageForm(("height", "width", "channels"), None)
    if len(dims) == 1:
        return ImageForm(dims, row_shape(dims[0], image_format.image_shape))
    return ImageForm(dims, (*dims, 1)[:3])


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
