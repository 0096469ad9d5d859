"""A torch module, or a network of a model zoo, described as a backbone.

Importing this module imports torch.
"""

import os
from pathlib import Path
from typing import NamedTuple

from sktransfer._extras import install_command
from sktransfer._messages import cause, shortened, shown, warn
from sktransfer.exceptions import TransferWarning

try:
    import torch
except ImportError as error:
    raise ImportError(
        f"A torch network needs torch, which is not installed; run {install_command('torch')}."
    ) from error

from sktransfer.deep._cache.file_digest import signature
from sktransfer.deep._networks.recent import Recent
from sktransfer.deep._networks.torch.checkpoints import load_by_name, read_checkpoint
from sktransfer.deep._networks.torch.copies import copy_module
from sktransfer.deep._networks.torch.fingerprint import fingerprint_module
from sktransfer.deep._networks.torch.places import count_lost_maps, find_module_stages
from sktransfer.deep._networks.torch.record import TRACING, probe, record
from sktransfer.deep._networks.torch.tensors import find_faulty, named_tensors
from sktransfer.deep._networks.torch.zoo import load_zoo
from sktransfer.deep._networks.torch.zoo_preprocessing import own_preprocessing
from sktransfer.deep._preprocessing import resolve_preprocessing

_PROBE_IMAGES = 2

# How many names a warning lists.
_NAMED = 5


class _Outline(NamedTuple):
    """The result of one pass through a network.

    `stages` are the best cut points, and `shapes` those of every submodule for one item. `n_maps`
    is the number of feature maps that the network returns, and `n_lost` the number of those that
    `stages` miss.
    """

    stages: tuple
    shapes: dict
    n_maps: int
    n_lost: int


# Copies of networks are large and few; outlines are small.
_SNAPSHOTS = Recent(4)
_ZOO_NETWORKS = Recent(2)
_OUTLINES = Recent(64)


def describe_module(backbone, *, weights=None, stages=None, preprocessing=None, input_size=None):
    """Describe a torch module or a network of a model zoo: the fields of a `Backbone`.

    A module is copied once for each content of its weights, and never changed. A network of a zoo
    is found again by its name and not carried along; a module is.
    """
    if isinstance(backbone, str):
        source = backbone
        module, own, fingerprint = _load(source)
        name = Path(source.partition(":")[2]).name
    else:
        fingerprint, module = take_module(backbone)
        own = own_preprocessing(module)
        name, source = type(module).__name__, ""
    report = None
    if weights is not None:
        module, report, fingerprint = _with_weights(module, fingerprint, weights)
        source = ""
    if isinstance(own, Exception):
        if preprocessing is None:
            raise own
        own = None
    preprocessing = resolve_preprocessing(
        preprocessing,
        own=own,
        size=input_size,
        channels=_count_channels(module, preprocessing),
        of=f"backbone={shown(source or name)}",
    )
    outline = _outline(module, fingerprint, preprocessing, name)
    shapes = outline.shapes
    if outline.n_lost and stages is None:
        _warn_of_lost_maps(outline, name)
    stages = _check_stages(stages or outline.stages, shapes, name)
    if report is not None and report.fresh:
        _warn_of_fresh(module, report, preprocessing, stages[-1])
    return {
        "name": name,
        "source": source,
        "preprocessing": preprocessing,
        "stages": stages,
        "shapes": tuple(shapes[stage] for stage in stages),
        "fingerprint": fingerprint,
        "engines": ("torch",),
        "module": None if source else module,
        "load_report": report,
    }


def find_module(backbone):
    """Return the module of a description, in evaluation mode on the CPU. Do not change it.

    A network of a model zoo is loaded again if it is not loaded.
    """
    if backbone.module is not None:
        return backbone.module
    if "onnx" in backbone.engines:
        from sktransfer.deep._networks.onnx.as_module import as_module

        return as_module(backbone)
    try:
        module, _, fingerprint = _load(backbone.source)
    except OSError as error:
        raise OSError(
            f"The weights of the backbone {shown(backbone.source)} are gone: put them back, say "
            "where they are with set_params(backbone=its name now), or fit again; its zoo says: "
            f"{shortened(error)}"
        ) from error
    check_fingerprint(backbone, fingerprint)
    return module


def check_fingerprint(backbone, fingerprint):
    """Refuse a network with other weights than those that were described."""
    if fingerprint != backbone.fingerprint:
        raise ValueError(
            f"The weights of the backbone {shown(backbone.source)} are not the ones that fit has "
            "seen: bring the old ones back, or fit again."
        )


def fingerprint_of(source):
    """Return the fingerprint of the network that a zoo gives for a name."""
    return _load(source)[2]


def inner_names(backbone):
    """Return the names of all submodules at which a network can be cut, its stages among them."""
    return tuple(_outline_of(backbone).shapes)


def inner_shape(backbone, name):
    """The shape of a submodule's activations of one image."""
    return _outline_of(backbone).shapes[name]


def _load(source):
    """A zoo's network, its own preprocessing, its fingerprint, known by its files."""

    def make():
        module, own = load_zoo(source)
        check_tensors(module, f"backbone={shown(source)}")
        return module, own, fingerprint_module(module)

    folder = Path(source.partition(":")[2].removeprefix("local-dir:"))
    try:
        stamps = tuple(map(signature, sorted(folder.iterdir()) if os.path.isdir(folder) else []))
    except OSError:  # the zoo says it in its own way
        stamps = ()
    return _ZOO_NETWORKS.get((source, stamps), make)


