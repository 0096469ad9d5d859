"""A transformer for texts with its pooling, cut between its layers.

Importing this module imports torch.
"""

import copy
import math
import threading
from contextlib import contextmanager
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch

from sktransfer.deep._networks.find_stages import N_QUARTERS

# The names of the first stage, and of the last one with and without a pooling of its own.
FIRST, SENTENCE, TOKENS = "embeddings", "embedding", "tokens"


class TextNetwork(torch.nn.Module):
    """A transformer, and the poolings, dense layers and normalization that make one vector.

    `poolings` are names of `_POOLINGS`, whose results are concatenated; without any, the output is
    the tokens.
    """

    def __init__(self, model, poolings=(), dense=(), normalize=False):
        super().__init__()
        if getattr(model, "pooler", None) is not None:
            model.pooler = None  # nothing here reads its output
        self.model = model
        self.poolings, self.normalize = tuple(poolings), normalize
        self.dense = torch.nn.ModuleList(dense)
        config = getattr(model, "config", None)
        self.padding = getattr(config, "pad_token_id", None) or 0
        self.options = {"use_cache": False} if hasattr(config, "use_cache") else {}

    def forward(self, ids, mask=None):
        """Map tokens (n, t) to vectors or tokens; `mask` marks the tokens that count."""
        options = self.options
        if mask is not None:
            ids = torch.where(mask, ids, self.padding)
            options = options | {"attention_mask": mask.long()}
        output = self.model(input_ids=ids, **options)
        hidden = output if torch.is_tensor(output) else output[0]
        if not self.poolings:
            return hidden
        x = torch.cat([_POOLINGS[name](hidden, mask) for name in self.poolings], dim=1)
        for layer in self.dense:
            x = layer(x)
        return torch.nn.functional.normalize(x, dim=1) if self.normalize else x

    def features(self, ids, mask):
        """The output, with tokens averaged over those that count."""
        output = self(ids, mask)
        return output if output.ndim == 2 else _mean(output, mask)

    @cached_property
    def outline(self):
        """The layers of the network, as `Outline`; none if it cannot be cut between them."""
        probe = _probe(self)
        self.__dict__["outline"] = _find_layers(self, probe)
        try:
            with torch.no_grad():
                found, expected = probe, self(probe)
                for stage in build_text_stages(self, place_names(self)):
                    found = stage(found)
            same = torch.allclose(found, expected, atol=1e-5)
        except Exception:  # a failure is an answer: a layer needs more than the one before
            same = False
        return self.__dict__.pop("outline") if same else Outline()


def _probe(network):
    return torch.arange(6).reshape(2, 3) % 5 + network.padding + 1


class Outline(NamedTuple):
    """The places at which a network can be cut.

    `path` is the name of the list of its layers, and `n_layers` their number; 0 if there are none
    that run one after the other. Their activations have `width` channels, and each returns them
    alone, or first of `n_returned`. `late` are the names of the parameters used after all of them.
    """

    path: str = ""
    n_layers: int = 0
    width: int = 0
    n_returned: int = 0
    late: frozenset = frozenset()


def _find_layers(network, probe):
    lists = {
        name: list(part)
        for name, part in network.model.named_modules(prefix="model")
        if isinstance(part, torch.nn.ModuleList) and len({type(each) for each in part}) == 1
    }
    sizes = {
        name: sum(p.numel() for each in part for p in each.parameters())
        for name, part in lists.items()
    }
    if not lists:
        return Outline()
    path = max(sizes, key=sizes.get)
    layers, seen, late = lists[path], [], []

    def hear(layer, args, output):
        seen.append((layer, args, output))

    def hear_late(part, args, output):
        if len(seen) >= len(layers):
            late.append(part)

    handles = [layer.register_forward_hook(hear) for layer in layers]
    handles += [part.register_forward_hook(hear_late) for part in network.modules()]
    try:
        with torch.no_grad():
            network(probe)
    finally:
        for handle in handles:
            handle.remove()
    outputs = [output if torch.is_tensor(output) else output[0] for _, _, output in seen]
    in_order = [layer for layer, _, _ in seen] == layers
    alike = {tuple(x.shape[:2]) for x in outputs} == {(2, 3)} and {x.ndim for x in outputs} == {3}
    if not (in_order and alike and all(args and torch.is_tensor(args[0]) for _, args, _ in seen)):
        return Outline()
    inside = {id(p) for layer in layers for p in layer.parameters()}
    after = {id(p) for part in late for p in part.parameters(recurse=False)} - inside
    names = frozenset(name for name, p in network.named_parameters() if id(p) in after)
    last = seen[0][2]
    return Outline(
        path, len(layers), outputs[0].shape[2], 0 if torch.is_tensor(last) else len(last), names
    )


