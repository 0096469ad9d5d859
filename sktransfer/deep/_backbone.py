"""What a pretrained network is: a small frozen description that points to its weights."""

import hashlib
import importlib.resources
import json
import os
import warnings
from dataclasses import dataclass
from functools import lru_cache
from numbers import Integral
from pathlib import Path

BUILT_IN = ("glyphs",)

_ACCEPTED = (
    f"the name of a network that ships with sktransfer ({', '.join(map(repr, BUILT_IN))}), "
    "the path of an '.onnx' file that carries sktransfer's metadata, or a Backbone"
)


@dataclass(frozen=True)
class Preprocessing:
    """How an image with values in [0, 1] becomes the input of a network.

    Parameters
    ----------
    size : tuple of int
        Height and width of the input, in pixels.
    channels : {1, 3}
        Grey or red, green, blue.
    mean, std : tuple of float
        One value a channel: the input is ``(image - mean) / std``.
    resize : {"bilinear"}, default="bilinear"
        How images get their size; bilinear antialiases when it shrinks.

    Raises
    ------
    ValueError
        When a field is none of these.
    """

    size: tuple[int, int]
    channels: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    resize: str = "bilinear"

    def __post_init__(self):
        faults = []
        if len(self.size) != 2 or not all(isinstance(s, int) and s > 0 for s in self.size):
            faults.append(f"size={self.size!r} must be a height and a width in pixels")
        if self.channels not in (1, 3):
            faults.append(f"channels={self.channels!r} must be 1 or 3")
        if len(self.mean) != self.channels or len(self.std) != self.channels:
            faults.append(
                f"mean={self.mean!r} and std={self.std!r} must have one value for each channel"
            )
        if not all(value > 0 for value in self.std):
            faults.append(f"std={self.std!r} must be positive")
        if self.resize != "bilinear":
            faults.append(f"resize={self.resize!r} must be 'bilinear'")
        if faults:
            raise ValueError(f"A preprocessing cannot be used: {'; '.join(faults)}.")

    @classmethod
    def from_json(cls, text):
        """Read the description that a network file carries.

        Parameters
        ----------
        text : str
            A JSON object with ``size``, ``channels``, ``range`` ([0, 1]), ``resize``, ``mean``
            and ``std``.

        Returns
        -------
        preprocessing : Preprocessing
        """
        fields = json.loads(text)
        value_range = fields.get("range", [0, 1])
        if list(value_range) != [0, 1]:
            raise ValueError(
                f"A preprocessing cannot be used: range={value_range!r} is not [0, 1]."
            )
        return cls(
            size=tuple(fields["size"]),
            channels=fields["channels"],
            mean=tuple(map(float, fields["mean"])),
            std=tuple(map(float, fields["std"])),
            resize=fields.get("resize", "bilinear"),
        )


@dataclass(frozen=True)
class Backbone:
    """Describe a pretrained network without holding its weights.

    It is a few hundred bytes, immutable, hashable and shared by clones; pickles carry it in
    place of the network.

    Parameters
    ----------
    name : str
        The network's name, the first word of the feature names.
    path : str
        Where the ONNX file is.
    preprocessing : Preprocessing
        How an image becomes the input.
    stages : tuple of str
        The cut points, in order from the input; each is an output of the file.
    n_channels : tuple of int
        The number of channels of each stage's feature map.
    map_sizes : tuple of (int, int)
        Height and width of each stage's feature map.
    fingerprint : str
        SHA-256 of the file, in hexadecimal.
    """

    name: str
    path: str
    preprocessing: Preprocessing
    stages: tuple[str, ...]
    n_channels: tuple[int, ...]
    map_sizes: tuple[tuple[int, int], ...]
    fingerprint: str

    def stage_name(self, stage):
        """Return the name of a stage.

        Parameters
        ----------
        stage : int, str or None
            The place from 1 (nearest to the input), a name, or None for the last stage.

        Returns
        -------
        name : str

        Raises
        ------
        ValueError
            When the backbone has no such stage; the message lists those that it has.
        """
        if stage is None:
            return self.stages[-1]
        if isinstance(stage, str) and stage in self.stages:
            return stage
        if _is_integer(stage) and 1 <= stage <= len(self.stages):
            return self.stages[int(stage) - 1]
        raise ValueError(
            f"stage={stage!r} is not a stage of the backbone {self.name!r}: expected None (the "
            f"last), an integer from 1 to {len(self.stages)}, or one of {self._stage_list()}."
        )

    def depth(self, freeze_depth):
        """Return how many stages from the input stay frozen.

        Parameters
        ----------
        freeze_depth : int or "all"
            From 0 (every stage is trained) to the number of stages, which is "all".

        Returns
        -------
        depth : int

        Raises
        ------
        ValueError
            When it is anything else; the message lists the stages.
        """
        if isinstance(freeze_depth, str) and freeze_depth == "all":
            return len(self.stages)
        if _is_integer(freeze_depth) and 0 <= freeze_depth <= len(self.stages):
            return int(freeze_depth)
        raise ValueError(
            f"freeze_depth={freeze_depth!r} does not fit the backbone {self.name!r}: expected "
            f"'all' or an integer from 0 (train every stage) to {len(self.stages)} (freeze all "
            f"of {self._stage_list()})."
        )

    def weights(self):
        """Read the file's bytes, and make sure that they are the ones described.

        Returns
        -------
        weights : bytes

        Raises
        ------
        FileNotFoundError
            When the file is gone. A built-in network is also looked for in the package, so
            that a pickle works on a machine that has it installed elsewhere.
        ValueError
            When the file holds other weights than the ones that were described.
        """
        path = Path(self.path)
        if not path.is_file() and self.name in BUILT_IN:
            path = _built_in_path(self.name)
        if not path.is_file():
            raise FileNotFoundError(
                f"The weights of the backbone {self.name!r} are no longer at {str(path)!r}: put "
                "the file back, or fit again with the new path."
            )
        weights = path.read_bytes()
        if hashlib.sha256(weights).hexdigest() != self.fingerprint:
            raise ValueError(
                f"The weights of the backbone {self.name!r} at {str(path)!r} are not the ones "
                "that fit has seen: put the old file back, or fit again."
            )
        return weights

    def _stage_list(self):
        return ", ".join(map(repr, self.stages))


