"""Networks by name from transformers, torchvision and timm, with their own preprocessing.

The libraries are imported when one of their networks is asked for, and not before.
"""

import difflib
import os
from contextlib import contextmanager
from pathlib import Path

from sktransfer.deep._modules.textbook import find_textbook
from sktransfer.deep._modules.zoo_preprocessing import (
    from_timm,
    from_torchvision,
    from_transformers,
)

_UNREADABLE = (
    "backbone='hf:{name}' is a folder that transformers cannot read ({reason}): it needs "
    "config.json and model.safetensors, as save_pretrained writes them."
)

# What a checkpoint may lack without harm: the layers after the features.
_DISPENSABLE = ("classifier", "pooler", "head", "fc", "mask_token")


def load_zoo(source):
    """Load a network of a model zoo with its weights.

    Parameters
    ----------
    source : str
        "hf:FOLDER-or-id", "torchvision:NAME" or "timm:NAME".

    Returns
    -------
    module : torch.nn.Module
        In evaluation mode and float32, on the CPU.
    preprocessing : Preprocessing or None
        How its makers turn an image into its input; None where they do not say.

    Raises
    ------
    ImportError
        When the library is not installed, or not usable.
    ValueError
        When the zoo has no such network, or cannot be used as asked.
    OSError
        When the weights are neither here nor can be had.
    """
    zoo, _, name = source.partition(":")
    load = {"hf": _load_hf, "torchvision": _load_torchvision, "timm": _load_timm}[zoo]
    if not name:
        raise ValueError(f"backbone={source!r} names no network: expected '{zoo}:' and its name.")
    with _weights_are_data():
        module, preprocessing = load(name)
    if preprocessing is None and (textbook := find_textbook(source)) is not None:
        preprocessing = textbook.preprocessing
    return module.float().eval(), preprocessing


@contextmanager
def _weights_are_data():
    """Make every `torch.load` in the libraries refuse what is more than tensors."""
    name = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"
    before = os.environ.get(name)
    os.environ[name] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


# ---- transformers


def _load_hf(name):
    try:
        import transformers
    except ImportError as error:
        raise ImportError(
            f"backbone='hf:{name}' needs transformers, which is not installed; run "
            'pip install "sktransfer[hf]".'
        ) from error
    with _quiet(transformers):
        here = {"local_files_only": True, "trust_remote_code": False}
        is_folder = Path(name).is_dir()
        if is_folder and not (Path(name) / "config.json").is_file():
            raise OSError(_UNREADABLE.format(name=name, reason="there is no config.json"))
        try:
            return _read_hf(transformers, name, here)
        except OSError as error:
            if is_folder:
                raise OSError(_UNREADABLE.format(name=name, reason=error)) from error
        try:
            return _read_hf(transformers, name, here | {"local_files_only": False})
        except OSError as error:
            raise OSError(
                f"backbone='hf:{name}': there is no folder of this name, the network is not in "
                "the cache of Hugging Face on this machine (environment variable HF_HOME), and it "
                "could not be fetched either. Check the name and the connection; or fetch it "
                "where there is one, save it there with save_pretrained, and pass 'hf:' and that "
                "folder."
            ) from error


def _read_hf(transformers, name, where):
    config = transformers.AutoConfig.from_pretrained(name, **where)
    made_by = (getattr(config, "architectures", None) or [""])[0]
    classes = "AutoModelForImageClassification", "AutoModel"
    kind = getattr(transformers, classes[not made_by.endswith("ForImageClassification")])
    module, report = kind.from_pretrained(
        name, config=config, dtype="float32", output_loading_info=True, **where
    )
    lacking = [
        key
        for key in sorted(report["missing_keys"])
        if not any(part in _DISPENSABLE for part in key.split("."))
    ]
    if lacking:
        raise ValueError(
            f"backbone='hf:{name}' lacks weights that {type(module).__name__} has, so they would "
            f"be random: {', '.join(lacking[:5])}; pass a folder whose weights fit its config.json."
        )
    try:
        processor = transformers.AutoImageProcessor.from_pretrained(name, **where).to_dict()
    except (OSError, ValueError, ImportError):  # there is none, or one for other inputs
        return module, None
    return module, from_transformers(processor, f"backbone='hf:{name}'")


@contextmanager
def _quiet(transformers):
    """Keep the library's bars and remarks to itself for a moment; its settings are restored."""
    from huggingface_hub import utils as hub

    logging = transformers.utils.logging
    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    hub_verbosity, hub_bars = hub.logging.get_verbosity(), not hub.are_progress_bars_disabled()
    logging.set_verbosity(logging.CRITICAL)
    hub.logging.set_verbosity(logging.CRITICAL)
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        hub.logging.set_verbosity(hub_verbosity)
        if bars:
            logging.enable_progress_bar()
        if hub_bars:
            hub.enable_progress_bars()
        else:
            hub.disable_progress_bars()


# ---- torchvision


def _load_torchvision(name):
    try:
        import torchvision
    except Exception as error:  # a build that does not fit the torch fails in its own ways
        raise ImportError(
            f"backbone='torchvision:{name}' needs torchvision, which is not installed or does not "
            f'fit this torch ({error}); run pip install "sktransfer[zoo]", or install the build '
            "that belongs to your torch from pytorch.org."
        ) from error
    models = torchvision.models
    known = models.list_models(module=models)
    if name.lower() not in known:
        raise ValueError(_no_such("torchvision", name, known))
    weights = models.get_model_weights(name).DEFAULT
    try:
        module = models.get_model(name, weights=weights, progress=False)
    except OSError as error:
        import torch

        folder = Path(torch.hub.get_dir()) / "checkpoints"
        raise OSError(
            f"backbone='torchvision:{name}': {str(folder / Path(weights.url).name)!r} is not "
            f"there, and {weights.url} could not be fetched ({error}). Go online once, or put "
            "that file there."
        ) from error
    return module, from_torchvision(weights.transforms(), f"backbone='torchvision:{name}'")


# ---- timm


def _load_timm(name):
    try:
        import timm
    except Exception as error:  # it imports torchvision, which fails in its own ways
        raise ImportError(
            f"backbone='timm:{name}' needs timm and torchvision, which are not installed or do "
            f'not fit this torch ({error}); run pip install "sktransfer[zoo]", or install the '
            "torchvision that belongs to your torch from pytorch.org."
        ) from error
    if not name.startswith(("local-dir:", "hf-hub:", "hf_hub:")):
        architecture = name.partition(".")[0]
        if not timm.is_model(architecture):
            raise ValueError(_no_such("timm", name, timm.list_models(pretrained=True)))
    try:
        module = timm.create_model(name, pretrained=True)
    except (OSError, RuntimeError) as error:
        raise OSError(
            f"backbone='timm:{name}': its weights are not in the cache of Hugging Face on this "
            f"machine (environment variable HF_HOME), and could not be fetched ({error}). Go "
            "online once; or save the network as timm does and pass 'timm:local-dir:' and the "
            "folder; or pass the module itself with weights=."
        ) from error
    return module, from_timm(module.pretrained_cfg, f"backbone='timm:{name}'")


def _no_such(zoo, name, known):
    near = difflib.get_close_matches(name, known, n=3)
    hint = f"did you mean {' or '.join(map(repr, near))}?" if near else f"it has {len(known)}."
    return f"backbone='{zoo}:{name}': {zoo} has no network {name!r} with weights; {hint}"
