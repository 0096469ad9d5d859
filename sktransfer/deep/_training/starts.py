"""What fine-tuning sees of its images: what a network's frozen stages make of them."""

from contextlib import closing
from dataclasses import dataclass, replace

from sktransfer.deep._engines.pooling import n_features
from sktransfer.deep._engines.tail import run_torch
from sktransfer.deep._features import IN_MEMORY, allocate, stage_features
from sktransfer.deep._images.batches import gather, read_slices
from sktransfer.deep._images.faults import raise_faults

# Images that are read for a network of their own weights in one go.
_BATCH = 64


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
    """

    X: object
    image_format: object
    backbone: object
    device: str = "auto"
    cache: object = "memory"

    def take(self, rows):
        """Some of the images; None for all."""
        if rows is None:
            return self
        X = [self.X[row] for row in rows] if isinstance(self.X, list) else self.X[rows]
        return replace(self, X=X)

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

    def activations(self, *, view=None, rows=None, keep=True):
        """What the trained stages take, of some rows or all: (n, *shape), float32."""
        images = self._images.take(rows)
        if self._depth == 0:
            return images.inputs(view=view)
        return images.stage(self._depth, view=view, keep=keep)

    def features(self, *, view=None):
        """The features of the whole network as it starts: (n, n_features), float32."""
        return self._images.stage(self._n_stages, pooling="avg", view=view)

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
        return run_torch(self._stages[: self._depth], images, self._device, view=view, pooled=False)

    def features(self, *, view=None):
        """The features of the whole network as it starts: (n, n_features), float32."""
        return run_torch(self._stages, self._images, self._device, view=view, pooled=True)

    def tail(self, device):
        """The stages that are to be trained, as torch modules; they are there already."""
        return self._stages[self._depth :]
