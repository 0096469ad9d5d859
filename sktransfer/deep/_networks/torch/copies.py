"""Copies of torch modules, and forms of them that can be pickled.

Importing this module imports torch.
"""

from copy import deepcopy

import torch
from torch.nn.utils import parametrize


def copy_module(module, memo=None):
    """Copy a module, also one that keeps tensors of a former pass; `memo` is that of `deepcopy`.

    torch copies no tensor that was computed with gradients. A module has such tensors if it keeps
    its activations, or computes a weight from others before each pass. Spectral norm, weight norm
    and pruning do so. Their values are copied.
    """
    memo = {} if memo is None else memo
    for part in module.modules():
        _detach(vars(part), memo)
    return deepcopy(module, memo)


def _detach(value, memo):
    """Put copies of the computed tensors in a structure of plain containers into the memo."""
    pending, seen = [value], set()
    while pending:
        value = pending.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, torch.Tensor):
            if not value.is_leaf and id(value) not in memo:
                memo[id(value)] = value.detach().clone()
        elif isinstance(value, dict):
            pending.extend(value.values())
        elif isinstance(value, list | tuple | set):
            pending.extend(value)


def to_pickle(module):
    """Return a module that can be pickled: itself, or a stand-in that becomes it again.

    torch does not pickle modules with parametrizations, because each is of a class of its own. It
    does not copy tensors that were computed with gradients. The stand-in uses the tensors of the
    module without a copy.
    """
    is_plain = not any(
        parametrize.is_parametrized(part) or _computed(part) for part in module.modules()
    )
    return module if is_plain else _fold(module, {})


def _computed(part):
    """The copies of the tensors that a module keeps from a former pass, by id."""
    memo = {}
    _detach({name: value for name, value in vars(part).items() if name != "_modules"}, memo)
    return memo


def _fold(module, folded):
    """The module with stand-ins for all parametrized modules in it."""
    if id(module) not in folded:
        state = _plain(dict(vars(module)), _computed(module))
        state["_modules"] = {
            name: None if part is None else _fold(part, folded)
            for name, part in module._modules.items()
        }
        if parametrize.is_parametrized(module):
            # torch's weight_norm adds a local function, which translates the names of old files.
            hooks = state["_load_state_dict_pre_hooks"]
            kept = [(key, hook) for key, hook in hooks.items() if not _is_local(hook)]
            state["_load_state_dict_pre_hooks"] = type(hooks)(kept)
            form = _Folded(parametrize.type_before_parametrizations(module), state)
        else:
            form = object.__new__(type(module))
            vars(form).update(state)
        folded[id(module)] = form
    return folded[id(module)]


def _plain(value, copies):
    """The same structure of containers with some of its tensors exchanged for copies."""
    if id(value) in copies:
        return copies[id(value)]
    if type(value) is dict:
        return {key: _plain(item, copies) for key, item in value.items()}
    if type(value) in (list, tuple):
        return type(value)(_plain(item, copies) for item in value)
    return value


def _is_local(hook):
    function = getattr(hook, "hook", hook)
    return "<locals>" in getattr(function, "__qualname__", "") and function.__module__.startswith(
        "torch."
    )


class _Folded:
    """A parametrized module as its class from before, and its attributes."""

    def __init__(self, kind, state):
        self.kind = kind
        self.state = state

    def __reduce__(self):
        return _unfold, (self.kind, self.state)


def _unfold(kind, state):
    """Make the parametrized module again."""
    module = kind.__new__(kind)
    modules = dict(state["_modules"])
    parametrizations = modules.pop("parametrizations")
    parameters = dict(state["_parameters"])
    vars(module).update(state | {"_modules": modules, "_parameters": parameters})
    for name in parametrizations:
        # torch makes the class and the property; its list is then exchanged for the kept one.
        parameters[name] = torch.nn.Parameter(torch.zeros(1))
        parametrize.register_parametrization(module, name, torch.nn.Identity(), unsafe=True)
    modules["parametrizations"] = parametrizations
    return module
