"""Networks of torch that read texts, described as backbones and found again.

Importing this module imports torch.
"""

import hashlib
import os
from dataclasses import replace
from pathlib import Path

import torch

from sktransfer._messages import listed, shortened, shown
from sktransfer.deep._cache.file_digest import signature
from sktransfer.deep._networks.recent import Recent
from sktransfer.deep._networks.torch import describe
from sktransfer.deep._networks.torch.checkpoints import read_checkpoint
from sktransfer.deep._networks.torch.text_network import (
    TextNetwork,
    place_names,
    stage_names,
    stage_shape,
)
from sktransfer.deep._networks.torch.zoo import load_zoo
from sktransfer.deep._texts.files import find_file
from sktransfer.deep._texts.sentence_modules import SentenceModules, read_modules
from sktransfer.deep._texts.tokenizer import describe_tokens

_WEIGHTS = ("model.safetensors", "pytorch_model.bin")

_NETWORKS = Recent(2)
_WRAPPED = Recent(4)


def describe_text_module(backbone, given, *, stages=None, inputs=None):
    """Describe a network of transformers, or a module, for texts: the fields of a `Backbone`.

    `given` are the parameters of an estimator for texts; `inputs` is a `TokenInput`, if it is
    described already.
    """
    if isinstance(backbone, str):
        source, module = backbone, None
        network, fingerprint, own = _load(source)
        name = Path(source.removeprefix("hf:")).name
        place = given.get("tokenizer") or _transformer_of(source, own)
    else:
        source, place, own = "", given.get("tokenizer"), None
        fingerprint, module = describe.take_module(backbone)
        name = type(module).__name__
        network = _wrapped(module, fingerprint)
    if inputs is None:
        inputs = describe_tokens(place, given, own=own, positions=_count_positions(network))
    else:
        inputs = replace(inputs.with_options(given), source=place or inputs.source)
    _check_stages(network, stages, name)
    stages = stages or stage_names(network)
    return {
        "name": name,
        "source": source,
        "preprocessing": inputs,
        "stages": tuple(stages),
        "shapes": tuple(stage_shape(network, stage) for stage in stages),
        "fingerprint": fingerprint,
        "engines": ("torch",),
        "module": module,
    }


def find_text_network(backbone):
    """Return the `TextNetwork` of a description. Do not change it."""
    if backbone.module is not None:
        return _wrapped(backbone.module, backbone.fingerprint)
    try:
        network, fingerprint, _ = _load(backbone.source)
    except OSError as error:
        raise OSError(
            f"The network {shown(backbone.source)} is gone: put it back, say where it is with "
            f"set_params(backbone=its name now), or fit again ({shortened(error)})."
        ) from error
    describe.check_fingerprint(backbone, fingerprint)
    return network


def fingerprint_of(source):
    """Return the fingerprint of the network for texts that transformers gives for a name."""
    return _load(source)[1]


def _wrapped(module, fingerprint):
    return _WRAPPED.get(fingerprint, lambda: TextNetwork(module).eval())


def _transformer_of(source, own):
    """The place of the transformer itself, in the folder of a network."""
    return source if own is None or not own.path else f"{source}/{own.path}"


def _load(source):
    """A network, its fingerprint, and its `SentenceModules` or None, known by its files."""

    def make():
        own = read_modules(source)
        model, _ = load_zoo(_transformer_of(source, own))
        if getattr(getattr(model, "config", None), "is_encoder_decoder", False):
            model = model.get_encoder()
        if getattr(model, "pooler", None) is not None:
            model.pooler = None  # nothing here reads its output
        describe.check_tensors(model, f"backbone={shown(source)}")
        parts = own or SentenceModules()
        dense = [_load_dense(source, layer) for layer in parts.dense]
        network = TextNetwork(model, parts.poolings, dense, parts.normalize).eval()
        about = [describe.fingerprint_module(part) for part in (model, *dense)]
        about += [parts.poolings, parts.normalize]
        return network, hashlib.sha256(repr(about).encode()).hexdigest(), own

    return _NETWORKS.get((source, folder_stamps(source.removeprefix("hf:"))), make)


def folder_stamps(folder):
    """Data that change with any file in a folder, those in folders inside included."""
    try:
        files = sorted(Path(folder).rglob("*")) if os.path.isdir(folder) else []
        return tuple((str(path), signature(path)) for path in files if path.is_file())
    except OSError:  # the function that reads them raises
        return ()


def _load_dense(source, layer):
    """A dense layer, with its weights read as tensors."""
    path = next((p for n in _WEIGHTS if (p := find_file(source, f"{layer.path}/{n}"))), None)
    if path is None:
        raise OSError(f"backbone={shown(source)}: its folder {shown(layer.path)} has no weights.")
    linear = torch.nn.Linear(*layer.sizes, bias=layer.bias)
    state = {name.removeprefix("linear."): x for name, x in read_checkpoint(path).items()}
    try:
        linear.load_state_dict(state)
    except RuntimeError as error:
        raise ValueError(
            f"The weights in {shown(str(path))} do not fit a layer of sizes {layer.sizes}."
        ) from error
    return torch.nn.Sequential(linear, getattr(torch.nn, layer.activation)())


def _count_positions(network):
    """How many tokens a network has places for; None if it has no table of them."""
    tables = [
        part.num_embeddings - (0 if part.padding_idx is None else part.padding_idx + 1)
        for name, part in network.named_modules()
        if isinstance(part, torch.nn.Embedding) and "position" in name.rpartition(".")[2]
    ]
    if tables:
        return min(tables)
    most = getattr(getattr(network.model, "config", None), "max_position_embeddings", None)
    return most if isinstance(most, int) and most > 0 else None


def _check_stages(network, stages, name):
    known = place_names(network)
    unknown = [stage for stage in stages or () if stage not in known]
    if unknown or (stages and list(stages) != sorted(stages, key=known.index)):
        raise ValueError(
            f"stages={shown(list(stages))} are no places, in order, of the network {shown(name)}: "
            f"expected some of {listed(known)}."
        )


def inner_names(backbone):
    """Return the names of all places at which the network of a description can be cut."""
    return place_names(find_text_network(backbone))


def inner_shape(backbone, name):
    """The shape of the activations of such a place."""
    return stage_shape(find_text_network(backbone), name)
