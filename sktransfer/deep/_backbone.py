"""The description of a pretrained network: small, frozen, with a reference to its weights."""

import difflib
import os
from copy import copy
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from sktransfer._extras import install_command, is_installed
from sktransfer._messages import cause, listed, shortened, shown
from sktransfer._short_repr import _ShortReprMixin
from sktransfer.deep._built_in import BUILT_IN, built_in_path
from sktransfer.deep._items import InputDescription
from sktransfer.deep._preprocessing import is_whole, read_input_size
from sktransfer.deep._texts.resolve import (
    describe_text_graph,
    describe_text_module,
    describe_word_file,
    reads_texts,
    reads_tokens,
)

ZOOS = ("hf:", "torchvision:", "timm:")
WORD_VECTORS = (".txt", ".vec", ".npz")

_ACCEPTED = (
    f"the name of a network that ships with sktransfer ({', '.join(map(repr, BUILT_IN))}), "
    "the path of an '.onnx' file or of word vectors ('.txt', '.vec', '.npz'), 'hf:FOLDER', "
    "'torchvision:NAME', 'timm:NAME', a torch.nn.Module, or a Backbone"
)


class Stage(NamedTuple):
    """A place at which a network can be cut.

    Parameters
    ----------
    name : str
        The name of the tensor, or of the submodule that makes it.
    shape : tuple of int
        Of one item: (c, h, w) for a feature map, (t, c) for a sequence of tokens, (c,) for a
        vector. t is None if it depends on the item.
    """

    name: str
    shape: tuple[int | None, ...]


@dataclass(frozen=True)
class Backbone:
    """Describe a pretrained network without holding its weights.

    It is a few hundred bytes, immutable, hashable and shared by clones; pickles carry it in
    place of the network. Only a network that exists nowhere but in memory, a `torch.nn.Module`, is
    carried along.

    Parameters
    ----------
    name : str
        The network's name, the first word of the feature names.
    source : str
        How the network is found again: the path of a file, "words", "hf:folder", "timm:name" or
        "torchvision:name"; empty for a module.
    preprocessing : Preprocessing or the description of another kind of input
        How an item becomes the input: an image, a text.
    stages : tuple of str
        The cut points, in order from the input.
    shapes : tuple of tuple of int
        The shape of each stage's activations of one item.
    fingerprint : str
        A hash of the weights and of the structure, in hexadecimal.
    engines : tuple of {"onnx", "torch", "numpy"}, default=("onnx", "torch")
        The engines that can run it.
    module : torch.nn.Module or None, default=None
        The network, if it exists only in memory.
    load_report : LoadReport or None, default=None
        The result of loading a checkpoint into the module.
    """

    name: str
    source: str
    preprocessing: InputDescription
    stages: tuple[str, ...]
    shapes: tuple[tuple[int | None, ...], ...]
    fingerprint: str
    engines: tuple[str, ...] = ("onnx", "torch")
    module: Any = field(default=None, compare=False, repr=False)
    load_report: Any = field(default=None, compare=False, repr=False)

    @property
    def is_pretrained(self):
        """Whether the network has weights; a perceptron for tables has none."""
        return bool(self.source) or self.module is not None

    def __getstate__(self):
        return vars(self) | {"module": _to_pickle(self.module)}

    def locate(self, stage: int | str | None) -> Stage:
        """Find a stage.

        Parameters
        ----------
        stage : int, str or None
            The place from 1 (nearest to the input), a name, or None for the last stage. A name
            may also be that of an inner tensor of the graph, or of a submodule, that is not
            among `stages`.

        Returns
        -------
        stage : Stage

        Raises
        ------
        ValueError
            When the network has no such stage; the message lists those that it has, and the
            names that are near.
        """
        if stage is None:
            return Stage(self.stages[-1], self.shapes[-1])
        if is_whole(stage) and 1 <= stage <= len(self.stages):
            return Stage(self.stages[int(stage) - 1], self.shapes[int(stage) - 1])
        if isinstance(stage, str):
            if stage in self.stages:
                return Stage(stage, self.shapes[self.stages.index(stage)])
            return Stage(stage, self._inner_shape(stage))
        raise ValueError(self._unknown(stage))

    def _inner_shape(self, name):
        """Return the shape at a named place that is no stage."""
        if "numpy" in self.engines:
            raise ValueError(self._unknown(name))
        texts = self.preprocessing.kind == "text"
        if texts and "onnx" in self.engines:
            from sktransfer.deep._networks.onnx.describe_texts import inner_names, inner_shape
        elif texts:
            from sktransfer.deep._networks.torch.describe_texts import inner_names, inner_shape
        elif "onnx" in self.engines:
            from sktransfer.deep._networks.onnx.describe import inner_names, inner_shape
        else:
            from sktransfer.deep._networks.torch.describe import inner_names, inner_shape
        names = inner_names(self)
        if name not in names:
            raise ValueError(self._unknown(name, names))
        return inner_shape(self, name)

    def _unknown(self, stage, names=()):
        near = difflib.get_close_matches(stage, names, n=3) if isinstance(stage, str) else ()
        hint = f"; did you mean {shortened(' or '.join(map(repr, near)))}?" if near else "."
        return (
            f"stage={shown(stage)} is not a stage of the backbone {shown(self.name)}: expected "
            f"None (the last), an integer from 1 to {len(self.stages)}, or one of "
            f"{self._stage_list()}{hint}"
        )

    def stage_name(self, stage: int | str | None) -> str:
        """Return the name of a stage.

        Parameters
        ----------
        stage : int, str or None
            As for `locate`.

        Returns
        -------
        name : str
        """
        return self.locate(stage).name

    def depth(self, freeze_depth: int | str) -> int:
        """Return how many stages from the input stay frozen.

        Parameters
        ----------
        freeze_depth : int or "all"
            From 0 (every stage is trained) to the number of stages, which is "all". A negative
            number counts from the head: with -1 the last stage alone is trained.

        Returns
        -------
        depth : int

        Raises
        ------
        ValueError
            When it is anything else; the message lists the stages.
        """
        n_stages = len(self.stages)
        if isinstance(freeze_depth, str) and freeze_depth == "all":
            return n_stages
        if is_whole(freeze_depth) and -n_stages <= freeze_depth <= n_stages:
            return int(freeze_depth) + (n_stages if freeze_depth < 0 else 0)
        raise ValueError(
            f"freeze_depth={shown(freeze_depth)} does not fit the backbone {shown(self.name)}: "
            f"expected 'all' or an integer from 0 (train every stage) to {n_stages} "
            f"(freeze all of {self._stage_list()}), or one from -{n_stages} to -1 (so many are "
            "trained)."
        )

    def weights(self):
        """Read the network's ONNX file, and make sure that it is the one described.

        Returns
        -------
        weights : bytes
            A whole ONNX file; weights that it keeps in files of their own are inside.

        Raises
        ------
        FileNotFoundError
            When the file is gone. A built-in network is also looked for in the package, so
            that a pickle works on a machine that has it installed elsewhere.
        ValueError
            When the file holds other weights than the ones that were described.
        """
        from sktransfer.deep._networks.onnx.read import read_file

        path = Path(self.source)
        if not path.is_file():
            path = built_in_path(self.name) or path
        if not path.is_file():
            raise FileNotFoundError(
                f"The weights of the backbone {shown(self.name)} are no longer at "
                f"{shown(str(path))}: put the file back, say where it is with "
                "set_params(backbone=its path now), or fit again."
            )
        weights, fingerprint = read_file(path)
        if fingerprint != self.fingerprint:
            raise ValueError(
                f"The weights of the backbone {shown(self.name)} at {shown(str(path))} are "
                "not the ones that fit has seen: put the old file back, say where it is with "
                "set_params(backbone=its path now), or fit again."
            )
        return weights

    def _stage_list(self):
        return listed(self.stages)


