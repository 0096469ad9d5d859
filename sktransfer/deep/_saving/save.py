"""Fitted estimators in one file of safetensors: arrays, and JSON in its header. No pickle."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np

from sktransfer._messages import cause, shortened, shown
from sktransfer.deep._backbone import ZOOS, Backbone, _is_module, _is_path, resolve_backbone
from sktransfer.deep._built_in import BUILT_IN
from sktransfer.deep._engines.pooling import n_features as feature_count
from sktransfer.deep._images.image_format import ImageFormat
from sktransfer.deep._saving.container import (
    pack_safetensors,
    unpack_safetensors,
    write_values,
)
from sktransfer.deep._saving.storage import Unwritable, decode
from sktransfer.deep._training.head import Head

# Raise it when older releases could not read the file, or would read something else in it.
VERSION = 1

_WEIGHTS = "the weights of the module"
_MODULE = "the module's own"

# The fitted attributes: those of each estimator with their types, and the others.
_TYPES = {
    "backbone_": Backbone,
    "head_": Head,
    "image_format_": (ImageFormat, type(None)),
    "input_shape_": (tuple, type(None)),
    "stage_weights_": dict,
    "depth_": int,
    "history_": dict,
    "n_iter_": int,
}
_OPTIONAL = {"classes_", "target_ndim_", "load_report_", "best_epoch_", _WEIGHTS}
_OPTIONAL |= {"n_features_in_", "feature_names_in_", "source_domains_", "table_format_"}

_CLASSIFIERS = ("FineTuneClassifier", "AdaptedNetworkClassifier")
_REGRESSORS = ("FineTuneRegressor", "AdaptedNetworkRegressor")


def save_estimator(estimator, path):
    """Write a fitted estimator, in one step."""
    _require_safetensors("Writing")
    module = estimator.backbone_.module
    parameters = estimator.get_params(deep=False)
    attributes = {
        name: value
        for name, value in vars(estimator).items()
        if name.endswith("_") and not name.startswith("_")
    }
    if module is not None:
        from sktransfer.deep._networks.torch.tensors import to_arrays

        attributes[_WEIGHTS] = to_arrays(module.state_dict())
        if not isinstance(parameters["backbone"], (str, os.PathLike)):
            parameters["backbone"] = _MODULE
    about = {"version": VERSION, "class": type(estimator).__name__}
    values = {"parameters": parameters, "attributes": attributes}
    try:
        write_values(path, about, values, pack=pack_safetensors)
    except Unwritable as reason:
        raise ValueError(
            f"{type(estimator).__name__} cannot be saved: {reason}, which has no form without "
            "code; set it to a plain value, or use pickle."
        ) from None


def load_estimator(kind, path, *, backbone=None):
    """Read a file of `save_estimator`; `backbone` is the network's present location, or None."""
    written, content = _read(path)
    if written != kind.__name__:
        raise ValueError(
            f"{shown(os.fspath(path))} holds a {written}, not a {kind.__name__}: use "
            f"{written}.load."
        )
    parameters, attributes = content
    # A file may come from anyone: it does not choose the folder to which later calls write.
    parameters["checkpoint"] = None
    if parameters["cache"] is not None:
        parameters["cache"] = "memory"
    described = attributes["backbone_"]
    state = attributes.pop(_WEIGHTS, None)
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
    _require_safetensors("Reading")
    if not os.path.isfile(path):
        raise FileNotFoundError(f"There is no file {shown(os.fspath(path))}.")
    try:
        about, arrays = unpack_safetensors(os.fspath(path))
        version = about["version"]
        if version == VERSION:
            parts = [decode(about[part], arrays) for part in ("parameters", "attributes")]
            n_fitted = len(parts[1]["stage_weights_"])  # older releases wrote no depth_
            parts[1].setdefault("depth_", len(parts[1]["backbone_"].stages) - n_fitted)
            _check_parts(about["class"], *parts)
            return about["class"], parts
    except Exception as error:  # a file of anyone's raises anything
        raise ValueError(
            f"{shown(os.fspath(path))} is damaged, or no file that save has written "
            f"({cause(error)}): load a copy, or fit and save again."
        ) from error
    raise ValueError(
        f"{shown(os.fspath(path))} was written in version {shown(version)} of the format, and this "
        f"release of sktransfer reads version {VERSION}: load it with the release that wrote it."
    )


def _check_parts(kind, parameters, attributes):
    """Refuse parts that do not make a fitted estimator, by an exception of any class."""
    import sktransfer

    if kind not in (*_CLASSIFIERS, *_REGRESSORS):
        raise ValueError(f"a {shown(kind)}")
    known = getattr(sktransfer, kind)().get_params(deep=False)
    if wrong := parameters.keys() ^ known.keys():
        raise ValueError(f"the parameters {shown(sorted(map(str, wrong)))}")
    check_attributes(kind, attributes)


