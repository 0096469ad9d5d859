"""Train the network on distorted words, in parts that continue each other."""

import copy
import math
import time

import numpy as np
import torch
from torch.nn import functional as F

from .distort import Distorter
from .network import SpeechNet

BATCH = 64
LEARNING_RATE = 3e-3
WEIGHT_DECAY = 0.02
WARM_UP = 0.1
SMOOTHING = 0.1
AVERAGE_DECAY = 0.997
REPORT_EVERY = 200


def rate(step, cycles):
    """Compute the learning rate at a step: in each cycle it rises and falls along cosines.

    Parameters
    ----------
    step : int
    cycles : sequence of int
        Number of steps of each cycle.

    Returns
    -------
    float
        A share of the largest rate.
    """
    number = 0
    while step >= cycles[number] and number < len(cycles) - 1:
        step, number = step - cycles[number], number + 1
    top, end = WARM_UP * cycles[number] - 1, cycles[number] - 1
    start, low = 1 / 25, 1e-4 / 25
    if step <= top:
        return 1 + (start - 1) / 2 * (1 + math.cos(math.pi * step / top))
    return low + (1 - low) / 2 * (1 + math.cos(math.pi * (step - top) / (end - top)))


@torch.no_grad()
def copy_weights(start, network):
    """Copy the weights of a network into one that may know more words.

    Parameters
    ----------
    start, network : SpeechNet
        The second is changed in place; a further word begins as the mean of the others.
    """
    target = network.state_dict()
    for name, values in start.state_dict().items():
        if target[name].shape != values.shape:
            more = len(target[name]) - len(values)
            values = torch.cat(
                [values, values.mean(dim=0, keepdim=True).repeat_interleave(more, 0)]
            )
        target[name].copy_(values)


class Training:
    """A training that can be interrupted and continued, to the same bits.

    Parameters
    ----------
    clips : Clips
        Of the words to learn, numbered from 0.
    n_words : int
    cycles : sequence of int
        Number of batches of each cycle of the learning rate.
    seed : int
    start : SpeechNet or None, default=None
        A network that has learned the first of the words, from whose weights the training starts.
    """

    def __init__(self, clips, n_words, *, cycles, seed, start=None):
        torch.manual_seed(seed)
        self.cycles, self.steps, self.done = cycles, sum(cycles), 0
        self.network = SpeechNet(n_words, len(clips.phonemes))
        if start is not None:
            copy_weights(start, self.network)
        self.network = self.network.to(memory_format=torch.channels_last)
        self.average = copy.deepcopy(self.network)
        self.distorter = Distorter(clips, torch.Generator().manual_seed(seed))
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(),
            lr=LEARNING_RATE,
            weight_decay=WEIGHT_DECAY,
            betas=(0.9, 0.99),
        )
        self._parts = {
            "network": self.network,
            "average": self.average,
            "optimizer": self.optimizer,
        }

    def save(self, path):
        """Write the state of the training."""
        state = {name: part.state_dict() for name, part in self._parts.items()}
        state["done"] = self.done
        state["random"] = torch.get_rng_state(), self.distorter.generator.get_state()
        unfinished = path.with_suffix(".part")
        torch.save(state, unfinished)
        unfinished.rename(path)

    def load(self, path):
        """Read the state of the training."""
        state = torch.load(path, weights_only=True)
        for name, part in self._parts.items():
            part.load_state_dict(state[name])
        self.done = state["done"]
        torch.set_rng_state(state["random"][0])
        self.distorter.generator.set_state(state["random"][1])

    def run(self, *, seconds=float("inf"), report=print):
        """Train until all steps are done, or for so many seconds, but for one step at least.

        Parameters
        ----------
        seconds : float, default=inf
        report : callable, default=print
            Called with a line of text every `REPORT_EVERY` steps.

        Returns
        -------
        bool
            Whether all steps are done.
        """
        start, results = time.monotonic(), []
        self.network.train()
        while self.done < self.steps:
            results.append(self._step(*self.distorter.batch(BATCH)))
            if self.done % REPORT_EVERY == 0:
                speed = len(results) * BATCH / (time.monotonic() - start)
                loss, word, phoneme = np.mean(results[-REPORT_EVERY:], axis=0)
                report(
                    f"step {self.done}/{self.steps}  loss {loss:.3f}  words {word:.3f}  phonemes "
                    f"{phoneme:.3f}  {speed:.0f} clips/s"
                )
            if time.monotonic() - start >= seconds:
                break
        return self.done == self.steps

    def _step(self, inputs, word, phoneme):
        words, phonemes = self.network(inputs.contiguous(memory_format=torch.channels_last))
        of_phonemes = F.cross_entropy(phonemes, phoneme)
        loss = F.cross_entropy(words, word, label_smoothing=SMOOTHING) + of_phonemes
        for group in self.optimizer.param_groups:
            group["lr"] = LEARNING_RATE * rate(self.done, self.cycles)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.done += 1
        self._average(min(AVERAGE_DECAY, self.done / (self.done + 10)))
        right = [(words.argmax(1) == word), (phonemes.argmax(1) == phoneme)]
        return [float(loss.detach()), *(float(hits.float().mean()) for hits in right)]

    @torch.no_grad()
    def _average(self, decay):
        """Move the running average of the network's state towards its present state."""
        present = self.network.state_dict()
        for name, value in self.average.state_dict().items():
            if value.dtype.is_floating_point:
                value.lerp_(present[name], 1 - decay)
            else:
                value.copy_(present[name])
