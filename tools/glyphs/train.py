"""Train the network on distorted glyphs."""

import copy
import time

import torch
from torch.nn import functional as F

from .distort import Distorter
from .network import GlyphNet, average_into
from .render import class_names

BATCH = 256
LEARNING_RATE = 3e-3
WEIGHT_DECAY = 0.02
WARM_UP = 0.05
AVERAGE_DECAY = 0.995
REPORT_EVERY = 100
VALIDATION_BATCHES = 20
VALIDATION_SEED = 1


def train(masters, *, steps, seed, report=print):
    """Train a network and return the running average of its weights.

    Parameters
    ----------
    masters : Masters
        Glyphs of the training faces.
    steps : int
        Number of batches.
    seed : int
        Seed of the weights and of the distortions.
    report : callable, default=print
        Called with a line of text every `REPORT_EVERY` steps.

    Returns
    -------
    GlyphNet
        The averaged network, in evaluation mode.
    """
    torch.manual_seed(seed)
    network = GlyphNet(len(class_names())).to(memory_format=torch.channels_last)
    average = copy.deepcopy(network)
    distorter = Distorter(masters, torch.Generator().manual_seed(seed))
    optimiser = torch.optim.AdamW(
        network.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY, betas=(0.9, 0.99)
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, LEARNING_RATE, total_steps=steps, pct_start=WARM_UP, cycle_momentum=False
    )
    start, losses = time.monotonic(), []
    for step in range(1, steps + 1):
        losses.append(update(network, optimiser, *distorter.batch(BATCH)))
        schedule.step()
        average_into(average, network, min(AVERAGE_DECAY, step / (step + 10)))
        if step % REPORT_EVERY == 0:
            report(progress(step, steps, time.monotonic() - start, losses))
            losses = []
    return average.eval()


def update(network, optimiser, images, target):
    """Take one step of gradient descent.

    Parameters
    ----------
    network : GlyphNet
        Changed in place.
    optimiser : torch.optim.Optimizer
        Its optimiser.
    images : tensor of shape (n, 1, 32, 32)
        A batch.
    target : tensor of shape (n,)
        Its classes.

    Returns
    -------
    float
        The loss before the step.
    """
    images = images.contiguous(memory_format=torch.channels_last)
    loss = F.cross_entropy(network(images), target)
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
    return float(loss.detach())


def progress(step, steps, seconds, losses):
    """Put the state of training into a line.

    Parameters
    ----------
    step, steps : int
        Steps done and steps to do.
    seconds : float
        Time used so far.
    losses : list of float
        Losses since the last line.

    Returns
    -------
    str
        The line.
    """
    left = seconds / step * (steps - step) / 60
    speed = step * BATCH / seconds
    mean = sum(losses) / len(losses)
    return f"step {step}/{steps}  loss {mean:.3f}  {speed:.0f} images/s  {left:.1f} min left"


def validation_batches(masters):
    """Draw the batches that validation uses, the same at every call.

    Parameters
    ----------
    masters : Masters
        Glyphs of the held-out faces.

    Returns
    -------
    images : tensor of shape (n, 1, 32, 32)
        Distorted glyphs.
    target : tensor of shape (n,)
        Classes.
    """
    distorter = Distorter(masters, torch.Generator().manual_seed(VALIDATION_SEED))
    batches = [distorter.batch(BATCH) for _ in range(VALIDATION_BATCHES)]
    images, target = zip(*batches, strict=True)
    return torch.cat(images), torch.cat(target)


@torch.no_grad()
def held_out_accuracy(network, masters):
    """Measure the accuracy on distorted glyphs of faces that training never saw.

    Parameters
    ----------
    network : GlyphNet
        In evaluation mode.
    masters : Masters
        Glyphs of the held-out faces.

    Returns
    -------
    dict of str to float
        Accuracy on all glyphs and on digits alone, among all classes.
    """
    images, target = validation_batches(masters)
    hits = (network(images).argmax(dim=1) == target).float()
    digits = target < 10
    return {"all": float(hits.mean()), "digits": float(hits[digits].mean())}