def _mean(hidden, mask):
    if mask is None:
        return hidden.mean(dim=1)
    kept = mask.unsqueeze(2).to(hidden.dtype)
    return (hidden * kept).sum(dim=1) / kept.sum(dim=1).clamp(min=1)


def _max(hidden, mask):
    if mask is not None:
        hidden = hidden.masked_fill(~mask.unsqueeze(2), -torch.inf)
    return hidden.amax(dim=1)


def _last(hidden, mask):
    if mask is None:
        return hidden[:, -1]
    return hidden[torch.arange(len(hidden), device=hidden.device), mask.sum(dim=1) - 1]


# By the names of sentence-transformers.
_POOLINGS = {
    "cls": lambda hidden, mask: hidden[:, 0],
    "mean": _mean,
    "max": _max,
    "lasttoken": _last,
}


def stage_names(network):
    """Return the names of the stages: embeddings, quarters of the layers, pooling."""
    n, last = network.outline.n_layers, SENTENCE if network.poolings else TOKENS
    if not n:
        return (last,)
    ends = {math.ceil(n * quarter / N_QUARTERS) for quarter in range(1, N_QUARTERS)} - {n}
    return (FIRST, *(f"{network.outline.path}.{end - 1}" for end in sorted(ends)), last)


def place_names(network):
    """Return the names of all places at which a network can be cut."""
    outline, last = network.outline, stage_names(network)[-1]
    if not outline.n_layers:
        return (last,)
    return (FIRST, *(f"{outline.path}.{k}" for k in range(outline.n_layers)), last)


def stage_shape(network, name):
    """The shape of the activations of a stage: (None, c) for tokens, or (c,)."""
    if name != stage_names(network)[-1]:
        return None, network.outline.width
    with torch.no_grad():
        x = network(_probe(network))
    return tuple(x.shape[1:]) if x.ndim == 2 else (None, x.shape[2])


def build_text_stages(network, stages):
    """Build some stages of a network, in order, in evaluation mode, on the CPU.

    They share one copy of the weights; training them leaves later calls alone.
    """
    shared, built, begin = _Shared(network), [], None
    outline, names = shared.network.outline, place_names(network)
    for stage in stages:
        # The place before a layer: 0 are the embeddings, None the end of the network.
        end = None if stage == names[-1] else names.index(stage)
        built.append(TextStage(shared, stage, begin, end))
        begin = end
    for name, parameter in shared.network.named_parameters():
        place = _place_of(name, outline)
        ends = [stage._run[2] for stage in built]
        owner = next((k for k, end in enumerate(ends) if end is None or place <= end), None)
        if owner is not None:
            built[owner].hold(name, parameter)
    return [stage.eval() for stage in built]


def _place_of(name, outline):
    """The first place, counted as in `build_text_stages`, by which a parameter has been used."""
    if outline.n_layers and name.startswith(f"{outline.path}."):
        return int(name.removeprefix(f"{outline.path}.").partition(".")[0]) + 1
    return math.inf if name in outline.late or not outline.n_layers else 0


class _Reached(BaseException):
    """The end of a stage has its input. No `except Exception` of a network may stop it."""

    def __init__(self, hidden):
        self.hidden = hidden


class _Shared:
    """A private copy of a network for all its stages, and the only place that runs it."""

    def __init__(self, network):
        self.network = copy.deepcopy(network).requires_grad_(True)
        self.lock = threading.RLock()

    def __getstate__(self):
        return {"network": self.network}

    def __setstate__(self, state):
        self.network, self.lock = state["network"], threading.RLock()

    def run(self, x, ids, mask, begin, end):
        """The input of the layer `end`, or the output of the network if that is None."""
        outline = self.network.outline
        layers = self.network.get_submodule(outline.path) if outline.n_layers else []
        with self.lock, _patched(layers, x, begin, end, outline.n_returned):
            if any(p.device != ids.device for p in self.network.parameters()):
                self.network.to(ids.device)
            try:
                return self.network(ids, mask)
            except _Reached as reached:
                return reached.hidden