def resolve_backbone(
    backbone, *, weights=None, stages=None, preprocessing=None, input_size=None, **of_kind
):
    """Find out which network is meant, and describe it; the parameters are those of the estimators.

    Those that one kind of input reads are in `of_kind`, but for images; None if not given.
    A file is described once a process, as long as its path, inode, size and times stay the same.
    """
    options = {
        "stages": _read_stages(stages),
        "preprocessing": _hashable(preprocessing),
        "input_size": read_input_size(input_size),
    }
    if isinstance(backbone, Backbone):
        return _describe_again(backbone, weights, of_kind, **options)
    if _is_module(backbone) or (isinstance(backbone, str) and backbone.startswith(ZOOS)):
        _check_libraries(backbone)
        if reads_texts(backbone, options, of_kind):
            return Backbone(**describe_text_module(backbone, weights, options, of_kind))
        from sktransfer.deep._networks.torch.describe import describe_module

        return Backbone(**describe_module(backbone, weights=weights, **options))
    path = built_in_path(backbone)
    if path is None and _is_path(backbone):
        path = Path(backbone)
    if path is None:
        raise ValueError(f"backbone={shown(backbone)} is not known: expected {_ACCEPTED}.")
    if weights is not None:
        raise ValueError(
            f"weights={shown(weights)} is a checkpoint for a torch.nn.Module, but "
            f"backbone={shown(backbone)} "
            "brings its own weights: leave weights=None."
        )
    try:
        there = path.is_file()
    except (OSError, ValueError) as error:
        raise ValueError(
            f"backbone={shown(backbone)} is no path that can be opened ({cause(error)})."
        ) from error
    if not there:
        raise FileNotFoundError(f"backbone={shown(backbone)}: there is no file {shown(str(path))}.")
    if path.suffix in WORD_VECTORS:
        return Backbone(**describe_word_file(backbone, path, options, of_kind))
    from sktransfer.deep._networks.onnx.read import absolute, stamps

    path = absolute(path)
    if reads_tokens(str(path), stamps(path)):
        return Backbone(**describe_text_graph(path, options, of_kind))
    return _describe(str(path), stamps(path), **options)


