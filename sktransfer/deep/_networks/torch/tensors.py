"""Whether a tensor holds numbers that a network can compute with.

Importing this module imports torch.
"""

import torch


def find_fault(tensor):
    """Return why a tensor cannot be a weight, as the end of a sentence, or None if it can."""
    if torch.nn.parameter.is_lazy(tensor):
        return "has no shape before the first batch, because its layer is a lazy one"
    if tensor.is_meta:
        return "is on the meta device, so it has a shape but no values"
    if tensor.is_quantized:
        return "is quantized"
    if tensor.is_nested or tensor.layout is not torch.strided:
        return f"is no dense tensor (layout {str(tensor.layout).removeprefix('torch.')})"
    if tensor.is_complex():
        return "holds complex numbers"
    if tensor.is_floating_point() and bool(torch.isnan(tensor.detach().float()).any()):
        return "holds NaN, as after a training that diverged"
    return None


def find_faulty(module):
    """Return the name and the fault of a module's first tensor that cannot be used, or None."""
    faults = ((name, find_fault(tensor)) for name, tensor in named_tensors(module))
    return next((found for found in faults if found[1] is not None), None)


def named_tensors(module):
    """Return the parameters and buffers of a module with their names."""
    return [*module.named_parameters(), *module.named_buffers()]


def to_arrays(tensors):
    """Return copies of named tensors as arrays."""
    return {name: tensor.detach().cpu().numpy().copy() for name, tensor in tensors.items()}