@contextmanager
def _patched(layers, x, begin, end, n_returned):
    """Let the layers before `begin` return x, or the first one read it, and stop at `end`."""
    patched = {}

    def patch(layer, forward):
        patched[layer] = forward
        layer.__dict__["forward"] = forward

    def skip(hidden, *args, **kwargs):
        return (x, *(None,) * (n_returned - 1)) if n_returned else x

    def start(hidden, *args, **kwargs):
        return type(layers[0]).forward(layers[0], x, *args, **kwargs)

    def stop_before(hidden, *args, **kwargs):
        raise _Reached(hidden)

    def stop_after(*args, **kwargs):
        output = forward(*args, **kwargs)
        raise _Reached(output[0] if n_returned else output)

    try:
        for layer in layers[: begin or 0]:
            patch(layer, skip)
        if begin == 0:
            patch(layers[0], start)
        if end == 0:
            patch(layers[0], stop_before)
        elif end is not None:
            forward = layers[end - 1].forward
            patch(layers[end - 1], stop_after)
        yield
    finally:
        for layer in patched:
            del layer.__dict__["forward"]


class TextStage(torch.nn.Module):
    """One stage of a network for texts: some of its layers.

    It maps tokens (n, t) or the activations (n, t, c) of the stage before. Texts of different
    lengths are padded. Their tokens are floating-point numbers, negative for the padding. Their
    activations have one more channel, which is 1 for a token and 0 for the padding.
    """

    # The most tokens in a batch that is only evaluated, padding included.
    tokens_at_once = 2**14

    def __init__(self, shared, name, begin, end):
        super().__init__()
        self.output_name, self.momentum = name, None
        # In a tuple, so that torch does not register the whole network as part of the stage.
        self._run = (shared, begin, end)
        self._names = []

    @property
    def network(self):
        """The network that the stages share."""
        return self._run[0].network

    def hold(self, name, parameter):
        """Register a parameter of the network as one of this stage."""
        self.register_parameter(f"tensor{len(self._names)}", parameter)
        self._names.append(name)

    def forward(self, x):
        """Map tokens, or the activations of the stage before."""
        shared, begin, end = self._run
        if begin is None:
            ids, mask = x, None
            if x.is_floating_point():
                mask = x >= 0
                ids = x.long()
        else:
            width = shared.network.outline.width
            mask = x[..., -1] > 0 if x.shape[2] > width else None
            ids = x.new_full(x.shape[:2], shared.network.padding + 1, dtype=torch.long)
        if mask is not None:
            longest = max(1, int(mask.sum(dim=1).max()))
            ids, mask, x = ids[:, :longest], mask[:, :longest], x[:, :longest]
            x = x if begin is None else x[..., :-1]
        x = shared.run(x, ids, mask, begin, end)
        if mask is None or x.ndim == 2:
            return x
        return torch.cat([x, mask.unsqueeze(2).to(x.dtype)], dim=2)

    def arrays(self):
        """Copies of the weights: a dict, name -> ndarray."""
        values = zip(self._names, self.parameters(), strict=True)
        return {name: value.detach().cpu().numpy().copy() for name, value in values}

    def load(self, arrays):
        """Load the result of `arrays`, and return the stage itself."""
        places = {name: f"tensor{place}" for place, name in enumerate(self._names)}
        with torch.no_grad():
            for name, array in arrays.items():
                getattr(self, places[name]).copy_(torch.as_tensor(np.array(array)))
        return self

    def reset(self, generator):
        """Draw fresh weights as BERT does, and return the stage itself.

        Matrices are normal with standard deviation .02, scales 1, shifts 0.
        """
        with torch.no_grad():
            for name, tensor in zip(self._names, self.parameters(), strict=True):
                if tensor.ndim > 1:
                    tensor.copy_(0.02 * torch.randn(tensor.shape, generator=generator))
                else:
                    tensor.fill_(0.0 if name.endswith("bias") else 1.0)
        return self
