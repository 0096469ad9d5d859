"""The networks that ship with the package, and their files."""

import importlib.resources
from pathlib import Path

BUILT_IN = {"glyphs": "glyphs.onnx", "words": "words.npz", "speech": "speech.onnx"}


def built_in_path(name):
    """Return the path of a network that ships with the package, None for any other name."""
    if not isinstance(name, str) or name not in BUILT_IN:
        return None
    return Path(str(importlib.resources.files("sktransfer.deep") / "weights" / BUILT_IN[name]))
