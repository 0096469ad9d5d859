"""Checkpoints of any training script, read as data alone and loaded by layer name."""

import os
import pickle
import warnings
from dataclasses import dataclass
from pathlib import Path

from sktransfer._extras import install_command
from sktransfer._messages import cause, shown
from sktransfer.deep._networks.torch.renaming import match_names

# The usual keys of the weights in a checkpoint that also holds an epoch, an optimizer and more.
_NESTED = ("state_dict", "model_state_dict", "model", "net", "network", "weights", "params")

_SUFFIXES = (".pth", ".pt", ".th", ".bin", ".ckpt", ".tar", ".safetensors")


@dataclass(frozen=True)
class LoadReport:
    """The result of loading a checkpoint into a network by layer name.

    Parameters
    ----------
    source : str
        The file.
    loaded : tuple of str
        The network's tensors that have the file's values.
    skipped : tuple of (str, str)
        The file's tensors that were left out, each with the reason.
    fresh : tuple of str
        The network's tensors that kept the values that they had.
    """

    source: str
    loaded: tuple[str, ...]
    skipped: tuple[tuple[str, str], ...]
    fresh: tuple[str, ...]

    def __str__(self):
        n_tensors = len(self.loaded) + len(self.fresh)
        lines = [f"{self.source}: {len(self.loaded)} of the network's {n_tensors} tensors loaded"]
        if self.skipped:
            lines.append(f"skipped {len(self.skipped)} of the file's:")
            lines += [f"  {name}: {reason}" for name, reason in self.skipped]
        if self.fresh:
            lines.append(f"left as they were {len(self.fresh)} of the network's:")
            lines += [f"  {name}" for name in self.fresh]
        return "\n".join(lines)


def read_checkpoint(path):
    """Read the names and tensors of a file of weights in a way that cannot run code."""
    if not isinstance(path, str | os.PathLike) or not isinstance(os.fspath(path), str):
        raise TypeError(f"weights={shown(path)} is no path: expected None or a checkpoint's path.")
    path = Path(path)
    of = f"weights={shown(str(path))}"
    if not os.path.isfile(path):
        raise FileNotFoundError(f"{of}: there is no such file.")
    if path.suffix not in _SUFFIXES:
        raise ValueError(
            f"{of} is no checkpoint that can be read: expected a file that ends with "
            f"{', '.join(_SUFFIXES)}."
        )
    read = _read_safetensors if path.suffix == ".safetensors" else _read_torch
    state = _find_state(read(path, of))
    if not state:
        raise ValueError(
            f"{of} holds no dict of names and tensors; save one with "
            "torch.save(network.state_dict(), path)."
        )
    return state


def _read_safetensors(path, of):
    try:
        from safetensors.torch import load_file
    except ImportError as error:
        raise ImportError(
            f"{of} needs safetensors, which is not installed; run {install_command('save')}."
        ) from error
    try:
        return load_file(path)
    except Exception as error:  # besides its own errors, those of torch for odd dtypes and sizes
        raise ValueError(f"{of} is damaged or no safetensors file ({cause(error)}).") from error


def _read_torch(path, of):
    import torch

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # remarks of torch on its own file formats
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:  # its message gives the advice to run the code
        raise ValueError(
            f"{of} is damaged, or holds more than tensors and plain values, so that reading it "
            "would run code: in a program that you trust with it, save network.state_dict() alone "
            "with torch.save or safetensors."
        ) from error
    except Exception as error:  # the reader meets damage in as many ways as there are
        raise ValueError(f"{of} is damaged or no checkpoint of torch ({cause(error)}).") from error


def _find_state(content):
    """The names and tensors of a file: at its top, or in the nearest dict below.

    Each dict is visited once, because a file may hold one in itself, or on very many paths.
    """
    import torch

    level, seen = [content], {id(content)}
    while level:
        for value in level:
            if isinstance(value, dict):
                state = {k: v for k, v in value.items() if torch.is_tensor(v)}
                if state and all(isinstance(name, str) for name in state):
                    return state
        below = []
        for value in level:
            for inner in _below(value) if isinstance(value, dict) else ():
                if id(inner) not in seen:
                    seen.add(id(inner))
                    below.append(inner)
        level = below
    return {}


def _below(value):
    """The values of a dict, the usual homes of weights first; never the state of an optimizer."""
    order = {name: place for place, name in enumerate(_NESTED)}
    names = [name for name in value if not (isinstance(name, str) and "optim" in name)]
    return [value[name] for name in sorted(names, key=lambda n: order.get(n, len(order)))]


def load_by_name(module, state, *, source):
    """Load tensors into a network, in place, if name and shape fit; return a `LoadReport`.

    The names of the file and of the network may differ by the words of wrappers, such as
    ``module.``, in front or in the middle (see `match_names`).
    """
    own = module.state_dict()
    targets = match_names(_shapes(state), _shapes(own), _base_names(module))
    loaded, skipped, taken = {}, [], set()
    for name, tensor in state.items():
        target = targets.get(name)
        if target not in own:
            skipped.append((name, "the network has no layer of this name"))
        elif own[target].shape != tensor.shape:
            here, there = tuple(own[target].shape), tuple(tensor.shape)
            skipped.append((name, f"shape {there} in the file, {here} in the network"))
        elif target in taken:
            skipped.append((name, f"another tensor of the file is loaded as {shown(target)}"))
        else:
            taken.add(target)
            loaded[name] = target
    if not loaded:
        raise ValueError(
            f"weights={shown(source)} fits no layer of the network: the file has "
            f"{_some(state)}, the network {_some(own)}."
        )
    for name, target in loaded.items():
        _check_usable(name, state[name], own[target], source)
    module.load_state_dict({target: state[name] for name, target in loaded.items()}, strict=False)
    # The count of batches has no effect on a network that has a momentum, and old files lack it.
    fresh = [n for n in own if n not in taken and not n.endswith("num_batches_tracked")]
    return LoadReport(source, tuple(loaded.values()), tuple(skipped), tuple(fresh))


def _shapes(tensors):
    return {name: tuple(tensor.shape) for name, tensor in tensors.items()}


def _base_names(module):
    """The name by which a network of transformers calls its part without a head."""
    name = getattr(module, "base_model_prefix", "")
    return (name,) if isinstance(name, str) and name else ()


def _check_usable(name, tensor, own, source):
    from sktransfer.deep._networks.torch.tensors import find_fault

    fault = find_fault(tensor)
    if fault is None and own.is_floating_point() and not tensor.is_floating_point():
        fault = f"holds {str(tensor.dtype).removeprefix('torch.')}, but its layer is floating-point"
    if fault is not None:
        raise ValueError(
            f"weights={shown(source)}: the tensor {shown(name)} {fault}; save the network's "
            "state_dict() with plain finite tensors."
        )


def _some(names):
    text = ", ".join(map(shown, list(names)[:3]))
    return text + (", ..." if len(names) > 3 else "")
