"""Shapes of the tensors of a graph, found by running it once on black images."""

import math

import numpy as np

from sktransfer._messages import cause, shown
from sktransfer.deep._networks.onnx.cut import cut
from sktransfer.deep._networks.onnx.file import MOST_VALUES
from sktransfer.deep._networks.onnx.layout import channel_axes, is_last
from sktransfer.deep._networks.onnx.run import make_session, run_within

# The seconds that one batch of black images may take: a loop may have no end.
PATIENCE = 120


class Probe:
    """A graph that runs on black images, which shows the shapes of its tensors.

    The model has the `Input` of `adapt_input`. The preprocessing determines the remaining
    dimensions, and `path` is for messages.
    """

    def __init__(self, model, model_input, preprocessing, path):
        self.model, self.input, self.path = model, model_input, path
        self.channels = model_input.channels or preprocessing.channels
        self.size = model_input.size or preprocessing.size
        self.axes = channel_axes(model, model_input.name)

    def run(self, names, batch):
        """Compute some tensors for a batch."""
        if not names:
            return []
        shape = (batch, self.channels, *self.size)
        if math.prod(shape) > MOST_VALUES:
            raise ValueError(
                f"backbone={shown(self.path)} cannot be run with images (n, channels, height, "
                f"width) = {shape}, which are too many values: pass a smaller input_size."
            )
        images = np.zeros(shape, dtype=np.float32)
        try:
            part = cut(self.model, [self.input.name], names)
            session = make_session(part.SerializeToString())
            return run_within(session, names, {self.input.name: images}, PATIENCE)
        except Exception as error:  # ONNX Runtime has a class for each kind of failure
            raise ValueError(
                f"backbone={shown(self.path)} cannot be run up to {shown(names[-1])} with images "
                f"(n, channels, height, width) = {shape}; ONNX Runtime says: {cause(error)}. Check "
                "the file and input_size, or choose an earlier stage."
            ) from error

    def shapes(self, names):
        """Return the shapes of some tensors for one image, with the channels of maps first."""
        batch, found = self.input.batch or 2, {}
        for name, array in zip(names, self.run(list(names), batch), strict=True):
            shape = getattr(array, "shape", None)
            if shape is None or shape[:1] != (batch,) or len(shape) not in (2, 3, 4) or 0 in shape:
                raise ValueError(
                    f"{shown(name)} of backbone={shown(self.path)} cannot be a stage: for {batch} "
                    f"images it has the shape {shape}, expected (n, c, h, w), (n, t, c) or (n, c) "
                    "with n images: choose another tensor."
                )
            if array.dtype.kind not in "fiub":
                raise ValueError(
                    f"{shown(name)} of backbone={shown(self.path)} cannot be a stage: it has "
                    f"values of type {array.dtype}, expected numbers: choose another tensor."
                )
            found[name] = shape[1:]
        return tuple((s[2], *s[:2]) if self.is_turned(name, s) else s for name, s in found.items())

    def turned(self, stages):
        """Return the names of the stages whose channels are last in the graph."""
        maps = [name for name, shape in stages if len(shape) == 3]
        known = {name for name in maps if self.axes.get(name) == 3}
        if all(name in self.axes for name in maps):
            return known
        try:
            arrays = self.run(maps, self.input.batch or 2)
        except ValueError:  # the engine that runs them will say so
            return known
        pairs = zip(maps, arrays, strict=True)
        return {name for name, array in pairs if self.is_turned(name, array.shape[1:])}

    def is_turned(self, name, shape):
        """Tell by the graph, or by the shape, whether the channels of a map are last."""
        if len(shape) != 3:
            return False
        return self.axes[name] == 3 if name in self.axes else is_last(shape, self.size)
