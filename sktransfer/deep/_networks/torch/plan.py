"""The plan of a cut torch module: the submodules and the tensors of each stage.

Importing this module imports torch.
"""

import dataclasses
from contextlib import contextmanager
from itertools import pairwise

import torch

from sktransfer._messages import cause, shown
from sktransfer.deep._networks.recent import Recent
from sktransfer.deep._networks.torch.copies import copy_module
from sktransfer.deep._networks.torch.record import Slot, probe, record, tensors_of

# Two sizes show how an activation's axes grow with the number of images. A single image would
# hide a `squeeze`.
PROBE_SIZES = (2, 3)


@dataclasses.dataclass
class Part:
    """The content of one stage; modules are known by their place in ``root.modules()``.

    It lies between the calls `begin` (None: the image) and `end`. `held` are the tensors that it
    has as its own, each by its module and its name. `visited` are tensors of other stages, or of
    none, in modules that run here. `modules` run here alone. `placeholders` are outputs of calls
    that are not run.
    """

    begin: object
    end: object
    held: list = dataclasses.field(default_factory=list)
    visited: list = dataclasses.field(default_factory=list)
    modules: list = dataclasses.field(default_factory=list)
    overwrites_input: bool = False
    placeholders: Recent = dataclasses.field(default_factory=lambda: Recent(2**12))


@dataclasses.dataclass
class Plan:
    """How a network is cut: the calls of a pass through it, and a `Part` for each stage.

    It holds no weights. `dense` means that placeholders are whole tensors, which operations in
    place need. `inside` are the places of torch's encoder layers in which there is a cut.
    """

    calls: list
    parts: list
    input_slot: object
    dense: bool = False
    inside: list = dataclasses.field(default_factory=list)


def make_plan(backbone, source, shape):
    """Assign submodules and tensors to stages, by two passes.

    Returns the `Plan`, and the activations at the cut points for ``probe(PROBE_SIZES[1], shape)``.
    """
    few, more = PROBE_SIZES
    try:
        first = record(source, probe(few, shape))
        second = record(source, probe(more, shape), keep=backbone.stages)
    except Exception as error:
        raise ValueError(
            f"The network {shown(backbone.name)} does not run on batches of {few} and of {more} "
            "images "
            f"({cause(error)}), so it cannot be cut into stages: its forward has to accept any "
            "number of images."
        ) from error
    if [call.index for call in first.calls] != [call.index for call in second.calls]:
        raise ValueError(
            f"The network {shown(backbone.name)} calls other submodules for other images, so it "
            "cannot be cut into stages."
        )
    for call, other in zip(first.calls, second.calls, strict=True):
        for slot, other_slot in zip(tensors_of(call.output), tensors_of(other.output), strict=True):
            slot.learn_batch_axes(other_slot, few, more)
    ends = [_cut(backbone, first, name) for name in backbone.stages]
    input_slot = Slot(torch.empty((0, *shape), device="meta"), True)
    input_slot.rates = (1, 0, 0, 0)
    plan = Plan(first.calls, _make_parts(backbone, ends), input_slot)
    _distribute(plan, first, source)
    plan.inside = [
        index
        for index, (name, module) in enumerate(source.named_modules())
        if isinstance(module, torch.nn.TransformerEncoderLayer)
        and any(end.name.startswith(f"{name}." if name else "") for end in ends)
    ]
    for call in first.calls:
        call.node = None  # the graph of gradients holds every activation
    return plan, second.kept


def _cut(backbone, recording, name):
    call = recording.last_call(name)
    if call is None or call.shape is None:
        raise ValueError(
            f"stages: {shown(name)} cannot be a cut point of the network {shown(backbone.name)}: "
            f"{'no image passes it' if call is None else 'it returns no tensor'}."
        )
    main = next(slot for slot in tensors_of(call.output) if slot.is_main)
    if main.rates[:1] != (1,) or any(main.rates[1:]) or main.shape[0]:
        raise ValueError(
            f"stages: {shown(name)} cannot be a cut point of the network {shown(backbone.name)}: "
            "the first axis of its output does not number the images."
        )
    return call


