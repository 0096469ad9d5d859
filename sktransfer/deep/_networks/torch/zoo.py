"""Networks by name from transformers, torchvision and timm, with their own preprocessing.

The libraries are imported when one of their networks is asked for, and not before.
"""

import difflib
import os
import pickle
from contextlib import contextmanager
from pathlib import Path

from sktransfer._extras import install_command
from sktransfer._messages import cause, shown
from sktransfer.deep._networks.torch.network_access import hub_offline, is_reachable, why_no_hub
from sktransfer.deep._networks.torch.zoo_preprocessing import (
    from_timm,
    from_torchvision,
    from_transformers,
)

_UNREADABLE = (
    "{of} is a folder that transformers cannot read ({reason}): it needs config.json and "
    "model.safetensors that fit each other, as save_pretrained writes them."
)

# Layers after the features, which a checkpoint may lack.
_DISPENSABLE = ("classifier", "pooler", "head", "fc", "mask_token")


def load_zoo(source):
    """Load a network of a model zoo, in evaluation mode and float32, with its own preprocessing.

    The latter is None if its makers do not say it, and an error if they say it in a way that no
    `Preprocessing` has.
    """
    zoo, _, name = source.partition(":")
    load = {"hf": _load_hf, "torchvision": _load_torchvision, "timm": _load_timm}[zoo]
    of = f"backbone={shown(source)}"
    if not name:
        raise ValueError(f"{of} names no network: expected '{zoo}:' and its name.")
    with _weights_are_data():
        module, preprocessing = load(name, of)
    return module.float().eval(), preprocessing


@contextmanager
def _weights_are_data():
    """Make every `torch.load` in the libraries refuse anything other than tensors."""
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


class _Refused(ValueError):
    """A sentence of ours about a network that could be read."""


def _from_hub(load, failure):
    """Return ``load(local_only)``: from the cache of Hugging Face's hub, or else from there.

    ``failure(reason)`` is the sentence if that cannot be done.
    """
    try:
        with hub_offline():
            return load(True)
    except _Refused:
        raise
    except Exception as error:  # not in the cache, not all of it, or damaged
        if (reason := why_no_hub()) is not None:
            raise OSError(failure(reason)) from error
    try:
        return load(False)
    except _Refused:
        raise
    except Exception as error:
        raise OSError(failure(cause(error))) from error


# ---- transformers


def _load_hf(name, of):
    try:
        import transformers
    except ImportError as error:
        raise ImportError(
            f"{of} needs transformers, which is not installed; run {install_command('hf')}."
        ) from error

    def read(local_only):
        return _read_hf(transformers, name, of, local_only)

    with _quiet(transformers):
        if os.path.isdir(name):
            return _load_hf_folder(read, name, of)
        return _from_hub(
            read,
            lambda reason: (
                f"{of}: there is no folder of this name, the network is not in the cache of "
                "Hugging Face on this machine (environment variable HF_HOME), and it could not be "
                f"fetched either ({reason}). Check the name and the connection; or fetch it where "
                "there is one, save it there with save_pretrained, and pass 'hf:' and that folder."
            ),
        )


def _load_hf_folder(read, name, of):
    """Read a folder, and nothing beside it: no other repository that its files may name."""
    if not os.path.isfile(Path(name) / "config.json"):
        raise OSError(_UNREADABLE.format(of=of, reason="there is no config.json"))
    if os.path.exists(Path(name) / "adapter_config.json"):
        raise ValueError(
            f"{of} holds an adapter, whose network is elsewhere: merge it into its "
            "network (merge_and_unload of peft), and save that with save_pretrained."
        )
    try:
        with hub_offline():
            return read(True)
    except _Refused:
        raise
    except pickle.UnpicklingError as error:  # its message gives the advice to run the code
        reason = "its pytorch_model.bin is damaged, or reading it would run code"
        raise OSError(_UNREADABLE.format(of=of, reason=reason)) from error
    except Exception as error:  # each of its readers fails in its own ways
        reason = cause(error)
        if "auto_map" in reason or "trust_remote_code" in reason:
            reason = "its config.json asks for code that comes with the network, which is never run"
        elif _names_another(name):
            reason = "its config.json names another repository, and a folder is read alone"
        raise OSError(_UNREADABLE.format(of=of, reason=reason)) from error


def _names_another(name):
    """Whether a folder's config.json says that weights or a configuration are elsewhere."""
    try:
        text = (Path(name) / "config.json").read_text()
    except (OSError, ValueError):
        return False
    return any(f'"{key}"' in text for key in ("backbone", "use_pretrained_backbone"))


