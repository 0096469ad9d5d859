"""Torch stages with weights of their own, run over images; built once for each set of weights."""

import hashlib
import os

import numpy as np

from sktransfer.deep._networks.recent import Recent

# Networks for the next call of predict.
_BUILT = Recent(4)


def run_torch(stages, images, device, *, depth=0, view=None, pooled):
    """Run torch stages over images; pretrained ones may run before them.

    Parameters
    ----------
    stages : list of torch.nn.Module
        At least one, in evaluation mode.
    images : Images
        Where the inputs come from.
    device : torch.device
        Where the stages are.
    depth : int, default=0
        How many pretrained stages run before, through the cache.
    view : View or None, default=None
        An augmented view of the images.
    pooled : bool
        Whether to average each channel over its positions.

    Returns
    -------
    activations : ndarray of shape (n, *shape) or (n, n_features), float32
        An image gives the same bits alone as in any batch.
    """
    from sktransfer.deep._engines.torch_engine import rows_at_once, run_stages

    batches = _batches(images, depth, rows_at_once(device), view)
    return run_stages(stages, batches, device, pooled=pooled)


def _batches(images, depth, step, view):
    if depth == 0:
        yield from images.batches(batch_size=step, view=view)
        return
    before = images.stage(depth, view=view)
    for first in range(0, len(before), step):
        yield before[first : first + step]


def built_stages(backbone, stage_weights, depth, device):
    """Build the stages after a depth with the weights of a fit, or find them built already.

    They are known by what is in them, so that predictions of clones, pickles and copies share
    them too; nobody may train them.

    Parameters
    ----------
    backbone : Backbone
        The network.
    stage_weights : dict of str to dict of str to ndarray
        Weights that are not the backbone's own, by stage.
    depth : int
        How many stages are left out.
    device : torch.device
        Where they are to be.

    Returns
    -------
    stages : list of torch.nn.Module
        In evaluation mode.
    """
    from sktransfer.deep._engines.torch_engine import build_torch_stages

    content = _digest(stage_weights)
    key = backbone.fingerprint, backbone.stages, depth, content, str(device), os.getpid()

    def make():
        stages = build_torch_stages(backbone)[depth:]
        return [s.load(stage_weights.get(s.output_name, {})).to(device) for s in stages]

    return _BUILT.get(key, make)


def _digest(stage_weights):
    digest = hashlib.blake2b()
    for stage, arrays in stage_weights.items():
        for name, array in arrays.items():
            digest.update(repr((stage, name, array.shape, array.dtype.str)).encode())
            digest.update(np.ascontiguousarray(array))
    return digest.digest()