def _make_parts(backbone, ends):
    parts = []
    for begin, end in pairwise([None, *ends]):
        if begin is not None and end.left <= begin.left:
            raise ValueError(
                f"stages: {shown(end.name)} stands after {shown(begin.name)}, but the network "
                f"{shown(backbone.name)} computes it before: give the cut points in order from the "
                "input."
            )
        parts.append(Part(begin, end))
    return parts


def _distribute(plan, recording, source):
    """Give each tensor to the first stage that needs it, and each submodule to its stage."""
    modules = list(source.modules())
    runs = _runs(plan, modules)
    needed = {}
    for number, part in enumerate(plan.parts):
        for identity in recording.parameters_of(part.end, part.begin):
            needed.setdefault(identity, number)
    nearest = _called_ancestors(source, {index for index, places in enumerate(runs) if places})
    spanning = {
        call.index
        for call in plan.calls
        for part in plan.parts
        if call.entered < part.end.left < call.left
    }
    seen = set()
    for index, module in enumerate(modules):
        places = runs[nearest[index]]
        # A tensor without a gradient goes with its submodule. A submodule without calls, such
        # as a head for training alone, belongs to no stage if its parent spans stages.
        unused = not runs[index] and nearest[index] in spanning
        alone = places[0] if places and not unused else None
        for name, tensor in _tensors(module):
            owner = needed.get(id(tensor), alone)
            if owner is not None and id(tensor) not in seen:
                plan.parts[owner].held.append((index, name))
                seen.add(id(tensor))
            for place in places:
                if (index, name) not in plan.parts[place].held:
                    plan.parts[place].visited.append((index, name))
        if len(runs[index]) == 1 and index not in spanning:
            plan.parts[runs[index][0]].modules.append(index)


def _tensors(module):
    """The tensors that a module has itself, without those of its submodules."""
    both = [*module._parameters.items(), *module._buffers.items()]
    return [(name, tensor) for name, tensor in both if tensor is not None]


def _runs(plan, modules):
    """For each submodule the stages in which it runs; none for one after the last cut point."""
    places = [set() for _ in modules]
    for call in plan.calls:
        for number, part in enumerate(plan.parts):
            begins_before_end = call.entered < part.end.left
            ends_after_begin = part.begin is None or call.left > part.begin.left
            if begins_before_end and ends_after_begin:
                places[call.index].add(number)
    return [sorted(place) for place in places]


def _called_ancestors(source, called):
    """Return each submodule itself or, if it is never called, its nearest parent that is."""
    index_of = {name: index for index, (name, _) in enumerate(source.named_modules())}
    found = []
    for name, index in index_of.items():
        while index not in called and name:
            name = name.rpartition(".")[0]
            index = index_of.get(name, 0)
        found.append(index)
    return found


def copy_network(source, plan):
    """A copy of the network in which only the tensors of the stages are new."""
    modules = list(source.modules())
    held = {(index, name) for part in plan.parts for index, name in part.held}
    kept = {id(tensor_table(modules[index], name)[name]) for index, name in held}
    tensors = [tensor for module in modules for _, tensor in _tensors(module)]
    memo = {id(tensor): tensor for tensor in tensors if id(tensor) not in kept}
    root = copy_module(source, memo)
    copies = list(root.modules())
    for index, name in held:
        tensor = tensor_table(copies[index], name)[name]
        if name in copies[index]._parameters and tensor.is_floating_point():
            tensor.requires_grad_(True)  # `freeze_depth` decides which parts are frozen
    return root


@contextmanager
def part_by_part(layers):
    """Let torch's encoder layers call their submodules.

    Without gradients they compute everything in one kernel, unless they do not know that their
    activation allows it.
    """
    before = [layer.activation_relu_or_gelu for layer in layers]
    try:
        for layer in layers:
            layer.activation_relu_or_gelu = 0
        yield
    finally:
        for layer, known in zip(layers, before, strict=True):
            layer.activation_relu_or_gelu = known


def tensor_table(module, name):
    return module._parameters if name in module._parameters else module._buffers