def take_module(backbone):
    """The fingerprint of a user's module, and a copy, made once for each content."""
    module = getattr(backbone, "_orig_mod", backbone)  # the module that torch.compile wraps
    check_tensors(module, f"backbone: a {type(module).__name__}")
    fingerprint = fingerprint_module(module)
    return fingerprint, _SNAPSHOTS.get(fingerprint, lambda: _snapshot(module))


def _snapshot(module):
    """A copy on the CPU in float32 and in evaluation mode."""
    if isinstance(module, torch.jit.ScriptModule):
        raise ValueError(
            f"backbone: a {type(module).__name__} of TorchScript cannot be looked into; pass the "
            "module that it was made of, or export it to an '.onnx' file."
        )
    try:
        return copy_module(module).cpu().float().eval()
    except Exception as error:
        raise ValueError(
            f"backbone: a {type(module).__name__} cannot be copied ({cause(error)}); make one "
            "whose parameters are plain tensors, or pass a path or name of a network."
        ) from error


def check_tensors(module, of):
    """Refuse a network whose weights are no numbers to compute with."""
    found = find_faulty(module)
    if found is not None:
        name, fault = found
        raise ValueError(
            f"{of}: its tensor {shown(name)} {fault}; pass a network with plain finite weights."
        )


def _with_weights(module, fingerprint, weights):
    state = read_checkpoint(weights)

    def make():
        with TRACING:
            copy = copy_module(module)
        report = load_by_name(copy, state, source=str(weights))
        return copy, report, fingerprint_module(copy)

    path = Path(weights)
    return _SNAPSHOTS.get((fingerprint, str(path), signature(path)), make)


def _warn_of_fresh(module, report, preprocessing, stage):
    """Warn if tensors that the last stage needs did not come from the checkpoint."""
    shape = preprocessing.channels, *preprocessing.size
    with TRACING:
        recording = record(module, probe(_PROBE_IMAGES, shape))
    needed = recording.tensors_of(recording.last_call(stage))
    names = [name for name, tensor in named_tensors(module) if id(tensor) in needed]
    fresh = [name for name in report.fresh if name in names]
    if fresh:
        more = ", ..." if len(fresh) > _NAMED else ""
        warn(
            f"weights={shown(report.source)} holds no values for {len(fresh)} of the {len(names)} "
            f"tensors of the network up to its last stage {shown(stage)}: "
            f"{', '.join(map(shown, fresh[:_NAMED]))}{more} kept their values from before, which "
            "are random if the network was not pretrained. load_report_ gives the reasons; pass a "
            "checkpoint of the same architecture and number of channels.",
            TransferWarning,
        )


def _warn_of_lost_maps(outline, name):
    warn(
        f"The network {shown(name)} returns {outline.n_maps} feature maps, of which "
        f"{outline.n_lost} "
        "have no stage, because not everything flows through them: to have the features of "
        "one, name the submodule that makes it as stage=, or wrap the network in a module that "
        "returns this map alone.",
        TransferWarning,
    )


def _count_channels(module, preprocessing):
    """Return the channels of the input: those of the first convolution, or the user's value."""
    for part in module.modules():
        if isinstance(part, torch.nn.modules.conv._ConvNd):
            return part.in_channels
    return getattr(preprocessing, "channels", 3)


def _outline_of(backbone):
    module, preprocessing = find_module(backbone), backbone.preprocessing
    return _outline(module, backbone.fingerprint, preprocessing, backbone.name)


def _outline(module, fingerprint, preprocessing, name):
    """The stages and shapes of a network, from one pass for each fingerprint and size."""
    shape = preprocessing.channels, *preprocessing.size
    key = fingerprint, shape
    return _OUTLINES.get(key, lambda: _make_outline(module, shape, name))


def _make_outline(module, shape, name):
    try:
        recording = record(module, probe(_PROBE_IMAGES, shape))
    except Exception as error:
        raise ValueError(
            f"The network {shown(name)} does not run on a batch of images of shape {shape} "
            f"({cause(error)}); pass the size and the channels that it takes "
            "as input_size= and preprocessing=."
        ) from error
    if recording.calls[0].node is None:
        raise ValueError(
            f"The network {shown(name)} returns no tensor that depends on the image by a "
            "differentiable "
            f"way, but {recording.returned}: wrap it in a module that returns a tensor, or a list, "
            "tuple or dict of tensors."
        )
    shapes = {
        call.name: call.shape_of_one
        for call in recording.calls
        if call.name and call.shape and call.shape[0] == _PROBE_IMAGES and len(call.shape) > 1
    }
    stages = find_module_stages(recording)
    return _Outline(stages, shapes, *count_lost_maps(recording, stages))


def _check_stages(stages, shapes, name):
    if not stages:
        raise ValueError(
            f"The network {shown(name)} has no submodule through which everything flows: name cut "
            "points as stages=, or split its forward into submodules."
        )
    unknown = [stage for stage in stages if stage not in shapes]
    if unknown:
        raise ValueError(
            f"stages={shown(list(stages))}: {_some(unknown)} names no submodule of the network "
            f"{shown(name)} that makes activations; it has {_some(list(shapes))}."
        )
    return stages


def _some(names, most=20):
    return ", ".join(map(shown, names[:most])) + (", ..." if len(names) > most else "")