def _read_hf(transformers, name, of, local_only):
    where = {"local_files_only": local_only, "trust_remote_code": False}
    config = transformers.AutoConfig.from_pretrained(name, **where)
    if (code := _foreign_code(config)) is not None:
        raise _Refused(
            f"{of} asks for code of another repository ({code}), which is never run: remove this "
            "entry from its config.json."
        )
    made_by = (getattr(config, "architectures", None) or [""])[0]
    classes = "AutoModelForImageClassification", "AutoModel"
    kind = getattr(transformers, classes[not str(made_by).endswith("ForImageClassification")])
    module, report = kind.from_pretrained(
        name, config=config, dtype="float32", output_loading_info=True, **where
    )
    lacking = [
        key
        for key in sorted(report["missing_keys"])
        if not any(part in _DISPENSABLE for part in key.split("."))
    ]
    if lacking:
        raise _Refused(
            f"{of} lacks weights that {type(module).__name__} has, so they would be random: "
            f"{', '.join(map(str, lacking[:5]))}; pass a folder whose weights fit its config.json."
        )
    try:
        processor = transformers.AutoImageProcessor.from_pretrained(name, **where).to_dict()
    except Exception:  # there is none, or one for other inputs, or it is damaged
        return module, None
    return module, _translated(from_transformers, processor, of)


def _foreign_code(config):
    """The entry of a configuration by which transformers would load code from the hub, or None."""
    parts = [config, *(getattr(config, name, None) for name in getattr(config, "sub_configs", ()))]
    for part in parts:
        for name, value in vars(part).items() if hasattr(part, "__dict__") else ():
            if "_implementation" in name and isinstance(value, str) and "/" in value:
                return shown(f"{name.strip('_')}={value}")
    return None


def _translated(translate, description, of):
    """The preprocessing of a zoo's network, or the error that says why it cannot be used."""
    try:
        return translate(description, of)
    except ValueError as error:
        return error
    except Exception as error:  # an incomplete description
        reason = f"{of}: its own preprocessing cannot be read ({cause(error)})"
        return ValueError(f"{reason}; pass preprocessing= and input_size=.")


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


def _load_torchvision(name, of):
    try:
        import torchvision
    except Exception as error:  # a build that does not fit the torch fails in its own ways
        raise ImportError(_no_library("torchvision", of, error)) from error
    models = torchvision.models
    known = models.list_models(module=models)
    if name.lower() not in known:
        raise ValueError(_no_such("torchvision", name, of, known))
    import torch

    weights = models.get_model_weights(name).DEFAULT
    file = Path(torch.hub.get_dir()) / "checkpoints" / Path(weights.url).name
    hint = "Go online once, or put that file there."
    if not os.path.isfile(file) and not is_reachable(weights.url):
        raise OSError(
            f"{of}: {shown(str(file))} is not there, and {weights.url} does not answer. {hint}"
        )
    try:
        module = models.get_model(name, weights=weights, progress=False)
    except Exception as error:
        state = (
            "cannot be read" if os.path.isfile(file) else f"is not there, and {weights.url} failed"
        )
        raise OSError(f"{of}: {shown(str(file))} {state} ({cause(error)}). {hint}") from error
    return module, _translated(from_torchvision, weights.transforms(), of)


def _no_library(library, of, error):
    if isinstance(error, ModuleNotFoundError):
        return (
            f"{of} needs {library}, which is not installed ({cause(error)}); run "
            f"{install_command('zoo')}."
        )
    return (
        f"{of} needs {library}, which does not fit this torch ({cause(error)}); install "
        f"the torchvision of the same build: {install_command('zoo')}."
    )


# ---- timm


def _load_timm(name, of):
    try:
        import timm
    except Exception as error:  # it imports torchvision, which fails in its own ways
        raise ImportError(_no_library("timm", of, error)) from error
    is_folder = name.startswith("local-dir:")
    if not name.startswith(("local-dir:", "hf-hub:", "hf_hub:")):
        architecture = name.partition(".")[0]
        if not timm.is_model(architecture):
            raise ValueError(_no_such("timm", name, of, timm.list_models(pretrained=True)))
    if is_folder:
        try:
            with hub_offline():
                module = timm.create_model(name, pretrained=True)
        except Exception as error:  # each of its readers fails in its own ways
            raise OSError(
                f"{of} is a folder that timm cannot read ({cause(error)}): it needs "
                "config.json and weights, as timm.models.save_for_hf writes them."
            ) from error
    else:
        module = _from_hub(
            lambda local_only: timm.create_model(name, pretrained=True),
            lambda reason: (
                f"{of}: its weights are not in the cache of Hugging Face on this machine "
                f"(environment variable HF_HOME), and could not be fetched ({reason}). Go online "
                "once; or save the network as timm does and pass 'timm:local-dir:' and the folder; "
                "or pass the module itself with weights=."
            ),
        )
    return module, _translated(from_timm, module.pretrained_cfg, of)


def _no_such(zoo, name, of, known):
    near = difflib.get_close_matches(name[:100], known, n=3)
    hint = f"did you mean {' or '.join(map(repr, near))}?" if near else f"it has {len(known)}."
    return f"{of}: {zoo} has no network {shown(name)} with weights; {hint}"
