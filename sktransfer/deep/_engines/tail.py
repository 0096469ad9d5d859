"""Torch stages with weights of their own, run over batches; built once for each set of weights."""

import hashlib
import os

import numpy as np

from sktransfer.deep._networks.recent import Recent

# Networks for the next call of predict.
_BUILT = Recent(4)


def built_stages(backbone, stage_weights, depth, device):
    """Build the stages after a depth with the weights of a fit, or find them built already.

    They are known by what is in them, so that predictions of clones, pickles and copies share them;
    nobody may train them.
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
