"""The input of fine-tuning: activations of frozen stages, for all images."""

from dataclasses import replace

import numpy as np

from sktransfer._messages import shown
from sktransfer.deep._engines.pooling import n_features, pool
from sktransfer.deep._features import allocate, overflow, read_inputs, stage_features

# Activations that are checked in one go.
_CHECKED_VALUES = 2**24


def require_finite(activations, items, backbone):
    """Return activations (n, ...), or raise a ValueError that names the items that have none."""
    step = max(1, _CHECKED_VALUES * len(activations) // max(1, activations.size))
    found = []
    for first in range(0, len(activations), step):
        part = activations[first : first + step]
        finite = np.isfinite(part).all(axis=tuple(range(1, part.ndim)))
        found.extend(first + np.flatnonzero(~finite))
    if not found:
        return activations
    raise ValueError(overflow(items, found, f"The network {shown(backbone.name)}"))


def stage_activations(items, backbone, depth, run, *, view=None):
    """Return the activations after some pretrained stages: (n, *shape), float32.

    Sequences of tokens have one more channel: 1 for a token, 0 for the padding of short ones.
    """
    shape, pooling = backbone.shapes[depth - 1], None
    if shape[0] is None:
        pooling = items.longest()
        shape = pooling, shape[1] + 1
    features, _ = stage_features(items, backbone, depth, run, pooling=pooling, view=view)
    return features.reshape(len(items), *shape)


def through_stages(stages, items, backbone, run, device, *, depth=0, view=None, pooled=False):
    """Return the activations, or features, of some stages after a depth: (n, ...), float32.

    The pretrained stages before it run through the cache.
    """
    from sktransfer.deep._engines.torch_engine import run_stages

    result, kind, length = None, backbone.preprocessing.kind, None
    for rows, batch in _input_batches(items, backbone, run, device, depth, view):
        part = run_stages(stages, [batch], device, pooling="avg" if pooled else None, kind=kind)
        if kind == "text" and part.ndim == 3:
            length = items.longest() if length is None else length
            part = pool(part, length).reshape(len(part), length, -1)
        if result is None:
            result = np.empty((len(items), *part.shape[1:]), dtype=np.float32)
        result[rows] = part
    return result


def _input_batches(items, backbone, run, device, depth, view):
    """Yield rows, and the input of the stages after a depth, in batches for `run_stages`."""
    from sktransfer.deep._engines.torch_engine import rows_at_once

    step = rows_at_once(device.type, backbone.preprocessing.kind)
    if depth == 0:
        yield from read_inputs(items, backbone, replace(run, batch_size=step), view=view)
        return
    before = stage_activations(items, backbone, depth, run, view=view)
    if backbone.shapes[depth - 1][0] is not None:
        for first in range(0, len(before), step):
            yield slice(first, first + step), before[first : first + step]
        return
    lengths = before[:, :, -1].sum(axis=1).astype(np.int64)
    for length in np.unique(lengths).tolist():  # so that none is padded
        alike = np.flatnonzero(lengths == length)
        for rows in np.split(alike, range(step, len(alike), step)):
            yield rows, before[rows, :length, :-1]


class _Start:
    """All items of a fit, and the network that sees them."""

    def __init__(self, items, backbone, depth, run):
        self._items, self._backbone, self._depth, self._run = items, backbone, depth, run
        self.n_features = n_features(backbone.shapes[-1], "avg")

    def _some(self, rows):
        return self._items if rows is None else self._items.take(rows)

    def _inputs(self, items, view):
        """The inputs of the network, (n, channels, h, w) or (n, n_tokens), float32."""
        inputs = self._backbone.preprocessing
        if inputs.kind == "table":
            return items.as_inputs()
        shape = len(items), *inputs.input_shape(items)
        array = allocate(shape, self._run.in_memory)
        if inputs.kind == "text":
            array.fill(-1)
        for rows, batch in read_inputs(items, self._backbone, self._run, view=view):
            array[rows, ..., : batch.shape[-1]] = batch
        return array


class PretrainedStart(_Start):
    """A network that starts with its own weights; its frozen stages run through the cache."""

    def activations(self, *, view=None, rows=None, keep=True):
        """The input of the trained stages, of some rows or all: (n, *shape), float32."""
        items, backbone = self._some(rows), self._backbone
        if self._depth == 0:
            return self._inputs(items, view)
        run = self._run if keep else replace(self._run, cache=None)
        activations = stage_activations(items, backbone, self._depth, run, view=view)
        return require_finite(activations, items, backbone)

    def features(self, *, view=None):
        """The features of the whole network as it starts: (n, n_features), float32."""
        items, backbone = self._items, self._backbone
        features, _ = stage_features(items, backbone, None, self._run, pooling="avg", view=view)
        return require_finite(features, items, backbone)

    def tail(self, device):
        """The stages that are to be trained, as torch modules."""
        from sktransfer.deep._engines.torch_engine import build_torch_stages

        stages = build_torch_stages(self._backbone)[self._depth :]
        return [stage.to(device) for stage in stages]


class DrawnStart(_Start):
    """A network that starts with weights of its own, not those of its file; nothing is cached."""

    def __init__(self, items, backbone, depth, run, stages, device):
        super().__init__(items, backbone, depth, run)
        self._stages, self._device = stages, device

    def activations(self, *, view=None, rows=None, keep=False):
        """The input of the trained stages, of some rows or all: (n, *shape), float32."""
        items = self._some(rows)
        if self._depth == 0:
            return self._inputs(items, view)
        return self._through(self._stages[: self._depth], items, view, pooled=False)

    def features(self, *, view=None):
        """The features of the whole network as it starts: (n, n_features), float32."""
        return self._through(self._stages, self._items, view, pooled=True)

    def _through(self, stages, items, view, *, pooled):
        about = items, self._backbone, self._run, self._device
        activations = through_stages(stages, *about, view=view, pooled=pooled)
        return require_finite(activations, items, self._backbone)

    def tail(self, device):
        """The stages that are to be trained, as torch modules; they are there already."""
        return self._stages[self._depth :]
