"""The part of a network that is trained, with its head. Importing this module imports torch."""

from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import torch
from torch.nn import functional as F

from sktransfer.deep._engines.pooling import pool
from sktransfer.deep._training.head import Head
from sktransfer.deep._training.ranks import ALONE

# Rows of an evaluation pass; only memory depends on it.
EVALUATION_ROWS = 256


class Seen(NamedTuple):
    """The rows of a minibatch as the network sees them: tensors on its device, a row each.

    `inputs` are activations of the last frozen stage, `features` the standardized input of the
    head, and `outputs` logits, or predictions of standardized targets. `y` holds class numbers, -1
    for a label that is not read; None if there are none. `pooled` are the features as they are.
    """

    inputs: torch.Tensor
    features: torch.Tensor
    outputs: torch.Tensor
    y: torch.Tensor | None = None
    pooled: torch.Tensor | None = None

    def take(self, rows):
        """Return some of the rows."""
        return self.map(lambda tensor: tensor[rows])

    def split(self, n):
        """Return the first n rows, and the rest."""
        halves = [
            (None, None) if tensor is None else tensor.split([n, len(tensor) - n])
            for tensor in self
        ]
        return Seen(*(first for first, _ in halves)), Seen(*(rest for _, rest in halves))

    def map(self, function):
        """Return the same with a function of each tensor."""
        return Seen(*(None if tensor is None else function(tensor) for tensor in self))


class Network(torch.nn.Module):
    """The unfrozen stages, averages over the positions, and a head with fixed standardization."""

    def __init__(self, stages, head, device):
        super().__init__()
        self.stages = torch.nn.ModuleList(stages)
        for name in ("mean", "scale"):
            self.register_buffer(name, torch.tensor(getattr(head, name), dtype=torch.float32))
        self.coef = torch.nn.Parameter(torch.tensor(head.coef, dtype=torch.float32))
        self.intercept = torch.nn.Parameter(torch.tensor(head.intercept, dtype=torch.float32))
        self.to(device)

    def forward(self, activations):
        """The outputs for activations of the last frozen stage."""
        return self.see(activations).outputs

    def see(self, inputs):
        """The features and the outputs for activations of the last frozen stage, as `Seen`."""
        activations = inputs
        for stage in self.stages:
            activations = stage(activations)
        mask = None
        if activations.ndim == 3 and activations.shape[2] > len(self.mean):  # padded sequences
            activations, mask = activations[..., :-1], activations[..., -1]
        pooled = pool(activations, "avg", mask=mask)
        features = (pooled - self.mean) / self.scale
        outputs = F.linear(features, self.coef, self.intercept)
        return Seen(inputs, features, outputs, pooled=pooled)

    def head(self):
        """The head as it is now, in NumPy."""
        tensors = self.mean, self.scale, self.coef, self.intercept
        return Head(*(tensor.detach().cpu().numpy().astype(np.float64) for tensor in tensors))

    def take_head(self, head):
        """Replace the head, in place."""
        with torch.no_grad():
            for name in ("mean", "scale", "coef", "intercept"):
                getattr(self, name).copy_(torch.as_tensor(getattr(head, name)))


def predict(network, inputs, n_rows, *, ranks=ALONE, rows=None):
    """The outputs, (n_rows, n_outputs), float64, of a network in evaluation mode.

    `rows` are those that this rank runs; None: its part of them.
    """
    return _evaluate(network, inputs, n_rows, "outputs", ranks, rows)


def features_of(network, inputs, n_rows, *, ranks=ALONE, rows=None):
    """The features, (n_rows, n_features), float64, in the same way."""
    return _evaluate(network, inputs, n_rows, "pooled", ranks, rows)


def _evaluate(network, inputs, n_rows, name, ranks, rows):
    rows = np.arange(n_rows)[ranks.part(n_rows)] if rows is None else rows
    device, found, step = network.coef.device, [], EVALUATION_ROWS
    if hasattr(network.stages[0], "tokens_at_once"):
        n_tokens = inputs[rows[:1]].shape[1]
        step = max(1, min(step, network.stages[0].tokens_at_once // n_tokens))
    with torch.no_grad():
        for first in range(0, len(rows), step):
            seen = network.see(torch.as_tensor(inputs[rows[first : first + step]]).to(device))
            found.append(getattr(seen, name).cpu())
    return ranks.collect(rows, torch.cat(found).numpy().astype(np.float64))


def settle_statistics(network, inputs, n_rows, *, ranks=ALONE, rows=None):
    """Set the running statistics of batch-norm, in place, to those of all training rows [1]_.

    The trailing average of the minibatches lags behind the weights. After a few epochs of few
    minibatches a network that has learned its rows answers nonsense in evaluation mode. A held-out
    loss judged with it stops the training at once. `rows` are as in `predict`.

    .. [1] Wu, Johnson. "Rethinking "Batch" in BatchNorm". 2021. https://arxiv.org/abs/2105.07576
    """
    if not any(True for _ in network.stages.buffers()):
        return  # no layer has statistics
    rows = np.arange(n_rows)[ranks.part(n_rows)] if rows is None else rows
    network.train()
    with torch.no_grad():
        for k, part in enumerate(np.array_split(rows, -(-len(rows) // EVALUATION_ROWS))):
            for stage in network.stages:
                stage.momentum = 1.0 / (k + 1)  # the mean over the parts so far
            network(torch.as_tensor(inputs[part]).to(network.coef.device))
    for stage in network.stages:
        stage.momentum = None
    ranks.average(network.stages.buffers(), len(rows))


@contextmanager
def seeded_layers(network, seeds):
    """Let layers that draw for themselves, dropout say, draw from these whole numbers."""
    device, seed = network.coef.device, int(np.random.default_rng(seeds).integers(2**62))
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.default_generator.manual_seed(seed)
        if device.type == "cuda":
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        yield
