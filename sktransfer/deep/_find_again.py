"""The network of a fitted estimator, wherever its file is now."""

import os
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from sktransfer.deep._backbone import Backbone
from sktransfer.deep._networks.onnx.read import absolute, read_file, stamps


def find_again(estimator):
    """Find the network of a fitted estimator where its file is now.

    A fitted estimator names its network and does not hold it. Where the parameter `backbone` names
    another file, folder or description with the very weights that fit has seen, those are read
    there; other weights are never used.

    Parameters
    ----------
    estimator : PretrainedFeatureExtractor, FineTuneClassifier or FineTuneRegressor
        Fitted; it is not changed.

    Returns
    -------
    backbone : Backbone
        As in ``backbone_``, but for the source.
    """
    described, named = estimator.backbone_, estimator.backbone
    if described.module is not None:
        return described
    try:
        source = named.source if isinstance(named, Backbone) else os.fspath(named)
        if "onnx" in described.engines:
            source = str(absolute(source))
            same = source != described.source and _is_file_of(described, source)
        else:
            same = source != described.source and _is_folder_of(described, source)
    except (OSError, TypeError, ValueError):  # what is named cannot be read
        return described
    return replace(described, source=source) if same else described


def _is_file_of(described, source):
    path = Path(source)
    if path.suffix != ".onnx" or not os.path.isfile(path):
        return False
    return _fingerprint(source, stamps(path)) == described.fingerprint


def _is_folder_of(described, source):
    """Whether a zoo's folder holds a network; it is loaded where the described one is gone."""
    (zoo, folder), (old_zoo, old_folder) = _folder(source), _folder(described.source)
    if zoo != old_zoo or os.path.isdir(old_folder) or not os.path.isdir(folder):
        return False
    from sktransfer.deep._networks.torch.describe import fingerprint_of

    return fingerprint_of(source) == described.fingerprint


def _folder(source):
    """The zoo of a source, and the folder that it would be."""
    zoo, _, name = source.partition(":")
    return zoo, Path(name.removeprefix("local-dir:"))


@lru_cache(maxsize=32)
def _fingerprint(path, stamps):
    return read_file(path)[1]
