"""A hash of all that the output of a torch module depends on.

Importing this module imports torch.
"""

import dis
import enum
import functools
import hashlib
import inspect
import sys
import types

import numpy as np
import torch

from sktransfer.deep._networks.torch.tensors import named_tensors

# Installed code is known by the names of its classes and functions.
_LIBRARIES = {"torch", "torchvision", "timm", "transformers", "numpy"} | sys.stdlib_module_names
_INSTALLED = ("site-packages", "dist-packages")

_PLAIN = (type(None), bool, int, float, complex, str, bytes, torch.dtype, torch.device, enum.Enum)

# Attributes of every network; its tensors and submodules are hashed separately.
_OF_EVERY_MODULE = frozenset(vars(torch.nn.Module())) | {"training"}
# The origin of a network of transformers: the same weights may have another path.
_WHENCE = frozenset({"name_or_path"})
_LOADS = ("LOAD_GLOBAL", "LOAD_NAME")
_HOOKS = ("_forward_hooks", "_forward_pre_hooks")


def fingerprint_module(module):
    """Hash all that a module's output depends on: SHA-256, the same in every process.

    These are its classes, its parameters and buffers, its other attributes and its hooks. Of
    classes and functions of the user the source counts, with the defaults, functions and values
    that it names. A new release of Python therefore changes nothing. Code without a source, as that
    of `exec`, is known in its compiled form. Of other people's objects only the class counts, and
    of attributes of their modules those without a leading underscore. All of it is read at every
    call, about 100 MB in a tenth of a second. The counters by which torch knows that a tensor was
    changed do not see a change through ``.data`` or a NumPy view.
    """
    try:
        return _digest(module)
    except RecursionError as error:
        raise ValueError(
            f"backbone: a {type(module).__name__} refers to objects that are nested too deeply to "
            "be known by their content: remove such attributes, and globals that it uses."
        ) from error


