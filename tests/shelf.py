"""What several test files use: public names, messages, data folders."""

import re
from importlib import import_module
from inspect import isclass, signature
from pathlib import Path
from pkgutil import walk_packages

import sktransfer

ROOT = Path(__file__).parents[1]

# Programs of the command line, which have no interface in Python.
PROGRAMS = ("sktransfer.__main__", "sktransfer.cli", "sktransfer.demo", "sktransfer.demo.__main__")


def public_items():
    """Return every public class and function by its name; those not at the top with their package.

    A package or module is public if no part of its name starts with an underscore.
    """
    items = {name: getattr(sktransfer, name) for name in sktransfer.__all__}
    for module in walk_packages(sktransfer.__path__, "sktransfer."):
        if "._" in module.name or module.name in PROGRAMS:
            continue
        package = import_module(module.name)
        for name in getattr(package, "__all__", ()):
            if name not in items:
                items[f"{module.name.removeprefix('sktransfer.')}.{name}"] = getattr(package, name)
    return items


def parameters_of(item):
    """Return the names of the parameters of a class or function."""
    if isclass(item) and issubclass(item, BaseException):
        return []
    return list(signature(item).parameters)


def public_names():
    """Return every public name, and every parameter as ``name(parameter)``."""
    return [
        public
        for name, item in sorted(public_items().items())
        for public in (name, *(f"{name}({p})" for p in parameters_of(item)))
    ]


def whole(message):
    """Return a pattern for `pytest.raises` and `pytest.warns` that matches this message alone."""
    return f"^{re.escape(message)}$"


if __name__ == "__main__":
    (Path(__file__).parent / "public_names.txt").write_text("\n".join(public_names()) + "\n")
