"""What the tensors of a graph look like: found by running it once on black images."""

import math

import numpy as np

from sktransfer._messages import cause, shown
from sktransfer.deep._networks.onnx.cut import cut
from sktransfer.deep._networks.onnx.file import MOST_VALUES
from sktransfer.deep._networks.onnx.layout import channel_axes, is_last
from sktransfer.deep._networks.onnx.run import make_session, run_within

# The seconds that one batch of black images may take: a loop may have no end.
PATIENCE = 120


def run_probe(model, model_input, names, *, preprocessing, batch, path):
    """Compute some tensors for a batch of black images."""
    if not names:
        return []
    shape = image_shape(model_input, preprocessing, batch)
    if math.prod(shape) > MOST_VALUES:
        raise ValueError(
            f"backbone={shown(path)} cannot be run with images (n, channels, height, width) = "
            f"{shape}, which are too many values: pass a smaller input_size."
        )
    images = np.zeros(shape, dtype=np.float32)
    try:
        session = make_session(cut(model, [model_input.name], names).SerializeToString())
        return run_within(session, names, {model_input.name: images}, PATIENCE)
    except Exception as error:  # ONNX Runtime has a class for each kind of failure
        raise ValueError(
            f"backbone={shown(path)} cannot be run up to {shown(names[-1])} with images (n, "
            f"channels, height, width) = {shape}; ONNX Runtime says: {cause(error)}. Check the "
            "file and input_size, or choose an earlier stage."
        ) from error


def image_shape(model_input, preprocessing, batch):
    """The shape of a batch, from what the graph says or leaves to the preprocessing."""
    channels = model_input.channels or preprocessing.channels
    return (batch, channels, *(model_input.size or preprocessing.size))


def stage_shapes(model, model_input, names, *, preprocessing, path):
    """Return the shapes of some tensors for one image, maps with channels first, by one run."""
    batch = model_input.batch or 2
    names = list(names)
    arrays = run_probe(
        model, model_input, names, preprocessing=preprocessing, batch=batch, path=path
    )
    for name, array in zip(names, arrays, strict=True):
        shape = getattr(array, "shape", None)
        if shape is None or shape[:1] != (batch,) or len(shape) not in (2, 3, 4) or 0 in shape:
            raise ValueError(
                f"{shown(name)} of backbone={shown(path)} cannot be a stage: for {batch} images it "
                f"has the shape {shape}, expected (n, c, h, w), (n, t, c) or (n, c) with n images: "
                "choose another tensor."
            )
        if array.dtype.kind not in "fiub":
            raise ValueError(
                f"{shown(name)} of backbone={shown(path)} cannot be a stage: it has values of type "
                f"{array.dtype}, expected numbers: choose another tensor."
            )
    shapes = {name: array.shape[1:] for name, array in zip(names, arrays, strict=True)}
    turned = _turned(channel_axes(model, model_input.name), shapes, model_input, preprocessing)
    return tuple((s[2], *s[:2]) if name in turned else s for name, s in shapes.items())


def turned_stages(model, model_input, stages, *, preprocessing, path):
    """Return the names of the stages whose channels are last in the graph."""
    maps = [name for name, shape in stages if len(shape) == 3]
    axes = channel_axes(model, model_input.name) if maps else {}
    known = {name for name in maps if axes.get(name) == 3}
    if all(name in axes for name in maps):
        return known
    batch = model_input.batch or 2
    try:
        arrays = run_probe(
            model, model_input, maps, preprocessing=preprocessing, batch=batch, path=path
        )
    except ValueError:  # the engine that runs them will say so
        return known
    shapes = {name: array.shape[1:] for name, array in zip(maps, arrays, strict=True)}
    return _turned(axes, shapes, model_input, preprocessing)


def _turned(axes, shapes, model_input, preprocessing):
    """The maps with channels last, by the graph or, if the images are square, by their shape."""
    size = model_input.size or preprocessing.size
    return {
        name
        for name, shape in shapes.items()
        if len(shape) == 3 and (axes[name] == 3 if name in axes else is_last(shape, size))
    }
