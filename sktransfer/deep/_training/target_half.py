"""The target half of the minibatches, and the penalty that reads it. Imports torch."""

from typing import NamedTuple

import numpy as np
import torch

from sktransfer.deep._networks.torch.tensors import to_arrays
from sktransfer.deep._training.domain_score import DomainScore
from sktransfer.deep._training.order import RandomOrder
from sktransfer.deep._training.states import as_tensors, prefixed, under

# Fewest source rows of a minibatch for which a penalty is computed: covariances need two.
_FEWEST_ROWS = 2


class TargetRows(NamedTuple):
    """The rows that a penalty reads beside the labelled source rows.

    ``inputs.epoch(number)`` gives their inputs, as for labelled rows. `y` holds class numbers, with
    -1 for a row whose label is not read; None if no label is. `is_source` says of each labelled
    row of the training whether it is a source row: the other ones are target rows as well.
    """

    inputs: object
    y: np.ndarray | None
    is_source: np.ndarray


class TargetHalf:
    """Draws as many target rows as a minibatch has source rows, and computes the penalty.

    `penalty` is a `Penalty`. The order of the rows comes from the seed.
    """

    def __init__(self, penalty, rows, seed, device):
        self.penalty, self.inputs = penalty, rows.inputs
        self.is_source = torch.as_tensor(rows.is_source)
        self.y = None if rows.y is None else torch.as_tensor(rows.y).to(device)
        self.order = RandomOrder(len(rows.inputs), seed)
        self.domain_score = DomainScore()
        self.losses, self._device, self._epoch = [], device, None
        self._all_source = bool(rows.is_source.all())

    def begin_epoch(self, number):
        """Open the inputs of an epoch."""
        self._epoch, self.losses = self.inputs.epoch(number), []

    def end_epoch(self):
        """Return the numbers of the epoch for the history."""
        loss = float(np.mean(self.losses)) if self.losses else np.nan
        return {"adaptation_loss": loss, "domain_score": self.domain_score.end_epoch()}

    def draw(self, batch):
        """Return the numbers of the target rows for a minibatch of labelled rows."""
        return self.order.draw(len(batch) if self._all_source else int(self.is_source[batch].sum()))

    def take(self, rows):
        """Return the inputs of target rows, an array."""
        return self._epoch[rows.numpy()]

    def penalize(self, source, target, batch, drawn, progress):
        """Return the penalty of a minibatch, a scalar; None if there is none.

        `source` are the labelled rows `batch`, and `target` the target rows `drawn`. The value of
        the penalty is the last of `losses` then.
        """
        if len(drawn) < _FEWEST_ROWS:
            return None
        if len(drawn) < len(batch):
            source = source.take(self.is_source[batch].to(self._device))
        if self.y is not None:
            target = target._replace(y=self.y[drawn])
        self.domain_score.see(source.features, target.features)
        loss = self.penalty.of_tensors(source, target, progress)
        if loss is not None:
            self.losses.append(loss.item())
        return loss

    def pairs(self, inputs, n_labelled):
        """Return inputs of labelled rows with target rows beside them, and their number."""
        n_rows = max(n_labelled, len(self.inputs))
        return _Pairs(inputs, n_labelled, self._epoch, len(self.inputs)), n_rows

    def state(self):
        """All that later epochs depend on, as arrays: the penalty's weights, and the order."""
        return {
            **prefixed("penalty/", to_arrays(self.penalty.state_dict())),
            **prefixed("order/", self.order.state()),
            **prefixed("domain_score/", self.domain_score.state()),
        }

    def restore(self, state):
        """Go back to a `state`."""
        self.penalty.load_state_dict(as_tensors(under("penalty/", state)))
        self.order.restore(under("order/", state))
        self.domain_score.restore(under("domain_score/", state), self._device)


class _Pairs:
    """Rows of two sets of inputs, as many of each; the smaller set comes several times."""

    def __init__(self, first, n_first, second, n_second):
        self._parts = (first, n_first), (second, n_second)

    def __getitem__(self, places):
        return np.concatenate([inputs[places % n_rows] for inputs, n_rows in self._parts])
