"""A hash of all that the output of a torch module depends on.

Importing this module imports torch.
"""

import dis
import enum
import functools
import hashlib
import sys
import types

import numpy as np
import torch

# The code of these libraries is known by the names of its classes and functions; other code is
# hashed, and where it is not installed but the user's own what it refers to as well.
_KNOWN_CODE = {"torch", "torchvision", "timm", "transformers", "numpy"} | sys.stdlib_module_names
_INSTALLED = ("site-packages", "dist-packages")

_PLAIN = (type(None), bool, int, float, complex, str, bytes)

# Compilers decide whether two equal ones among constants are the same.
_UNSHARED = (tuple, frozenset, types.CodeType)

# What a network has because it is one; its tensors and submodules are looked at by themselves.
_OF_EVERY_MODULE = frozenset(vars(torch.nn.Module())) | {"training"}
# Where a network of transformers was read from: the same weights may lie elsewhere.
_WHENCE = frozenset({"name_or_path"})
_LOADS = ("LOAD_GLOBAL", "LOAD_NAME")
_HOOKS = ("_forward_hooks", "_forward_pre_hooks")

# Parts of a class that say nothing about what it computes.
_OF_EVERY_CLASS = frozenset(
    [
        *("__module__", "__qualname__", "__doc__", "__dict__", "__weakref__", "__annotations__"),
        *("__firstlineno__", "__static_attributes__", "__parameters__", "__orig_bases__"),
        *("__annotate__", "__annotations_cache__", "__annotate_func__", "__abstractmethods__"),
        "_abc_impl",
    ]
)


def fingerprint_module(module):
    """Hash all that a module's output depends on.

    These are its class, its structure, its parameters and buffers, its other attributes, its
    hooks, and the code of classes and functions that come from no well-known library, with their
    defaults and, where it is no installed package, with the functions and values that it refers
    to. Of other people's objects only the class counts, and of attributes of their modules those
    without a leading underscore. It is computed anew at every call, about 100 MB in a tenth of a
    second: the counters by which torch knows that a tensor was changed do not see a change
    through ``.data`` or a NumPy view.

    Parameters
    ----------
    module : torch.nn.Module

    Returns
    -------
    fingerprint : str
        SHA-256, in hexadecimal; the same in every process.
    """
    try:
        return _digest(module)
    except RecursionError as error:
        raise ValueError(
            f"backbone: a {type(module).__name__} refers to objects that are nested too deeply to "
            "be known by their content: remove such attributes, and globals that it uses."
        ) from error


