"""The places of a torch network through which everything flows, from a recording of its calls."""

from sktransfer.deep._networks.find_stages import Place, find_stages

# A feature map whose side falls at least this much is another resolution; a convolution without
# padding takes a few pixels only.
_HALVING = 0.6

# The submodules after the last feature map, by the names that torchvision, timm, transformers and
# most papers' code give them.
_HEADS = frozenset(
    [
        *("avgpool", "global_pool", "pooler", "flatten", "dropout", "head_drop", "fc_norm"),
        *("classifier", "fc", "head", "heads", "last_linear", "logits", "predictions"),
    ]
)


def find_module_stages(recording):
    """Find cut points, by the rule of `find_stages`; each returned feature map is one more."""
    candidates = _candidates(recording)
    places = [
        Place(call.name, call.shape_of_one, recording.count_layers(call)) for call in candidates
    ]
    found = find_stages(places)
    chosen = [call for call in candidates if call.name in found]
    for node in recording.maps():
        call = _last_call_before(recording, node, carrying=True)
        if call is not None and all(call.node is not other.node for other in chosen):
            chosen.append(call)
    return tuple(call.name for call in sorted(chosen, key=lambda call: call.left))


def count_lost_maps(recording, stages):
    """Count the feature maps that a network returns, and those of them without a stage."""
    maps = recording.maps()
    ends = [recording.last_call(stage).node for stage in stages]
    n_lost = 0
    for node in maps:
        call = _last_call_before(recording, node, carrying=False)
        has_stage = call is not None and any(call.node is end for end in ends)
        n_lost += not has_stage or recording.uses_layers(node, call, besides=is_head)
    return len(maps), n_lost


def _last_call_before(recording, node, *, carrying):
    """The last submodule through which all of a returned map went, before any head.

    With `carrying`, all that the deepest map knows went through it, too.
    """
    for call in sorted(recording.calls[1:], key=lambda call: -call.left):
        if (
            call.shape
            and len(call.shape) > 2
            and not is_head(call.name)
            and recording.last_call(call.name) is call
            and recording.comes_from(node, call)
            and (not carrying or recording.carries_everything(call))
        ):
            return call
    return None


def is_head(name):
    """Return whether a submodule belongs to the head, after the features."""
    return any(part.removeprefix("aux_") in _HEADS for part in name.split("."))


def _candidates(recording):
    """The calls of blocks, large ones opened, through whose output everything flows."""
    found, pending = [], [0]
    while pending:
        number = pending.pop()
        children = [call for call in recording.calls if call.parent == number]
        if number == 0 or _is_container(recording, number, children):
            pending.extend(call.number for call in children)
            continue
        call = recording.calls[number]
        last = recording.last_call(call.name) is call
        if last and call.shape and not is_head(call.name) and recording.carries_everything(call):
            found.append(call)
    found.sort(key=lambda call: call.left)
    # A module that changes nothing, such as dropout in evaluation mode, is no place of its own.
    return [
        call
        for before, call in zip([None, *found], found, strict=False)
        if before is None or call.node is not before.node
    ]


def _is_container(recording, number, children):
    """Return whether to look for cut points inside a call.

    That is the case if the resolution halves twice in it. It is also the case if it is a chain of
    parts that make sequences and hold most of its weights.
    """
    if _count_halvings(recording, recording.calls[number]) >= 2:
        return True
    chain = [call for call in children if call.shape and len(call.shape) == 3]
    chain = [call for call in chain if recording.carries_everything(call)]
    held = sum({call.index: recording.sizes[call.index] for call in chain}.values())
    return len(chain) > 1 and 2 * held > recording.sizes[recording.calls[number].index]


def _count_halvings(recording, call):
    """How often the resolution halves inside of a call, branches beside each other counted once."""
    before = [c for c in recording.calls if c.left < call.entered and _side(c)]
    side = _side(max(before, key=lambda c: c.left)) if before else recording.input_side
    inside = [c for c in recording.calls[call.number : call.last + 1] if _side(c)]
    n_halvings = 0
    for part in sorted(inside, key=lambda c: c.left):
        if _side(part) <= _HALVING * side:
            n_halvings, side = n_halvings + 1, _side(part)
    return n_halvings


def _side(call):
    """The height of a feature map; None for a map of one pixel and for all else."""
    if not call.shape or len(call.shape) != 4:
        return None
    height = call.shape_of_one[1]
    return height if height > 1 else None