@lru_cache(maxsize=32)
def _describe(path, stamps, *, stages, preprocessing, input_size):
    from sktransfer.deep._networks.onnx.describe import describe_graph
    from sktransfer.deep._networks.onnx.read import absolute, read_file

    weights, fingerprint = read_file(path)
    own = built_in_path(Path(path).stem)
    ours = own is not None and path == str(absolute(own))
    fields = describe_graph(
        weights,
        path=path,
        stages=stages,
        preprocessing=preprocessing,
        input_size=input_size,
        trusted=ours,
    )
    return Backbone(name=Path(path).stem, source=path, fingerprint=fingerprint, **fields)


def _describe_again(backbone, weights, of_kind, **options):
    """A description with some of it changed; an ONNX file is read again, a module as well."""
    if backbone.preprocessing.kind != "image":
        backbone = replace(backbone, preprocessing=backbone.preprocessing.with_options(of_kind))
    if weights is None and not any(value is not None for value in options.values()):
        return backbone
    if options["stages"] is None:
        options["stages"] = backbone.stages
    if options["preprocessing"] is None:
        options["preprocessing"] = backbone.preprocessing
    source = backbone.source if backbone.module is None else backbone.module
    if backbone.name in BUILT_IN and not Path(backbone.source).is_file():
        source = backbone.name
    return resolve_backbone(source, weights=weights, **options, **of_kind)


def _read_stages(stages):
    if stages is None:
        return None
    named = not isinstance(stages, str) and all(isinstance(name, str) for name in stages)
    if not named or not len(stages) or len(set(stages)) < len(stages):
        raise ValueError(
            f"stages={shown(stages)} cannot be used: expected None or a sequence of different "
            "names, in order from the input."
        )
    return tuple(stages)


def _hashable(preprocessing):
    """A pair of lists or arrays as tuples, so that descriptions can be looked up."""
    if isinstance(preprocessing, (str, InputDescription)) or preprocessing is None:
        return preprocessing
    if isinstance(preprocessing, (tuple, list)):
        return tuple(tuple(v) if np.iterable(v) else v for v in preprocessing)
    raise ValueError(
        f"preprocessing={shown(preprocessing)} is not known: expected 'torch', 'tf', 'caffe', a "
        "pair (mean, std), a Preprocessing, or None."
    )


class TakesBackbone(_ShortReprMixin):
    """Let estimators with a parameter `backbone` be pickled and cloned with any torch module.

    torch pickles no parametrized module, and copies none that keeps tensors of a former pass.
    """

    def __getstate__(self):
        return super().__getstate__() | {"backbone": _to_pickle(self.backbone)}

    def __sklearn_clone__(self):
        if not _is_module(self.backbone):
            return super().__sklearn_clone__()
        from sktransfer.deep._networks.torch.copies import copy_module

        bare = copy(self)
        bare.backbone = None
        clone = super(TakesBackbone, bare).__sklearn_clone__()
        clone.backbone = copy_module(self.backbone)
        return clone


def _to_pickle(backbone):
    """A value that can be pickled, and whose pickle becomes the backbone again."""
    if not _is_module(backbone):
        return backbone
    from sktransfer.deep._networks.torch.copies import to_pickle

    return to_pickle(backbone)


def _check_libraries(backbone):
    """Name all packages at once that a zoo's network needs and that are not installed."""
    zoo = str(backbone).partition(":")[0] if isinstance(backbone, str) else ""
    needed = {"hf": "transformers", "torchvision": "torchvision", "timm": "timm"}.get(zoo)
    missing = [name for name in ("torch", needed) if name and not is_installed(name)]
    if needed and "torch" in missing:
        raise ImportError(
            f"backbone={shown(backbone)} runs in torch: {' and '.join(missing)} "
            f"{'is' if len(missing) == 1 else 'are'} not installed; run "
            f"{install_command('hf' if zoo == 'hf' else 'zoo')}, or export the network to an "
            "'.onnx' file elsewhere, whose features need neither."
        )


def _is_path(backbone):
    """Tell whether it is the path of an ONNX file or of word vectors, by its name."""
    path = os.fspath(backbone) if isinstance(backbone, (str, os.PathLike)) else ""
    return isinstance(path, str) and path.endswith((".onnx", *WORD_VECTORS))


def _is_module(backbone):
    """Tell whether it is a torch.nn.Module, without importing torch."""
    return any(
        base.__name__ == "Module" and base.__module__ == "torch.nn.modules.module"
        for base in type(backbone).__mro__
    )
