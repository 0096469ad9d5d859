"""The files of sentence-transformers beside a transformer: how tokens become one vector."""

from dataclasses import dataclass
from pathlib import PurePosixPath

from sktransfer._messages import shown
from sktransfer.deep._texts.files import read_json

# The poolings that can be read, by their names in a configuration.
POOLINGS = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_lasttoken": "lasttoken",
}

ACTIVATIONS = ("Tanh", "Identity", "ReLU", "GELU", "Sigmoid")


@dataclass(frozen=True)
class DenseLayer:
    """A linear layer after the pooling: its folder, and the name of its activation in torch."""

    path: str
    activation: str
    sizes: tuple[int, int]
    bias: bool


@dataclass(frozen=True)
class SentenceModules:
    """The modules of a folder, in order: poolings, dense layers, and a normalization.

    `path` is the folder of the transformer in that of the network. `max_tokens`, `lowercase` and
    `prefix` say how texts become tokens.
    """

    path: str = ""
    poolings: tuple[str, ...] = ()
    dense: tuple[DenseLayer, ...] = ()
    normalize: bool = False
    max_tokens: int | None = None
    lowercase: bool = False
    prefix: str = ""


def read_modules(source):
    """Read the files of a network; None if sentence-transformers has written none."""
    listed = read_json(source, "modules.json")
    if listed is None:
        return None
    try:
        return _read(source, listed)
    except (AttributeError, IndexError, KeyError, TypeError) as error:
        raise ValueError(
            f"The modules.json of backbone={shown(source)} cannot be used "
            f"({type(error).__name__}: {error}): put the files of sentence-transformers back."
        ) from error


def _read(source, listed):
    kinds = [(entry["type"].rpartition(".")[2], _inside(entry["path"])) for entry in listed]
    order = ["Transformer", "Pooling", "Dense", "Normalize"]
    places = [order.index(kind) if kind in order else -1 for kind, _ in kinds]
    if -1 in places or places != sorted(places) or places[:2] != [0, 1] or places.count(1) != 1:
        raise ValueError(
            f"The modules {', '.join(kind for kind, _ in kinds)} of backbone={shown(source)} are "
            "not supported: expected Transformer, Pooling, and then Dense layers and Normalize."
        )
    path = kinds[0][1]
    about = read_json(source, _join(path, "sentence_bert_config.json"), {})
    prompts = read_json(source, "config_sentence_transformers.json", {})
    name = prompts.get("default_prompt_name")
    return SentenceModules(
        path=path,
        poolings=_read_poolings(source, kinds[1][1]),
        dense=tuple(_read_dense(source, path) for kind, path in kinds if kind == "Dense"),
        normalize=kinds[-1][0] == "Normalize",
        max_tokens=about.get("max_seq_length"),
        lowercase=bool(about.get("do_lower_case")),
        prefix=str(prompts["prompts"][name]) if name is not None else "",
    )


def _inside(path):
    """A folder's name in the network's own, from which it may not lead away."""
    parts = PurePosixPath(path).parts
    if ".." in parts or PurePosixPath(path).is_absolute():
        raise ValueError(f"modules.json names the folder {shown(path)}, which is elsewhere.")
    return "/".join(parts)


def _join(path, name):
    return f"{path}/{name}" if path else name


def _read_poolings(source, path):
    config = read_json(source, _join(path, "config.json"), {})
    chosen = [key for key, value in config.items() if key.startswith("pooling_mode_") and value]
    unknown = [key for key in chosen if key not in POOLINGS]
    if unknown or not chosen:
        raise ValueError(
            f"The pooling {shown(unknown)} of backbone={shown(source)} is not supported: expected "
            f"one or more of {', '.join(POOLINGS)}."
        )
    return tuple(name for key, name in POOLINGS.items() if key in chosen)


def _read_dense(source, path):
    config = read_json(source, _join(path, "config.json"), {})
    activation = config.get("activation_function", "torch.nn.Identity").rpartition(".")[2]
    if activation not in ACTIVATIONS:
        raise ValueError(
            f"The activation {shown(activation)} of a dense layer of backbone={shown(source)} is "
            f"not supported: expected one of {', '.join(ACTIVATIONS)}."
        )
    sizes = int(config["in_features"]), int(config["out_features"])
    return DenseLayer(path, activation, sizes, bool(config.get("bias", True)))
