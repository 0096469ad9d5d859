"""What the tensors of a graph look like: found by running it once on black images."""

import numpy as np

from sktransfer.deep._graphs.cuts import cut
from sktransfer.deep._graphs.session import make_session


def run_probe(model, model_input, names, *, preprocessing, batch, path):
    """Compute some tensors for black images.

    Parameters
    ----------
    model : onnx.ModelProto
    model_input : Input
    names : list of str
    preprocessing : Preprocessing
        Its size and channels are used where the graph leaves them free.
    batch : int
    path : str
        Where the graph comes from, for messages.

    Returns
    -------
    arrays : list of ndarray
    """
    images = np.zeros(image_shape(model_input, preprocessing, batch), dtype=np.float32)
    try:
        session = make_session(cut(model, [model_input.name], names).SerializeToString())
        return session.run(names, {model_input.name: images})
    except Exception as error:  # ONNX Runtime has a class for each kind of failure
        raise ValueError(
            f"backbone={path!r} cannot be run up to {names[-1]!r} with images (n, channels, "
            f"height, width) = {images.shape}; ONNX Runtime says: {error}"
        ) from error


def image_shape(model_input, preprocessing, batch):
    """The shape of a batch, from what the graph says or leaves to the preprocessing."""
    channels = model_input.channels or preprocessing.channels
    return (batch, channels, *(model_input.size or preprocessing.size))


def stage_shapes(model, model_input, names, *, preprocessing, path):
    """Find the shapes of some tensors for one image, by running the graph once.

    Parameters
    ----------
    model : onnx.ModelProto
    model_input : Input
    names : sequence of str
    preprocessing : Preprocessing
    path : str

    Returns
    -------
    shapes : tuple of tuple of int
        Without the axis of the images.
    """
    batch = model_input.batch or 2
    arrays = run_probe(
        model, model_input, list(names), preprocessing=preprocessing, batch=batch, path=path
    )
    for name, array in zip(names, arrays, strict=True):
        shape = getattr(array, "shape", None)
        if shape is None or shape[:1] != (batch,) or len(shape) not in (2, 3, 4):
            raise ValueError(
                f"{name!r} of backbone={path!r} cannot be a stage: for {batch} images it has the "
                f"shape {shape}, expected (n, c, h, w), (n, t, c) or (n, c) with n images."
            )
    return tuple(array.shape[1:] for array in arrays)