def _digest(module):
    digest = hashlib.sha256(repr(module).encode())
    content = _Content(module)
    for name, part in module.named_modules():
        digest.update(f"\0{name}\0{_name_of(type(part))}".encode())
        digest.update(repr(content.of_attributes(part)).encode())
    for kind in sorted({type(part) for part in module.modules()}, key=_name_of):
        digest.update(repr(content.of(kind)).encode())
    tensors = [*module.named_parameters(), *module.named_buffers()]
    for name, tensor in sorted(tensors, key=lambda item: item[0]):
        digest.update(f"\0{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(_bytes_of(tensor))
    return digest.hexdigest()


class _Content:
    """Python objects as nested tuples of text that are equal where the objects do the same.

    An object that comes again, as in a cycle, is named by the number under which it came first.

    Parameters
    ----------
    root : torch.nn.Module
        Its submodules are known; they are not looked into from their attributes.
    """

    def __init__(self, root):
        self._known = {id(part): name for name, part in root.named_modules()}
        self._alive = []  # so that no id comes twice

    def of(self, value):
        """What a value is."""
        if isinstance(value, _PLAIN):
            return repr(value)
        if isinstance(value, (torch.dtype, torch.device, enum.Enum)):
            return str(value)
        if isinstance(value, types.MethodType):
            return "method", self.of(value.__func__), self.of(value.__self__)
        if id(value) in self._known:
            return "again", self._known[id(value)]
        if not isinstance(value, _UNSHARED):
            self._known[id(value)] = len(self._known)
            self._alive.append(value)
        return type(value).__qualname__, *self._inside(value)

    def of_attributes(self, part):
        """What a module has beside its tensors and submodules."""
        private = _is_own(type(part))
        own = {
            name: value
            for name, value in vars(part).items()
            if name not in _OF_EVERY_MODULE
            and (private or not (name.startswith("_") or name in _WHENCE))
        }
        hooks = [self.of(hook) for kind in _HOOKS for hook in vars(part).get(kind, {}).values()]
        return self._pairs(own), hooks

    def _inside(self, value):
        if isinstance(value, (tuple, list)):
            return [self.of(item) for item in value]
        if isinstance(value, (set, frozenset)):
            return sorted(repr(self.of(item)) for item in value)
        if isinstance(value, (dict, types.MappingProxyType)):
            return self._pairs(value)
        if isinstance(value, (np.ndarray, np.generic, torch.Tensor)):
            return self._array(value)
        if isinstance(value, functools.partial):
            return self.of(value.func), self.of(value.args), self.of(value.keywords)
        if isinstance(value, types.FunctionType):
            return self._function(value)
        if isinstance(value, types.CodeType):
            return self._code(value)
        if isinstance(value, (staticmethod, classmethod)):
            return (self.of(value.__func__),)
        if isinstance(value, property):
            return (self.of(value.fget),)
        if isinstance(value, torch.nn.Module):
            return (fingerprint_module(value),)
        if isinstance(value, type):
            return self._class(value)
        return self._object(value)

    def _pairs(self, items):
        """The items of a dict, in an order that does not depend on how it was made."""
        return [(repr(key), self.of(items[key])) for key in sorted(items, key=repr)]

    def _array(self, array):
        if not isinstance(array, torch.Tensor) and array.dtype.kind == "O":
            return (self.of(np.asarray(array).tolist()),)
        content = hashlib.sha256(_bytes_of(array)).hexdigest()
        return str(array.dtype), tuple(array.shape), content

    def _function(self, function):
        """A function: its name, or where that says too little its code and what that refers to."""
        name = _name_of(function)
        if _is_known(function) and not function.__closure__:
            return (name,)
        around = [self.of(_content_of(cell)) for cell in function.__closure__ or ()]
        defaults = self.of(function.__defaults__), self.of(function.__kwdefaults__)
        names = function.__globals__ if _is_own(function) else None
        return self._code(function.__code__, names), defaults, around

    def _code(self, code, names=None):
        """Byte code without what differs from run to run, and the globals that it names."""
        constants = [
            self._code(value, names) if isinstance(value, types.CodeType) else self.of(value)
            for value in code.co_consts
        ]
        used = [
            (name, self.of(names[name])) for name in _globals_of(code) if names and name in names
        ]
        return code.co_code, code.co_names, constants, used

    def _class(self, kind):
        if _is_known(kind):
            return (_name_of(kind),)
        own = {name: v for name, v in vars(kind).items() if name not in _OF_EVERY_CLASS}
        return _name_of(kind), self._pairs(own), [self.of(base) for base in kind.__bases__]

    def _object(self, value):
        """Any other object: its class, and where that is the user's own its attributes."""
        kind = type(value)
        if _is_own(kind) and hasattr(value, "__dict__"):
            return self.of(kind), self._pairs(vars(value))
        own_name = _name_of(value) if hasattr(value, "__name__") else ""
        return _name_of(kind), own_name


def _name_of(thing):
    return f"{getattr(thing, '__module__', '')}.{getattr(thing, '__qualname__', thing.__name__)}"


def _globals_of(code):
    """The names that code looks up outside of it; ``co_names`` has those of attributes too."""
    loads = (step for step in dis.get_instructions(code) if step.opname in _LOADS)
    return sorted({step.argval for step in loads})


def _is_known(thing):
    name = getattr(thing, "__module__", None) or ""
    if name == "builtins":  # also of what `exec` makes without a name
        made = isinstance(thing, type) and "__module__" in vars(thing)
        return not made and not isinstance(thing, types.FunctionType)
    return name.partition(".")[0] in _KNOWN_CODE


def _is_own(thing):
    """Whether code is the user's own: of a script, a notebook, a folder, but not installed."""
    module = sys.modules.get(getattr(thing, "__module__", None))
    file = getattr(module, "__file__", None) or ""
    return not _is_known(thing) and not any(folder in file for folder in _INSTALLED)


def _content_of(cell):
    try:
        return cell.cell_contents
    except ValueError:  # not filled yet, as in a function that is still being made
        return None


def _bytes_of(tensor):
    if not isinstance(tensor, torch.Tensor):
        return np.ascontiguousarray(tensor).tobytes()
    flat = tensor.detach().cpu().contiguous().reshape(-1)
    return flat.view(torch.uint8).numpy()
