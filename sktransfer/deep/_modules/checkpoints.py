"""Checkpoints as people leave them, read as data alone and loaded by layer name."""

import pickle
from dataclasses import dataclass
from pathlib import Path

# Where the weights stand in a checkpoint that also holds an epoch, an optimizer and more.
_NESTED = ("state_dict", "model_state_dict", "model", "net", "network", "weights", "params")

# What wrappers and training scripts put before the names of layers.
_WRAPPERS = frozenset(
    [
        *("module", "model", "backbone", "net", "network", "_orig_mod", "feature_extractor"),
        *("encoder", "encoder_q", "base_encoder", "student", "teacher", "trunk"),
    ]
)

# How many wrappers may be around a network.
_DEEPEST = 3

_SUFFIXES = (".pth", ".pt", ".th", ".bin", ".ckpt", ".tar", ".safetensors")


@dataclass(frozen=True)
class LoadReport:
    """What became of a checkpoint that was loaded into a network by layer name.

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
    """Read a file of weights in a way that cannot run code.

    Parameters
    ----------
    path : str or os.PathLike
        Ends with ``.safetensors``, or with ``.pth``, ``.pt``, ``.th``, ``.bin``, ``.ckpt`` or
        ``.tar``, which `torch.load` reads with ``weights_only=True``.

    Returns
    -------
    state : dict of str to torch.Tensor
        On the CPU. Names are as the file has them.

    Raises
    ------
    FileNotFoundError
        When there is no such file.
    ValueError
        When it is no such file, holds more than data, or no weights.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"weights={str(path)!r}: there is no such file.")
    if path.suffix not in _SUFFIXES:
        raise ValueError(
            f"weights={str(path)!r} is no checkpoint that can be read: expected a file that ends "
            f"with {', '.join(_SUFFIXES)}."
        )
    content = _read_safetensors(path) if path.suffix == ".safetensors" else _read_torch(path)
    state = _find_state(content)
    if not state:
        raise ValueError(
            f"weights={str(path)!r} holds no dict of names and tensors; save one with "
            "torch.save(network.state_dict(), path)."
        )
    return state


def _read_safetensors(path):
    try:
        from safetensors import SafetensorError
        from safetensors.torch import load_file
    except ImportError as error:
        raise ImportError(
            f"weights={str(path)!r} needs safetensors, which is not installed; run "
            'pip install "sktransfer[save]".'
        ) from error
    try:
        return load_file(path)
    except SafetensorError as error:
        raise ValueError(
            f"weights={str(path)!r} is damaged or no safetensors file ({error})."
        ) from error


def _read_torch(path):
    import torch

    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ValueError(
            f"weights={str(path)!r} is damaged, or holds more than tensors and plain values, so "
            "that reading it would run code: in a program that you trust with it, save "
            "network.state_dict() alone with torch.save or safetensors."
        ) from error
    except (RuntimeError, EOFError, KeyError) as error:
        raise ValueError(
            f"weights={str(path)!r} is damaged or no checkpoint of torch ({error})."
        ) from error


def _find_state(content):
    """The names and tensors in what a file holds: at its top, or the nearest dict below."""
    import torch

    level = [content]
    while level:
        for value in level:
            if isinstance(value, dict):
                state = {k: v for k, v in value.items() if torch.is_tensor(v)}
                if state and all(isinstance(name, str) for name in state):
                    return state
        level = [inner for value in level if isinstance(value, dict) for inner in _below(value)]
    return {}


def _below(value):
    """What a dict holds, the usual homes of weights first; never the state of an optimizer."""
    order = {name: place for place, name in enumerate(_NESTED)}
    names = [name for name in value if "optim" not in str(name)]
    return [value[name] for name in sorted(names, key=lambda n: order.get(n, len(order)))]


def load_by_name(module, state, *, source):
    """Load tensors into a network wherever name and shape fit.

    What wrappers put before the names, such as ``module.``, is taken off or put on so that the most
    tensors fit.

    Parameters
    ----------
    module : torch.nn.Module
        Changed in place.
    state : dict of str to torch.Tensor
        What `read_checkpoint` returned.
    source : str
        How the report and messages call the file.

    Returns
    -------
    report : LoadReport

    Raises
    ------
    ValueError
        When nothing fits.
    """
    own = module.state_dict()
    prefix, added = _best_renaming(state, own, module)
    targets = {name: _rename(name, prefix, added) for name in state}
    loaded, skipped = [], []
    for name, tensor in state.items():
        target = targets[name]
        if target not in own:
            skipped.append((name, "the network has no layer of this name"))
        elif own[target].shape != tensor.shape:
            here, there = tuple(own[target].shape), tuple(tensor.shape)
            skipped.append((name, f"shape {there} in the file, {here} in the network"))
        else:
            loaded.append((target, tensor))
    if not loaded:
        raise ValueError(
            f"weights={source!r} fits no layer of the network: the file has "
            f"{_some(state)}, the network {_some(own)}."
        )
    module.load_state_dict(dict(loaded), strict=False)
    done = {name for name, _ in loaded}
    # The count of batches has no effect on a network that has a momentum, and old files lack it.
    fresh = [n for n in own if n not in done and not n.endswith("num_batches_tracked")]
    return LoadReport(source, tuple(n for n, _ in loaded), tuple(skipped), tuple(fresh))


def _best_renaming(state, own, module):
    """The prefix to take off and the one to put on that make the most tensors fit."""

    def fits(renaming):
        names = ((_rename(name, *renaming), tensor) for name, tensor in state.items())
        return sum(n in own and own[n].shape == tensor.shape for n, tensor in names)

    base = getattr(module, "base_model_prefix", "")
    taken_off = _prefixes(state, _WRAPPERS | {base})
    put_on = _prefixes(own, _WRAPPERS | {base})
    renamings = [(off, "") for off in taken_off] + [(off, on) for off in taken_off for on in put_on]
    return max(renamings, key=fits)  # the first, and so the least change, of equal ones


def _prefixes(names, wrappers):
    """The beginnings of names that consist of wrappers alone, the shortest first."""
    found = {""}
    for name in names:
        parts = name.split(".")
        for depth in range(1, min(_DEEPEST, len(parts) - 1) + 1):
            if parts[depth - 1] not in wrappers:
                break
            found.add(".".join(parts[:depth]) + ".")
    return sorted(found, key=lambda prefix: (len(prefix), prefix))


def _rename(name, prefix, added):
    return added + name.removeprefix(prefix)


def _some(names):
    shown = ", ".join(map(repr, list(names)[:3]))
    return shown + (", ..." if len(names) > 3 else "")
