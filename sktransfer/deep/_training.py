"""Fine-tuning: a head on a backbone, then the stages that are not frozen together with it.

Importing this module imports torch. All randomness comes from generators made of the seed.
"""

from copy import deepcopy
from typing import NamedTuple

import numpy as np
import torch
from sklearn.model_selection import train_test_split
from torch.nn import functional as F

from sktransfer.deep._head import Head, evaluate_logits, fit_head
from sktransfer.deep._torch_engine import collect_activations

# Fewest rows of every class for which some are held out.
FEWEST_ROWS_TO_HOLD_OUT = 5

# Rows of an evaluation pass; only memory depends on it.
_EVALUATION_ROWS = 256


class Settings(NamedTuple):
    """The parameters of `FineTuneClassifier` that steer the training."""

    head_epochs: int
    max_epochs: int
    learning_rate: float
    backbone_learning_rate: float
    batch_size: int
    weight_decay: float
    validation_fraction: float
    n_iter_no_change: int


def train(frozen, tail, batches, labels, *, settings, from_scratch, seed, log):
    """Train a head on frozen stages, then the stages after them with it.

    The frozen stages run once over the images; all that follows trains on their activations.

    Parameters
    ----------
    frozen, tail : list of GraphStage
        The stages up to the freeze depth, and those after it, which are trained in place; all on
        the device of the training.
    batches : iterable of ndarray of shape (b, channels, height, width)
        The preprocessed images, float32.
    labels : Rows
        The class numbers and the weights of the images, without inputs.
    settings : Settings
        How to train.
    from_scratch : bool
        Whether the stages have random weights. Then there is no first phase when some of them
        are trained, and batch-norm uses the statistics of the minibatches.
    seed : int
        Of the choice of held-out rows and the order of the minibatches.
    log : EpochLog
        Hears of each epoch.

    Returns
    -------
    head : Head
        The trained head.
    converged : bool
        Whether the first phase converged; True where there was none.
    """
    n_classes = int(labels.y.max()) + 1
    activations = collect_activations(frozen, batches, pooled=not tail)
    if not tail or n_classes == 1 or settings.max_epochs == 0:
        features = collect_activations(tail, activations, pooled=True) if tail else activations
        return _train_head(features, labels, None, None, settings, log)
    rows, held_out_rows = hold_out(labels.y, settings.validation_fraction, seed)
    if from_scratch:
        head, converged = _plain_head(tail, activations, n_classes), True
    else:
        features = collect_activations(tail, activations, pooled=True)
        head, converged = _train_head(features, labels, rows, held_out_rows, settings, log)
    network = Network(tail, head)
    fine_tune(
        network,
        labels.take(rows, activations),
        labels.take(held_out_rows, activations),
        settings=settings,
        batch_statistics=from_scratch,
        generator=torch.Generator().manual_seed(seed),
        log=log,
    )
    return network.head(), converged


def _train_head(features, labels, rows, held_out_rows, settings, log):
    """Phase one, on pooled features of every row."""
    features = features.numpy().astype(np.float64)
    everything = np.arange(len(features))
    return fit_head(
        labels.take(everything if rows is None else rows, features),
        labels.take(held_out_rows, features),
        n_classes=int(labels.y.max()) + 1,
        weight_decay=settings.weight_decay,
        max_epochs=settings.head_epochs,
        log=log,
    )


def _plain_head(tail, activations, n_classes):
    """A head of zeros that does not standardise: features of random weights say nothing yet."""
    n_features = collect_activations(tail, activations[:1], pooled=True).shape[1]
    zeros = np.zeros((n_classes, n_features))
    return Head(zeros[0], zeros[0] + 1.0, zeros, zeros[:, 0])


def hold_out(y, fraction, seed):
    """Choose the rows that train and those that only judge when to stop.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
        Class numbers from 0.
    fraction : float
        The share to hold out, rounded up, but at least a row of each class.
    seed : int
        Of the choice.

    Returns
    -------
    rows : ndarray
        Where to train.
    held_out_rows : ndarray or None
        Stratified; None where `fraction` is 0 or a class has fewer than 5 rows.
    """
    everything = np.arange(len(y))
    n_classes = int(y.max()) + 1
    if fraction == 0 or np.bincount(y).min() < FEWEST_ROWS_TO_HOLD_OUT:
        return everything, None
    n_held_out = max(n_classes, int(np.ceil(fraction * len(y))))
    n_held_out = min(n_held_out, len(y) - n_classes)
    return train_test_split(everything, test_size=n_held_out, stratify=y, random_state=seed)


class Network(torch.nn.Module):
    """The unfrozen stages, global average pooling, and a head whose standardisation is fixed."""

    def __init__(self, stages, head):
        super().__init__()
        self.stages = torch.nn.ModuleList(stages)
        for name in ("mean", "scale"):
            self.register_buffer(name, torch.tensor(getattr(head, name), dtype=torch.float32))
        self.coef = torch.nn.Parameter(torch.tensor(head.coef, dtype=torch.float32))
        self.intercept = torch.nn.Parameter(torch.tensor(head.intercept, dtype=torch.float32))
        self.to(next(self.stages.parameters()).device)

    def forward(self, activations):
        """The logits of activations of the last frozen stage."""
        for stage in self.stages:
            activations = stage(activations)
        features = (activations.mean(dim=(2, 3)) - self.mean) / self.scale
        return F.linear(features, self.coef, self.intercept)

    def head(self):
        """The head as it is now, in NumPy."""
        tensors = self.mean, self.scale, self.coef, self.intercept
        return Head(*(tensor.detach().cpu().numpy().astype(np.float64) for tensor in tensors))


