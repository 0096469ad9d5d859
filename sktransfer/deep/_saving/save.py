"""Fitted estimators in one file of safetensors: arrays, and JSON in its header. No pickle."""

import json
import os
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np

from sktransfer.deep._backbone import BUILT_IN, ZOOS, resolve_backbone
from sktransfer.deep._saving.storage import Unwritable, decode, encode, write_whole

# Raise it when older releases could not read the file, or would read something else in it.
VERSION = 1

_KEY = "sktransfer"
_MODULE = "the module's own"


def save_estimator(estimator, path):
    """Write a fitted estimator.

    Parameters
    ----------
    estimator : FineTuneClassifier or FineTuneRegressor
        Fitted.
    path : str or os.PathLike
        Replaced in one step if it is there.

    Raises
    ------
    ImportError
        Without safetensors.
    ValueError
        When a parameter or an attribute cannot be written; the message names it.
    """
    library = _safetensors("Writing")
    module = estimator.backbone_.module
    parameters = estimator.get_params(deep=False)
    attributes = {
        name: value
        for name, value in vars(estimator).items()
        if name.endswith("_") and not name.startswith("_")
    }
    if module is not None:
        attributes["the weights of the module"] = _state_of(module)
        if not _is_plain(parameters["backbone"]):
            parameters["backbone"] = _MODULE
    arrays = {}
    try:
        content = {
            "parameters": encode(parameters, arrays, "parameters"),
            "attributes": encode(attributes, arrays, "attributes"),
        }
    except Unwritable as reason:
        raise ValueError(
            f"{type(estimator).__name__} cannot be saved: {reason}, which has no form without "
            "code; set it to a plain value, or use pickle."
        ) from None
    about = {"version": VERSION, "class": type(estimator).__name__} | content
    text = json.dumps(about, allow_nan=False)
    write_whole(path, library.save(arrays, metadata={_KEY: text}))


def load_estimator(kind, path, *, backbone=None):
    """Read what `save_estimator` has written.

    Parameters
    ----------
    kind : class
        FineTuneClassifier or FineTuneRegressor.
    path : str or os.PathLike
    backbone : str, os.PathLike, torch.nn.Module, Backbone or None, default=None
        Where the network is now; None: where it was, or beside the file.

    Returns
    -------
    estimator : object
        Fitted.

    Raises
    ------
    ImportError
        Without safetensors.
    ValueError
        When the file holds something else, or the network is another one.
    """
    written, content = _read(path)
    if written != kind.__name__:
        raise ValueError(
            f"{os.fspath(path)!r} holds a {written}, not a {kind.__name__}: use {written}.load."
        )
    parameters, attributes = content
    described = attributes["backbone_"]
    state = attributes.pop("the weights of the module", None)
    if state is not None:
        module = _filled(backbone, state, described, path)
        if isinstance(parameters["backbone"], str) and parameters["backbone"] == _MODULE:
            parameters["backbone"] = module
        attributes["backbone_"] = replace(
            described, module=module, load_report=described.load_report
        )
    else:
        found = _find(described, backbone, path)
        if found.source != described.source and _is_path(parameters["backbone"]):
            parameters["backbone"] = found.source
        attributes["backbone_"] = found
    estimator = kind(**parameters)
    vars(estimator).update(attributes)
    return estimator


def _read(path):
    """The name of the class, the parameters and the attributes."""
    _safetensors("Reading")
    from safetensors import SafetensorError, safe_open

    if not Path(path).is_file():
        raise FileNotFoundError(f"There is no file {os.fspath(path)!r}.")
    try:
        with safe_open(os.fspath(path), framework="numpy") as stored:
            about = json.loads((stored.metadata() or {})[_KEY])
            version = about["version"]
            if version == VERSION:
                arrays = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
                parts = "parameters", "attributes"
                return about["class"], [decode(about[part], arrays) for part in parts]
    except (SafetensorError, KeyError, TypeError, ValueError, struct.error) as error:
        raise ValueError(
            f"{os.fspath(path)!r} is damaged, or no file that save has written "
            f"({type(error).__name__}: {error})."
        ) from error
    raise ValueError(
        f"{os.fspath(path)!r} was written in version {version!r} of the format, and this release "
        f"of sktransfer reads version {VERSION}: load it with the release that wrote it."
    )


def _find(described, backbone, path):
    """The description of the same network, wherever it lies now."""
    if backbone is not None:
        found = resolve_backbone(
            backbone, stages=described.stages, preprocessing=described.preprocessing
        )
        if found.fingerprint != described.fingerprint:
            raise ValueError(
                f"backbone={backbone!r} has not the weights that fit has seen: pass the network "
                "that the estimator was fitted with."
            )
        return replace(described, source=found.source, module=found.module)
    source = described.source
    if source.startswith(ZOOS) or Path(source).is_file():
        return described
    if described.name in BUILT_IN:
        found = resolve_backbone(described.name)
        if found.fingerprint == described.fingerprint:
            return replace(described, source=found.source)
    beside = Path(path).absolute().parent / Path(source).name
    if beside.is_file():
        return _find(described, beside, path)
    raise FileNotFoundError(
        f"{os.fspath(path)!r} was fitted with the network {source!r}, which is not there: pass "
        "backbone=, its path now, or put it beside the file."
    )


def _filled(backbone, state, described, path):
    """A copy of a module with the weights that were saved, in evaluation mode."""
    from sktransfer.deep._backbone import _is_module

    if backbone is None or not _is_module(backbone):
        raise ValueError(
            f"{os.fspath(path)!r} was fitted with a torch module, {described.name}, of which a "
            "file can hold the weights only: pass backbone=, a module of the same structure; its "
            "own weights do not matter."
        )
    import torch

    from sktransfer.deep._modules.describe import _snapshot, fingerprint_module

    module = _snapshot(getattr(backbone, "_orig_mod", backbone))
    weights = {name: torch.as_tensor(array) for name, array in state.items()}
    try:
        module.load_state_dict(weights)
    except RuntimeError as error:
        raise ValueError(
            f"backbone={type(backbone).__name__} does not fit {os.fspath(path)!r}: pass a module "
            f"of the same structure; torch says: {error}"
        ) from error
    if fingerprint_module(module) != described.fingerprint:
        raise ValueError(
            f"backbone={type(backbone).__name__} takes the weights in {os.fspath(path)!r}, but is "
            "not the network that fit has seen: its settings or its code differ."
        )
    return module


def _state_of(module):
    return {
        name: np.array(tensor.detach().cpu().numpy())
        for name, tensor in module.state_dict().items()
    }


def _is_plain(backbone):
    return isinstance(backbone, (str, os.PathLike))


def _is_path(backbone):
    return _is_plain(backbone) and os.fspath(backbone).endswith(".onnx")


def _safetensors(doing):
    try:
        import safetensors.numpy
    except ImportError as error:
        raise ImportError(
            f"{doing} a fitted estimator needs safetensors, which is not installed; run "
            'pip install "sktransfer[save]".'
        ) from error
    return safetensors.numpy
