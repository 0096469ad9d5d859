"""What a torch module does with one batch: its calls of submodules in order, and what flows where.

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
    """The place of a tensor in the output of a call.

    Parameters
    ----------
    tensor : torch.Tensor
        What stood there.
    is_main : bool
        Whether it is the activation that stands for the whole output.
    """

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

    Parameters
    ----------
    number : int
        Its place in the order in which calls begin.
    name : str
        The dotted name of the submodule; empty for the network itself.
    index : int
        The place of the submodule in ``root.modules()``.
    parent : int
        The number of the call that made it; -1 for the network's own.
    entered, left : int
        When it began and ended, on a clock that ticks at each of the two.
    last : int
        The number of the last call made inside; its own where there is none.
    output : object
        The output with a `Slot` for each tensor.
    shape : tuple of int or None
        That of the output's main tensor, the batch axis included.
    node : object
        The place of the main tensor in the graph of gradients; None where it has none.
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


class Recording:
    """The calls of one pass through a network.

    Parameters
    ----------
    root : torch.nn.Module
        In evaluation mode.
    keep : sequence of str
        The names of submodules whose outputs are kept.
    """

    def __init__(self, root, keep=()):
        self.calls = []
        self.kept = {}
        self.input_node = None
        self.input_side = None
        self.sizes = [sum(p.numel() for p in module.parameters()) for module in root.modules()]
        self._names = [name for name, _ in root.named_modules()]
        self._keep = set(keep)
        self._open = [-1]
        self._clock = 0

    def handle(self, index, forward, args, kwargs):
        """Run one call and write it down."""
        call = Call(len(self.calls), self._names[index], index, self._open[-1], self._tick())
        self.calls.append(call)
        self._open.append(call.number)
        output = forward(*args, **kwargs)
        self._open.pop()
        call.left, call.last = self._tick(), len(self.calls) - 1
        main = main_tensor(output)
        call.output = with_tensors(output, lambda tensor: Slot(tensor, tensor is main))
        if main is not None:
            call.shape, call.node = tuple(main.shape), main.grad_fn
        if call.name in self._keep:
            self.kept[call.name] = None if main is None else main.detach().clone()
        return output

    def _tick(self):
        self._clock += 1
        return self._clock

    def last_call(self, name):
        """The call that a submodule's name stands for: its last one; None where it has none."""
        found = None
        for call in self.calls:
            if call.name == name and (found is None or call.left > found.left):
                found = call
        return found

    def carries_everything(self, call):
        """Tell whether all that the network's output knows of its input went through a call."""
        final = self.calls[0].node
        if final is None or call.node is None:
            return False
        return self.input_node not in _nodes_behind(final, call.node)

    def parameters_of(self, call, before):
        """The ids of the parameters that a call's output needs beyond the output of another."""
        if call.node is None:
            return set()
        nodes = _nodes_behind(call.node, before.node if before is not None else None)
        held = (getattr(node, "variable", None) for node in nodes)
        return {id(variable) for variable in held if variable is not None}


def record(root, x, *, gradients, keep=()):
    """Run a network once and write down its calls.

    Parameters
    ----------
    root : torch.nn.Module
        In evaluation mode; as it was when this returns.
    x : torch.Tensor
        A batch.
    gradients : bool
        Whether to follow the flow through the graph of gradients.
    keep : sequence of str
        The names of submodules whose outputs are kept.

    Returns
    -------
    recording : Recording
    """
    with TRACING:
        return _record(root, x, gradients, Recording(root, keep))


def _record(root, x, gradients, recording):
    wanted = [p for p in root.parameters() if gradients and p.is_floating_point()]
    before = [p.requires_grad for p in wanted]
    try:
        for parameter in wanted:
            parameter.requires_grad_(True)
        with torch.set_grad_enabled(gradients), torch.random.fork_rng(devices=[]):
            # A copy that is no leaf may be overwritten by the network's first operation.
            x = x.clone().requires_grad_(gradients).clone()
            recording.input_node, recording.input_side = x.grad_fn, x.shape[2]
            with intercepted(root, recording.handle):
                root(x)
    finally:
        for parameter, flag in zip(wanted, before, strict=True):
            parameter.requires_grad_(flag)
    return recording


@contextmanager
def intercepted(root, handle):
    """Send every call of a submodule through ``handle(index, forward, args, kwargs)``."""
    before = []
    try:
        for index, module in enumerate(root.modules()):
            before.append((module, module.__dict__.get("forward", _ABSENT)))
            module.__dict__["forward"] = partial(_send, handle, index, module.forward)
        yield
    finally:
        for module, forward in before:
            if forward is _ABSENT:
                del module.__dict__["forward"]
            else:
                module.__dict__["forward"] = forward


def _send(handle, index, forward, *args, **kwargs):
    return handle(index, forward, args, kwargs)


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


def slots_of(value):
    """The slots of a recorded output, in order."""
    found = []
    with_tensors(value, lambda slot: found.append(slot) or slot)
    return found


def main_tensor(output):
    """The tensor that stands for an output: ``last_hidden_state``, or the first there is."""
    if isinstance(output, dict) and torch.is_tensor(output.get("last_hidden_state")):
        return output["last_hidden_state"]
    found = []
    with_tensors(output, lambda tensor: found.append(tensor) or tensor)
    return found[0] if found else None


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
