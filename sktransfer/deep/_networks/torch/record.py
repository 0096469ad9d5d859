"""A record of one pass of a torch module: its calls of submodules in order, and the data flow.

Importing this module imports torch.
"""

import dataclasses
import threading
from contextlib import contextmanager
from functools import partial

import torch

# Recording puts a listener into the module for a moment: one at a time, and no copy meanwhile.
TRACING = threading.RLock()

_ABSENT = object()


class Slot:
    """The place of a tensor in the output of a call; the main one represents the whole output."""

    def __init__(self, tensor, is_main):
        self.shape = tuple(tensor.shape)
        self.dtype = tensor.dtype
        self.is_main = is_main
        self.rates = (0,) * len(self.shape)

    def learn_batch_axes(self, other, n, n_other):
        """Find from a second batch size how each axis grows with the number of images."""
        pairs = zip(self.shape, other.shape, strict=True)
        self.rates = tuple((there - here) // (n_other - n) for here, there in pairs)
        self.shape = tuple(s - rate * n for s, rate in zip(self.shape, self.rates, strict=True))

    def shape_for(self, n):
        """The shape with n images, after `learn_batch_axes`."""
        return tuple(s + rate * n for s, rate in zip(self.shape, self.rates, strict=True))


@dataclasses.dataclass
class Call:
    """One call of a submodule.

    `number` is its place in the order in which calls begin, and `index` that of the submodule in
    ``root.modules()``. `parent` is the number of the call around it. It began and ended at
    `entered` and `left`, on a clock that ticks at each of the two. `last` is the number of the last
    call made inside, or its own. `output` has a `Slot` for each tensor. `shape`, with the batch
    axis, `node`, the place in the graph of gradients, and `channels_last` are those of its main
    tensor.
    """

    number: int
    name: str
    index: int
    parent: int
    entered: int
    left: int = 0
    last: int = 0
    output: object = None
    shape: tuple | None = None
    node: object = None
    channels_last: bool = False

    @property
    def shape_of_one(self):
        """The shape of one image's activations, of a map with its channels first."""
        one = self.shape[1:]
        return (one[2], *one[:2]) if self.channels_last else one


class Recording:
    """The calls of one pass through a network, and the outputs of those to `keep`."""

    def __init__(self, root, keep=()):
        self.calls = []
        self.kept = {}
        self.results = []
        self.returned = ""
        self.input_node = None
        self.input_side = None
        self.sizes = [sum(p.numel() for p in module.parameters()) for module in root.modules()]
        self._modules = list(root.modules())
        self._names = [name for name, _ in root.named_modules()]
        self._keep = set(keep)
        self._open = [-1]
        self._clock = 0

    def handle(self, index, forward, /, *args, **kwargs):
        """Run one call and write it down."""
        call = Call(len(self.calls), self._names[index], index, self._open[-1], self._tick())
        self.calls.append(call)
        self._open.append(call.number)
        output = forward(*args, **kwargs)
        self._open.pop()
        call.left, call.last = self._tick(), len(self.calls) - 1
        main = self._main_tensor(output, whole=call.number == 0)
        call.output = with_tensors(output, lambda tensor: Slot(tensor, tensor is main))
        if main is not None:
            call.shape, call.node = tuple(main.shape), main.grad_fn
        if call.name in self._keep:
            self.kept[call.name] = None if main is None else main.detach().clone()
        if call.number == 0:
            kind = f"an object of the class {type(output).__name__}"
            self.returned = "None" if output is None else kind
            self.results = [(tuple(tensor.shape), tensor.grad_fn) for tensor in tensors_of(output)]
        return output

    def _main_tensor(self, output, *, whole):
        """The tensor that represents an output: ``last_hidden_state``, the deepest, or the first.

        The deepest is the one behind which there is most of the network. It is asked for in the
        output of the whole network, and if a submodule returns several feature maps.
        """
        if isinstance(output, dict) and torch.is_tensor(output.get("last_hidden_state")):
            return output["last_hidden_state"]
        found = tensors_of(output)
        maps = found if whole else [tensor for tensor in found if tensor.ndim == 4]
        if len(maps) > 1 and any(tensor.grad_fn is not None for tensor in maps):
            return max(maps, key=lambda tensor: len(_nodes_behind(tensor.grad_fn, None)))
        return found[0] if found else None

    def _tick(self):
        self._clock += 1
        return self._clock

    def last_call(self, name):
        """Return the call of a submodule's name, which is its last one; None if it has none."""
        calls = (call for call in self.calls if call.name == name)
        return max(calls, key=lambda call: call.left, default=None)

    def carries_everything(self, call):
        """Tell whether all that the network's output knows of its input went through a call."""
        final = self.calls[0].node
        return final is not None and self.comes_from(final, call)

    def count_layers(self, call):
        """How often weights, beside those of norms, are used on the way to a call's output."""
        used = (
            source for node in _nodes_behind(call.node, None) for source, _ in node.next_functions
        )
        held = (getattr(source, "variable", None) for source in used)
        return sum(tensor is not None and tensor.ndim > 1 for tensor in held)

    def tensors_of(self, call):
        """The ids of all parameters and running statistics that a call's output needs."""
        used = [c for c in self.calls if c.entered < call.left]
        parts = [self._modules[c.index] for c in used]
        norms = [part for part in parts if isinstance(part, torch.nn.modules.batchnorm._NormBase)]
        statistics = [t for norm in norms for t in (norm.running_mean, norm.running_var)]
        return self.parameters_of(call, None) | {id(t) for t in statistics if t is not None}

    def maps(self):
        """The places in the graph of gradients of all feature maps that the network returns.

        A network that returns one activation, or says which one is its last, has none.
        """
        output = self.calls[0].output
        if isinstance(output, dict) and "last_hidden_state" in output:
            return []
        n = self.calls[0].shape[0] if self.calls[0].shape else 0
        maps = [
            node
            for shape, node in self.results
            if len(shape) > 2 and shape[0] == n and self.input_node in _nodes_behind(node, None)
        ]
        return maps if len(maps) > 1 else []

    def comes_from(self, node, call):
        """Tell whether all that a result knows of the input went through a call."""
        return call.node is not None and self.input_node not in _nodes_behind(node, call.node)

    def parameters_of(self, call, before):
        """The ids of the parameters that a call needs beyond another call, or None."""
        found = _parameters_behind(call.node, before.node if before is not None else None)
        return {id(parameter) for parameter in found}

    def uses_layers(self, node, call, *, besides):
        """Tell whether a result needs layers beyond a call's output.

        Norms do not count, and no submodules whose name passes the test `besides`.
        """
        parts = zip(self._names, self._modules, strict=True)
        ignored = {id(p) for name, part in parts if besides(name) for p in part.parameters()}
        found = _parameters_behind(node, call.node)
        return any(p.ndim > 1 and id(p) not in ignored for p in found)


def probe(n, shape):
    """A batch of noise, the same at every call."""
    return torch.randn((n, *shape), generator=torch.Generator().manual_seed(n))


def record(root, x, *, keep=()):
    """Run a network on a batch, write down its calls, and leave it as it was.

    The outputs of the submodules named in `keep` are kept.
    """
    with TRACING:
        recording = Recording(root, keep)
        wanted = [p for p in root.parameters() if p.is_floating_point()]
        flags = [p.requires_grad for p in wanted]
        attributes = [(part, dict(vars(part))) for part in root.modules()]
        try:
            for parameter in wanted:
                parameter.requires_grad_(True)
            with torch.enable_grad(), torch.random.fork_rng(devices=[]):
                # A copy that is no leaf may be overwritten by the network's first operation.
                x = x.clone().requires_grad_().clone()
                recording.input_node, recording.input_side = x.grad_fn, x.shape[2]
                with intercepted(list(root.modules()), recording.handle):
                    root(x)
        finally:
            for parameter, flag in zip(wanted, flags, strict=True):
                parameter.requires_grad_(flag)
            # A module may keep activations, or weights computed from others as spectral norm does.
            for part, before in attributes:
                for name in vars(part).keys() - before.keys():
                    del vars(part)[name]
                vars(part).update(before)
        if not getattr(root, "channels_first", False):
            _find_layouts(recording.calls, tuple(x.shape[2:]))
    return recording


def _find_layouts(calls, size):
    """Note which feature maps have their channels last.

    Height and width have the ratio of the image's. If all three axes could be either, the layout
    is that of the map before.
    """
    before = False
    for call in sorted(calls, key=lambda call: call.left):
        if call.shape is None or len(call.shape) != 4:
            continue
        first, last = _has_ratio(call.shape[2:], size), _has_ratio(call.shape[1:3], size)
        if first != last:
            before = last
        call.channels_last = last and (before or not first)


def _has_ratio(sides, size):
    """Whether height and width have the ratio of the image's, up to a pixel of rounding."""
    (height, width), (image_height, image_width) = sides, size
    if image_height == image_width:
        return height == width
    return abs(height * image_width - width * image_height) <= max(image_height, image_width)


@contextmanager
def intercepted(modules, handle):
    """Send every call of some modules through ``handle(index, forward, *args, **kwargs)``."""
    before = []
    try:
        for index, module in enumerate(modules):
            before.append((module, module.__dict__.get("forward", _ABSENT)))
            module.__dict__["forward"] = partial(handle, index, module.forward)
        yield
    finally:
        for module, forward in before:
            if forward is _ABSENT:
                del module.__dict__["forward"]
            else:
                module.__dict__["forward"] = forward


def with_tensors(value, replace):
    """The same structure of tuples, lists, dicts and dataclasses, with its tensors replaced."""
    if torch.is_tensor(value) or isinstance(value, Slot):
        return replace(value)
    if isinstance(value, dict):
        items = {key: with_tensors(item, replace) for key, item in value.items()}
        return type(value)(**items) if dataclasses.is_dataclass(value) else type(value)(items)
    if isinstance(value, (tuple, list)):
        items = [with_tensors(item, replace) for item in value]
        return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = [field.name for field in dataclasses.fields(value) if field.init]
        items = {name: with_tensors(getattr(value, name), replace) for name in names}
        return dataclasses.replace(value, **items)
    return value


def tensors_of(value):
    """The tensors, or the slots of a recorded output, in a structure, in order."""
    found = []
    with_tensors(value, lambda tensor: found.append(tensor) or tensor)
    return found


def main_of(output, recorded):
    """Return the tensor of an output at the place of the main one in the recorded output."""
    found, slots = tensors_of(output), tensors_of(recorded)
    return next((t for t, slot in zip(found, slots, strict=False) if slot.is_main), None)


def _parameters_behind(node, stop):
    """The parameters on which a node of the graph of gradients rests, not looking behind `stop`."""
    held = (getattr(node, "variable", None) for node in _nodes_behind(node, stop))
    return [variable for variable in held if variable is not None]


def _nodes_behind(node, stop):
    """All nodes of the graph of gradients that a node rests on, not looking behind `stop`."""
    seen, pending = {}, [node]
    while pending:
        node = pending.pop()
        if node is None or node is stop or node in seen:
            continue
        seen[node] = True
        pending.extend(source for source, _ in node.next_functions)
    return seen
