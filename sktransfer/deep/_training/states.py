"""Names and tensors of the state of a training. Importing this module imports torch."""

import numpy as np
import torch


def as_tensors(arrays):
    """Copies of a dict of arrays, as tensors."""
    return {name: torch.as_tensor(np.array(array)) for name, array in arrays.items()}


def prefixed(prefix, values):
    """The same dict with a prefix before each name."""
    return {prefix + name: value for name, value in values.items()}


def under(prefix, values):
    """The part of a dict whose names have a prefix, without it."""
    return {n.removeprefix(prefix): v for n, v in values.items() if n.startswith(prefix)}