def fine_tune(network, training, held_out, *, settings, batch_statistics, generator, log):
    """Phase two: train the unfrozen stages and the head together, with AdamW [1]_.

    Parameters
    ----------
    network : Network
        Trained in place. Left with the weights of the best epoch by held-out loss, the start
        included; with those of the last epoch where nothing is held out.
    training, held_out : Rows
        Their inputs are float32 tensors, the activations of the last frozen stage. `held_out`
        may be None.
    settings : Settings
        ``learning_rate`` is the step of the head, ``backbone_learning_rate`` that of the stages.
    batch_statistics : bool
        Whether batch-norm of the stages trains on the statistics of the minibatch, and takes those
        of all training rows over at the end of each epoch.
    generator : torch.Generator
        Orders the rows.
    log : EpochLog
        Hears of each epoch, and may stop the training.

    References
    ----------
    .. [1] Loshchilov, Hutter. "Decoupled weight decay regularization". ICLR 2019.
       https://arxiv.org/abs/1711.05101
    """
    optimizer = torch.optim.AdamW(
        [
            {"params": network.stages.parameters(), "lr": settings.backbone_learning_rate},
            {"params": [network.coef, network.intercept], "lr": settings.learning_rate},
        ],
        weight_decay=settings.weight_decay,
    )
    best = _BestWeights(network, held_out)
    for _ in range(settings.max_epochs):
        log.begin("fine-tune")
        network.train(batch_statistics)
        seen = _run_epoch(network, training, optimizer, settings.batch_size, generator)
        if batch_statistics:
            settle_statistics(network, training.inputs)
        held_out_seen = best.see(network.eval(), held_out)
        stop = log.end(
            training=seen, held_out=held_out_seen, head=network.head, stages=network.stages
        )
        if stop or best.age >= settings.n_iter_no_change:
            break
    best.restore(network)


def settle_statistics(network, inputs):
    """Set the running statistics of batch-norm to those of all training rows [1]_.

    The trailing average of the minibatches lags behind the weights: after a few epochs of few
    minibatches a network that has learned its rows answers nonsense in evaluation mode, and a
    held-out loss judged with it stops the training at once.

    Parameters
    ----------
    network : Network
        Its running statistics are changed in place.
    inputs : tensor
        The activations of all training rows.

    References
    ----------
    .. [1] Wu, Johnson. "Rethinking "Batch" in BatchNorm". 2021. https://arxiv.org/abs/2105.07576
    """
    network.train()
    parts = inputs.tensor_split(-(-len(inputs) // _EVALUATION_ROWS))
    with torch.no_grad():
        for k, part in enumerate(parts):
            for stage in network.stages:
                stage.momentum = 1.0 / (k + 1)  # the mean over the parts so far
            network(part.to(network.coef.device))
    for stage in network.stages:
        stage.momentum = None


class _BestWeights:
    """The weights with the smallest held-out loss so far; the last ones if nothing is held out."""

    def __init__(self, network, held_out):
        self.age = 0
        self._loss = np.inf
        self._state = None
        self.see(network.eval(), held_out)

    def see(self, network, held_out):
        """Judge the weights as they are now; return the held-out loss and score, or None."""
        if held_out is None:
            return None
        loss, score = evaluate(network, held_out)
        self.age += 1
        if loss < self._loss:
            self.age = 0
            self._loss = loss
            self._state = deepcopy(network.state_dict())
        return loss, score

    def restore(self, network):
        """Give the network the best weights back."""
        network.eval()
        if self._state is not None:
            network.load_state_dict(self._state)


def _run_epoch(network, training, optimizer, batch_size, generator):
    """One pass in random order; returns the mean loss and accuracy that the steps saw."""
    n_rows = len(training.y)
    device = network.coef.device
    y = torch.as_tensor(training.y)
    weight = torch.as_tensor(training.weight / training.weight.mean(), dtype=torch.float32)
    total_loss = total_right = 0.0
    for rows in minibatches(n_rows, batch_size, generator):
        y_batch = y[rows].to(device)
        logits = network(training.inputs[rows].to(device))
        losses = F.cross_entropy(logits, y_batch, reduction="none") * weight[rows].to(device)
        optimizer.zero_grad()
        losses.mean().backward()
        optimizer.step()
        total_loss += losses.sum().item()
        total_right += (logits.argmax(dim=1) == y_batch).sum().item()
    return total_loss / n_rows, total_right / n_rows


def minibatches(n_rows, batch_size, generator):
    """Split the rows 0..n_rows-1 in random order; a single row at the end joins the batch before
    it, because batch-norm has no variance of one row."""
    batches = list(torch.randperm(n_rows, generator=generator).split(batch_size))
    if len(batches) > 1 and len(batches[-1]) == 1:
        last = batches.pop()
        batches[-1] = torch.cat([batches[-1], last])
    return batches


def evaluate(network, rows):
    """The weighted cross-entropy and the plain accuracy of a network in evaluation mode."""
    device = network.coef.device
    with torch.no_grad():
        logits = [network(part.to(device)).cpu() for part in rows.inputs.split(_EVALUATION_ROWS)]
    return evaluate_logits(torch.cat(logits).numpy().astype(np.float64), rows)