def resolve_backbone(backbone):
    """Find out which network is meant, and describe it.

    A file is described once a process, as long as its path, time stamp and size stay the same.

    Parameters
    ----------
    backbone : str, os.PathLike or Backbone
        The name of a built-in network, the path of an ``.onnx`` file, or a description.

    Returns
    -------
    backbone : Backbone

    Raises
    ------
    ValueError
        When it is none of these, or a file that does not say how it is to be used.
    FileNotFoundError
        When there is no such file.
    """
    if isinstance(backbone, Backbone):
        return backbone
    if isinstance(backbone, str) and backbone in BUILT_IN:
        path = _built_in_path(backbone)
    elif isinstance(backbone, (str, os.PathLike)) and os.fspath(backbone).endswith(".onnx"):
        path = Path(backbone)
    else:
        raise ValueError(f"backbone={backbone!r} is not known: expected {_ACCEPTED}.")
    if not path.is_file():
        raise FileNotFoundError(f"backbone={backbone!r}: there is no file {str(path)!r}.")
    path = path.resolve()
    stat = path.stat()
    return _describe(str(path), stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=32)
def _describe(path, mtime_ns, size):
    with warnings.catch_warnings():
        import onnx

    weights = Path(path).read_bytes()
    try:
        model = onnx.load_model_from_string(weights)
    except Exception as error:  # protobuf's error classes differ between its releases
        raise ValueError(f"backbone={path!r} is not an ONNX file that can be read.") from error
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    if not {"sktransfer.stages", "sktransfer.preprocessing"} <= metadata.keys():
        raise ValueError(
            f"backbone={path!r} carries no sktransfer metadata ('sktransfer.stages' and "
            "'sktransfer.preprocessing'), so how to use it is unknown: networks of other makers "
            "come in a later release."
        )
    try:
        stages = tuple(json.loads(metadata["sktransfer.stages"]))
        preprocessing = Preprocessing.from_json(metadata["sktransfer.preprocessing"])
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"backbone={path!r} carries sktransfer metadata that cannot be used: {error}"
        ) from error
    shapes = _map_shapes(model, stages, path)
    return Backbone(
        name=Path(path).stem,
        path=path,
        preprocessing=preprocessing,
        stages=stages,
        n_channels=tuple(shape[0] for shape in shapes),
        map_sizes=tuple(shape[1:] for shape in shapes),
        fingerprint=hashlib.sha256(weights).hexdigest(),
    )


def _map_shapes(model, stages, path):
    """Channels, height and width of each stage's feature map, from the declared outputs."""
    declared = {output.name: output.type.tensor_type.shape.dim for output in model.graph.output}
    missing = [stage for stage in stages if stage not in declared]
    if missing or not stages:
        raise ValueError(
            f"backbone={path!r} names the stages {list(stages)!r}, but its outputs are "
            f"{list(declared)!r}: each stage must be an output of the file."
        )
    shapes = [tuple(dim.dim_value for dim in declared[stage])[1:] for stage in stages]
    if any(len(shape) != 3 or not all(shape) for shape in shapes):
        raise ValueError(
            f"backbone={path!r} must declare each stage as (N, channels, height, width) with "
            f"fixed numbers but the first; it declares {dict(zip(stages, shapes, strict=True))!r}."
        )
    return shapes


def _built_in_path(name):
    return Path(str(importlib.resources.files("sktransfer.deep") / "weights" / f"{name}.onnx"))


def _is_integer(value):
    return isinstance(value, Integral) and not isinstance(value, bool)
