"""The input of fine-tuning: activations of frozen stages, for all images."""

from contextlib import closing
from dataclasses import dataclass, replace

import numpy as np

from sktransfer._messages import shown
from sktransfer.deep._engines.pooling import n_features
from sktransfer.deep._engines.tail import run_torch
from sktransfer.deep._features import IN_MEMORY, allocate, stage_features
from sktransfer.deep._images.batches import gather, read_slices
from sktransfer.deep._images.faults import raise_faults

# Images that are read for a network of their own weights in one go.
_BATCH = 64

# Activations that are checked in one go, and images that a message lists.
_CHECKED_VALUES = 2**24
_LISTED = 10


@dataclass(frozen=True)
class Images:
    """Images, and how a network is to see them.

    Parameters
    ----------
    X : ndarray or list
        What `validate_images` returned.
    image_format : ImageFormat
        How its pixels are read.
    backbone : Backbone
        The network.
    device : str
        Where it runs.
    cache : "memory", str, os.PathLike or None
        Where activations of pretrained stages are kept.
    positions : ndarray or None, default=None
        The places of the images in the X of the user, for messages. None: 0, 1, 2 ...
    """

    X: object
    image_format: object
    backbone: object
    device: str = "auto"
    cache: object = "memory"
    positions: object = None

    def take(self, rows):
        """Some of the images; None for all."""
        if rows is None:
            return self
        X = [self.X[row] for row in rows] if isinstance(self.X, list) else self.X[rows]
        positions = rows if self.positions is None else self.positions[rows]
        return replace(self, X=X, positions=positions)

    def on(self, device):
        """The same images for a network on a device of torch."""
        return replace(self, device=str(device))

    def stage(self, number, *, pooling=None, view=None, keep=True):
        """The activations of a pretrained stage, numbered from 1: float32, (n, *shape) or rows."""
        return stage_features(
            self.X,
            image_format=self.image_format,
            backbone=self.backbone,
            stage=number,
            pooling=pooling,
            device=self.device,
            cache=self.cache if keep else None,
            augmented=view,
            flat=False,
        )[0]

    def batches(self, *, batch_size=_BATCH, view=None):
        """The inputs of the network: arrays (b, channels, h, w), float32, in order."""
        faults = []
        slices = read_slices(
            self.X,
            image_format=self.image_format,
            preprocessing=self.backbone.preprocessing,
            batch_size=batch_size,
            augmented=view,
        )
        batches = gather(slices, batch_size=batch_size, faults=faults)
        with closing(slices), closing(batches):
            yield from (batch for _, batch in batches)
        raise_faults(faults, len(self.X))

    def inputs(self, *, view=None):
        """The inputs of the network, (n, channels, h, w), float32."""
        preprocessing = self.backbone.preprocessing
        shape = len(self.X), preprocessing.channels, *preprocessing.size
        inputs = allocate(shape, IN_MEMORY)
        first = 0
        for batch in self.batches(view=view):
            inputs[first : first + len(batch)] = batch
            first += len(batch)
        return inputs


def require_finite(activations, images):
    """Return activations, or raise an error that names the images if some are not finite.

    Parameters
    ----------
    activations : ndarray of shape (n, ...)
        Of a stage, or features.
    images : Images
        The same n images.

    Raises
    ------
    ValueError
        If an image has an activation that is infinite or NaN.
    """
    step = max(1, _CHECKED_VALUES * len(activations) // max(1, activations.size))
    found = []
    for first in range(0, len(activations), step):
        part = activations[first : first + step]
        finite = np.isfinite(part).all(axis=tuple(range(1, part.ndim)))
        found.extend(first + np.flatnonzero(~finite))
    if not found:
        return activations
    places = found if images.positions is None else np.asarray(images.positions)[found]
    listed = ", ".join(f"X[{place}]" for place in places[:_LISTED])
    more = f" and {len(found) - _LISTED} more" if len(found) > _LISTED else ""
    raise ValueError(
        f"The features of {len(found)} of {len(activations)} images are not finite: {listed}{more}"
        f". The network {shown(images.backbone.name)} overflows on them, as networks in half "
        "precision may: remove these images, check value_range and preprocessing, or use a "
        "network in float32."
    )


class PretrainedStart:
    """A network that starts with its own weights; its frozen stages run through the cache.

    Parameters
    ----------
    images : Images
        All images of the fit.
    depth : int
        How many stages are frozen.
    """

    def __init__(self, images, depth):
        self._images, self._depth = images, depth
        self._n_stages = len(images.backbone.stages)
        self.n_features = n_features(images.backbone.shapes[-1], "avg")

    def activations(self, *, view=None, rows=None, keep=True):
        """What the trained stages take, of some rows or all: (n, *shape), float32."""
        images = self._images.take(rows)
        if self._depth == 0:
            return images.inputs(view=view)
        return require_finite(images.stage(self._depth, view=view, keep=keep), images)

    def features(self, *, view=None):
        """The features of the whole network as it starts: (n, n_features), float32."""
        images = self._images
        return require_finite(images.stage(self._n_stages, pooling="avg", view=view), images)

    def tail(self, device):
        """The stages that are to be trained, as torch modules."""
        from sktransfer.deep._engines.torch_engine import build_torch_stages

        stages = build_torch_stages(self._images.backbone)[self._depth :]
        return [stage.to(device) for stage in stages]


class DrawnStart:
    """A network that starts with weights of its own, not those of its file; nothing is cached.

    Parameters
    ----------
    images : Images
        All images of the fit.
    depth : int
        How many stages are frozen.
    stages : list of torch.nn.Module
        All stages.
    device : torch.device
        Where they are.
    """

    def __init__(self, images, depth, stages, device):
        self._images, self._depth = images, depth
        self._stages, self._device = stages, device
        self.n_features = n_features(images.backbone.shapes[-1], "avg")

    def activations(self, *, view=None, rows=None, keep=False):
        """What the trained stages take, of some rows or all: (n, *shape), float32."""
        images = self._images.take(rows)
        if self._depth == 0:
            return images.inputs(view=view)
        stages = self._stages[: self._depth]
        activations = run_torch(stages, images, self._device, view=view, pooled=False)
        return require_finite(activations, images)

    def features(self, *, view=None):
        """The features of the whole network as it starts: (n, n_features), float32."""
        features = run_torch(self._stages, self._images, self._device, view=view, pooled=True)
        return require_finite(features, self._images)

    def tail(self, device):
        """The stages that are to be trained, as torch modules; they are there already."""
        return self._stages[self._depth :]