def _digest(module):
    digest, content = hashlib.sha256(repr(module).encode()), _Content(module)
    for name, part in module.named_modules():
        about = name, _name_of(type(part)), content.of_attributes(part)
        digest.update(repr(about).encode())
    for kind in sorted({type(part) for part in module.modules()}, key=_name_of):
        digest.update(repr(content.of(kind)).encode())
    for name, tensor in sorted(named_tensors(module), key=lambda item: item[0]):
        digest.update(f"\0{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(_bytes_of(tensor))
    return digest.hexdigest()


class _Content:
    """Python objects as nested tuples of text that are equal if the objects do the same.

    An object that comes again, as in a cycle, is named by the number under which it came first. The
    submodules of `root` are known; they are not looked into from their attributes.
    """

    def __init__(self, root):
        self._known = {id(part): name for name, part in root.named_modules()}
        self._alive = []  # so that no id comes twice

    def of(self, value):
        """Return the content of a value."""
        if isinstance(value, _PLAIN):
            return str(value) if isinstance(value, enum.Enum) else repr(value)
        if isinstance(value, (tuple, list)):
            return [self.of(item) for item in value]
        if isinstance(value, types.MethodType):
            return "method", self.of(value.__func__), self.of(value.__self__)
        if id(value) in self._known:
            return "again", self._known[id(value)]
        if not isinstance(value, (frozenset, types.CodeType)):  # compilers share equal ones
            self._known[id(value)] = len(self._known)
            self._alive.append(value)
        return type(value).__qualname__, self._inside(value)

    def of_attributes(self, part):
        """Return the content of a module beside its tensors and submodules."""
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
        if isinstance(value, (set, frozenset)):
            return sorted(repr(self.of(item)) for item in value)
        if isinstance(value, (dict, types.MappingProxyType)):
            return self._pairs(value)
        if isinstance(value, (np.ndarray, np.generic, torch.Tensor)):
            return self._array(value)
        if isinstance(value, functools.partial):
            return self.of([value.func, value.args, value.keywords])
        if isinstance(value, types.FunctionType):
            return self._function(value)
        if isinstance(value, types.CodeType):
            return value.co_code, value.co_names, self.of(value.co_consts)  # no source is at hand
        if isinstance(value, (staticmethod, classmethod)):
            return self.of(value.__func__)
        if isinstance(value, property):
            return self.of(value.fget)
        if isinstance(value, torch.nn.Module):
            return fingerprint_module(value)
        if isinstance(value, type):
            return self._class(value)
        return self._object(value)

    def _pairs(self, items):
        """The items of a dict, in an order that does not depend on how it was made."""
        return [(repr(key), self.of(items[key])) for key in sorted(items, key=repr)]

    def _array(self, array):
        if not isinstance(array, torch.Tensor) and array.dtype.kind == "O":
            return self.of(np.asarray(array).tolist())
        content = hashlib.sha256(_bytes_of(array)).hexdigest()
        return str(array.dtype), tuple(array.shape), content

    def _function(self, function):
        """Describe a function by its name or, if that says too little, by its source."""
        own, around = _is_own(function), [_content_of(cell) for cell in function.__closure__ or ()]
        defaults = function.__defaults__, function.__kwdefaults__
        if not own:
            return _name_of(function), self.of([defaults, around])
        scope = function.__globals__
        used = {name: scope[name] for name in _globals_of(function.__code__) if name in scope}
        return self.of([_source_of(function), defaults, around]), self._pairs(used)

    def _class(self, kind):
        if not _is_own(kind):
            return _name_of(kind)
        own = {name: value for name, value in vars(kind).items() if _counts(name, value)}
        return _name_of(kind), self._pairs(own), [self.of(base) for base in kind.__bases__]

    def _object(self, value):
        """Any other object: its class, and if that is the user's own its attributes."""
        kind = type(value)
        if _is_own(kind) and hasattr(value, "__dict__"):
            return self.of(kind), self._pairs(vars(value))
        return _name_of(kind), _name_of(value) if hasattr(value, "__name__") else ""


def _counts(name, value):
    """Return whether part of a class can change its computation."""
    special = name.startswith("__") and not isinstance(value, types.FunctionType)
    return not special and not name.startswith(("__annotate", "_abc_impl"))


def _globals_of(code):
    """The names that code, and code inside of it, looks up outside of itself."""
    names = {s.argval for s in dis.get_instructions(code) if s.opname in _LOADS}
    inner = [value for value in code.co_consts if isinstance(value, types.CodeType)]
    return names.union(*map(_globals_of, inner))


def _source_of(function):
    """The source of a function, of a lambda its own part of the lines; else its compiled form."""
    code = function.__code__
    try:
        lines, first = inspect.getsourcelines(code)
    except (OSError, TypeError, SyntaxError, IndexError):
        return code
    if function.__name__ != "<lambda>":
        return inspect.cleandoc("".join(lines))
    # Several lambdas may be on one line, and are identified by the places of their expressions.
    places = [p for p in code.co_positions() if None not in p and p[2] != p[3]]
    begin = min((line, column) for line, _, column, _ in places)
    end = max((line, column) for _, line, _, column in places)
    text = [line.encode() for line in lines[begin[0] - first : end[0] - first + 1]]
    if not text or len(text) <= end[0] - begin[0]:
        return code
    text[-1] = text[-1][: end[1]]
    text[0] = text[0][begin[1] :]
    return b"".join(text).decode()


def _name_of(thing):
    return f"{getattr(thing, '__module__', '')}.{getattr(thing, '__qualname__', thing.__name__)}"


def _is_own(thing):
    """Whether code is the user's own: of a script, a notebook, a folder, but not installed."""
    name = getattr(thing, "__module__", None) or ""
    if name == "builtins":  # also for code that `exec` runs without a name
        return isinstance(thing, types.FunctionType) or "__module__" in getattr(
            thing, "__dict__", ()
        )
    file = getattr(sys.modules.get(name), "__file__", None) or ""
    installed = any(folder in file for folder in _INSTALLED)
    return not installed and name.partition(".")[0] not in _LIBRARIES


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
