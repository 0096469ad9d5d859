"""Functions that several test files use: public names, messages and rows of domains."""

import io
import os
import re
from importlib import import_module
from inspect import isclass, signature
from pathlib import Path
from pkgutil import walk_packages

import numpy as np
from sklearn.datasets import make_classification

import sktransfer

ROOT = Path(__file__).parents[1]

# Real data and real weights, which are no part of the project.
DATA = Path(os.environ.get("SKTRANSFER_DATA", ROOT.parent / "shared" / "data"))
WEIGHTS = Path(os.environ.get("SKTRANSFER_WEIGHTS", DATA.parent / "weights"))

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


def families():
    """Return the names of the public folders that export a class with a `fit`."""
    exports = {
        path.parent.name: import_module(f"sktransfer.{path.parent.name}")
        for path in sorted(Path(sktransfer.__file__).parent.glob("[!_]*/__init__.py"))
    }
    return [
        name
        for name, package in exports.items()
        for items in [[getattr(package, item) for item in getattr(package, "__all__", ())]]
        if any(isclass(item) and hasattr(item, "fit") for item in items)
    ]


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


def encode(image, kind="PNG", **options):
    """Return the bytes of a file with an image, which is one of Pillow's or an array of pixels."""
    from PIL import Image

    stream = io.BytesIO()
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    image.save(stream, kind, **options)
    return stream.getvalue()


def make_gaussians(n_source=1000, n_target=1000, seed=0):
    """Source N(0, 1), target N(0.5, 0.7^2) and the analytic ratio at the source rows."""
    rng = np.random.default_rng(seed)
    source, target = rng.normal(size=n_source), rng.normal(0.5, 0.7, size=n_target)
    ratio = np.exp(source**2 / 2 - (source - 0.5) ** 2 / (2 * 0.7**2)) / 0.7
    X = np.concatenate([source, target])[:, None]
    return X, np.repeat(["s", "target"], [n_source, n_target]), ratio


def make_two_rules(seed, *, n_source=120, n_target=60, n_classes=2):
    """Rows of two domains; a quarter of the source rows follows another rule."""
    n_samples = n_source + n_target
    X, y = make_classification(
        n_samples, 6, n_informative=4, n_classes=n_classes, flip_y=0.1, random_state=seed
    )
    sample_domain = np.repeat(["s", "target"], [n_source, n_target])
    y[: n_source // 4] = (y[: n_source // 4] + 1) % n_classes
    X_new = np.random.default_rng(seed).normal(size=(300, 6)) * X.std(axis=0)
    return X, y, sample_domain, X_new


def make_turned_rows(seed=0, n_features=8, counts=(("amazon", 60), ("dslr", 50), ("target", 70))):
    """Rows in mixed order and their domains; each domain has its own principal axes and mean."""
    rng = np.random.default_rng(seed)
    parts, names = [], []
    for name, count in counts:
        rotation = np.linalg.qr(rng.normal(size=(n_features, n_features)))[0]
        spread = np.linspace(4, 0.5, n_features)
        parts.append(rng.normal(size=(count, n_features)) * spread @ rotation)
        parts[-1] += rng.normal(size=n_features)
        names += [name] * count
    order = rng.permutation(len(names))
    return np.concatenate(parts)[order], np.array(names)[order]


def make_moved_rows(seed=0, n_features=6, counts=(("amazon", 25), ("dslr", 20), ("target", 30))):
    """Rows in mixed order and their domains; the domains differ by an offset."""
    rng = np.random.default_rng(seed)
    names = np.repeat([name for name, _ in counts], [count for _, count in counts])
    offset = rng.normal(size=(len(counts), n_features))
    index = np.repeat(np.arange(len(counts)), [count for _, count in counts])
    X = rng.normal(size=(len(names), n_features)) * np.linspace(2, 0.5, n_features) + offset[index]
    order = rng.permutation(len(names))
    return X[order], names[order]


if __name__ == "__main__":
    (Path(__file__).parent / "public_names.txt").write_text("\n".join(public_names()) + "\n")