def check_attributes(kind, attributes):
    """Refuse attributes that do not make a fitted estimator, by an exception of any class."""
    unknown = attributes.keys() - (_TYPES.keys() | _OPTIONAL)
    if unknown:
        raise ValueError(f"the attributes {shown(sorted(map(str, unknown)))}")
    for name, expected in _TYPES.items():
        value = attributes.get(name) if name == "image_format_" else attributes[name]
        if not isinstance(value, expected):
            raise TypeError(f"{name}={shown(value)}")
    head, shapes = attributes["head_"], attributes["backbone_"].shapes
    n_outputs, n_features = head.coef.shape
    sizes = head.mean.shape, head.scale.shape, head.intercept.shape
    if sizes != ((n_features,), (n_features,), (n_outputs,)) or not head.is_finite:
        raise ValueError("the head")
    if kind in _CLASSIFIERS:
        classes = attributes["classes_"]
        columns = classes if isinstance(classes, list) else [classes]
        if [each.ndim for each in columns] != [1] * len(columns) or n_outputs != sum(
            len(each) for each in columns
        ):
            raise ValueError(f"classes_={shown(classes)}")
    if kind in _REGRESSORS and attributes["target_ndim_"] not in (1, 2):
        raise ValueError(f"target_ndim_={shown(attributes['target_ndim_'])}")
    stages = attributes["backbone_"].stages
    if len(stages) != len(shapes) or feature_count(shapes[-1], "avg") != n_features:
        raise ValueError(f"stages {shown(stages)} of shapes {shown(shapes)}")
    n_fitted = len(attributes["stage_weights_"])
    if not 0 <= attributes["depth_"] == len(stages) - n_fitted:
        raise ValueError(f"depth_={shown(attributes['depth_'])}")
    for stage, arrays in attributes["stage_weights_"].items():
        if stage not in stages or not all(isinstance(a, np.ndarray) for a in arrays.values()):
            raise ValueError(f"weights of a stage {shown(stage)}")


def _find(described, backbone, path):
    """The description of the same network, wherever it lies now."""
    if backbone is not None:
        found = resolve_backbone(
            backbone, stages=described.stages, preprocessing=described.preprocessing
        )
        if found.fingerprint != described.fingerprint:
            raise ValueError(
                f"backbone={shown(backbone)} has not the weights that fit has seen: pass the "
                "network that the estimator was fitted with."
            )
        return replace(
            described,
            source=found.source,
            module=found.module,
            preprocessing=found.preprocessing,
        )
    source = described.source
    if not described.is_pretrained or source.startswith(ZOOS) or os.path.isfile(source):
        return described
    if described.name in BUILT_IN:
        found = resolve_backbone(described.name)
        if found.fingerprint == described.fingerprint:
            return replace(described, source=found.source)
    beside = Path(path).absolute().parent / Path(source).name
    if beside.is_file():
        return _find(described, beside, path)
    raise FileNotFoundError(
        f"{shown(os.fspath(path))} was fitted with the network {shown(source)}, which is not "
        "there: pass backbone=, its path now, or put it beside the file."
    )


def _filled(backbone, state, described, path):
    """A copy of a module with the weights that were saved, in evaluation mode."""
    if backbone is None or not _is_module(backbone):
        raise ValueError(
            f"{shown(os.fspath(path))} was fitted with a torch module, {described.name}, of "
            "which a "
            "file can hold the weights only: pass backbone=, a module of the same structure; its "
            "own weights do not matter."
        )
    import torch

    from sktransfer.deep._networks.torch.describe import _snapshot, fingerprint_module

    module = _snapshot(getattr(backbone, "_orig_mod", backbone))
    weights = {name: torch.as_tensor(array) for name, array in state.items()}
    try:
        module.load_state_dict(weights)
    except RuntimeError as error:
        raise ValueError(
            f"backbone={type(backbone).__name__} does not fit {shown(os.fspath(path))}: pass a "
            f"module of the same structure; torch says: {shortened(error)}"
        ) from error
    if fingerprint_module(module) != described.fingerprint:
        raise ValueError(
            f"backbone={type(backbone).__name__} takes the weights in {shown(os.fspath(path))}, "
            "but is not the network that fit has seen: its settings or its code differ."
        )
    return module


def _require_safetensors(doing):
    try:
        import safetensors.numpy  # noqa: F401
    except ImportError as error:
        raise ImportError(
            f"{doing} a fitted estimator needs safetensors, which is not installed; run "
            'pip install "sktransfer[save]".'
        ) from error
